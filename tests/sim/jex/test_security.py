"""Who may ask: X-JEX-APIKEY, the window of time, HMAC, and the limits."""

from __future__ import annotations

import pytest
import requests

from jexkit.sim import Simulator
from jexkit.sim.calls import Call
from jexkit.sim.jex import Jex
from jexkit.sim.signed_query import is_hmac, signed_bytes
from tests.sim.jex.client import WAIT, Client

SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"


def test_the_header_is_called_x_jex_apikey(client: Client) -> None:
    """Binance's name is not known here."""
    assert client.plain("POST", "userDataStream").status_code == 200
    client.headers = {"X-MBX-APIKEY": client.account.api_key}
    answer = client.plain("POST", "userDataStream")
    assert (answer.status_code, answer.json()["code"]) == (401, -2014)


def test_a_revoked_key_is_unknown(client: Client) -> None:
    """401."""
    client.account.revoke()
    assert client.code("account") == (401, -2015)


def test_wrong_signatures_and_times(client: Client, stopped_ms: int) -> None:
    """-1022 and -1021; -1102 if there is no signature at all."""
    assert client.code("account", secret="other", timestamp=stopped_ms) == (400, -1022)
    for window, offset in ((None, -5001), (10_000, -10_001), (None, 1000)):
        assert client.code("account", recvWindow=window, timestamp=stopped_ms + offset) == (400, -1021)
    assert client.plain("GET", "account").json()["code"] == -1102


@pytest.mark.parametrize(
    ("query", "body", "printed"),
    [
        (
            (
                "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000"
                "&timestamp=1499827319559"
            ),
            "",
            "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71",
        ),
        (
            "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC",
            "quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559",
            "0fd168b8ddb4876a0358a8d14d0c9f3da0e9b20c5d52b2a00fcf7d1c602f9a77",
        ),
    ],
)
def test_the_documented_examples_verify(query: str, body: str, printed: str) -> None:
    """All in the query, or query and body with nothing between."""
    call = Call("POST", "/", query, f"{body}&signature={printed}".encode() if body else b"", {}, "")
    assert is_hmac(SECRET, signed_bytes(call), printed.upper())


def test_limits_tell_when_to_come_back(sim: Simulator, client: Client, venue: Jex) -> None:
    """429, then 418, both with Retry-After in seconds; the headers kept Binance's prefix."""
    sim.advance(60 - sim.clock.monotonic() % 60)
    venue.rules.weight_per_minute, venue.rules.ban_after = 1, 1
    ping = f"{venue.rest_url}/api/v1/ping"
    answers = [requests.get(ping, timeout=WAIT) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 429, 418]
    assert (answers[0].headers["X-MBX-USED-WEIGHT-1M"], answers[0].headers["X-MBX-USED-WEIGHT"]) == ("1", "1")
    assert 1 <= int(answers[1].headers["Retry-After"]) <= 60 < int(answers[2].headers["Retry-After"])
    assert answers[1].json()["code"] == -1003


def test_orders_are_counted_by_second_and_day(client: Client, venue: Jex) -> None:
    """Ten a second; who makes more is told when to come back."""
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "quantity": "0.001", "price": "100"}
    headers = client.signed("POST", "spot/order", **order).headers
    assert (headers["X-MBX-ORDER-COUNT-1S"], headers["X-MBX-ORDER-COUNT-1D"]) == ("1", "1")
    venue.rules.orders_per_day = 1
    refused = client.signed("POST", "spot/order", **order)
    assert (refused.status_code, refused.json()["code"]) == (429, -1015)
    assert 1 <= int(refused.headers["Retry-After"]) <= 86_400
