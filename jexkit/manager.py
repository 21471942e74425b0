"""The blocking facade: runs the streams of any number of accounts, each on its own threads."""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from types import MappingProxyType
from typing import Any, TypeVar, overload

from jexkit import logs
from jexkit.accounts import Account
from jexkit.arguments import check_callback, check_name, check_seconds, check_timeout, waitable
from jexkit.core.journal import MAIN, Journal
from jexkit.core.lock import Lock
from jexkit.core.overflow import QUEUE_SIZE, Overflow, check_queue_size, chosen
from jexkit.engine import green
from jexkit.engine.clock import Clock
from jexkit.engine.journaling import Writer
from jexkit.engine.process import Home
from jexkit.engine.registry import Registry
from jexkit.engine.runner import SLOW
from jexkit.engine.signals import stop_signals
from jexkit.engine.tenure import Gate, Tenure
from jexkit.engine.timer import Scheduler, Timer, is_scheduler
from jexkit.engine.waits import is_interruption, waiting_for
from jexkit.errors import ConfigurationError, JexkitError, StreamEnded, UsageError
from jexkit.events import Event
from jexkit.journal.sqlite import SqliteJournal
from jexkit.running import Running, Shared
from jexkit.stream import Status, Stream, register, unregister

logger = logs.of(__name__)

E = TypeVar("E", bound=Event)

FOR_DELIVERY = 0.9  # the part of a stop's time that callbacks may take; the journal has the rest to write what they did
START_AGAIN = 1.0  # seconds between two looks whether a stream that had to wait with its start can begin
LEAST_FAREWELL = 0.5  # seconds to give up the lock in, whatever a callback has left of the stop timeout


