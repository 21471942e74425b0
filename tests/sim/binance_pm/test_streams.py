"""Paths, envelopes and the messages of the client."""

from __future__ import annotations

import pytest
import websocket

from jexkit.sim import Simulator
from jexkit.sim.binance_pm import BinanceAccount, BinancePm
from tests.sim.binance_pm.client import Client
from tests.sim.ear import Ear


def place(account: BinanceAccount) -> None:
    """One event."""
    account.place("BTCUSDT", "BUY", "0.001", price="20000", market="UM")


def test_raw_and_combined_streams(client: Client, venue: BinancePm) -> None:
    """The event itself, or wrapped under the name of its stream."""
    key = client.listen_key()
    with Ear(f"{venue.ws_url}/ws/{key}") as raw, Ear(f"{venue.ws_url}/stream?streams={key}") as combined:
        venue.counters.wait("subscriptions", 2)
        place(client.account)
        event = raw.hear()
        assert event["e"] == "ORDER_TRADE_UPDATE"
        assert combined.hear() == {"stream": key, "data": event}
        assert client.account.told[-1]["listeners"] == 2


@pytest.mark.parametrize(("path", "combined"), [("/ws", False), ("/stream", True)])
def test_subscribing_later(client: Client, venue: BinancePm, path: str, combined: bool) -> None:
    """SUBSCRIBE with a listen key, LIST_SUBSCRIPTIONS, UNSUBSCRIBE."""
    key = client.listen_key()
    with Ear(f"{venue.ws_url}{path}") as ear:
        assert ear.ask({"method": "SUBSCRIBE", "params": [key], "id": 1}) == {"result": None, "id": 1}
        place(client.account)
        assert ("stream" in ear.hear()) == combined
        assert ear.ask({"method": "LIST_SUBSCRIPTIONS", "id": 2}) == {"result": [key], "id": 2}
        assert ear.ask({"method": "UNSUBSCRIBE", "params": [key], "id": 3}) == {"result": None, "id": 3}
        place(client.account)
        assert ear.so_far() == []


def test_the_combined_property(client: Client, ear: Ear) -> None:
    """SET_PROPERTY turns a raw connection into a combined one."""
    assert ear.ask({"method": "GET_PROPERTY", "params": ["combined"], "id": 1})["result"] is False
    ear.ask({"method": "SET_PROPERTY", "params": ["combined", True], "id": 2})
    place(client.account)
    assert set(ear.hear()) == {"stream", "data"}


def test_unreadable_messages_are_answered(ear: Ear) -> None:
    """Control traffic without `e`: an error object, in one of two shapes."""
    assert ear.ask("not json")["error"]["code"] == 3
    assert ear.ask({"method": "DANCE", "id": 1})["code"] == 2
    assert ear.ask({"method": "SUBSCRIBE", "params": "x", "id": 1})["code"] == 2


def test_more_than_ten_messages_a_second_disconnect(ear: Ear) -> None:
    """The eleventh within a second."""
    for number in range(11):
        ear.socket.send(f'{{"method":"LIST_SUBSCRIPTIONS","id":{number}}}')
    assert ear.end() == 1008


def test_paths_that_do_not_exist(venue: BinancePm) -> None:
    """404 instead of 101."""
    with pytest.raises(websocket.WebSocketBadStatusException):
        Ear(f"{venue.ws_url}/private")


def test_nobody_hears_another_account(sim: Simulator, client: Client, ear: Ear) -> None:
    """Two accounts, two streams."""
    place(sim.binance_pm.account("b"))
    assert ear.so_far() == []
