"""One account and its client."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from jexkit.sim import Simulator
from jexkit.sim.binance_pm import BinanceAccount, BinancePm
from tests.sim.binance_pm.client import Client
from tests.sim.ear import Ear


@pytest.fixture
def venue(sim: Simulator) -> BinancePm:
    """The exchange."""
    return sim.binance_pm


@pytest.fixture
def account(venue: BinancePm) -> BinanceAccount:
    """An account with money in every wallet."""
    return venue.account("a")


@pytest.fixture
def client(sim: Simulator, account: BinanceAccount) -> Client:
    """The account's client."""
    return Client(sim, account)


@pytest.fixture
def ear(client: Client) -> Iterator[Ear]:
    """The account's stream."""
    with client.listen() as listening:
        yield listening
