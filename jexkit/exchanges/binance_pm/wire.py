"""Binance Portfolio Margin: from messages of the user data stream to events.

https://developers.binance.com/docs/derivatives/portfolio-margin/user-data-streams, pages "Event ...". One stream
carries three families: UM (USD-M futures), CM (COIN-M futures) and margin. The rows that REST answers say the same
things under longer names; ``names`` pairs the names, so that one reader serves both and an order or a fill has the same
id from either.

Amounts come as text, but ``bep`` as a JSON number (against the document), and an empty text means "unknown".
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, TypeAlias

import attrs

from jexkit.core import exact, fields
from jexkit.core.drafts import balance_draft, fill_draft, order_draft, position_draft
from jexkit.core.exact import NotPlain, Shape, amounts, is_sane, plain, spelled
from jexkit.core.fields import Message, Missing
from jexkit.core.reading import NOT_MODELLED, Reading, Rows, whole
from jexkit.core.redaction import without
from jexkit.core.shapes import filled, missing, missing_amount, needed, needed_amount
from jexkit.core.values import Receipt
from jexkit.events import (
    AccountNotice,
    BalanceUpdate,
    Event,
    Fill,
    Liquidity,
    Market,
    NoticeKind,
    OrderStatus,
    OrderType,
    OrderUpdate,
    PositionSide,
    PositionUpdate,
    Side,
    TimeInForce,
)
from jexkit.exchanges.binance_pm import names

EXCHANGE = "binance_pm"
MARGIN = "MARGIN"  # our word for the family that has none: margin events carry no ``fs``

MARKETS = {"UM": Market.USD_FUTURES, "CM": Market.COIN_FUTURES, MARGIN: Market.MARGIN}
SIDES = {"BUY": Side.BUY, "SELL": Side.SELL}
POSITION_SIDES = {
    "": PositionSide.BOTH,
    "BOTH": PositionSide.BOTH,
    "LONG": PositionSide.LONG,
    "SHORT": PositionSide.SHORT,
}
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
# Members of enums are slow to look up on Python 3.10, and these are needed for every order.
UNKNOWN_STATUS, UNKNOWN_TYPE, TRAILING_STOP = OrderStatus.UNKNOWN, OrderType.UNKNOWN, OrderType.TRAILING_STOP
UNKNOWN_MARKET, UNKNOWN_SIDE, UNKNOWN_TIME_IN_FORCE = Market.UNKNOWN, Side.UNKNOWN, TimeInForce.UNKNOWN
UNKNOWN_POSITION_SIDE, UNTRIGGERED = PositionSide.UNKNOWN, OrderStatus.UNTRIGGERED

Told: TypeAlias = Iterator[Event]


# --- messages ---------------------------------------------------------------------------------------------------------


def read_text(text: str, receipt: Receipt) -> list[Event] | None:
    """The same as ``read`` for the messages that come often, without a dictionary in between, in a fifth of the time.

    None for all others, and where anything in the message is not as the documents have it.
    """
    if "listenKey" in text:  # must not be kept: see ``_opened``
        return None
    try:
        message = _decode(text)
        return OFTEN[type(message)][1](message, receipt, whole) or None
    except (*exact.MISFITS, Missing):
        return None


def read(message: Any, receipt: Receipt) -> list[Event]:
    """The events in one decoded message, in the order in which they hold. Never raises."""
    message, receipt = _opened(message, receipt)
    kind = fields.text(message, "e") if isinstance(message, dict) else ""
    if not kind:
        return _control(message, receipt)
    if kind == "listenKeyExpired":  # the session's business; it comes here at most on its way
        return []
    reading = Reading(EXCHANGE, kind, receipt)
    reader = EVENTS.get(kind)
    if reader is None:
        return [reading.unknown(f"{NOT_MODELLED}event")]
    return _told(reader, message, reading)


def _told(reader: Reader, message: Any, reading: Reading) -> list[Event]:
    try:
        events = list(reader(message, reading))
    except Missing as missing:
        return [reading.unknown(str(missing))]
    return events or [reading.unknown("there is nothing in it that this version can read")]


def _opened(message: Any, receipt: Receipt) -> tuple[Any, Receipt]:
    """The event inside the envelope of ``/pm/stream``, and the raw text of that event alone.

    The envelope's ``stream`` is the listen key, with which anyone can read the account, and so is a ``listenKey``
    inside an event: neither must be kept.
    """
    inner = without(message, ("stream", "listenKey"))
    if isinstance(inner, dict) and "e" not in inner and isinstance(inner.get("data"), dict):
        inner = without(inner["data"], ("listenKey",))
    if inner is message:
        return message, receipt
    try:
        raw = exact.encode(inner)
    except RecursionError:  # nested about as deep as can be decoded at all
        raw = ""
    return inner, attrs.evolve(receipt, raw=raw)


def _control(message: Any, receipt: Receipt) -> list[Event]:
    """A frame without ``e``: the answer to a request, or a complaint, whose shape differs between gateways.

    ``{"result":null,"id":1}``, ``{"error":{"code":2,"msg":"..."}}``, ``{"code":2,"msg":"..."}``. The text may quote the
    request and so the listen key.
    """
    if isinstance(message, dict) and "result" in message and "error" not in message:
        return []
    kind = next((name for name in ("error", "code") if name in message), "") if isinstance(message, dict) else ""
    return [Reading(EXCHANGE, kind, receipt).unknown("a frame that is no event")]


def _sent(message: Message) -> int | None:
    """``E``, when the exchange sent the message."""
    return fields.time_ms(message, "E")


def _happened(message: Message) -> int | None:
    """``T``, when the engine did what the message tells."""
    return fields.time_ms(message, "T") or _sent(message)


def _moment(time_ms: int | None, reading: Reading) -> str:
    """The time in an id. A message that has none is told apart from a later one like it by the time of receipt."""
    return str(time_ms or reading.receipt.received_ms)


def _inside(message: Message, *names: str) -> Message:
    """The object under the first of ``names``."""
    for name in names:
        inner = message.get(name)
        if isinstance(inner, dict):
            return inner
    raise Missing(f"the message has no object {' or '.join(names)}")


# --- orders and fills -------------------------------------------------------------------------------------------------


def _order_trade_update(message: names.OrderMessage, receipt: Receipt, rows: Rows) -> list[Event]:
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


def _execution_report(message: names.MarginMessage, receipt: Receipt, rows: Rows) -> list[Event]:
    """Event-Margin-Order-Update: the same for a margin order, flat and without ``fs``."""
    del rows
    update = order_in(message, names.MARGIN_ORDER, MARGIN, receipt, message.sent)
    if message.execution in NO_TRADE:
        return [update]
    return [update, *_traded(message, MARGIN, "executionReport", receipt, message.sent)]


def _conditional_order_trade_update(message: Message, reading: Reading) -> Told:
    """Event-Conditional-Order-Trade-Update: CM; for UM until ALGO_UPDATE took its place in April 2026."""
    row, family = _inside(message, "so"), fields.need(message, "fs")
    yield order(row, names.CONDITIONAL_ORDER, family, reading, _happened(message) or 0)


def _algo_update(message: Message, reading: Reading) -> Told:
    """ALGO_UPDATE: the object is under ``ao`` here, and under ``o`` on the USD-M stream."""
    row, family = _inside(message, "ao", "o"), fields.need(message, "fs")
    yield order(row, names.ALGO_ORDER, family, reading, _happened(message) or 0)


def order(row: Message, sort: names.Order, family: str, reading: Reading, sent: int = 0) -> OrderUpdate:
    """An order in a decoded object. ``sent`` is the time of the message around it. Raises Missing."""
    return order_in(filled(sort.row, row), sort, family, reading.receipt, sent)


def order_in(row: names.OrderRow, sort: names.Order, family: str, receipt: Receipt, sent: int) -> OrderUpdate:
    """An order, from the stream or REST. Raises Missing; ArithmeticError for what is no amount."""
    order_id, native = f"{row.order_id}", row.status
    key = order_key(row, sort, family, order_id)
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
    draft.price = amounts[row.price]
    # "Please ignore with TRAILING_STOP_MARKET order"
    draft.stop_price = amounts[row.stop_price] if row.stop_price and order_type is not TRAILING_STOP else None
    draft.quantity = amounts[row.quantity]
    draft.quote_quantity = amounts[row.quote_quantity] if row.quote_quantity else None
    draft.filled_quantity = amounts[row.filled] if row.filled else ZERO
    draft.filled_quote = amounts[row.filled_quote] if row.filled_quote else None
    draft.average_price = amounts[row.average_price]
    draft.position_side = POSITION_SIDES.get(row.position_side, UNKNOWN_POSITION_SIDE)
    draft.reduce_only = row.reduce_only
    draft.reason = _reason(row) if row.other_reason or row.reason not in NO_REASON else ""
    draft.created_ms = row.created or None
    time_ms = row.time or sent
    draft.time_ms = time_ms or receipt.received_ms
    # Everything that an amendment or a fill changes, in one spelling; T and updateTime are the same clock.
    executed, price, quantity = spelled[row.filled or "0"], spelled[row.price], spelled[row.quantity]
    identity = f"order:{key}:{native}:{executed}:{price}:{quantity}:{time_ms or ''}"
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


# --- balances and positions -------------------------------------------------------------------------------------------


def _account_update(message: names.AccountMessage, receipt: Receipt, rows: Rows) -> list[Event]:
    """Event-Futures-Balance-and-Position-Update: one message per fill, and for funding, transfers and the like.

    Several fills of one match give several messages with equal ``T`` and ``E``: only their values tell them apart.
    """
    family, account, time_ms = message.family, message.account, message.happened or message.sent
    if not family:
        raise missing(message, "family")
    if account is None:
        raise missing(message, "account")
    reason = account.reason

    def balance(row: names.BalanceRow) -> Event:
        # "Balance change except PnL and commission": zero for a trade, although the balance did change.
        change, total = amounts[row.change] or None, needed_amount(row, "total")
        return futures_balance(family, needed(row, "asset"), total, receipt, time_ms, change, reason)

    def one_position(row: names.PositionRow) -> Event:
        return position_in(row, family, receipt, time_ms, reason)

    return rows(account.balances, balance) + rows(account.positions, one_position)


def futures_balance(
    family: str,
    asset: str,
    total: Decimal,
    receipt: Receipt,
    time_ms: int,
    change: Decimal | None = None,
    reason: str = "",
) -> BalanceUpdate:
    """The wallet balance of one asset in the UM or CM wallet. ``time_ms`` is 0 where it is not known."""
    key = f"{family}:{asset}"
    draft = balance_draft()
    draft.exchange = EXCHANGE
    draft.account = receipt.account
    draft.received_ms = receipt.received_ms
    draft.origin = receipt.origin
    draft.raw = receipt.raw
    draft.time_ms = moment = time_ms or receipt.received_ms
    draft.id = f"balance:{key}:{moment}:{plain(total)}"
    draft.market = MARKETS.get(family, UNKNOWN_MARKET)
    draft.asset = asset
    draft.key = key
    draft.total = total
    draft.free = draft.locked = draft.equity = None
    draft.change = change
    draft.reason = reason
    draft.__class__ = BalanceUpdate
    told: BalanceUpdate = draft
    return told


def position(row: Message, family: str, reading: Reading, time_ms: int) -> PositionUpdate:
    """A position in a decoded object of REST. Raises Missing."""
    return position_in(filled(names.REST_POSITION, row), family, reading.receipt, time_ms)


def position_in(
    row: names.PositionRow, family: str, receipt: Receipt, time_ms: int, reason: str = ""
) -> PositionUpdate:
    """A position, from the stream or REST. Raises Missing; ArithmeticError for what is no amount.

    Hedge mode has a LONG and a SHORT position of one symbol beside each other, one-way mode one that is BOTH; the
    quantity of a short position is below zero in either. ``time_ms`` is 0 where it is not known.
    """
    symbol, quantity = row.symbol, amounts[row.quantity]
    if not symbol:
        raise missing(row, "symbol")
    if quantity is None:
        raise missing_amount(row, "quantity")
    if row.break_even_price is not None and not is_sane(row.break_even_price):
        raise NotPlain
    key = f"{family}:{symbol}:{row.side or 'BOTH'}"
    draft = position_draft()
    draft.exchange = EXCHANGE
    draft.account = receipt.account
    draft.received_ms = receipt.received_ms
    draft.origin = receipt.origin
    draft.raw = receipt.raw
    draft.market = MARKETS.get(family, UNKNOWN_MARKET)
    draft.symbol = symbol
    draft.key = key
    draft.quantity = quantity
    draft.side = POSITION_SIDES.get(row.side, UNKNOWN_POSITION_SIDE)
    draft.entry_price = amounts[row.entry_price]
    draft.break_even_price = row.break_even_price
    draft.mark_price = amounts[row.mark_price] if row.mark_price else None
    draft.liquidation_price = amounts[row.liquidation_price] if row.liquidation_price else None
    draft.unrealized_pnl = amounts[row.unrealized_pnl]
    draft.realized_pnl = amounts[row.realized_pnl]
    draft.margin = None
    draft.leverage = amounts[row.leverage] if row.leverage else None
    draft.reason = reason
    draft.time_ms = moment = time_ms or receipt.received_ms
    draft.id = f"position:{key}:{moment}:{plain(quantity)}:{spelled[row.entry_price]}"
    draft.__class__ = PositionUpdate
    told: PositionUpdate = draft
    return told


def _outbound_account_position(message: names.MarginWallet, receipt: Receipt, rows: Rows) -> list[Event]:
    """Event-Margin-Account-Update: assets that changed or may have; those not listed did not change."""
    time_ms = message.changed or message.sent
    update = f"{message.update}" or f"{time_ms or receipt.received_ms}"
    reading = Reading(EXCHANGE, "outboundAccountPosition", receipt)

    def balance(row: names.BalanceRow) -> Event:
        asset, free = needed(row, "asset"), needed_amount(row, "free")
        return margin_balance(asset, free, amounts[row.locked], update, reading, time_ms)

    return rows(message.balances, balance)


def margin_balance(
    asset: str,
    free: Decimal,
    locked: Decimal | None,
    update: str,
    reading: Reading,
    time_ms: int | None,
    *,
    equity: Decimal | None = None,
) -> BalanceUpdate:
    """One asset of the margin wallet. ``total`` counts what is borrowed as well, ``equity`` does not."""
    key = f"{MARGIN}:{asset}"
    return BalanceUpdate(
        market=Market.MARGIN,
        asset=asset,
        key=key,
        total=None if locked is None else exact.add(free, locked),
        free=free,
        locked=locked,
        equity=equity,
        **reading.about(f"balance:{key}:{update}:{plain(free)}:{plain(locked)}", time_ms or None),
    )


def _balance_update(message: Message, reading: Reading) -> Told:
    """Event-Margin-Balance-Update: a transfer, deposit or withdrawal, as a difference only.

    The amounts after it come in the outboundAccountPosition with the same ``U``.
    """
    asset, change = fields.need(message, "a"), fields.need_decimal(message, "d")
    key, time_ms = f"{MARGIN}:{asset}", _happened(message)
    update = fields.text(message, "U") or _moment(time_ms, reading)
    about = reading.about(f"change:{key}:{update}:{plain(change)}", time_ms)
    yield BalanceUpdate(market=Market.MARGIN, asset=asset, key=key, change=change, **about)


# --- notices ----------------------------------------------------------------------------------------------------------


def _account_config_update(message: Message, reading: Reading) -> Told:
    """Event-Futures-Account-Configuration-Update: a symbol's leverage was set, perhaps to what it was."""
    family, row, time_ms = fields.need(message, "fs"), _inside(message, "ac"), _happened(message)
    symbol, leverage = fields.need(row, "s"), fields.need_decimal(row, "l")
    identity = f"leverage:{family}:{symbol}:{_moment(time_ms, reading)}:{plain(leverage)}"
    yield _notice(NoticeKind.LEVERAGE, identity, reading, time_ms, symbol=symbol, value=leverage)


