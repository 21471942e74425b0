"""Binance Portfolio Margin: from messages of the user data stream to orders and fills.

``order`` and ``fill`` read the answers of REST as well, so that an order or a fill has the same id from either.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from jexkit.core import fields
from jexkit.core.drafts import fill_draft, order_draft
from jexkit.core.exact import amounts, spelled
from jexkit.core.fields import Message, Missing
from jexkit.core.reading import Reading, Rows
from jexkit.core.shapes import filled, missing
from jexkit.core.values import Receipt
from jexkit.events import Event, Fill, Liquidity, OrderStatus, OrderType, OrderUpdate, Side, TimeInForce
from jexkit.exchanges.binance_pm import names
from jexkit.exchanges.binance_pm.messages import happened, inside
from jexkit.exchanges.binance_pm.names import (
    EXCHANGE,
    MARGIN,
    MARKETS,
    POSITION_SIDES,
    UNKNOWN_MARKET,
    UNKNOWN_POSITION_SIDE,
)

SIDES = {"BUY": Side.BUY, "SELL": Side.SELL}
TIMES_IN_FORCE = {
    "GTC": TimeInForce.GTC,
    "IOC": TimeInForce.IOC,
    "FOK": TimeInForce.FOK,
    "GTX": TimeInForce.POST_ONLY,
    "GTD": TimeInForce.GTD,
}
STATUSES = {
    "PENDING_NEW": OrderStatus.PENDING,
    "NEW": OrderStatus.NEW,
    "NEW_INSURANCE": OrderStatus.NEW,  # taken over by the insurance fund
    "NEW_ADL": OrderStatus.NEW,  # auto-deleverage
    "PARTIALLY_FILLED": OrderStatus.PARTIALLY_FILLED,
    "PENDING_CANCEL": OrderStatus.PENDING_CANCEL,
    "FILLED": OrderStatus.FILLED,
    "CANCELED": OrderStatus.CANCELLED,
    "REJECTED": OrderStatus.REJECTED,
    "EXPIRED": OrderStatus.EXPIRED,
    "EXPIRED_IN_MATCH": OrderStatus.EXPIRED,  # by self-trade prevention
}
# Conditional (CM) and algo (UM) orders. TRIGGERING: the trigger was hit; TRIGGERED: the real order reached the engine.
# FINISHED, the real order has ended there, is not in the table: see ``_finished``.
CONDITIONAL_STATUSES = {
    "NEW": OrderStatus.UNTRIGGERED,
    "TRIGGERING": OrderStatus.TRIGGERED,
    "TRIGGERED": OrderStatus.TRIGGERED,
    "CANCELED": OrderStatus.CANCELLED,
    "REJECTED": OrderStatus.REJECTED,
    "EXPIRED": OrderStatus.EXPIRED,
}
# What can happen to an order without a trade. Whatever else carries a quantity and a trade id is a trade: TRADE,
# CALCULATED (liquidation and auto-deleverage), and words that are yet to come.
NO_TRADE = frozenset({"NEW", "CANCELED", "REPLACED", "REJECTED", "EXPIRED", "AMENDMENT", "TRADE_PREVENTION"})
NO_TRADE_IDS = frozenset({"", "0", "-1"})  # futures send 0 where there was no trade, margin -1
NO_REASON = frozenset({"", "NONE"})
LIQUIDITY = {None: Liquidity.UNKNOWN, True: Liquidity.MAKER, False: Liquidity.TAKER}
ZERO = Decimal(0)
# Members of enums are slow to look up, and these are needed for every order.
UNKNOWN_STATUS, UNKNOWN_TYPE, TRAILING_STOP = OrderStatus.UNKNOWN, OrderType.UNKNOWN, OrderType.TRAILING_STOP
UNKNOWN_SIDE, UNKNOWN_TIME_IN_FORCE, UNTRIGGERED = Side.UNKNOWN, TimeInForce.UNKNOWN, OrderStatus.UNTRIGGERED


def order_trade_update(message: names.OrderMessage, receipt: Receipt, rows: Rows) -> list[Event]:
    """Event-Futures-Order-update: an order of UM or CM was created, changed or traded."""
    del rows
    family, row, sent = message.family, message.order, message.happened or message.sent
    if not family:
        raise missing(message, "family")
    if row is None:
        raise missing(message, "order")
    update = order_in(row, names.FUTURES_ORDER, family, receipt, sent)
    if row.execution in NO_TRADE:
        return [update]
    return [update, *_traded(row, family, "ORDER_TRADE_UPDATE", receipt, sent)]


def execution_report(message: names.MarginMessage, receipt: Receipt, rows: Rows) -> list[Event]:
    """Event-Margin-Order-Update: the same for a margin order, flat and without ``fs``."""
    del rows
    update = order_in(message, names.MARGIN_ORDER, MARGIN, receipt, message.sent)
    if message.execution in NO_TRADE:
        return [update]
    return [update, *_traded(message, MARGIN, "executionReport", receipt, message.sent)]


def conditional_order_trade_update(message: Message, reading: Reading) -> Iterator[Event]:
    """Event-Conditional-Order-Trade-Update: CM; for UM until ALGO_UPDATE took its place in April 2026."""
    row, family = inside(message, "so"), fields.need(message, "fs")
    yield order(row, names.CONDITIONAL_ORDER, family, reading, happened(message) or 0)


def algo_update(message: Message, reading: Reading) -> Iterator[Event]:
    """ALGO_UPDATE: the object is under ``ao`` here, and under ``o`` on the USD-M stream."""
    row, family = inside(message, "ao", "o"), fields.need(message, "fs")
    yield order(row, names.ALGO_ORDER, family, reading, happened(message) or 0)


def order(row: Message, sort: names.Order, family: str, reading: Reading, sent: int = 0) -> OrderUpdate:
    """An order in a decoded object. ``sent`` is the time of the message around it. Raises Missing."""
    return order_in(filled(sort.row, row), sort, family, reading.receipt, sent)


def order_in(row: names.OrderRow, sort: names.Order, family: str, receipt: Receipt, sent: int) -> OrderUpdate:
    """An order, from the stream or REST. Raises Missing; ArithmeticError for what is no amount."""
    order_id, native = f"{row.order_id}", row.status
    key = order_key(row, sort, family, order_id)
    (price, price_spelled), (quantity, quantity_spelled) = spelled[row.price], spelled[row.quantity]
    filled_quantity, executed = spelled[row.filled or "0"]
    draft = order_draft()
    if sort.conditional:
        status = _finished(row, sort) if native == "FINISHED" else CONDITIONAL_STATUSES.get(native, UNKNOWN_STATUS)
        draft.conditional = True
        # An untriggered order's link is only said to mean something once it is triggered.
        draft.linked_order_id = "" if status is UNTRIGGERED else f"{row.linked_order_id}"
    else:
        status = STATUSES.get(native, UNKNOWN_STATUS)
        draft.conditional = False
        draft.linked_order_id = ""
    draft.exchange = EXCHANGE
    draft.account = receipt.account
    draft.received_ms = receipt.received_ms
    draft.origin = receipt.origin
    draft.raw = receipt.raw
    draft.market = MARKETS.get(family, UNKNOWN_MARKET)
    draft.symbol = row.symbol
    draft.order_id = order_id
    draft.key = key
    draft.side = SIDES.get(row.side, UNKNOWN_SIDE)
    draft.status = status
    draft.native_status = native
    draft.order_type = order_type = sort.types.get(row.order_type, UNKNOWN_TYPE)
    draft.native_type = row.order_type
    draft.execution = row.execution
    draft.client_order_id = row.own_client_order_id or row.client_order_id
    draft.time_in_force = TIMES_IN_FORCE.get(row.time_in_force, UNKNOWN_TIME_IN_FORCE)
    draft.price = price
    # "Please ignore with TRAILING_STOP_MARKET order"
    draft.stop_price = amounts[row.stop_price] if row.stop_price and order_type is not TRAILING_STOP else None
    draft.quantity = quantity
    draft.quote_quantity = amounts[row.quote_quantity] if row.quote_quantity else None
    draft.filled_quantity = filled_quantity
    draft.filled_quote = amounts[row.filled_quote] if row.filled_quote else None
    draft.average_price = amounts[row.average_price]
    draft.position_side = POSITION_SIDES.get(row.position_side, UNKNOWN_POSITION_SIDE)
    draft.reduce_only = row.reduce_only
    draft.reason = _reason(row) if row.other_reason or row.reason not in NO_REASON else ""
    draft.created_ms = row.created or None
    time_ms = row.time or sent
    draft.time_ms = time_ms or receipt.received_ms
    # Everything that an amendment or a fill changes, in one spelling; T and updateTime are the same clock.
    identity = f"order:{key}:{native}:{executed}:{price_spelled}:{quantity_spelled}:{time_ms or ''}"
    # A trailing algo order is NEW twice, before and after its activation.
    draft.id = f"{identity}:activated" if row.activated else identity
    draft.__class__ = OrderUpdate
    told: OrderUpdate = draft
    return told


def order_key(row: names.OrderRow, sort: names.Order, family: str, order_id: str) -> str:
    """``UM:BTCUSDT:8886774``, ``UM:algo:2148719``, ``CM:conditional:BTCUSD_PERP:123445``.

    An order id is unique per family and symbol. An algo order can be asked for by its id alone, a conditional order
    only together with its symbol.
    """
    symbol = row.symbol
    if not symbol:
        raise missing(row, "symbol")
    if not order_id:
        raise missing(row, "order_id")
    if not sort.conditional:
        return f"{family}:{symbol}:{order_id}"
    return f"{family}:algo:{order_id}" if sort.conditional == "algo" else f"{family}:conditional:{symbol}:{order_id}"


def _finished(row: names.OrderRow, sort: names.Order) -> OrderStatus:
    """What became of a conditional order that is FINISHED, "filled or cancelled in the matching engine".

    An algo order says how much of the real order was executed: all of it is FILLED, a part or nothing of it CANCELLED.
    A position-closing order has no quantity of its own, then any execution counts; REST leaves the executed quantity
    out, then an average price shows that there was one. A CM conditional order says nothing of the kind: it did what it
    was there for, and how the real order (``linked_order_id``) ended comes as that order's own update.
    """
    if not sort.tells_filled:
        return OrderStatus.FILLED
    if not row.filled:
        return OrderStatus.FILLED if (amounts[row.average_price] or ZERO) > 0 else OrderStatus.CANCELLED
    executed = amounts[row.filled] or ZERO
    complete = executed > 0 and executed >= (amounts[row.quantity] or ZERO)
    return OrderStatus.FILLED if complete else OrderStatus.CANCELLED


def _reason(row: names.OrderRow) -> str:
    reason = row.reason
    if reason in NO_REASON:
        reason = row.other_reason
    return "" if reason in NO_REASON else reason


def _traded(row: names.OrderRow, family: str, kind: str, receipt: Receipt, sent: int) -> tuple[Event, ...]:
    """The fill in the message of an order that was traded; ``kind`` is the message's."""
    has_id = f"{row.trade_id}" not in NO_TRADE_IDS
    if row.trade_quantity and has_id:
        told = fill_in(row, family, receipt, sent)
        return (told,) if told.quantity > 0 else ()
    quantity = amounts[row.trade_quantity]
    if (has_id and quantity is None) or (quantity is not None and quantity > 0):
        lacks = "quantity" if has_id else "trade id"
        words = f"a trade without a {lacks}: only the order's update could be told"
        return (Reading(EXCHANGE, kind, receipt).unknown(words),)
    return ()


