"""The thread that stands by for the lock, holds it while the streams are well, and notices when it is lost.

``is_held`` does not ask the thread, which may hang with the rest of the process: it looks at the clock.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

from jexkit import logs
from jexkit.core.lock import SAFE, SHARES, Lock
from jexkit.engine.clock import Clock
from jexkit.engine.process import Gone, OwnLock
from jexkit.errors import JexkitError, UsageError

logger = logs.of(__name__)

LOOK_EVERY = 1.0  # seconds between two looks at a lock that another one holds
COMPLAIN_EVERY = 60.0  # seconds
DOUBT = 0.05  # seconds between two looks at a clock that says that the lease is over
BEGIN_WITHIN = 60.0  # seconds in which the work has to begin, however long a journal is; the lock is renewed meanwhile
LONG_AGO = float("-inf")
TAKEN = "another process has the lock"


_locks_lock = OwnLock()  # guards _locks
_locks: dict[int, list[Lock]] = {}  # those in the hands of a tenure, by the process


class Gate:
    """What the deliveries of a stream ask before each callback: may this process act?

    It opens and closes with the tenure, by the clock; where there is no lock there is no gate. Once it is ``shut``, the
    thread that asks ends where it stands: what is queued is dropped, and not acknowledged.
    """

    def __init__(self, is_held: Callable[[], bool], after: threading.Thread | None = None) -> None:
        self._is_held = is_held
        self._after = after  # what has to come to its end before
        self._is_shut = threading.Event()

    def shut(self) -> None:
        self._is_shut.set()

    def wait(self) -> None:
        """Blocks while it is doubtful; raises Gone when it has been shut."""
        while not (self._is_held() and self._is_first()) and not self._is_shut.wait(DOUBT):
            continue
        if self._is_shut.is_set():
            raise Gone

    def _is_first(self) -> bool:
        if self._after is not None and not self._after.is_alive():
            self._after = None
        return self._after is None


class Tenure:
    """Stands by and holds, on a thread of its own, ``jexkit-lock``. It has ``gained`` and ``lost`` called, in turn.

    ``gained`` begins the work, on a thread beside, so that the lock is renewed while it reads a long journal. It may
    raise: then the lock is given back, and another process may do better. ``lost`` ends it, for the reason that it is
    told. ``is_well`` says whether the streams work; while they do not, the lock is not renewed, and once that has
    lasted for a lease it is given up.
    """

    def __init__(
        self,
        lock: Lock,
        clock: Clock,
        *,
        gained: Callable[[], None],
        lost: Callable[[str], None],
        is_well: Callable[[], bool],
    ) -> None:
        self._lock = lock
        self._clock = clock
        self._gained = gained
        self._lost = lost
        self._is_well = is_well
        self._until = LONG_AGO
        self._holds = False
        self._complained = LONG_AGO
        self._is_ending = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="jexkit-lock", daemon=True)

    @property
    def is_held(self) -> bool:
        """Whether no other process can hold the lock at this moment."""
        return self._clock.monotonic() < self._until

    @property
    def holds(self) -> bool:
        """Whether the work has begun and has not been lost, though it may be doubtful whether the lock is held."""
        return self._holds

    def claim(self) -> None:
        """Before ``start``: raises UsageError where the lock is in the hands of another tenure of this process.

        One thread calls a lock. Two would both believe to hold it, and the first to stop would give up the other's.
        """
        with _locks_lock:
            ours = _locks.setdefault(os.getpid(), [])
            if any(lock is self._lock for lock in ours):
                raise UsageError(f"{self._lock!r} is another StreamManager's; make a lock for each, of the same path")
            ours.append(self._lock)

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        """Take the lock no more; what is held is kept until ``stop``, well or not, so that the work can be ended."""
        self._is_ending.set()

    def stop(self, timeout: float) -> bool:
        """Give the lock up and end the thread; False if that took longer than ``timeout`` seconds."""
        self.end()
        self._stopping.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(max(0.0, timeout))
        return not self._thread.is_alive()

    # --- the thread -------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._look()
            except JexkitError as error:
                self._complain("%s", error)
            except Exception:
                logger.exception("a fault in jexkit, or in the lock")
            self._stopping.wait(min(LOOK_EVERY, self._lock.lease / SHARES))
        self._give_up()  # held or not: who made the lock may have acquired it already, and this thread not come to it
        with _locks_lock:
            ours = _locks.get(os.getpid(), [])
            ours[:] = [lock for lock in ours if lock is not self._lock]

    def _look(self) -> None:
        if self._holds:
            self._renew()
        elif not self._is_ending.is_set():
            self._try()

    def _try(self) -> None:
        began = self._clock.monotonic()
        if not self._lock.acquire():
            return
        self._holds, self._until = True, began + self._lock.lease * SAFE
        logger.info("this process holds the lock: the streams begin")
        try:
            self._begin()
        except BaseException:
            self._give_up()
            raise

    def _begin(self) -> None:
        """The work, on a thread of its own; the lock is renewed until it has begun."""
        ended, faults, until = threading.Event(), list[BaseException](), self._clock.monotonic() + BEGIN_WITHIN

        def begin() -> None:
            try:
                self._gained()
            except BaseException as error:  # noqa: BLE001 - raised on the thread that waits for it
                faults.append(error)
            finally:
                ended.set()

        threading.Thread(target=begin, name="jexkit-begin", daemon=True).start()
        while not ended.wait(self._lock.lease / SHARES):
            if self._holds and self._clock.monotonic() < until:
                self._keep()
        for fault in faults:
            raise fault
        if not self._holds:
            self._lost(TAKEN)

    def _keep(self) -> None:
        """Renew while the work begins; what is lost now is left when it has begun."""
        try:
            self._prolong()
        except JexkitError as error:
            self._complain("%s", error)

    def _renew(self) -> None:
        if not self._is_ending.is_set() and not self._is_well():
            self._complain("the streams do not move; the lock is not renewed, and another process may take over")
            if not self.is_held:
                self._give_up()
                self._lost("the streams did not move")
            return
        self._prolong()
        if not self._holds:
            self._lost(TAKEN)

    def _prolong(self) -> None:
        began = self._clock.monotonic()
        if self._lock.renew():
            self._until = began + self._lock.lease * SAFE
            return
        self._holds, self._until = False, LONG_AGO
        logger.warning("%s (%s): this one stands by", TAKEN, self._lock.holder() or "unknown")

    def _give_up(self) -> None:
        self._holds, self._until = False, LONG_AGO
        try:
            self._lock.release()
        except JexkitError as error:
            logger.warning("the lock could not be given up; it is free when its lease is over: %s", error)

    def _complain(self, words: str, *details: object) -> None:
        now = self._clock.monotonic()
        if now - self._complained >= COMPLAIN_EVERY:
            self._complained = now
            logger.warning(words, *details)
