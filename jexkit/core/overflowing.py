"""The machine of a program that does not keep up: what it cannot be told now is found out again when it can.

The connection stays open, is kept alive and proves itself. But from ``flooded`` on nothing that it brings is told or
remembered, as if the stream were away; with ``caught_up`` what happened is found out and told, as after any absence.
What was queued and dropped before a callback saw it is taken back (``took_back``), so that it is found again, once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from jexkit.core.book import Book, is_change_alone
from jexkit.core.lifecycle import ENDED, Phase
from jexkit.core.overflow import TOO_SLOW
from jexkit.core.recovering import BEFORE_THIS, RecoveringMachine
from jexkit.core.values import Emit, Now, Outputs, sorted_by_use
from jexkit.errors import JexkitError
from jexkit.events import AccountNotice, BalanceUpdate, Event, OrderUpdate, Suspended, SuspendReason, Unknown

MOST_DROPPED = 100  # dropped orders that are asked for by name, where lists do not have them: a few seconds' worth


class OverflowingMachine(RecoveringMachine):
    """A machine that can let events pass for a while. Exchanges begin here."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._why_behind = TOO_SLOW
        self._passed_for_good: Counter[str] = Counter()  # what no answer over REST brings back, by type

    # --- facts ------------------------------------------------------------------------------------------------------

    def flooded(self, why: str, now: Now) -> Outputs:
        """The program has not taken in what it was told, and can be told no more until ``caught_up``."""
        if self.is_behind or self.phase is Phase.IDLE or self.phase in ENDED:
            return []
        self.is_behind, self._why_behind = True, why
        self.counters["overflows"] += 1
        if self.phase in (Phase.LIVE, Phase.RECOVERING):
            self._fall_behind()
        about = self._about_stream("suspended", now)
        return [Emit([Suspended(reason=SuspendReason.OVERFLOW, detail=why, **about)])]

    def took_back(self, events: Sequence[Event], told: Book, now: Now) -> Outputs:
        """These were queued and no callback will see them; ``told`` is the state as the callbacks saw it."""
        del now
        self.memory.take_back(events, told)
        new = {event.key: event for event in events if isinstance(event, OrderUpdate) and not told.order(event.key)}
        self.recovery.dropped = dict(list(new.items())[-MOST_DROPPED:])
        self._let_pass(events)
        return []

    def caught_up(self, now: Now) -> Outputs:
        """The program has taken in all that it was told."""
        if not self.is_behind:
            return []
        self.is_behind = False
        outputs = self._gaps_for_good(now)
        return outputs + (self._begin_recovery(now) if self.phase is Phase.BEHIND else [])

    # --- while it is behind -----------------------------------------------------------------------------------------

    def _fall_behind(self) -> None:
        self._move(Phase.BEHIND)
        self._not_at("enter")
        self._forget_look()
        self._forget_unsettled()
        self.recovery.left()

    def _entered(self, now: Now) -> Outputs:
        if not self.is_behind or self.stands_by:
            return super()._entered(now)
        self._let_in(now)
        self._fall_behind()
        return []

    def _hold(self, events: Sequence[Event], now: Now) -> Outputs:
        if not self.is_behind:
            return super()._hold(events, now)
        self._unreadable_in_a_row = 0
        return self._let_pass(events)

    def _unreadable(self, raw: str, why: str, now: Now) -> Outputs:
        outputs = super()._unreadable(raw, why, now)
        if not self.is_behind:
            return outputs
        events, orders = sorted_by_use(outputs)
        self._let_pass(events)
        return orders

    def _let_pass(self, events: Sequence[Event]) -> Outputs:
        self.counters["let_pass"] += len(events)
        for event in events:
            is_for_good = isinstance(event, (AccountNotice, Unknown))
            if is_for_good or (isinstance(event, BalanceUpdate) and is_change_alone(event)):
                self._passed_for_good[type(event).__name__] += 1
        return []

    def _end(self, error: JexkitError, now: Now) -> Outputs:
        """Nobody will find out any more what was let pass."""
        outputs = super()._end(error, now)
        if self.is_behind and not self.stands_by:
            self.is_behind = False
            outputs += self._gaps_for_good(now)
            outputs.append(self._gap(self.memory.marks.since_ms, now.wall_ms, BEFORE_THIS, self._why_behind, now))
        return outputs

    def _gaps_for_good(self, now: Now) -> Outputs:
        passed, self._passed_for_good = self._passed_for_good, Counter()
        if not passed:
            return []
        what = ", ".join(f"{count} {kind}" for kind, count in sorted(passed.items()))
        why = f"{self._why_behind}, and the exchange keeps no record of it"
        return [self._gap(self.memory.marks.since_ms, now.wall_ms, what, why, now)]

    # --- hook -------------------------------------------------------------------------------------------------------

    def _forget_unsettled(self) -> None:
        """Events that an exchange's machine holds back for a moment are not told any more."""
