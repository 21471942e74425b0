"""The seam that each exchange fills for its stream: the session machine.

A machine is one account's stream as a value. It is told facts in the past tense (``opened``, ``texts``, ``replied``,
``ticked`` ...), each with ``now``, and answers with the outputs to carry out, in order. ``due`` is the monotonic time
at which it next wants ``ticked``; telling it sooner or more often does no harm, because a deadline moves when it is
used. Calls must not overlap (the engine holds the stream's lock), and no call blocks.

What is common comes in three chapters, each a class on top of the one before: ``waiting`` (timers, calls over HTTP,
commands of the program), ``telling`` (from frames to news), and here the life of a connection: the way in, proof of
life, the ways out and the retries. An exchange's machine fills the hooks at the end of each.
"""

from __future__ import annotations

import abc
import itertools
from collections.abc import Mapping
from typing import Any

import attrs

from jexkit.accounts import Account
from jexkit.core.backoff import Backoff
from jexkit.core.dialect import Dialect
from jexkit.core.lifecycle import CONNECTED, ENDED, LET_IN, MOVES, Phase, State, state_of
from jexkit.core.telling import TellingMachine
from jexkit.core.values import Chance, Drop, Emit, GiveUp, Now, Open, Outputs
from jexkit.errors import (
    BadRequest,
    ExchangeError,
    JexkitError,
    RateLimited,
    StreamEnded,
    SubscriptionRefused,
    TransportError,
)
from jexkit.events import Live, Lost, Suspended, SuspendReason

ENTER_WITHIN = 20.0  # seconds from the open connection to Live; logging in and subscribing take well under one
STEADY_AFTER = 5.0  # seconds since it was subscribed after which a connection's end counts as the first failure again
SLEPT = 30.0  # seconds that the wall clock goes ahead, beyond what any correction of it does
UNREADABLE_AT_MOST = 20  # frames in a row that are not what the exchange documents


@attrs.frozen
class Probe:
    """How a connection is proven: every ``every`` seconds a question, its answer within ``within`` seconds.

    No data is never taken for death, and an open socket is never taken for life: only an unanswered probe ends a
    connection, and only something heard from the exchange counts as a proof.
    """

    every: float
    within: float

    @classmethod
    def of(cls, account: Account, usual: Probe) -> Probe:
        """The account's wish, and for what it leaves open what is ``usual`` for the exchange."""
        return cls(usual.every if account.probe_every is None else account.probe_every, account.probe_within)


