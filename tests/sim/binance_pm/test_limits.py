"""Request weights, 429, 418 and order counts."""

from __future__ import annotations

import requests

from jexkit.sim import Simulator
from jexkit.sim.binance_pm import BinancePm
from tests.sim.binance_pm.client import WAIT, Client

USED = "X-MBX-USED-WEIGHT-1M"


def test_every_answer_tells_the_weight_used(client: Client, sim: Simulator) -> None:
    """Public, keyed, signed and refused ones; it starts anew with the minute."""
    sim.advance(60 - sim.clock.monotonic() % 60)
    url = client.venue.rest_url
    assert requests.get(f"{url}/papi/v1/ping", timeout=WAIT).headers[USED] == "1"
    assert client.plain("POST", "/papi/v1/listenKey").headers[USED] == "2"
    assert client.signed("GET", "/papi/v1/balance").headers[USED] == "22"
    assert client.signed("GET", "/papi/v1/um/openOrders").headers[USED] == "62"
    assert client.signed("GET", "/papi/v1/um/openOrders", symbol="BTCUSDT").headers[USED] == "63"
    assert client.signed("GET", "/papi/v1/um/order").headers[USED] == "64"
    sim.advance(60)
    assert requests.get(f"{url}/papi/v1/ping", timeout=WAIT).headers[USED] == "1"


def test_above_the_limit_is_429_and_then_418(client: Client, venue: BinancePm, sim: Simulator, stopped_ms: int) -> None:
    """A few more requests and the IP is banned, for everybody behind it, until the time that the text says."""
    sim.advance(60 - sim.clock.monotonic() % 60)
    venue.rules.weight_per_minute, venue.rules.ban_after = 2, 2
    ping = f"{venue.rest_url}/papi/v1/ping"
    answers = [requests.get(ping, timeout=WAIT) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 429, 429, 418]
    assert {answer.json()["code"] for answer in answers[2:]} == {-1003}
    assert "Retry-After" not in answers[-1].headers
    until = int(answers[-1].json()["msg"].split("banned until ")[1].split(".")[0])
    assert until == stopped_ms + 120_000
    venue.rules.retry_after = True
    assert client.plain("PUT", "/papi/v1/listenKey").headers["Retry-After"] == "120"
    sim.advance(121)
    assert requests.get(ping, timeout=WAIT).status_code == 200


def test_orders_are_counted_per_account(client: Client, venue: BinancePm, sim: Simulator) -> None:
    """The header counts accepted orders; above the limit -1015."""
    sim.advance(60 - sim.clock.monotonic() % 60)
    venue.rules.orders_per_minute = 2
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "quantity": "0.001", "price": "10000"}
    first, second, third = (client.signed("POST", "/papi/v1/um/order", **order) for _ in range(3))
    assert (first.headers["X-MBX-ORDER-COUNT-1M"], second.headers["X-MBX-ORDER-COUNT-1M"]) == ("1", "2")
    assert (third.status_code, third.json()["code"]) == (429, -1015)
    assert client.read("/papi/v1/rateLimit/order")[0]["limit"] == 2
