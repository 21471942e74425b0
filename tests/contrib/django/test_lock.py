"""The lock in the site's database, on SQLite and PostgreSQL, and who holds the streams by it in real processes."""

from __future__ import annotations

import signal
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from tests.contrib import needs

needs.packages("django", "django", "psycopg")

from django.db import connections
from django.db.models.functions import Now

from jexkit.contrib.django.claim import AdvisoryLock, claim_journal
from jexkit.contrib.django.lock import DatabaseLock
from jexkit.contrib.django.models import Lease, StreamState
from jexkit.errors import LockError
from jexkit.sim import Simulator
from tests.cli.commands import WITHIN, Program
from tests.contrib.django.test_journal import holds_up_somebody, terminate_all
from tests.contrib.servers import environment, eventually

pytestmark = pytest.mark.web


@pytest.fixture
def locks(database: str) -> Iterator[tuple[DatabaseLock, DatabaseLock]]:
    """Two processes' worth."""
    pair = DatabaseLock(database), DatabaseLock(database)
    yield pair
    for lock in pair:
        lock.release()


def let_the_lease_run_out(alias: str) -> None:
    """As if it had not been renewed for a minute."""
    Lease.objects.using(alias).update(renewed=Now() - timedelta(minutes=1))


Pair = tuple[DatabaseLock, DatabaseLock]


def test_one_holds_it_until_it_lets_go(locks: Pair) -> None:
    """The other one gets it at once then."""
    first, second = locks
    assert first.acquire()
    assert (first.has_superseded, first.holder().startswith("process ")) == (False, True)
    assert not second.acquire()
    assert first.renew()
    first.release()
    assert second.holder() == ""
    assert second.acquire()
    assert not second.has_superseded
    assert not first.renew()


def test_a_holder_that_hangs_is_replaced_after_a_lease(locks: Pair) -> None:
    """When it wakes it is told, and cannot bring back what another has taken."""
    first, second = locks
    assert first.acquire()
    let_the_lease_run_out(first.using)
    assert second.acquire()
    assert second.has_superseded
    assert not first.renew()
    assert not first.acquire()
    assert second.renew()


def test_a_journal_goes_with_the_lock(locks: Pair) -> None:
    """The process that hangs has its claim on the journal still; whoever replaces it takes that too."""
    first, second = locks
    assert first.acquire()
    claimed = claim_journal(first.using)
    let_the_lease_run_out(first.using)
    assert second.acquire()
    claim_journal(second.using, by_force=True).release()
    claimed.release()


def test_a_renewal_in_time_keeps_it(locks: Pair) -> None:
    """However often the other one tries."""
    first, second = locks
    assert first.acquire()
    for _ in range(3):
        let_the_lease_run_out(first.using)
        assert first.renew()
        assert not second.acquire()


def test_a_holder_that_dies_is_noticed_at_once(postgres: str) -> None:
    """Its connection ends with it, long before the lease: that is PostgreSQL's part."""
    first, second = DatabaseLock(postgres), DatabaseLock(postgres)
    assert first.acquire()
    first._advisory.connection.close()  # type: ignore[union-attr]
    assert second.acquire()
    assert not first.renew()
    second.release()


@pytest.mark.parametrize("ended", ["released", "killed long ago"])
def test_of_two_that_try_at_the_same_moment_one_holds_it(
    emptied: str, monkeypatch: pytest.MonkeyPatch, ended: str
) -> None:
    """Though the second one looks when the first has the advisory lock already, and has not written its row yet."""
    before, first, second = DatabaseLock(emptied), DatabaseLock(emptied), DatabaseLock(emptied)
    assert before.acquire()
    if ended == "released":
        before.release()
    else:
        before._advisory.release()  # type: ignore[union-attr]
        let_the_lease_run_out(emptied)
    take, tries = AdvisoryLock.take, []

    def take_slowly(alias: str, name: str) -> AdvisoryLock | None:
        held = take(alias, name)
        if not tries:
            tries.append(thread.submit(second.acquire))
            eventually(lambda: tries[0].done() or holds_up_somebody(emptied), "the second one never comes so far")
        return held

    monkeypatch.setattr(AdvisoryLock, "take", take_slowly)
    with ThreadPoolExecutor(1) as thread:
        assert first.acquire()
        assert not tries[0].result(WITHIN)
        assert first.renew()
        assert not second.renew()
    first.release()


