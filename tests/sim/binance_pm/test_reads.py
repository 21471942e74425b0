"""Snapshots over REST agree with the ledger, keep to their windows and limits, and refuse in Binance's codes."""

from __future__ import annotations

from typing import Any

import pytest

from jexkit.sim import Simulator
from jexkit.sim.binance_pm import BinanceAccount, BinancePm
from tests.sim.binance_pm.client import Client, now_ms

HOUR = 3_600_000


def test_balance_shows_all_wallets(account: BinanceAccount, client: Client) -> None:
    """A list, or with `asset` a single object without crossMarginAsset."""
    account.place("BNBUSDT", "BUY", "1", price="600", market="MARGIN")
    account.borrow("USDT", "10")
    rows = {row["asset"]: row for row in client.read("/papi/v1/balance")}
    usdt = rows["USDT"]
    assert (usdt["crossMarginFree"], usdt["crossMarginLocked"]) == ("999410.00000000", "600.00000000")
    assert (usdt["crossMarginBorrowed"], usdt["umWalletBalance"]) == ("10.00000000", "1000000.00000000")
    assert (usdt["totalWalletBalance"], usdt["cmUnrealizedPNL"]) == ("2000010.00000000", "")
    single = client.read("/papi/v1/balance", asset="USDT")
    usdt.pop("crossMarginAsset")
    assert single == usdt


def test_account_knows_the_risk(account: BinanceAccount, client: Client) -> None:
    """Status and uniMMR as told; unknown numbers are empty texts."""
    account.risk_level("REDUCE_ONLY", "1.1")
    row = client.read("/papi/v1/account")
    assert (row["accountStatus"], row["uniMMR"], row["totalAvailableBalance"]) == ("REDUCE_ONLY", "1.10000000", "")


def test_futures_accounts_and_positions(account: BinanceAccount, client: Client, venue: BinancePm) -> None:
    """Version 1 lists every symbol, version 2 those in use; positionRisk by symbol, and both sides in hedge mode."""
    account.fill(account.place("ETHUSDT", "BUY", "2", price="1500", market="UM"))
    account.set_leverage("ETHUSDT", 7, "UM")
    full, short = client.read("/papi/v1/um/account"), client.read("/papi/v2/um/account")
    assert len(full["positions"]) == len(venue.listing.of("UM"))
    assert [(row["symbol"], row["positionAmt"]) for row in short["positions"]] == [("ETHUSDT", "2")]
    (risk,) = client.read("/papi/v1/um/positionRisk", symbol="ETHUSDT")
    assert (risk["positionAmt"], risk["entryPrice"], risk["leverage"]) == ("2", "1500.00000000", "7")
    assert risk["positionSide"] == "BOTH"
    account.set_position_mode(True)
    sides = [row["positionSide"] for row in client.read("/papi/v1/um/positionRisk", symbol="ETHUSDT")]
    assert (sides, client.read("/papi/v1/um/positionSide/dual")) == (["LONG", "SHORT"], {"dualSidePosition": True})
    coin = client.read("/papi/v1/cm/positionRisk", pair="BTCUSD")
    assert {row["symbol"] for row in coin} == {"BTCUSD_PERP"}
    assert {row["asset"] for row in client.read("/papi/v1/cm/account")["assets"]} == {"BTC", "ETH", "BNB"}


