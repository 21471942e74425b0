"""Deribit: from subscription notifications to events.

https://docs.deribit.com, Subscriptions, User. The channels' data hold the same order, trade and position objects as the
answers of the REST methods, so ``order``, ``fill``, ``balance`` and ``position`` serve both.

Orders, trades and positions that come by two channels (``user.orders`` and ``user.changes``) have equal ids and are
told once.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import attrs

from jexkit.core import exact, fields
from jexkit.core.drafts import balance_draft, fill_draft, order_draft, position_draft
from jexkit.core.exact import plain
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
    PositionUpdate,
    Side,
    TimeInForce,
)
from jexkit.exchanges.deribit import notices, rows

EXCHANGE = "deribit"

STATES = {
    "open": OrderStatus.NEW,  # also while partly filled
    "filled": OrderStatus.FILLED,
    "rejected": OrderStatus.REJECTED,
    "cancelled": OrderStatus.CANCELLED,
    "untriggered": OrderStatus.UNTRIGGERED,
    "triggered": OrderStatus.TRIGGERED,
}
TYPES = {
    "market": OrderType.MARKET,
    "limit": OrderType.LIMIT,
    "stop_market": OrderType.STOP_MARKET,
    "stop_limit": OrderType.STOP_LIMIT,
    "take_market": OrderType.TAKE_PROFIT_MARKET,
    "take_limit": OrderType.TAKE_PROFIT_LIMIT,
    "trailing_stop": OrderType.TRAILING_STOP,
    "liquidation": OrderType.LIQUIDATION,
}
TIMES_IN_FORCE = {
    "good_til_cancelled": TimeInForce.GTC,
    "good_til_day": TimeInForce.GTD,
    "fill_or_kill": TimeInForce.FOK,
    "immediate_or_cancel": TimeInForce.IOC,
}
SIDES = {"buy": Side.BUY, "sell": Side.SELL}
LIQUIDITY = {"M": Liquidity.MAKER, "T": Liquidity.TAKER}
ZERO = Decimal(0)
# Members of enums are slow to look up on Python 3.10, and these are needed for every order.
UNKNOWN_SIDE, UNKNOWN_STATUS, UNKNOWN_TYPE = Side.UNKNOWN, OrderStatus.UNKNOWN, OrderType.UNKNOWN
UNKNOWN_TIME_IN_FORCE, UNKNOWN_LIQUIDITY = TimeInForce.UNKNOWN, Liquidity.UNKNOWN
NEW, PARTIALLY_FILLED = OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED
LIMIT, POST_ONLY, ONE_WAY, ACCOUNT = OrderType.LIMIT, OrderType.POST_ONLY, PositionSide.BOTH, Market.ACCOUNT


def read_text(text: str, receipt: Receipt) -> list[Event] | None:
    """The events in a message of the channels that tell most, without a dictionary in between.

    None for all other messages, and where anything in it is not of the type that the documents say: the machine reads
    those as it must, from the decoded object. Where it is not all ASCII, too: the decoder would take the digits of any
    script, in quotes, for a number.
    """
    if not text.isascii():
        return None
    try:
        message = _notification(text)
        params = message.params
        if params is None or message.id is not None or message.method != "subscription":
            return None
        way = _ways.get(family(params.channel))
        if way is None:
            return None
        data = way.decode(params.data)
        if not exact.are_sane(way.numbers(data)):
            return None
        return way.read(data, receipt) or None
    except (*exact.MISFITS, Missing):
        return None


def read(channel: str, data: Any, receipt: Receipt) -> list[Event]:
    """The events in one notification: ``params.channel`` and ``params.data``. Never raises."""
    reading = Reading(EXCHANGE, channel, receipt)
    reader = CHANNELS.get(family(channel))
    if reader is None:
        return [reading.unknown(f"{NOT_MODELLED}channel")]
    return reader(data, reading) or [reading.unknown("there is nothing in it")]


@functools.lru_cache(maxsize=1_000)
def family(channel: str) -> str:
    """The channel without its arguments: ``user.orders`` for ``user.orders.BTC-PERPETUAL.raw``, in lower case."""
    parts = channel.lower().split(".")
    return ".".join(parts[:2])


@functools.lru_cache(maxsize=10_000)
def market_of(instrument: str) -> Market:
    """The market by the instrument's name (docs.deribit.com, Naming).

    ``BTC_USDC`` is spot; ``BTC-PERPETUAL``, ``BTC-25SEP20`` futures; ``BTC-27MAY20-8750-C`` an option; the second part
    of a combo's name is the letters of its strategy: ``BTC-FS-2SEP22_PERP``.
    """
    parts = instrument.split("-")
    if len(parts) == 1:
        return Market.SPOT if "_" in instrument else Market.UNKNOWN
    second = parts[1]
    if second == "PERPETUAL" or (second[:1].isdigit() and len(parts) == 2):
        return Market.FUTURES
    if second[:1].isdigit():
        return Market.OPTIONS if parts[-1] in ("C", "P") else Market.UNKNOWN
    return Market.COMBO if len(parts) > 2 and second.isalnum() else Market.UNKNOWN


# --- orders -----------------------------------------------------------------------------------------------------------


def order(row: Message, reading: Reading) -> OrderUpdate:
    """An order object. Raises Missing where it has no order id."""
    return order_in(filled(rows.OrderRow, row), reading.receipt)


def order_in(row: rows.OrderRow, receipt: Receipt) -> OrderUpdate:
    """An order. Raises Missing where it has no order id."""
    key, native = needed(row, "order_id"), row.order_state
    price, quantity, executed = row.price, row.amount, ZERO if row.filled_amount is None else row.filled_amount
    updated = row.last_update_timestamp
    draft = order_draft()
    draft.exchange = EXCHANGE
    draft.account = receipt.account
    draft.received_ms = receipt.received_ms
    draft.origin = receipt.origin
    draft.raw = receipt.raw
    # An edit changes price or amount and nothing else; the time is the same in the stream and over REST.
    draft.id = f"order:{key}:{native}:{plain(executed)}:{plain(price)}:{plain(quantity)}:{updated or ''}"
    draft.time_ms = updated or row.creation_timestamp or receipt.received_ms
    draft.market = market_of(row.instrument_name)
    draft.symbol = row.instrument_name
    draft.order_id = draft.key = key
    draft.side = SIDES.get(row.direction, UNKNOWN_SIDE)
    status = STATES.get(native, UNKNOWN_STATUS)
    draft.status = PARTIALLY_FILLED if status is NEW and executed > 0 else status
    draft.native_status = native
    order_type = TYPES.get(row.order_type, UNKNOWN_TYPE)
    draft.order_type = POST_ONLY if row.post_only and order_type is LIMIT else order_type
    draft.native_type = row.order_type
    draft.execution = ""
    draft.client_order_id = row.label
    draft.time_in_force = TIMES_IN_FORCE.get(row.time_in_force, UNKNOWN_TIME_IN_FORCE)
    draft.price = price
    draft.stop_price = row.trigger_price
    draft.quantity = quantity
    draft.quote_quantity = None
    draft.filled_quantity = executed
    draft.filled_quote = None
    draft.average_price = row.average_price if executed else None  # 0 before the first fill
    draft.position_side = ONE_WAY
    draft.reduce_only = row.reduce_only
    draft.conditional = native != "open" and native != "filled" and _waits_for_trigger(row, native)
    draft.linked_order_id = row.trigger_order_id or ""
    draft.reason = row.cancel_reason or row.reject_reason or ""
    draft.created_ms = row.creation_timestamp or None
    draft.__class__ = OrderUpdate
    told: OrderUpdate = draft
    return told


def _orders(data: Any, reading: Reading) -> list[Event]:
    """``raw`` channels send one order, the others a list of them."""
    return reading.rows(data, lambda row: [order(_unwrapped(row), reading)])


def _unwrapped(row: Message) -> Message:
    """The article on notifications shows the order as ``{"order": {...}}``, unlike the channels' own pages."""
    inner = row.get("order")
    return inner if isinstance(inner, dict) and "order_id" not in row else row


