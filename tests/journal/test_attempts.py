"""The notes of callbacks that are under way. What is kept of them, ``jexkit.testing.conformance.journal`` tests."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from jexkit.core.journal import MAIN, Attempt
from jexkit.journal import attempts
from jexkit.journal.sqlite import SqliteJournal
from jexkit.testing.conformance.journal import fills

ATTEMPT = Attempt("main", 1, MAIN, "book_it")


@pytest.fixture
def journal(tmp_path: Path) -> SqliteJournal:
    journal = SqliteJournal(tmp_path / "journal")
    journal.open()
    journal.append("main", fills(1, 1))
    return journal


def test_an_attempt_of_a_stream_that_nobody_knows_is_not_noted(journal: SqliteJournal) -> None:
    """There can be no entry of it either."""
    journal.begin(Attempt("other", 1, MAIN, "book_it"))
    assert journal.unfinished("other") == []
    journal.close()


def test_a_note_costs_no_flush_and_an_entry_does(journal: SqliteJournal, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection flushes again after it, also when the note could not be written."""
    connection = journal._connections.writing
    assert connection is not None
    (full,) = connection.execute("PRAGMA synchronous").fetchone()
    seen: list[int] = []
    begin = attempts.begin

    def watched(connection: sqlite3.Connection, attempt: Attempt) -> None:
        seen.append(connection.execute("PRAGMA synchronous").fetchone()[0])
        begin(connection, attempt)
        raise ZeroDivisionError

    monkeypatch.setattr("jexkit.journal.attempts.begin", watched)
    with pytest.raises(ZeroDivisionError):
        journal.begin(ATTEMPT)
    normal = 1
    assert (seen, connection.execute("PRAGMA synchronous").fetchone()) == ([normal], (full,))
    assert full > normal
    journal.close()
