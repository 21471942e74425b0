"""JEX: from messages of the user data stream to events.

https://github.com/JexApi/jex-official-api-docs, web-socket-streams.md and rest-api.md, as they stood in December 2019.
JEX has three families: spot, option and contract. ``names`` pairs the stream's short names with those of REST.

What the exchange does in its own way:

* There are no trades in the stream: no trade id, price of a fill, or fee. A fill is what an order's cumulative amounts
  ``z`` and ``Z`` have grown by since its last update: ``derived_fill``.
* A contract order's updates have neither side nor price nor quantity, and a refusal not even a symbol: ``completed``
  takes them from what is known of the order.
* Contract sells have negative quantities. Here quantities are positive, and the side says the rest.
* Order ids are numbers or texts, and longer than a float can hold; assets are in lower case here and in upper there.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any, TypeAlias

import attrs

from jexkit.core import exact, fields
from jexkit.core.book import Ended
from jexkit.core.drafts import balance_draft, fill_draft, order_draft
from jexkit.core.exact import amounts, number, plain, spelled
from jexkit.core.fields import Message, Missing
from jexkit.core.reading import NOT_MODELLED, Reading, Rows, whole
from jexkit.core.redaction import without
from jexkit.core.shapes import filled, missing, missing_amount, needed, needed_amount
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
from jexkit.exchanges.jex import names

EXCHANGE = "jex"

SPOT, OPTION, CONTRACT = "spot", "option", "contract"
MARKETS = {SPOT: Market.SPOT, OPTION: Market.OPTIONS, CONTRACT: Market.FUTURES}
SIDES = {"BUY": Side.BUY, "SELL": Side.SELL}
STATUSES = {
    "ENTRUSTING": OrderStatus.PENDING,  # "being placed": not among the open orders yet, and may still FAIL
    "ENTRUSTED": OrderStatus.NEW,
    "NEW": OrderStatus.NEW,
    "PARTFILLED": OrderStatus.PARTIALLY_FILLED,
    "PARTIALLY_FILLED": OrderStatus.PARTIALLY_FILLED,
    "PENDING_CANCEL": OrderStatus.PENDING_CANCEL,
    "FILLED": OrderStatus.FILLED,
    "CANCEL": OrderStatus.CANCELLED,
    "CANCE": OrderStatus.CANCELLED,  # CANCEL in the documents of 2019
    "CANCELED": OrderStatus.CANCELLED,
    "CANCELLED": OrderStatus.CANCELLED,
    "CANCLEFILLED": OrderStatus.CANCELLED,  # sic; partly filled, and the rest cancelled
    "CANCELFILLED": OrderStatus.CANCELLED,
    "FAIL": OrderStatus.REJECTED,
    "REJECTED": OrderStatus.REJECTED,
    "EXPIRED": OrderStatus.EXPIRED,
}
TYPES = {
    "LIMIT": OrderType.LIMIT,
    "MARKET": OrderType.MARKET,
    "STOPLIMIT": OrderType.STOP_LIMIT,
    "PROFITLIMIT": OrderType.TAKE_PROFIT_LIMIT,
}
ZERO = Decimal(0)
# Members of enums are slow to look up on Python 3.10, and these are needed for every order.
UNKNOWN_SIDE, UNKNOWN_STATUS, UNKNOWN_TYPE = Side.UNKNOWN, OrderStatus.UNKNOWN, OrderType.UNKNOWN
UNKNOWN_IN_FORCE, UNKNOWN_LIQUIDITY, ONE_WAY = TimeInForce.UNKNOWN, Liquidity.UNKNOWN, PositionSide.BOTH
TIMES_IN_FORCE = {"GTC": TimeInForce.GTC, "IOC": TimeInForce.IOC, "FOK": TimeInForce.FOK}
DIRECTIONS = {  # "longs" is documented, its opposite is not
    "LONGS": PositionSide.LONG,
    "LONG": PositionSide.LONG,
    "SHORTS": PositionSide.SHORT,
    "SHORT": PositionSide.SHORT,
}


Reader: TypeAlias = Callable[[Any, Receipt, Rows], list[Event]]


# --- messages ---------------------------------------------------------------------------------------------------------


def read_text(text: str, receipt: Receipt) -> list[Event] | None:
    """The same as ``read``, without a dictionary in between, in a fraction of the time.

    None for messages that are not known, and where anything in one is not as the documents have it.
    """
    if "listenKey" in text:  # must not be kept: see ``_opened``
        return None
    try:
        message = _decode(text)
        return KNOWN[type(message)][1](message, receipt, whole) or None
    except (*exact.MISFITS, Missing):
        return None


def read(message: Any, receipt: Receipt) -> list[Event]:
    """The events in one decoded message, in the order in which they hold. Never raises."""
    message, receipt = _opened(message, receipt)
    kind = fields.text(message, "e") if isinstance(message, dict) else ""
    if not kind:
        return _control(message, receipt)
    reading = Reading(EXCHANGE, kind, receipt)
    shape = SHAPES.get(kind.lower())  # the documents spell accountoptionInfo as well
    if shape is None:
        return [] if kind == "listenKeyExpired" else [reading.unknown(f"{NOT_MODELLED}event")]
    try:
        events = KNOWN[shape][1](filled(shape, message), receipt, reading.each)
    except Missing as missing:
        return [reading.unknown(str(missing))]
    return events or [reading.unknown("there is nothing in it that this version can read")]


def _opened(message: Any, receipt: Receipt) -> tuple[Any, Receipt]:
    """The event inside the envelope of ``/stream``, and the raw text of that event alone.

    The envelope's ``stream`` is the listen key, with which anyone can read the account: it must not be kept.
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
    """A frame without ``e``. None is documented; an answer to something is dropped, a complaint told."""
    if isinstance(message, dict) and "result" in message and "error" not in message:
        return []
    kind = next((name for name in ("error", "code") if name in message), "") if isinstance(message, dict) else ""
    return [Reading(EXCHANGE, kind, receipt).unknown("a frame that is no event")]


