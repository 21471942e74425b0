"""What a stream tells the program: one frozen record per event, and the words they use.

Facts about the account::

    OrderUpdate      an order was placed, changed, filled, cancelled, refused ...
    Fill             one trade of one order
    BalanceUpdate    one asset of one wallet changed
    PositionUpdate   one position changed
    AccountNotice    margin calls, leverage, liabilities, locks and the like
    Unknown          a message that this version does not model, whole

and about the stream itself::

    Live             from now on the callbacks see everything; orders, balances and positions are the exchange's
    Suspended        not so any more: the stream is away, and being brought back
    Lost             the stream ended for good, and why
    Gap              something that happened could not be told, when and why

Amounts are exact ``Decimal``s, times are milliseconds since 1970 (``*_ms``) with an aware ``datetime`` beside them.
This module imports nothing of jexkit and knows no exchange.
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import attrs

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Word(str, enum.Enum):
    """Base of the enums: a word that compares with, prints as and is written to JSON as its text."""

    # The text's own: those of Enum are functions in Python, and events are told apart by their words all the time.
    __str__ = str.__str__
    __format__ = str.__format__  # type: ignore[assignment]
    __hash__ = str.__hash__


class Origin(Word):
    """How an event came to be known."""

    STREAM = "stream"
    RECOVERED = "recovered"  # read over REST after the stream was away


class Side(Word):
    """Whether an order or a trade buys or sells. ``UNKNOWN``: the exchange does not say, or says what is not known."""

    BUY = "buy"
    SELL = "sell"
    UNKNOWN = "unknown"


class Market(Word):
    """The part of the exchange that an order, balance or position belongs to."""

    SPOT = "spot"
    MARGIN = "margin"  # spot trading on borrowed money
    USD_FUTURES = "usd_futures"  # Binance UM: margined in a stablecoin
    COIN_FUTURES = "coin_futures"  # Binance CM: margined in the coin
    FUTURES = "futures"  # futures and perpetuals where the exchange makes no such difference
    OPTIONS = "options"
    COMBO = "combo"
    ACCOUNT = "account"  # one wallet for everything
    UNKNOWN = "unknown"


class OrderStatus(Word):
    """Where an order stands. ``is_final`` says that nothing more can happen to it."""

    is_final: bool

    def __init__(self, word: str) -> None:
        self.is_final = word in ("filled", "cancelled", "rejected", "expired")

    PENDING = "pending"  # taken, not yet in the book; may still be refused
    UNTRIGGERED = "untriggered"  # waits for its trigger price
    TRIGGERED = "triggered"
    NEW = "new"
    PARTIALLY_FILLED = "partially_filled"
    PENDING_CANCEL = "pending_cancel"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


class OrderType(Word):
    """What kind of order it is; the exchange's own word is in ``native_type``."""

    MARKET = "market"
    LIMIT = "limit"
    POST_ONLY = "post_only"
    STOP_MARKET = "stop_market"
    STOP_LIMIT = "stop_limit"
    TAKE_PROFIT_MARKET = "take_profit_market"
    TAKE_PROFIT_LIMIT = "take_profit_limit"
    TRAILING_STOP = "trailing_stop"
    LIQUIDATION = "liquidation"
    UNKNOWN = "unknown"


class TimeInForce(Word):
    """How long an order stays in the book."""

    GTC = "good_til_cancelled"
    IOC = "immediate_or_cancel"
    FOK = "fill_or_kill"
    GTD = "good_til_date"
    POST_ONLY = "post_only"
    UNKNOWN = "unknown"


class Liquidity(Word):
    """Whether the order of a trade was in the book before (maker) or met one that was (taker)."""

    MAKER = "maker"
    TAKER = "taker"
    UNKNOWN = "unknown"


class PositionSide(Word):
    """Which of an instrument's positions: the only one (one-way mode), or one of two (hedge mode)."""

    BOTH = "both"
    LONG = "long"
    SHORT = "short"
    UNKNOWN = "unknown"


