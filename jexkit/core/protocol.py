"""The seam that each exchange fills for its stream: the session machine.

A machine is one account's stream as a value. It is told facts in the past tense (``opened``, ``texts``, ``replied``,
``ticked`` ...), each with ``now``, and answers with the outputs to carry out, in order. ``due`` is the monotonic time
at which it next wants ``ticked``; telling it sooner or more often does no harm, because a deadline moves when it is
used. Calls must not overlap (the engine holds the stream's lock), and no call blocks.

What is common lives here: connection numbers, the lifecycle, retries, proof of life, calls over HTTP, commands of the
program. An exchange's machine fills the hooks at the end of the class.
"""

from __future__ import annotations

import abc
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import attrs

from jexkit.accounts import Account
from jexkit.core.backoff import Backoff
from jexkit.core.book import Book
from jexkit.core.counts import Counts
from jexkit.core.dialect import Dialect
from jexkit.core.lifecycle import ENDED, MOVES, Phase, State, state_of
from jexkit.core.memory import Memory
from jexkit.core.redaction import redact
from jexkit.core.values import (
    Answer,
    Call,
    Chance,
    Drop,
    Emit,
    Flow,
    GiveUp,
    Now,
    Open,
    Output,
    Outputs,
    Receipt,
)
from jexkit.errors import (
    BadRequest,
    ExchangeError,
    JexkitError,
    RateLimited,
    StreamEnded,
    SubscriptionRefused,
    TransportError,
    UsageError,
    WaitTimeout,
)
from jexkit.events import Event, Live, Lost, Origin, Suspended, SuspendReason, Unknown

Handler: TypeAlias = Callable[[Now], Outputs]
OnResult: TypeAlias = Callable[[Any, Now], Outputs]
OnError: TypeAlias = Callable[[JexkitError, Now], Outputs]

NEVER = float("inf")
ENTER_WITHIN = 20.0  # seconds from the open connection to Live; logging in and subscribing take well under one
CALL_WITHIN = 45.0  # seconds for a conversation over HTTP, retries included; the engine's own limits are shorter
STEADY_AFTER = 5.0  # seconds since it was subscribed after which a connection's end counts as the first failure again
SLEPT = 30.0  # seconds that the wall clock goes ahead, beyond what any correction of it does
COMMAND_WITHIN = 15.0  # seconds for the exchange to answer a command of the program
QUIET_WITHIN = 10.0  # seconds; no deadline that a command brings to a quiet stream is nearer than this

UNREADABLE_AT_MOST = 20  # frames in a row that are not what the exchange documents
UNREADABLE_KEPT = 1_000_000  # characters of such a frame
LET_IN = frozenset({Phase.RECOVERING, Phase.LIVE, Phase.BEHIND})
CONNECTED = LET_IN | {Phase.ENTERING}


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