@pytest.mark.parametrize(
    ("folder", "market", "symbol", "trades"),
    [
        ("um", "UM", "BTCUSDT", "userTrades"),
        ("cm", "CM", "BTCUSD_PERP", "userTrades"),
        ("margin", "MARGIN", "BTCUSDT", "myTrades"),
    ],
)
def test_orders_and_fills_of_each_family(
    account: BinanceAccount, client: Client, folder: str, market: str, symbol: str, trades: str
) -> None:
    """Open orders, one order by either id, all orders, and its fills."""
    order = account.place(symbol, "BUY", "3", "19000", market=market, client_order_id="mine")
    account.fill(order, "1", maker=False)
    base = f"/papi/v1/{folder}"
    (row,) = client.read(f"{base}/openOrders", symbol=symbol)
    assert (row["orderId"], row["clientOrderId"]) == (int(order.order_id), "mine")
    assert (row["status"], float(row["executedQty"])) == ("PARTIALLY_FILLED", 1)
    assert client.read(f"{base}/openOrders") == [row]
    assert client.read(f"{base}/order", symbol=symbol, orderId=order.order_id) == row
    assert client.read(f"{base}/order", symbol=symbol, origClientOrderId="mine") == row
    assert client.read(f"{base}/allOrders", symbol=symbol) == [row]
    (fill,) = client.read(f"{base}/{trades}", symbol=symbol)
    assert (fill["orderId"], fill["id"]) == (row["orderId"], int(order.fills[0].trade_id))
    assert float(fill["commission"]) == float(order.fills[0].fee) > 0
    account.cancel(order)
    assert client.read(f"{base}/openOrders", symbol=symbol) == []
    assert client.read(f"{base}/order", symbol=symbol, orderId=order.order_id)["status"] == "CANCELED"
    assert client.code(f"{base}/order", symbol=symbol, orderId="1") == (400, -2013)
    assert client.code(f"{base}/order", symbol=symbol) == (400, -1102)
    assert client.code(f"{base}/order", orderId="1") == (400, -1102)
    assert client.code(f"{base}/openOrders", symbol="NOPE") == (400, -1121)


def test_open_order_is_an_object_on_um_and_a_list_on_cm(account: BinanceAccount, client: Client) -> None:
    """And -2013 as soon as it has ended."""
    um = account.place("BTCUSDT", "BUY", "1", price="20000", market="UM")
    cm = account.place("BTCUSD_PERP", "BUY", "1", price="20000")
    assert client.read("/papi/v1/um/openOrder", symbol="BTCUSDT", orderId=um.order_id)["orderId"] == int(um.order_id)
    listed = client.read("/papi/v1/cm/openOrder", symbol="BTCUSD_PERP", orderId=cm.order_id)
    assert [row["orderId"] for row in listed] == [int(cm.order_id)]
    account.fill(um)
    assert client.code("/papi/v1/um/openOrder", symbol="BTCUSDT", orderId=um.order_id) == (400, -2013)


def ids(rows: list[dict[str, Any]]) -> list[int]:
    """Trade ids, counted from the first one of the exchange."""
    return [row["id"] - 648980369 for row in rows]


def test_fills_are_paged_by_id_and_by_time(account: BinanceAccount, client: Client) -> None:
    """fromId is inclusive and excludes times; without either the newest come; a span has a longest length."""
    order = account.place("BTCUSDT", "BUY", "5", price="20000", market="UM")
    for _ in range(5):
        account.fill(order, "1")
    path, symbol = "/papi/v1/um/userTrades", {"symbol": "BTCUSDT"}
    first = int(order.fills[0].trade_id)
    assert ids(client.read(path, **symbol, fromId=first + 2, limit=2)) == [2, 3]
    assert ids(client.read(path, **symbol, limit=2)) == [3, 4]
    since = now_ms() - HOUR
    assert ids(client.read(path, **symbol, startTime=since, limit=2)) == [0, 1]
    assert client.read(path, **symbol, startTime=since - HOUR, endTime=since) == []
    assert client.code(path, **symbol, fromId=first, startTime=since) == (400, -1128)
    assert client.code(path, **symbol, startTime=since - 8 * 24 * HOUR, endTime=since) == (400, -1127)
    client.venue.rules.trades_window_hours = 24
    assert client.code(path, **symbol, startTime=since - 25 * HOUR, endTime=since) == (400, -1127)
    assert client.code(path, **symbol, fromId="x") == (400, -1130)
    assert client.code(path, **symbol, limit=0) == (400, -1130)


def test_all_orders_start_at_an_id(account: BinanceAccount, client: Client) -> None:
    """That one and later."""
    orders = [account.place("BTCUSDT", "BUY", "1", price="20000", market="UM") for _ in range(4)]
    rows = client.read("/papi/v1/um/allOrders", symbol="BTCUSDT", orderId=orders[1].order_id, limit=2)
    assert [row["orderId"] for row in rows] == [int(order.order_id) for order in orders[1:3]]