def _waits_for_trigger(row: rows.OrderRow, native: str) -> bool:
    """Whether it is a trigger order; it stays one when it fires or ends without having fired.

    What trades is a new order, which names it in ``trigger_order_id`` and has no ``trigger`` of its own.
    """
    if native in ("untriggered", "triggered"):
        return True
    return native in ("cancelled", "rejected") and bool(row.trigger) and not row.triggered


# --- trades -----------------------------------------------------------------------------------------------------------


def fill(row: Message, reading: Reading) -> Fill:
    """A trade object. Raises Missing where it has no id, instrument or amount."""
    return fill_in(filled(rows.TradeRow, row), reading.receipt)


def fill_in(row: rows.TradeRow, receipt: Receipt) -> Fill:
    """A trade. Raises Missing where it has no id, instrument or amount.

    Trade ids are unique within a currency only, so the instrument is a part of the identity. A fee below zero is a
    rebate.
    """
    symbol, trade_id = needed(row, "instrument_name"), needed(row, "trade_id")
    if row.amount is None:
        raise missing_amount(row, "amount")
    draft = fill_draft()
    draft.exchange = EXCHANGE
    draft.account = receipt.account
    draft.received_ms = receipt.received_ms
    draft.origin = receipt.origin
    draft.raw = receipt.raw
    draft.id = f"fill:{symbol}:{trade_id}"
    draft.time_ms = row.timestamp or receipt.received_ms
    draft.market = market_of(symbol)
    draft.symbol = symbol
    draft.order_id = row.order_id or ""
    draft.trade_id = trade_id
    draft.side = SIDES.get(row.direction, UNKNOWN_SIDE)
    draft.quantity = row.amount
    draft.price = row.price
    draft.client_order_id = row.label or ""
    draft.quote_quantity = None
    draft.fee = row.fee
    draft.fee_asset = row.fee_currency or ""
    draft.liquidity = LIQUIDITY.get(row.liquidity, UNKNOWN_LIQUIDITY)
    draft.realized_pnl = row.profit_loss
    draft.position_side = ONE_WAY
    draft.derived = False
    draft.__class__ = Fill
    told: Fill = draft
    return told


