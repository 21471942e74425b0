"""Being the one process that writes the journal of a database: lost with the process, however it ends."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any, Protocol

from django.db import Error, connections

from jexkit.contrib.django.trouble import where_of
from jexkit.errors import ConfigurationError, JournalTaken
from jexkit.journal.place import Claim as FileClaim

_OURS = zlib.crc32(b"jexkit") & 0x7FFFFFFF  # the first half of every advisory lock of ours; the second is its name's


class Claim(Protocol):
    """What was claimed, until it is released."""

    def release(self) -> None: ...


JOURNAL = "journal"
VENDORS = ("postgresql", "sqlite")
WHAT_CAN = "it needs PostgreSQL, or SQLite in a file"
INSTEAD = "give JEXKIT['JOURNAL'] the path of a file of its own instead"


def claim_journal(alias: str, *, by_force: bool = False) -> Claim:
    """Claim the journal of a database. Raises JournalTaken, or ConfigurationError for one that has no such thing.

    ``by_force`` takes it from a process that hangs.
    """
    connection = connections[alias]
    if connection.vendor == "postgresql":
        if by_force:
            end_holders(alias, JOURNAL)
        held = AdvisoryLock.take(alias, JOURNAL)
        if held is None:
            raise JournalTaken(
                f"another process writes the journal in the {where_of(alias)}; there can be one at a time: stop the "
                "other, or give JEXKIT['LOCK'] so that this one stands by",
                where_of(alias),
            )
        return held
    if connection.vendor == "sqlite" and not connection.is_in_memory_db():
        return FileClaim(Path(connection.settings_dict["NAME"]), by_force=by_force)
    raise ConfigurationError(f"the {where_of(alias)} cannot hold a journal: {WHAT_CAN}; {INSTEAD}")


class AdvisoryLock:
    """A lock of PostgreSQL's on a connection of its own: it ends with the connection, and that with the process."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    @classmethod
    def take(cls, alias: str, name: str) -> AdvisoryLock | None:
        """None if another connection has it."""
        connection = connections.create_connection(alias)
        connection.inc_thread_sharing()  # taken on one thread and released on another
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", key_of(name))
            (is_ours,) = cursor.fetchone()
        if not is_ours:
            connection.close()
            return None
        return cls(connection)

    def is_held(self) -> bool:
        """Whether the connection lives, and the lock with it."""
        return self.connection.connection is not None and bool(self.connection.is_usable())

    def release(self) -> None:
        """Close the connection, whatever has become of it."""
        try:
            self.connection.close()
        except Error:
            self.connection.connection = None


def end_holders(alias: str, *names: str) -> None:
    """End the connections that hold these locks: of processes that hang, so that nothing waits for them."""
    with connections[alias].cursor() as cursor:
        for name in names:
            cursor.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_locks JOIN pg_database ON oid = database"
                " WHERE locktype = 'advisory' AND datname = current_database() AND classid = %s AND objid = %s",
                key_of(name),
            )


def key_of(name: str) -> tuple[int, int]:
    """The two numbers of an advisory lock."""
    return _OURS, zlib.crc32(name.encode()) & 0x7FFFFFFF
