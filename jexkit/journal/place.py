"""A journal's path: what is there, who writes there, and how a damaged file is put out of the way."""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
import time
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path
from tempfile import TemporaryFile
from typing import TypeAlias
from urllib.parse import quote

from jexkit import logs
from jexkit.errors import ConfigurationError, JournalTaken
from jexkit.journal.schema import APPLICATION, NOTHING, VERSION, Header

logger = logs.of(__name__)

BESIDE = ("", "-wal", "-shm")
"""The files that SQLite keeps a database in, by what is added to its path."""
LONGEST_ENDING = ".corrupt-20260101T000000-999-wal"
A_MOMENT = 0.05  # seconds; taking a claim by force leaves it without a file for some microseconds
ATTEMPTS = 10  # to claim a place whose claim goes away in the same moment


def checked_path(path: object) -> Path:
    """The path of a journal. Raises ConfigurationError for what cannot be one."""
    if not isinstance(path, (str, os.PathLike)):
        raise ConfigurationError(f"a journal's path must be a text or a path, not {path!r}")
    text = os.fspath(path)
    if not isinstance(text, str) or not text.strip() or "\0" in text:
        raise ConfigurationError(f"{path!r} is no path; give the name of a file, such as 'jexkit.db'")
    if text == ":memory:":
        raise ConfigurationError("for a journal without a file use jexkit.MemoryJournal()")
    place = Path(text).expanduser().resolve()  # by whatever name it is called, and wherever the program goes
    check_kind(place)
    return place


def check_kind(path: Path) -> None:
    """Refuse what is no file, or the file of something else."""
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise ConfigurationError(f"{path} is a directory; name a file in it, such as {path / 'jexkit.db'}")
        if not stat.S_ISREG(mode):
            raise ConfigurationError(f"{path} is not an ordinary file, so it cannot be a journal")
        check_header(path, header_of(path))
    except FileNotFoundError:
        check_folder(path)
        check_room_for_names(path)
    except OSError as error:
        raise ConfigurationError(f"the journal {path} cannot be read: {error.strerror or error}") from None


def check_folder(path: Path) -> None:
    if not path.parent.is_dir():
        raise ConfigurationError(f"there is no folder {path.parent} for the journal {path.name}; make it first")


def check_room_for_names(path: Path) -> None:
    """Other files have the same name with more behind it. A name that is too long for them is found out now."""
    try:
        Path(f"{path}{LONGEST_ENDING}").exists()
    except OSError as error:
        raise ConfigurationError(f"the journal {path} cannot be made: {error.strerror}; shorten its name") from None


def check_header(path: Path, header: Header) -> None:
    """Refuse another application's database, and one of a newer jexkit."""
    if header.is_sqlite and header.application != APPLICATION:
        raise ConfigurationError(f"{path} is a database of another application; give the journal a file of its own")
    if header.is_sqlite and header.version > VERSION:
        raise ConfigurationError(
            f"the journal {path} was written by a newer jexkit (schema {header.version}, this one knows {VERSION}); "
            "upgrade jexkit, or give it another file"
        )


def check_writable(path: Path) -> None:
    """Refuse a place that this user cannot write."""
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise ConfigurationError(
            f"the folder {path.parent} is not writable for this user, and the journal needs it to be"
        )
    if not path.exists():
        try:
            TemporaryFile(dir=path.parent).close()  # some folders take no files, whatever their mode says
        except OSError as error:
            raise ConfigurationError(
                f"no file can be made in {path.parent} ({error.strerror}), so no journal either; name another folder"
            ) from None
    elif not os.access(path, os.W_OK):
        raise ConfigurationError(f"the journal {path} is not writable for this user")


def is_damaged(path: Path) -> bool:
    """Whether there is something that is no database at all."""
    try:
        return path.stat().st_size > 0 and not header_of(path).is_sqlite
    except FileNotFoundError:
        return False


