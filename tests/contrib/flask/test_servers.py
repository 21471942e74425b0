"""Flask sites under real servers: one stream whatever the number of workers, and takeover when its holder is killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contrib import needs

needs.packages("flask", "flask", "gunicorn")

from jexkit.sim import Simulator
from jexkit.sim.calls import Call
from jexkit.testing import simulated
from tests.cli.commands import ROOT, Program, children_of
from tests.contrib.servers import end_children, environment, eventually, free_port, read_json, wait_for_server

pytestmark = pytest.mark.web

SITE = "tests.contrib.flask.site:app"
EXEC = "import os, sys; os.execv(sys.argv[1], sys.argv[1:])"
"""Becomes the server."""


class Stage:
    """A site's folder, the exchange that it follows, and its processes, which end with the test."""

    def __init__(self, sim: Simulator, folder: Path) -> None:
        self.sim = sim
        self.folder = folder
        self.account = sim.deribit.account("main")
        described = simulated.account(self.account)
        entry = {"exchange": "deribit", "rest_url": described.rest_url, "ws_url": described.ws_url}
        self.variables = {"FOLDER": str(folder), "ACCOUNT": json.dumps({**entry, **self.account.credentials()})}
        self.port = free_port()
        self.running: list[Program] = []

    def start(self, *command: str, **more: str) -> Program:
        self.running.append(Program(*command, cwd=ROOT, **{**self.variables, **more}))
        return self.running[-1]

    def end(self) -> None:
        for program in self.running:
            end_children(program)
            program.__exit__()

    @property
    def connections(self) -> int:
        return self.sim.deribit.connections("main")

    def holder(self) -> int:
        """The process that says that it holds the stream, 0 for none that is live."""
        told = read_json(f"http://127.0.0.1:{self.port}/jexkit/health")["streams"]["main"]
        return int(told["holder"].rpartition(":")[2]) if told["state"] == "live" else 0

    def trade(self) -> None:
        self.account.fill(self.account.place("BTC-PERPETUAL", "BUY", "10", "50000"))

    def booked(self) -> list[list[str]]:
        path = self.folder / "booked"
        return [line.split() for line in path.read_text("utf-8").splitlines()] if path.exists() else []


