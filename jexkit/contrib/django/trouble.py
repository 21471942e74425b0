"""The database's errors as the leaves of ``JournalError``, with what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import Error, InterfaceError, OperationalError, connections

from jexkit.errors import JournalError, JournalFull

_FULL = ("is full", "No space left on device", "disk full")
_ABSENT = ("no such table", "does not exist")


AWAY = (OperationalError, InterfaceError)
"""The database is not there, or has ended the connection."""


@contextmanager
def in_words(alias: str, kinds: tuple[type[Error], ...] = (Error,)) -> Iterator[None]:
    """Around everything that touches the database, on the thread whose connection it is; ``kinds`` are put in words."""
    try:
        yield
    except kinds as error:
        text, where = " ".join(str(error).split()), where_of(alias)
        if any(sign in text for sign in _FULL):
            raise JournalFull(f"there is no room to write the journal in the {where}: {text}", where) from error
        if any(sign in text for sign in _ABSENT):
            hint = f"run: python manage.py migrate jexkit --database {alias}"
            raise JournalError(f"the {where} lacks tables of jexkit: {text}; {hint}", where) from error
        raise JournalError(f"the journal in the {where} cannot be used: {text}", where) from error


def where_of(alias: str) -> str:
    """The database in words."""
    return f"database {alias!r} ({connections[alias].vendor})"
