"""The public face of one stream. ``StreamManager.add`` makes them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, TypeVar, overload

import attrs

from jexkit.accounts import Account
from jexkit.arguments import check_callback, check_consumer, check_kind, check_timeout
from jexkit.core.journal import MAIN
from jexkit.core.lifecycle import State
from jexkit.engine.conductor import Conductor
from jexkit.engine.delivery import Delivery
from jexkit.engine.process import Home
from jexkit.engine.registry import Registry
from jexkit.errors import ConfigurationError, JexkitError, UsageError, WaitTimeout
from jexkit.events import BalanceUpdate, Event, Live, OrderUpdate, PositionUpdate, moment
from jexkit.listening import EventIterator
from jexkit.session import SessionMethods

E = TypeVar("E", bound=Event)
C = TypeVar("C", bound=Callable[[Any], object])


@attrs.frozen
class Status:
    """What is known about a stream at one moment.

    ``last_proof`` is when the exchange last proved that the stream works, None before the first time. ``events`` counts
    what was delivered, by type; ``counters`` what happened on the way: ``connections``, ``keepalives``,
    ``heartbeats_answered``, ``pings_sent``, ``pings_answered``, ``logins``, ``token_renewals``, ``messages``,
    ``repeats`` and ``stale`` (kept out), ``retries``, ``unreadable``, ``overflows`` of the queue and events that were
    ``let_pass`` then. ``queued`` events wait for callbacks.
    ``callback_errors`` counts what callbacks raised, ``slow_callbacks`` those that took longer than ``slow_callback=``,
    ``dead_letters`` events that were set aside in the journal because a callback kept failing on them;
    ``journal_error`` says why the journal cannot be written at the moment, in which case nothing is delivered.
    """

    stream: str
    exchange: str
    state: State
    last_proof: datetime | None
    last_event: datetime | None
    last_error: str
    events: Mapping[str, int]
    counters: Mapping[str, int]
    queued: int
    callback_errors: int
    slow_callbacks: int
    dead_letters: int = 0
    journal_error: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types; times as ISO 8601 text."""
        record = attrs.asdict(self, recurse=False)
        for name in ("last_proof", "last_event"):
            record[name] = record[name].isoformat() if record[name] else None
        return {**record, "state": str(self.state), "events": dict(self.events), "counters": dict(self.counters)}


class Session(SessionMethods):
    """The exchange's own session management on a live stream. See ``jexkit.session`` for the methods."""

    def __init__(self, home: Home, conductor: Callable[[], Conductor]) -> None:
        self._home = home
        self._conductor = conductor

    def _perform(self, method: str, **arguments: Any) -> Any:
        self._home.check()
        return self._conductor().command(method, arguments)


