"""Snapshots and orders over REST, with their drifting types."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests

from jexkit.sim.jex import Jex, JexAccount
from tests.sim.jex.client import WAIT, Client


def test_account_shows_all_wallets(account: JexAccount, client: Client) -> None:
    """The contract wallet writes its assets in lower case."""
    account.place("BTCUSDT", "BUY", "1", "10000", market="contract")
    wallets = client.read("account")
    assert wallets["contractBalances"] == [
        {
            "asset": "usdt",
            "canDeposit": False,
            "canTrade": True,
            "canWithdraw": False,
            "free": "999000",
            "locked": "1000",
        }
    ]
    assert {row["asset"] for row in wallets["spotBalances"]} == {"BTC", "USDT", "ETH", "JEX"}


@pytest.mark.parametrize(("market", "symbol"), [("spot", "JEXBTC"), ("option", "BTCCALLM")])
def test_spot_and_option_orders(account: JexAccount, client: Client, market: str, symbol: str) -> None:
    """Ids are texts here; open, one, history."""
    order = account.place(symbol, "BUY", "10", price="0.01")
    account.fill(order, "4")
    (row,) = client.read(f"{market}/openOrders", symbol=symbol)
    assert (row["orderId"], row["status"], float(row["executedQty"])) == (order.order_id, "PARTIALLY_FILLED", 4)
    assert client.read(f"{market}/order", symbol=symbol, orderId=order.order_id) == row
    account.cancel(order)
    assert client.read(f"{market}/openOrders", symbol=symbol) == []
    assert [one["status"] for one in client.read(f"{market}/historyOrders", symbol=symbol)] == ["CANCLEFILLED"]


def test_open_orders_need_a_symbol(client: Client) -> None:
    """There is no call over all symbols."""
    assert client.code("spot/openOrders") == (400, -1102)
    assert client.code("spot/openOrders", symbol="NOPE") == (400, -1121)
    assert client.code("spot/order", symbol="JEXBTC") == (400, -1102)
    assert client.code("spot/order", symbol="JEXBTC", orderId=1) == (400, -2013)
    assert client.code("spot/openOrders", symbol="JEXBTC", limit="x") == (400, -1100)


def test_open_orders_start_after_an_id(account: JexAccount, client: Client) -> None:
    """Only later ones."""
    orders = [account.place("JEXBTC", "BUY", "1", price="0.01") for _ in range(4)]
    rows = client.read("spot/openOrders", symbol="JEXBTC", orderId=orders[0].order_id, limit=2)
    assert [row["orderId"] for row in rows] == [order.order_id for order in orders[1:3]]


def test_contract_orders(account: JexAccount, client: Client, venue: Jex) -> None:
    """An order being placed is not open yet; sells are negative; the status may be empty."""
    venue.rules.entrust_delay = None
    order = account.place("BTCUSDT", "SELL", "2", "10000", market="contract")
    assert client.read("contract/openOrders", symbol="BTCUSDT") == []
    asked = {"symbol": "BTCUSDT", "orderId": order.order_id}
    assert client.read("contract/order", **asked)["status"] == "ENTRUSTING"
    account.accept(order)
    account.fill(order, "0.5")
    (row,) = client.read("contract/openOrders", symbol="BTCUSDT")
    assert (row["origQty"], row["executedQty"], row["executedPrice"]) == ("-2.0000", "-0.5000", "10000")
    assert row["reject"] is None
    venue.rules.empty_contract_status = True
    assert client.read("contract/order", **asked)["status"] == ""
    venue.rules.contract_open_orders_like_spot = True
    assert "cummulativeQuoteQty" in client.read("contract/openOrders", symbol="BTCUSDT")[0]


def test_batch_orders_line_up_with_the_request(account: JexAccount, client: Client) -> None:
    """Errors inline, words in lower case."""
    account.refuse_next("reach risk limit")
    order = account.place("BTCUSDT", "BUY", "2", "10000", market="contract")
    text = json.dumps([{"orderId": order.order_id}, {"orderId": "1"}])
    found, missing = client.read("contract/batchOrder", ordersJsonArray=text)
    assert (found["orderId"], found["status"], found["side"]) == (order.order_id, "fail", "buy")
    assert missing == {"msg": "Order does not exist.", "code": -2013}
    assert client.read("contract/order", symbol="BTCUSDT", orderId=order.order_id)["reject"] == "reach risk limit"


def test_positions(account: JexAccount, client: Client) -> None:
    """Contracts held long and short, options as balances."""
    account.fill(account.place("BTCUSDT", "SELL", "2", "10000", market="contract"))
    (row,) = client.read("contract/position")
    assert (row["direction"], row["currentQuantity"], row["costPrice"]) == ("shorts", "2.0000", "10000.00000000")
    assert client.read("contract/position", symbol="EOSUSDT") == []
    options = client.read("option/position")
    assert [(option["name"], option["type"]) for option in options] == [("BTCCALLM", "CALL"), ("BTCPUTM", "PUT")]


def test_contract_fills_are_newest_first(account: JexAccount, client: Client, venue: Jex) -> None:
    """Some ids are numbers and some texts; endId pages backwards, or forwards by the switch."""
    order = account.place("BTCUSDT", "SELL", "2", "10000", market="contract")
    fills = [account.fill(order, "0.5") for _ in range(4)]
    rows = client.read("contract/userHistoricalTrades", symbol="BTCUSDT")
    assert [int(row["id"]) for row in rows] == [int(fill.trade_id) for fill in reversed(fills)]
    assert {type(row["id"]) for row in rows} == {int, str}
    assert {row["qty"] for row in rows} == {"-0.5000"}
    page: dict[str, Any] = {"symbol": "BTCUSDT", "endId": fills[2].trade_id, "limit": 1}
    assert int(client.read("contract/userHistoricalTrades", **page)[0]["id"]) == int(fills[1].trade_id)
    venue.rules.end_id_goes_back = False
    assert int(client.read("contract/userHistoricalTrades", **page)[0]["id"]) == int(fills[3].trade_id)


def test_the_bill(account: JexAccount, client: Client) -> None:
    """Amounts are numbers, dates texts without a zone."""
    account.fill(account.place("BTCUSDT", "BUY", "0.5", "10000", market="contract"))
    (row,) = client.read("contract/bill")
    assert (row["amount"], row["symbol"], len(row["createdDate"])) == (0.5, "BTCUSDT", 19)


def test_public_calls(client: Client) -> None:
    """Time, ping, symbols; anything else is 404."""
    url = f"{client.venue.rest_url}/api/v1"
    assert requests.get(f"{url}/ping", timeout=WAIT).text == "{}"
    assert requests.get(f"{url}/time", timeout=WAIT).json()["serverTime"] > 0
    info = requests.get(f"{url}/exchangeInfo", timeout=WAIT).json()
    assert [row["symbol"] for row in info["contractSymbols"]] == ["BTCUSDT", "EOSUSDT"]
    assert requests.get(f"{url}/nothing", timeout=WAIT).status_code == 404


def test_orders_over_rest(account: JexAccount, client: Client) -> None:
    """ACK and RESULT; contracts answer `entrusting`; a cancelled order cannot be cancelled again."""
    order = {"symbol": "JEXBTC", "side": "BUY", "type": "LIMIT", "quantity": "5", "price": "0.01"}
    short = client.signed("POST", "spot/order", **order).json()
    assert set(short) == {"symbol", "orderId", "transactTime"}
    full = client.signed("POST", "spot/order", **order, newOrderRespType="RESULT").json()
    assert (full["status"], full["orderId"]) == ("NEW", short["orderId"] + 1)
    contract = {**order, "symbol": "BTCUSDT", "side": "SELL", "price": "10000"}
    taken = client.signed("POST", "contract/order", **contract).json()
    assert (taken["status"], taken["origQty"], type(taken["orderId"])) == ("entrusting", "-5.0000", str)
    named = {"symbol": "JEXBTC", "orderId": short["orderId"]}
    assert client.signed("DELETE", "spot/order", **named).json()["orderId"] == str(short["orderId"])
    assert client.code("spot/order", "DELETE", **named) == (400, -2011)
    assert len(account.open_orders()) == 2


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"symbol": "NOPE"}, -1121),
        ({"side": ""}, -1102),
        ({"type": "WISH"}, -1116),
        ({"price": ""}, -1102),
        ({"quantity": "99999999999"}, -2010),
    ],
)
def test_orders_that_make_no_sense(client: Client, changed: dict[str, str], code: int) -> None:
    """Refused in JEX's codes."""
    order = {"symbol": "JEXBTC", "side": "BUY", "type": "LIMIT", "quantity": "5", "price": "0.01"}
    assert client.code("spot/order", "POST", **{**order, **changed}) == (400, code)


def test_open_orders_have_a_limit(client: Client, venue: Jex) -> None:
    """`has reach max order number`."""
    venue.rules.open_orders_limit = 1
    order = {"symbol": "JEXBTC", "side": "BUY", "type": "LIMIT", "quantity": "5", "price": "0.01"}
    client.signed("POST", "spot/order", **order)
    assert client.code("spot/order", "POST", **order) == (400, -2019)
