"""A lock of the processes of one host, by two files.

``path`` stays, and stays empty: whoever reads or writes the other file locks it for these microseconds. ``path.holder``
is there while the lock is held. It says who holds it and until when (by the monotonic clock, which all processes of a
host share), and its holder keeps it locked for as long as it lives.

These are two proofs of life, because one is not enough. The system drops the lock on a file the moment a process dies,
but keeps it for one that hangs; what is written in it goes out of date for both, but not before the lease is over. So a
dead holder is noticed at the next look, a hanging one after a lease. A process that has taken over from a hanging one
lacks the lock on the file at first and says so in it; then nobody concludes from a missing lock that it is dead.

Where that is wanted (``kill_hung``) it ends the one that hangs instead: by its number and its birth, see ``hung``.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import secrets
import socket
import time
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs

from jexkit import logs
from jexkit.core.lock import Lock
from jexkit.engine import hung
from jexkit.engine.clock import Clock
from jexkit.errors import ConfigurationError, LockError

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]

logger = logs.of(__name__)

SHORTEST_LEASE, LONGEST_LEASE = 1.0, 3600.0  # seconds
GUARD_WITHIN = 1.0  # seconds; others hold the guard for microseconds
LOOK_EVERY = 0.005
LARGEST = 4096  # bytes of a record


@attrs.frozen
class Record:
    """What stands in ``path.holder``."""

    token: str
    pid: int
    host: str
    lease: float
    renewed: float
    is_locked: bool
    birth: str = ""

    def is_over(self, now: float) -> bool:
        """Whether the lease is over, or is of another start of the machine, whose clock began anew."""
        return not 0 <= now - self.renewed <= self.lease

    @classmethod
    def of(cls, text: bytes) -> Record | None:
        """None for what makes no sense: a file that was being written when the machine went down."""
        try:
            return cls(**json.loads(text))
        except (ValueError, TypeError):
            return None


class FileLock(Lock):
    """Exactly one of the processes of a host that name the same ``path`` holds it.

    ``path``
        made at once if it is not there, in a folder that must be there, on a local file system. Neither file may be
        deleted while a process runs that uses them.
    ``lease``
        the number of seconds after which a holder that hangs is replaced; one that has died is replaced within about a
        second.
    ``kill_hung``
        True: whoever takes over from a holder that hangs kills that process first (SIGKILL, whatever else it does), and
        says so in the log. Otherwise it lives on with what it has locked, and one that was stopped in the midst of a
        write keeps the journal from everybody. On Linux alone, and where this user may do it.

    Raises ConfigurationError.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        lease: float = 10.0,
        kill_hung: bool = False,
        clock: Clock | None = None,
    ) -> None:
        if fcntl is None:
            raise ConfigurationError("FileLock needs a system with flock(), such as Linux or macOS")
        if (
            isinstance(lease, bool)
            or not isinstance(lease, (int, float))
            or not SHORTEST_LEASE <= lease <= LONGEST_LEASE
        ):
            raise ConfigurationError(f"lease is {lease!r}; give seconds from {SHORTEST_LEASE:g} to {LONGEST_LEASE:g}")
        if not isinstance(kill_hung, bool):
            raise ConfigurationError(f"kill_hung is {kill_hung!r}; give True or False")
        if kill_hung and not hung.can_end:
            raise ConfigurationError("kill_hung=True needs Linux 5.3 or later, which can end a process without mistake")
        self.lease = float(lease)
        self._kill_hung = kill_hung
        self._clock = clock or Clock()
        self._guard = _checked(path)
        self._file = self._guard.with_name(self._guard.name + ".holder")
        self._held: int | None = None  # the open ``path.holder``, while we hold the lock
        self._is_locked = False
        self._token = ""
        self._pid = os.getpid()
        self._birth = hung.birth_of(self._pid)
        _forget_in_children()
        _locks.add(self)

    def __repr__(self) -> str:
        return f"<FileLock {str(self._guard)!r}>"

    def acquire(self) -> bool:
        self._look_where_we_are()
        with self._alone():
            found = self._read()
            if found is not None and found.token != self._token and not self._is_free(found):
                return False
            if found is not None and self._kill_hung:
                self._end_if_hung(found)
            self._drop()
            self._token = f"{os.getpid()}-{secrets.token_hex(8)}"
            self._take()
            self.has_superseded = not self._is_locked
            return True

    def renew(self) -> bool:
        self._look_where_we_are()
        if not self._token:
            return False
        with self._alone():
            found = self._read()
            if found is None or found.token != self._token:
                self._drop()
                return False
            self._take()
            return True

    def release(self) -> None:
        self._look_where_we_are()
        if not self._token:
            return
        with self._alone():
            found = self._read()
            if found is not None and found.token == self._token:
                self._file.unlink(missing_ok=True)
            self._drop()

    def holder(self) -> str:
        """Its process and host."""
        found = self._read()
        return f"process {found.pid} on {found.host}" if found is not None else ""

    # --- inner ------------------------------------------------------------------------------------------------------

    def _is_free(self, found: Record) -> bool:
        if found.is_over(self._clock.monotonic()):
            return True
        if not found.is_locked:
            return False
        with _opened(self._file) as file:
            return _try_to_lock(file)  # and given up again by closing it

    def _end_if_hung(self, found: Record) -> None:
        """One whose lease is over and which lives. What was its lock is free then, and what it had locked."""
        late = self._clock.monotonic() - found.renewed
        if not found.is_over(self._clock.monotonic()) or found.host != socket.gethostname():
            return
        if hung.end(found.pid, found.birth):
            words = "process %d held the lock %s, had not renewed it for %.1f s, and hung: it was killed"
            logger.warning(words, found.pid, self._guard, late)

    def _take(self) -> None:
        """Lock the file, if nobody who hangs has it still, and write that we hold it."""
        if self._held is None:
            self._held = _open(self._file)
        self._is_locked = self._is_locked or _try_to_lock(self._held)
        now = self._clock.monotonic()
        record = Record(self._token, os.getpid(), socket.gethostname(), self.lease, now, self._is_locked, self._birth)
        text = json.dumps(attrs.asdict(record)).encode()
        with _in_words(self._file):
            os.pwrite(self._held, text.ljust(LARGEST), 0)  # one write, always as long: never half of one record

    def _read(self) -> Record | None:
        try:
            with self._file.open("rb") as file:
                return Record.of(file.read(LARGEST))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise LockError(f"the lock file {self._file} cannot be read: {error.strerror}") from None

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Nobody else reads or writes the file meanwhile."""
        deadline = time.monotonic() + GUARD_WITHIN
        while True:
            with _opened(self._guard) as guard:
                if _try_to_lock(guard) and _is_still(guard, self._guard):
                    try:
                        yield
                    finally:
                        fcntl.flock(guard, fcntl.LOCK_UN)  # closing is not enough where a child has a copy
                    return
            if time.monotonic() >= deadline:
                raise LockError(f"another process holds {self._guard} for more than {GUARD_WITHIN:g} s; it may hang")
            time.sleep(LOOK_EVERY)

    def _drop(self) -> None:
        if self._held is not None:
            os.close(self._held)
        self._held, self._is_locked, self._token = None, False, ""
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self._birth = hung.birth_of(self._pid)

    def _look_where_we_are(self) -> None:
        """A child closes its copy of the file, which would keep it locked after its parent's death."""
        if self._pid != os.getpid():
            self._drop()