# --- orders and fills -------------------------------------------------------------------------------------------------


def _exec_report(family: str, message: names.OrderRow, receipt: Receipt, rows: Rows) -> list[Event]:
    del rows
    return [order_in(message, family, receipt)]


def order(row: Message, shape: type[names.OrderRow], family: str, reading: Reading, symbol: str = "") -> OrderUpdate:
    """An order in a decoded object. Raises Missing."""
    return order_in(filled(shape, row), family, reading.receipt, symbol)


def order_in(row: names.OrderRow, family: str, receipt: Receipt, symbol: str = "") -> OrderUpdate:
    """An order, from the stream or REST. ``symbol`` is the one that was asked for.

    Raises Missing where it has no id, or no symbol: only a contract order may lack it, as its refusal does; and
    ArithmeticError for what is no amount. Words are compared in upper case: REST says FILLED in one answer and filled
    in another.
    """
    order_id = f"{row.order_id}"
    if not order_id:
        raise missing(row, "order_id")
    symbol = row.symbol or symbol
    if not symbol and family != CONTRACT:
        raise missing(row, "symbol")
    native = row.status or row.other_status or ""
    status = STATUSES.get(native.upper(), UNKNOWN_STATUS)
    quantity = amounts[row.quantity]
    done, done_spelled = spelled[row.filled or "0"]
    executed = ZERO if done is None else done.copy_abs()
    side = SIDES.get(row.side.upper(), UNKNOWN_SIDE) if row.side else UNKNOWN_SIDE
    if side is UNKNOWN_SIDE and ((done or 0) < 0 or (quantity or 0) < 0):
        side = Side.SELL
    key = f"{family}:{order_id}"
    draft = order_draft()
    draft.exchange = EXCHANGE
    draft.account = receipt.account
    draft.received_ms = receipt.received_ms
    draft.origin = receipt.origin
    draft.raw = receipt.raw
    draft.id = _order_id(key, status, native, done_spelled.removeprefix("-"))
    draft.time_ms = row.time or receipt.received_ms
    draft.market = MARKETS[family]
    draft.symbol = symbol
    draft.order_id = order_id
    draft.key = key
    draft.side = side
    draft.status = status
    draft.native_status = native
    draft.order_type = TYPES.get(row.order_type.upper(), UNKNOWN_TYPE) if row.order_type else UNKNOWN_TYPE
    draft.native_type = row.order_type or ""
    draft.execution = draft.client_order_id = ""
    in_force = row.time_in_force
    draft.time_in_force = TIMES_IN_FORCE.get(in_force.upper(), UNKNOWN_IN_FORCE) if in_force else UNKNOWN_IN_FORCE
    draft.price = amounts[row.price]
    draft.stop_price = draft.quote_quantity = None
    draft.quantity = None if quantity is None else quantity.copy_abs()
    draft.filled_quantity = executed
    quote = number(row.filled_quote)
    draft.filled_quote = None if quote is None else quote.copy_abs()
    draft.average_price = amounts[row.average_price]
    draft.position_side = ONE_WAY
    draft.reduce_only = draft.conditional = False
    draft.linked_order_id = ""
    draft.reason = _reason(row) if row.reason or row.other_reason else ""
    draft.created_ms = row.created or None
    draft.__class__ = OrderUpdate
    told: OrderUpdate = draft
    return told


