"""SQLite's errors in words."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

import pytest

from jexkit.errors import JournalCorrupt, JournalError, JournalFull
from jexkit.journal.trouble import explained, in_words

PATH = Path("/somewhere/jexkit.db")


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("database or disk is full", JournalFull, "make room"),
        ("database disk image is malformed", JournalCorrupt, "damaged"),
        ("file is not a database", JournalCorrupt, "damaged"),
        ("attempt to write a readonly database", JournalError, "able to write"),
        ("database is locked", JournalError, "another program"),
        ("unable to open database file", JournalError, "may be used"),
        ("disk I/O error", JournalError, "disk I/O error"),
    ],
)
def test_each_says_what_to_do(text: str, kind: type[JournalError], words: str) -> None:
    """And names the file."""
    error = explained(sqlite3.OperationalError(text), PATH)
    assert type(error) is kind
    assert words in str(error)
    assert str(PATH) in str(error)
    assert error.where == str(PATH)


@pytest.mark.parametrize(("number", "kind"), [(errno.ENOSPC, JournalFull), (errno.EACCES, JournalError)])
def test_the_systems_errors_too(number: int, kind: type[JournalError]) -> None:
    with pytest.raises(JournalError) as caught, in_words(PATH):
        raise OSError(number, "of the system")
    assert type(caught.value) is kind


def test_other_errors_pass() -> None:
    """They are faults of ours, and have to be seen as such."""
    with pytest.raises(ZeroDivisionError), in_words(PATH):
        raise ZeroDivisionError