def test_unfilled_orders_are_forgotten_after_three_days(
    sim: Simulator, account: BinanceAccount, client: Client
) -> None:
    """-2013 for a cancelled one without a fill; one with a fill stays."""
    sim.clock.skew_ms = -4 * 24 * HOUR
    empty = account.place("BTCUSDT", "BUY", "1", price="20000", market="UM")
    partly = account.place("BTCUSDT", "BUY", "1", price="20000", market="UM")
    account.fill(partly, "0.5")
    account.cancel(empty)
    account.cancel(partly)
    sim.clock.skew_ms = 0
    assert client.code("/papi/v1/um/order", symbol="BTCUSDT", orderId=empty.order_id) == (400, -2013)
    assert client.read("/papi/v1/um/order", symbol="BTCUSDT", orderId=partly.order_id)["executedQty"] == "0.5"


def test_algo_and_conditional_orders(account: BinanceAccount, client: Client) -> None:
    """Open ones, one by either id, all."""
    algo = account.place_conditional("BTCUSDT", "SELL", "0.1", "19000", client_order_id="stop")
    strategy = account.place_conditional("BTCUSD_PERP", "SELL", "1", "19000", market="CM")
    (row,) = client.read("/papi/v1/um/algo/openAlgoOrders")
    assert (row["algoId"], row["algoStatus"], row["actualOrderId"]) == (int(algo.order_id), "NEW", "")
    assert client.read("/papi/v1/um/algo/algoOrder", clientAlgoId="stop") == row
    (listed,) = client.read("/papi/v1/cm/conditional/openOrders", symbol="BTCUSD_PERP")
    assert (listed["strategyId"], listed["strategyStatus"]) == (int(strategy.order_id), "NEW")
    real = account.trigger(algo)
    assert client.read("/papi/v1/um/algo/openAlgoOrders") == []
    assert client.read("/papi/v1/um/algo/algoOrder", algoId=algo.order_id)["actualOrderId"] == real.order_id
    assert len(client.read("/papi/v1/um/algo/allAlgoOrders", symbol="BTCUSDT")) == 1
    assert [row["orderId"] for row in client.read("/papi/v1/um/openOrders")] == [int(real.order_id)]
    assert client.code("/papi/v1/um/algo/algoOrder", algoId="1") == (400, -2013)


def test_income_and_forced_orders(account: BinanceAccount, client: Client) -> None:
    """Funding leaves a row, a liquidation an order."""
    account.fund("BTCUSDT", "-0.5")
    account.fill(account.place("BTCUSDT", "BUY", "1", price="20000", market="UM"))
    account.liquidate("BTCUSDT", adl=True)
    (row,) = client.read("/papi/v1/um/income", incomeType="FUNDING_FEE")
    assert (row["income"], row["symbol"], type(row["tranId"])) == ("-0.5", "BTCUSDT", str)
    assert len(client.read("/papi/v1/um/forceOrders", autoCloseType="ADL")) == 1
    assert client.read("/papi/v1/um/forceOrders", autoCloseType="LIQUIDATION") == []


def test_rest_may_lag_behind_the_stream(sim: Simulator, account: BinanceAccount, client: Client) -> None:
    """The books of a minute ago, then those of now."""
    order = account.place("BTCUSDT", "BUY", "1", price="20000", market="UM")
    client.venue.lag_rest(60)
    account.cancel(order)
    path = "/papi/v1/um/openOrders"
    assert [row["status"] for row in client.read(path)] == ["NEW"]
    sim.advance(61)
    assert client.read(path) == []
    client.venue.lag_rest(0)
    account.place("BTCUSDT", "BUY", "1", price="20000", market="UM")
    assert len(client.read(path)) == 1


def test_paths_that_papi_does_not_have(client: Client) -> None:
    """exchangeInfo is 404 here."""
    assert client.signed("GET", "/papi/v1/exchangeInfo").status_code == 404