def _reason(row: names.OrderRow) -> str:
    """Accepted orders say NONE, refused ones why, in free text."""
    return next((text for text in (row.reason, row.other_reason) if text and text != "NONE"), "")


def _order_id(key: str, status: OrderStatus, native: str, filled: str) -> str:
    """Orders cannot be amended, so status and filled quantity are all that ever changes.

    The words for a status differ between stream and REST (ENTRUSTED and NEW, CANCEL and CANCELED), and so do the
    times: only what they mean goes into the id.
    """
    word = status if status is not UNKNOWN_STATUS else f"{status}-{native}"
    return f"order:{key}:{word}:{filled}"


def completed(update: OrderUpdate, previous: OrderUpdate | Ended | None) -> OrderUpdate:
    """``update`` with what it lacks taken from ``previous``, what is known of the same order."""
    if previous is None or not _lacks(update, previous):
        return update
    done, quote = update.filled_quantity, update.filled_quote
    if quote is None and not done:  # a refusal has neither; zero would be a step back
        done, quote = previous.filled_quantity, previous.filled_quote
    whole = attrs.evolve(
        update,
        id=_order_id(update.key, update.status, update.native_status, plain(done)),
        symbol=update.symbol or previous.symbol,
        side=previous.side if update.side is UNKNOWN_SIDE else update.side,
        filled_quantity=done,
        filled_quote=quote,
    )
    return whole if isinstance(previous, Ended) else _with_what_was_asked(whole, previous)


def _with_what_was_asked(update: OrderUpdate, previous: OrderUpdate) -> OrderUpdate:
    """What the program asked for stays the same for as long as an order is open."""
    return attrs.evolve(
        update,
        order_type=previous.order_type if update.order_type is UNKNOWN_TYPE else update.order_type,
        native_type=update.native_type or previous.native_type,
        time_in_force=previous.time_in_force if update.time_in_force is UNKNOWN_IN_FORCE else update.time_in_force,
        price=previous.price if update.price is None else update.price,
        quantity=previous.quantity if update.quantity is None else update.quantity,
        created_ms=previous.created_ms if update.created_ms is None else update.created_ms,
    )


def _lacks(update: OrderUpdate, previous: OrderUpdate | Ended) -> bool:
    """Whether ``previous`` has anything that ``update`` has not; of spot and options it seldom does."""
    if not update.symbol or update.side is UNKNOWN_SIDE or update.filled_quote is None:
        return True
    return not isinstance(previous, Ended) and (
        update.price is None
        or update.quantity is None
        or (update.created_ms is None and previous.created_ms is not None)
        or (update.order_type is UNKNOWN_TYPE and previous.order_type is not UNKNOWN_TYPE)
        or (not update.native_type and bool(previous.native_type))
        or (update.time_in_force is UNKNOWN_IN_FORCE and previous.time_in_force is not UNKNOWN_IN_FORCE)
    )


