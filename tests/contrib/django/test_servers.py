"""The example's Django site in production: web workers that follow nothing, and one process beside them that does."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.contrib import needs

needs.packages("django", "django", "gunicorn")

from jexkit.sim import Simulator
from tests.cli.commands import ROOT, Program, children_of
from tests.contrib.servers import (
    connections,
    end_children,
    environment,
    eventually,
    free_port,
    read_json,
    wait_for_server,
)

pytestmark = pytest.mark.web

EXEC = "import os, sys; os.execv(sys.argv[1], sys.argv[1:])"


def gunicorn(port: int) -> list[str]:
    return ["-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--workers", "4", "wsgi:application"]


def preloaded(port: int) -> list[str]:
    return [*gunicorn(port), "--preload"]


def uwsgi(port: int) -> list[str]:
    program = needs.script("uwsgi")
    options = ["--master", "--processes", "4", "--enable-threads", "--die-on-term", "--reload-mercy", "10"]
    python = ["--home", sys.prefix, "--pythonpath", str(ROOT), "--module", "wsgi:application"]
    return ["-c", EXEC, program, "--http-socket", f"127.0.0.1:{port}", *options, *python]


@pytest.mark.parametrize("server", [gunicorn, preloaded, uwsgi])
def test_web_workers_follow_nothing(sim: Simulator, django_site: Path, server: Callable[[int], list[str]]) -> None:
    """Four of them serve the pages, and the one stream is that of ``jexkit run``."""
    variables, port = environment(sim), free_port()
    with Program("manage.py", "migrate", "-v", "0", cwd=django_site, **variables) as migrated:
        assert migrated.wait() == 0, migrated.complaints()
    with Program(*server(port), cwd=django_site, **variables) as web:
        try:
            wait_for_server(port)
            eventually(lambda: len(children_of(web.pid)) >= 4, "there are no four workers")
            assert read_json(f"http://127.0.0.1:{port}/jexkit/health/")["healthy"] is False
            assert sim.deribit.counters["sockets_opened"] == 0
            with Program("manage.py", "jexkit", "run", cwd=django_site, **variables) as run:
                while "main: live" not in run.line():
                    pass
                account = sim.deribit.account("main")
                account.fill(account.place("BTC-PERPETUAL", "BUY", "10", "50000"))
                shown = f"http://127.0.0.1:{port}/trades/"
                eventually(lambda: len(read_json(shown)["trades"]) == 1, "the trade is never shown")
                eventually(lambda: read_json(f"http://127.0.0.1:{port}/jexkit/health/")["healthy"], "never healthy")
                assert connections(sim) == sim.deribit.counters["sockets_opened"] == 1
        finally:
            end_children(web)
