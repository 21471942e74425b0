"""A look at the exchange: everything that a recovery asks, one question or a few at a time.

A look goes in stages, each a short conversation of its own, and keeps what each has brought. So a stage that fails is
asked again without the others, and a look that the next fault cuts short leaves behind what it had learned: which
orders have ended, and up to when each list was read. The next look goes on from there, and recovery gets ahead however
often it is interrupted.

Whoever holds a look asks ``stage``, and tells it what was ``answered`` or ``refused``, until there is no stage left.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from itertools import islice
from typing import Any, TypeAlias, TypeVar

import attrs

from jexkit.core.book import has_fired
from jexkit.core.dialect import Dialect, Traces
from jexkit.core.memory import scoped_symbol
from jexkit.core.values import Flow
from jexkit.errors import AuthenticationError, JexkitError, OrderUnknown
from jexkit.events import BalanceUpdate, Fill, OrderUpdate, PositionUpdate

T = TypeVar("T")

OVERLAP_MS = 60_000  # how far before the last event the lists are read: REST was seen to trail by a minute
FEW_ORDERS = 20  # orders that came and went, asked for before Live; the rest of them waits for the second look
MOST_ORDERS = 500  # single orders asked for in one look; more at once would spend the exchange's limit on them
AT_ONCE = 10  # single orders asked for in one stage
MANY = 500  # orders and fills in a span that took long enough
LEAST_SPAN_MS = 5_000
SINGLY = 3  # orders of one symbol that are not worth a list

Stage: TypeAlias = Callable[[], Flow[Any]]
OrderId: TypeAlias = tuple[str, str]
"""Symbol and id."""


@attrs.frozen
class Known:
    """What a look needs to know: what was told before the gap."""

    open_orders: Mapping[str, OrderUpdate] = attrs.field(factory=dict)
    told: Callable[[], frozenset[OrderId]] = frozenset  # every order told of, as far as remembered
    symbols: tuple[str, ...] = ()
    balances: Mapping[str, BalanceUpdate] = attrs.field(factory=dict)
    since_ms: int | None = None  # the exchange's time up to which everything was told; None: this is the first look
    read: Mapping[str, int] = attrs.field(factory=dict)  # the same for single lists that were read further than that
    strangers: int = FEW_ORDERS  # orders that came and went to ask for in this look
    unasked: tuple[Fill, ...] = ()  # one fill each of the orders that earlier looks did not come to ask for
    in_doubt: bool = False  # only these orders, balances and positions are asked for, and what they are now


@attrs.define
class Picture:
    """What the exchange has answered so far, and its time when it was asked."""

    clock_ms: int = 0
    orders: list[OrderUpdate] = attrs.field(factory=list)
    fills: list[Fill] = attrs.field(factory=list)
    balances: Sequence[BalanceUpdate] | None = None  # None: not to be had, or not yet
    positions: Sequence[PositionUpdate] | None = None
    unsure: list[str] = attrs.field(factory=list)  # orders that were open, and that it says it does not know
    unread: list[tuple[str, str]] = attrs.field(factory=list)  # what could not be read, and why
    unasked: tuple[Fill, ...] = ()  # one fill each of the orders that are still to be asked for
    read: dict[str, int] = attrs.field(factory=dict)  # the lists of changes that were read, and up to when


class Look:
    """One look. ``stage`` is what to ask now, None when everything was asked."""

    def __init__(self, dialect: Dialect, known: Known) -> None:
        self.picture = Picture(unasked=known.unasked)
        self.stage: Stage | None = None
        self._dialect = dialect
        self._known = known
        self._steps = self._ask()
        self._go_on(lambda: next(self._steps))

    @property
    def has_begun(self) -> bool:
        """Whether there is anything in the picture: first of all comes the exchange's time."""
        return self.picture.clock_ms != 0

    def answered(self, result: Any) -> None:
        """The stage was answered."""
        self._go_on(lambda: self._steps.send(result))

    def refused(self, error: JexkitError) -> None:
        """The stage was refused, and asking again is of no use. Raises the error if the look is nothing without it."""
        self._go_on(lambda: self._steps.throw(error))

    def _go_on(self, step: Callable[[], Stage]) -> None:
        try:
            self.stage = step()
        except StopIteration:
            self.stage = None

    # --- the stages -------------------------------------------------------------------------------------------------

    def _ask(self) -> Generator[Stage, Any, None]:
        dialect, known, picture = self._dialect, self._known, self.picture
        picture.clock_ms = yield dialect.clock
        if known.in_doubt:
            yield from self._in_doubt()
            return
        listed = yield from self._part("open orders", partial(dialect.open_orders, known.symbols))
        picture.orders += listed or ()
        picture.balances = yield from self._part("balances", dialect.balances)
        picture.positions = yield from self._part("positions", dialect.positions)
        if known.since_ms is not None:
            yield from self._changes(known.since_ms)
        if listed is not None:
            yield from self._unlisted({order.key for order in listed})
        yield from self._strangers()

    def _part(self, what: str, stage: Stage) -> Generator[Stage, Any, Any]:
        """A part of the picture, None where asking is of no use: it cannot be signed, is not allowed, is not there."""
        try:
            return (yield stage)
        except AuthenticationError:
            raise
        except JexkitError as error:
            if error.retryable:
                raise
            self.picture.unread.append((what, str(error)))
            return None

    def _in_doubt(self) -> Generator[Stage, Any, None]:
        dialect, picture = self._dialect, self.picture
        for some in _in_parts(list(self._known.open_orders.values())[:FEW_ORDERS]):
            found = yield from self._part("single orders", partial(self._one_by_one, some))
            picture.orders += found[0] if found else ()
        picture.balances = yield from self._part("balances", dialect.balances)
        picture.positions = yield from self._part("positions", dialect.positions)

    def _changes(self, since_ms: int) -> Generator[Stage, Any, None]:
        """The lists of what changed; each is read from where an earlier look left it, those that are furthest behind
        first: a look that is cut short too comes to those that the one before did not come to."""
        dialect, known, picture = self._dialect, self._known, self.picture
        orders = (*known.open_orders.values(), *picture.orders)
        balances, positions = picture.balances or (), picture.positions or ()
        traces = Traces(since_ms - OVERLAP_MS, known.symbols, orders, known.balances, balances, positions)
        found = yield from self._part("fills", partial(dialect.places, traces))
        if found is None:
            return
        picture.unread += found.unknowable
        read_until = {place: known.read.get(place, since_ms) for place in found.names}
        for place in sorted(read_until, key=read_until.__getitem__):
            yield from self._read(place, read_until[place] - OVERLAP_MS)

    def _read(self, place: str, start_ms: int) -> Generator[Stage, Any, None]:
        """One list, a span after the other. Spans grow where little happened, and shrink where much did."""
        picture, span_ms = self.picture, self._dialect.span_ms
        what = f"orders and fills: {place}" if place else "orders and fills"
        end_ms: int | None = 0
        while end_ms is not None:
            end_ms = None if span_ms is None or start_ms + span_ms >= picture.clock_ms else start_ms + span_ms
            changed = yield from self._part(what, partial(self._dialect.changes, start_ms, place, end_ms))
            if changed is None:
                return
            orders, fills = changed
            picture.orders += orders
            picture.fills += fills
            picture.unasked = tuple(self._unasked())
            picture.read[place] = picture.clock_ms if end_ms is None else end_ms
            if span_ms is not None and end_ms is not None:
                start_ms = end_ms
                span_ms = max(span_ms // 2, LEAST_SPAN_MS) if len(orders) + len(fills) > MANY else span_ms * 2

    def _unlisted(self, listed: set[str]) -> Generator[Stage, Any, None]:
        """What became of the orders that were open. Absence from a list is no proof of an end, so they are asked for;
        and "no such order" is not believed at once either, nor a list that has it open still."""
        picture = self.picture
        seen = listed | {order.key for order in picture.orders if order.status.is_final or has_fired(order)}
        wanted = {key: order for key, order in self._known.open_orders.items() if key not in seen}
        for alike in _by_symbol(wanted.values()):
            if len(alike) > SINGLY:
                found = (yield from self._part("lists of orders", partial(self._dialect.orders, alike))) or []
                picture.orders += found
                for order in found:
                    wanted.pop(order.key, None)
        asked, left = list(islice(wanted.values(), MOST_ORDERS)), list(islice(wanted, MOST_ORDERS, None))
        picture.unsure = left
        for some in _in_parts(asked):
            found, unknown = (yield from self._part("single orders", partial(self._one_by_one, some))) or ([], some)
            picture.orders += found
            picture.unsure += [order.key for order in unknown]

    def _strangers(self) -> Generator[Stage, Any, None]:
        """An order of which only a fill is known came and went while the stream was away."""
        picture = self.picture
        strangers = self._unasked()
        unknown: list[Fill] = []
        for some in _in_parts(strangers[: self._known.strangers]):
            found, missing = (yield from self._part("single orders", partial(self._one_by_one, some))) or ([], some)
            picture.orders += found
            unknown += missing
            picture.unasked = tuple(self._unasked())
        picture.unasked = (*unknown, *strangers[self._known.strangers :])

    def _unasked(self) -> list[Fill]:
        """One fill each of the orders of which nothing else is known."""
        seen = {(fill.symbol, fill.order_id): fill for fill in (*self._known.unasked, *self.picture.fills)}
        found = {(order.symbol, order.order_id) for order in self.picture.orders}
        return [fill for order, fill in seen.items() if order not in found and order not in self._told]

    @cached_property
    def _told(self) -> frozenset[OrderId]:
        """Thousands, and most looks find no fill for which it matters."""
        return self._known.told()

    def _one_by_one(
        self, wanted: Sequence[OrderUpdate | Fill]
    ) -> Flow[tuple[list[OrderUpdate], list[OrderUpdate | Fill]]]:
        """Ask for single orders; returns them, and those that the exchange does not know."""
        found: list[OrderUpdate] = []
        unknown: list[OrderUpdate | Fill] = []
        for event in wanted:
            order_id = event.key if isinstance(event, OrderUpdate) else event.order_id
            try:
                found.append((yield from self._dialect.order(order_id, symbol=event.symbol, market=str(event.market))))
            except OrderUnknown:
                unknown.append(event)
        return found, unknown


def _by_symbol(orders: Iterable[OrderUpdate]) -> list[list[OrderUpdate]]:
    groups: dict[str, list[OrderUpdate]] = {}
    for order in orders:
        groups.setdefault(scoped_symbol(order), []).append(order)
    return list(groups.values())


def _in_parts(wanted: Sequence[T]) -> Iterator[Sequence[T]]:
    return (wanted[start : start + AT_ONCE] for start in range(0, len(wanted), AT_ONCE))
