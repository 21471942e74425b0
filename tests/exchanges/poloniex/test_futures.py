"""The futures channels, for a stream that is pointed at their address."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from jexkit.events import (
    BalanceUpdate,
    Fill,
    Liquidity,
    Market,
    OrderStatus,
    OrderUpdate,
    PositionSide,
    PositionUpdate,
    Side,
    TimeInForce,
    Unknown,
)
from jexkit.exchanges.poloniex import wire
from tests.wire import corpus


def read_row(event: str, **changes: Any) -> Any:
    payload = corpus.the("poloniex", event)
    (found,) = wire.read({**payload, "data": [dict(payload["data"][0], **changes)]}, corpus.RECEIPT)
    return found


def test_an_order() -> None:
    order = read_row("v3.orders")
    assert isinstance(order, OrderUpdate)
    assert (order.market, order.order_id, order.price) == (Market.FUTURES, "353849510130364416", Decimal(64999))
    assert (order.time_in_force, order.time_ms) == (TimeInForce.GTC, 1725330697421)


@pytest.mark.parametrize(
    ("native", "status"),
    [
        ("PARTIALLY_FILLED", OrderStatus.PARTIALLY_FILLED),
        ("PARTIAL_FILLED", OrderStatus.PARTIALLY_FILLED),
        ("FILLED", OrderStatus.FILLED),
        ("PARTIALLY_CANCELED", OrderStatus.CANCELLED),
        ("PARTIAL_CANCELED", OrderStatus.CANCELLED),
        ("CANCELED", OrderStatus.CANCELLED),
        ("ODD", OrderStatus.UNKNOWN),
    ],
)
def test_every_state(native: str, status: OrderStatus) -> None:
    assert read_row("v3.orders", state=native).status is status


def test_a_cancelled_order_says_why() -> None:
    assert read_row("v3.orders", state="CANCELED", cancelReason="RISK_CANCEL_ORD").reason == "RISK_CANCEL_ORD"


def test_a_trade() -> None:
    fill = read_row("v3.trade")
    assert isinstance(fill, Fill)
    assert (fill.id, fill.quantity, fill.price) == ("fill:BTC_USDT_PERP:48", 1, 64999)
    assert (fill.fee, fill.fee_asset, fill.liquidity) == (Decimal("0.259996"), "USDT", Liquidity.TAKER)


@pytest.mark.parametrize(
    ("changes", "quantity", "side"),
    [
        ({}, 1, PositionSide.BOTH),
        ({"side": "sell"}, -1, PositionSide.BOTH),
        ({"side": "SELL", "posSide": "LONG"}, 1, PositionSide.LONG),
        ({"side": "BUY", "posSide": "SHORT"}, -1, PositionSide.SHORT),
        ({"side": "sell", "qty": "0"}, 0, PositionSide.BOTH),
    ],
)
def test_a_position_is_signed(changes: dict[str, str], quantity: int, side: PositionSide) -> None:
    position = read_row("v3.positions", **changes)
    assert isinstance(position, PositionUpdate)
    assert (position.quantity, position.side) == (quantity, side)
    assert position.key == f"BTC_USDT_PERP:{side}"


def test_the_account_is_told_currency_by_currency() -> None:
    balance = read_row("v3.account")
    assert isinstance(balance, BalanceUpdate)
    assert balance.key == "futures:USDT"
    assert balance.free == Decimal("9603683.490563446948368643")
    assert balance.equity == Decimal("9604385.495986629521985415")


def test_side_words_come_in_both_cases() -> None:
    assert read_row("v3.orders", side="sell").side is Side.SELL


@pytest.mark.parametrize(
    ("event", "name"),
    [("v3.trade", "trdId"), ("v3.trade", "fqty"), ("v3.positions", "symbol"), ("v3.positions", "qty")],
)
def test_what_says_nothing_is_unknown(event: str, name: str) -> None:
    found = read_row(event, **{name: None})
    assert isinstance(found, Unknown)
    assert name in found.why