@pytest.fixture
def stage(sim: Simulator, tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(sim, tmp_path)
    yield stage
    stage.end()


def gunicorn(stage: Stage, *options: str, **more: str) -> Program:
    bind = ("--bind", f"127.0.0.1:{stage.port}", "--workers", "4", "--graceful-timeout", "5")
    return stage.start("-m", "gunicorn", *bind, *options, SITE, START="1", **more)


def uwsgi(stage: Stage, *options: str, **more: str) -> Program:
    program = needs.script("uwsgi")
    bind = ("--http-socket", f"127.0.0.1:{stage.port}", "--master", "--processes", "4", "--die-on-term")
    # A worker that is loading its app when uWSGI is to end misses the signal; else it is waited for for a minute.
    mercy = ("--reload-mercy", "10", "--worker-reload-mercy", "10")
    python = ("--home", sys.prefix, "--pythonpath", str(ROOT), "--enable-threads", "--lazy-apps")
    return stage.start("-c", EXEC, program, *bind, *mercy, *python, *options, "--module", SITE, START="1", **more)


def fills_of(stage: Stage) -> set[str]:
    return {identity for _, identity in stage.booked()}


@pytest.mark.parametrize("server", [gunicorn, uwsgi])
def test_one_of_four_workers_holds_the_stream(stage: Stage, server: Callable[..., Program]) -> None:
    """With JEXKIT_STANDBY: when it is killed another one does, within seconds. What comes again has the same id."""
    running = server(stage, STANDBY="1")
    wait_for_server(stage.port)
    eventually(lambda: stage.holder() in children_of(running.pid), "no worker holds the stream")
    for number in range(1, 3):
        holder = stage.holder()
        eventually(lambda: len(children_of(running.pid)) >= 4, "there are no four workers")
        assert stage.connections == 1
        stage.trade()
        eventually(lambda wanted=number: len(fills_of(stage)) == wanted, "the fill is never booked")
        os.kill(holder, signal.SIGKILL)
        eventually(lambda dead=holder: stage.holder() not in (0, dead), "nobody takes over")
        eventually(lambda: stage.connections == 1, f"{stage.connections} connections")
    running.signal(signal.SIGTERM)
    running.wait()
    eventually(lambda: stage.connections == 0, "a connection outlives its process")


def test_with_preload_the_master_holds_the_stream(stage: Stage) -> None:
    """The workers are forked from it, and do nothing of their own."""
    running = gunicorn(stage, "--preload")
    wait_for_server(stage.port)
    eventually(lambda: stage.holder() == running.pid, "the master does not hold the stream")
    eventually(lambda: len(children_of(running.pid)) >= 4, "there are no four workers")
    os.kill(children_of(running.pid)[0], signal.SIGKILL)
    stage.trade()
    eventually(lambda: len(stage.booked()) == 1, "the fill is never booked")
    assert {int(pid) for pid, _ in stage.booked()} == {running.pid}
    assert stage.connections == 1
    running.signal(signal.SIGTERM)
    running.wait()
    eventually(lambda: stage.connections == 0, "the connection outlives its process")


def test_several_workers_are_refused(stage: Stage) -> None:
    """Without JEXKIT_STANDBY: the second one says what to do, and there is never a second stream beside the first.

    One after it there may be: gunicorn ends all workers then, and one that is slow to begin finds the lock free.
    """
    beside: list[int] = []

    async def look(call: Call) -> None:  # before it is answered
        if call.is_socket:
            beside.append(len(stage.sim.deribit.open_connections))

    stage.sim.deribit.on_call = look
    running = gunicorn(stage)
    assert running.wait() != 0
    said = " ".join(running.complaints().split())
    assert "holds the streams of this app already; let one process hold them ('flask jexkit run' beside" in said
    assert not any(beside)


def test_the_reloader_has_one_stream(stage: Stage) -> None:
    """``flask run --debug``: the process that serves the pages holds it, and not the one that watches the files."""
    running = stage.start("-m", "flask", "--app", SITE, "--debug", "run", "--port", str(stage.port), START="1")
    wait_for_server(stage.port)
    eventually(lambda: stage.holder() in children_of(running.pid), "the serving process does not hold the stream")
    assert stage.sim.deribit.counters["logins"] == 1


def flask(stage: Stage, *arguments: str, **more: str) -> Program:
    return stage.start("-m", "flask", "--app", SITE, "jexkit", *arguments, **more)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_run_and_status(stage: Stage, number: signal.Signals) -> None:
    """The stream is held until a signal; meanwhile another process tells how it is."""
    running = flask(stage, "run")
    assert running.line() == "jexkit: following main; SIGTERM or Ctrl-C ends it\n"
    assert running.line().endswith(" main: live\n")

    def is_told() -> Any:
        status = flask(stage, "status")
        return status.wait() == 0 and status.line().startswith("main: live; last proof ")

    eventually(is_told, "its status is never told")
    running.signal(number)
    assert (running.wait(), running.complaints()) == (0, "")
    status = flask(stage, "status")
    assert (status.wait(), status.complaints()) == (1, "Error: not every stream is live\n")
    assert status.line().startswith("main: stopped; ")


def test_a_dead_letter_is_listed_and_replayed(stage: Stage) -> None:
    """By its number, once the handler is mended."""
    running = flask(stage, "run", FAIL="1")
    while "main: live" not in running.line():
        pass
    stage.trade()
    listed = []

    def is_listed() -> bool:
        listed[:] = flask(stage, "replay").lines()
        return bool(listed)

    eventually(is_listed, "it is never set aside")
    assert listed[0].startswith("1: book on main ")
    assert listed[0].endswith(": LookupError: of the program\n")
    running.signal(signal.SIGTERM)
    running.wait()
    attempts = len(stage.booked())
    assert flask(stage, "replay", "1").lines() == ["1 will be delivered again\n"]
    running = flask(stage, "run")
    eventually(lambda: len(stage.booked()) == attempts + 1, "it is never delivered again")
    eventually(lambda: flask(stage, "replay").lines() == [], "it is still listed")
    assert flask(stage, "replay", "7").wait() == 1


def test_check(stage: Stage) -> None:
    """One line for each thing that is tried."""
    check = flask(stage, "check")
    assert [line[:14] for line in check.lines()] == ["ok      main: "] * 6
    assert check.wait() == 0


@pytest.mark.parametrize(
    "server",
    [
        ("-m", "flask", "run", "--port"),
        ("-m", "gunicorn", "app:app", "--workers", "4", "--bind"),
        ("-m", "gunicorn", "app:app", "--workers", "4", "--preload", "--bind"),
    ],
    ids=["flask", "gunicorn", "preloaded"],
)
def test_the_example(sim: Simulator, tmp_path: Path, server: tuple[str, ...]) -> None:
    """``examples/flask_app``: a fill is booked in its database, and shown by its page; the workers follow nothing."""
    site = Path(shutil.copytree(ROOT / "examples/flask_app", tmp_path / "flask_app"))
    variables, port = environment(sim), free_port()
    account = sim.deribit.account("main")
    with Program("-m", "flask", "jexkit", "run", cwd=site, **variables) as running:
        while "main: live" not in running.line():
            pass
        account.fill(account.place("BTC-PERPETUAL", "BUY", "10", "50000"))
        where = f"127.0.0.1:{port}" if "gunicorn" in server else str(port)
        with Program(*server, where, cwd=site, **variables) as web:
            try:
                wait_for_server(port)
                eventually(lambda: len(read_json(f"http://127.0.0.1:{port}/trades/")) == 1, "the trade is never shown")
                eventually(
                    lambda: read_json(f"http://127.0.0.1:{port}/jexkit/health")["healthy"], "it is never healthy"
                )
                eventually(lambda: len(children_of(web.pid)) >= 4 * ("gunicorn" in server), "there are no four workers")
                assert stream_is_the_one(sim)
            finally:
                end_children(web)


def stream_is_the_one(sim: Simulator) -> bool:
    return sim.deribit.connections("main") == sim.deribit.counters["sockets_opened"] == 1
