"""The manager of the site: its streams, its handlers, its journal, its signals. ``manage.py jexkit run`` makes it."""

from __future__ import annotations

import functools
import os

from django.db import Error, connections
from django.db.migrations.executor import MigrationExecutor

from jexkit.contrib.accounts import accounts
from jexkit.contrib.django import HANDLERS, signals
from jexkit.contrib.django.checks import discover
from jexkit.contrib.django.conf import IN_DATABASE, Settings
from jexkit.contrib.django.connections import with_database
from jexkit.contrib.django.journal import DjangoJournal
from jexkit.contrib.django.lock import DatabaseLock
from jexkit.core.journal import Journal
from jexkit.core.lock import Lock
from jexkit.engine.file_lock import FileLock
from jexkit.errors import ConfigurationError
from jexkit.events import Event
from jexkit.journal.sqlite import SqliteJournal
from jexkit.manager import StreamManager


def make_manager(site: Settings) -> StreamManager:
    """A manager with everything that the settings and the apps declare, not started. Raises ConfigurationError."""
    discover()
    manager = StreamManager(journal=journal_of(site), lock=lock_of(site), stop_timeout=site.stop_timeout)
    for name, account in accounts(site.streams, os.environ):
        manager.add(account, name)
    HANDLERS.attach(manager, functools.partial(with_database, atomic=site.atomic))
    if signals.event_received.receivers:  # else an event that no handler wants costs no transaction
        manager.on(Event, with_database(signals.send))
    return manager


def journal_of(site: Settings) -> Journal | None:
    """The journal that the settings ask for, not opened."""
    if site.journal is None:
        return None
    return DjangoJournal(site.database) if site.journal == IN_DATABASE else SqliteJournal(site.journal)


def lock_of(site: Settings) -> Lock | None:
    """The lock that the settings ask for, not acquired."""
    if site.lock is None:
        return None
    return DatabaseLock(site.database) if site.lock == IN_DATABASE else FileLock(site.lock)


def check_migrated(alias: str) -> None:
    """Raises ConfigurationError if the database lacks tables of jexkit, or cannot be reached."""
    try:
        executor = MigrationExecutor(connections[alias])
        targets = [node for node in executor.loader.graph.leaf_nodes() if node[0] == "jexkit"]
        missing = [migration for migration, _ in executor.migration_plan(targets)]
    except Error as error:
        raise ConfigurationError(f"the database {alias!r} cannot be used: {' '.join(str(error).split())}") from error
    finally:
        connections[alias].close()
    if missing:
        names = ", ".join(f"{migration.app_label}.{migration.name}" for migration in missing)
        raise ConfigurationError(
            f"the database {alias!r} lacks {names}; run: python manage.py migrate jexkit --database {alias}"
        )