def _liability_change(message: Message, reading: Reading) -> Told:
    """Event-Liability-Update. ``T`` is no time but the transaction's id, of 19 digits; ``t`` is free text (BORROW)."""
    asset, owed = fields.need(message, "a"), fields.need_decimal(message, "l")
    transaction = fields.text(message, "T") or f"{_moment(_sent(message), reading)}:{plain(owed)}"
    identity, level = f"liability:{asset}:{transaction}", fields.text(message, "t")
    yield _notice(NoticeKind.LIABILITY, identity, reading, _sent(message), level=level, asset=asset, value=owed)


def _open_order_loss(message: Message, reading: Reading) -> list[Event]:
    """Event-OpenOrderLoss-Update: the estimated loss of the open cross-margin orders, below zero."""

    def loss(row: Message) -> Told:
        asset, amount = fields.need(row, "a"), fields.need_decimal(row, "o")
        identity = f"open_order_loss:{asset}:{_moment(_sent(message), reading)}:{plain(amount)}"
        yield _notice(NoticeKind.OPEN_ORDER_LOSS, identity, reading, _sent(message), asset=asset, value=amount)

    return reading.rows(message.get("O", []), loss)


def _risk_level_change(message: Message, reading: Reading) -> Told:
    """Event-riskLevelChange: MARGIN_CALL, REDUCE_ONLY or FORCE_LIQUIDATION of the whole account; ``u`` is uniMMR."""
    level, ratio = fields.need(message, "s"), fields.decimal(message, "u")
    identity = f"risk_level:{_moment(_sent(message), reading)}:{level}:{plain(ratio)}"
    yield _notice(NoticeKind.RISK_LEVEL, identity, reading, _sent(message), level=level, value=ratio)


