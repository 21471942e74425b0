"""Deribit: portfolios that may be older than what is known, and until when they wait.

A portfolio has no time of the exchange's: nothing says whether it is older than what came another way. So portfolios
wait where there was another way: an answer over REST, or another connection, of which the one on its way out tells none
any more. They wait until the stream has told what was known by then:

* A line can be slow. A question is sent along it, and the answer comes behind all that was under way.
* The exchange can be slow to tell. That shows in orders and trades, which have their times: one from a second before
  that moment says that the stream has a second to go. Where none comes, nothing shows it.

Of each currency the last one that came is told then. What comes later is told as it comes. So do those that come after
the first Live of a stream, where nothing but the beginning came another way, unless an order or trade shows that they
are late: a program that starts is told each change.
"""

from __future__ import annotations

from collections.abc import Sequence

from jexkit.core.recovering import SETTLE, UNTOLD_AFTER
from jexkit.core.values import Now
from jexkit.core.waiting import NEVER
from jexkit.events import BalanceUpdate, Event, Fill, OrderUpdate


class Waiting:
    """The portfolios of one connection that wait."""

    def __init__(self) -> None:
        self.known_ms = 0  # the exchange's time of what came another way
        self._known_at = 0.0  # the same, monotonic
        self._question = 0  # the number of the last one
        self._late_until = 0.0  # monotonic; by then an exchange that is late has told what is known
        self._held: dict[str, Event] = {}  # the last of each currency
        self.until: float | None = None  # monotonic; None where none has to wait

    def know(self, exchange_ms: int, now: Now) -> None:
        """What is known now came another way; orders and trades from before it say that the stream is late."""
        self.known_ms, self._known_at = exchange_ms, now.monotonic

    def begin(self) -> int:
        """Portfolios wait from now on; ``answered`` follows. Returns the number of the question to be sent."""
        self._question += 1
        self.until = NEVER
        return self._question

    def answered(self, question: int, now: Now) -> None:
        """The line has brought all that was under way, or will not answer: that is for others to find out."""
        if question == self._question and self.until is not None:
            self.until = max(self._late_until, now.monotonic + SETTLE)

    def heard(self, event: Event, now: Now) -> bool:
        """An order or trade older than what is known: whether it says that portfolios have to wait (longer)."""
        late = (self.known_ms - event.time_ms) / 1000
        is_told = type(event) is OrderUpdate or type(event) is Fill
        if not is_told or max(late, now.monotonic - self._known_at) > UNTOLD_AFTER:
            return False  # such a stream is no good, and is left for it; or the message is an old one, for some reason
        self._late_until = max(self._late_until, now.monotonic + late + SETTLE)
        self.until = max(self.until or 0.0, self._late_until)
        return True

    def hold(self, portfolios: Sequence[Event]) -> None:
        self._held.update(
            {portfolio.key: portfolio for portfolio in portfolios if isinstance(portfolio, BalanceUpdate)}
        )

    def release(self) -> list[Event]:
        """What waited; from now on none has to."""
        held = list(self._held.values())
        self.forget()
        return held

    def forget(self) -> None:
        self._held.clear()
        self.until = None
