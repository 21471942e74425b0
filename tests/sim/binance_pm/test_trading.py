"""Orders over REST: the ledger, the answer and the stream agree."""

from __future__ import annotations

from typing import Any

import pytest

from jexkit.sim.binance_pm import BinanceAccount
from tests.sim.binance_pm.client import Client
from tests.sim.ear import Ear


def order(**changed: Any) -> dict[str, Any]:
    """A limit order that rests, unless changed."""
    usual = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "quantity": "0.5", "price": "19000"}
    return {name: value for name, value in {**usual, **changed}.items() if value is not None}


@pytest.mark.parametrize(
    ("folder", "symbol", "event"),
    [
        ("um", "BTCUSDT", "ORDER_TRADE_UPDATE"),
        ("cm", "BTCUSD_PERP", "ORDER_TRADE_UPDATE"),
        ("margin", "BTCUSDT", "executionReport"),
    ],
)
def test_place_and_cancel(client: Client, ear: Ear, folder: str, symbol: str, event: str) -> None:
    """In each family; the stream tells both."""
    path = f"/papi/v1/{folder}/order"
    placed = client.signed("POST", path, **order(symbol=symbol, quantity="1", newClientOrderId="mine")).json()
    assert (placed["status"], placed["clientOrderId"]) == ("NEW", "mine")
    assert "avgPrice" not in placed
    canceled = client.signed("DELETE", path, symbol=symbol, origClientOrderId="mine").json()
    assert canceled["status"] == "CANCELED"
    heard = [frame for frame in ear.so_far() if frame["e"] == event]
    assert [frame.get("o", frame)["x"] if folder != "margin" else frame["x"] for frame in heard] == ["NEW", "CANCELED"]
    again = client.signed("DELETE", path, symbol=symbol, origClientOrderId="mine")
    assert (again.status_code, again.json()["code"]) == (400, -2011)


def test_market_orders_are_filled_with_equal_times(client: Client, account: BinanceAccount, ear: Ear) -> None:
    """NEW and TRADE of a market order share T and E, as real frames do."""
    answer = client.signed("POST", "/papi/v1/um/order", **order(type="MARKET", price=None)).json()
    assert answer["status"] == "FILLED"
    new, trade, _ = ear.events(3)
    assert (new["T"], new["E"]) == (trade["T"], trade["E"])
    assert account.positions()[0]["quantity"] == "0.5"


def test_orders_across_the_price_are_filled_unless_post_only(client: Client) -> None:
    """A marketable limit order takes; GTX and LIMIT_MAKER refuse to."""
    assert client.signed("POST", "/papi/v1/um/order", **order(price="21000")).json()["status"] == "FILLED"
    for folder, kind in (("um", {"timeInForce": "GTX"}), ("margin", {"type": "LIMIT_MAKER"})):
        refused = client.signed("POST", f"/papi/v1/{folder}/order", **order(price="21000", **kind))
        assert refused.json()["code"] == -5022


def test_amend_and_cancel_all(client: Client, account: BinanceAccount) -> None:
    """PUT keeps the id; allOpenOrders answers with code 200."""
    placed = client.signed("POST", "/papi/v1/um/order", **order()).json()
    changed = client.signed(
        "PUT", "/papi/v1/um/order", symbol="BTCUSDT", side="BUY", orderId=placed["orderId"], price="18000", quantity="2"
    ).json()
    assert (changed["orderId"], changed["price"], changed["origQty"]) == (placed["orderId"], "18000", "2")
    assert client.signed("DELETE", "/papi/v1/um/allOpenOrders", symbol="BTCUSDT").json()["code"] == 200
    assert account.open_orders() == []


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"symbol": "NOPE"}, -1121),
        ({"side": "HOLD"}, -1117),
        ({"type": "WISH"}, -1116),
        ({"price": None}, -1102),
        ({"quantity": None}, -1102),
        ({"price": "much"}, -1130),
        ({"quantity": "0"}, -4003),
    ],
)
def test_orders_that_make_no_sense(client: Client, account: BinanceAccount, changed: dict[str, Any], code: int) -> None:
    """Refused with the code that names the parameter; nothing is told on the stream."""
    answer = client.signed("POST", "/papi/v1/um/order", **order(**changed))
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert account.told == []


def test_money_that_is_not_there(client: Client) -> None:
    """Margin orders need what they lock."""
    answer = client.signed("POST", "/papi/v1/margin/order", **order(quantity="1000"))
    assert answer.json()["code"] == -2018


def test_conditional_orders(client: Client, account: BinanceAccount) -> None:
    """Algo orders on USDS-M, strategies on COIN-M."""
    algo = client.signed(
        "POST",
        "/papi/v1/um/algo/order",
        algoType="CONDITIONAL",
        symbol="BTCUSDT",
        side="SELL",
        type="STOP_MARKET",
        quantity="0.1",
        triggerPrice="19000",
    ).json()
    assert algo["algoStatus"] == "NEW"
    strategy = client.signed(
        "POST",
        "/papi/v1/cm/conditional/order",
        symbol="BTCUSD_PERP",
        side="SELL",
        strategyType="STOP_MARKET",
        quantity="1",
        stopPrice="19000",
    ).json()
    assert strategy["strategyStatus"] == "NEW"
    assert client.signed("DELETE", "/papi/v1/um/algo/order", algoId=algo["algoId"]).json()["code"] == "200"
    path = "/papi/v1/cm/conditional/order"
    canceled = client.signed("DELETE", path, symbol="BTCUSD_PERP", strategyId=strategy["strategyId"]).json()
    assert canceled["strategyStatus"] == "CANCELED"
    assert account.open_orders() == []
