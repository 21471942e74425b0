"""What one stream knows of its account: the state that was told, which events it was told by, and how far that reaches.

Recovery starts from here. Kept somewhere and given to the machine of the next start, it makes a restart one more time
away: what happened meanwhile is found out and told, and nothing is told twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import attrs

from jexkit.core import exact
from jexkit.core.book import Book, Ended
from jexkit.core.ordering import Repeats
from jexkit.errors import ConfigurationError
from jexkit.events import (
    BalanceUpdate,
    Event,
    Fill,
    Market,
    OrderUpdate,
    PositionUpdate,
)

FORMAT = 2
MOST_SYMBOLS = 1_000  # symbols remembered; the oldest are forgotten

E = TypeVar("E", bound=Event)


@attrs.define
class Marks:
    """How far what was told reaches.

    ``since_ms`` is the exchange's time up to which everything was told, None before the first time; ``not_before_ms``
    its time when the program came, before which nothing is told; ``read`` the times up to which single lists were read
    by looks that were cut short; ``unasked`` one fill each of the orders that are still to be asked for.
    """

    since_ms: int | None = None
    not_before_ms: int = 0
    read: dict[str, int] = attrs.field(factory=dict)
    symbols: dict[str, None] = attrs.field(factory=dict)
    unasked: tuple[Fill, ...] = ()
    _noted: set[tuple[Market, str]] = attrs.field(factory=set, init=False, eq=False, repr=False)

    def note(self, order: OrderUpdate) -> None:
        """The symbol of an order that is told: where the exchange has to be asked symbol by symbol, it matters."""
        where = (order.market, order.symbol)
        if where in self._noted:  # nearly always
            return
        self._noted.add(where)
        if order.symbol:
            self.symbols[scoped_symbol(order)] = None
        if len(self.symbols) > MOST_SYMBOLS:
            del self.symbols[next(iter(self.symbols))]
            self._noted.clear()


@attrs.define
class Memory:
    """Book, identities and marks of one stream; two connections of it share one."""

    book: Book = attrs.field(factory=Book)
    repeats: Repeats = attrs.field(factory=Repeats)
    marks: Marks = attrs.field(factory=Marks)

    def take(self, event: Event) -> bool:
        """Take in an event that was told after ``pack``; False if it is known already.

        ``since_ms`` stays where it is: one event says nothing of those before it. That costs the next recovery a longer
        read, and nothing else.
        """
        if not self.repeats.is_new(event) or not self.book.apply(event):
            return False
        if isinstance(event, OrderUpdate):
            self.marks.note(event)
        return True

    def copy(self) -> Memory:
        """As it is now: cheap to make while nothing may change it, and ``pack`` takes its time elsewhere."""
        marks = attrs.evolve(self.marks, read=dict(self.marks.read), symbols=dict(self.marks.symbols))
        return Memory(self.book.copy(), self.repeats.copy(), marks)

    def take_back(self, events: Sequence[Event], told: Book) -> None:
        """Forget events that were never told after all; ``told`` is the state as it was told."""
        for event in events:
            self.repeats.forget(event)
            self.book.put_back(event, told)
        times = [_began(event, told) for event in events if isinstance(event, (OrderUpdate, Fill))]
        if times and self.marks.since_ms is not None:
            self.marks.since_ms = min(self.marks.since_ms, *times)
            self.marks.read.clear()

    def pack(self) -> str:
        """As text, to be kept somewhere."""
        book, told, marks = self.book, self.repeats, self.marks
        record = _Record(
            format=FORMAT,
            orders=[*book.orders.values()],
            closed=book.closed,
            balances=[*book.balances.values()],
            positions=[*book.positions.values()],
            fills=[*told.fills],
            others=[*told.others],
            since_ms=marks.since_ms,
            not_before_ms=marks.not_before_ms,
            read=marks.read,
            symbols=[*marks.symbols],
            unasked=[*marks.unasked],
        )
        return exact.pack(record)

    @classmethod
    def unpack(cls, text: str) -> Memory:
        """The memory that ``pack`` wrote. Raises ConfigurationError if ``text`` is not one of this version."""
        try:
            record = exact.unpack(text, _Record)
        except exact.NotJson as error:
            raise ConfigurationError(
                f"the memory of a stream cannot be read ({error}); start without it, "
                "and what happened since then will not be told"
            ) from None
        if record.format != FORMAT:
            raise ConfigurationError(
                f"what is to be remembered is not the memory of a stream in format {FORMAT}; start without it, "
                "and what happened since then will not be told"
            )
        book = Book()
        book.orders = {order.key: order for order in record.orders}
        book.closed = record.closed
        book.balances = {balance.key: balance for balance in record.balances}
        book.positions = {position.key: position for position in record.positions}
        marks = Marks(
            since_ms=record.since_ms,
            not_before_ms=record.not_before_ms,
            read=record.read,
            symbols=dict.fromkeys(record.symbols),
            unasked=tuple(record.unasked),
        )
        return cls(book, Repeats(record.fills, record.others), marks)


@attrs.define
class _Record:
    """What is kept of a memory. One of another version is not read: see ``FORMAT``."""

    format: int
    orders: list[OrderUpdate]
    closed: dict[str, Ended]
    balances: list[BalanceUpdate]
    positions: list[PositionUpdate]
    fills: list[str]
    others: list[str]
    since_ms: int | None
    not_before_ms: int
    read: dict[str, int]
    symbols: list[str]
    unasked: list[Fill]


def _began(event: OrderUpdate | Fill, told: Book) -> int:
    """From when on one has to ask to find the event: an order of which nothing was told leads there by its fills."""
    if isinstance(event, OrderUpdate) and event.created_ms is not None and told.order(event.key) is None:
        return min(event.created_ms, event.time_ms)
    return event.time_ms


def scoped_symbol(order: OrderUpdate) -> str:
    """The symbol with the family in front that the order's key begins with, where it has one: ``UM:BTCUSDT``."""
    family, colon, _ = order.key.partition(":")
    return f"{family}:{order.symbol}" if colon else order.symbol