_locks: weakref.WeakSet[FileLock] = weakref.WeakSet()


@functools.cache
def _forget_in_children() -> None:
    """One hook for all locks, for it cannot be taken back. Where a server runs no hooks, it is done at the next use."""

    def forget() -> None:
        for lock in tuple(_locks):
            lock._look_where_we_are()  # noqa: SLF001 - its own function

    os.register_at_fork(after_in_child=forget)


def _checked(path: Any) -> Path:
    try:
        guard = Path(path)
    except TypeError:
        raise ConfigurationError(f"a lock's path is a text or a Path, not {path!r}") from None
    if "\0" in str(guard):
        raise ConfigurationError(f"{str(guard)!r} is no path; give the name of a file, such as 'jexkit.lock'")
    try:
        _check_kind(guard)
        with _opened(guard) as file:
            size = os.fstat(file).st_size
    except LockError as error:
        raise ConfigurationError(f"{error}; name a file that this process may write") from None
    if size:
        raise ConfigurationError(f"{guard} is no lock file: there is something in it; name one that does not exist yet")
    return guard.absolute()


def _check_kind(guard: Path) -> None:
    """Refuse what is no ordinary file, and a name that leaves no room for that of the file beside it."""
    with _in_words(guard):
        if guard.is_dir():
            raise ConfigurationError(f"the lock file {guard} is a folder; name a file in it")
        if guard.exists() and not guard.is_file():
            raise ConfigurationError(f"{guard} is no ordinary file; name one that does not exist yet")
        guard.with_name(f"{guard.name}.holder").exists()


def _open(path: Path) -> int:
    with _in_words(path):
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    file = _open(path)
    try:
        yield file
    finally:
        os.close(file)


@contextlib.contextmanager
def _in_words(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise LockError(f"the lock file {path} cannot be made or written: {error.strerror}") from None


def _try_to_lock(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise LockError(f"the lock file cannot be locked: {error.strerror}") from None
    return True


def _is_still(file: int, path: Path) -> bool:
    """Whether the open file is the one that has the name; somebody may have deleted that meanwhile."""
    try:
        return os.fstat(file).st_ino == path.stat().st_ino
    except FileNotFoundError:
        return False