class StreamManager:
    """Runs streams. Add accounts, register callbacks, ``run()``.

    ``scheduler``
        an APScheduler 3 scheduler of the host's to use instead of one of our own; the host starts and stops it.
    ``journal``
        where every event is kept before a callback sees it, until its callbacks have returned: the path of a file, a
        ``SqliteJournal``, or a ``MemoryJournal`` for tests. What a crash left unacknowledged is delivered again, what
        happened while the program was down is recovered, and a callback that keeps failing costs no event. See
        docs/journal.md.
    ``on_error``
        called as ``on_error(event, callback, exception)``, on the stream's delivery thread, when a callback raises. The
        other callbacks get the event all the same.
    ``slow_callback``
        seconds after which a callback is told of in the log by its name, also while it runs; at most once a minute
        each. None for never.
    ``overflow``, ``queue_size``
        what happens when more than ``queue_size`` events of a stream wait for its callbacks: see ``jexkit.Overflow``.

    ``lock``
        a ``jexkit.Lock``, such as ``jexkit.FileLock(path)``: of all processes with the same lock one holds the streams,
        and the others stand by. See ``jexkit.Lock`` for what it promises.
    ``stop_timeout``
        seconds within which everything has ended after ``stop``, the end of ``run`` or of the ``with`` statement, and
        at the end of an interpreter in which nobody called ``stop``.

    Nothing starts before ``start``, ``run`` or the ``with`` statement. A manager runs once; make another one to run
    again. It belongs to the process that made it: in a forked child it does nothing, says so once in the log, and
    ``add``, ``on``, ``start`` and ``run`` raise UsageError there.
    """

    def __init__(
        self,
        scheduler: Scheduler | None = None,
        journal: Journal | str | os.PathLike[str] | None = None,
        on_error: Callable[[Event, Callable[[Any], object], BaseException], object] | None = None,
        slow_callback: float | None = SLOW,
        stop_timeout: float = 10.0,
        overflow: Overflow | None = None,
        queue_size: int = QUEUE_SIZE,
        lock: Lock | None = None,
    ) -> None:
        if lock is not None and not isinstance(lock, Lock):
            raise ConfigurationError(f"lock must be a jexkit.Lock, such as jexkit.FileLock(path), not {lock!r}")
        check_seconds("stop_timeout", stop_timeout)
        if on_error is not None:
            check_callback(on_error, arguments=3)
        if scheduler is not None and not is_scheduler(scheduler):
            raise ConfigurationError("scheduler must be a scheduler of APScheduler 3, such as a BackgroundScheduler")
        self._home = Home("StreamManager")
        check_queue_size(queue_size)
        if slow_callback is not None:
            check_seconds("slow_callback", slow_callback)
        self._stop_timeout = stop_timeout
        self._clock = Clock()
        self._timer = Timer(scheduler)
        self._journal = _journal(journal)
        self._writer = None if self._journal is None else Writer(self._journal, self._clock)
        self._registry = Registry(has_journal=self._journal is not None)
        self._shared = Shared(
            registry=self._registry,
            timer=self._timer,
            clock=self._clock,
            on_error=on_error,
            slow_callback=slow_callback,
            overflow=chosen(overflow, has_journal=journal is not None),
            queue_size=queue_size,
            home=self._home,
        )
        self._streams: dict[str, Running] = {}
        self._leaving: dict[str, threading.Thread] = {}  # those that were removed, and deliver with the journal still
        self._streams_lock = threading.RLock()  # guards both and the flags
        self._is_started = False
        self._works = False  # the streams are, or shall be, started: not while this process stands by
        self._is_stopped = False
        self._stops: threading.Thread | None = None  # the one that called stop() first
        self._stopped = threading.Event()
        self._lock = lock
        self._tenure: Tenure | None = None
        if lock is not None:
            self._tenure = Tenure(
                lock, self._clock, gained=self._begin, lost=self._leave, is_well=self._are_streams_well
            )

    def __repr__(self) -> str:
        return f"<StreamManager of {', '.join(map(repr, self._streams)) or 'no streams'}>"

    # --- streams ----------------------------------------------------------------------------------------------------

    def add(self, account: Account, name: str | None = None) -> Stream:
        """Follow an account; starts at once if the manager runs. ``name`` names it in events, threads and logs.

        With a journal, a stream that was removed and has this name may be busy with its callbacks still, the one that
        calls this for example: then the new one begins after that, and is ``STANDBY`` until then.

        Raises ConfigurationError for what is no account, or a name that is taken.
        """
        if not isinstance(account, Account):
            raise ConfigurationError(f"add() takes an account such as jexkit.Deribit(...), not {account!r}")
        if name is not None:
            check_name(name)
        self._home.check()
        with self._streams_lock:
            self._check_usable()
            name = name or account.exchange
            if name in self._streams:
                raise ConfigurationError(f"there is a stream {name!r} already; give this one another with name=")
            running = self._streams[name] = self._running(name, account)
            if self._works:
                self._start(running)
        return running.stream

    def remove(self, stream: Stream | str, timeout: float | None = None) -> None:
        """Stop one stream, as ``stop`` does all, and forget it.

        Raises UsageError if there is none of this name, or if it is not the one that has this name now.
        """
        check_timeout(timeout)
        name = stream.name if isinstance(stream, Stream) else stream
        if not self._home.may_act():
            return
        with self._streams_lock:
            running = self._streams.get(name) if isinstance(name, str) else None
            if running is None:
                raise UsageError(f"there is no stream {name!r}")
            if isinstance(stream, Stream) and stream is not running.stream:
                raise UsageError(f"this stream {name!r} is no more, or another manager's; there is another one here")
            del self._streams[name]
            self._leaving = {other: thread for other, thread in self._leaving.items() if thread.is_alive()}
            if self._writer is not None and running.delivery.thread.is_alive():
                self._leaving[name] = running.delivery.thread
        self._finish([running], waitable(self._stop_timeout if timeout is None else timeout))

    @property
    def streams(self) -> MappingProxyType[str, Stream]:
        """The streams by name: a copy of this moment."""
        with self._streams_lock if self._home.is_here else nullcontext():
            return MappingProxyType({name: running.stream for name, running in self._streams.items()})

    @property
    def journal(self) -> Journal | None:
        """The journal, to read and to look after; None without one."""
        return self._journal

    @overload
    def on(self, kind: type[E], callback: Callable[[E], object], *, consumer: str = MAIN) -> Callable[[E], object]: ...

    @overload
    def on(
        self, kind: type[E], callback: None = None, *, consumer: str = MAIN
    ) -> Callable[[Callable[[E], object]], Callable[[E], object]]: ...

    def on(self, kind: type[E], callback: Callable[[E], object] | None = None, *, consumer: str = MAIN) -> Any:
        """Like ``Stream.on``, for every stream, also those added later; after the stream's own callbacks."""
        self._home.check()
        self._check_usable()
        return register(self._registry, kind, callback, consumer)

    def off(self, kind: type[Event], callback: Callable[[Any], object]) -> None:
        """Undo one ``on``. Raises UsageError if there was none."""
        self._home.check()
        unregister(self._registry, kind, callback)

    def status(self) -> dict[str, Status]:
        """What is known about each stream, by name."""
        return {name: stream.status() for name, stream in self.streams.items()}

    # --- life -------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start every stream and return at once. Raises UsageError when started before, or with another one's lock.

        With a journal: JournalTaken when another process or manager writes it, JournalError when it cannot be used.
        """
        self._home.check()
        with self._streams_lock:
            self._check_usable()
            if self._is_started:
                raise UsageError("the manager has been started already")
            green.check()
            if self._tenure is not None:
                self._tenure.claim()
            if self._tenure is None and self._writer is not None:
                self._writer.start()
            self._is_started = True
            atexit.register(self._at_exit)
            self._timer.start()
            if self._tenure is None:
                try:
                    self._start_streams()
                except BaseException:
                    self.stop()  # a journal that cannot be read, for example
                    raise
            else:
                for running in self._streams.values():
                    running.conductor.waits_for_lock = True
                self._tenure.start()

    def stop(self, timeout: float | None = None) -> None:
        """Stop every stream, deliver what is queued, and end all threads within ``timeout`` seconds.

        Without ``timeout``: ``stop_timeout``. A callback that has not returned by then is left behind on its thread,
        which holds no process, and is named in the log. Stopping twice does no harm: while one thread stops, another
        one that calls it waits for that, for its own ``timeout``. May be called from inside a callback, and by a
        signal's handler: where that came in the middle of another call of jexkit, as in a callback, it returns at once,
        and all of this happens on a thread of its own.
        """
        check_timeout(timeout)
        timeout = waitable(self._stop_timeout if timeout is None else timeout)
        if not self._home.may_act():
            return
        with self._streams_lock:
            is_first = not self._is_stopped
            self._is_stopped = True
            if is_first:
                self._stops = threading.current_thread()
            if is_first and self._tenure is not None:
                self._tenure.end()
            streams = list(self._streams.values())
        has_to_return_first = self._is_in_a_callback(streams) or is_interruption()
        if not is_first:
            # A signal's handler may call it in the middle of the first call, on the thread of that.
            if not has_to_return_first and self._stops is not threading.current_thread():
                self._stopped.wait(timeout)
            return
        if not has_to_return_first:
            self._end(streams, timeout)
            return
        # What the callback has done is acknowledged after it has returned, so the journal has to outlive it.
        thread = threading.Thread(target=self._end_beside, args=(timeout,), name="jexkit-stop", daemon=True)
        self._stops = thread
        try:
            thread.start()
        except RuntimeError:  # the interpreter is on its way out and starts no thread any more
            self._end(streams, timeout)

    def _end_beside(self, timeout: float) -> None:
        with self._streams_lock:  # a call of start() or add() that was interrupted goes on to its end before
            streams = list(self._streams.values())
        self._end(streams, timeout)

    def _end(self, streams: list[Running], timeout: float) -> None:
        deadline = time.monotonic() + timeout
        try:
            self._finish(streams, timeout if self._writer is None else timeout * FOR_DELIVERY)
        finally:
            if self._is_started:
                if self._writer is not None and not self._writer.stop(deadline - time.monotonic()):
                    logger.warning("the journal's thread did not end within %g seconds", timeout)
                self._timer.stop(deadline - time.monotonic())
            if self._is_started and self._tenure is not None:
                self._tenure.stop(max(LEAST_FAREWELL, deadline - time.monotonic()))
            self._stopped.set()
            atexit.unregister(self._at_exit)

    def join(self, timeout: float | None = None) -> bool:
        """Block until the manager was stopped; False if that did not happen within ``timeout`` seconds.

        Raises UsageError inside a callback, for which the stop would wait in turn.
        """
        check_timeout(timeout)
        if not self._home.may_act():
            return True
        self._check_not_in_a_callback("join()")
        return self._stopped.wait(None if timeout is None else waitable(timeout))

    def run(self) -> None:
        """Start, block until Ctrl-C or SIGTERM, then stop cleanly.

        Raises StreamEnded when every stream is lost. Signals are handled only in the main thread, and as they were
        before once it returns.
        """
        with stop_signals() as wanted_end:
            self.start()
            try:
                while not wanted_end.wait(0.2) and not self._stopped.is_set():
                    self._raise_if_all_lost()
            finally:
                self.stop()

    def __enter__(self) -> StreamManager:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def _at_exit(self) -> None:
        """The interpreter ends, and nobody has called ``stop``, or another thread is in the middle of it."""
        if self._home.is_here:
            self.stop()

    # --- the lock ---------------------------------------------------------------------------------------------------

    def _running(
        self, name: str, account: Account, before: Running | None = None, after: threading.Thread | None = None
    ) -> Running:
        """What runs a stream; ``before`` ran it in an earlier tenure, and ``after`` has to end first."""
        tenure = self._tenure
        gate = None if tenure is None else Gate(lambda: tenure.is_held, after)
        running = Running(name, account, self._shared, self._writer, gate, before, after)
        running.conductor.waits_for_lock = tenure is not None and self._is_started
        return running

    def _start_streams(self) -> None:
        self._works = True
        for running in self._streams.values():
            self._start(running)

    def _start(self, running: Running) -> None:
        """At once, or, where an earlier stream of this name is not through with its callbacks, after that.

        What these do is acknowledged when they have returned, and would be told again by a stream that begins before.
        """
        earlier = self._leaving.get(running.stream.name)
        if earlier is None or not earlier.is_alive():
            self._leaving.pop(running.stream.name, None)
            running.start()
            return
        running.conductor.waits_for_lock = True
        name = f"jexkit-{running.stream.name}-start"
        threading.Thread(target=self._start_after, args=(earlier, running), name=name, daemon=True).start()

    def _start_after(self, earlier: threading.Thread, running: Running) -> None:
        name = running.stream.name
        with waiting_for(earlier, running.delivery.thread):
            while earlier.is_alive() and not self._stopped.is_set():
                earlier.join(START_AGAIN)
        while not self._stopped.is_set():
            with self._streams_lock:
                if self._is_stopped or not self._works or self._streams.get(name) is not running:
                    return
                try:
                    running.start()
                except JexkitError as error:
                    logs.about(logger, name).error("the stream cannot be started yet; trying again: %s", error)
                else:
                    return
            self._stopped.wait(START_AGAIN)

    def _begin(self) -> None:
        """This process holds the lock: take the journal, and start the streams."""
        with self._streams_lock:
            if self._is_stopped:
                return
            try:
                if self._writer is not None:
                    self._writer.start(by_force=self._lock is not None and self._lock.has_superseded)
                self._start_streams()
            except BaseException:
                self._leave("the streams could not be started")
                raise

    def _leave(self, why: str) -> None:
        """Leave the accounts to another process, and be ready for the next time."""
        with self._streams_lock:
            self._works = False
            streams, writer = tuple(self._streams.items()), self._writer
            if self._journal is not None:
                self._writer = Writer(self._journal, self._clock)
        deadline = time.monotonic() + self._stop_timeout
        telling = {name: running.step_down(why, deadline) for name, running in streams}
        if writer is not None:
            writer.stop(deadline - time.monotonic())
        for name, running in streams:
            with self._streams_lock:
                if self._streams.get(name) is running and not self._is_stopped:
                    self._streams[name] = self._running(name, running.account, running, telling[name])

    def _are_streams_well(self) -> bool:
        with self._streams_lock:
            streams = tuple(self._streams.values())
        return all(running.is_well for running in streams)

    # --- inner ------------------------------------------------------------------------------------------------------

    def _check_usable(self) -> None:
        if self._is_stopped:
            raise UsageError("the manager has been stopped; make a new StreamManager")

    def _is_in_a_callback(self, streams: Iterable[Running]) -> bool:
        current = threading.current_thread()
        return any(running.delivery.thread is current for running in streams)

    def _check_not_in_a_callback(self, call: str) -> None:
        with self._streams_lock:
            streams = tuple(self._streams.values())
        if self._is_in_a_callback(streams):
            raise UsageError(f"{call} inside a callback would hold up its stream; call it in another thread")

    def _finish(self, streams: list[Running], timeout: float) -> None:
        deadline = time.monotonic() + timeout
        farewells = [(running, running.ask_to_stop(timeout)) for running in streams]  # all at once, then wait for each
        for running, calls in farewells:
            if not running.finish(calls, deadline):
                logs.about(logger, running.stream.name).warning("a thread did not end within %g seconds", timeout)

    def _raise_if_all_lost(self) -> None:
        with self._streams_lock:
            errors = [running.conductor.error for running in self._streams.values()]
        first = next(iter(errors), None)
        if first is not None and all(error is not None for error in errors):
            raise StreamEnded(f"every stream is lost; the first by: {first}", first)


def _journal(asked: object) -> Journal | None:
    """The journal that was asked for, checked."""
    if asked is None:
        return None
    journal = SqliteJournal(asked) if isinstance(asked, (str, os.PathLike)) else asked
    if not isinstance(journal, Journal):
        raise ConfigurationError(f"journal must be a path or a journal such as jexkit.SqliteJournal, not {asked!r}")
    journal.check()
    return journal
