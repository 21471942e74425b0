"""The SQL of attempts. Each function works on a connection that its caller has to itself."""

from __future__ import annotations

import sqlite3

from jexkit.core.journal import Attempt

_STREAM = "(SELECT number FROM streams WHERE name = ?)"


def begin(connection: sqlite3.Connection, attempt: Attempt) -> None:
    statement = """INSERT INTO attempts SELECT number, ?, ?, ?, ? FROM streams WHERE name = ?
        ON CONFLICT DO UPDATE SET count = excluded.count"""
    values = (attempt.position, attempt.consumer, attempt.callback, attempt.count, attempt.stream)
    connection.execute(statement, values)


def finish(connection: sqlite3.Connection, attempt: Attempt) -> None:
    statement = f"DELETE FROM attempts WHERE stream = {_STREAM} AND position = ? AND consumer = ? AND callback = ?"  # noqa: S608 - the text above
    connection.execute(statement, (attempt.stream, attempt.position, attempt.consumer, attempt.callback))


def unfinished(connection: sqlite3.Connection, stream: str) -> list[Attempt]:
    query = f"SELECT position, consumer, callback, count FROM attempts WHERE stream = {_STREAM}"  # noqa: S608 - the text above
    return [Attempt(stream, *row) for row in connection.execute(query, (stream,))]


def forget(connection: sqlite3.Connection, stream: str, consumer: str) -> None:
    """The consumer is no more."""
    connection.execute(f"DELETE FROM attempts WHERE stream = {_STREAM} AND consumer = ?", (stream, consumer))  # noqa: S608 - the text above