class Machine(TellingMachine):
    """One account's stream. See the module's text for how it is used."""

    probe = Probe(every=30.0, within=10.0)
    lifetime: float | None = None  # seconds after which the exchange ends any connection, None if it does not

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
        super().__init__(exchange=exchange, stream=stream)
        self.probe = probe or self.probe
        self.was_live = False
        self.last_proof_ms: int | None = None
        self._heard_at = 0.0  # the same on the other clock
        self.last_error: str = ""
        self.dialect = dialect
        self._chance = chance
        self._backoff = backoff or Backoff()  # of attempts that came to nothing
        self._drops = self._backoff  # of connections that were let in, and did not hold
        self.links = itertools.count(1)
        self._clocks_apart: float | None = None
        self.stands_by = False

    # --- what the engine asks ---------------------------------------------------------------------------------------

    @property
    def state(self) -> State:
        return state_of(self.phase, was_live=self.was_live)

    @property
    def is_open(self) -> bool:
        """Whether the connection is one to work with, even if the program cannot follow what it brings."""
        return self.phase in (Phase.LIVE, Phase.BEHIND)

    # --- facts ------------------------------------------------------------------------------------------------------

    def started(self, now: Now) -> Outputs:
        """The program wants the stream."""
        return self._begin(now)

    def opened(self, link: int, now: Now) -> Outputs:
        """The websocket ``link`` is open."""
        if link != self.link or self.phase is not Phase.OPENING:
            return [Drop(link, "not wanted any more")]
        self._move(Phase.ENTERING)
        self._unreadable_in_a_row = 0
        self.counters["connections"] += 1
        self._heard(now)
        self._at("enter", now.monotonic + ENTER_WITHIN, self._entered_too_slowly)
        return self._enter(now)

    def refused(self, link: int, error: JexkitError, now: Now) -> Outputs:
        """The websocket ``link`` could not be opened."""
        if link != self.link or self.phase is not Phase.OPENING:
            return []
        return self._failed(error, now)

    def pinged(self, link: int, now: Now) -> Outputs:
        """A websocket ping came; the transport has answered it."""
        if self._is_current(link):
            self.counters["pings_answered"] += 1
            self._heard(now)
        return []

    def ponged(self, link: int, now: Now) -> Outputs:
        """A websocket pong came."""
        if self._is_current(link):
            self._heard(now)
        return []

    def closed(self, link: int, detail: str, now: Now, *, broken: bool = False) -> Outputs:
        """The websocket ``link`` ended, by the exchange's close frame or ``broken``."""
        if not self._is_current(link):
            return []
        return self._away(SuspendReason.BROKEN if broken else SuspendReason.CLOSED, detail, now)

    def faulted(self, detail: str, now: Now) -> Outputs:
        """A fact could not be taken in for a fault of ours: nothing here can be relied on, so begin anew."""
        outputs = self._tell_decided()
        if self.phase is Phase.IDLE or self.phase in ENDED:
            return outputs
        return outputs + self._away(SuspendReason.BROKEN, detail, now)

    def ticked(self, now: Now) -> Outputs:
        """Time has passed."""
        outputs = self._doubt(now) if self._has_slept(now) and self.is_open else []
        return outputs + self._run_due(now)

    def doubted(self, now: Now) -> Outputs:
        """Another connection of the same account came to nothing: this one may be worth as little."""
        return self._doubt(now) if self.is_open else []

    def stopped(self, now: Now) -> Outputs:
        """The program wants no more."""
        if self.phase is Phase.STOPPED:
            return []
        outputs = self._end(StreamEnded(f"stream {self.stream!r} was stopped"), now)
        if self.phase is not Phase.LOST:
            outputs += self._farewell()
        self._move(Phase.STOPPED)
        return outputs

    def superseded(self, detail: str, now: Now) -> Outputs:
        """Another process follows the account from now on: end, without a farewell, and tell the program."""
        if self.phase in ENDED:
            return []
        outputs = self._end(StreamEnded(f"stream {self.stream!r} stands by: {detail}"), now)
        if self.was_live:
            about = self._about_stream("suspended", now)
            outputs.append(Emit([Suspended(reason=SuspendReason.SUPERSEDED, detail=detail, **about)]))
        self._move(Phase.STOPPED)
        return outputs

    # --- rotation ---------------------------------------------------------------------------------------------------

    def stand_by_for(self, main: Any) -> None:
        """Become a second connection of the stream of ``main``, a machine of the same class, and share its memory.

        A machine that stands by tells the program of no end and no beginning, and tries nothing twice.
        """
        self.stands_by = True
        self.was_live = True
        self.link = main.link
        self.dialect = main.dialect  # whoever asks over HTTP knows this one
        self.memory = main.memory
        self.counters = main.counters
        self.numbers = main.numbers
        self.links = main.links

    def bow_out(self, detail: str, now: Now) -> Outputs:
        """A connection that stands by ends, and nobody is told."""
        outputs = self._end(TransportError(f"stream {self.stream!r} changed its connection; try again"), now)
        self._move(Phase.STOPPED)
        self.last_error = detail
        return outputs

    # --- the way in -------------------------------------------------------------------------------------------------

    def _move(self, phase: Phase) -> None:
        if phase not in MOVES[self.phase]:
            raise AssertionError(f"{self.stream}: no move from {self.phase} to {phase}")
        self.phase = phase

    def _begin(self, now: Now) -> Outputs:
        self._move(Phase.PREPARING)
        return self._prepare(now)

    def _open(self, url: str, headers: Mapping[str, str] | None = None) -> Outputs:
        """Open the next connection; facts about earlier ones count no more.

        Its number is one that no connection of the stream ever had: who carries this out forgets none that was dropped.
        """
        self._move(Phase.OPENING)
        self.link = next(self.links)
        return [Open(self.link, url, headers or {})]

    def _entered_too_slowly(self, now: Now) -> Outputs:
        return self._away(SuspendReason.SILENT, f"no login and subscription within {ENTER_WITHIN:g} seconds", now)

    def _let_in(self, now: Now) -> None:
        """The exchange has let the connection in. From here on it counts how long it holds, and not whether recovery
        got to its end: after a long absence that takes a while, and waits that grow with each fault that cuts it short
        would make the next absence longer still."""
        self._at("steady", now.monotonic + STEADY_AFTER, self._has_held)

    def _has_held(self, now: Now) -> Outputs:
        """The one place where retries start from the beginning again: a subscription that held, not an open socket."""
        del now
        self._backoff, self._drops = self._backoff.reset(), self._drops.reset()
        return []

    def _live(self, now: Now) -> Outputs:
        """Subscribed, caught up and proven: tell the program."""
        self._move(Phase.LIVE)
        self.was_live = True
        self.last_error = ""
        self.counters["lives"] += 1
        return [Emit([Live(**self._about_stream("live", now))])]

    # --- proof of life ----------------------------------------------------------------------------------------------

    def _heard(self, now: Now) -> None:
        """The exchange has proven that this connection works."""
        self.last_proof_ms, self._heard_at = now.wall_ms, now.monotonic
        self._not_at("silence")
        if "probe" not in self._timers and self.phase not in ENDED:
            self._at("probe", now.monotonic + self.probe.every, self._probe_unless_heard)

    def _probe_unless_heard(self, now: Now) -> Outputs:
        """The moment is not moved with each message, of which there may be thousands a second: it is looked at here
        whether anything was heard since it was set."""
        when = self._heard_at + self.probe.every
        if when > now.monotonic:
            self._at("probe", when, self._probe_unless_heard)
            return []
        return self._ask_for_proof(now)

    def _ask_for_proof(self, now: Now) -> Outputs:
        self._at("silence", now.monotonic + self.probe.within, self._heard_nothing)
        return self._prove(now)

    def _heard_nothing(self, now: Now) -> Outputs:
        within = self.probe.within
        return self._away(SuspendReason.SILENT, f"no answer to a ping within {within:g} seconds", now)

    def _leave_garbage(self, now: Now) -> Outputs:
        """A server of which nothing has been understood for so long has nothing to say."""
        if self._unreadable_in_a_row < UNREADABLE_AT_MOST or self.phase not in CONNECTED:
            return []
        return self._away(SuspendReason.GARBLED, f"{UNREADABLE_AT_MOST} messages in a row made no sense", now)

    def _has_slept(self, now: Now) -> bool:
        """Whether the wall clock has gone ahead of the other one: it was set, or this machine was suspended.

        The monotonic clock stands still while a machine sleeps. Deadlines look as far off as before then, and what
        they guard may be over.
        """
        apart = now.wall_ms / 1000 - now.monotonic
        before, self._clocks_apart = self._clocks_apart, apart
        return before is not None and apart - before > SLEPT

    # --- the ways out -----------------------------------------------------------------------------------------------

    def _failed(self, error: JexkitError, now: Now, reason: SuspendReason | None = None) -> Outputs:
        """Something on the way to Live failed: for good, or for now.

        A request that was called bad without the exchange's own code was called so by something in front of it, and
        that may pass.
        """
        is_the_exchanges = not isinstance(error, BadRequest) or error.code is not None
        if isinstance(error, (ExchangeError, SubscriptionRefused)) and not error.retryable and is_the_exchanges:
            return self._give_up(error, now)
        wait = float(getattr(error, "retry_after", 0.0))
        if reason is None:
            reason = SuspendReason.RATE_LIMITED if isinstance(error, RateLimited) else SuspendReason.REFUSED
            if isinstance(error, TransportError):
                reason = SuspendReason.BROKEN
        return self._away(reason, str(error), now, wait=wait)

    def _give_up(self, error: JexkitError, now: Now) -> Outputs:
        if self.stands_by:
            return self.bow_out(str(error), now)
        outputs = self._end(StreamEnded(f"stream {self.stream!r} was lost: {error}", error), now)
        about = self._about_stream("lost", now)
        outputs.append(Emit([Lost(error=type(error).__name__, detail=str(error), **about)]))
        self.last_error = str(error)
        self._move(Phase.LOST)
        outputs.append(GiveUp(error))
        return outputs

    def _away(self, reason: SuspendReason, detail: str, now: Now, *, wait: float | None = None) -> Outputs:
        """The connection is gone or useless: tell the program once, drop it, and try again after a while."""
        if self.stands_by:
            return self.bow_out(detail, now)
        outputs = self._leave(TransportError(f"stream {self.stream!r} was suspended: {detail}"), now)
        if self.phase is Phase.LIVE:
            outputs.append(Emit([Suspended(reason=reason, detail=detail, **self._about_stream("suspended", now))]))
        if self.phase in CONNECTED:
            outputs.append(Drop(self.link, detail))
        self.last_error = detail
        self.counters["retries"] += 1
        backoff_wait = self._next_wait()
        self._move(Phase.WAITING)
        self._at("retry", now.monotonic + max(backoff_wait, wait or 0.0), self._begin)
        return outputs

    def _next_wait(self) -> float:
        """Attempts that were refused, and connections that did not hold, are counted apart: one that was let in is the
        end of what the refusals were for, and they do not make the wait after it longer."""
        if self.phase in LET_IN:
            wait, self._drops = self._drops.next(self._chance)
            self._backoff = self._backoff.reset()
        else:
            wait, self._backoff = self._backoff.next(self._chance)
        return wait

    def _leave(self, error: JexkitError, now: Now) -> Outputs:
        """Forget everything that belonged to the connection; commands that waited on it get ``error``."""
        outputs = self._left(now)
        return outputs + self._forget_waits(error)

    def _end(self, error: JexkitError, now: Now) -> Outputs:
        self._errands.clear()
        outputs = self._leave(error, now)
        if self.phase in CONNECTED or self.phase is Phase.OPENING:
            outputs.append(Drop(self.link, str(error)))
        return outputs

    def _about_stream(self, what: str, now: Now) -> dict[str, Any]:
        """The common fields of an event of the stream's own life."""
        return {
            "exchange": self.exchange,
            "account": self.stream,
            "id": f"{what}:{now.wall_ms}:{self.link}",
            "time_ms": now.wall_ms,
            "received_ms": now.wall_ms,
        }

    # --- hooks ------------------------------------------------------------------------------------------------------

    @abc.abstractmethod
    def _prepare(self, now: Now) -> Outputs:
        """Get what a connection needs, then ``_open``."""

    @abc.abstractmethod
    def _enter(self, now: Now) -> Outputs:
        """Connected: log in and subscribe, then ``_entered``."""

    @abc.abstractmethod
    def _prove(self, now: Now) -> Outputs:
        """Send something that the exchange must answer."""

    def _doubt(self, now: Now) -> Outputs:
        """Time may have passed unseen: ask for proof of everything that could be over by now."""
        return self._ask_for_proof(now)

    def _farewell(self) -> Outputs:
        """Calls to make when the program stops the stream."""
        return []

    def _left(self, now: Now) -> Outputs:
        """The connection is gone: forget what belonged to it, and tell what was still held back."""
        del now
        return []