class NoticeKind(Word):
    """What an ``AccountNotice`` is about, and what its ``value`` is then."""

    RISK_LEVEL = "risk_level"  # margin call, reduce only, forced liquidation; value: the margin ratio
    LEVERAGE = "leverage"  # value: the leverage of ``symbol``
    LIABILITY = "liability"  # borrowed, repaid, interest; value: what is owed of ``asset`` now
    OPEN_ORDER_LOSS = "open_order_loss"  # value: the estimated loss in ``asset``
    LOCK = "lock"  # trading locked or unlocked
    MARKET_MAKER_PROTECTION = "market_maker_protection"
    LIQUIDATION = "liquidation"
    ACCESS = "access"  # logins and changes of keys, passwords, allow lists
    PLATFORM = "platform"  # maintenance of the whole exchange
    ORDER_LIST = "order_list"  # an OCO list as a whole; its orders come as OrderUpdates of their own


class SuspendReason(Word):
    """Why a stream is away."""

    CLOSED = "closed"  # the exchange closed the connection
    BROKEN = "broken"  # the connection broke, or was never made
    SILENT = "silent"  # the connection is open and the exchange does not answer on it
    REFUSED = "refused"  # the exchange refused the connection, a login or a subscription for now
    KEY_EXPIRED = "key_expired"  # the listen key or token is not valid any more
    RATE_LIMITED = "rate_limited"
    MAINTENANCE = "maintenance"
    GARBLED = "garbled"  # the exchange sends what cannot be understood
    REQUESTED = "requested"  # the program asked for it, for example by closing the listen key
    OVERFLOW = "overflow"  # the program's callbacks cannot keep up
    SUPERSEDED = "superseded"  # another process has the lock and follows the account now; this one stands by


def moment(ms: int) -> datetime:
    """An aware datetime (UTC) of ``ms`` milliseconds since 1970."""
    return _EPOCH + timedelta(milliseconds=ms)


@attrs.frozen(kw_only=True)
class Event:
    """What every event has.

    ``exchange`` is the exchange's name, such as ``"deribit"``, and ``account`` the stream's. ``id`` is stable: the same
    fill has the same id from the stream, from REST and after a restart. ``time_ms`` is the exchange's time; where its
    message carries none (Deribit's portfolio and positions, and the stream's own life) it is the time of receipt.
    ``received_ms`` is when it was received, by this machine's clock. Both are milliseconds since 1970; ``time`` and
    ``received`` are the same as datetimes in UTC. ``raw`` is the message as it came: JSON text, empty for events that
    no message brought.
    """

    exchange: str
    account: str
    id: str
    time_ms: int
    received_ms: int
    origin: Origin = Origin.STREAM
    raw: str = attrs.field(default="", repr=False)

    @property
    def stream(self) -> str:
        """The stream's name; the same as ``account``."""
        return self.account

    @property
    def time(self) -> datetime:
        """``time_ms`` as a datetime in UTC."""
        return moment(self.time_ms)

    @property
    def received(self) -> datetime:
        """``received_ms`` as a datetime in UTC."""
        return moment(self.received_ms)

    def to_dict(self) -> dict[str, Any]:
        """The event as plain JSON types (amounts as text); ``from_dict`` makes it an event again."""
        record: dict[str, Any] = {"type": type(self).__name__}
        for name, value in _values(self):
            if isinstance(value, Decimal):
                value = format(value, "f")  # all digits and no exponent: not every reader takes "1E-7"
            record[name] = str(value) if isinstance(value, Word) else value
        return record


def _values(event: Event) -> Iterator[tuple[str, Any]]:
    for field in attrs.fields(type(event)):
        yield field.name, getattr(event, field.name)


