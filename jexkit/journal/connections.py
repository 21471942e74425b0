"""The connections of one journal object in one process: one to read, one to write.

SQLite's connections must not be used in a child process, and what its library knows of a file that was open at a fork
must not either: it has that in the whole process, locks of the parent's included, and a child that opens the file anew
is given the same. It would take for its own, or for somebody's, what nobody holds any more, and read what is long gone.
So a child closes its copies before anything else, at a moment at which no thread was inside. What it closes are its
own descriptors: the locks on a file are those of a process, and the parent keeps its.

Such a moment is every fork that Python makes, which waits, by a hook, until no journal's thread is inside. Some servers
fork without these hooks. Then it shows afterwards: the locks in this file that were held, stay so in the child. There
SQLite's own can be too, for ever, and nothing of it is used.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from jexkit.errors import JournalError
from jexkit.journal.entries import Appender
from jexkit.journal.place import Claim, Files, is_replaced

STILL_WITHIN = 10.0  # seconds that a fork waits for a transaction to end; they take some milliseconds
BUSY = 10.0  # seconds to wait for another connection; the command's transactions take milliseconds
WAL_BYTES = 64 * 1024 * 1024  # what the write-ahead log is cut back to


class _Stillness:
    """Keeps all journals' threads out of SQLite while the process forks, and clears up in the child."""

    def __init__(self) -> None:
        self._watched: weakref.WeakSet[Connections] = weakref.WeakSet()
        self._held: dict[int, list[Callable[[], None]]] = {}  # what gives the locks back, by the thread that forks
        self._is_registered = False
        self._pid = os.getpid()
        self._clearing: dict[int, threading.Lock] = {}  # by process
        self._kept: list[object] = []  # what must neither be used nor closed in this process
        self._stuck = ""  # the journal in the midst of which this process was forked

    def watch(self, connections: Connections) -> None:
        """From now on a fork waits for these."""
        if not self._is_registered:
            self._is_registered = True
            hooks = {"before": self._begin, "after_in_parent": self._end, "after_in_child": self._arrive}
            os.register_at_fork(**hooks)
        self._watched.add(connections)

    def check(self) -> None:
        """To be asked before SQLite is used. Raises JournalError where it cannot be in this process."""
        if self._pid != os.getpid():
            # setdefault is one step: two threads that come first in a child get the same lock.
            with self._clearing.setdefault(os.getpid(), threading.Lock()):
                if self._pid != os.getpid():
                    self._clear_up()
        if self._stuck:
            raise JournalError(
                f"process {os.getpid()} was forked without Python's hooks, in the midst of a use of the journal "
                f"{self._stuck}, and cannot use one: fork by os.fork(), which waits, or before the journal is opened",
                self._stuck,
            )

    def _begin(self) -> None:
        deadline = time.monotonic() + STILL_WITHIN
        held = self._held[threading.get_ident()] = []
        for connections in sorted(self._watched, key=id):
            locks = (connections.lock, connections.reading_lock)
            held += [lock.release for lock in locks if lock.acquire(timeout=max(0.0, deadline - time.monotonic()))]

    def _end(self) -> None:
        for release in reversed(self._held.pop(threading.get_ident(), [])):
            release()

    def _arrive(self) -> None:
        self._end()
        with contextlib.suppress(JournalError):
            self.check()

    def _clear_up(self) -> None:
        """In a child. Each process opens connections of its own."""
        for connections in tuple(self._watched):
            if not connections.leave():
                self._stuck = connections.name
                self._kept.append(connections)
        self._watched.clear()
        self._held.clear()
        self._pid = os.getpid()


_stillness = _Stillness()
check_process = _stillness.check


class Connections:
    """What one process holds. ``lock`` guards the writing half, ``reading_lock`` the reading one."""

    def __init__(self, path: Path) -> None:
        self.pid = os.getpid()
        self.lock = threading.RLock()
        self.reading_lock = threading.Lock()
        self.claim: Claim | None = None
        self.writing: sqlite3.Connection | None = None
        self.appender: Appender | None = None
        self.last = 0  # position as of the last transaction
        self.files: Files = ()  # which of them are open for writing
        self._path = path
        _stillness.watch(self)
        self._reading: sqlite3.Connection | None = None

    @property
    def is_mine(self) -> bool:
        """False in a child process of the one that made these."""
        return self.pid == os.getpid()

    def check_claim(self) -> None:
        """Raise JournalTaken where another process writes now. Inside a transaction, which keeps that one waiting."""
        if self.claim is not None:
            self.claim.check()

    @property
    def are_files_gone(self) -> bool:
        """Whether somebody has deleted or replaced what is being written."""
        return self.claim is not None and (self.claim.is_gone or is_replaced(self._path, self.files))

    @property
    def name(self) -> str:
        return str(self._path)

    def leave(self) -> bool:
        """In a child: close the copies. False, and nothing is done, if a thread was inside when it was forked."""
        locks = [lock for lock in (self.lock, self.reading_lock) if lock.acquire(blocking=False)]
        try:
            if len(locks) < 2:
                return False
            claim = None if self.claim is None else self.claim.connection
            for connection in (self.writing, self._reading, claim):
                if connection is not None:
                    connection.close()
            self.writing = self._reading = self.claim = self.appender = None
            return True
        finally:
            for lock in locks:
                lock.release()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection to read by: the writer keeps one, whoever only reads holds nothing between two readings."""
        if not self._path.exists():
            raise JournalError(f"there is no journal {self._path} yet", str(self._path))
        with self.reading_lock:
            if self.claim is not None:
                self._reading = self._reading or connect_to_read(self._path)
                yield self._reading
                return
            connection = connect_to_read(self._path)
            try:
                yield connection
            finally:
                connection.close()

    def close_reading(self) -> None:
        with self.reading_lock:
            if self._reading is not None:
                self._reading.close()
                self._reading = None

    def close_writing(self) -> None:
        if self.writing is not None:
            self.writing.close()
        self.writing = self.appender = None
        if self.claim is not None:
            self.claim.release()
        self.claim = None


def connect_to_write(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=BUSY, isolation_level=None, check_same_thread=False)


def connect_to_read(path: Path) -> sqlite3.Connection:
    """A connection that changes nothing.

    Where this user could write, it could as well: a strictly read-only one that is the last to close leaves SQLite's
    auxiliary files behind. Where not even the folder can be written, a journal that nobody writes is read as it lies.
    """
    may_write = os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
    address = f"file:{quote(str(path))}?mode={'rw' if may_write else 'ro'}"
    if not may_write and not Path(f"{path}-wal").exists():
        address += "&immutable=1"
    connection = sqlite3.connect(address, uri=True, timeout=BUSY, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA query_only = 1")
    return connection
