"""The SQL of dead letters. Each function works on a connection that its caller has to itself."""

from __future__ import annotations

import sqlite3

import attrs

from jexkit.core.journal import DeadLetter, Entry
from jexkit.core.records import write_event
from jexkit.errors import UnknownEntry
from jexkit.journal.entries import event_of

_COLUMNS = "position, type, event, consumer, callback, traceback, attempts, failed_ms, number, is_wanted"


def add(connection: sqlite3.Connection, letter: DeadLetter) -> DeadLetter:
    event = letter.entry.event
    values = (
        letter.entry.position,
        type(event).__name__,
        write_event(event),
        letter.consumer,
        letter.callback,
        letter.traceback,
        letter.attempts,
        letter.failed_ms,
    )
    statement = """INSERT INTO dead_letters
        (position, type, event, consumer, callback, traceback, attempts, failed_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"""
    number = connection.execute(statement, values).lastrowid or 0
    return attrs.evolve(letter, number=number, is_wanted=False)


def find(connection: sqlite3.Connection, wanted: bool, limit: int) -> list[DeadLetter]:
    where = "WHERE is_wanted" if wanted else ""
    query = f"SELECT {_COLUMNS} FROM dead_letters {where} ORDER BY number LIMIT ?"  # noqa: S608 - the texts above
    return [_letter(row) for row in connection.execute(query, (limit,)).fetchall()]


def _letter(row: tuple[int, str, str, str, str, str, int, int, int, int]) -> DeadLetter:
    position, kind, text, consumer, callback, traceback, attempts, failed_ms, number, is_wanted = row
    entry = Entry(position, event_of(kind, text))
    return DeadLetter(entry, consumer, callback, traceback, attempts, failed_ms, number, bool(is_wanted))


def count(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT COUNT(*) FROM dead_letters").fetchone()[0])


def want(connection: sqlite3.Connection, number: int, where: str) -> None:
    _check(connection.execute("UPDATE dead_letters SET is_wanted = 1 WHERE number = ?", (number,)), number, where)


def remove(connection: sqlite3.Connection, number: int, where: str) -> None:
    _check(connection.execute("DELETE FROM dead_letters WHERE number = ?", (number,)), number, where)


def _check(done: sqlite3.Cursor, number: int, where: str) -> None:
    if done.rowcount != 1:
        raise UnknownEntry(f"there is no dead letter {number} in the journal {where}", where)
