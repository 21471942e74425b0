"""The connections of one process."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest

from jexkit.errors import JournalError
from jexkit.journal.connections import Connections, connect_to_read
from jexkit.journal.sqlite import SqliteJournal
from jexkit.testing.conformance.journal import fills


def descriptors(path: Path) -> int:
    """How many files of the journal this process holds open."""
    links = (each.resolve() for each in Path("/proc/self/fd").iterdir())
    return sum(str(link).startswith(str(path)) for link in links)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    journal = SqliteJournal(tmp_path / "jexkit.db")
    journal.open()
    journal.append("main", fills(1, 2))
    journal.close()
    return journal.path


def test_whoever_only_reads_holds_nothing(path: Path) -> None:
    """Between two readings no file is open."""
    with Connections(path).reading() as connection:
        assert descriptors(path) > 0
    assert descriptors(path) == 0
    with pytest.raises(sqlite3.ProgrammingError):
        connection.execute("SELECT 1")


def test_reading_leaves_no_file_behind(path: Path) -> None:
    """Nor does it make one that stays."""
    for _ in range(3):
        assert len(SqliteJournal(path).read()) == 2
    assert list(path.parent.iterdir()) == [path]


def test_a_reader_cannot_write(path: Path) -> None:
    with (
        Connections(path).reading() as connection,
        pytest.raises(sqlite3.OperationalError, match="readonly"),
    ):
        connection.execute("DELETE FROM entries")


def test_a_journal_that_is_not_there_is_not_made_by_reading(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="no journal"), Connections(tmp_path / "jexkit.db").reading():
        pass
    assert list(tmp_path.iterdir()) == []


def test_odd_names_are_names(tmp_path: Path) -> None:
    """What means something in an address means nothing in a path."""
    for name in ("a b?mode=rw.db", "100%.db", "#.db", "é.db"):
        journal = SqliteJournal(tmp_path / name)
        journal.open()
        journal.append("main", fills(1, 1))
        journal.close()
        connection = connect_to_read(tmp_path / name)
        assert connection.execute("SELECT COUNT(*) FROM entries").fetchone() == (1,)
        connection.close()


def test_a_child_knows_that_they_are_not_its_own(path: Path) -> None:
    """By the process id, whether fork hooks ran or not."""
    connections = Connections(path)
    assert connections.is_mine
    connections.pid += 1
    assert not connections.is_mine


def test_copies_are_not_closed_where_a_thread_was_inside(path: Path) -> None:
    """As the locks tell; of a writer and of a reader alike."""
    for name in ("lock", "reading_lock"):
        connections = Connections(path)
        holder = threading.Thread(target=getattr(connections, name).acquire)
        holder.start()
        holder.join()
        assert not connections.leave()
    assert Connections(path).leave()
