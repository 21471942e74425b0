"""One account and its client."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from jexkit.sim import Simulator
from jexkit.sim.jex import Jex, JexAccount
from tests.sim.ear import Ear
from tests.sim.jex.client import Client


@pytest.fixture
def venue(sim: Simulator) -> Jex:
    """The exchange."""
    return sim.jex


@pytest.fixture
def account(venue: Jex) -> JexAccount:
    """An account with money in every wallet."""
    return venue.account("a")


@pytest.fixture
def client(sim: Simulator, account: JexAccount) -> Client:
    """The account's client."""
    return Client(sim, account)


@pytest.fixture
def ear(client: Client) -> Iterator[Ear]:
    """The account's stream."""
    with client.listen() as listening:
        yield listening
