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
from jexkit.events import BalanceUpdate, Event, Fill, OrderUpdate

LONGEST = 3 * UNTOLD_AFTER  # seconds that portfolios wait at the most: answers can come late, and one after the other
_DATED = frozenset({OrderUpdate, Fill})  # a portfolio has the time of its arrival


class Waiting:
    """The portfolios of one connection that wait."""

    def __init__(self) -> None:
        self._known_ms = 0  # the exchange's time of what came another way
        self.listens_until = 0.0  # monotonic; a stream that is later than that is no good, and is left for it
        self._question = 0  # the number of the last one
        self._latest = 0.0  # monotonic; by then what waits is told, whatever comes
        self._late_until = 0.0  # monotonic; by then an exchange that is late has told what is known
        self._held: dict[str, Event] = {}  # the last of each currency
        self.until: float | None = None  # monotonic; None where none has to wait

    def know(self, exchange_ms: int, now: Now) -> None:
        """What is known now came another way; orders and trades from before it say that the stream is late."""
        self._known_ms, self.listens_until = exchange_ms, now.monotonic + UNTOLD_AFTER

    def begin(self, now: Now) -> int:
        """Portfolios wait from now on; ``answered`` follows. Returns the number of the question to be sent."""
        self._question += 1
        if self.until is None:
            self._latest = now.monotonic + LONGEST
        self.until = self._latest
        return self._question

    def answered(self, question: int, now: Now) -> None:
        """The line has brought all that was under way, or will not answer: that is for others to find out."""
        if question == self._question and self.until is not None:
            self.until = min(max(self._late_until, now.monotonic + SETTLE), self._latest)

    def heard(self, events: Sequence[Event], now: Now) -> bool:
        """Whether orders or trades among these say that portfolios have to wait (longer). To be asked while one
        ``listens``; those that are older than any good stream can be are no news of now, for whatever reason."""
        ages = [(self._known_ms - each.time_ms) / 1000 for each in events if type(each) in _DATED]
        late = max((age for age in ages if 0 < age <= UNTOLD_AFTER), default=0.0)
        if not late:
            return False
        self._late_until = max(self._late_until, now.monotonic + late + SETTLE)
        if self.until is None:
            self.until, self._latest = self._late_until, now.monotonic + LONGEST
        self.until = min(max(self.until, self._late_until), self._latest)
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