class Stream:
    """One account's stream. Any thread may call its methods, callbacks too unless the method says not.

    In a child process that was forked from the one it was made in, it is ``STOPPED``, and what would need it to work
    raises UsageError.
    """

    def __init__(
        self, name: str, account: Account, conductor: Conductor, delivery: Delivery, registry: Registry, home: Home
    ) -> None:
        self._home = home
        self._account = account
        self._conductor = conductor
        self._delivery = delivery
        self._registry = registry
        self.name = name
        self.session = Session(home, lambda: self._conductor)

    def follow(self, conductor: Conductor, delivery: Delivery) -> None:
        """From now on it shows these; what is waited for on those before has been ended."""
        self._conductor, self._delivery = conductor, delivery

    def __repr__(self) -> str:
        return f"<Stream {self.name!r} of {self._account.exchange}: {self.state}>"

    # --- callbacks --------------------------------------------------------------------------------------------------

    @overload
    def on(self, kind: type[E], callback: Callable[[E], object], *, consumer: str = MAIN) -> Callable[[E], object]: ...

    @overload
    def on(
        self, kind: type[E], callback: None = None, *, consumer: str = MAIN
    ) -> Callable[[Callable[[E], object]], Callable[[E], object]]: ...

    def on(self, kind: type[E], callback: Callable[[E], object] | None = None, *, consumer: str = MAIN) -> Any:
        """Call ``callback`` with every event of this type (subclasses included); without it, a decorator.

        It runs on the stream's delivery thread, one event at a time, in order, after those registered earlier. With a
        journal, a callback that raises is tried again, and each ``consumer`` has a position of its own: one with a new
        name is given everything that the journal has, from the start. Raises ConfigurationError for what cannot be
        called with one event, and for a consumer without a journal, and UsageError once the stream was stopped.
        """
        self._home.check()
        if self.state is State.STOPPED:
            raise UsageError(f"stream {self.name!r} was stopped: nothing will come any more; add it anew")
        return register(self._registry, kind, callback, consumer)

    def off(self, kind: type[Event], callback: Callable[[Any], object]) -> None:
        """Undo one ``on``. Raises UsageError if there was none."""
        self._home.check()
        unregister(self._registry, kind, callback)

    # --- what is known ----------------------------------------------------------------------------------------------

    @property
    def exchange(self) -> str:
        """The exchange's name, as in its events: ``"deribit"``, for example."""
        return self._account.exchange

    @property
    def state(self) -> State:
        """May I act on what I hold? See ``jexkit.State``."""
        return self._conductor.state if self._home.may_act() else State.STOPPED

    @property
    def error(self) -> JexkitError | None:
        """What the stream was lost by, None while it is not lost."""
        return self._conductor.error

    @property
    def orders(self) -> MappingProxyType[str, OrderUpdate]:
        """Open orders as last delivered, by ``OrderUpdate.key``: a copy of this moment."""
        self._home.check()
        return self._delivery.orders()

    @property
    def balances(self) -> MappingProxyType[str, BalanceUpdate]:
        """Balances as last delivered, by ``BalanceUpdate.key``: a copy of this moment."""
        self._home.check()
        return self._delivery.balances()

    @property
    def positions(self) -> MappingProxyType[str, PositionUpdate]:
        """Positions that are not flat as last delivered, by ``PositionUpdate.key``: a copy of this moment."""
        self._home.check()
        return self._delivery.positions()

    def status(self) -> Status:
        """What is known about the stream at this moment."""
        if not self._home.may_act():
            return self._status_in_a_child()
        state, counters, last_proof_ms, last_error = self._conductor.inspect()
        last = self._delivery.last_event
        return Status(
            stream=self.name,
            exchange=self.exchange,
            state=state,
            last_proof=moment(last_proof_ms) if last_proof_ms is not None else None,
            last_event=last.received if last is not None else None,
            last_error=last_error,
            events=dict(self._delivery.counters),
            counters=counters,
            queued=self._delivery.queued,
            callback_errors=self._delivery.callback_errors,
            slow_callbacks=self._delivery.slow_callbacks,
            dead_letters=self._delivery.dead_letters,
            journal_error=self._delivery.journal_error,
        )

    def _status_in_a_child(self) -> Status:
        """Nothing is known here: no lock of the parent's is taken to ask."""
        return Status(
            stream=self.name,
            exchange=self.exchange,
            state=State.STOPPED,
            last_proof=None,
            last_event=None,
            last_error=self._home.complaint,
            callback_errors=0,
            slow_callbacks=0,
            events={},
            counters={},
            queued=0,
        )

    # --- waiting ----------------------------------------------------------------------------------------------------

    def wait_live(self, timeout: float | None = None) -> None:
        """Block until the stream is live and ``Live`` has been delivered.

        Raises WaitTimeout after ``timeout`` seconds, StreamEnded if the stream is stopped or lost, UsageError inside
        a callback that has to return first: one of this stream, or one that a callback of this stream waits for.
        """
        check_timeout(timeout)
        if self.state is State.IDLE:
            raise UsageError(f"stream {self.name!r} has not been started; call the manager's start() first")
        with self.events(Live, timeout=timeout) as lives:
            if self.state is State.LIVE and self._is_told_live():
                return
            try:
                next(lives)
            except WaitTimeout:
                last = self.status().last_error
                because = f"; the last thing that went wrong: {last}" if last else ""
                how = (
                    "live, but its callbacks are not through with that"
                    if self.state is State.LIVE
                    else f"{self.state}, not live"
                )
                raise WaitTimeout(f"stream {self.name!r} is {how} after {timeout:g} seconds{because}") from None

    def _is_told_live(self) -> bool:
        """Whether the latest Live has been delivered; inside a callback, whether its turn has come."""
        lives = self._conductor.lives
        is_inside = threading.current_thread() is self._delivery.thread
        return lives == (self._delivery.counters.get("Live", 0) if is_inside else self._delivery.lives_told)

    def wait_for(self, kind: type[E], where: Callable[[E], bool] | None = None, timeout: float | None = None) -> E:
        """Block until an event of this type comes for which ``where`` is true, and return it.

        Only events from the call on count. To begin counting before something is done, open ``events()`` first and use
        its ``wait_for``. Raises as ``wait_live`` does.
        """
        with self.events(kind) as events:
            return events.wait_for(kind, where, timeout)

    def events(self, *kinds: type[E], timeout: float | None = None) -> EventIterator[E]:
        """A blocking iterator over the events of these types (all without any), from this call on.

        Open it, do something, and wait: nothing that happens in between is missed. ``timeout`` is the number of seconds
        for which nothing may come. See ``EventIterator``.
        """
        for kind in kinds:
            check_kind(kind, "events() takes types")
        check_timeout(timeout)
        self._home.check()
        return EventIterator(self._delivery, self._conductor, kinds, timeout, self._home)


def register(registry: Registry, kind: Any, callback: Any, consumer: Any = MAIN) -> Any:
    """``on`` of a stream or a manager."""
    check_kind(kind, "on() takes a type")
    check_consumer(consumer)
    if consumer != MAIN and not registry.has_journal:
        raise ConfigurationError(
            f"consumer {consumer!r} would have its position in a journal, and there is none: StreamManager(journal=...)"
        )
    if callback is None:
        return lambda function: register(registry, kind, _present(function), consumer)
    check_callback(callback)
    registry.add(kind, callback, consumer)
    return callback


def _present(function: Any) -> Any:
    if function is None:
        raise ConfigurationError("on() decorates a function with one argument, the event")
    return function


def unregister(registry: Registry, kind: type[Event], callback: Callable[[Any], object]) -> None:
    """``off`` of a stream or a manager."""
    if not registry.remove(kind, callback):
        raise UsageError(f"this callback is not registered for {getattr(kind, '__name__', kind)}")