def test_a_restart_of_the_database_changes_no_holder(postgres: str) -> None:
    """Unless another process is quicker, and then there is one holder all the same."""
    first, second = DatabaseLock(postgres), DatabaseLock(postgres)
    assert first.acquire()
    terminate_all(postgres)
    assert first.renew()
    assert not second.acquire()
    terminate_all(postgres)
    assert second.acquire()
    assert not first.renew()
    second.release()


def test_a_database_that_is_away_is_said(tmp_path: Path) -> None:
    """It is tried again then."""
    away = {**connections.databases["postgres"], "HOST": "127.0.0.1", "PORT": "1", "NAME": "none"}
    connections.databases["away"] = away
    try:
        with pytest.raises(LockError, match=r"the lock in the database 'away' \(postgresql\) cannot be told: "):
            DatabaseLock("away").acquire()
    finally:
        del connections.databases["away"]


# --- in real processes ------------------------------------------------------------------------------------------------

Site = tuple[dict[str, str], Callable[[], int]]


@pytest.fixture
def postgres_site(sim: Simulator, emptied: str) -> Site:
    """Variables of the example's site on PostgreSQL, and who has written down that its stream is live, 0 for none."""
    database = connections[emptied].settings_dict
    variables = {
        **environment(sim),
        "POSTGRES_DB": database["NAME"],
        "POSTGRES_HOST": database["HOST"],
        "POSTGRES_PORT": str(database["PORT"]),
    }
    return variables, lambda: _pid(StreamState.objects.using(emptied).filter(state="live").values_list("holder"))


@pytest.fixture
def sqlite_site(sim: Simulator, django_site: Path) -> Site:
    """The same on SQLite."""

    def holder() -> int:
        with closing(sqlite3.connect(django_site / "site.sqlite3", timeout=30)) as database:
            return _pid(database.execute("SELECT holder FROM jexkit_stream WHERE state = 'live'").fetchall())

    return environment(sim), holder


def _pid(rows: Iterable[tuple[str]]) -> int:
    return next((int(holder.rpartition(":")[2]) for (holder,) in rows), 0)


@pytest.mark.parametrize(
    ("on", "number", "processes"),
    [
        ("postgres", signal.SIGKILL, 4),
        ("postgres", signal.SIGTERM, 4),
        ("sqlite", signal.SIGKILL, 2),
        ("sqlite", signal.SIGTERM, 2),
    ],
)
def test_another_process_takes_over(
    request: pytest.FixtureRequest, sim: Simulator, django_site: Path, on: str, number: signal.Signals, processes: int
) -> None:
    """Several run, one holds the stream; when that is killed or stopped the next one does, within seconds.

    With ``-s`` this tells how long it took, from the signal to the login of the next one.
    """
    variables, holder_of = request.getfixturevalue(f"{on}_site")
    with Program("manage.py", "migrate", "-v", "0", cwd=django_site, **variables) as migrated:
        assert migrated.wait() == 0, migrated.complaints()
    runs = [Program("manage.py", "jexkit", "run", cwd=django_site, **variables) for _ in range(processes)]
    for run in runs:
        assert run.line().startswith("jexkit: following main")
    try:
        for left in range(processes, 1, -1):
            eventually(lambda: holder_of() in {run.pid for run in runs}, "nobody says that it holds the stream")
            (holder,) = [run for run in runs if run.pid == holder_of()]
            logins = sim.deribit.counters["logins"]
            assert sim.deribit.connections("main") == 1
            began = time.monotonic()
            holder.signal(number)
            assert sim.deribit.counters.wait("logins", logins + 1, WITHIN), f"{left - 1} left, none holds it"
            print(f"\n{on}, {number.name}: the next one logged in after {time.monotonic() - began:.1f} s")  # noqa: T201
            holder.wait()
            runs.remove(holder)
            holder.__exit__()
            eventually(lambda: sim.deribit.connections("main") == 1, "more than one holds it")
    finally:
        for run in runs:
            run.signal(signal.SIGTERM)
        codes = [(run.wait(), run.complaints()) for run in runs]
        for run in runs:
            run.__exit__()
    assert codes == [(0, "")]