def _trades(data: Any, reading: Reading) -> list[Event]:
    return reading.rows(data, lambda row: _trade_and_legs(row, reading))


def _trade_and_legs(row: Message, reading: Reading) -> list[Event]:
    """A trade; for a combo (``user.combo_trades``) also what it was made of.

    The combo's own trade is a fill of the combo's instrument (``market=COMBO``), and each leg one of the leg's
    instrument, with the leg's own trade id. Legs come by ``user.trades`` too, with the same ids, and are told once.
    What an account holds follows from the legs alone.
    """
    events = reading.rows(row, lambda trade: [fill(trade, reading)])
    legs = [leg for leg in fields.rows(row, "legs") if isinstance(leg, dict) and leg.get("instrument_name")]
    return events + reading.rows(legs, lambda leg: [fill(leg, reading)])


# --- positions --------------------------------------------------------------------------------------------------------


def position(row: Message, reading: Reading, time_ms: int | None) -> PositionUpdate:
    """A position object. Raises Missing where it has no instrument or size."""
    return position_in(filled(rows.PositionRow, row), reading.receipt, time_ms or 0)


def position_in(row: rows.PositionRow, receipt: Receipt, time_ms: int) -> PositionUpdate:
    """A position, which has no time of its own: ``time_ms``, 0 if it is not known. Raises Missing."""
    symbol = needed(row, "instrument_name")
    entry, realized, quantity = row.average_price, row.realized_profit_loss, _signed(row)
    draft = position_draft()
    draft.exchange = EXCHANGE
    draft.account = receipt.account
    draft.received_ms = receipt.received_ms
    draft.origin = receipt.origin
    draft.raw = receipt.raw
    draft.time_ms = when = time_ms or receipt.received_ms
    draft.id = f"position:{symbol}:{plain(quantity)}:{plain(entry)}:{plain(realized)}:{when}"
    draft.market = market_of(symbol)
    draft.symbol = draft.key = symbol
    draft.quantity = quantity
    draft.side = ONE_WAY
    draft.entry_price = entry
    draft.break_even_price = None
    draft.mark_price = row.mark_price
    draft.liquidation_price = row.estimated_liquidation_price
    draft.unrealized_pnl = row.floating_profit_loss
    draft.realized_pnl = realized
    draft.margin = row.initial_margin
    draft.leverage = row.leverage
    draft.reason = ""
    draft.__class__ = PositionUpdate
    told: PositionUpdate = draft
    return told