@attrs.frozen(kw_only=True)
class OrderUpdate(Event):
    """The state of one order after a change.

    Quantities are in the exchange's own units: base coins on spot, contracts or US dollars where its documents say so.
    Prices are as it quotes them, and ``quote_quantity`` and ``filled_quote`` amounts of the quote currency. What it did
    not send is None.

    ``order_id`` is the exchange's id as text, ``client_order_id`` the program's own. ``key`` names the order within its
    stream. ``native_status`` and ``native_type`` are the exchange's words. ``filled_quantity`` is the sum of all trades
    so far, ``average_price`` theirs; ``stop_price`` is where a stop order triggers. ``conditional`` marks an order that
    waits at the exchange for a trigger and becomes another order then, whose id is ``linked_order_id``. ``created_ms``
    is the exchange's time of the order's placement, in milliseconds since 1970.
    """

    market: Market
    symbol: str
    order_id: str
    key: str
    side: Side
    status: OrderStatus
    native_status: str
    order_type: OrderType = OrderType.UNKNOWN
    native_type: str = ""
    execution: str = ""  # what happened, in the exchange's word ("TRADE", "place"); "" if it sends none
    client_order_id: str = ""
    time_in_force: TimeInForce = TimeInForce.UNKNOWN
    price: Decimal | None = None
    stop_price: Decimal | None = None
    quantity: Decimal | None = None
    quote_quantity: Decimal | None = None
    filled_quantity: Decimal = Decimal(0)
    filled_quote: Decimal | None = None
    average_price: Decimal | None = None
    position_side: PositionSide = PositionSide.BOTH
    reduce_only: bool = False
    conditional: bool = False
    linked_order_id: str = ""
    reason: str = ""  # why it was refused, cancelled or expired, in the exchange's words
    created_ms: int | None = None


@attrs.frozen(kw_only=True)
class Fill(Event):
    """One trade of one order. ``quantity`` and ``price`` are in the units of the order's.

    ``fee`` is in ``fee_asset``: positive when paid, negative for a rebate, None when not told. ``quote_quantity`` is
    what was paid or received for it, ``realized_pnl`` the profit that it brought where it made a position smaller.

    ``derived`` marks a fill that the exchange did not send as a trade: it was computed from the growth of the order's
    filled quantity (JEX), so it can stand for several trades at their average price, and ``trade_id`` is empty.
    """

    market: Market
    symbol: str
    order_id: str
    trade_id: str
    side: Side
    quantity: Decimal
    price: Decimal | None
    client_order_id: str = ""
    quote_quantity: Decimal | None = None
    fee: Decimal | None = None
    fee_asset: str = ""
    liquidity: Liquidity = Liquidity.UNKNOWN
    realized_pnl: Decimal | None = None
    position_side: PositionSide = PositionSide.BOTH
    derived: bool = False


@attrs.frozen(kw_only=True)
class BalanceUpdate(Event):
    """One asset of one wallet. ``key`` names it within its stream.

    ``total``, ``free``, ``locked`` and ``equity`` are absolute amounts after the change, None where not told.
    ``change`` is the amount by which it changed where the exchange says so; an event that carries nothing but
    ``change`` leaves the amounts to a second event. All are in units of ``asset``. ``reason`` is the exchange's word
    for what changed it, empty if it sends none.
    """

    market: Market
    asset: str
    key: str
    total: Decimal | None = None
    free: Decimal | None = None
    locked: Decimal | None = None
    equity: Decimal | None = None
    change: Decimal | None = None
    reason: str = ""


@attrs.frozen(kw_only=True)
class PositionUpdate(Event):
    """One position. ``quantity`` is signed: below zero is short, zero is flat. ``key`` names it within its stream.

    It is in the exchange's own units, contracts or coins or US dollars, as ``OrderUpdate.quantity`` is; profits and
    ``margin`` are in the currency that the instrument is settled in. What the exchange did not send is None. ``reason``
    is its word for what changed it, empty if it sends none.
    """

    market: Market
    symbol: str
    key: str
    quantity: Decimal
    side: PositionSide = PositionSide.BOTH
    entry_price: Decimal | None = None
    break_even_price: Decimal | None = None
    mark_price: Decimal | None = None
    liquidation_price: Decimal | None = None
    unrealized_pnl: Decimal | None = None
    realized_pnl: Decimal | None = None
    margin: Decimal | None = None
    leverage: Decimal | None = None
    reason: str = ""


@attrs.frozen(kw_only=True)
class AccountNotice(Event):
    """Something else about the account. ``kind`` says what ``value`` means; ``native_kind`` is the exchange's word."""

    kind: NoticeKind
    native_kind: str
    level: str = ""  # the exchange's word for how serious or of what sort
    symbol: str = ""
    asset: str = ""
    value: Decimal | None = None


