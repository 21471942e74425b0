"""Every example runs, against the simulator: the accounts' addresses are exchanged, and nothing else."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from jexkit.accounts import ACCOUNTS
from jexkit.sim import Simulator
from tests.cli.commands import ROOT, Program

EXAMPLES = ROOT / "examples"
# The program itself, except that "the real exchange" is the simulator; Ctrl-C is there also where a shell took it away.
RUN = """
import json, os, runpy, signal, sys
from jexkit.accounts import ACCOUNTS
signal.signal(signal.SIGINT, signal.default_int_handler)
for exchange, hosts in json.loads(os.environ["EXAMPLE_HOSTS"]).items():
    ACCOUNTS[exchange].hosts = {False: tuple(hosts)}
runpy.run_path(sys.argv[1], run_name="__main__")
"""
NAMES = {"binance_pm": "BINANCE", "deribit": "DERIBIT", "poloniex": "POLONIEX", "jex": "JEX"}


@pytest.fixture
def sim() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator


def run(sim: Simulator, name: str, **more: str) -> Program:
    variables = {"EXAMPLE_HOSTS": json.dumps({name: (one.rest_url, one.ws_url) for name, one in sim.venues.items()})}
    for exchange, venue in sim.venues.items():
        for field, value in venue.account("main").credentials().items():
            variables[f"{NAMES[exchange]}_{field.upper()}"] = value
    return Program("-c", RUN, str(EXAMPLES / name), **variables, **more)


def line_with(program: Program, text: str) -> str:
    """The next line that has this in it."""
    while text not in (line := program.line()):
        pass
    return line


def examples() -> list[Path]:
    return sorted(EXAMPLES.glob("*.py"))


@pytest.mark.parametrize("path", examples(), ids=lambda path: path.stem)
def test_each_is_short_and_has_its_test(path: Path) -> None:
    """Under forty lines, a docstring that says what it shows, and a test here that runs it."""
    source = path.read_text("utf-8")
    assert len(source.splitlines()) < 40
    assert source.startswith('"""')
    assert f"test_{path.stem}" in globals()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_follow_one_account(sim: Simulator, number: signal.Signals) -> None:
    """A fill is printed as it happens; a dropped connection is told; a signal ends it cleanly."""
    with run(sim, "follow_one_account.py") as program:
        sim.start_market(rate=100)
        assert re.fullmatch(r"\S+ (buy|sell) \S+ @ \S+\n", program.line())
        sim.stop_market()
        sim.deribit.drop("main")
        assert line_with(program, "deribit ") == "deribit closed\n"
        program.signal(number)
        assert program.wait() == 0
        assert program.complaints() == ""  # where nobody configures logging, jexkit says nothing on its own


def test_the_first_example_is_that_of_the_readme() -> None:
    """README's differs from it by the credentials alone."""
    readme = (ROOT / "README.md").read_text("utf-8")
    shown = readme.partition("```python\n")[2].partition("```")[0]
    example = (EXAMPLES / "follow_one_account.py").read_text("utf-8")
    wanted = [line for line in shown.splitlines() if line.strip() and "client_id" not in line]
    assert [line for line in wanted if line not in example.splitlines()] == []


def test_several_accounts(sim: Simulator) -> None:
    """Orders of both streams go to the one callback, under the names of the streams."""
    with run(sim, "several_accounts.py", SECONDS="600") as program:
        for name in ("futures", "spot"):
            assert line_with(program, "is live").startswith(f"{name} is live, with ")
        sim.binance_pm.account("main").place("BTCUSDT", "BUY", "0.01", "20000", market="UM")
        assert program.line() == "futures BTCUSDT new 0/0.01\n"
        order = sim.poloniex.account("main").place("BTC_USDT", "BUY", "0.5", "40000")
        assert program.line() == "spot BTC_USDT new 0/0.5\n"
        sim.poloniex.account("main").fill(order, "0.2")
        assert program.line() == "spot BTC_USDT partially_filled 0.2/0.5\n"


def test_survive_a_crash(sim: Simulator, tmp_path: Path) -> None:
    """What is filled before a kill is booked, and what is filled while the program is down, once each."""
    account = sim.poloniex.account("main")
    with run(sim, "survive_a_crash.py", FOLDER=str(tmp_path)) as program:
        line_with(program, "live:")
        account.fill(account.place("BTC_USDT", "BUY", "0.5", "40000"))
        assert program.line() == "booked BTC_USDT buy 0.5 stream\n"
        program.signal(signal.SIGKILL)
        program.wait()
    account.fill(account.place("BTC_USDT", "SELL", "0.25", "40000"))
    with run(sim, "survive_a_crash.py", FOLDER=str(tmp_path)) as program:
        again = []
        while (line := program.line()) != "booked BTC_USDT sell 0.25 recovered\n":
            again.append(line)
        live = line_with(program, "live:")
        program.signal(signal.SIGTERM)
        assert (program.wait(), program.complaints()) == (0, "")
    assert set(again) <= {live, "known BTC_USDT buy 0.5 stream\n"}  # what was told a moment before the kill


def test_wait_for_fill(sim: Simulator) -> None:
    """The order is placed and filled, and the program ends by itself."""
    with run(sim, "wait_for_fill.py") as program:
        lines = program.lines()
        assert (program.wait(), program.complaints()) == (0, "")
    assert "the order is filled\n" in lines
    fills = [line.split() for line in lines if line.startswith("filled ")]
    assert sum(Decimal(quantity) for _, quantity, _, _ in fills) == 10


def test_rest_reads(sim: Simulator) -> None:
    """What is open, what is there, what was traded."""
    account = sim.poloniex.account("main")
    order = account.place("BTC_USDT", "BUY", "0.5", "40000.25")
    account.fill(order, "0.2")
    with run(sim, "rest_reads.py") as program:
        lines = program.lines()
        assert (program.wait(), program.complaints()) == (0, "")
    assert "open: BTC_USDT buy 0.5 @ 40000.25 partially_filled\n" in lines
    assert "fill: BTC_USDT buy 0.2 @ 40000.25\n" in lines
    assert any(line.startswith("balance: BTC 100.19971 ") for line in lines)


def test_rest_reads_without_an_exchange(sim: Simulator) -> None:
    """An error of jexkit becomes a line, and no traceback."""
    with run(sim, "rest_reads.py") as program:
        sim.poloniex.account("main")
        assert program.wait() == 0
    sim.stop()
    with run(sim, "rest_reads.py") as program:
        assert program.lines()[-1].startswith("no answer to use: ")
        assert program.wait() == 0


def test_own_scheduler(sim: Simulator) -> None:
    """The host's jobs and jexkit's run on one scheduler."""
    with run(sim, "own_scheduler.py") as program:
        assert "last proof: 20" in line_with(program, "last proof: 2")
        program.lines()
        assert (program.wait(), program.complaints()) == (0, "")


def test_every_exchange_has_a_name_here() -> None:
    assert set(NAMES) == set(ACCOUNTS)