def _signed(row: rows.PositionRow) -> Decimal:
    """The size below zero for a short. No document says whether ``size`` has a sign; ``direction`` always tells."""
    size = row.size
    if size is None:
        raise missing_amount(row, "size")
    if row.direction == "sell" and size:
        return size.copy_abs().copy_negate()
    return size.copy_abs() if row.direction in ("buy", "zero") else size


def _changes(data: Any, reading: Reading) -> list[Event]:
    """``user.changes``: what one event at the exchange did to orders, trades and positions."""
    if not isinstance(data, dict):
        return [reading.unknown("not an object")]
    events = _orders(_listed(data, "orders"), reading) + _trades(_listed(data, "trades"), reading)
    when = _newest(data)
    # The examples write "positions", the schema's text "position".
    held = _listed(data, "positions") or _listed(data, "position")
    return events + reading.rows(held, lambda row: [position(row, reading, when)])


def _listed(data: Message, name: str) -> Any:
    value = data.get(name)
    return [] if value is None else value


def _newest(data: Message) -> int | None:
    """The time of the latest order or trade: positions change with them."""
    changed = [*fields.rows(data, "orders"), *fields.rows(data, "trades")]
    names = ("last_update_timestamp", "timestamp")
    times = [fields.time_ms(row, name) for row in changed if isinstance(row, dict) for name in names]
    return max((time for time in times if time is not None), default=None)


# --- balances ---------------------------------------------------------------------------------------------------------


def balance(row: Message, reading: Reading) -> BalanceUpdate:
    """A portfolio object. Raises Missing where it names no currency."""
    return balance_in(filled(rows.Portfolio, row), reading.receipt)


def balance_in(row: rows.Portfolio, receipt: Receipt) -> BalanceUpdate:
    """A portfolio or account summary: one currency. Raises Missing where it names none.

    There is no time in it. Under cross margin ``available_funds`` repeats the whole account, converted, in every
    currency, so that a sum would count it several times; ``available_withdrawal_funds`` is the currency's own.
    """
    asset, total, equity = needed(row, "currency").upper(), row.balance, row.equity
    free = row.available_withdrawal_funds if row.cross_collateral_enabled else row.available_funds
    locked = row.locked_balance
    draft = balance_draft()
    draft.exchange = EXCHANGE
    draft.account = receipt.account
    draft.time_ms = draft.received_ms = receipt.received_ms
    draft.origin = receipt.origin
    draft.raw = receipt.raw
    spelled = f"{plain(total)}:{plain(free)}:{plain(locked)}:{plain(equity)}"
    draft.id = f"balance:{asset}:{spelled}:{receipt.received_ms}"
    draft.market = ACCOUNT
    draft.asset = draft.key = asset
    draft.total = total
    draft.free = free
    draft.locked = locked
    draft.equity = equity
    draft.change = None
    draft.reason = ""
    draft.__class__ = BalanceUpdate
    told: BalanceUpdate = draft
    return told


def same_amounts(one: BalanceUpdate, other: BalanceUpdate) -> bool:
    """Whether two updates say the same. The portfolio is repeated whenever a mark price moves any figure in it."""
    return (one.total, one.free, one.locked, one.equity) == (other.total, other.free, other.locked, other.equity)