@attrs.frozen(kw_only=True)
class Unknown(Event):
    """A message that this version does not model, or could not read; ``raw`` has it whole, ``why`` says why.

    ``native_kind`` is the exchange's word for what it is, empty where none was found.
    """

    native_kind: str = ""
    why: str = ""


@attrs.frozen(kw_only=True)
class Live(Event):
    """The stream works: subscribed, proven, and the current state is the exchange's."""


@attrs.frozen(kw_only=True)
class Suspended(Event):
    """The stream is away and being brought back; the state is as it was before. ``detail`` is ``reason`` at length."""

    reason: SuspendReason
    detail: str = ""


@attrs.frozen(kw_only=True)
class Lost(Event):
    """The stream ended for good and is not tried again.

    ``error`` is the name of the error's class, ``detail`` its text; the error itself is ``stream.error``.
    """

    error: str
    detail: str


@attrs.frozen(kw_only=True)
class Gap(Event):
    """Something that happened between ``since_ms`` and ``until_ms`` could not be told: ``what``, and ``why``.

    The bounds are milliseconds since 1970; one that is not known is None. ``key`` is that of the one order whose end
    could not be told; it is open no more and is in ``stream.orders`` no longer.
    """

    since_ms: int | None
    until_ms: int | None
    what: str
    why: str
    key: str = ""


E = TypeVar("E", bound=Event)

_KINDS = (OrderUpdate, Fill, BalanceUpdate, PositionUpdate, AccountNotice, Unknown, Live, Suspended, Lost, Gap)
TYPES: Mapping[str, type[Event]] = {kind.__name__: kind for kind in _KINDS}


@attrs.frozen
class _Shape:
    """How JSON holds one field of an event."""

    reads: type[Decimal] | type[Word] | None  # what reads the text
    types: tuple[type, ...]  # what else it is as it is
    may_be_none: bool

    def read(self, value: Any) -> Any:
        """The field's value. Raises ValueError, and ArithmeticError for a text that is no number."""
        if value is None:
            if not self.may_be_none:
                raise ValueError
        elif self.reads is None:
            if not isinstance(value, self.types) or (isinstance(value, bool) and bool not in self.types):
                raise ValueError
        elif isinstance(value, bool) or not isinstance(value, (str, int, Decimal)):
            raise ValueError
        else:
            value = self.reads(value)
            if isinstance(value, Decimal) and not value.is_finite():
                raise ValueError
        return value


@functools.cache
def _shapes(name: str) -> dict[str, _Shape]:
    """The fields of the event class ``name``."""
    hints = get_type_hints(TYPES[name])
    return {field.name: _shape(_parts(hints[field.name])) for field in attrs.fields(TYPES[name])}


def _shape(parts: tuple[Any, ...]) -> _Shape:
    read = [part for part in parts if issubclass(part, (Decimal, Word))]
    return _Shape(read[0] if read else None, tuple(part for part in parts if part is not NoneType), NoneType in parts)


def _parts(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


def from_dict(record: Mapping[str, Any]) -> Event:
    """The event that ``to_dict`` wrote. Raises ValueError if ``record`` is not one; unknown names pass."""
    word = record.get("type") if isinstance(record, Mapping) else None
    kind = TYPES.get(word) if isinstance(word, str) else None
    if kind is None:
        said = f"type is {word!r}" if isinstance(record, Mapping) else f"a {type(record).__name__}, not a mapping"
        raise ValueError(f"not an event of jexkit: {said}; give what to_dict() returned")
    shapes = _shapes(kind.__name__)
    values: dict[str, Any] = {}
    for name, value in record.items():
        shape = shapes.get(name)
        if shape is not None:
            try:
                values[name] = shape.read(value)
            except (ArithmeticError, ValueError):
                raise ValueError(f"not a {kind.__name__}: {name} is {value!r}") from None
    try:
        return kind(**values)
    except TypeError as error:
        raise ValueError(f"not a whole {kind.__name__}: {error}") from None
