"""The conductor of one stream: tells its machine the facts, and carries out what the machine answers.

The machine is fed under one lock, which also covers the queueing of events, so that they are delivered in the order in
which the machine decided them. Everything else (sending, HTTP, callbacks) happens after the lock is released.

Facts come from the reader thread, from APScheduler's threads (ticks, HTTP replies) and from the program's (commands).
"""

from __future__ import annotations

import functools
import itertools
import math
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, wait
from typing import Any, Protocol

from jexkit import logs
from jexkit.core.book import Book
from jexkit.core.lifecycle import ENDED, Phase, State
from jexkit.core.rotation import RotatingMachine
from jexkit.core.values import (
    Answer,
    Call,
    Drop,
    Emit,
    GiveUp,
    Now,
    Open,
    Output,
    Outputs,
    Ping,
    Send,
    sorted_by_use,
)
from jexkit.core.waiting import COMMAND_WITHIN
from jexkit.engine.caller import Caller
from jexkit.engine.clock import Clock
from jexkit.engine.delivery import Delivery
from jexkit.engine.timer import Timer
from jexkit.errors import JexkitError, TransportError, WaitTimeout
from jexkit.events import Event, Live, Lost, Suspended

logger = logs.of(__name__)

ORPHAN_AFTER = 1.0  # seconds after which a call that the scheduler has not begun is begun without it
LOOK_EVERY = 1.0  # seconds between two looks at the time
LEAST_WAIT = 0.01  # seconds; a deadline that has passed must not make a busy loop of the receive
_LIFE = frozenset({Live, Suspended, Lost})  # what is logged of the events
SPARE = 5.0  # seconds that a waiting program gives the machine's own deadline to speak first


class Wire(Protocol):
    """What the conductor asks of the reader."""

    def open(self, order: Open) -> None: ...

    def send(self, link: int, text: str) -> None: ...

    def ping(self, link: int) -> None: ...

    def drop(self, link: int) -> None: ...

    def wake(self) -> None: ...


class _Work:
    """A call that is run by whoever claims it first: the scheduler, or the reader's second line."""

    def __init__(self, run: Callable[[], None], submitted: float) -> None:
        self._run = run
        self.submitted = submitted
        self._claim = threading.Lock()  # taken once, by the one who runs, and never given back

    def __call__(self) -> None:
        if self._claim.acquire(blocking=False):
            self._run()

    @property
    def is_claimed(self) -> bool:
        return self._claim.locked()


