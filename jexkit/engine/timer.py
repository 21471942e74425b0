"""The clockwork: what must happen at a time, on APScheduler. The only file that imports it.

Two kinds of job run here. ``tick``: once a second every stream whose machine is due is ticked, and a stream that is
due at once (a heartbeat to answer) is ticked right away. ``call``: conversations over HTTP. They have executors of
their own, so that no hung REST call delays a heartbeat.

APScheduler can fail in known ways: by default it drops a run that is a second late, one hung job blocks its next runs,
it runs on the wall clock, its own pools refuse work once the main thread has returned, and after a fork it says that
it runs and does nothing. Hence the settings below, and hence nothing rests on it alone: each stream's reader ticks the
same machine and starts calls that nobody took (see ``conductor``).
"""

from __future__ import annotations

import functools
import itertools
import logging
import threading
import time
from collections.abc import Callable
from datetime import timezone
from typing import Any, Protocol, TypeAlias

from apscheduler.executors.pool import BasePoolExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers import SchedulerNotRunningError
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.schedulers.base import BaseScheduler

from jexkit import logs
from jexkit.engine.crew import Crew

logger = logs.of(__name__)

Scheduler: TypeAlias = BaseScheduler
"""What a host may hand in."""

TICK_EVERY = 1  # second
TICKERS = 4  # threads for ticks: a send that blocks holds up one of them
CALLERS = 8  # threads for REST calls
_SETTINGS: dict[str, Any] = {"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
_OURS = "jexkit-"
_numbers = itertools.count(1)  # of all jobs of this process
_TICKS, _CALLS, _STORE = "jexkit-tick", "jexkit-call", "jexkit"


def _hush(record: logging.LogRecord) -> bool:
    """Keeps the host's scheduler from telling of each of our jobs, which are thousands a day; warnings pass."""
    names = record.args if isinstance(record.args, tuple) else ()
    return record.levelno > logging.INFO or not any(str(name).startswith(_OURS) for name in names)


def _logger_of(scheduler: Scheduler) -> logging.Logger:
    found = getattr(scheduler, "_logger", None)
    return found if isinstance(found, logging.Logger) else logs.of("apscheduler.scheduler")


def is_scheduler(candidate: object) -> bool:
    """Whether it is something a host may hand in."""
    return isinstance(candidate, (BaseScheduler,))


class Ticking(Protocol):
    """What the clockwork asks of a stream."""

    def tick_if_due(self) -> None: ...


class Timer:
    """Runs ticks and calls on an APScheduler: its own, or the host's, which must be started by the host."""

    def __init__(self, scheduler: Scheduler | None = None) -> None:
        self._is_own = scheduler is None
        self._scheduler = _background() if scheduler is None else scheduler
        self._pools: dict[str, _Pool] = {}  # by the scheduler's alias
        self._aliases = {name: name for name in (_TICKS, _CALLS, _STORE)}
        self._stopping = threading.Event()
        self._streams: tuple[Ticking, ...] = ()
        self._streams_lock = threading.Lock()  # guards the replacing of _streams
        self._adding = threading.RLock()  # held while a job is added: none is after _stopping was set under it

    def start(self) -> None:
        if not self._is_own:
            _logger_of(self._scheduler).addFilter(_hush)  # adding it again changes nothing; it stays, as others may run
        for name, size in ((_TICKS, TICKERS), (_CALLS, CALLERS)):
            pool = _Pool(name, size)
            alias = _add_as(name, functools.partial(self._scheduler.add_executor, pool))
            # Each run would be two lines at INFO otherwise.
            logs.of(f"apscheduler.executors.{alias}").setLevel(logging.WARNING)
            self._aliases[name] = alias
            self._pools[alias] = pool
        self._aliases[_STORE] = _add_as(_STORE, functools.partial(self._scheduler.add_jobstore, MemoryJobStore()))
        self._schedule(self._tick_all, _TICKS, "interval", seconds=TICK_EVERY)
        if self._is_own:
            self._scheduler.start()

    def stop(self, timeout: float) -> None:
        """Take everything of jexkit out of the scheduler, and wait up to ``timeout`` seconds for work under way."""
        deadline = time.monotonic() + timeout
        with self._adding:
            self._stopping.set()
        if self._is_own:
            self._shut_down()
        else:
            store = self._aliases[_STORE]
            self._take_out(functools.partial(self._scheduler.remove_all_jobs, jobstore=store))
            self._take_out(functools.partial(self._scheduler.remove_jobstore, store))
            for alias in self._pools:
                self._take_out(functools.partial(self._scheduler.remove_executor, alias, shutdown=False))
        for pool in self._pools.values():
            pool.end(deadline)

    def _take_out(self, remove: Callable[[], object]) -> None:
        try:
            remove()
        except LookupError as error:
            logger.debug("the host has taken it out of its scheduler already: %s", error)

    def _shut_down(self) -> None:
        try:
            # Paused, and with a call that waits for the scheduler's own lock: if it were in the middle of its jobs when
            # it is shut down, its thread would end with an exception.
            self._scheduler.pause()
            self._scheduler.remove_all_jobs(jobstore=_STORE)
            self._scheduler.shutdown(wait=False)
        except SchedulerNotRunningError:
            logger.debug("the scheduler was not running any more")

    def watch(self, stream: Ticking) -> None:
        """Tick this stream when it is due, from now on."""
        with self._streams_lock:
            self._streams = (*self._streams, stream)

    def unwatch(self, stream: Ticking) -> None:
        with self._streams_lock:
            self._streams = tuple(other for other in self._streams if other is not stream)

    def prompt(self, tick: Callable[[], None]) -> None:
        """Run ``tick`` as soon as a thread is free."""
        self._add(tick, _TICKS)

    def call(self, work: Callable[[], None]) -> None:
        """Run a conversation over HTTP."""
        self._add(work, _CALLS)

    def _add(self, work: Callable[[], None], executor: str) -> None:
        with self._adding:
            # A job that is due while its scheduler is shut down or its store taken out ends the scheduler's thread with
            # an exception.
            if self._stopping.is_set() or not self._scheduler.running:
                return  # it would be kept for a start that may never come; the reader's own tick does it
            try:
                self._schedule(functools.partial(self._run, work), executor)
            except (RuntimeError, LookupError, ValueError) as error:
                # Shut down by its host at this moment, or the interpreter is on its way out.
                logger.debug("the scheduler takes no work: %s", error)

    def _schedule(self, work: Callable[[], None], executor: str, *trigger: str, **when: int) -> None:
        places = {"executor": self._aliases[executor], "jobstore": self._aliases[_STORE]}
        number = f"{_OURS}{next(_numbers)}"
        self._scheduler.add_job(work, *trigger, id=number, name=executor, **places, **_SETTINGS, **when)

    def _run(self, work: Callable[[], None]) -> None:
        if not self._stopping.is_set():
            work()

    def _tick_all(self) -> None:
        for stream in self._streams:
            try:
                stream.tick_if_due()
            except Exception:  # a fault of ours must not hold up the other streams
                logger.exception("a fault in jexkit while ticking a stream")


def _add_as(name: str, add: Callable[[str], None], number: int = 1) -> str:
    """Add under ``name``, or ``name-2`` and so on where another manager has it on the same scheduler."""
    alias = name if number == 1 else f"{name}-{number}"
    try:
        add(alias)
    except ValueError:
        return _add_as(name, add, number + 1)
    return alias


class _Pool(BasePoolExecutor):  # type: ignore[misc]  # APScheduler has no types
    """A pool of threads with our names, whose end can be waited for with a limit.

    A host that shuts its scheduler down may start it again. Then it works again, so it is we who end it.
    """

    def __init__(self, name: str, size: int) -> None:
        self._crew = Crew(name, size)
        super().__init__(self._crew)

    def shutdown(self, wait: bool = True) -> None:
        """By the scheduler: not yet."""

    def end(self, deadline: float) -> None:
        self._crew.end(deadline)


def _background() -> Scheduler:
    quiet = logs.of(f"{__name__}.scheduler")
    quiet.setLevel(logging.WARNING)  # "Added job" is a line for every call otherwise
    return BackgroundScheduler(timezone=timezone.utc, daemon=True, logger=quiet)