class Machine(abc.ABC):
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
        self.exchange = exchange
        self.probe = probe or self.probe
        self.stream = stream
        self.phase = Phase.IDLE
        self.link = 0
        self.was_live = False
        self.memory = Memory()
        self.counters = Counts()
        self.last_proof_ms: int | None = None
        self.last_error: str = ""
        self.dialect = dialect
        self._chance = chance
        self._backoff = backoff or Backoff()  # of attempts that came to nothing
        self._drops = self._backoff  # of connections that were let in, and did not hold
        self._timers: dict[str, tuple[float, Handler]] = {}
        self._calls: dict[int, tuple[OnResult, OnError]] = {}
        self._tickets: set[int] = set()
        self._errands: dict[int, int] = {}  # calls that are made for a command of the program, and its ticket
        self.numbers = itertools.count(1)
        self.links = itertools.count(1)
        self._clocks_apart: float | None = None
        self.stands_by = False
        self.is_behind = False
        self._unreadable_in_a_row = 0
        self._decided: list[Event] = []  # they are news, and taken for told from then on

    # --- what the engine asks ---------------------------------------------------------------------------------------

    @property
    def due(self) -> float:
        """The monotonic time at which ``ticked`` is wanted next; infinity for "not at all"."""
        return min((when for when, _ in self._timers.values()), default=NEVER)

    @property
    def state(self) -> State:
        return state_of(self.phase, was_live=self.was_live)

    @property
    def is_open(self) -> bool:
        """Whether the connection is one to work with, even if the program cannot follow what it brings."""
        return self.phase in (Phase.LIVE, Phase.BEHIND)

    @property
    def is_quiet(self) -> bool:
        """Live, and waiting for no answer over HTTP and for none that the program waits for."""
        return self.phase is Phase.LIVE and not self._calls and not self._tickets

    @property
    def book(self) -> Book:
        """The account's state as it was told."""
        return self.memory.book

    def remember(self, memory: Memory) -> None:
        """Begin, before ``started``, with what an earlier machine of the account knew."""
        self.memory = memory

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

    def texts(self, link: int, frames: Iterable[bytes], now: Now) -> Iterator[Output]:
        """Text frames came, in this order; each is taken in when its turn comes, so that a fault costs no other.

        Nearly all tell of the account and of nothing else, and change nothing but what is known of it. Those that came
        together are read first and told together.
        """
        if self._is_current(link):
            self._heard(now)
        waiting = iter(frames)
        for frame in waiting:
            if not self._is_current(link):
                return
            events: list[Event] = []
            try:
                other = self._read_ahead(frame, waiting, events, now)
            except Exception:
                if events:
                    yield from self._tell(events, now)  # a fault of ours in one message does not undo those before it
                raise
            if events:
                yield from self._tell(events, now)
            if other is not None and self._is_current(link):
                yield from self._take_in(other, now)

    def _read_ahead(self, first: bytes, others: Iterator[bytes], events: list[Event], now: Now) -> bytes | None:
        """Read ``first`` and those behind it into ``events``, as long as they tell of the account alone.

        Returns the first that does not. Before the stream is live they are read one by one, since any of them can be
        one too many to hold.
        """
        receipt = Receipt(self.stream, now.wall_ms)  # one for all of them: each event copies what it has from there
        read, is_live = self._events_in, self.phase is Phase.LIVE
        frame: bytes | None = first
        count = 0
        try:
            while frame is not None:
                count += 1
                receipt.raw = text = frame.decode()
                found = read(text, receipt)
                if found is None:
                    return frame
                events += found
                frame = next(others, None) if is_live else None
        except UnicodeDecodeError:
            return frame
        finally:
            self.counters["messages"] += count
        return None

    def _take_in(self, frame: bytes, now: Now) -> Outputs:
        """A message that can change the session, or makes no sense."""
        try:
            text = frame.decode()
        except UnicodeDecodeError as error:
            return self._unreadable(frame.decode("utf-8", "replace"), str(error), now)
        return self._read(text, now)

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

    def replied(self, call: int, result: Any, now: Now) -> Outputs:
        """The conversation ``call`` ended well."""
        handlers = self._ended_call(call)
        return handlers[0](result, now) if handlers and self.phase not in ENDED else []

    def failed(self, call: int, error: JexkitError, now: Now) -> Outputs:
        """The conversation ``call`` ended with an error."""
        handlers = self._ended_call(call)
        return handlers[1](error, now) if handlers and self.phase not in ENDED else []

    def asked(self, ticket: int, command: str, arguments: Mapping[str, Any], now: Now) -> Outputs:
        """The program gave a command of ``jexkit.session`` and waits for the ``Answer`` to ``ticket``."""
        if self.phase in ENDED:
            return [Answer(ticket, error=StreamEnded(f"stream {self.stream!r} has ended"))]
        if self.phase is Phase.IDLE:
            return [Answer(ticket, error=UsageError(f"stream {self.stream!r} has not been started; start it first"))]
        handler = self._commands().get(command)
        if handler is None:
            known = ", ".join(sorted(self._commands()))
            return [Answer(ticket, error=UsageError(f"{self.exchange} has no {command}(); it has: {known}"))]
        self._tickets.add(ticket)
        self._at(f"ticket {ticket}", now.monotonic + COMMAND_WITHIN, lambda _: self._too_late(ticket, command))
        return handler(ticket, arguments, now)

    def ticked(self, now: Now) -> Outputs:
        """Time has passed."""
        outputs = self._doubt(now) if self._has_slept(now) and self.is_open else []
        ripe = sorted((when, name) for name, (when, _) in self._timers.items() if when <= now.monotonic)
        for _, name in ripe:
            found = self._timers.get(name)
            if found is not None and found[0] <= now.monotonic:
                del self._timers[name]
                outputs += found[1](now)
        return outputs

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

    # --- for the exchanges' machines --------------------------------------------------------------------------------

    def _number(self) -> int:
        return next(self.numbers)

    def _at(self, name: str, when: float, handler: Handler) -> None:
        self._timers[name] = (when, handler)

    def _not_at(self, name: str) -> None:
        self._timers.pop(name, None)

    def _open(self, url: str, headers: Mapping[str, str] | None = None) -> Outputs:
        """Open the next connection; facts about earlier ones count no more.

        Its number is one that no connection of the stream ever had: who carries this out forgets none that was dropped.
        """
        self._move(Phase.OPENING)
        self.link = next(self.links)
        return [Open(self.link, url, headers or {})]

    def _call(
        self,
        what: str,
        flow: Callable[[], Flow[Any]],
        done: OnResult,
        failed: OnError,
        now: Now,
        *,
        within: float = CALL_WITHIN,
        ticket: int | None = None,
    ) -> Outputs:
        """Hold a conversation over HTTP; an answer that does not come ``within`` so many seconds is a failure.

        It is forgotten with the connection, unless it is made for a command of the program, whose ``ticket`` it has.
        """
        call = self._number()
        if ticket is not None:
            self._errands[call] = ticket

        def given_up(later: Now) -> Outputs:
            error = TransportError(f"{what}: no answer within {within:.0f} seconds")
            return self.failed(call, error, later)

        def then(handler: Callable[[Any, Now], Outputs]) -> Callable[[Any, Now], Outputs]:
            def run(value: Any, later: Now) -> Outputs:
                self._not_at(f"call {call}")
                return handler(value, later)

            return run

        self._calls[call] = (then(done), then(failed))
        self._at(f"call {call}", now.monotonic + within, given_up)
        return [Call(call, what, flow)]

    def _live(self, now: Now) -> Outputs:
        """Subscribed, caught up and proven: tell the program."""
        self._move(Phase.LIVE)
        self.was_live = True
        self.last_error = ""
        self.counters["lives"] += 1
        return [Emit([Live(**self._about_stream("live", now))])]

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

    def _deliver(self, events: Sequence[Event]) -> Outputs:
        """Tell the program what is news: no repeats, and nothing that is older than what it was told before."""
        if events and type(events[0]) is not Unknown:
            self._unreadable_in_a_row = 0
        if self.is_behind:  # nothing is told, and so nothing is remembered as told
            return self._let_pass(events)
        self._decide_all(events)
        return self._tell_decided()

    def _decide_all(self, events: Sequence[Event]) -> None:
        decide = self._decide
        for event in events:
            decide(event)

    def _decide(self, event: Event) -> None:
        """Whether an event is news. What is older than what is known is told only if it ends an order: that comes once.

        It is called for each event of each stream, and so looks into what it could ask.
        """
        memory, identity = self.memory, event.id
        seen, book = memory.repeats.seen, memory.book
        if identity in seen:
            again = self._once_more(event)
            if again is None:
                self.counters["repeats"] += 1
                return
            event = again
        else:
            seen[identity] = None
        if book.apply(event):
            self._decided.append(event)
            return
        completed = book.completed(event)
        if completed is not None and book.apply(completed):
            self._decided.append(completed)
        else:
            self.counters["stale"] += 1
            self._kept_out(event)

    def _tell_decided(self) -> Outputs:
        news, self._decided = self._decided, []
        if not news:
            return []
        self.memory.repeats.tidy_up()
        self._note(news)
        return [Emit(news)]

    def _once_more(self, event: Event) -> Event | None:
        """What to make of an id that was told: a copy is no news, None; a state that was another since has come back.

        A balance that goes there and back within a millisecond has one id twice, where the exchange does not number its
        updates. On the stream a copy that is late looks just the same, so it is kept out and the exchange is asked. Its
        answer is no copy, for it was asked for later, and is told under an id of its own.
        """
        if not self.book.is_back(event) or self._is_numbered(event):
            return None
        if event.origin is Origin.STREAM and not self._came_back(event):
            return None
        is_new = self.memory.repeats.is_new
        tellings = (attrs.evolve(event, id=f"{event.id}:{number}") for number in itertools.count(2))
        return next(again for again in tellings if is_new(again))

    def _unreadable(self, raw: str, why: str, now: Now) -> Outputs:
        """A frame that makes no sense: told whole; a server that sends nothing else is left."""
        number = self._number()
        self._unreadable_in_a_row += 1
        self.counters["unreadable"] += 1
        event = Unknown(
            exchange=self.exchange,
            account=self.stream,
            id=f"unreadable:{now.wall_ms}:{number}",
            time_ms=now.wall_ms,
            received_ms=now.wall_ms,
            raw=redact(raw[:UNREADABLE_KEPT]),
            why=why,
        )
        return [Emit([event]), *self._leave_garbage(now)]

    def _leave_garbage(self, now: Now) -> Outputs:
        """A server of which nothing has been understood for so long has nothing to say."""
        if self._unreadable_in_a_row < UNREADABLE_AT_MOST or self.phase not in CONNECTED:
            return []
        return self._away(SuspendReason.GARBLED, f"{UNREADABLE_AT_MOST} messages in a row made no sense", now)

    def _answer(self, ticket: int, result: Any = None, error: JexkitError | None = None) -> Outputs:
        """The answer to a command, unless its time is over."""
        if ticket not in self._tickets:
            return []
        self._tickets.discard(ticket)
        self._not_at(f"ticket {ticket}")
        return [Answer(ticket, result, error)]

    # --- inner ------------------------------------------------------------------------------------------------------

    def _move(self, phase: Phase) -> None:
        if phase not in MOVES[self.phase]:
            raise AssertionError(f"{self.stream}: no move from {self.phase} to {phase}")
        self.phase = phase

    def _begin(self, now: Now) -> Outputs:
        self._move(Phase.PREPARING)
        return self._prepare(now)

    def _heard(self, now: Now) -> None:
        """The exchange has proven that this connection works."""
        self.last_proof_ms = now.wall_ms
        self._not_at("silence")
        if self.phase not in ENDED:
            self._at("probe", now.monotonic + self.probe.every, self._ask_for_proof)

    def _ask_for_proof(self, now: Now) -> Outputs:
        self._at("silence", now.monotonic + self.probe.within, self._heard_nothing)
        return self._prove(now)

    def _heard_nothing(self, now: Now) -> Outputs:
        within = self.probe.within
        return self._away(SuspendReason.SILENT, f"no answer to a ping within {within:g} seconds", now)

    def _entered_too_slowly(self, now: Now) -> Outputs:
        return self._away(SuspendReason.SILENT, f"no login and subscription within {ENTER_WITHIN:g} seconds", now)

    def _too_late(self, ticket: int, command: str) -> Outputs:
        return self._answer(ticket, error=WaitTimeout(f"no answer to {command}() within {COMMAND_WITHIN:g} seconds"))

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

    def _has_slept(self, now: Now) -> bool:
        """Whether the wall clock has gone ahead of the other one: it was set, or this machine was suspended.

        The monotonic clock stands still while a machine sleeps. Deadlines look as far off as before then, and what
        they guard may be over.
        """
        apart = now.wall_ms / 1000 - now.monotonic
        before, self._clocks_apart = self._clocks_apart, apart
        return before is not None and apart - before > SLEPT

    def _is_current(self, link: int) -> bool:
        return link == self.link and self.phase in CONNECTED

    def _ended_call(self, call: int) -> tuple[OnResult, OnError] | None:
        self._errands.pop(call, None)
        return self._calls.pop(call, None)

    def _leave(self, error: JexkitError, now: Now) -> Outputs:
        """Forget everything that belonged to the connection; commands that waited on it get ``error``.

        A command that is carried out over HTTP goes on: closing a listen key, for one, ends the connection, and the
        answer may well come after that end.
        """
        outputs = self._left(now)
        calls, tickets = self._errands.keys(), set(self._errands.values())
        kept = {f"call {call}" for call in calls} | {f"ticket {ticket}" for ticket in tickets}
        self._timers = {name: timer for name, timer in self._timers.items() if name in kept}
        self._calls = {call: self._calls[call] for call in calls}
        outputs += [Answer(ticket, error=error) for ticket in sorted(self._tickets - tickets)]
        self._tickets &= tickets
        return outputs

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

    def _events_in(self, text: str, receipt: Receipt) -> list[Event] | None:
        """The events in a message that tells of the account alone, and is as the documents have it.

        None for all others, which ``_read`` takes in. It must change nothing: messages are read ahead.
        """
        del text, receipt
        return None

    @abc.abstractmethod
    def _read(self, text: str, now: Now) -> Outputs:
        """Any other text frame came on the current connection."""

    def _tell(self, events: Sequence[Event], now: Now) -> Outputs:
        """Events that the stream brought."""
        del now
        return self._deliver(events)

    @abc.abstractmethod
    def _prove(self, now: Now) -> Outputs:
        """Send something that the exchange must answer."""

    @abc.abstractmethod
    def _commands(self) -> Mapping[str, Callable[[int, Mapping[str, Any], Now], Outputs]]:
        """The commands of ``jexkit.session`` that this exchange has on a live stream."""

    def _doubt(self, now: Now) -> Outputs:
        """Time may have passed unseen: ask for proof of everything that could be over by now."""
        return self._ask_for_proof(now)

    def _let_pass(self, events: Sequence[Event]) -> Outputs:
        """Events that the program is not told, because it does not keep up."""
        del events
        return []

    def _note(self, news: Sequence[Event]) -> None:
        """Events are being told."""
        del news

    def _kept_out(self, event: Event) -> None:
        """An event is not told, since something newer was."""
        del event

    def _came_back(self, event: Event) -> bool:
        """The stream said again what it had told of this moment before something else: a late copy, or how it is.

        Whether it is told all the same.
        """
        del event
        return False

    def _is_numbered(self, event: Event) -> bool:
        """Whether the event's id names one update and no other: the exchange numbers them, or they never go back."""
        del event
        return False

    def _farewell(self) -> Outputs:
        """Calls to make when the program stops the stream."""
        return []

    def _left(self, now: Now) -> Outputs:
        """The connection is gone: forget what belonged to it, and tell what was still held back."""
        del now
        return []
