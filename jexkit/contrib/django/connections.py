"""Database connections on threads that serve no request, where Django's own housekeeping does not come by."""

from __future__ import annotations

import contextlib
import functools
import threading
import weakref
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, TypeAlias

from django.db import connections, transaction

Callback: TypeAlias = Callable[[Any], object]


def refresh() -> None:
    """Close this thread's connections that do not work any more, for example after a restart of the database.

    Django finds that out when it runs into it, unless CONN_HEALTH_CHECKS is on; here every callback would lose its
    event by it. Within a transaction nothing is closed, which Django's own ``close_old_connections`` does not heed.
    """
    for connection in _idle():
        close_with_thread(connection)
        connection.close_if_unusable_or_obsolete()
        if connection.connection is not None and not connection.is_usable():
            connection.close()


def release() -> None:
    """Close this thread's connections that are older than CONN_MAX_AGE allows, or broken; none within a transaction."""
    for connection in _idle():
        connection.close_if_unusable_or_obsolete()


class _End:
    """Goes when its thread ends."""


_of_thread = threading.local()


def close_with_thread(connection: Any) -> None:
    """See to it that a connection of this thread, which CONN_MAX_AGE may keep open for ever, ends when the thread does.

    Django leaves that to the garbage collector, which may take its time, while the server counts its sessions.
    """
    known = _of_thread.__dict__.setdefault("known", {})
    if connection.alias not in known or known[connection.alias][0] is not connection:
        end = _End()
        known[connection.alias] = (connection, end)
        weakref.finalize(end, _close, connection).atexit = False


def _close(connection: Any) -> None:
    raw, connection.connection = connection.connection, None
    if raw is not None:
        with contextlib.suppress(Exception):  # it may be broken, and nobody is there to hear of it
            raw.close()


def _idle() -> list[Any]:
    return [connection for connection in connections.all(initialized_only=True) if not connection.in_atomic_block]


def with_database(callback: Callback, atomic: str | None = None) -> Callback:
    """The callback with fresh connections before and none too old after, and in a transaction if ``atomic`` names one.

    ``atomic`` is the alias of a database. Within a transaction of the caller's this makes a savepoint.
    """

    @functools.wraps(callback)
    def run(event: Any) -> None:
        refresh()
        try:
            with transaction.atomic(using=atomic) if atomic is not None else nullcontext():
                callback(event)
        finally:
            release()

    return run
