"""Events as Celery tasks, and streams inside a Celery worker.

::

    from jexkit import Event, Fill
    from jexkit.contrib.celery import follow, send_to

    def make_manager():
        manager = jexkit.StreamManager(journal="jexkit.db", lock=jexkit.FileLock("jexkit.lock"))
        manager.add(Deribit(...), "main")
        manager.on(Event, send_to(book_fill, types=[Fill], route="fills"), consumer="celery")
        return manager

    follow(celery_app, make_manager)      # any worker of celery_app holds the streams, one at a time

A task is given the event as plain JSON, ``jexkit.from_dict`` makes it an event again. Its task id is the event's id, so
that one which was sent twice, because a crash came between the broker's word and the journal, is seen to be the same.
"""

from __future__ import annotations

import contextlib
import os
import threading
import weakref
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from jexkit.arguments import check_kind
from jexkit.errors import ConfigurationError, MissingExtra, TryLater
from jexkit.events import Event
from jexkit.manager import StreamManager

try:
    from celery import Celery, Task, bootsteps
    from kombu.exceptions import KombuError
except ImportError as error:
    raise MissingExtra("jexkit.contrib.celery", "celery") from error

Options: TypeAlias = Mapping[str, Any]
Route: TypeAlias = str | Options | Callable[[Any], str | Options | None] | None

CONFIRMED_WITHIN = 10.0  # seconds; a broker that takes no more messages does not answer at all


def send_to(task: Task, types: Iterable[type[Event]] = (Event,), route: Route = None) -> Sender:
    """A callback that hands events of these types to ``task``, one message each, and returns when the broker has it.

    ``route``
        the name of a queue, or options of ``Task.apply_async``, or a function that returns either for an event.

    RabbitMQ confirms each message, Redis answers. A broker that is away, or says nothing for ten seconds, raises
    ``TryLater``: with a journal the event, and those behind it, wait for it in their order. Raises ConfigurationError.
    """
    return Sender(task, types, route)


class Sender:
    """What ``send_to`` returns. Any thread may call it; each has a connection of its own."""

    def __init__(self, task: Task, types: Iterable[type[Event]], route: Route) -> None:
        if not isinstance(task, Task) and not hasattr(task, "apply_async"):
            raise ConfigurationError(f"send_to() takes a task, such as a function with @app.task, not {task!r}")
        if route is not None and not callable(route) and not isinstance(route, (str, Mapping)):
            raise ConfigurationError(f"route is {route!r}; give a queue, options of apply_async, or a function of them")
        self._types = (types,) if isinstance(types, type) else tuple(types)
        for kind in self._types:
            check_kind(kind, "send_to(..., types=) takes types")
        self._task = task
        self._route = route
        self._local = threading.local()
        self.__qualname__ = f"send_to({task.name})"

    def __call__(self, event: Event) -> None:
        if not isinstance(event, self._types):
            return
        options = {"serializer": "json", "confirm_timeout": CONFIRMED_WITHIN, **self._options(event)}
        broker = self._task.app.connection_for_write()  # opens nothing
        try:
            producer = self._producer()
            self._task.apply_async((event.to_dict(),), task_id=event.id, producer=producer, retry=False, **options)
        except (*broker.connection_errors, *broker.channel_errors, KombuError, OSError) as error:
            self._forget()
            said = f"{broker.as_uri()} did not confirm {self._task.name}: {type(error).__name__}"
            raise TryLater(said) from error

    def _options(self, event: Event) -> Options:
        found = self._route(event) if callable(self._route) else self._route
        return {"queue": found} if isinstance(found, str) else found or {}

    def _producer(self) -> Any:
        """This thread's producer, on a connection that was made in this process."""
        line: _Line | None = getattr(self._local, "line", None)
        if line is None or line.pid != os.getpid():
            line = self._local.line = _Line(self._task.app)
        return line.producer

    def _forget(self) -> None:
        """The next call makes a new connection."""
        self._local.line = None


class _Line:
    """A connection of one thread to the broker, on which each message is confirmed. It goes with its last user."""

    def __init__(self, app: Celery) -> None:
        self.pid = os.getpid()
        options = {**app.conf.broker_transport_options, "confirm_publish": True}
        connection = app.connection_for_write(transport_options=options)
        weakref.finalize(self, _hang_up, connection, self.pid).atexit = False
        connection.ensure_connection(max_retries=1, interval_start=0, interval_step=0)
        self.producer = app.amqp.Producer(connection.channel(), auto_declare=False)


def _hang_up(connection: Any, pid: int) -> None:
    """A child leaves its parent's connection alone. AMQP's farewell waits for an answer, and the broker may be gone."""
    if pid == os.getpid():
        with contextlib.suppress(Exception):
            if connection.transport.driver_type == "amqp" and connection.connected:
                connection.connection.collect()  # closes the socket
            else:
                connection.release()


def follow(app: Celery, make_manager: Callable[[], StreamManager]) -> None:
    """Run streams inside the workers of an app: ``make_manager`` is called, and its manager started, in each of them.

    That is in the worker's main process, once its pool has forked, and never in a process of the pool; no other command
    of Celery's starts anything. Give the manager a ``lock=``, so that of all workers one holds the streams. They end
    with the worker, before its pool.
    """
    if not callable(make_manager):
        raise ConfigurationError(f"follow() takes a function that makes a StreamManager, not {make_manager!r}")

    class Streams(bootsteps.StartStopStep):
        """The streams, as a part of the worker."""

        requires = frozenset({"celery.worker.components:Pool"})

        def __init__(self, parent: Any, **options: Any) -> None:
            super().__init__(parent, **options)
            self.manager: StreamManager | None = None

        def start(self, parent: Any) -> None:
            del parent
            self.manager = make_manager()
            self.manager.start()

        def stop(self, parent: Any) -> None:
            del parent
            if self.manager is not None:
                self.manager.stop()

        terminate = stop

    app.steps["worker"].add(Streams)
