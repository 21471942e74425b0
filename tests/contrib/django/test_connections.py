"""Database connections around callbacks, on threads of their own as in a running stream."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.contrib import needs

needs.packages("django", "django", "psycopg")

from django.db import connections, transaction
from django.db.utils import OperationalError

from jexkit.contrib.django.connections import with_database
from tests.contrib.django.shop.models import Note
from tests.contrib.servers import eventually

pytestmark = pytest.mark.web


@pytest.fixture
def on_thread() -> Iterator[Callable[..., Any]]:
    """Call something on one and the same other thread, as a stream's delivery thread would."""
    with ThreadPoolExecutor(1, thread_name_prefix="delivery") as thread:
        yield lambda function, *arguments: thread.submit(function, *arguments).result(30)
        thread.submit(connections.close_all).result(30)


def keep_open(alias: str, seconds: int | None) -> None:
    """What CONN_MAX_AGE in the settings does, on this thread."""
    connections[alias].settings_dict = {**connections[alias].settings_dict, "CONN_MAX_AGE": seconds}


def server_process(alias: str) -> int:
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def is_connected(alias: str) -> bool:
    return connections[alias].connection is not None


def terminate(alias: str, process: int) -> None:
    """What a restart of the database does to one connection."""
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 10000)", [process])
        assert cursor.fetchone() == (True,)


def test_a_connection_is_not_kept_beyond_its_age(database: str, on_thread: Callable[..., Any]) -> None:
    """With Django's default each callback leaves no connection behind."""
    write = with_database(lambda event: Note.objects.using(database).create(text=event))
    on_thread(write, "first")
    assert not on_thread(is_connected, database)
    assert Note.objects.using(database).get().text == "first"


def test_a_connection_that_may_stay_open_stays_open(postgres: str, on_thread: Callable[..., Any]) -> None:
    """With CONN_MAX_AGE = None all callbacks share one."""
    on_thread(keep_open, postgres, None)
    seen: list[int] = []
    callback = with_database(lambda event: seen.append(server_process(postgres)))
    for number in range(3):
        on_thread(callback, number)
    assert len(seen) == 3
    assert len(set(seen)) == 1


def test_no_connection_is_used_that_the_database_has_ended(postgres: str, on_thread: Callable[..., Any]) -> None:
    """The callback after a restart of the database has a connection that works, though the old one looks fine."""
    on_thread(keep_open, postgres, None)
    before, after = on_thread(server_process, postgres), []
    terminate(postgres, before)
    on_thread(with_database(lambda event: after.append(server_process(postgres))), "event")
    assert after != [before]
    assert on_thread(server_process, postgres) == after[0]


def test_a_connection_that_ends_inside_a_callback_hurts_that_one_alone(
    postgres: str, on_thread: Callable[..., Any]
) -> None:
    """The error is the callback's; the next one works again."""
    on_thread(keep_open, postgres, None)

    def unlucky(event: str) -> None:
        with ThreadPoolExecutor(1) as other:
            other.submit(terminate, postgres, server_process(postgres)).result(30)
            other.submit(connections.close_all).result(30)
        server_process(postgres)

    with pytest.raises(OperationalError):
        on_thread(with_database(unlucky), "event")
    on_thread(with_database(lambda event: Note.objects.using(postgres).create(text=event)), "next")
    assert Note.objects.using(postgres).filter(text="next").count() == 1
    Note.objects.using(postgres).all().delete()


def test_a_callback_in_a_transaction_writes_all_or_nothing(database: str, on_thread: Callable[..., Any]) -> None:
    """What it wrote before it raised is undone; without ``atomic`` it stays."""

    def fail(event: str) -> None:
        Note.objects.using(database).create(text=event)
        raise LookupError(event)

    for atomic in (database, None):
        with pytest.raises(LookupError):
            on_thread(with_database(fail, atomic), f"in {atomic}")
    assert [note.text for note in Note.objects.using(database).all()] == ["in None"]


def test_within_a_transaction_of_the_callers_nothing_is_closed(database: str) -> None:
    """The housekeeping would otherwise take the connection away under it."""
    connection = connections[database]
    with transaction.atomic(using=database):
        held = connection.connection
        with_database(lambda event: Note.objects.using(database).create(text=event), database)("inside")
        assert connection.connection is held
    assert Note.objects.using(database).count() == 1
    connection.close()


def test_the_wrapped_callback_keeps_its_name() -> None:
    """Logs and reports name the program's function."""

    def book(event: Any) -> None:
        """The program's own."""

    assert with_database(book).__qualname__ == book.__qualname__


def test_threads_do_not_share_a_connection(postgres: str) -> None:
    """Two streams at work at the same time have one each, and both are gone afterwards."""
    meeting, seen = threading.Barrier(2, timeout=30), set()

    def callback(event: int) -> None:
        seen.add(server_process(postgres))
        meeting.wait()

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(with_database(callback), range(2)))
        assert list(threads.map(lambda _: is_connected(postgres), range(2))) == [False, False]
    assert len(seen) == 2


def test_a_connection_ends_with_its_thread(postgres: str) -> None:
    """Also one that may stay open for ever; the server does not keep a session that nobody can use."""
    seen: list[int] = []

    def work() -> None:
        keep_open(postgres, None)
        with_database(lambda event: seen.append(server_process(postgres)))("event")
        with_database(lambda event: seen.append(server_process(postgres)))("event")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(30)
    assert len(set(seen)) == 1

    def is_gone() -> bool:
        with connections[postgres].cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE pid = %s", [seen[0]])
            return bool(cursor.fetchone()[0] == 0)

    eventually(is_gone, "the session outlives its thread")
