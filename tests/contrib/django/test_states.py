"""How the streams are, for everybody but the process that holds them: the report, the page, the table, the command."""

from __future__ import annotations

import functools
import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.contrib import needs

needs.packages("django", "django", "psycopg")

from django.core.management import CommandError, call_command
from django.db import connections
from django.template import Context, Template
from django.test import Client, override_settings
from django.utils import timezone

from jexkit.contrib.django import conf, states
from jexkit.contrib.django.models import StreamState
from jexkit.contrib.django.states import reports
from jexkit.contrib.states import FRESH, Reporter
from jexkit.manager import StreamManager
from jexkit.sim import Simulator
from jexkit.testing import simulated
from tests.contrib.servers import eventually

pytestmark = pytest.mark.web


@pytest.fixture(autouse=True)
def site(database: str) -> Any:
    """The tests' site, with its tables in each of the databases."""
    with override_settings(JEXKIT={**conf.settings.JEXKIT, "DATABASE": database}):
        yield conf.read()


def write_down(alias: str, state: str = "live", seconds_ago: float = 1, **more: Any) -> None:
    reported = timezone.now() - timedelta(seconds=seconds_ago)
    row = {"name": "main", "exchange": "deribit", "state": state, "holder": "host:1", "reported": reported, **more}
    StreamState.objects.using(alias).create(**row)


def ask() -> tuple[int, dict[str, Any]]:
    answer = Client().get("/jexkit/health/")
    return answer.status_code, answer.json()


def test_a_live_stream_is_healthy(database: str) -> None:
    """Code 200 for whoever watches the site."""
    write_down(database, last_proof=timezone.now())
    status, said = ask()
    assert (status, said["healthy"]) == (200, True)
    assert (said["streams"]["main"]["state"], said["streams"]["main"]["trouble"]) == ("live", "")


@pytest.mark.parametrize(
    ("row", "trouble"),
    [
        (None, "no process has ever held it"),
        ({"state": "suspended", "last_error": "closed: 1006"}, "suspended: closed: 1006"),
        ({"state": "stopped"}, "stopped"),
        ({"seconds_ago": FRESH.total_seconds() + 10}, "no report for 40 seconds; is 'python manage.py jexkit run' up?"),
    ],
)
def test_anything_else_is_trouble(database: str, row: dict[str, Any] | None, trouble: str) -> None:
    """Code 503, with a sentence."""
    if row is not None:
        write_down(database, **row)
    status, said = ask()
    assert (status, said["healthy"]) == (503, False)
    assert said["streams"]["main"]["trouble"].startswith(trouble)


def test_settings_that_make_no_sense_are_trouble() -> None:
    """The page answers all the same, and tells nothing of them."""
    with override_settings(JEXKIT={"STREAMS": {}}):
        assert ask() == (503, {"healthy": False, "trouble": "BadSetting", "streams": {}})


def test_the_table(database: str) -> None:
    """One row for each stream of the settings."""
    write_down(database, "suspended", last_error="<closed>")
    shown = Template("{% load jexkit %}{% jexkit_streams %}").render(Context())
    assert '<tr class="troubled">' in shown
    assert "<td>main</td><td>suspended: &lt;closed&gt;</td>" in shown


def test_the_command_tells_the_same(database: str) -> None:
    """Code 0 where all are live, else 1; as text and as JSON."""
    write_down(database)
    out = io.StringIO()
    call_command("jexkit", "status", stdout=out)
    assert out.getvalue() == "main: live; never live; held by host:1\n"
    StreamState.objects.using(database).update(state="suspended")
    out = io.StringIO()
    with pytest.raises(CommandError, match="not every stream is live") as caught:
        call_command("jexkit", "status", "--json", stdout=out)
    assert caught.value.returncode == 1
    (told,) = json.loads(out.getvalue())
    assert (told["name"], told["state"]) == ("main", "suspended")


def test_the_holder_writes_it_down(sim: Simulator, database: str, site: conf.Settings) -> None:
    """From connecting to stopped, without a secret."""
    account = simulated.account(sim.deribit.account("main"))
    manager = StreamManager()
    manager.add(account, "main")
    with Reporter(manager, functools.partial(states.write_down, database), every=0.05), manager:
        manager.streams["main"].wait_live(30)
        eventually(lambda: [report.state for report in reports(site)] == ["live"], "it never writes that it is live")
    assert [(report.state, report.trouble) for report in reports(site)] == [("stopped", "stopped")]
    row = StreamState.objects.using(database).get()
    assert row.status["counters"]["logins"] == 1
    assert [secret for secret in account.secrets if secret in str(vars(row))] == []


def test_a_database_that_is_away_disturbs_nothing(
    sim: Simulator, database: str, site: conf.Settings, caplog: pytest.LogCaptureFixture
) -> None:
    """The streams go on; it is said, and written down again once it can be."""
    manager = StreamManager()
    manager.add(simulated.account(sim.deribit.account("main")), "main")
    with connections[database].cursor() as cursor:
        cursor.execute("ALTER TABLE jexkit_stream RENAME TO jexkit_hidden")
    with Reporter(manager, functools.partial(states.write_down, database), every=0.05), manager:
        eventually(lambda: "could not be written down" in caplog.text, "it is not said")
        manager.streams["main"].wait_live(30)
        with connections[database].cursor() as cursor:
            cursor.execute("ALTER TABLE jexkit_hidden RENAME TO jexkit_stream")
        eventually(lambda: [report.state for report in reports(site)] == ["live"], "it is not tried again")


def test_a_table_that_is_missing_is_said_with_the_command(
    sqlite: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is opened."""
    new = {**connections.databases[sqlite], "NAME": tmp_path / "new.sqlite3"}
    for databases in (connections.databases, conf.settings.DATABASES):
        monkeypatch.setitem(databases, "new", new)
    lacks = r"the database 'new' lacks jexkit\.0001_initial, jexkit\.0002_attempts"
    said = f"{lacks}; run: python manage.py migrate jexkit --database new"
    here = {**conf.settings.JEXKIT, "DATABASE": "new"}
    with override_settings(JEXKIT=here), pytest.raises(CommandError, match=said) as caught:
        call_command("jexkit", "run")
    assert caught.value.returncode == 2
    connections["new"].close()
    del connections["new"]
