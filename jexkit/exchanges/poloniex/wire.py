"""Poloniex: from channel pushes to events.

https://api-docs.poloniex.com/spot/websocket/order and .../balance. Amounts are decimal text. Neither channel sends what
stands already; both name only what changed. ``order``, ``fill`` and ``balance`` read the answers of the REST interface,
which has the same things under other names.

The futures channels (https://api-docs.poloniex.com/v3/futures/websocket) are in ``futures``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from jexkit.core import exact, fields
from jexkit.core.drafts import balance_draft, fill_draft, order_draft
from jexkit.core.exact import amounts, number, plain, spelled
from jexkit.core.fields import Message, Missing
from jexkit.core.reading import NOT_MODELLED, Reading
from jexkit.core.shapes import filled, missing_amount, needed
from jexkit.core.values import Receipt
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
    Side,
    TimeInForce,
)
from jexkit.exchanges.poloniex import futures, rows

EXCHANGE = "poloniex"

STATES = {
    "NEW": OrderStatus.NEW,
    "PARTIALLY_FILLED": OrderStatus.PARTIALLY_FILLED,
    "FILLED": OrderStatus.FILLED,
    "PENDING_CANCEL": OrderStatus.PENDING_CANCEL,  # asked to be cancelled; may still fill
    "PARTIALLY_CANCELED": OrderStatus.CANCELLED,  # filled in part and the rest cancelled: nothing more comes
    "CANCELED": OrderStatus.CANCELLED,
    "REJECTED": OrderStatus.REJECTED,
    "EXPIRED": OrderStatus.EXPIRED,
    "FAILED": OrderStatus.REJECTED,
}
TYPES = {
    "MARKET": OrderType.MARKET,
    "LIMIT": OrderType.LIMIT,
    "LIMIT_MAKER": OrderType.POST_ONLY,
    "STOP_LOSS_LIMIT": OrderType.STOP_LIMIT,
    "TAKE_PROFIT_LIMIT": OrderType.TAKE_PROFIT_LIMIT,
}
TIMES_IN_FORCE = {"GTC": TimeInForce.GTC, "IOC": TimeInForce.IOC, "FOK": TimeInForce.FOK}
SIDES = {"BUY": Side.BUY, "SELL": Side.SELL}
ROLES = {"MAKER": Liquidity.MAKER, "TAKER": Liquidity.TAKER}
MARKETS = {"SPOT": Market.SPOT, "MARGIN": Market.MARGIN, "": Market.SPOT}  # older messages leave accountType out
WITHOUT_TRADE = ("place", "canceled")  # the eventTypes other than "trade"; their trade fields are "0"
NO_TRADE_IDS = frozenset({"", "0"})
ZERO = Decimal(0)
# Members of enums are slow to look up on Python 3.10, and these are needed for every order.
UNKNOWN_MARKET, UNKNOWN_SIDE, UNKNOWN_STATUS = Market.UNKNOWN, Side.UNKNOWN, OrderStatus.UNKNOWN
UNKNOWN_TYPE, UNKNOWN_TIME_IN_FORCE = OrderType.UNKNOWN, TimeInForce.UNKNOWN
UNKNOWN_LIQUIDITY, ONE_WAY, SPOT = Liquidity.UNKNOWN, PositionSide.BOTH, Market.SPOT


def read_text(text: str, receipt: Receipt) -> list[Event] | None:
    """The events in a push of the spot account, without a dictionary in between.

    None for everything else, and where anything in the push is not of the type that the documents say: the machine
    reads that as it must, from the decoded object.
    """
    try:
        push = _push(text)
        if push.event:  # an acknowledgement
            return None
        if isinstance(push, rows.OrdersPush):
            events: list[Event] = []
            for row in push.orders:
                events.append(order_in(row, receipt))
                if row.event_type not in WITHOUT_TRADE:
                    events += _traded(row, receipt)
            return events or None
        balances = push.balances if len(push.balances) == 1 else sorted(push.balances, key=_update_id)
        return [balance_in(row, receipt) for row in balances] or None
    except (*exact.MISFITS, Missing):
        return None


def read(message: Any, receipt: Receipt) -> list[Event]:
    """The events in one push, ``{"channel": ..., "data": [...]}``. Never raises."""
    if not isinstance(message, dict):
        return [Reading(EXCHANGE, "", receipt).unknown("not an object")]
    channel = fields.text(message, "channel")
    reading = Reading(EXCHANGE, channel, receipt)
    reader = CHANNELS.get(channel.lower())
    if reader is None:
        return [reading.unknown(f"{NOT_MODELLED}channel")]
    data = message.get("data")
    return reader([] if data is None else data, reading) or [reading.unknown("there is nothing in it")]


# --- orders -----------------------------------------------------------------------------------------------------------


def order(row: Message, reading: Reading) -> OrderUpdate:
    """An order in a decoded object. Raises Missing where it has no id."""
    return order_in(filled(rows.ORDER, row), reading.receipt)


def order_in(row: rows.OrderRow, receipt: Receipt) -> OrderUpdate:
    """An order, pushed or read over REST. Raises Missing where it has no id; ArithmeticError for what is no amount.

    A price or amount of "0" stands for "none": a market order has no price, and only market buys have an amount in the
    quote currency. The identity has no time in it, since the time of a push is not known to REST; orders cannot be
    edited, so that state and filled quantity name every state there is.
    """
    key, native = row.order_id or f"{row.id_over_rest}", row.state
    if not key:
        raise Missing("the message has no orderId or id")
    quote = row.quote_quantity or row.quote_quantity_over_rest
    (price, price_spelled), (quantity, quantity_spelled) = spelled[row.price], spelled[row.quantity]
    filled_quantity, executed = spelled[row.filled_quantity or "0"]
    draft = order_draft()
    draft.exchange = EXCHANGE
    draft.account = receipt.account
    draft.received_ms = receipt.received_ms
    draft.origin = receipt.origin
    draft.raw = receipt.raw
    draft.time_ms = row.pushed or row.updated or row.traded or row.created or receipt.received_ms
    draft.market = MARKETS.get(row.account_type, UNKNOWN_MARKET)
    draft.symbol = row.symbol
    draft.order_id = draft.key = key
    draft.side = SIDES.get(row.side, UNKNOWN_SIDE)
    draft.status = STATES.get(native, UNKNOWN_STATUS)
    draft.native_status = native
    draft.order_type = TYPES.get(row.order_type, UNKNOWN_TYPE)
    draft.native_type = row.order_type
    draft.execution = row.event_type
    draft.client_order_id = row.client_order_id or ""
    draft.time_in_force = TIMES_IN_FORCE.get(row.time_in_force or "", UNKNOWN_TIME_IN_FORCE)
    draft.price = price or None
    draft.stop_price = None
    draft.quantity = quantity or None
    draft.quote_quantity = amounts[quote] or None
    draft.filled_quantity = filled_quantity
    draft.filled_quote = number(row.filled_amount)
    draft.average_price = amounts[row.average_price] or None
    draft.position_side = ONE_WAY
    draft.reduce_only = draft.conditional = False
    draft.linked_order_id = ""
    draft.reason = _reason(row) if row.cancel_reason else ""
    draft.created_ms = row.created or None
    wanted = f"{price_spelled if price else ''}:{quantity_spelled if quantity else ''}"
    draft.id = f"order:{key}:{native}:{executed}:{wanted}"
    draft.__class__ = OrderUpdate
    told: OrderUpdate = draft
    return told


def _reason(row: rows.OrderRow) -> str:
    """REST tells why by a number, 0 while there is no reason."""
    number = f"{row.cancel_reason}"
    return "" if number == "0" else number


def _orders(data: Any, reading: Reading) -> list[Event]:
    return reading.rows(data, lambda row: _spot_or_futures(row, reading))


def _spot_or_futures(row: Message, reading: Reading) -> list[Event]:
    return [futures.order(row, reading)] if futures.is_order(row) else _order_and_fill(filled(rows.ORDER, row), reading)


def _order_and_fill(row: rows.OrderRow, reading: Reading) -> list[Event]:
    """A fill that cannot be read is told as such, and costs the order nothing."""
    update = order_in(row, reading.receipt)
    if row.event_type in WITHOUT_TRADE:
        return [update]
    try:
        return [update, *_traded(row, reading.receipt)]
    except Missing as missing:
        return [update, reading.unknown(str(missing))]


# --- trades -----------------------------------------------------------------------------------------------------------


def _traded(row: rows.OrderRow, receipt: Receipt) -> tuple[Fill, ...]:
    """The trade in the push of an order to which one happened, by its ``eventType``. Raises Missing."""
    if f"{row.trade_id}" not in NO_TRADE_IDS:
        return (pushed_fill(row, receipt),)
    if row.event_type == "trade":
        raise Missing("a trade without its tradeId")
    return ()


def pushed_fill(row: rows.OrderRow, receipt: Receipt) -> Fill:
    """The trade in an order's push. Raises Missing where it has no quantity.

    ``tradeTime`` is the trade's own time (``createTime`` is the order's), and ``tradeQty`` its own quantity
    (``filledQuantity`` is the order's sum).
    """
    symbol, trade_id = row.symbol, f"{row.trade_id}"
    if not row.trade_quantity:
        raise missing_amount(row, "trade_quantity")
    draft = fill_draft()
    draft.exchange = EXCHANGE
    draft.account = receipt.account
    draft.received_ms = receipt.received_ms
    draft.origin = receipt.origin
    draft.raw = receipt.raw
    draft.id = f"fill:{symbol}:{trade_id}"
    draft.time_ms = row.traded or row.pushed or receipt.received_ms
    draft.market = MARKETS.get(row.account_type, UNKNOWN_MARKET)
    draft.symbol = symbol
    draft.order_id = row.order_id
    draft.trade_id = trade_id
    draft.side = SIDES.get(row.side, UNKNOWN_SIDE)
    draft.quantity = amounts[row.trade_quantity]
    draft.price = amounts[row.trade_price]
    draft.client_order_id = row.client_order_id or ""
    draft.quote_quantity = number(row.trade_amount)
    draft.fee = number(row.trade_fee)
    draft.fee_asset = row.fee_currency or ""
    draft.liquidity = ROLES.get(row.match_role or "", UNKNOWN_LIQUIDITY)
    draft.realized_pnl = None
    draft.position_side = ONE_WAY
    draft.derived = False
    draft.__class__ = Fill
    told: Fill = draft
    return told


def fill(row: Message, reading: Reading) -> Fill:
    """A trade that was read over REST. Raises Missing where it has no id or quantity."""
    symbol, trade_id = fields.text(row, "symbol"), fields.need(row, "id")
    return Fill(
        market=fields.word(row, "accountType", MARKETS, Market.UNKNOWN),
        symbol=symbol,
        order_id=fields.text(row, "orderId"),
        trade_id=trade_id,
        side=fields.word(row, "side", SIDES, Side.UNKNOWN),
        quantity=fields.need_decimal(row, "quantity"),
        price=fields.decimal(row, "price"),
        client_order_id=fields.text(row, "clientOrderId"),
        quote_quantity=fields.decimal(row, "amount"),
        fee=fields.decimal(row, "feeAmount"),
        fee_asset=fields.text(row, "feeCurrency"),
        liquidity=fields.word(row, "matchRole", ROLES, Liquidity.UNKNOWN),
        **reading.about(f"fill:{symbol}:{trade_id}", fields.time_ms(row, "createTime")),
    )


# --- balances ---------------------------------------------------------------------------------------------------------


def balance(row: Message, reading: Reading, time_ms: int | None = None) -> BalanceUpdate:
    """One currency in a decoded object; over REST ``time_ms`` is needed. Raises Missing where it names none."""
    return balance_in(filled(rows.BALANCE, row), reading.receipt, time_ms or 0)


def balance_in(row: rows.BalanceRow, receipt: Receipt, time_ms: int = 0) -> BalanceUpdate:
    """One currency. Raises Missing where it names none; ArithmeticError for what is no amount."""
    asset, free, locked = needed(row, "asset"), number(row.free), number(row.locked)
    when = time_ms or row.changed or row.pushed or receipt.received_ms
    market = MARKETS.get(row.account_type, UNKNOWN_MARKET)
    draft = balance_draft()
    draft.exchange = EXCHANGE
    draft.account = receipt.account
    draft.received_ms = receipt.received_ms
    draft.origin = receipt.origin
    draft.raw = receipt.raw
    draft.id = f"balance:{asset}:{f'{row.update}' or f'{plain(free)}:{plain(locked)}:{when}'}"
    draft.time_ms = when
    draft.market = market
    draft.asset = asset
    draft.key = asset if market is SPOT else f"{row.account_type}:{asset}"
    draft.total = None if free is None or locked is None else exact.add(free, locked)
    draft.free = free
    draft.locked = locked
    draft.equity = draft.change = None
    draft.reason = row.event_type
    draft.__class__ = BalanceUpdate
    told: BalanceUpdate = draft
    return told


def is_numbered(event: Event) -> bool:
    """Whether the event is a balance whose id is the exchange's number of the update."""
    return isinstance(event, BalanceUpdate) and event.id.rpartition(":")[0] == f"balance:{event.asset}"


def _balances(data: Any, reading: Reading) -> list[Event]:
    pushed = sorted(data, key=_update_id_of) if isinstance(data, list) else data
    return reading.rows(pushed, lambda row: [balance(row, reading)])


def _update_id_of(row: Any) -> int:
    return _update_id(filled(rows.BALANCE, row)) if isinstance(row, dict) else 0


def _update_id(row: rows.BalanceRow) -> int:
    """Several updates of one currency may share a ``changeTime``; their ids tell which was first."""
    number = f"{row.update}"
    return int(number) if number.isdecimal() else 0


CHANNELS: Mapping[str, Callable[[Any, Reading], list[Event]]] = {
    "orders": _orders,
    "balances": _balances,
    **futures.CHANNELS,
}


_push = exact.decoder(rows.ORDERS | rows.BALANCES)
