"""The shape of a journal's file, and its way from an earlier one."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from jexkit.core.records import write_event
from jexkit.events import Fill
from jexkit.journal.place import header_of
from jexkit.journal.schema import APPLICATION, STEPS, VERSION, Header, migrate
from jexkit.journal.sqlite import SqliteJournal
from jexkit.testing.conformance.journal import fill, fills, letter


def of_version(path: Path, version: int) -> sqlite3.Connection:
    """A file as the jexkit of that version made it."""
    connection = sqlite3.connect(path, isolation_level=None)
    migrate(connection, 0, version)
    return connection


def test_a_new_file_says_whose_it_is(tmp_path: Path) -> None:
    """In its first bytes, where it can be read before anything is made of the file."""
    of_version(tmp_path / "journal", VERSION).close()
    assert header_of(tmp_path / "journal") == Header(is_sqlite=True, application=APPLICATION, version=VERSION)


def test_a_file_of_version_1_becomes_one_of_today(tmp_path: Path) -> None:
    """With everything that was in it, and with room for what is new."""
    path = tmp_path / "journal"
    old = of_version(path, 1)
    old.execute("INSERT INTO streams VALUES (1, 'main')")
    event = fill(1)
    row = (7, 1, event.id, "Fill", event.received_ms, write_event(event))
    old.execute("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?)", row)
    old.execute("INSERT INTO consumers VALUES (1, 'ledger', 7)")
    old.execute("INSERT INTO memories VALUES (1, 7, '{\"since_ms\": 1}')")
    old.execute("UPDATE facts SET value = 7 WHERE name = 'last'")
    old.close()
    journal = SqliteJournal(path)
    journal.open()
    try:
        (entry,) = journal.read()
        assert (entry.position, entry.event, journal.position("main", "ledger")) == (7, event, 7)
        assert journal.recall("main") is not None
        assert [each.position for each in journal.append("main", fills(1, 2))] == [8]
        assert journal.set_aside(letter(entry)).number == 1
    finally:
        journal.close()
    assert header_of(path).version == VERSION


def test_a_file_of_version_3_is_read_before_and_after_it_is_brought_to_today(tmp_path: Path) -> None:
    """Whoever only reads leaves it as it is. Rows of both shapes are read as one."""
    path, events = tmp_path / "journal", fills(1, 4)
    old = of_version(path, 3)
    old.execute("INSERT INTO streams VALUES (1, 'main')")
    rows = [(at, 1, event.id, "Fill", event.received_ms, write_event(event)) for at, event in enumerate(events[:2], 1)]
    old.executemany("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?)", rows)
    old.close()
    reader = SqliteJournal(path)
    assert [entry.event for entry in reader.read(types=[Fill])] == events[:2]
    assert header_of(path).version == 3
    journal = SqliteJournal(path)
    journal.open()
    try:
        journal.append("main", events)
        assert [entry.event for entry in journal.read()] == events
        assert [entry.event for entry in reader.read(2)] == events[2:]
    finally:
        journal.close()


def test_an_interrupted_step_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file stays one of the version before, and the next attempt begins there."""
    connection = of_version(tmp_path / "journal", 1)
    broken = (*STEPS[:1], (*STEPS[1], "CREATE TABLE entries (again)"))
    monkeypatch.setattr("jexkit.journal.schema.STEPS", broken)
    with pytest.raises(sqlite3.OperationalError):
        migrate(connection, 1)
    assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    monkeypatch.undo()
    migrate(connection, 1)
    assert connection.execute("PRAGMA user_version").fetchone() == (VERSION,)
    connection.close()
