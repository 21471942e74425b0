"""SQLite's errors in words that say what to do, as the leaves of ``JournalError``."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jexkit.errors import JournalCorrupt, JournalError, JournalFull

# By SQLite's own texts (its function sqlite3_errstr): Python 3.10 does not tell the number of an error.
_DAMAGED = ("malformed", "not a database", "file is encrypted")


@contextmanager
def in_words(path: Path) -> Iterator[None]:
    """Around everything that touches the file."""
    try:
        yield
    except sqlite3.Error as error:
        raise explained(error, path) from error
    except OSError as error:
        kind = JournalFull if error.errno in (errno.ENOSPC, errno.EDQUOT) else JournalError
        raise kind(f"the journal {path} cannot be used: {error.strerror}", str(path)) from error


def explained(error: sqlite3.Error, path: Path) -> JournalError:
    text, where = str(error), str(path)
    if any(sign in text for sign in _DAMAGED):
        return JournalCorrupt(f"the journal {where} is damaged: {text}", where)
    if "is full" in text:
        return JournalFull(f"there is no room to write the journal {where}: {text}; make room on its disk", where)
    if "readonly" in text:
        return JournalError(
            f"the journal {where} cannot be written: {text}; this user must be able to write its file and its folder",
            where,
        )
    if "locked" in text or "busy" in text:
        return JournalError(f"another program holds the journal {where} locked: {text}", where)
    if "unable to open" in text:
        return JournalError(
            f"the journal {where} cannot be opened: {text}; look whether the file and its folder exist and may be used",
            where,
        )
    return JournalError(f"the journal {where} cannot be used: {text}", where)
