"""Events and records of one small story, for tests of the comparison to break on purpose.

An order for 3 is placed, filled by 1 and by 2; money and position follow.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from jexkit.events import BalanceUpdate, Event, Fill, Market, OrderStatus, OrderUpdate, PositionUpdate, Side

ABOUT: dict[str, Any] = {"exchange": "binance_pm", "account": "desk", "market": Market.USD_FUTURES}
STATES = (("NEW", "0", OrderStatus.NEW), ("PARTIALLY_FILLED", "1", OrderStatus.PARTIALLY_FILLED))
LAST = ("FILLED", "3", OrderStatus.FILLED)
ONE_ORDER: dict[str, Any] = {"symbol": "BTCUSDT", "order_id": "7", "side": "BUY"}


def order(time_ms: int, state: tuple[str, str, OrderStatus], **more: Any) -> OrderUpdate:
    native, filled, status = state
    values: dict[str, Any] = {
        "id": f"order:7:{native}:{filled}",
        "symbol": "BTCUSDT",
        "order_id": "7",
        "key": "7",
        "side": Side.BUY,
        "status": status,
        "native_status": native,
        "price": Decimal("20000"),
        "quantity": Decimal(3),
        "filled_quantity": Decimal(filled),
    }
    return OrderUpdate(**ABOUT, time_ms=time_ms, received_ms=time_ms, **{**values, **more})


def fill(time_ms: int, trade_id: str, quantity: str) -> Fill:
    return Fill(
        **ABOUT,
        id=f"fill:{trade_id or time_ms}",
        time_ms=time_ms,
        received_ms=time_ms,
        symbol="BTCUSDT",
        order_id="7",
        trade_id=trade_id,
        side=Side.BUY,
        quantity=Decimal(quantity),
        price=Decimal("20000.0"),
    )


def balance(time_ms: int, total: str) -> BalanceUpdate:
    return BalanceUpdate(
        **ABOUT, id=f"b:{time_ms}", time_ms=time_ms, received_ms=time_ms, asset="USDT", key="USDT", total=Decimal(total)
    )


def position(time_ms: int, quantity: str) -> PositionUpdate:
    return PositionUpdate(
        **ABOUT,
        id=f"p:{time_ms}",
        time_ms=time_ms,
        received_ms=time_ms,
        symbol="BTCUSDT",
        key="BTCUSDT",
        quantity=Decimal(quantity),
        entry_price=Decimal("20000.00"),
    )


def record(kind: str, time_ms: int, **members: str) -> dict[str, Any]:
    return {"kind": kind, "time": time_ms, "market": "UM", **members}


def order_record(time_ms: int, status: str, filled: str) -> dict[str, Any]:
    return record(
        "order", time_ms, **ONE_ORDER, family="regular", status=status, filled=filled, price="20000", quantity="3"
    )


def fill_record(time_ms: int, trade_id: str, quantity: str) -> dict[str, Any]:
    return record("fill", time_ms, **ONE_ORDER, trade_id=trade_id, quantity=quantity, price="20000")


def balance_record(time_ms: int, total: str) -> dict[str, Any]:
    return record("balance", time_ms, asset="USDT", free=total, locked="0", total=total)


def position_record(time_ms: int, quantity: str) -> dict[str, Any]:
    return record("position", time_ms, symbol="BTCUSDT", side="BOTH", quantity=quantity, entry_price="20000")


def told() -> list[dict[str, Any]]:
    """What the exchange told."""
    return [
        order_record(1, "NEW", "0"),
        order_record(2, "PARTIALLY_FILLED", "1"),
        fill_record(2, "100", "1"),
        balance_record(2, "999"),
        position_record(2, "1"),
        order_record(3, "FILLED", "3"),
        fill_record(3, "101", "2"),
        balance_record(3, "997"),
        position_record(3, "3"),
    ]


def delivered() -> list[Event]:
    """What callbacks get of it when all is well."""
    return [
        order(1, STATES[0]),
        order(2, STATES[1]),
        fill(2, "100", "1"),
        balance(2, "999.00"),
        position(2, "1"),
        order(3, LAST),
        fill(3, "101", "2"),
        balance(3, "997.00"),
        position(3, "3"),
    ]