def derived_fill(previous: OrderUpdate | Ended | None, update: OrderUpdate) -> Fill | None:
    """What ``update`` was filled since ``previous`` as one fill, None if nothing.

    It can stand for several trades at their average price. Its id names the stretch of the order that it covers, which
    no other fill of the order can cover.
    """
    before = previous.filled_quantity if previous else ZERO
    grown = exact.subtract(update.filled_quantity, before)
    if grown <= 0:
        return None
    quote = _quote_growth(previous, update)
    draft = fill_draft()
    draft.exchange = update.exchange
    draft.account = update.account
    draft.id = f"fill:{update.key}:{plain(before)}-{plain(update.filled_quantity)}"
    draft.time_ms = update.time_ms
    draft.received_ms = update.received_ms
    draft.origin = update.origin
    draft.raw = update.raw
    draft.market = update.market
    draft.symbol = update.symbol
    draft.order_id = update.order_id
    draft.trade_id = draft.client_order_id = draft.fee_asset = ""
    draft.side = update.side
    draft.quantity = grown
    draft.price = None if quote is None else exact.divide(quote, grown)
    draft.quote_quantity = quote
    draft.fee = draft.realized_pnl = None
    draft.liquidity = UNKNOWN_LIQUIDITY
    draft.position_side = ONE_WAY
    draft.derived = True
    draft.__class__ = Fill
    told: Fill = draft
    return told


def _quote_growth(previous: OrderUpdate | Ended | None, update: OrderUpdate) -> Decimal | None:
    """What was paid for the growth, None where it is not known or makes no sense."""
    before, after = (_quote(previous) if previous else ZERO), _quote(update)
    if before is None or after is None:
        return None
    grown = exact.subtract(after, before)
    return grown if grown > 0 else None


def _quote(state: OrderUpdate | Ended) -> Decimal | None:
    """What was paid so far. REST says of a contract order only at which average price it was executed."""
    if state.filled_quote is not None or not state.filled_quantity:
        return state.filled_quote or ZERO
    return None if state.average_price is None else exact.multiply(state.average_price, state.filled_quantity)


def trade(symbol: str, row: Message, reading: Reading) -> Fill:
    """A row of contract/userHistoricalTrades, which does not repeat the symbol. Raises Missing.

    The rate of the fee is told, its amount is not.
    """
    trade_id, quantity = fields.need(row, "id"), fields.need_decimal(row, "qty")
    side = Side.SELL if quantity < 0 else Side.BUY
    buyer_was_maker = row.get("buyerMaker")
    liquidity = Liquidity.UNKNOWN
    if isinstance(buyer_was_maker, bool):
        liquidity = Liquidity.MAKER if buyer_was_maker is (side is Side.BUY) else Liquidity.TAKER
    return Fill(
        market=Market.FUTURES,
        symbol=symbol,
        order_id=fields.need(row, "orderId"),
        trade_id=trade_id,
        side=side,
        quantity=quantity.copy_abs(),
        price=fields.decimal(row, "price"),
        liquidity=liquidity,
        **reading.about(f"fill:{CONTRACT}:{symbol}:{trade_id}", fields.time_ms(row, "time")),
    )


# --- balances and positions -------------------------------------------------------------------------------------------


def _account_info(family: str, message: names.AccountMessage, receipt: Receipt, rows: Rows) -> list[Event]:
    """Absolute amounts of the assets in ``B``; whether it lists all or only those that changed is not said.

    ``u`` is the time of the account's last change, which REST calls ``updateTime``. ``o`` and ``p``, the margins of
    contracts, are parts of ``l``.
    """
    return rows(message.balances, balance_in, family, receipt, message.changed or message.sent, message.sent)


def balance(
    row: Message, shape: type[names.BalanceRow], family: str, reading: Reading, time_ms: int | None
) -> BalanceUpdate:
    """One asset of one wallet in a decoded object. Raises Missing."""
    return balance_in(filled(shape, row), family, reading.receipt, time_ms or 0)