def fill(row: Message, shape: type[names.OrderRow], family: str, reading: Reading) -> Fill:
    """A trade in a decoded object. Raises Missing."""
    return fill_in(filled(shape, row), family, reading.receipt, 0)


def fill_in(row: names.OrderRow, family: str, receipt: Receipt, sent: int) -> Fill:
    """A trade, from the stream or REST. Trade ids are unique per family and symbol.

    Raises Missing; ArithmeticError for what is no amount.
    """
    symbol, trade_id, order_id = row.symbol, f"{row.trade_id}", f"{row.order_id}"
    if not (symbol and trade_id and order_id and row.trade_quantity):
        raise _lacking(row)
    draft = fill_draft()
    draft.exchange = EXCHANGE
    draft.account = receipt.account
    draft.received_ms = receipt.received_ms
    draft.origin = receipt.origin
    draft.raw = receipt.raw
    draft.id = f"fill:{family}:{symbol}:{trade_id}"
    draft.time_ms = row.time or sent or receipt.received_ms
    draft.market = MARKETS.get(family, UNKNOWN_MARKET)
    draft.symbol = symbol
    draft.order_id = order_id
    draft.trade_id = trade_id
    draft.side = _side(row) if row.buyer is not None else SIDES.get(row.side, UNKNOWN_SIDE)
    draft.quantity = amounts[row.trade_quantity]
    draft.price = amounts[row.trade_price]
    draft.client_order_id = row.own_client_order_id or row.client_order_id
    draft.quote_quantity = amounts[row.trade_quote] if row.trade_quote else None
    draft.fee = amounts[row.fee] if type(row) is not names.REST_UM_TRADE else _fee(row)
    draft.fee_asset = row.fee_asset or ""
    draft.liquidity = LIQUIDITY[row.maker]
    draft.realized_pnl = amounts[row.realized_pnl]
    draft.position_side = POSITION_SIDES.get(row.position_side, UNKNOWN_POSITION_SIDE)
    draft.derived = False
    draft.__class__ = Fill
    told: Fill = draft
    return told


def _lacking(row: names.OrderRow) -> Missing:
    return missing(row, next(name for name in names.NEEDED_OF_A_TRADE if getattr(row, name) == ""))


def _side(row: names.OrderRow) -> Side:
    return Side.BUY if row.buyer else Side.SELL


def _fee(row: names.OrderRow) -> Decimal | None:
    """The stream sends a paid commission as a positive amount.

    um/userTrades has been documented with both signs for the same trade, so its sign says nothing; a rebate over REST
    can be told from ``raw`` only.
    """
    fee = amounts[row.fee]
    return None if fee is None else fee.copy_abs()
