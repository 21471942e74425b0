"""Every SQL statement that shapes a journal's file, and how a file of an earlier jexkit becomes one of today.

A file says whose it is (``application_id``) and which step it has reached (``user_version``). A change of the shape is
one more step at the end of ``STEPS``; the steps before it are never touched again.
"""

from __future__ import annotations

import sqlite3

import attrs

APPLICATION = 0x6A78_6B74  # "jxkt"

STEPS = (
    # 1: entries, how far each consumer is, and what recovery remembers
    (
        "CREATE TABLE streams (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
        """CREATE TABLE entries (
            position INTEGER PRIMARY KEY,
            stream INTEGER NOT NULL REFERENCES streams,
            id TEXT NOT NULL,
            type TEXT NOT NULL,
            received_ms INTEGER NOT NULL,
            event TEXT NOT NULL,
            UNIQUE (stream, id)
        )""",
        "CREATE INDEX entries_of_stream ON entries (stream, position)",
        """CREATE TABLE consumers (
            stream INTEGER NOT NULL REFERENCES streams,
            consumer TEXT NOT NULL,
            position INTEGER NOT NULL,
            PRIMARY KEY (stream, consumer)
        ) WITHOUT ROWID""",
        """CREATE TABLE memories (
            stream INTEGER PRIMARY KEY REFERENCES streams,
            position INTEGER NOT NULL,
            memory TEXT NOT NULL
        )""",
        "CREATE TABLE facts (name TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID",
        "INSERT INTO facts VALUES ('last', 0), ('writer', 0)",
    ),
    # 2: dead letters
    (
        """CREATE TABLE dead_letters (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            position INTEGER NOT NULL,
            type TEXT NOT NULL,
            event TEXT NOT NULL,
            consumer TEXT NOT NULL,
            callback TEXT NOT NULL,
            traceback TEXT NOT NULL,
            attempts INTEGER NOT NULL,
            failed_ms INTEGER NOT NULL,
            is_wanted INTEGER NOT NULL DEFAULT 0
        )""",
    ),
    # 3: callbacks that had not returned when the process ended
    (
        """CREATE TABLE attempts (
            stream INTEGER NOT NULL REFERENCES streams,
            position INTEGER NOT NULL,
            consumer TEXT NOT NULL,
            callback TEXT NOT NULL,
            count INTEGER NOT NULL,
            PRIMARY KEY (stream, position, consumer, callback)
        ) WITHOUT ROWID""",
    ),
    # 4: the fields' names, and a message that brought several events, once. ``raw`` is the message, or the position of
    # the entry that has it. A row of before has no form: ``event`` is all of it, and stays so.
    (
        "CREATE TABLE forms (number INTEGER PRIMARY KEY, fields TEXT NOT NULL UNIQUE)",
        "ALTER TABLE entries ADD COLUMN form INTEGER REFERENCES forms",
        "ALTER TABLE entries ADD COLUMN raw",
    ),
)
FORMS = 4  # the step that brought forms
VERSION = len(STEPS)


@attrs.frozen
class Header:
    """What the first bytes of a file say."""

    is_sqlite: bool
    application: int
    version: int


NOTHING = Header(is_sqlite=False, application=0, version=0)


def migrate(connection: sqlite3.Connection, version: int, upto: int = VERSION) -> None:
    """Take every step after ``version``, each in a transaction of its own: whoever is interrupted goes on there."""
    for number in range(version + 1, upto + 1):
        connection.execute("BEGIN IMMEDIATE")
        try:
            for statement in STEPS[number - 1]:
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION}")
            connection.execute(f"PRAGMA user_version = {number}")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
