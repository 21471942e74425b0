"""Waiting for events in any thread: what ``Stream.events`` returns.

It collects from the moment it is made: a program that opens it, then places an order, and then waits, misses nothing.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

from jexkit.arguments import check_callback, check_kind, check_timeout, waitable
from jexkit.engine.conductor import Conductor
from jexkit.engine.delivery import Delivery
from jexkit.engine.process import Home
from jexkit.engine.waits import waiting_for
from jexkit.errors import ConfigurationError, StreamEnded, WaitTimeout
from jexkit.events import Event

E = TypeVar("E", bound=Event)
K = TypeVar("K", bound=Event)

LARGEST_BACKLOG = 100_000  # events that an iterator keeps for a slow reader


class EventIterator(Generic[E]):
    """A blocking iterator over the events of some types since it was made. Thread-safe.

    Reading raises StreamEnded when the stream was stopped or lost, or more came than it keeps (100,000 events) before
    they were read, each time after what came before that; WaitTimeout when nothing came for ``timeout`` seconds;
    UsageError where the wait could not end, because a callback of this stream has to return first. Use it in a ``with``
    statement, or ``close`` it, so that it stops collecting.
    """

    def __init__(
        self, delivery: Delivery, conductor: Conductor, kinds: tuple[type[E], ...], timeout: float | None, home: Home
    ) -> None:
        self._home = home
        self.timeout = timeout
        self._delivery = delivery
        self._conductor = conductor
        self._kinds: tuple[type[Event], ...] = kinds or (Event,)
        self._queue: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._has_overflown = False
        delivery.listen(self)

    def wait_for(self, kind: type[K], where: Callable[[K], bool] | None = None, timeout: float | None = None) -> K:
        """The next event of this type for which ``where`` is true; what comes before it is passed over.

        ``timeout`` is for the whole wait, in seconds; None waits for ever.
        """
        check_kind(kind, "wait_for() takes a type")
        check_timeout(timeout)
        if where is not None:
            check_callback(where)
        if not any(issubclass(kind, known) or issubclass(known, kind) for known in self._kinds):
            collected = ", ".join(known.__name__ for known in self._kinds)
            raise ConfigurationError(f"{kind.__name__} would never come here: this collects {collected}")
        deadline = None if timeout is None else time.monotonic() + waitable(timeout)
        while True:
            event = self._next(None if deadline is None else deadline - time.monotonic())
            if isinstance(event, kind) and (where is None or where(event)):
                return event

    def close(self) -> None:
        """Stop collecting."""
        if self._home.is_here:
            self._delivery.unlisten(self)

    def __iter__(self) -> Iterator[E]:
        return self

    def __next__(self) -> E:
        event: E = self._next(self.timeout)
        return event

    def __enter__(self) -> EventIterator[E]:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # --- for the delivery thread ------------------------------------------------------------------------------------

    def offer(self, event: Event) -> None:
        if not isinstance(event, self._kinds):
            return
        if self._queue.qsize() < LARGEST_BACKLOG:
            self._queue.put(event)
        else:
            self._has_overflown = True
            self.close()
            self.end()

    def end(self) -> None:
        self._queue.put(None)

    # --- inner ------------------------------------------------------------------------------------------------------

    def _next(self, timeout: float | None) -> Any:
        self._home.check()
        try:
            event = self._take(timeout)
        except queue.Empty:
            raise WaitTimeout(f"stream {self._conductor.name!r}: nothing came within the timeout") from None
        if event is None:
            self._queue.put(None)  # for the next one who asks
            self._raise_end()
        return event

    def _take(self, timeout: float | None) -> Any:
        try:
            return self._queue.get_nowait()  # what is here already is no wait, not even in a callback
        except queue.Empty:
            with waiting_for(self._delivery.thread):
                return self._queue.get(timeout=None if timeout is None else max(0.0, waitable(timeout)))

    def _raise_end(self) -> None:
        self.close()
        name, error = self._conductor.name, self._conductor.error
        if self._has_overflown:
            raise StreamEnded(
                f"events() of stream {name!r} was read too slowly: {LARGEST_BACKLOG} events waited in it, and those "
                "after them are not here"
            )
        if error is not None:
            raise StreamEnded(f"stream {name!r} was lost: {error}", error)
        if self._conductor.superseded:
            raise StreamEnded(f"stream {name!r} stands by: {self._conductor.superseded}")
        raise StreamEnded(f"stream {name!r} was stopped")
