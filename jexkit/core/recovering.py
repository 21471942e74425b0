"""The machine between subscribed and live, and a little after: it finds out what was missed, and tells it.

``Suspended``, what was missed, marked RECOVERED, in order, what came meanwhile, ``Live``, and the stream goes on. Why
that is sound stands in ``recovery``; here is when which question is asked, and what happens when one fails.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import attrs

from jexkit.core.backoff import Backoff
from jexkit.core.book import Ended
from jexkit.core.dialect import Dialect, just_before
from jexkit.core.lifecycle import Phase
from jexkit.core.look import FEW_ORDERS, Known, Look, Picture
from jexkit.core.memory import Memory
from jexkit.core.protocol import Machine, Probe
from jexkit.core.reading import says_nothing
from jexkit.core.recovery import Recovery
from jexkit.core.values import Call, Chance, Emit, Now, Outputs, sorted_by_use
from jexkit.core.waiting import Handler
from jexkit.errors import (
    AuthenticationError,
    JexkitError,
    RateLimited,
)
from jexkit.events import BalanceUpdate, Event, Fill, Gap, OrderUpdate, PositionUpdate, SuspendReason

STAGE_WITHIN = 180.0  # seconds for one stage of a look: a list can have many pages
PATIENCE = 30.0  # seconds that a stream which has been live waits for the answers
FIRST_PATIENCE = 5.0  # the same before the first Live, when nothing can have been missed yet
LOOK_TIMERS = ("patience", "stage", "picture", "second look", "check", "doubt", "doubts")
FIRST_LOOK = "find out what was missed"
SECOND_LOOK = "look again at what was missed"
DOUBTS = "ask about what is in doubt"
BEFORE_THIS = "orders, fills, balances and positions from before this Live"
SETTLE = 1.0  # seconds that an answer is kept on a live stream
CHECK_EVERY = 900.0  # seconds of Live between two checks that the stream tells what the exchange knows
CHECK_JITTER = 0.2  # a check comes up to this part earlier, so that a hundred streams do not check at once
UNTOLD_AFTER = 10.0  # seconds that a stream has to tell what an answer knew; slower ones are no good
DOUBTS_EVERY = 10.0  # seconds between two questions about what is in doubt; a burst of it is one question
SECOND_LOOK_AFTER = 5.0  # seconds after Live; REST was seen to trail a stream by some seconds


class RecoveringMachine(Machine):
    """A machine whose exchange can be asked for what was missed. Exchanges call ``_entered`` and ``_tell``."""

    def __init__(
        self,
        *,
        exchange: str,
        stream: str,
        dialect: Dialect,
        chance: Chance,
        backoff: Backoff | None = None,
        probe: Probe | None = None,
    ) -> None:
        super().__init__(exchange=exchange, stream=stream, dialect=dialect, chance=chance, backoff=backoff, probe=probe)
        self.recovery = Recovery(self.memory.marks)
        self._looking: Look | None = None
        self._what = ""
        self._stage_call = 0
        self._taken: Callable[[Picture, Now], Outputs] = self._looked
        self._doubted: dict[str, OrderUpdate] = {}
        self._doubts_asked = -DOUBTS_EVERY
        self._asks_again = False

    def remember(self, memory: Memory) -> None:
        """The first connection recovers what happened since then, like any later one."""
        super().remember(memory)
        self.recovery = Recovery(memory.marks)

    def _entered(self, now: Now) -> Outputs:
        """Logged in and subscribed: find out what was missed, while what comes is held.

        A connection that stands by has missed nothing: the other one was live all the time.
        """
        self._let_in(now)
        if self.stands_by:
            self._move(Phase.RECOVERING)
            self._not_at("enter")
            self._move(Phase.LIVE)
            self._plan_check(now)
            return self._in_order(self.recovery.release())
        return self._begin_recovery(now)

    def _begin_recovery(self, now: Now) -> Outputs:
        self._move(Phase.RECOVERING)
        self._not_at("enter")
        self.recovery.began(self.book)
        may_have_missed = self.memory.marks.since_ms is not None
        self._at("patience", now.monotonic + (FIRST_PATIENCE, PATIENCE)[may_have_missed], self._go_on_without)
        return self._look(self.recovery.known(self.book), FIRST_LOOK, self._looked, now)

    def stand_by_for(self, main: Any) -> None:
        super().stand_by_for(main)
        self.recovery = main.recovery

    def _tell(self, events: Sequence[Event], now: Now) -> Outputs:
        """Events that one message brought: held until the stream is live, and told from then on."""
        in_a_row = self._unreadable_in_a_row
        outputs = self._take(events, now) if self.phase is Phase.LIVE else self._hold(events, now)
        if not says_nothing(events):
            self._unreadable_in_a_row = 0 if events else in_a_row
            return outputs
        self._unreadable_in_a_row = in_a_row + 1
        return outputs + self._leave_garbage(now)

    def _hold(self, events: Sequence[Event], now: Now) -> Outputs:
        """Events that the stream brought before it is live."""
        if self.recovery.hold(events, self.book):
            return []
        return self._away(SuspendReason.OVERFLOW, "more came than can be held while the stream recovers", now)

    def _leave(self, error: JexkitError, now: Now) -> Outputs:
        outputs = super()._leave(error, now)
        self._doubted.clear()
        return outputs + (self._in_order(self.recovery.release()) if self.stands_by else self._interrupted())

    def _interrupted(self) -> Outputs:
        """The connection is gone. What its look had learned, and what it held, is told now: after the next answers it
        would be old, and the next look goes on from there."""
        look, self._looking = self._looking, None
        outputs: Outputs = []
        if look is not None and look.has_begun:
            outputs += self._tell_found(self.recovery.part(by_their_clock(look.picture), self.book))
        return outputs + self._in_order(self.recovery.left())

    @property
    def is_looking(self) -> bool:
        """Whether it is still finding out what was missed, or about to look once more."""
        return self._looking is not None or "second look" in self._timers

    # --- a look, stage by stage -------------------------------------------------------------------------------------

    def _look(self, known: Known, what: str, taken: Callable[[Picture, Now], Outputs], now: Now) -> Outputs:
        """Begin a look; its whole picture goes to ``taken``. There is one at a time."""
        self._looking = Look(self.dialect, known)
        self._what, self._taken = what, taken
        return self._ask_stage(now)

    def _ask_stage(self, now: Now) -> Outputs:
        look = self._looking
        if look is None:
            return []
        if look.stage is None:
            return self._taken(look.picture, now)
        outputs = self._call(self._what, look.stage, self._stage_answered, self._stage_failed, now, within=STAGE_WITHIN)
        self._stage_call = next((output.call for output in outputs if isinstance(output, Call)), 0)
        return outputs

    def _forget_look(self) -> None:
        """What it has learned, and the answer that is on its way, are of no use any more."""
        self._looking = None
        self._calls.pop(self._stage_call, None)
        for name in (*LOOK_TIMERS, f"call {self._stage_call}"):
            self._not_at(name)

    def _stage_answered(self, result: Any, now: Now) -> Outputs:
        if self._looking is not None:
            self._looking.answered(result)
        self.recovery.backoff = self.recovery.backoff.reset()
        return self._ask_stage(now)

    def _stage_failed(self, error: JexkitError, now: Now) -> Outputs:
        """A failing question is never read as an answer: it is asked again, unless that is of no use.

        Reads that cannot be signed, that the key may not make, or that the server does not have stay as they are; the
        stream itself works.
        """
        self.last_error = str(error)
        look = self._looking
        if look is None:
            return []
        if error.retryable:
            wait, self.recovery.backoff = self.recovery.backoff.next(self._chance)
            wait = max(wait, error.retry_after if isinstance(error, RateLimited) else 0.0)
            self._at("stage", now.monotonic + wait, self._ask_stage)
            return []
        try:
            look.refused(error)
        except JexkitError:
            return self._not_looked(error, now)
        return self._ask_stage(now)

    def _not_looked(self, error: JexkitError, now: Now) -> Outputs:
        """There is nothing to be found out. A key that the exchange calls wrong before it told anything is wrong."""
        self._looking = None
        if self._what == FIRST_LOOK and isinstance(error, AuthenticationError):
            return self._give_up(error, now)
        if self._what == SECOND_LOOK:
            self.recovery.confirmed()  # as well as it can be
        return self._go_on_without(now)

    def _later(self, take: Handler, now: Now, wait: float) -> Outputs:
        """On a live stream an answer can overtake messages that are under way, or wait in a reorder window.

        They are to be told first: then the answer adds what the stream did not tell, and nothing else.
        """
        self._at("picture", now.monotonic + wait, take)
        return []

    # --- after a connection was made --------------------------------------------------------------------------------

    def _looked(self, picture: Picture, now: Now) -> Outputs:
        if self.phase is Phase.LIVE:
            return self._later(lambda later: self._caught_up(picture, later), now, SETTLE)
        return self._caught_up(picture, now)

    def _caught_up(self, picture: Picture, now: Now) -> Outputs:
        self._looking = None
        recovery = self.recovery
        outputs = self._recovered(recovery.difference(by_their_clock(picture), self.book), now)
        outputs += self._in_order(recovery.release())
        outputs += self._gaps(picture, now)
        recovery.caught_up(picture.clock_ms)
        if self.phase is Phase.RECOVERING:
            outputs += self._live(now)
        self._at("second look", now.monotonic + SECOND_LOOK_AFTER, self._look_again)
        return outputs

    def _go_on_without(self, now: Now) -> Outputs:
        """The stream works and REST does not, or not in time: what the stream brings is worth more than the wait.

        What is not known is said, and asked for all the same as long as asking is of use; when an answer comes, what
        was missed is told then.
        """
        if self.phase is not Phase.RECOVERING:
            return []
        self._not_at("patience")
        since_ms = self.memory.marks.since_ms
        why = self.last_error or "the exchange's REST interface has not answered yet"
        outputs: Outputs = []
        if self._looking is not None and self._looking.has_begun:
            outputs += self._recovered(self.recovery.part(by_their_clock(self._looking.picture), self.book), now)
        self.recovery.went_on_without(now.wall_ms)
        outputs += self._in_order(self.recovery.release())
        return [*outputs, self._gap(since_ms, now.wall_ms, BEFORE_THIS, why, now), *self._live(now)]

    def _look_again(self, now: Now) -> Outputs:
        """REST can trail the exchange by some seconds: one more look, when nothing else is under way."""
        if self._looking is not None:
            self._at("second look", now.monotonic + SETTLE, self._look_again)
            return []
        known = self.recovery.known_then(self.book)
        return self._look(known, SECOND_LOOK, self._looked_again, now)

    def _looked_again(self, picture: Picture, now: Now) -> Outputs:
        return self._later(lambda later: self._compared_again(picture, later), now, SETTLE)

    def _compared_again(self, picture: Picture, now: Now) -> Outputs:
        self._looking = None
        recovery, marks = self.recovery, self.memory.marks
        recovery.confirmed()
        outputs = self._recovered(recovery.difference(by_their_clock(picture), self.book), now)
        if (picture.unsure or picture.unasked) and recovery.looks_left():
            self._at("second look", now.monotonic + SECOND_LOOK_AFTER, self._look_again)
            return outputs
        if picture.unasked:
            since_ms = min(fill.time_ms for fill in picture.unasked)
            what, why = f"{len(picture.unasked)} orders of which a fill was told", "the exchange tells nothing of them"
            outputs.append(self._gap(since_ms, picture.clock_ms, what, why, now))
            marks.unasked = ()
        for key in picture.unsure:
            order = self.book.orders.get(key)
            if order is not None:
                what, why = f"the end of order {key}", "it is open no more and the exchange does not know it"
                outputs.append(self._gap(order.time_ms, picture.clock_ms, what, why, now, key))
        return outputs

    # --- a stream that says nothing -----------------------------------------------------------------------------------

    def _live(self, now: Now) -> Outputs:
        self._plan_check(now)
        return super()._live(now)

    def took_over(self, now: Now) -> None:
        """The stream goes on with this connection. The one before it may have been dead by then, unnoticed by anybody:
        what it did not tell any more, and this one not yet, is looked for.
        """
        self._at("check", now.monotonic + SECOND_LOOK_AFTER, self._check)

    def _plan_check(self, now: Now) -> None:
        self._at("check", now.monotonic + CHECK_EVERY * (1 - CHECK_JITTER * self._chance()), self._check)

    def _check(self, now: Now) -> Outputs:
        """A subscription that died without a word looks like a quiet account, and pings are answered as ever.

        What only REST tells, after the stream has had the time to, gives it away.
        """
        self._plan_check(now)
        if self._looking is not None:
            return []
        self.recovery.known(self.book)
        known = self.recovery.known_then(self.book)
        return self._look(known, "check what the stream tells", self._check_answered, now)

    def _check_answered(self, picture: Picture, now: Now) -> Outputs:
        return self._later(lambda later: self._checked(picture, later), now, UNTOLD_AFTER)

    def _checked(self, picture: Picture, now: Now) -> Outputs:
        self._looking = None
        found = self.recovery.difference(by_their_clock(picture), self.book)
        before = {event.key: self.book.order(event.key) for event in found if isinstance(event, OrderUpdate)}
        outputs = self._recovered(found, now)
        if any(_is_step(event, before) for event in sorted_by_use(outputs)[0]):
            detail = "the exchange knows of orders or fills that it has not told on the stream"
            outputs += self._away(SuspendReason.SILENT, detail, now)
        return outputs

    # --- what is in doubt ---------------------------------------------------------------------------------------------

    def _came_back(self, event: Event) -> bool:
        """Not told, and asked about; by a connection that lingers neither, for the other one tells it as well."""
        if self.stands_by:
            return False
        if isinstance(event, OrderUpdate) and len(self._doubted) < FEW_ORDERS:
            self._doubted[event.key] = event
        self._ask_soon()
        return False

    def _ask_soon(self) -> None:
        self._asks_again = True
        self._at("doubt", 0.0, self._doubt_came)

    def _doubt_came(self, now: Now) -> Outputs:
        """Ask soon, but not often: the exchange's limit is for other things."""
        if "doubts" not in self._timers:
            when = max(now.monotonic + SETTLE, self._doubts_asked + DOUBTS_EVERY)
            self._at("doubts", when, self._ask_about_doubts)
        return []

    def _ask_about_doubts(self, now: Now) -> Outputs:
        if self.phase is not Phase.LIVE:
            return []  # there is no live state without a look at everything
        if self._looking is not None:
            self._at("doubts", now.monotonic + SETTLE, self._ask_about_doubts)
            return []
        self._doubts_asked = now.monotonic
        return self._look(self.recovery.known_of(dict(self._doubted)), DOUBTS, self._doubts_answered, now)

    def _doubts_answered(self, picture: Picture, now: Now) -> Outputs:
        return self._later(lambda later: self._settle_doubts(picture, later), now, SETTLE)

    def _settle_doubts(self, picture: Picture, now: Now) -> Outputs:
        """An answer that agrees with what stands may trail: one more tells."""
        self._looking = None
        outputs = self._recovered(self.recovery.difference(by_their_clock(picture), self.book), now)
        outputs += [self._gap(None, picture.clock_ms, what, why, now) for what, why in picture.unread]
        if self._asks_again and not sorted_by_use(outputs)[0]:
            self._at("doubts", now.monotonic + SECOND_LOOK_AFTER, self._ask_about_doubts)
        else:
            self._doubted.clear()
        self._asks_again = False
        return outputs

    # --- what was found -----------------------------------------------------------------------------------------------

    def _recovered(self, events: Sequence[Event], now: Now) -> Outputs:
        """Tell what answers had, if it is news. The connection goes on."""
        del now
        return self._tell_found(events)

    def _tell_found(self, events: Sequence[Event]) -> Outputs:
        outputs = self._in_order(events)
        self.counters["recovered"] += len(sorted_by_use(outputs)[0])
        return outputs

    def _gaps(self, picture: Picture, now: Now) -> Outputs:
        """What the exchange cannot give back, said after each time that the stream was away."""
        since_ms = self.memory.marks.since_ms
        missing = list(picture.unread)
        if since_ms is not None:
            missing += [(what, "the exchange keeps no record of it") for what in self.dialect.irrecoverable]
        return [self._gap(since_ms, picture.clock_ms, what, why, now) for what, why in missing]

    def _gap(self, since_ms: int | None, until_ms: int, what: str, why: str, now: Now, key: str = "") -> Emit:
        self.counters["gaps"] += 1
        about = self._about_stream(f"gap:{what}", now)
        gap = Gap(since_ms=since_ms, until_ms=until_ms, what=what, why=why, key=key, **about)
        self.book.take(gap)
        return Emit([gap])

    def _note(self, news: Sequence[Event]) -> None:
        self.recovery.note(news)

    def _kept_out(self, event: Event) -> None:
        """A state that is hardly older than an answer may have come after it: many an exchange dates a change some
        milliseconds before it can be looked up. Nobody can say, so the next look, which will, comes at once; when there
        is none to come any more, the exchange is asked all the same."""
        if self.stands_by or not self.recovery.is_doubtful(event, self.book):
            return
        if "second look" in self._timers:
            self._at("second look", 0.0, self._look_again)
        else:
            self._ask_soon()

    def _take(self, events: Sequence[Event], now: Now) -> Outputs:
        """Events as the live stream brought them; an exchange that does not promise order overrides this."""
        del now
        return self._in_order(events)

    def _in_order(self, events: Sequence[Event]) -> Outputs:
        """Events in their order, to be told if they are news."""
        return self._deliver(events)


def _is_step(event: Event, before: Mapping[str, OrderUpdate | Ended | None]) -> bool:
    """Whether something has happened: balances move with prices and fees, and say too little."""
    if not isinstance(event, OrderUpdate):
        return isinstance(event, Fill)
    known = before.get(event.key)
    return known is None or (known.status, known.filled_quantity) != (event.status, event.filled_quantity)


S = TypeVar("S", BalanceUpdate, PositionUpdate)


def by_their_clock(picture: Picture) -> Picture:
    """The same picture, with the exchange's time for answers that told none and have ours, which can be off.

    It is the time that the exchange told before it was asked for anything else: what the stream tells of later moments
    is never taken for old.
    """

    def moved(states: Sequence[S] | None) -> Sequence[S] | None:
        if states is None:
            return None
        return [
            attrs.evolve(state, time_ms=just_before(picture.clock_ms)) if state.time_ms == state.received_ms else state
            for state in states
        ]

    return attrs.evolve(picture, balances=moved(picture.balances), positions=moved(picture.positions))
