"""The fold of events into the current state, and the guard against going backwards.

``apply`` answers whether an event is news. An order never leaves a final state, its filled quantity never shrinks, and
of two states with equal fills the one with the later exchange time stands. Fills are always news: whether a fill was
told before is a question of its id, not of time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, TypeAlias, TypeVar

import attrs

from jexkit.core.exact import Shape
from jexkit.core.ordering import Oldest
from jexkit.events import BalanceUpdate, Event, Fill, Gap, OrderStatus, OrderUpdate, Origin, PositionUpdate, Side

_RANK = {
    OrderStatus.PENDING: 0,
    OrderStatus.UNTRIGGERED: 1,
    OrderStatus.NEW: 1,
    OrderStatus.UNKNOWN: 1,
    OrderStatus.TRIGGERED: 2,
    OrderStatus.PARTIALLY_FILLED: 2,
    OrderStatus.PENDING_CANCEL: 3,
}
_FINAL_RANK = 4
_BEGINNINGS = frozenset({OrderStatus.PENDING, OrderStatus.UNTRIGGERED})
# Members of enums are slow to look up, and these are needed for nearly every event.
_STREAM, _RECOVERED, _TRIGGERED, _UNKNOWN = Origin.STREAM, Origin.RECOVERED, OrderStatus.TRIGGERED, OrderStatus.UNKNOWN
DOUBTFUL_MS = 50  # by which an answer and a message may be in the other order than their times say


def rank(status: OrderStatus) -> int:
    """How far along a status is; all final ones are alike."""
    return _RANK.get(status, _FINAL_RANK)


class Ended(Shape):
    """What is remembered of an order that is open no more: what it takes to see that a late word about it is late, and
    to tell the trade in one that is not.

    A quarter of the order itself. Thousands are kept, and for a long time: what they take in the processor's cache is
    not there for the next messages. And the garbage collector does not go through them, as it would go through objects
    of a common class: that stopped everything for half a millisecond every few hundred messages.
    """

    symbol: str
    order_id: str
    side: Side
    status: OrderStatus
    filled_quantity: Decimal
    filled_quote: Decimal | None
    average_price: Decimal | None
    time_ms: int
    origin: Origin
    conditional: bool
    linked_order_id: str


class Book:
    """Open orders, and the last balance and position of each kind, by key; and which orders have ended lately."""

    def __init__(self, remembered: int = 10_000) -> None:
        self.orders: dict[str, OrderUpdate] = {}
        self.balances: dict[str, BalanceUpdate] = {}
        self.positions: dict[str, PositionUpdate] = {}
        self.closed: dict[str, Ended] = {}  # those that ended lately, the oldest first
        self._remembered = remembered
        self._oldest = Oldest(remembered)

    def copy(self) -> Book:
        """A book of its own with the same in it."""
        copy = Book(self._remembered)
        copy.orders, copy.closed = dict(self.orders), self.closed.copy()
        copy.balances, copy.positions = dict(self.balances), dict(self.positions)
        return copy

    def order(self, key: str) -> OrderUpdate | Ended | None:
        """The last state of an order that is open, or what is remembered of one that has ended."""
        return self.orders.get(key) or self.closed.get(key)

    def told(self) -> frozenset[tuple[str, str]]:
        """Symbol and id of every order that is remembered."""
        kinds: tuple[Mapping[str, OrderUpdate | Ended], ...] = (self.orders, self.closed)
        return frozenset((order.symbol, order.order_id) for orders in kinds for order in orders.values())

    def put_back(self, event: Event, told: Book) -> None:
        """What the event is about stands as in ``told`` again."""
        if isinstance(event, OrderUpdate):
            _put_back(self.orders, told.orders, event.key)
            _put_back(self.closed, told.closed, event.key)
            self._oldest.look_again()
        elif isinstance(event, BalanceUpdate):
            _put_back(self.balances, told.balances, event.key)
        elif isinstance(event, PositionUpdate):
            _put_back(self.positions, told.positions, event.key)
        elif isinstance(event, Gap) and event.key:
            _put_back(self.orders, told.orders, event.key)

    def completed(self, event: Event) -> OrderUpdate | None:
        """An order's end that tells less of its fills than is known, with those that are known; None for all else.

        Fills cannot shrink; and a sum that is missing in a message, or cannot be read, must not keep an order open that
        has ended.
        """
        if not isinstance(event, OrderUpdate) or not event.status.is_final or event.conditional:
            return None
        known = self.orders.get(event.key)
        if known is None or event.time_ms < known.time_ms or event.filled_quantity >= known.filled_quantity:
            return None
        whole = event.quantity if event.status is OrderStatus.FILLED else None
        return attrs.evolve(
            event,
            filled_quantity=max(known.filled_quantity, whole or known.filled_quantity),
            filled_quote=event.filled_quote or (None if whole else known.filled_quote),
        )

    def apply(self, event: Event) -> bool:
        """Take the event in; False if it is older than what is known, and nothing changed.

        No class of events is derived from another but ``Event``; the commonest come first. What is later than what is
        known needs no closer look.
        """
        if type(event) is OrderUpdate:
            order = self.orders.get(event.key) or self.closed.get(event.key)
            if order is not None and _is_older(event, order):
                return False
            self._take_order(event)
        elif type(event) is Fill:
            pass
        elif type(event) is BalanceUpdate:
            if not is_change_alone(event):
                balance = self.balances.get(event.key)
                if balance is not None and event.time_ms <= balance.time_ms and _is_late(event, balance):
                    return False
                self.balances[event.key] = event
        elif type(event) is PositionUpdate:
            position = self.positions.get(event.key)
            if position is not None and event.time_ms <= position.time_ms and _is_late(event, position):
                return False
            self.positions[event.key] = event
        elif type(event) is Gap:
            self._take_gap(event)
        return True

    def is_back(self, event: Event) -> bool:
        """Whether what was told before stands as something else by now, of the same moment or an earlier one."""
        known: State | None = None
        if isinstance(event, OrderUpdate):
            known = self.orders.get(event.key)
        elif isinstance(event, BalanceUpdate):
            known = None if is_change_alone(event) else self.balances.get(event.key)
        elif isinstance(event, PositionUpdate):
            known = self.positions.get(event.key)
        else:
            return False
        return known is not None and known.time_ms <= event.time_ms and differs(event, known)

    def is_old(self, event: BalanceUpdate | PositionUpdate) -> bool:
        """Whether it is what is known already, or older."""
        known = (self.balances if isinstance(event, BalanceUpdate) else self.positions).get(event.key)
        return known is not None and (known.id == event.id or _is_late(event, known))

    def take(self, event: Event) -> None:
        """Take in an event that is known to be news."""
        taker = self.taker(type(event))
        if taker is not None:
            taker(event)

    def taker(self, kind: type[Event]) -> Callable[[Any], None] | None:
        """What takes in the news of one class of events; None for those that leave a book as it is."""
        takers: dict[type[Event], Callable[[Any], None]] = {
            OrderUpdate: self._take_order,
            BalanceUpdate: self._take_balance,
            PositionUpdate: self._take_position,
            Gap: self._take_gap,
        }
        return takers.get(kind)

    def _take_balance(self, event: BalanceUpdate) -> None:
        if not is_change_alone(event):
            self.balances[event.key] = event

    def _take_position(self, event: PositionUpdate) -> None:
        self.positions[event.key] = event

    def _take_gap(self, event: Gap) -> None:
        self.orders.pop(event.key, None)  # open no more, and nobody will hear how it ended

    def _take_order(self, event: OrderUpdate) -> None:
        key, closed = event.key, self.closed
        if event.status.is_final or (event.conditional and has_fired(event)):
            self.orders.pop(key, None)
            if closed.pop(key, None) is not None:
                self._oldest.look_again()
            closed[key] = Ended(
                event.symbol,
                event.order_id,
                event.side,
                event.status,
                event.filled_quantity,
                event.filled_quote,
                event.average_price,
                event.time_ms,
                event.origin,
                event.conditional,
                event.linked_order_id,
            )
            if len(closed) > self._remembered:
                self._oldest.forget(closed)
        else:
            self.orders[key] = event


S = TypeVar("S")
State: TypeAlias = OrderUpdate | BalanceUpdate | PositionUpdate


def _put_back(states: dict[str, S], before: Mapping[str, S], key: str) -> None:
    states.pop(key, None)
    if key in before:
        states[key] = before[key]


def is_change_alone(event: BalanceUpdate) -> bool:
    """The amounts come in an event of their own."""
    return event.total is None and event.free is None


def differs(event: State, known: State) -> bool:
    """Whether two tellings of one thing say different things; what one of them leaves out is no difference.

    Of orders only what an amendment changes counts: a status and a filled quantity do not go back.
    """
    if isinstance(event, OrderUpdate) and isinstance(known, OrderUpdate):
        if (event.status, event.filled_quantity) != (known.status, known.filled_quantity):
            return False
        pairs = [(event.price, known.price), (event.quantity, known.quantity), (event.stop_price, known.stop_price)]
    elif isinstance(event, BalanceUpdate) and isinstance(known, BalanceUpdate):
        pairs = [(event.total, known.total), (event.free, known.free), (event.locked, known.locked)]
    elif isinstance(event, PositionUpdate) and isinstance(known, PositionUpdate):
        pairs = [(event.quantity, known.quantity)]
        if event.quantity:
            pairs.append((event.entry_price, known.entry_price))
    else:
        return False
    return any(None not in pair and pair[0] != pair[1] for pair in pairs)


def has_fired(event: OrderUpdate | Ended) -> bool:
    """A conditional order that was triggered is open no more: another order trades in its place."""
    return event.conditional and event.status is _TRIGGERED


def _is_late(event: BalanceUpdate | PositionUpdate, known: BalanceUpdate | PositionUpdate) -> bool:
    """Whether the exchange's times say that the event is the older one.

    What comes without a time has that of its arrival, by our clock, which can be set back: it is no late one for that.
    """
    has_just_come = event.time_ms == event.received_ms
    if event.time_ms == known.time_ms:  # an answer is the last word of its millisecond: it was asked for later
        was_read_later = known.origin is _RECOVERED and event.origin is _STREAM
        return was_read_later and not has_just_come
    return event.time_ms < known.time_ms and not has_just_come


def _is_older(event: OrderUpdate, known: OrderUpdate | Ended) -> bool:
    if known.status.is_final:  # an end is told once, in whatever words; only a late word of more fills is news
        has_more = event.filled_quantity > known.filled_quantity and not event.conditional
        return not (event.status.is_final and has_more)
    if known.conditional and has_fired(known) and has_fired(event):
        # of two words for it, the second is news if it names the new order
        names_the_order = bool(event.linked_order_id) and not known.linked_order_id
        return event.filled_quantity <= known.filled_quantity and not names_the_order
    if event.filled_quantity != known.filled_quantity:
        return event.filled_quantity < known.filled_quantity
    if event.status.is_final and not known.status.is_final:
        return False
    ahead = rank(event.status) - rank(known.status)
    if ahead and not _can_times_tell(event, known):
        return ahead < 0
    if event.time_ms != known.time_ms:
        return event.time_ms < known.time_ms
    if known.origin is _RECOVERED and event.origin is _STREAM:
        return True  # the answer is the last word of its moment
    return ahead < 0


def _can_times_tell(event: OrderUpdate, known: OrderUpdate | Ended) -> bool:
    """Whether the times of two states of an order say which one was first, and not how far along they are.

    No order comes back to its beginning. And where an answer dates a change by when it happened, a message does by when
    it was told, a little later (JEX, Poloniex): the answer to the second of two quick changes is older than the message
    of the first.
    """
    if event.status in _BEGINNINGS:
        return False
    if event.status is _UNKNOWN:  # a word that says nothing of how far it is
        return True
    is_doubtful = event.origin is not known.origin and abs(event.time_ms - known.time_ms) < DOUBTFUL_MS
    return known.status not in _BEGINNINGS and not is_doubtful
