"""The journal in one SQLite file, written by one process and readable by others at the same time.

The write-ahead log makes that possible: readers see the last whole transaction and never wait. ``synchronous="full"``
flushes it to the disk at the end of each transaction, so that not even a power cut takes back what ``write`` returned
for; ``"normal"`` leaves that to the operating system: nothing is lost when the process ends, however it ends, and a
power cut can cost the last moments.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TypeVar

from jexkit import logs
from jexkit.core.journal import (
    MAIN,
    PRUNE_LIMIT,
    READ_LIMIT,
    Append,
    Attempt,
    DeadLetter,
    Entry,
    Journal,
    JournalStatus,
    Memory,
    Reader,
)
from jexkit.core.retention import Retention
from jexkit.errors import ConfigurationError, JournalCorrupt, JournalError, JournalTaken, UnknownEntry, UsageError
from jexkit.events import Event
from jexkit.journal import attempts, entries, letters
from jexkit.journal.connections import WAL_BYTES, Connections, check_process, connect_to_write
from jexkit.journal.entries import Appender
from jexkit.journal.place import (
    BESIDE,
    Claim,
    check_header,
    check_kind,
    check_writable,
    checked_path,
    files_at,
    is_damaged,
    is_replaced,
    put_out_of_the_way,
    restore,
)
from jexkit.journal.schema import APPLICATION, Header, migrate
from jexkit.journal.trouble import in_words

logger = logs.of(__name__)

T = TypeVar("T")

ON_THE_WAY = 10_000  # entries; a consumer that is behind so few of them is at work and not gone
PAGE = 8192  # bytes; each page is two writes of the log and two of the file, and an event with its message is 600
LOOK_THROUGH_UPTO = 64 * 1024 * 1024  # bytes; a larger file is not looked through at the start, it would take too long


class SqliteJournal(Journal):
    """``StreamManager(journal=SqliteJournal("jexkit.db"))``, for which ``journal="jexkit.db"`` is short.

    ``keep_days`` and ``keep_entries``
        how long, and how many, entries are kept that every consumer has acknowledged.
    ``synchronous``
        ``"full"``: what is acknowledged, or shown to a callback, survives a power cut. ``"normal"``: it survives the
        end of the process, and costs no flush to the disk.

    Making one opens nothing. Raises ConfigurationError for a path that is no file's, or the file of another application
    or of a newer jexkit.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        keep_days: float = 30.0,
        keep_entries: int = 1_000_000,
        synchronous: str = "full",
    ) -> None:
        self.retention = Retention(keep_days, keep_entries)
        if synchronous not in ("full", "normal"):
            raise ConfigurationError(f'synchronous is {synchronous!r}; give "full" or "normal"')
        self._synchronous = synchronous
        self.path: Path = checked_path(path)
        self._connections = Connections(self.path)
        self._refused = 0
        self._set_aside = ""
        self._tell_of_growth_at = 0  # the position before which nothing more is said about it

    def __repr__(self) -> str:
        return f"<SqliteJournal {str(self.path)!r}>"

    # --- life -------------------------------------------------------------------------------------------------------

    def check(self) -> None:
        check_kind(self.path)
        check_writable(self.path)

    def open(self) -> None:
        self._open()

    def take_over(self) -> None:
        self._open(by_force=True)

    def _open(self, *, by_force: bool = False) -> None:
        here = self._here()
        with here.lock, in_words(self.path):
            if here.claim is not None:
                raise JournalTaken(f"{self!r} is in use already; make another one for another file", str(self.path))
            self.check()
            here.claim = Claim(self.path, by_force=by_force)
            try:
                self._begin(here)
            except BaseException:
                here.close_writing()
                raise

    def _begin(self, here: Connections) -> None:
        """Open the file, put aside what is damaged, and bring it to today's shape."""
        if is_damaged(self.path):
            self._set_aside = put_out_of_the_way(self.path, "it is no database")
        here.writing = connect_to_write(self.path)
        try:
            with in_words(self.path):
                here.appender = self._prepare(here.writing)
                here.last = here.appender.last
        except JournalCorrupt as error:
            here.writing.close()
            self._set_aside = put_out_of_the_way(self.path, str(error.__cause__ or error))
            here.writing = connect_to_write(self.path)
            here.appender = self._prepare(here.writing)
        here.files = files_at(self.path)

    def _prepare(self, connection: sqlite3.Connection, last: int = 0) -> Appender:
        header = self._header(connection)
        check_header(self.path, header)
        if header.version and sum(self._sizes()) <= LOOK_THROUGH_UPTO:
            (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            if verdict != "ok":
                raise JournalCorrupt(f"the journal {self.path} is damaged: {verdict}", str(self.path))
        connection.execute(f"PRAGMA page_size = {PAGE}")  # of a new file; one that is there keeps its own
        migrate(connection, header.version)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {self._synchronous}")
        connection.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}")
        connection.execute("UPDATE facts SET value = MAX(value, ?) WHERE name = 'last'", (last,))
        connection.execute("UPDATE facts SET value = ? WHERE name = 'writer'", (os.getpid(),))
        return Appender.of(connection)

    def _header(self, connection: sqlite3.Connection) -> Header:
        """As the database itself tells it, what lies in the write-ahead log included. An empty one is ours."""
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (tables,) = connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
        return Header(is_sqlite=True, application=application if tables else APPLICATION, version=version)

    def close(self) -> None:
        here = self._here()
        with here.lock, in_words(self.path):
            if here.writing is not None and is_replaced(self.path, here.files):
                self._restore_at_the_end(here, here.writing)
            here.close_reading()  # first: the last one to close folds the write-ahead log into the file
            here.close_writing()

    def _restore_at_the_end(self, here: Connections, connection: sqlite3.Connection) -> None:
        """Where that fails, with the folder for example, there is nothing to be done, and the rest is closed."""
        try:
            self._restore(here, connection)
        except JournalTaken:
            return  # by another process, whose file it is
        except JournalError:
            logger.exception("the journal %s is gone, with all that was in it", self.path)

    # --- the writer's -----------------------------------------------------------------------------------------------

    def write(
        self, appends: Sequence[Append], acknowledgements: Mapping[Reader, int] | None = None
    ) -> list[list[Entry]]:
        here = self._here()
        with here.lock:
            connection = self._writing(here)
            if here.are_files_gone:
                connection = self._restore(here, connection)
            try:
                with in_words(self.path):
                    return self._write(here, connection, appends, acknowledgements or {})
            except JournalCorrupt as error:
                self._begin_anew(here, error)
                with in_words(self.path):
                    return self._write(here, self._writing(here), appends, acknowledgements or {})

    def _write(
        self,
        here: Connections,
        connection: sqlite3.Connection,
        appends: Sequence[Append],
        acknowledgements: Mapping[Reader, int],
    ) -> list[list[Entry]]:
        appender, here.appender = here.appender or Appender.of(connection), None
        with transaction(connection):
            here.check_claim()
            written, refused = appender.write(connection, appends, acknowledgements)
        here.appender, here.last = appender, appender.last
        self._refused += refused
        return written

    def _restore(self, here: Connections, connection: sqlite3.Connection) -> sqlite3.Connection:
        """Somebody has deleted or replaced files in use. What is written to them now nobody would find again."""
        with in_words(self.path):
            if here.claim is not None and here.claim.is_gone:
                before, here.claim = here.claim, Claim(self.path)  # where that fails, the old one forbids what it did
                before.release()
                here.appender = None  # another process may have written meanwhile, and positions have gone on
            here.check_claim()
            if is_replaced(self.path, here.files):
                here.close_reading()
                restore(self.path, connection, here.files)
                here.writing = connect_to_write(self.path)
                here.appender = self._prepare(here.writing, here.last)
                here.files = files_at(self.path)
        return self._writing(here)

    def _begin_anew(self, here: Connections, error: JournalCorrupt) -> None:
        """The file was damaged while it was in use. Positions go on, so that those who hold one are not misled."""
        if here.writing is not None:
            here.writing.close()
        here.close_reading()
        self._set_aside = put_out_of_the_way(self.path, str(error.__cause__ or error))
        with in_words(self.path):
            here.writing = connect_to_write(self.path)
            here.appender = self._prepare(here.writing, here.last)
            here.files = files_at(self.path)

    def prune(self, now_ms: int, limit: int = PRUNE_LIMIT) -> int:
        here = self._here()
        with here.lock, in_words(self.path):
            connection = self._writing(here)
            appender = here.appender or Appender.of(connection)
            first_kept = appender.last - self.retention.entries + 1
            with transaction(connection):
                here.check_claim()
                removed = appender.prune(connection, first_kept, self.retention.oldest_ms(now_ms), limit)
            self._tell_of_growth(connection, appender.last)
            return removed

    def _tell_of_growth(self, connection: sqlite3.Connection, last: int) -> None:
        """A consumer that is gone holds everything back: the file must not grow for it unseen."""
        if last < self._tell_of_growth_at:
            return
        first, laggard = entries.oldest(connection)
        growth = max(self.retention.entries, ON_THE_WAY)
        if laggard is not None and last - first >= self.retention.entries + growth:
            self._tell_of_growth_at = last + growth
            logger.warning(
                "the journal %s keeps more than %d entries: consumer %r of stream %r has acknowledged none after %d; "
                "if it is gone, 'jexkit journal forget' lets go of them",
                self.path,
                self.retention.entries,
                laggard.consumer,
                laggard.stream,
                laggard.position,
            )

    # --- attempts ---------------------------------------------------------------------------------------------------

    def begin(self, attempt: Attempt) -> None:
        self._change(lambda connection: attempts.begin(connection, attempt), is_flushed=False)

    def finish(self, attempt: Attempt) -> None:
        self._change(lambda connection: attempts.finish(connection, attempt), is_flushed=False)

    def unfinished(self, stream: str) -> list[Attempt]:
        return self._look(lambda connection: attempts.unfinished(connection, stream))

    # --- anybody's --------------------------------------------------------------------------------------------------

    def last(self) -> int:
        return self._look(entries.last)

    def read(
        self,
        after: int = 0,
        *,
        stream: str | None = None,
        types: Sequence[type[Event]] = (),
        limit: int = READ_LIMIT,
    ) -> list[Entry]:
        return self._look(lambda connection: entries.read(connection, after, stream, types, limit))

    def position(self, stream: str, consumer: str = MAIN) -> int:
        return self._look(lambda connection: entries.position(connection, stream, consumer)) or 0

    def recall(self, stream: str) -> Memory | None:
        return self._look(lambda connection: entries.recall(connection, stream))

    def status(self) -> JournalStatus:
        def look(connection: sqlite3.Connection) -> JournalStatus:
            count, first, last = entries.extent(connection)
            return JournalStatus(
                where=str(self.path),
                entries=count,
                first=first,
                last=last,
                bytes=sum(self._sizes()),
                refused=self._refused,
                dead_letters=letters.count(connection),
                consumers=entries.progress(connection),
                set_aside=self._set_aside,
            )

        return self._look(look)

    # --- dead letters -----------------------------------------------------------------------------------------------

    def set_aside(self, letter: DeadLetter) -> DeadLetter:
        return self._change(lambda connection: letters.add(connection, letter))

    def dead_letters(self, *, wanted: bool = False, limit: int = READ_LIMIT) -> list[DeadLetter]:
        return self._look(lambda connection: letters.find(connection, wanted, limit))

    def replay(self, number: int) -> None:
        self._change(lambda connection: letters.want(connection, number, str(self.path)))

    def discard(self, number: int) -> None:
        self._change(lambda connection: letters.remove(connection, number, str(self.path)))

    # --- consumers --------------------------------------------------------------------------------------------------

    def rewind(self, stream: str, consumer: str, position: int) -> None:
        """Raises JournalTaken while another process writes."""

        def go_back(connection: sqlite3.Connection) -> None:
            known = self._known(connection, stream, consumer)
            if not 0 <= position <= known:
                raise UnknownEntry(
                    f"consumer {consumer!r} of {stream!r} is at {known}, not yet at {position}", str(self.path)
                )
            entries.set_position(connection, stream, consumer, position)

        is_mine = self._here().claim is not None
        if not is_mine:
            self.open()  # whoever writes has its consumers' positions by heart, and would take no notice
        try:
            self._change(go_back)
        finally:
            if not is_mine:
                self.close()

    def forget(self, stream: str, consumer: str) -> None:
        def remove(connection: sqlite3.Connection) -> None:
            self._known(connection, stream, consumer)
            entries.set_position(connection, stream, consumer, None)
            attempts.forget(connection, stream, consumer)

        self._change(remove)

    def _known(self, connection: sqlite3.Connection, stream: str, consumer: str) -> int:
        position = entries.position(connection, stream, consumer)
        if position is None:
            raise UnknownEntry(
                f"stream {stream!r} has no consumer {consumer!r} in the journal {self.path}", str(self.path)
            )
        return position

    # --- inner ------------------------------------------------------------------------------------------------------

    def _here(self) -> Connections:
        """The connections of this process; a child begins without any."""
        check_process()
        here = self._connections
        if not here.is_mine:
            here = self._connections = Connections(self.path)
        return here

    def _writing(self, here: Connections) -> sqlite3.Connection:
        if here.writing is None:
            raise UsageError(
                "the journal is not open for writing in this process; call open() first, or give it to a StreamManager"
            )
        return here.writing

    def _look(self, what: Callable[[sqlite3.Connection], T]) -> T:
        """Read in a transaction of its own, so that everything is of one moment."""
        here = self._here()
        with in_words(self.path), here.reading() as connection:
            check_header(self.path, self._header(connection))
            with transaction(connection, "BEGIN"):
                return what(connection)

    def _change(self, what: Callable[[sqlite3.Connection], T], *, is_flushed: bool = True) -> T:
        """A short change that anybody may make, also while another process writes."""
        here = self._here()
        with here.lock, in_words(self.path):
            if here.writing is not None:
                with nullcontext() if is_flushed else self._unflushed(here.writing), transaction(here.writing):
                    here.check_claim()
                    return what(here.writing)
            if not self.path.exists():
                raise JournalError(f"there is no journal {self.path} yet", str(self.path))
            check_writable(self.path)
            connection = connect_to_write(self.path)
            try:
                with transaction(connection):
                    return what(connection)
            finally:
                connection.close()

    @contextmanager
    def _unflushed(self, connection: sqlite3.Connection) -> Iterator[None]:
        """What is written here survives the end of the process; a power cut may take it back."""
        connection.execute("PRAGMA synchronous = normal")
        try:
            yield
        finally:
            connection.execute(f"PRAGMA synchronous = {self._synchronous}")

    def _sizes(self) -> Iterator[int]:
        for ending in BESIDE:
            try:
                yield Path(f"{self.path}{ending}").stat().st_size
            except FileNotFoundError:
                continue


@contextmanager
def transaction(connection: sqlite3.Connection, begin: str = "BEGIN IMMEDIATE") -> Iterator[None]:
    """All or nothing. SQLite itself may have taken all of it back, when the disk is full for example."""
    connection.execute(begin)
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