def header_of(path: Path) -> Header:
    """What the first bytes of the file say, read by SQLite and by nobody else. Raises OSError.

    When a process closes a file, the system drops every lock that it has on it, those of its other connections too.
    The next reader elsewhere would then take itself for the last one and remove the write-ahead log that this process
    goes on to write. SQLite minds the connections of its process and keeps such a file open.
    """
    if path.stat().st_size == 0:
        return NOTHING
    if not os.access(path, os.R_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    address = f"file:{quote(os.fsencode(path))}?mode=ro&immutable=1"  # no lock is taken, and no other file is looked at
    with closing(sqlite3.connect(address, uri=True)) as connection:
        try:
            connection.execute(
                "PRAGMA writable_schema = ON"
            )  # a file that ends too early tells whose it is all the same
            (application,) = connection.execute("PRAGMA application_id").fetchone()
            (version,) = connection.execute("PRAGMA user_version").fetchone()
        except sqlite3.DatabaseError:
            return NOTHING
    return Header(is_sqlite=True, application=application, version=version)


Files: TypeAlias = tuple[tuple[int, int] | None, ...]
"""Which files lie at the names of ``BESIDE``, by device and number; None for none."""


def files_at(path: Path) -> Files:
    return tuple(_file_at(Path(f"{path}{ending}")) for ending in BESIDE)


def _file_at(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def is_replaced(path: Path, ours: Files) -> bool:
    """Whether one of the files of that name is gone, or is another one than that which we have open."""
    return files_at(path) != ours


def _name_aside(path: Path, why: str) -> str:
    moment = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%S")
    names = (f"{path}.{why}-{moment}" + (f"-{number}" if number else "") for number in range(1_000))
    return next(name for name in names if not Path(name).exists())


def put_out_of_the_way(path: Path, why: str) -> str:
    """Give the file another name, with what SQLite keeps beside it, and say so. Returns the new name."""
    aside = _name_aside(path, "corrupt")
    for ending in reversed(BESIDE):
        if Path(f"{path}{ending}").exists():
            Path(f"{path}{ending}").rename(f"{aside}{ending}")
    logger.error("the journal %s is damaged (%s); it is kept as %s, and a new one is begun", path, why, aside)
    return aside


def restore(path: Path, connection: sqlite3.Connection, ours: Files) -> None:
    """Make a file anew that was deleted or replaced: whoever has it open has all of it still. Closes the connection.

    What lies in its place is somebody's, and is kept under another name.
    """
    made = Path(f"{path}.restored")
    try:
        with closing(sqlite3.connect(made)) as copy:
            connection.backup(copy)
        connection.close()
        aside = _put_strangers_aside(path, ours)
        made.rename(path)
    finally:
        made.unlink(missing_ok=True)
    what, rest = ("replaced", f" (the other file is kept as {aside})") if aside else ("deleted", "")
    words = "the journal %s was %s while it was in use; it is made anew, with all that was in it%s"
    logger.error(words, path, what, rest)


def _put_strangers_aside(path: Path, ours: Files) -> str:
    """What is left of our own files does not fit the new one. Returns the name of what was in its place, or ""."""
    aside = _name_aside(path, "replaced")
    for ending, found, our in zip(BESIDE, files_at(path), ours, strict=True):
        if found == our:
            Path(f"{path}{ending}").unlink(missing_ok=True)
        elif found is not None:
            Path(f"{path}{ending}").rename(f"{aside}{ending}")
    return aside if Path(aside).exists() else ""


class Claim:
    """Being the one writer: an exclusive lock of SQLite's on an empty file beside the journal.

    It ends with the process, however that ends, and no child inherits it. SQLite's lock on the journal itself would
    keep readers out.
    """

    def __init__(self, path: Path, *, by_force: bool = False) -> None:
        self._path = Path(f"{path}-writer")
        self._journal = path
        if by_force:
            self._path.unlink(missing_ok=True)  # whoever has it locked has a file that stands for nothing any more
        self._mine: int | None = None
        self.connection = self._claim()

    def _claim(self) -> sqlite3.Connection:
        for _ in range(ATTEMPTS):
            self._path.touch()
            before = self._inode()
            connection = sqlite3.connect(self._path, timeout=0, isolation_level=None, check_same_thread=False)
            try:
                connection.execute("PRAGMA journal_mode = MEMORY")  # no further file
                connection.execute("BEGIN EXCLUSIVE")
            except sqlite3.OperationalError as error:
                connection.close()
                if "locked" not in str(error):
                    raise
                raise JournalTaken(
                    f"another process or StreamManager writes the journal {self._journal}; there can be one at a time: "
                    "stop the other, give this one a file of its own, or only read",
                    str(self._journal),
                ) from None
            if before is not None and before == self._inode():
                self._mine = before
                return connection
            connection.close()  # the last holder removed the file in between: it stands for nothing any more
        raise JournalTaken(f"the journal {self._journal} changes hands all the time; try again", str(self._journal))

    def _inode(self) -> int | None:
        try:
            return self._path.stat().st_ino
        except FileNotFoundError:
            return None

    def release(self) -> None:
        """The file goes first: whoever finds it without a lock on it must not find it for long."""
        if self._inode() == self._mine:
            self._path.unlink(missing_ok=True)
        self.connection.close()

    @property
    def is_gone(self) -> bool:
        """Whether somebody has deleted the file. A process that takes it by force does so too, for a moment."""
        if self._inode() is not None:
            return False
        time.sleep(A_MOMENT)
        return self._inode() is None

    def check(self) -> None:
        """Raise JournalTaken if another process has taken it by force. To be asked inside each transaction."""
        found = self._inode()
        if found is None:
            raise JournalTaken(
                f"the file {self._path} is gone, by which one process writes the journal {self._journal}; nobody may "
                "delete it while that runs",
                str(self._journal),
            )
        if found != self._mine:
            raise JournalTaken(
                f"another process has taken over the journal {self._journal}, while this one did not move",
                str(self._journal),
            )
