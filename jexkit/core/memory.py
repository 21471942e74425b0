"""What one stream knows of its account: the state that was told, which events it was told by, and how far that reaches.

Recovery starts from here. Kept somewhere and given to the machine of the next start, it makes a restart one more time
away: what happened meanwhile is found out and told, and nothing is told twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeVar

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
    OrderStatus,
    OrderUpdate,
    Origin,
    PositionUpdate,
    Side,
    from_dict,
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
        """Take in an event that was told after ``to_dict``; False if it is known already.

        ``since_ms`` stays where it is: one event says nothing of those before it. That costs the next recovery a longer
        read, and nothing else.
        """
        if not self.repeats.is_new(event) or not self.book.apply(event):
            return False
        if isinstance(event, OrderUpdate):
            self.marks.note(event)
        return True

    def copy(self) -> Memory:
        """As it is now: cheap to make while nothing may change it, and ``to_dict`` takes its time elsewhere."""
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

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON types."""
        book, marks = self.book, self.marks
        return {
            "format": FORMAT,
            "orders": _written(book.orders.values()),
            "closed": {key: _written_end(ended) for key, ended in book.closed.items()},
            "balances": _written(book.balances.values()),
            "positions": _written(book.positions.values()),
            "told": {"fills": list(self.repeats.fills), "others": list(self.repeats.others)},
            "since_ms": marks.since_ms,
            "not_before_ms": marks.not_before_ms,
            "read": dict(marks.read),
            "symbols": list(marks.symbols),
            "unasked": _written(marks.unasked),
        }

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Memory:
        """The memory that ``to_dict`` wrote. Raises ConfigurationError if ``value`` is not one of this version."""
        if not isinstance(value, Mapping) or value.get("format") != FORMAT:
            raise ConfigurationError(
                f"what is to be remembered is not the memory of a stream in format {FORMAT}; start without it, "
                "and what happened since then will not be told"
            )
        try:
            book = Book()
            book.orders = {order.key: order for order in _read(value["orders"], OrderUpdate)}
            book.closed = {str(key): _read_end(ended) for key, ended in value["closed"].items()}
            book.balances = {balance.key: balance for balance in _read(value["balances"], BalanceUpdate)}
            book.positions = {position.key: position for position in _read(value["positions"], PositionUpdate)}
            marks = Marks(
                since_ms=None if value["since_ms"] is None else int(value["since_ms"]),
                not_before_ms=int(value["not_before_ms"]),
                read={str(place): int(time_ms) for place, time_ms in value["read"].items()},
                symbols=dict.fromkeys(map(str, value["symbols"])),
                unasked=tuple(_read(value["unasked"], Fill)),
            )
            told = value["told"]
            return cls(book, Repeats(map(str, told["fills"]), map(str, told["others"])), marks)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ConfigurationError(
                f"the memory of a stream cannot be read ({type(error).__name__}: {error}); start without it, "
                "and what happened since then will not be told"
            ) from None


def _began(event: OrderUpdate | Fill, told: Book) -> int:
    """From when on one has to ask to find the event: an order of which nothing was told leads there by its fills."""
    if isinstance(event, OrderUpdate) and event.created_ms is not None and told.order(event.key) is None:
        return min(event.created_ms, event.time_ms)
    return event.time_ms


def scoped_symbol(order: OrderUpdate) -> str:
    """The symbol with the family in front that the order's key begins with, where it has one: ``UM:BTCUSDT``."""
    family, colon, _ = order.key.partition(":")
    return f"{family}:{order.symbol}" if colon else order.symbol


def _written_end(ended: Ended) -> dict[str, Any]:
    record = attrs.asdict(ended, recurse=False)
    return {name: str(value) if isinstance(value, Decimal) else value for name, value in record.items()}


def _read_end(record: Mapping[str, Any]) -> Ended:
    amounts = {name: exact.decimal(record[name]) for name in ("filled_quantity", "filled_quote", "average_price")}
    if amounts["filled_quantity"] is None:
        raise ValueError("an order that has ended says how much of it was filled")
    words = {"side": Side(record["side"]), "status": OrderStatus(record["status"]), "origin": Origin(record["origin"])}
    return Ended(**{**record, **amounts, **words, "time_ms": int(record["time_ms"])})


def _written(events: Iterable[Event]) -> list[dict[str, Any]]:
    return [event.to_dict() for event in events]


def _read(records: Sequence[Mapping[str, Any]], kind: type[E]) -> list[E]:
    events = [event for event in map(from_dict, records) if isinstance(event, kind)]
    if len(events) != len(records):
        raise ValueError(f"something else in the place of {kind.__name__}")
    return events
