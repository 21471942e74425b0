"""``manage.py jexkit``, in real processes of the example's project against the simulator."""

from __future__ import annotations

import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.contrib import needs

needs.packages("django", "django")

from jexkit.sim import Simulator
from tests.cli.commands import Program, children_of
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

Manage = Callable[..., Program]


@pytest.fixture
def manage(sim: Simulator, django_site: Path) -> Iterator[Manage]:
    """``manage.py`` of the example, migrated, with the simulator's credentials; ended after the test."""
    with ExitStack() as running:

        def start(*arguments: str, **variables: str) -> Program:
            program = Program("manage.py", *arguments, cwd=django_site, **{**environment(sim), **variables})
            running.enter_context(program)
            running.callback(end_children, program)
            return program

        with start("migrate", "--verbosity", "0") as migrated:
            assert migrated.wait() == 0, migrated.complaints()
        yield start


def trades(site: Path) -> list[str]:
    """The ids of the fills that the site has booked."""
    with closing(sqlite3.connect(site / "site.sqlite3", timeout=30)) as database:
        return [event for (event,) in database.execute("SELECT event_id FROM shop_trade ORDER BY id")]


def trade(sim: Simulator) -> None:
    account = sim.deribit.account("main")
    account.fill(account.place("BTC-PERPETUAL", "BUY", "10", "50000"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_run_holds_the_streams_until_a_signal(
    sim: Simulator, manage: Manage, django_site: Path, number: signal.Signals
) -> None:
    """A fill becomes a row of the site's table; a signal ends it with code 0, and the exchange is left."""
    with manage("jexkit", "run") as run:
        assert run.line() == "jexkit: following main; SIGTERM or Ctrl-C ends it\n"
        assert run.line().endswith(" main: live\n")
        trade(sim)
        eventually(lambda: len(trades(django_site)) == 1, "the fill is never booked")
        run.signal(number)
        assert (run.wait(), run.complaints()) == (0, "")
    eventually(lambda: connections(sim) == 0, "the connection outlives its process")


def test_run_with_wrong_keys_ends_with_code_1(sim: Simulator, manage: Manage) -> None:
    """Every stream is lost: the process ends, so that whoever supervises it knows."""
    with manage("jexkit", "run", DERIBIT_CLIENT_SECRET="wrong" * 10) as run:
        assert run.wait() == 1
        assert "CommandError: every stream is lost; the first by: " in run.complaints()


@pytest.mark.parametrize("subcommand", ["run", "check"])
def test_missing_credentials_end_it_with_code_2(sim: Simulator, manage: Manage, subcommand: str) -> None:
    """Before anything is opened, naming the setting and the variable."""
    with manage("jexkit", subcommand, DERIBIT_CLIENT_SECRET="") as run:
        assert run.wait() == 2
        assert "JEXKIT['STREAMS']['main']: Deribit: client_secret is empty" in run.complaints()
    assert sim.deribit.counters.as_dict() == {}


@pytest.mark.parametrize(
    "arguments",
    [
        ("check",),
        ("migrate",),
        ("shell", "-c", "import shop.streams; import threading; print(threading.active_count())"),
        ("test",),
        ("showmigrations",),
    ],
    ids=lambda arguments: arguments[0],
)
def test_other_commands_start_nothing(sim: Simulator, manage: Manage, arguments: tuple[str, ...]) -> None:
    """Not a connection is made, though the app is installed and the credentials are there."""
    with manage(*arguments) as command:
        assert command.wait() == 0, command.complaints()
    assert sim.deribit.counters.as_dict() == {}


def test_a_development_server_starts_nothing(sim: Simulator, manage: Manage) -> None:
    """Neither the process that watches the files nor the one that serves the pages."""
    port = free_port()
    server = manage("runserver", str(port))
    try:
        wait_for_server(port)
        assert read_json(f"http://127.0.0.1:{port}/jexkit/health/")["healthy"] is False
        assert len(children_of(server.pid)) == 1
    finally:
        end_children(server)
    assert sim.deribit.counters.as_dict() == {}


def test_a_dead_letter_is_listed_and_replayed(sim: Simulator, manage: Manage, django_site: Path) -> None:
    """By its number, once the handler is mended; a number that there is not ends with code 1."""
    handlers = django_site / "shop/streams.py"
    mended = handlers.read_text("utf-8")
    handlers.write_text(mended.replace("    Trade.objects.create(", "    Trade.objects.creat("), "utf-8")
    with manage("jexkit", "run") as run:
        while "main: live" not in run.line():
            pass
        trade(sim)
        listed: list[str] = []

        def is_listed() -> bool:
            listed[:] = manage("jexkit", "replay").lines()
            return bool(listed)

        eventually(is_listed, "it is never set aside")
        run.signal(signal.SIGTERM)
        run.wait()
    assert listed[0].startswith("1: book on main ")
    assert ": AttributeError: " in listed[0]
    assert trades(django_site) == []
    handlers.write_text(mended, "utf-8")
    assert manage("jexkit", "replay", "1").lines() == ["1 will be delivered again\n"]
    assert manage("jexkit", "replay").lines()[0].endswith("; to be delivered again\n")
    with manage("jexkit", "run"):
        eventually(lambda: len(trades(django_site)) == 1, "it is never delivered again")
    assert manage("jexkit", "replay").lines() == []
    unknown = manage("jexkit", "replay", "7")
    assert (unknown.wait(), "there is no dead letter 7" in unknown.complaints()) == (1, True)


def test_check_tries_each_account(manage: Manage) -> None:
    """One line for each thing that is tried, code 0."""
    with manage("jexkit", "check") as check:
        lines = check.lines()
        assert (check.wait(), check.complaints()) == (0, "")
    assert [line[:14] for line in lines] == ["ok      main: "] * 6


def test_check_says_what_does_not_work(manage: Manage) -> None:
    """Wrong keys: code 1, and what to compare."""
    with manage("jexkit", "check", "main", DERIBIT_CLIENT_SECRET="wrong" * 10) as check:
        assert "failed  main: credentials: " in "".join(check.lines())
        assert check.wait() == 1


def test_check_of_a_stream_that_is_not_there(manage: Manage) -> None:
    """Code 2, with the names that there are."""
    with manage("jexkit", "check", "mian") as check:
        assert check.wait() == 2
        assert "there is no stream 'mian'; there are main" in check.complaints()


def test_the_autoreloader_starts_anew_when_code_changes(sim: Simulator, manage: Manage, django_site: Path) -> None:
    """One stream before, one after, and none once it was ended."""
    with manage("jexkit", "run", "--autoreload") as run:
        eventually(lambda: connections(sim) == 1, "the stream is never opened")
        opened = sim.deribit.counters["sockets_opened"]

        def change() -> bool:  # until it is noticed: the reloader may not have looked at the file a first time
            (django_site / "shop/streams.py").touch()
            return sim.deribit.counters["sockets_opened"] > opened

        eventually(change, "a change of code is not noticed")
        eventually(lambda: connections(sim) == 1, "the old process keeps its stream")
        run.signal(signal.SIGTERM)
        run.wait()
    eventually(lambda: connections(sim) == 0, "the connection outlives its process")