def balance_in(row: names.BalanceRow, family: str, receipt: Receipt, time_ms: int, sent: int = 0) -> BalanceUpdate:
    """One asset of one wallet, from the stream or REST. ``time_ms`` is 0 where it is not known.

    ``sent`` is the stream's ``E``, which tells changes of one millisecond apart: amounts can go there and back in it.
    Raises Missing; ArithmeticError for what is no amount.
    """
    asset, free, locked = row.asset.upper(), number(row.free), number(row.locked)
    if not asset or free is None:
        raise missing_amount(row, "free") if asset else missing(row, "asset")
    key = f"{family}:{asset}"
    draft = balance_draft()
    draft.exchange = EXCHANGE
    draft.account = receipt.account
    draft.received_ms = receipt.received_ms
    draft.origin = receipt.origin
    draft.raw = receipt.raw
    draft.time_ms = when = time_ms or receipt.received_ms
    identity = f"balance:{key}:{when}:{plain(free)}:{plain(locked)}"
    draft.id = f"{identity}:{sent}" if sent else identity
    draft.market = MARKETS[family]
    draft.asset = asset
    draft.key = key
    draft.total = None if locked is None else exact.add(free, locked)
    draft.free = free
    draft.locked = locked
    draft.equity = draft.change = None
    draft.reason = ""
    draft.__class__ = BalanceUpdate
    told: BalanceUpdate = draft
    return told


def sent_ms(balance: BalanceUpdate) -> int:
    """The stream's ``E``, by which updates of equal ``u`` are ordered; 0 where there was none."""
    _, _, sent = balance.id.partition(f":{plain(balance.free)}:{plain(balance.locked)}:")
    return int(sent or 0)


def _contract_positions(message: names.PositionsMessage, receipt: Receipt, rows: Rows) -> list[Event]:
    """Members are told apart by their case: ``r`` and ``R``, ``m`` and ``M``, ``s`` and ``S`` differ."""
    reading = Reading(EXCHANGE, "contractPositions", receipt)
    return rows(message.positions, position_in, reading, message.sent)


def position(row: Message, shape: type[names.PositionRow], reading: Reading, time_ms: int | None) -> PositionUpdate:
    """A contract position in a decoded object. Raises Missing."""
    return position_in(filled(shape, row), reading, time_ms or 0)


def position_in(row: names.PositionRow, reading: Reading, time_ms: int) -> PositionUpdate:
    """A contract position, from the stream or REST. ``time_ms`` is 0 where it is not known. Raises Missing.

    Orders name no position side and a position is closed by its symbol (POST /api/v1/contract/liquidation), so there
    is one position for each symbol, which is long or short.
    """
    symbol, held = needed(row, "symbol"), needed_amount(row, "quantity")
    side = DIRECTIONS.get(row.direction.upper(), PositionSide.UNKNOWN)
    quantity = held.copy_abs().copy_negate() if side is PositionSide.SHORT else held
    key = f"{CONTRACT}:{symbol}"
    entry_price = amounts[row.entry_price]
    identity = f"position:{key}:{time_ms or reading.receipt.received_ms}:{plain(quantity)}:{plain(entry_price)}"
    return PositionUpdate(
        market=Market.FUTURES,
        symbol=symbol,
        key=key,
        quantity=quantity,
        side=side,
        entry_price=entry_price,
        liquidation_price=amounts[row.liquidation_price],
        margin=amounts[row.margin],
        leverage=amounts[row.leverage],
        unrealized_pnl=amounts[row.unrealized_pnl],
        **reading.about(identity, time_ms or None),
    )


# --- which message is which -------------------------------------------------------------------------------------------


KNOWN: dict[type[Any], tuple[str, Reader]] = {names.POSITIONS: ("contractPositions", _contract_positions)}
"""All messages: by their shape, what the exchange calls them, and how they are read."""
for _family in MARKETS:
    _report, _account = f"exec{_family.capitalize()}Report", f"account{_family.capitalize()}Info"
    KNOWN[names.REPORTS[_family]] = (_report, partial(_exec_report, _family))
    KNOWN[names.ACCOUNTS[_family]] = (_account, partial(_account_info, _family))
SHAPES = {kind.lower(): shape for shape, (kind, _) in KNOWN.items()}
_decode = exact.decoder(functools.reduce(operator.or_, KNOWN))
