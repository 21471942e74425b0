"""One account, its REST client and its sockets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from jexkit.sim import Simulator
from jexkit.sim.poloniex import Poloniex, PoloniexAccount
from tests.sim.poloniex.client import Rest, Socket

Connect = Callable[..., Socket]


@pytest.fixture
def venue(sim: Simulator) -> Poloniex:
    """The exchange, without the limit of ten lists a second that a test would run into."""
    sim.poloniex.rules.heavy_per_second = None
    return sim.poloniex


@pytest.fixture
def account(venue: Poloniex) -> PoloniexAccount:
    """An account with money."""
    return venue.account("a")


@pytest.fixture
def client(venue: Poloniex, account: PoloniexAccount) -> Iterator[Rest]:
    """REST, in the account's name."""
    made = Rest(venue.rest_url, account)
    yield made
    made.session.close()


@pytest.fixture
def connect(venue: Poloniex) -> Iterator[Connect]:
    """Opens sockets, and lets go of them at the end."""
    sockets: list[Socket] = []

    def make(path: str | None = None, **options: Any) -> Socket:
        url = venue.ws_url if path is None else f"ws://127.0.0.1:{venue.port}{path}"
        sockets.append(Socket(url, **options))
        return sockets[-1]

    yield make
    for one in sockets:
        one.socket.shutdown()  # type: ignore[no-untyped-call]


@pytest.fixture
def live(connect: Connect, account: PoloniexAccount) -> Socket:
    """A socket that is logged in and subscribed to both channels."""
    socket = connect()
    assert socket.log_in(account)["data"]["success"] is True
    socket.say(event="subscribe", channel=["orders", "balances"], symbols=["all"])
    socket.hear()
    socket.hear()
    return socket
