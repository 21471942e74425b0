"""Poloniex: the channels of its futures, for a stream that is pointed at their address.

https://api-docs.poloniex.com/v3/futures/websocket/private. The socket, the login and the frames are those of spot; the
field names are not. ``orders`` exists in both: a futures order has its id in ``ordId``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from jexkit.core import fields
from jexkit.core.exact import plain
from jexkit.core.fields import Message
from jexkit.core.reading import Reading
from jexkit.events import (
    BalanceUpdate,
    Event,
    Fill,
    Liquidity,
    Market,
    OrderStatus,
    OrderType,
    OrderUpdate,
    PositionSide,
    PositionUpdate,
    Side,
    TimeInForce,
)

STATES = {  # the documents and the exchange's own Java client spell the partial ones differently
    "NEW": OrderStatus.NEW,
    "PARTIALLY_FILLED": OrderStatus.PARTIALLY_FILLED,
    "PARTIAL_FILLED": OrderStatus.PARTIALLY_FILLED,
    "FILLED": OrderStatus.FILLED,
    "PARTIALLY_CANCELED": OrderStatus.CANCELLED,
    "PARTIAL_CANCELED": OrderStatus.CANCELLED,
    "CANCELED": OrderStatus.CANCELLED,
}
TYPES = {"MARKET": OrderType.MARKET, "LIMIT": OrderType.LIMIT, "LIMIT_MAKER": OrderType.POST_ONLY}
TIMES_IN_FORCE = {"GTC": TimeInForce.GTC, "IOC": TimeInForce.IOC, "FOK": TimeInForce.FOK}
SIDES = {"BUY": Side.BUY, "SELL": Side.SELL, "buy": Side.BUY, "sell": Side.SELL}
ROLES = {"MAKER": Liquidity.MAKER, "TAKER": Liquidity.TAKER}
POSITION_SIDES = {"BOTH": PositionSide.BOTH, "LONG": PositionSide.LONG, "SHORT": PositionSide.SHORT}


def is_order(row: Message) -> bool:
    return "ordId" in row and "orderId" not in row


def order(row: Message, reading: Reading) -> OrderUpdate:
    """An order. Raises Missing where it has no id."""
    key = fields.need(row, "ordId")
    native = fields.text(row, "state")
    price, quantity = fields.decimal(row, "px") or None, fields.decimal(row, "sz")
    filled = fields.amount(row, "execQty")
    return OrderUpdate(
        market=Market.FUTURES,
        symbol=fields.text(row, "symbol"),
        order_id=key,
        key=key,
        side=fields.word(row, "side", SIDES, Side.UNKNOWN),
        status=fields.word(row, "state", STATES, OrderStatus.UNKNOWN),
        native_status=native,
        order_type=fields.word(row, "type", TYPES, OrderType.UNKNOWN),
        native_type=fields.text(row, "type"),
        client_order_id=fields.text(row, "clOrdId"),
        time_in_force=fields.word(row, "timeInForce", TIMES_IN_FORCE, TimeInForce.UNKNOWN),
        price=price,
        quantity=quantity,
        filled_quantity=filled,
        filled_quote=fields.decimal(row, "execAmt"),
        average_price=fields.decimal(row, "avgPx") or None,
        position_side=_position_side(row),
        reduce_only=fields.flag(row, "reduceOnly"),
        reason=fields.text(row, "cancelReason"),
        created_ms=fields.time_ms(row, "cTime"),
        **reading.about(
            f"order:{key}:{native}:{plain(filled)}:{plain(price)}:{plain(quantity)}", fields.time_ms(row, "uTime")
        ),
    )


def fill(row: Message, reading: Reading) -> Fill:
    """A trade. Raises Missing where it has no id or quantity."""
    symbol, trade_id = fields.text(row, "symbol"), fields.need(row, "trdId")
    return Fill(
        market=Market.FUTURES,
        symbol=symbol,
        order_id=fields.text(row, "ordId"),
        trade_id=trade_id,
        side=fields.word(row, "side", SIDES, Side.UNKNOWN),
        quantity=fields.need_decimal(row, "fqty"),
        price=fields.decimal(row, "fpx"),
        client_order_id=fields.text(row, "clOrdId"),
        fee=fields.decimal(row, "feeAmt"),
        fee_asset=fields.text(row, "feeCcy"),
        liquidity=fields.word(row, "role", ROLES, Liquidity.UNKNOWN),
        **reading.about(f"fill:{symbol}:{trade_id}", fields.time_ms(row, "uTime")),
    )


def position(row: Message, reading: Reading) -> PositionUpdate:
    """A position. Raises Missing where it has no symbol or quantity. The quantity has no sign, the sides tell it."""
    symbol, side = fields.need(row, "symbol"), _position_side(row)
    size, when = fields.need_decimal(row, "qty"), fields.time_ms(row, "uTime")
    short = side is PositionSide.SHORT or (
        side is PositionSide.BOTH and fields.word(row, "side", SIDES, Side.UNKNOWN) is Side.SELL
    )
    quantity = size.copy_abs().copy_negate() if short and size else size
    key = f"{symbol}:{side}"
    return PositionUpdate(
        market=Market.FUTURES,
        symbol=symbol,
        key=key,
        quantity=quantity,
        side=side,
        entry_price=fields.decimal(row, "openAvgPx"),
        mark_price=fields.decimal(row, "markPx"),
        liquidation_price=fields.decimal(row, "liqPx"),
        unrealized_pnl=fields.decimal(row, "upl"),
        realized_pnl=fields.decimal(row, "pnl"),
        margin=fields.decimal(row, "mgn"),
        leverage=fields.decimal(row, "lever"),
        reason=fields.text(row, "state"),
        **reading.about(f"position:{key}:{plain(quantity)}:{when or reading.receipt.received_ms}", when),
    )


def balance(row: Message, reading: Reading) -> BalanceUpdate:
    """One currency of ``details``. Raises Missing where it names none."""
    asset, when = fields.need(row, "ccy"), fields.time_ms(row, "uTime")
    free, equity = fields.decimal(row, "avail"), fields.decimal(row, "eq")
    identity = f"balance:futures:{asset}:{plain(free)}:{plain(equity)}:{when or reading.receipt.received_ms}"
    return BalanceUpdate(
        market=Market.FUTURES,
        asset=asset,
        key=f"futures:{asset}",
        free=free,
        locked=fields.decimal(row, "isoHold"),
        equity=equity,
        **reading.about(identity, when),
    )


def _position_side(row: Message) -> PositionSide:
    return fields.word(row, "posSide", POSITION_SIDES, PositionSide.UNKNOWN)


def _trades(data: Any, reading: Reading) -> list[Event]:
    return reading.rows(data, lambda row: [fill(row, reading)])


def _positions(data: Any, reading: Reading) -> list[Event]:
    return reading.rows(data, lambda row: [position(row, reading)])


def _account(data: Any, reading: Reading) -> list[Event]:
    return reading.rows(data, lambda row: reading.rows(row.get("details"), lambda part: [balance(part, reading)]))


CHANNELS: Mapping[str, Callable[[Any, Reading], list[Event]]] = {
    "trade": _trades,
    "positions": _positions,
    "account": _account,
}