class Conductor:
    """One stream's machine, and the threads around it."""

    def __init__(
        self, name: str, machine: RotatingMachine, *, clock: Clock, timer: Timer, caller: Caller, delivery: Delivery
    ) -> None:
        self.name = name
        self._logger = logs.about(logger, name)
        self._machine = machine
        self._machine_lock = threading.Lock()  # guards _machine and the order of delivery
        self._clock = clock
        self._timer = timer
        self._caller = caller
        self._delivery = delivery
        self._wire: Wire | None = None
        self._tickets: dict[int, Future[Any]] = {}
        self._ticket_numbers = itertools.count(1)
        self._unclaimed: deque[_Work] = deque()
        self._prompted = 0.0
        self.due = machine.due  # the monotonic time at which the machine next wants to be ticked
        self.looked_at = clock.monotonic()  # when a reader last looked up from its work
        self.waits_for_lock = False
        self.superseded = ""  # by whom, or why
        self.stopping = threading.Event()
        self.ended = threading.Event()
        self.error: JexkitError | None = None

    def attach(self, wire: Wire) -> None:
        self._wire = wire

    # --- facts ------------------------------------------------------------------------------------------------------

    def started(self) -> None:
        self._feed(self._machine.started)

    def opened(self, link: int) -> None:
        self._feed(self._machine.opened, link)

    def refused(self, link: int, error: JexkitError) -> None:
        self._feed(self._machine.refused, link, error)

    def texts(self, link: int, texts: Sequence[bytes]) -> None:
        self._feed(self._machine.texts, link, texts)

    def pinged(self, link: int) -> None:
        self._feed(self._machine.pinged, link)

    def ponged(self, link: int) -> None:
        self._feed(self._machine.ponged, link)

    def closed(self, link: int, detail: str, *, broken: bool) -> None:
        self._feed(functools.partial(self._machine.closed, broken=broken), link, detail)

    def flooded(self) -> None:
        """The reader has waited for room as long as it may."""
        with self._machine_lock:
            events, orders = self._flood()
        self._carry_out_all(events, orders)

    def take_back(self, drain: Callable[[], list[Event]], told: Book) -> bool:
        with self._machine_lock:
            if self._machine.phase in ENDED:
                return False
            dropped = drain()
            self._tell_machine(self._machine.took_back, dropped, told)
        self._logger.warning("%d events were dropped before the callbacks saw them; they are read again", len(dropped))
        return True

    def caught_up(self) -> None:
        self._feed(self._machine.caught_up)

    def tick(self) -> None:
        self._feed(self._machine.ticked)

    def tick_if_due(self) -> None:
        self._delivery.look()
        if self.due <= self._clock.monotonic():
            self.tick()

    @property
    def patience(self) -> float:
        """Seconds that a reader may wait before it looks at the time: the second line behind the scheduler.

        Never past a deadline; and a second at the most, since other threads tell the machine things that bring nearer
        ones. But a stream that is live, waits for no answer and has no event under way is told by its reader alone, or
        by a program that gives a command: that looks at the time itself, and the deadlines it brings are further off.
        So a hundred idle streams do not wake up a hundred times a second.
        """
        is_quiet = self._delivery.is_idle and not self._unclaimed and self._machine.is_quiet
        look = self._machine.quiet_within if is_quiet else LOOK_EVERY
        left = self.due - self._clock.monotonic()
        return look if left >= look else max(LEAST_WAIT, left)

    def second_line(self) -> None:
        """The reader's own look at the time: whatever the scheduler does, nothing is later than a second."""
        self.looked_at = self._clock.monotonic()
        self.tick_if_due()
        self._begin_orphans()

    def _begin_orphans(self) -> None:
        """Make the calls that the scheduler has not begun."""
        latest = self._clock.monotonic() - ORPHAN_AFTER
        for _ in range(len(self._unclaimed)):
            try:
                work = self._unclaimed.popleft()
            except IndexError:
                return  # by now another thread, a reader's or one that gives a command, looks after them
            if work.submitted <= latest and not work.is_claimed:
                self._logger.warning("the scheduler has not begun a call; beginning it without")
                threading.Thread(target=work, name=f"jexkit-{self.name}-call", daemon=True).start()
            elif not work.is_claimed:
                self._unclaimed.append(work)

    # --- the program ------------------------------------------------------------------------------------------------

    def command(self, command: str, arguments: Mapping[str, Any]) -> Any:
        """Give the machine a command of the program and wait for the answer."""
        ticket = next(self._ticket_numbers)
        future: Future[Any] = Future()
        self._tickets[ticket] = future
        self._feed(self._machine.asked, ticket, command, arguments)
        try:
            for _ in range(math.ceil((COMMAND_WITHIN + SPARE) / LOOK_EVERY)):
                if wait([future], LOOK_EVERY).done:
                    return future.result()
                self._begin_orphans()
            raise WaitTimeout(f"no answer to {command}() in time")
        finally:
            self._tickets.pop(ticket, None)

    @property
    def state(self) -> State:
        return State.STANDBY if self._stands_by else self._machine.state

    @property
    def _stands_by(self) -> bool:
        return bool(self.superseded) or (self.waits_for_lock and self._machine.phase is Phase.IDLE)

    @property
    def lives(self) -> int:
        """How often the stream has become live."""
        return self._machine.counters["lives"]

    def inspect(self) -> tuple[State, dict[str, int], int | None, str]:
        """State, counters, last proof of life and last error, as of one moment."""
        with self._machine_lock:
            machine = self._machine
            return self.state, dict(machine.counters), machine.last_proof_ms, machine.last_error

    def stop(self) -> list[Callable[[], None]]:
        """Tell the machine that the program wants no more; returns the calls that it still wants made."""
        outputs = self._feed(self._machine.stopped, calls=False)
        self._gave_up()
        return [self._work(output) for output in outputs if isinstance(output, Call)]

    def step_down(self, detail: str) -> list[Event]:
        """Another process follows the account now: nothing is delivered any more. Returns the last word to be told."""
        self.superseded = detail
        with self._machine_lock:
            events, orders = self._tell_machine(self._machine.superseded, detail)
        self._carry_out_all(events, orders, calls=False)
        self._gave_up()
        return events

    # --- inner ------------------------------------------------------------------------------------------------------

    def _feed(self, fact: Callable[..., Iterable[Output]], *about: object, calls: bool = True) -> Outputs:
        """Tell the machine; returns what it wants done beside what it tells the program."""
        with self._machine_lock:
            events, orders = self._tell_machine(fact, *about)
            if orders:  # before Lost is delivered: whoever it wakes asks for the error
                self.error = next((order.error for order in orders if isinstance(order, GiveUp)), self.error)
            self._delivery.put(events)
            if self._delivery.is_full:
                told, wanted = self._flood()
                events, orders = [*events, *told], [*orders, *wanted]
        self._carry_out_all(events, orders, calls=calls)
        return orders

    def _carry_out_all(self, events: Sequence[Event], orders: Outputs, *, calls: bool = True) -> None:
        """Without the lock: whoever is called may call back.

        The thread that delivers what was put waits meanwhile, for as long as this one runs: so nothing is called here
        that has nothing to do, nor in the reader until it waits for its socket again.
        """
        if not _LIFE.isdisjoint(map(type, events)):
            for event in events:
                self._log(event)
        for order in orders:
            if calls or not isinstance(order, Call):
                self._carry_out(order)
        if self.due <= self._clock.monotonic():
            self._prompt(self.due)

    def _flood(self) -> tuple[list[Event], Outputs]:
        """The callbacks do not keep up; under the lock. Returns what is told, and what is to be done."""
        events, orders = self._tell_machine(self._machine.flooded, self._delivery.why_full)
        if events:
            self._delivery.flood(events)
        return events, orders

    def _tell_machine(self, fact: Callable[..., Iterable[Output]], *about: object) -> tuple[list[Event], Outputs]:
        """What the program is told, and what is to be done; a fault of ours costs a connection, and never a thread or
        the stream.

        What was decided before a fault stands: of messages that came together, those before the one that failed.
        """
        now = self._clock.now()
        events: list[Event] = []
        orders: Outputs = []
        try:
            for output in fact(*about, now):  # one by one, or a fault would take all of them along
                if type(output) is Emit:
                    events += output.events
                else:
                    orders.append(output)
        except Exception as fault:
            self._logger.exception("a fault in jexkit; beginning anew")
            told, wanted = sorted_by_use(self._begin_anew(f"a fault in jexkit: {type(fault).__name__}", now))
            events, orders = [*events, *told], [*orders, *wanted]
        self.due = self._machine.due
        return events, orders

    def _begin_anew(self, detail: str, now: Now) -> Outputs:
        try:
            return self._machine.faulted(detail, now)
        except Exception:
            self._logger.exception("a fault in jexkit while beginning anew")
            return []

    def _prompt(self, due: float) -> None:
        """What is due at once does not wait for the next tick; the scheduler is asked once for each deadline."""
        if due != self._prompted:
            self._prompted = due
            self._timer.prompt(self.tick_if_due)

    def _carry_out(self, output: Output) -> None:
        wire = self._wire
        if wire is None:
            raise AssertionError("a conductor without a reader")
        if isinstance(output, Open):
            wire.open(output)
        elif isinstance(output, Send):
            self._send(output.link, functools.partial(wire.send, output.link, output.text))
        elif isinstance(output, Ping):
            self._send(output.link, functools.partial(wire.ping, output.link))
        elif isinstance(output, Drop):
            self._logger.debug("leaving connection %d: %s", output.link, output.why)
            wire.drop(output.link)
        elif isinstance(output, Call):
            work = _Work(self._work(output), self._clock.monotonic())
            self._unclaimed.append(work)
            self._timer.call(work)
        elif isinstance(output, Answer):
            self._answer(output)
        elif isinstance(output, GiveUp):
            self._gave_up()

    def _send(self, link: int, send: Callable[[], None]) -> None:
        try:
            send()
        except TransportError as error:
            self.closed(link, str(error), broken=True)

    def _work(self, call: Call) -> Callable[[], None]:
        """A conversation over HTTP, to be run on any thread that may block."""

        def run() -> None:
            try:
                result = self._caller.hold(call.flow())
            except JexkitError as error:
                self._logger.debug("could not %s: %s", call.what, error)
                self._feed(self._machine.failed, call.call, error)
            except Exception as error:
                # A fault of ours in reading the answer must not leave the machine waiting for ever.
                self._logger.exception("a fault in jexkit while it tried to %s", call.what)
                unreadable = TransportError(f"could not {call.what}: {type(error).__name__}")
                self._feed(self._machine.failed, call.call, unreadable)
            else:
                self._feed(self._machine.replied, call.call, result)

        return run

    def _answer(self, answer: Answer) -> None:
        future = self._tickets.pop(answer.ticket, None)
        if future is None:
            return
        if answer.error is not None:
            future.set_exception(answer.error)
        else:
            future.set_result(answer.result)

    def _gave_up(self) -> None:
        self.stopping.set()
        if self._wire is not None:
            self._wire.wake()
        self.ended.set()

    @property
    def has_ended(self) -> bool:
        return self._machine.phase in ENDED

    def _log(self, event: Event) -> None:
        if isinstance(event, Live):
            self._logger.info("live")
        elif isinstance(event, Suspended):
            self._logger.warning("suspended (%s): %s", event.reason, event.detail)
        elif isinstance(event, Lost):
            self._logger.error("lost (%s): %s", event.error, event.detail)
