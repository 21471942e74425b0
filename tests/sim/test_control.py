"""The control site and the simulator as a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
import requests

from jexkit.sim import Simulator


def get(sim: Simulator, path: str, **params: str) -> Any:
    """Ask the control site."""
    return requests.get(f"{sim.control.url}{path}", params=params, timeout=30).json()


def post(sim: Simulator, path: str, **body: Any) -> requests.Response:
    """Order something of the control site."""
    return requests.post(f"{sim.control.url}{path}", json=body, timeout=30)


def test_state_tells_addresses_credentials_and_counters(sim: Simulator) -> None:
    """All that another process needs."""
    credentials = post(sim, "/accounts", exchange="jex", name="b").json()
    jex = get(sim, "/state")["exchanges"]["jex"]
    assert jex["accounts"] == {"b": credentials}
    assert (jex["rest_url"], jex["connections"]) == (sim.jex.rest_url, 0)
    requests.get(f"{sim.jex.rest_url}/api/v1/ping", timeout=30)
    assert get(sim, "/state")["exchanges"]["jex"]["counters"]["requests"] == 1


def test_ledger_tells_the_truth_log_and_the_final_state(sim: Simulator) -> None:
    """The same data as the Python attributes."""
    account = sim.binance_pm.account("a")
    account.fill(account.place("BTCUSDT", "BUY", "1", price="20000", market="UM"), "0.4")
    state = get(sim, "/ledger", exchange="binance_pm", account="a")
    assert (state["told"], state["fills"], state["open_orders"]) == (account.told, account.fills, account.open_orders())


def test_the_market_starts_and_stops(sim: Simulator) -> None:
    """By POST."""
    assert post(sim, "/market/start", rate=100, seed=1).json() == {"running": True}
    assert get(sim, "/state")["market"] is True
    assert post(sim, "/market/stop").json() == {"running": False}
    assert get(sim, "/state")["market"] is False


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/accounts", {"exchange": "nowhere"}),
        ("/market/start", {"rate": 0}),
        ("/advance", {"seconds": "long"}),
        ("/drop", {}),
    ],
)
def test_nonsense_is_answered_with_a_reason(sim: Simulator, path: str, body: dict[str, Any]) -> None:
    """400 and a sentence."""
    answer = post(sim, path, **body)
    assert (answer.status_code, bool(answer.json()["error"])) == (400, True)


def test_time_can_be_advanced(sim: Simulator) -> None:
    """Exchange seconds, at once."""
    before = sim.clock.monotonic()
    post(sim, "/advance", seconds=3600)
    assert sim.clock.monotonic() - before >= 3600


def test_the_process_prints_one_line_and_ends_with_its_input() -> None:
    """`python -m jexkit.sim`, held by the pipe of its parent."""
    command = [sys.executable, "-m", "jexkit.sim", "--seed", "9", "--account", "main", "--account", "x"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        assert requests.get(f"{told['control_url']}/state", timeout=30).json()["seed"] == 9
        rest, _ = process.communicate(timeout=60)
    assert (process.returncode, rest) == (0, "")
    assert set(told["exchanges"]["binance_pm"]["accounts"]) == {"main", "x"}
    assert "[accounts.binance]" in told["toml"]
    assert f'ws_url = "{told["exchanges"]["binance_pm"]["ws_url"]}"' in told["toml"]
    assert "[accounts.binance-x]" in told["toml"]
