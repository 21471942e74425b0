"""The delivery thread: runs the program's callbacks, one at a time, in order.

It does no I/O and holds no lock while a callback runs, so a callback may be slow, raise, or call anything of jexkit.
The order is fixed: for each event first the current state is updated, then the stream's callbacks run in the order in
which they were registered, then the manager's, then whoever waits (``wait_for``, ``events``) is told. A callback that
is registered meanwhile gets the next event; one that is removed is not called any more.

The queue is bounded. When it is full the stream's machine is told, which from then on lets pass what comes; when all
that was queued is delivered, or dropped where that is the policy, it is told again, and finds out what it let pass.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Any, Protocol

import attrs

from jexkit import logs
from jexkit.core.book import Book
from jexkit.core.overflow import QUEUE_SIZE, TOO_SLOW, Overflow, sorted_out
from jexkit.engine.clock import Clock
from jexkit.engine.process import until_gone
from jexkit.engine.registry import Registration, Registry
from jexkit.engine.runner import Runner
from jexkit.engine.waits import Circle, waiting_for
from jexkit.events import BalanceUpdate, Event, Live, Lost, OrderUpdate, PositionUpdate

logger = logs.of(__name__)

CLOSED_KEPT = 1_000  # orders that are remembered after their end was told, for a word about one that is dropped later
_WAIT = 0.1  # seconds between two looks at a full queue, if nobody wakes us
NEVER = float("inf")
LIFE = frozenset({Live, Lost})  # after which somebody is told even if nobody listens


class Upstream(Protocol):
    """What the delivery asks of those who feed it."""

    def take_back(self, drain: Callable[[], list[Event]], told: Book) -> bool:
        """Forget what ``drain`` takes out of the queue: no callback will see it. False, and nothing is done, where the
        stream has ended and nobody could find it again. ``told`` is the state as the callbacks saw it."""

    def caught_up(self) -> None:
        """After a flood: everything that was queued is delivered."""


class Listener(Protocol):
    """Somebody who waits for events."""

    def offer(self, event: Event) -> None:
        """An event, after its callbacks have run. Must not block."""

    def end(self) -> None:
        """No more events will come."""


@attrs.frozen(eq=False)
class _Plan:
    """What is done with the events of one type: worked out once, and again when callbacks come or go."""

    own: tuple[Registration, ...]  # what it was worked out from
    common: tuple[Registration, ...]
    name: str
    take: Callable[[Any], None] | None  # into the state
    is_life: bool
    registrations: tuple[Registration, ...]

    @classmethod
    def of(
        cls, kind: type[Event], own: tuple[Registration, ...], common: tuple[Registration, ...], book: Book
    ) -> _Plan:
        wanted = tuple(registration for registration in (*own, *common) if issubclass(kind, registration.kind))
        return cls(own, common, kind.__name__, book.taker(kind), kind in LIFE, wanted)


class Delivery:
    """The queue of one stream and the thread that empties it. ``own`` are the stream's callbacks, ``common`` all's."""

    def __init__(
        self,
        stream: str,
        own: Registry,
        common: Registry,
        *,
        runner: Runner,
        clock: Clock,
        overflow: Overflow = Overflow.RECOVER,
        queue_size: int = QUEUE_SIZE,
    ) -> None:
        self._logger = logs.about(logger, stream)
        self._own = own
        self._common = common
        self._runner = runner
        self._clock = clock
        self._plans: dict[type[Event], _Plan] = {}
        self._queue: queue.SimpleQueue[Sequence[Event] | None] = queue.SimpleQueue()
        self._put = 0  # events, ever; written by whoever feeds the stream's machine, one at a time
        self._done = 0  # the same for those taken out; written by the thread
        self._overflow = overflow
        self._size = self._limit = queue_size
        self._has_room = threading.Event()
        self._has_room.set()
        self._upstream: Upstream | None = None
        self._is_flooded = False
        self._is_to_drop = False  # before the next event
        self._listeners: tuple[Listener, ...] = ()
        self._listeners_lock = threading.Lock()  # guards the replacing of _listeners
        self._has_ended = False
        self._is_ending = False
        self._deadline = NEVER
        self._thread = threading.Thread(
            target=until_gone, args=(self._run,), name=f"jexkit-{stream}-delivery", daemon=True
        )
        self._book = Book(CLOSED_KEPT)
        self.counters: dict[str, int] = {}  # by the name of the type; plain, since one is counted for each event
        self.lives_told = 0  # of those events Live whose callbacks have returned
        self.last_event: Event | None = None

    # --- for the engine ---------------------------------------------------------------------------------------------

    def start(self) -> None:
        self._thread.start()

    def attach(self, upstream: Upstream) -> None:
        self._upstream = upstream

    def put(self, events: Sequence[Event]) -> None:
        """Queue events. Never blocks. Calls must not overlap."""
        if not events:
            return
        waiting, coming = self._put - self._done, len(events)
        if waiting < self._size:
            # What a recovery tells comes all at once, and is taken whole, with room for what comes after it.
            is_large = 2 * coming > self._size
            self._limit = waiting + coming + self._size if is_large else self._size
        self._put += coming
        if waiting + coming >= self._limit:
            self._has_room.clear()  # before they are queued: after them the thread looks whether there is room again
        self._queue.put(events)

    @property
    def is_full(self) -> bool:
        """Whether the machine has to be told. Where the reader waits for room there is a second queue's worth of it."""
        room = 2 * self._limit if self._overflow is Overflow.BLOCK else self._limit
        return self.queued >= room and not self._is_flooded

    @property
    def why_full(self) -> str:
        return TOO_SLOW

    @property
    def holds_up(self) -> bool:
        """Whether the reader is to wait for room."""
        return self._overflow is Overflow.BLOCK and not self._has_room.is_set() and not self._is_flooded

    def wait_for_room(self, seconds: float, stopping: threading.Event) -> bool:
        """Wait until the queue has room again, or the stream is stopped; False if that took too long."""
        deadline = self._clock.monotonic() + seconds
        while not self._has_room.wait(_WAIT):
            if stopping.is_set():
                return True
            if self._clock.monotonic() >= deadline:
                return False
        return True

    def flood(self, events: Sequence[Event]) -> None:
        """The machine lets pass what comes, and says so with ``events``."""
        self._is_flooded = True
        self._is_to_drop = self._overflow is Overflow.RECOVER
        self.put(events)

    @property
    def is_idle(self) -> bool:
        """Whether no event waits and no callback runs."""
        return self.queued == 0

    def look(self) -> None:
        """Tell of a callback that has been running for too long. From any thread, about once a second."""
        self._runner.look()

    def ask_to_stop(self, timeout: float) -> None:
        """Let the thread end after what is queued, and deliver nothing after ``timeout`` seconds. Does not wait."""
        self._deadline = min(self._deadline, self._clock.monotonic() + timeout)
        self._is_ending = True
        self._queue.put(None)

    def stop(self, timeout: float) -> bool:
        """Deliver what is queued, then end; False if that took longer than ``timeout`` seconds.

        What is not delivered by then is not delivered any more, and said. Where waiting for the thread could not end,
        in a callback of this stream or in one that this stream's callback waits for, it returns at once, and the thread
        ends after that callback.
        """
        self.ask_to_stop(timeout)
        if not self._thread.is_alive():
            return True
        try:
            with waiting_for(self._thread):
                self._thread.join(max(0.0, timeout))
        except Circle:
            return True
        if self._thread.is_alive():
            self._logger.warning(
                "%d events are not delivered: the callback %s has not returned in time",
                max(0, self.queued - 1),
                self._runner.current,
            )
        return not self._thread.is_alive()

    @property
    def queued(self) -> int:
        return self._put - self._done

    @property
    def thread(self) -> threading.Thread:
        return self._thread

    @property
    def callback_errors(self) -> int:
        return self._runner.errors

    @property
    def slow_callbacks(self) -> int:
        return self._runner.slow

    @property
    def dead_letters(self) -> int:
        """Those of this run; see ``JournaledDelivery``."""
        return 0

    @property
    def journal_error(self) -> str:
        """Why the journal cannot be written now, empty if it can be, or there is none."""
        return ""

    def listen(self, listener: Listener) -> None:
        """Tell ``listener`` every event from now on; ends it at once if the stream has ended."""
        with self._listeners_lock:
            self._listeners = (*self._listeners, listener)
        if self._has_ended:
            listener.end()

    def unlisten(self, listener: Listener) -> None:
        with self._listeners_lock:
            self._listeners = tuple(other for other in self._listeners if other is not listener)

    def end_listeners(self) -> None:
        """The stream has ended: everybody who waits is told."""
        self._has_ended = True
        for listener in self._listeners:
            listener.end()

    # --- the current state, as delivered ----------------------------------------------------------------------------

    def orders(self) -> MappingProxyType[str, OrderUpdate]:
        return MappingProxyType(dict(self._book.orders))

    def balances(self) -> MappingProxyType[str, BalanceUpdate]:
        return MappingProxyType(dict(self._book.balances))

    def positions(self) -> MappingProxyType[str, PositionUpdate]:
        now = dict(self._book.positions)  # a copy first: the thread goes on meanwhile
        return MappingProxyType({key: position for key, position in now.items() if position.quantity})

    # --- the thread -------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while (events := self._queue.get()) is not None:
            self._deliver_all(events)
            self._runner.leave_if_away()
            if not self._has_room.is_set() and 2 * self.queued < self._limit:
                self._has_room.set()
            if self._is_flooded and self.queued == 0 and not self._is_ending:
                self._catch_up()
        self.end_listeners()

    def _deliver_all(self, events: Sequence[Event]) -> None:
        run = self._runner.run
        for number, event in enumerate(events):
            if self._is_ending and self._clock.monotonic() > self._deadline:
                self._done += len(events) - number
                return
            if self._is_to_drop and self._drop(events[number:]):
                return
            plan = self._take_in(event)
            for registration in plan.registrations:
                if registration.is_active:
                    run(registration.callback, event)
            if plan.is_life or self._listeners:
                self._tell_listeners(event)
            self._done += 1

    def _drop(self, rest: Sequence[Event]) -> bool:
        """Drop ``rest`` and what is queued behind it, but for what must be told all the same; that is told at once."""
        kept: list[Event] = []

        def drain() -> list[Event]:
            queued = list(rest)
            with contextlib.suppress(queue.Empty):
                while (events := self._queue.get_nowait()) is not None:
                    queued += events
                self._queue.put(None)
            told, dropped = sorted_out(queued)
            kept.extend(told)
            self._done += len(dropped)
            return dropped

        if self._is_ending or self._upstream is None or not self._upstream.take_back(drain, self._book):
            return False
        self._is_to_drop = False
        self._deliver_all(kept)
        return True

    def _catch_up(self) -> None:
        self._is_flooded = self._is_to_drop = False
        self._limit = self._size
        self._has_room.set()
        if self._upstream is not None:
            self._upstream.caught_up()

    def _take_in(self, event: Event) -> _Plan:
        """Before its callbacks run: into the state and the counts."""
        gate, kind = self._runner.gate, type(event)
        if gate is not None:
            gate.wait()
        plan = self._plans.get(kind)
        if plan is None or plan.own is not self._own.registrations or plan.common is not self._common.registrations:
            plan = self._plans[kind] = _Plan.of(kind, self._own.registrations, self._common.registrations, self._book)
            self.counters.setdefault(plan.name, 0)
        if plan.take is not None:
            plan.take(event)
        self.last_event = event
        self.counters[plan.name] += 1
        return plan

    def _tell_listeners(self, event: Event) -> None:
        """After them: whoever waits."""
        if type(event) is Live:
            self.lives_told += 1  # before the listeners: who begins to listen now either sees this or is offered it
        for listener in self._listeners:
            self._offer(listener, event)
        if type(event) is Lost:
            self.end_listeners()

    def _offer(self, listener: Listener, event: Event) -> None:
        """A fault in one who waits must not end the thread for all."""
        try:
            listener.offer(event)
        except Exception:
            self._logger.exception("a listener failed on %s", type(event).__name__)
