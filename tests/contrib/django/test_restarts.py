"""A running site over restarts of its database: nothing is lost or done twice, and no connection is left behind."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.contrib import needs

needs.packages("django", "django", "psycopg")

from django.db import connections

from jexkit import Fill, StreamManager
from jexkit.contrib.django.connections import with_database
from jexkit.contrib.django.journal import DjangoJournal
from jexkit.contrib.django.lock import DatabaseLock
from jexkit.sim import Simulator
from jexkit.testing import simulated
from tests.contrib.django.shop.models import Note
from tests.contrib.django.test_journal import terminate_all
from tests.contrib.servers import eventually

pytestmark = pytest.mark.web

WAIT = 30.0


def elsewhere(function: Any, *arguments: Any) -> Any:
    """On a thread of its own, whose connections are closed after it."""

    def run() -> Any:
        try:
            return function(*arguments)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(run).result(WAIT)


def sessions(alias: str) -> int:
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        return int(cursor.fetchone()[0])


def count(alias: str) -> int:
    return int(Note.objects.using(alias).count())


@pytest.mark.parametrize("seconds", [0, None], ids=["closed after each", "kept open"])
def test_restarts_cost_nothing(sim: Simulator, emptied: str, seconds: int | None) -> None:
    """Whatever CONN_MAX_AGE is: each fill has one row, the holder stays the holder, and no session stays open."""
    alias, account = emptied, sim.deribit.account("main")
    connections[alias].close()
    eventually(lambda: elsewhere(sessions, alias) == 1, "an earlier test has left a session")  # but the one that asks
    connections.databases[alias]["CONN_MAX_AGE"] = seconds
    try:
        manager = StreamManager(journal=DjangoJournal(alias), lock=DatabaseLock(alias))
        stream = manager.add(simulated.account(account), "main")
        stream.on(Fill, with_database(lambda fill: Note.objects.using(alias).create(text=fill.id)))
        with manager:
            stream.wait_live(WAIT)
            for restart in range(1, 6):
                elsewhere(terminate_all, alias)
                account.fill(account.place("BTC-PERPETUAL", "BUY", "10", "50000"))
                eventually(lambda wanted=restart: elsewhere(count, alias) == wanted, "a fill is never booked")
    finally:
        connections.databases[alias]["CONN_MAX_AGE"] = 0
    booked = Counter(elsewhere(lambda: list(Note.objects.using(alias).values_list("text", flat=True))))
    assert sorted(booked.values()) == [1] * 5
    assert sim.deribit.counters["logins"] == 1
    assert DjangoJournal(alias).dead_letters() == []
    connections[alias].close()  # this thread's own, which has opened the journal
    eventually(lambda: elsewhere(sessions, alias) == 1, "a session is left open")
