"""One account and connections to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from jexkit.sim import Simulator
from jexkit.sim.deribit import Deribit, DeribitAccount
from tests.sim.deribit.client import Client

Connect = Callable[[], Client]


@pytest.fixture
def venue(sim: Simulator) -> Deribit:
    """The exchange."""
    return sim.deribit


@pytest.fixture
def account(venue: Deribit) -> DeribitAccount:
    """An account with money."""
    return venue.account("a")


@pytest.fixture
def connect(venue: Deribit) -> Iterator[Connect]:
    """Opens connections, and lets go of them at the end."""
    clients: list[Client] = []

    def make() -> Client:
        clients.append(Client(venue.ws_url))
        return clients[-1]

    yield make
    for client in clients:
        client.socket.shutdown()  # type: ignore[no-untyped-call]


@pytest.fixture
def client(connect: Connect) -> Client:
    """A connection without a login."""
    return connect()


@pytest.fixture
def live(client: Client, account: DeribitAccount) -> Client:
    """A connection that is logged in."""
    client.log_in(account)
    return client
