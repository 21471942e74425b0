"""Exactly once over kill -9: a site on PostgreSQL whose process is killed at random instants, again and again.

``KILLS=300 python -m pytest tests/contrib/django/test_kill.py -s`` is the run for the record.
"""

from __future__ import annotations

import json
import os
import random
import signal
import threading
from collections import Counter

import pytest

from tests.contrib import needs

needs.packages("django", "django", "psycopg")

from django.db import connections

from jexkit import Fill
from jexkit.contrib.django.journal import DjangoJournal
from jexkit.sim import Simulator
from jexkit.testing import simulated
from tests.cli.commands import Program
from tests.contrib.django.shop.models import Note
from tests.contrib.servers import eventually

pytestmark = pytest.mark.web

KILLS = int(os.environ.get("KILLS", "20"))
SITE = """
import json, os, random, time, django
from django.conf import settings
from tests.contrib.django.settings import DATABASES
DATABASES["default"] = {**DATABASES["postgres"], "NAME": os.environ["SITE_DATABASE"]}
django.setup()
settings.JEXKIT = {"STREAMS": {"main": json.loads(os.environ["SITE_ACCOUNT"])}}

from jexkit import Fill, Live
from jexkit.contrib.django import conf, on
from jexkit.contrib.django.running import make_manager
from tests.contrib.django.shop.models import Note
from tests.contrib.servers import eventually

@on(Fill)
def book(fill):
    Note.objects.create(text=fill.id)
    time.sleep(random.random() / 200)  # a handler takes its time, and it is killed in the middle of it
    if "FAIL" in os.environ:
        raise LookupError("of the program")
    if "DIE" in os.environ:
        os.kill(os.getpid(), 9)

@on(Live)
def tell(event):
    print("live", flush=True)

make_manager(conf.read()).run()
"""


@pytest.fixture
def variables(sim: Simulator, emptied: str) -> dict[str, str]:
    """Of the site's process."""
    account = sim.deribit.account("main")
    described = simulated.account(account)
    entry = {"exchange": "deribit", "rest_url": described.rest_url, "ws_url": described.ws_url}
    return {
        "DJANGO_SETTINGS_MODULE": "tests.contrib.django.settings",
        "SITE_DATABASE": connections[emptied].settings_dict["NAME"],
        "SITE_ACCOUNT": json.dumps({**entry, **account.credentials()}),
    }


def test_each_fill_is_booked_once_whenever_the_process_is_killed(
    sim: Simulator, emptied: str, variables: dict[str, str]
) -> None:
    """Every fill of the exchange's ledger has one row, however often the site was killed and started again."""
    alias, account = emptied, sim.deribit.account("main")
    chance, nobody = random.Random(KILLS), threading.Event()
    with Program("-c", SITE, **variables) as site:  # from its first Live on the stream has a past to recover
        assert site.line() == "live\n", site.complaints()
        site.signal(signal.SIGKILL)
    for number in range(KILLS):
        with Program("-c", SITE, **variables) as site:
            assert site.line() == "live\n", site.complaints()
            sim.start_market(rate=30, seed=number)
            nobody.wait(chance.uniform(0.0, 0.8))  # the instant of the kill; nothing is waited for
            site.signal(signal.SIGKILL)
        for _ in range(3):  # while it is down
            account.fill(account.place("BTC-PERPETUAL", "BUY", "10", "50000"))
        sim.stop_market()  # else a site on a busy machine would never catch up with it
    with Program("-c", SITE, **variables) as site:
        assert site.line() == "live\n", site.complaints()
        site.signal(signal.SIGTERM)  # a stop delivers what is queued
        assert site.wait() == 0, site.complaints()

    booked = Counter(Note.objects.using(alias).values_list("text", flat=True))
    journal = DjangoJournal(alias)
    held = [entry.event for entry in journal.read(types=[Fill], limit=1_000_000)]
    traded = {record["trade_id"] for record in account.told if record["kind"] == "fill"}
    print(f"\n{KILLS} kills, {len(traded)} fills, {len(booked)} booked, {sum(booked.values()) - len(booked)} twice")  # noqa: T201 - for the record
    assert {event.trade_id for event in held} == traded
    assert booked == Counter(event.id for event in held)
    assert journal.dead_letters() == []


def test_a_replay_is_booked_once_though_the_process_is_killed_in_it(
    sim: Simulator, emptied: str, variables: dict[str, str]
) -> None:
    """The row and the end of the dead letter are kept together: the kill takes both back, the next start does both."""
    journal, account = DjangoJournal(emptied), sim.deribit.account("main")
    with Program("-c", SITE, **variables, FAIL="1") as site:
        assert site.line() == "live\n", site.complaints()
        account.fill(account.place("BTC-PERPETUAL", "BUY", "10", "50000"))
        eventually(journal.dead_letters, "it is never set aside")
        site.signal(signal.SIGKILL)
    (letter,) = journal.dead_letters()
    journal.replay(letter.number)
    with Program("-c", SITE, **variables, DIE="1") as site:
        assert site.wait() == -signal.SIGKILL
    assert journal.dead_letters(wanted=True) == journal.dead_letters()
    assert Note.objects.using(emptied).count() == 0
    with Program("-c", SITE, **variables) as site:
        eventually(lambda: not journal.dead_letters(), "it is never delivered again")
        site.signal(signal.SIGTERM)
        assert site.wait() == 0, site.complaints()
    assert [note.text for note in Note.objects.using(emptied).all()] == [letter.entry.event.id]
