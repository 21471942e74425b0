"""Forks under the servers that people use: the parent's manager is inert in each worker, and each has its own."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.cli.commands import Program
from tests.servers.conftest import WITHIN, Desk, find

APPLICATION = "tests.servers.host:application"
LOOPBACK = "127.0.0.1:0"
GUNICORN = ("--workers", "2", "--bind", LOOPBACK, "--log-file", "-", "--no-control-socket")
HERE = "import sys, os; os.dup2(1, 2); os.execv(sys.argv[1], sys.argv[1:])"
"""Becomes the server, with everything that it says on one stream."""


def both_workers(ask: Any) -> dict[int, dict[str, Any]]:
    """What each of the two workers reports."""
    found: dict[int, dict[str, Any]] = {}
    deadline = time.monotonic() + WITHIN  # the system may hand many requests in a row to one and the same worker
    while time.monotonic() < deadline:
        report = ask()
        found[report["pid"]] = report
        if len(found) == 2:
            return found
    raise AssertionError(f"only {sorted(found)} ever answered")


def check(reports: dict[int, dict[str, Any]], desk: Desk) -> None:
    """Of the workers' reports, and of who is told of a fill."""
    (parent,) = {report["born_in"] for report in reports.values()}
    for pid, report in reports.items():
        assert pid != parent
        assert (report["inherited"], report["own"]) == ("stopped", "live")
        assert f"was made in process {parent} and does nothing in process {pid}" in report["refusal"]
        assert report["threads"] == ["jexkit-own-delivery", "jexkit-own-reader"]
    desk.fill()
    assert desk.heard(3) == sorted([(parent, "parent"), *((pid, "own") for pid in reports)])


def site(port: str) -> Any:
    def ask() -> dict[str, Any]:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=WITHIN) as answer:
            found: dict[str, Any] = json.load(answer)
            return found

    return ask


@pytest.mark.parametrize("kind", ["sync", "gthread"])
def test_gunicorn_with_preload(needs: Any, desk: Desk, kind: str) -> None:
    """The site is loaded in the master, and forked; SIGTERM ends all of it, and no connection is left."""
    needs("gunicorn")
    command = (sys.executable, "-m", "gunicorn", "--preload", *GUNICORN, "--worker-class", kind, APPLICATION)
    with Program("-c", HERE, *command, **desk.variables) as server:
        check(both_workers(site(find(server, r"Listening at: http://127.0.0.1:(\d+)"))), desk)
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
        assert "Traceback" not in "".join(server.lines())
    desk.wait_for_connections(0)


def test_one_of_many_workers_holds_the_streams(needs: Any, desk: Desk) -> None:
    """The other stands by, and takes over when the holder is killed; so does the one that gunicorn starts for it."""
    needs("gunicorn")
    shared = ("--config", str(Path(__file__).parent / "shared.py"), "tests.servers.shared:application")
    with Program("-c", HERE, sys.executable, "-m", "gunicorn", *GUNICORN, *shared, **desk.variables) as server:
        ask = site(find(server, r"Listening at: http://127.0.0.1:(\d+)"))
        holders = [holder(ask)]
        wait_for_states(ask, {"live", "standby"})
        for _ in range(2):
            os.kill(holders[-1], signal.SIGKILL)
            holders.append(holder(ask, other_than=holders[-1]))
            desk.wait_for_connections(1)  # the exchange may not have seen the end of the one that was killed
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
    desk.wait_for_connections(0)


def wait_for_states(ask: Any, states: set[str]) -> None:
    """Until the two workers have these; one that was forked a moment ago has not asked for the lock yet."""
    deadline = time.monotonic() + WITHIN
    while (found := {report["state"] for report in both_workers(ask).values()}) != states:
        assert time.monotonic() < deadline, found


def holder(ask: Any, other_than: int = 0) -> int:
    """The process that says that it is live, once there is one."""
    deadline = time.monotonic() + WITHIN
    while time.monotonic() < deadline:
        try:
            report = ask()
        except OSError:
            continue  # asked of the one that was killed
        if report["state"] == "live" and report["pid"] != other_than:
            return int(report["pid"])
    raise AssertionError("nobody holds the streams")


def test_uwsgi_without_fork_hooks(needs: Any, desk: Desk) -> None:
    """It runs no hooks of Python's at a fork, nor tells Python that there was one."""
    command = (needs("uwsgi", "uwsgi"), "--http-socket", LOOPBACK, "--master", "--processes", "2", "--enable-threads")
    more = ("--virtualenv", sys.prefix, "--module", APPLICATION, "--need-app", "--die-on-term")
    with Program("-c", HERE, *command, *more, **desk.variables) as server:
        check(both_workers(site(find(server, r"TCP address 127.0.0.1:(\d+)"))), desk)
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
        said = "".join(server.lines())
        assert "NO MERCY" not in said  # it kills a worker that does not end
        assert "Traceback" not in said
    desk.wait_for_connections(0)


def test_celery_prefork(needs: Any, desk: Desk, tmp_path: Path) -> None:
    """Each process of the pool starts its own by Celery's signals, and ends it by them."""
    needs("celery")
    import celery

    (tmp_path / "results").mkdir()
    app = celery.Celery("jexkit-asks")
    app.conf.update(
        broker_url="filesystem://",
        broker_transport_options=dict.fromkeys(("data_folder_in", "data_folder_out", "control_folder"), str(tmp_path)),
        result_backend=(tmp_path / "results").as_uri(),
    )
    quiet = ("--without-mingle", "--without-gossip", "--without-heartbeat")
    command = (sys.executable, "-m", "celery", "-A", "tests.servers.tasks", "worker", "--concurrency", "2", *quiet)
    with Program("-c", HERE, *command, "--pool", "prefork", **desk.variables) as server:
        reports = both_workers(lambda: app.send_task("report").get(timeout=WITHIN))
        check(reports, desk)
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
    desk.wait_for_connections(0)
