"""The seeded market script."""

from __future__ import annotations

import time

import pytest

from jexkit.sim import Simulator
from jexkit.sim.market import Market
from jexkit.sim.simulator import EXCHANGES

EVERYTHING = {"order", "fill", "balance", "position", "notice"}
KINDS = {"binance_pm": EVERYTHING, "deribit": EVERYTHING, "jex": EVERYTHING, "poloniex": {"order", "fill", "balance"}}


def life(seed: int, exchange: str) -> list[dict[str, str | int]]:
    """What an account of a fresh simulator is told in 300 steps, without times."""
    sim = Simulator(seed=1)
    account = sim.venues[exchange].account("a")
    Market(sim, seed).step(300, [account])
    return [
        {name: value for name, value in told.items() if name not in {"time", "client_order_id"}}
        for told in account.told
    ]


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_the_same_seed_tells_the_same_story(exchange: str) -> None:
    """And another seed another one."""
    first = life(5, exchange)
    assert first == life(5, exchange)
    assert first != life(6, exchange)


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_everything_happens_sooner_or_later(exchange: str) -> None:
    """Orders, fills, balances and the rest of it, and nearly nothing is refused."""
    sim = Simulator()
    account = sim.venues[exchange].account("a")
    market = Market(sim, 1)
    market.step(2000, [account])
    assert {record["kind"] for record in account.told} == KINDS[exchange]
    assert market.refused < 20
    assert all(float(row["total"]) >= 0 for row in account.balances())


def test_a_running_script_fills_the_ledger_and_stops(sim: Simulator) -> None:
    """It runs on the loop at its rate, and nothing happens any more after stop."""
    account = sim.jex.account("main")
    market = sim.start_market(seed=3, rate=400)
    deadline = time.monotonic() + 60
    while market.steps < 100 and time.monotonic() < deadline:
        sim.loop.call(lambda: None)
    sim.stop_market()
    steps, told = market.steps, len(account.told)
    sim.advance(60)
    assert (market.steps, len(account.told)) == (steps, told)
    assert steps >= 100


def test_a_script_needs_an_account(sim: Simulator) -> None:
    """It says what to do."""
    with pytest.raises(ValueError, match="no account"):
        Market(sim).step()


@pytest.mark.parametrize("rate", [0, -1, float("nan"), float("inf"), 1e9])
def test_a_rate_that_no_machine_keeps_up_with_is_refused(sim: Simulator, rate: float) -> None:
    """It would only fill the memory."""
    with pytest.raises(ValueError, match="rate must be above zero"):
        sim.start_market(rate=rate)
