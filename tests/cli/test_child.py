"""The simulator as a process of its own."""

import os
import signal
import sys
import time

import pytest

from jexkit.cli.child import SimulatorFailed, SimulatorProcess
from jexkit.errors import MissingExtra
from tests.cli.commands import WITHIN, Program, has_ended, wait_ended

ORPHAN = """
import sys, threading
from jexkit.cli.child import SimulatorProcess
with SimulatorProcess(seed=0) as simulator:
    print(simulator.pid, flush=True)
    threading.Event().wait()
"""


def test_it_says_where_it_is_and_does_what_it_is_told() -> None:
    """Its configuration comes from its first line; market, rules and ledgers over the control site."""
    with SimulatorProcess(seed=3) as simulator:
        assert set(simulator.description["exchanges"]) == {"binance_pm", "deribit", "poloniex", "jex"}
        assert "[accounts.binance]" in simulator.description["toml"]
        simulator.set_rules("jex", {"listen_key_life": 12})
        with pytest.raises(SimulatorFailed, match="no rules"):
            simulator.set_rules("jex", {"nonsense": 1})
        assert simulator.ledger("poloniex")["told"] == []
        simulator.start_market(seed=1, rate=500)
        deadline = time.monotonic() + WITHIN
        while not simulator.ledger("poloniex")["told"]:
            assert time.monotonic() < deadline
        simulator.stop_market()
        assert simulator.ledger("poloniex") == simulator.ledger("poloniex")
        pid = simulator.pid
    assert has_ended(pid)


def test_one_that_has_ended_is_told() -> None:
    """Asking it is an error with a sentence, and leaving the with statement does no harm."""
    with SimulatorProcess(seed=0) as simulator:
        os.kill(simulator.pid, signal.SIGKILL)
        wait_ended(simulator.pid)
        with pytest.raises(SimulatorFailed, match="does not answer"):
            simulator.ledger("jex")


def test_one_that_does_not_start_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(SimulatorFailed, match="ended with code 1"), SimulatorProcess(seed=0):
        pass


def test_without_the_extra_it_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(MissingExtra, match=r"pip install 'jexkit\[demo\]'"):
        SimulatorProcess(seed=0)


def test_it_ends_with_a_parent_that_is_killed() -> None:
    """Nothing is left behind, whatever happens to us."""
    with Program("-c", ORPHAN) as parent:
        pid = int(parent.line())
        assert not has_ended(pid)
        parent.signal(signal.SIGKILL)
        parent.wait()
        wait_ended(pid)