def _list_status(message: Message, reading: Reading) -> Told:
    """An OCO list, as on spot; not on the list of Portfolio Margin's events, where OCO orders can be placed."""
    symbol, number, level = fields.need(message, "s"), fields.need(message, "g"), fields.text(message, "L")
    identity = f"list:{symbol}:{number}:{fields.text(message, 'l')}:{level}:{_moment(_happened(message), reading)}"
    yield _notice(NoticeKind.ORDER_LIST, identity, reading, _happened(message), level=level, symbol=symbol)


def _notice(
    kind: NoticeKind,
    identity: str,
    reading: Reading,
    time_ms: int | None,
    *,
    level: str = "",
    symbol: str = "",
    asset: str = "",
    value: Decimal | None = None,
) -> AccountNotice:
    return AccountNotice(
        kind=kind,
        native_kind=reading.kind,
        level=level,
        symbol=symbol,
        asset=asset,
        value=value,
        **reading.about(identity, time_ms),
    )


Reader: TypeAlias = Callable[[Any, Reading], Iterable[Event]]
ShapeReader: TypeAlias = Callable[[Any, Receipt, Rows], list[Event]]

OFTEN: Mapping[type[Any], tuple[str, ShapeReader]] = {
    names.ORDER_TRADE_UPDATE: ("ORDER_TRADE_UPDATE", _order_trade_update),
    names.ACCOUNT_UPDATE: ("ACCOUNT_UPDATE", _account_update),
    names.EXECUTION_REPORT: ("executionReport", _execution_report),
    names.OUTBOUND_ACCOUNT_POSITION: ("outboundAccountPosition", _outbound_account_position),
}
"""The messages that the decoder knows the shape of: what the exchange calls them, and how they are read."""
_decode = exact.decoder(functools.reduce(operator.or_, OFTEN))


def _by_shape(shape: type[Shape], reader: ShapeReader) -> Reader:
    """The reader of a shape, for an object that is decoded already: there each row is read or told for itself."""
    return lambda message, reading: reader(filled(shape, message), reading.receipt, reading.each)


EVENTS: Mapping[str, Reader] = {
    **{kind: _by_shape(shape, reader) for shape, (kind, reader) in OFTEN.items()},
    "ACCOUNT_CONFIG_UPDATE": _account_config_update,
    "CONDITIONAL_ORDER_TRADE_UPDATE": _conditional_order_trade_update,
    "ALGO_UPDATE": _algo_update,
    "listStatus": _list_status,
    "balanceUpdate": _balance_update,
    "liabilityChange": _liability_change,
    "openOrderLoss": _open_order_loss,
    "riskLevelChange": _risk_level_change,
    "RISK_LEVEL_CHANGE": _risk_level_change,  # the heading of the same page
}
