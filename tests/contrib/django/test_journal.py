"""The journal in the site's database, on SQLite and PostgreSQL."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.contrib import needs

needs.packages("django", "django", "psycopg")

from django.core.management import call_command
from django.db import IntegrityError, connections

from jexkit.contrib.django.journal import DjangoJournal
from jexkit.core.journal import MAIN
from jexkit.errors import ConfigurationError, JournalError, JournalTaken, UnknownEntry
from jexkit.testing.conformance.journal import JournalConformance, Make, fills, letter
from tests.contrib.django.shop.models import Note
from tests.contrib.servers import eventually

pytestmark = pytest.mark.web


class TestDjangoJournal(JournalConformance):
    @pytest.fixture
    def make(self, database: str) -> Make:
        return functools.partial(DjangoJournal, database)


@pytest.fixture
def journal(database: str) -> Iterator[DjangoJournal]:
    journal = DjangoJournal(database)
    journal.open()
    yield journal
    journal.close()


def notes(alias: str) -> list[str]:
    return list(Note.objects.using(alias).order_by("id").values_list("text", flat=True))


def write(alias: str, text: str) -> None:
    Note.objects.using(alias).create(text=text)


def terminate_all(alias: str) -> None:
    """End every other connection to this database, as its restart does."""
    with connections[alias].cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    connections[alias].close()


def test_what_handlers_write_and_the_acknowledgement_are_one(journal: DjangoJournal) -> None:
    """Kept together where they return, and lost together where one raises."""
    first, second = journal.append("main", fills(1, 2))
    with journal.handling(first, MAIN):
        write(journal.using, "first")
    with pytest.raises(LookupError), journal.handling(second, MAIN):  # noqa: PT012 - the two belong together
        write(journal.using, "second")
        raise LookupError
    assert notes(journal.using) == ["first"]
    assert journal.position("main") == first.position


def test_an_event_is_handled_once_whoever_believes_to_hold_the_streams(journal: DjangoJournal) -> None:
    """The other one waits for the end of the first, and then finds it done; its own writes are taken back."""
    (entry,) = journal.append("main", fills(1, 1))
    other, started = DjangoJournal(journal.using), threading.Event()

    def handle_too() -> None:
        started.set()
        with other.handling(entry, MAIN):
            write(journal.using, "twice")

    with ThreadPoolExecutor(1) as thread:
        with journal.handling(entry, MAIN):
            late = thread.submit(handle_too)
            started.wait(30)
            write(journal.using, "once")
        with pytest.raises(JournalTaken, match="was handled by another process"):
            late.result(30)
    assert notes(journal.using) == ["once"]


@pytest.mark.parametrize("consumer", [MAIN, "new"])
def test_who_waits_for_another_holder_finds_the_event_done(emptied: str, consumer: str) -> None:
    """Whether the consumer was known before, or both make it known: no error of the database's comes out of it."""
    journal, other = DjangoJournal(emptied), DjangoJournal(emptied)
    journal.open()
    (entry,) = journal.append("main", fills(1, 1))
    journal.acknowledge("main", MAIN, 0)
    journal.close()

    def handle_too() -> None:
        with other.handling(entry, consumer):
            write(emptied, "twice")

    with ThreadPoolExecutor(1) as thread:
        with journal.handling(entry, consumer):
            late = thread.submit(handle_too)
            eventually(lambda: late.done() or holds_up_somebody(emptied), "the other one never comes so far")
        with pytest.raises(JournalTaken, match="was handled by another process"):
            late.result(30)
    assert notes(emptied) == []


def holds_up_somebody(alias: str) -> bool:
    """Whether another session waits for the transaction of this one."""
    with connections[alias].cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
        )
        (waiting,) = cursor.fetchone()
        return bool(waiting)


def test_what_a_replay_writes_and_the_end_of_its_letter_are_one(journal: DjangoJournal) -> None:
    """Kept together or lost together, and nobody delivers a letter that is gone."""
    (entry,) = journal.append("main", fills(1, 1))
    dead = journal.set_aside(letter(entry))
    with pytest.raises(LookupError), journal.replaying(dead):  # noqa: PT012 - the two belong together
        write(journal.using, "lost")
        raise LookupError
    assert (notes(journal.using), journal.dead_letters()) == ([], [dead])
    with journal.replaying(dead):
        write(journal.using, "kept")
    assert (notes(journal.using), journal.dead_letters()) == (["kept"], [])
    with pytest.raises(UnknownEntry), journal.replaying(dead):
        write(journal.using, "twice")
    assert notes(journal.using) == ["kept"]


def test_a_constraint_that_fails_at_the_end_is_the_handlers_own_error(journal: DjangoJournal) -> None:
    """It is not mistaken for a database that is away, which would be tried again for ever."""
    (entry,) = journal.append("main", fills(1, 1))
    with pytest.raises(IntegrityError), journal.handling(entry, MAIN):
        raise IntegrityError("violates a constraint")
    assert journal.position("main") == 0


def test_who_began_to_write_later_is_the_writer(journal: DjangoJournal) -> None:
    """A process that lost its claim, by a restart of the database for example, finds out before it writes."""
    journal._claim.release()  # type: ignore[union-attr]
    later = DjangoJournal(journal.using)
    later.open()
    with pytest.raises(JournalTaken, match="another process has begun to write"):
        journal.append("main", fills(1, 1))
    assert len(later.append("main", fills(1, 1))) == 1
    later.close()


def test_it_goes_on_after_a_restart_of_the_database(postgres: str) -> None:
    """Whatever a thread had open: the first use of it fails at most, in words, and the next one works."""
    journal = DjangoJournal(postgres)
    connections[postgres].settings_dict = {**connections[postgres].settings_dict, "CONN_MAX_AGE": None}
    journal.open()
    journal.append("main", fills(1, 1))
    with ThreadPoolExecutor(1) as other:
        other.submit(terminate_all, postgres).result(30)
    with pytest.raises(JournalError, match="cannot be used"):
        journal.append("main", fills(2, 2))
    assert [entry.position for entry in journal.append("main", fills(2, 3))] == [2, 3]
    journal.close()
    connections[postgres].close()
    del connections[postgres]
    call_command("flush", database=postgres, interactive=False, verbosity=0)


def test_a_database_that_was_not_migrated(tmp_path: Path) -> None:
    """The command to run is in the sentence."""
    connections.databases["fresh"] = {**connections.databases["default"], "NAME": tmp_path / "fresh.sqlite3"}
    try:
        with pytest.raises(JournalError, match=r"lacks tables of jexkit: .*run: python manage.py migrate jexkit"):
            DjangoJournal("fresh").open()
    finally:
        connections["fresh"].close()
        del connections.databases["fresh"]


def test_a_database_that_can_hold_no_journal() -> None:
    """SQLite in memory is gone with its connection."""
    connections.databases["memory"] = {**connections.databases["default"], "NAME": ":memory:"}
    try:
        with pytest.raises(ConfigurationError, match="needs PostgreSQL, or SQLite in a file"):
            DjangoJournal("memory").open()
    finally:
        connections["memory"].close()
        del connections.databases["memory"]


def test_the_migrations_are_those_of_the_models(sqlite: str) -> None:
    """Nobody who installs jexkit is asked to make migrations of it."""
    call_command("makemigrations", "jexkit", check=True, dry_run=True, verbosity=0)