def _portfolio(data: Any, reading: Reading) -> list[Event]:
    return reading.rows(data, lambda row: [balance(row, reading)])


CHANNELS: Mapping[str, notices.Reader] = {
    "user.orders": _orders,
    "user.trades": _trades,
    "user.combo_trades": _trades,
    "user.changes": _changes,
    "user.portfolio": _portfolio,
    **notices.CHANNELS,
}


# --- the channels that tell most --------------------------------------------------------------------------------------


@attrs.frozen
class _Way:
    """How a channel's data is read in its typed form: the decoder, the numbers to be checked, and the reader."""

    decode: Callable[[Any], Any]
    numbers: Callable[[Any], tuple[Decimal | None, ...]]
    read: Callable[[Any, Receipt], list[Event]]


def _numbers_of_order(row: rows.OrderRow) -> tuple[Decimal | None, ...]:
    numbers = (row.price, row.amount, row.filled_amount, row.average_price)
    return numbers if row.trigger_price is None else (*numbers, row.trigger_price)


def _numbers_of_orders(data: Sequence[rows.OrderRow] | rows.OrderRow) -> tuple[Decimal | None, ...]:
    """``raw`` channels send one order, the others a list of them."""
    if isinstance(data, rows.OrderRow):
        return _numbers_of_order(data)
    return tuple(number for row in data for number in _numbers_of_order(row))


def _states(data: Sequence[rows.OrderRow] | rows.OrderRow, receipt: Receipt) -> list[Event]:
    if isinstance(data, rows.OrderRow):
        return [order_in(data, receipt)]
    return [order_in(row, receipt) for row in data]


def _numbers_of_trades(trades: Sequence[rows.TradeRow]) -> tuple[Decimal | None, ...]:
    return tuple(number for trade in trades for number in (trade.amount, trade.price, trade.fee, trade.profit_loss))


def _numbers_of_changes(data: rows.Changes) -> tuple[Decimal | None, ...]:
    numbers = _numbers_of_trades(data.trades)
    for row in data.orders:
        numbers += _numbers_of_order(row)
    for held in data.positions:
        numbers += (held.size, held.average_price, held.mark_price, held.floating_profit_loss, held.leverage)
        numbers += (held.realized_profit_loss, held.initial_margin)
        if held.estimated_liquidation_price is not None:
            numbers += (held.estimated_liquidation_price,)
    return numbers


def _numbers_of_portfolio(row: rows.Portfolio) -> tuple[Decimal | None, ...]:
    numbers = (row.balance, row.equity, row.available_funds, row.available_withdrawal_funds)
    return numbers if row.locked_balance is None else (*numbers, row.locked_balance)


def _fills(trades: Sequence[rows.TradeRow], receipt: Receipt) -> list[Event]:
    for trade in trades:
        if trade.legs is not None:
            raise Missing("a combo's legs are trades of their own")
    return [fill_in(trade, receipt) for trade in trades]


def _changed(data: rows.Changes, receipt: Receipt) -> list[Event]:
    events: list[Event] = [order_in(row, receipt) for row in data.orders]
    events += _fills(data.trades, receipt)
    times = [row.last_update_timestamp for row in data.orders] + [row.timestamp for row in data.trades]
    events += [position_in(row, receipt, max(times, default=0)) for row in data.positions]
    return events


_notification = exact.decoder(rows.Notification)
_ways: Mapping[str, _Way] = {
    "user.orders": _Way(exact.decoder(rows.OrderRow | list[rows.OrderRow]), _numbers_of_orders, _states),
    "user.trades": _Way(exact.decoder(list[rows.TradeRow]), _numbers_of_trades, _fills),
    "user.changes": _Way(exact.decoder(rows.CHANGES), _numbers_of_changes, _changed),
    "user.portfolio": _Way(
        exact.decoder(rows.Portfolio), _numbers_of_portfolio, lambda row, receipt: [balance_in(row, receipt)]
    ),
}
