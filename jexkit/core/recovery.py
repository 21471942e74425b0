"""What happened while the stream was away: the merge of what a look has found into what is known.

The order of things is what makes it sound. First the stream is subscribed, and what arrives is held. Then the exchange
is asked (``look``): open orders, balances, positions, what has changed since a little before the last event, and each
order that was open and is not listed any more. Whatever changes after that comes by the stream. So

* of a balance or position the stream's word stands, if there was one since the connection was subscribed or, on a live
  stream, since the question was asked; otherwise the later word does, by the exchange's time;
* orders and fills from both sides are told once, by id, and an order never goes back, by the book;
* what was learned before the connection broke again is told then, and not asked for another time;
* REST can trail the exchange by some seconds: an order that it does not know (yet), and a fill that is not listed
  (yet), are asked for again by a second look, a few seconds after ``Live``.

Nothing from before the first look is told as a fill: the program was not there then.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from decimal import Decimal

import attrs

from jexkit.core.backoff import Backoff
from jexkit.core.book import DOUBTFUL_MS, Book, differs
from jexkit.core.look import MOST_ORDERS, OVERLAP_MS, Known, Picture
from jexkit.core.memory import Marks
from jexkit.events import BalanceUpdate, Event, Fill, OrderUpdate, Origin, PositionUpdate

SECOND_LOOKS = 3  # looks after a Live at the most
_STREAM = Origin.STREAM  # a member of an enum is slow to look up, and this one is needed for nearly every event
MOST_HELD = 100_000  # events held during a recovery; more than that is an overflow


def difference(
    picture: Picture,
    spoken_for: Container[tuple[type[Event], str]],
    book: Book,
    *,
    not_before_ms: int,
    missing_before: Container[tuple[type[Event], str]] = (),
) -> list[Event]:
    """What the picture adds to the book, in time order: an order's update before the fills of the same moment.

    ``spoken_for`` are the balances and positions that the stream has told of meanwhile. Fills, and ends of orders that
    nobody knew, older than ``not_before_ms`` are from before the program came. A balance or position that is listed no
    more is gone only if it was ``missing_before`` as well: a list that trails does not have yet what the stream told.
    """
    gone = [state for state in _gone(picture, book) if (type(state), state.key) in missing_before]
    states = [*(picture.balances or ()), *(picture.positions or ()), *gone]
    news: list[Event] = [event for event in picture.orders if _is_news(event, book, not_before_ms)]
    news += [fill for fill in picture.fills if fill.time_ms >= not_before_ms]
    news.sort(key=lambda found: (found.time_ms, isinstance(found, Fill)))
    news += [state for state in states if _has_changed(state, book) and not _is_spoken_for(state, spoken_for)]
    return news


def _is_spoken_for(state: BalanceUpdate | PositionUpdate, spoken_for: Container[tuple[type[Event], str]]) -> bool:
    """Whether the stream's word stands against this answer: what changes after it comes by the stream as well.

    Times do not decide that: those of an answer are often only the time of asking, before or after it was looked up.
    """
    return (type(state), state.key) in spoken_for


def _is_news(order: OrderUpdate, book: Book, not_before_ms: int) -> bool:
    known = book.order(order.key)
    if known is None:
        return not order.status.is_final or order.time_ms >= not_before_ms
    if (order.status, order.filled_quantity) != (known.status, known.filled_quantity):
        return True
    return isinstance(known, OrderUpdate) and _asked(order) != _asked(known)


def _asked(order: OrderUpdate) -> tuple[object, ...]:
    """What the program asked for, and may have changed while the order was open."""
    return (order.price, order.quantity, order.stop_price)


def _gone(picture: Picture, book: Book) -> list[BalanceUpdate | PositionUpdate]:
    """What was there and is not listed any more: an empty balance, a flat position."""
    gone: list[BalanceUpdate | PositionUpdate] = []
    if picture.balances is not None:
        listed = {balance.key for balance in picture.balances}
        held = [balance for balance in book.balances.values() if balance.total or balance.free]
        gone += [_emptied(balance, picture.clock_ms) for balance in held if balance.key not in listed]
    if picture.positions is not None:
        listed = {position.key for position in picture.positions}
        open_ones = [position for position in book.positions.values() if position.quantity]
        gone += [_flat(position, picture.clock_ms) for position in open_ones if position.key not in listed]
    return gone


def _emptied(balance: BalanceUpdate, clock_ms: int) -> BalanceUpdate:
    def zero(amount: Decimal | None) -> Decimal | None:
        return None if amount is None else Decimal(0)

    return attrs.evolve(
        balance,
        id=f"balance:{balance.key}:gone:{clock_ms}",
        time_ms=clock_ms,
        origin=Origin.RECOVERED,
        raw="",
        total=zero(balance.total),
        free=zero(balance.free),
        locked=zero(balance.locked),
        equity=zero(balance.equity),
        change=None,
        reason="",
    )


def _flat(position: PositionUpdate, clock_ms: int) -> PositionUpdate:
    return attrs.evolve(
        position,
        id=f"position:{position.key}:gone:{clock_ms}",
        time_ms=clock_ms,
        origin=Origin.RECOVERED,
        raw="",
        quantity=Decimal(0),
        entry_price=None,
        break_even_price=None,
        liquidation_price=None,
        unrealized_pnl=None,
        margin=None,
        reason="",
    )


def _has_changed(state: BalanceUpdate | PositionUpdate, book: Book) -> bool:
    if isinstance(state, BalanceUpdate):
        balance = book.balances.get(state.key)
        return differs(state, balance) if balance else bool(state.total or state.free or state.locked or state.equity)
    position = book.positions.get(state.key)
    return differs(state, position) if position else bool(state.quantity)


class Recovery:
    """How far a stream's recovery is, and what it holds during one."""

    def __init__(self, marks: Marks) -> None:
        self._marks = marks
        self.backoff = Backoff(first=1.0, longest=30.0)
        self._is_caught_up = False
        self._held: list[Event] = []
        self.dropped: dict[str, OrderUpdate] = {}  # orders that were never told after all: there is no list of some
        self._spoken_for: set[tuple[type[Event], str]] = set()
        self._missing: set[tuple[type[Event], str]] = set()
        self._then = Known()
        self._looks = 0

    def began(self, book: Book) -> None:
        """A connection is subscribed: what it brings is newer than any answer that was asked for before.

        It may have brought something already: some exchanges tell of the account before they say that they will.
        """
        self._is_caught_up = False
        self._spoken_for.clear()
        for event in self._held:
            self._speak(event, book)
        self._missing.clear()

    def known(self, book: Book) -> Known:
        """What a look has to ask about, as of now; orders of which an earlier connection told are held still."""
        orders = dict(book.orders)
        for event in self._held:
            if isinstance(event, OrderUpdate) and not event.status.is_final:
                orders.setdefault(event.key, event)
        for order in self.dropped.values():
            orders.setdefault(order.key, order)
        marks = self._marks
        self._then = Known(
            orders,
            book.told,
            tuple(marks.symbols),
            dict(book.balances),
            marks.since_ms,
            dict(marks.read),
            unasked=marks.unasked,
        )
        self._looks = 0
        return self._then

    def known_then(self, book: Book) -> Known:
        """The same for a second look: what was open before the gap, or by the first look, and still seems to be.

        It reads from a little before the first look on: what was not listed then, as far as lists were seen to trail.
        """
        self._spoken_for.clear()
        then = self._then.open_orders
        still = {key: it for key, it in book.orders.items() if key in then or it.origin is Origin.RECOVERED}
        return attrs.evolve(
            self._then,
            open_orders=still,
            told=book.told,
            symbols=tuple(self._marks.symbols),
            read={},
            strangers=MOST_ORDERS,
            unasked=self._marks.unasked,
        )

    def known_of(self, doubted: Mapping[str, OrderUpdate]) -> Known:
        """What a look at what is in doubt has to ask about: these orders, and all balances and positions."""
        self._spoken_for.clear()
        return Known(doubted, in_doubt=True, unasked=self._marks.unasked)

    def looks_left(self) -> bool:
        """Whether one more second look is in order; there is a bound on them."""
        self._looks += 1
        return self._looks < SECOND_LOOKS

    def hold(self, events: Sequence[Event], book: Book) -> bool:
        """Keep events until the stream is live; False when there is no room for more."""
        for event in events:
            self._speak(event, book)
        self._held += events
        return len(self._held) <= MOST_HELD

    def release(self) -> list[Event]:
        """What was held, in the order in which it came."""
        held, self._held = self._held, []
        return held

    def left(self) -> list[Event]:
        """The connection is gone: returns what it held. Telling that does not close the gap."""
        self._is_caught_up = False
        return self.release()

    def difference(self, picture: Picture, book: Book) -> list[Event]:
        """What a whole picture adds to what was told and what is held."""
        before, self._missing = self._missing, {(type(state), state.key) for state in _gone(picture, book)}
        return self._difference(picture, book, before)

    def part(self, picture: Picture, book: Book) -> list[Event]:
        """The same of a look that was cut short. What its lists lack is not gone for that."""
        if self._marks.since_ms is not None:
            for place, clock_ms in picture.read.items():
                self._marks.read[place] = max(clock_ms, self._marks.read.get(place, 0))
        return self._difference(picture, book, ())

    def _difference(self, picture: Picture, book: Book, missing: Container[tuple[type[Event], str]]) -> list[Event]:
        marks = self._marks
        marks.unasked = picture.unasked
        return difference(picture, self._spoken_for, book, not_before_ms=marks.not_before_ms, missing_before=missing)

    def caught_up(self, clock_ms: int) -> None:
        """Everything up to ``clock_ms`` has been told, as far as REST knows of it yet."""
        marks = self._marks
        if marks.since_ms is None:
            marks.not_before_ms = clock_ms
        self._then = attrs.evolve(self._then, since_ms=clock_ms if self._then.since_ms is not None else None)
        marks.since_ms = max(clock_ms, marks.since_ms or 0)
        marks.read.clear()
        self.dropped.clear()

    def confirmed(self) -> None:
        """REST was asked once more. From now on what the stream tells is all there is, and moves the mark on."""
        self._is_caught_up = True

    def went_on_without(self, wall_ms: int) -> None:
        """The stream goes live without an answer. What it tells does not close the gap, which stays open for later."""
        if self._marks.since_ms is None:
            self._marks.since_ms = self._marks.not_before_ms = wall_ms - OVERLAP_MS

    def note(self, news: Sequence[Event]) -> None:
        """Events that are told now: their symbols and times matter to the next recovery."""
        marks, latest, speak = self._marks, 0, self._spoken_for.add
        for event in news:
            kind = type(event)
            if kind is OrderUpdate:
                marks.note(event)  # type: ignore[arg-type]
            elif kind is BalanceUpdate or kind is PositionUpdate:
                if event.origin is _STREAM:
                    speak((kind, event.key))  # type: ignore[attr-defined]
                continue
            elif kind is not Fill:
                continue
            if event.time_ms > latest:
                latest = event.time_ms
        if self._is_caught_up and marks.since_ms is not None and latest > marks.since_ms:
            marks.since_ms = latest

    @staticmethod
    def is_doubtful(event: Event, book: Book) -> bool:
        """Whether a state of the stream's that was kept out may be the later one all the same."""
        if not isinstance(event, (BalanceUpdate, PositionUpdate)) or event.origin is not _STREAM:
            return False
        known = (book.balances if isinstance(event, BalanceUpdate) else book.positions).get(event.key)
        return known is not None and known.origin is Origin.RECOVERED and known.time_ms - event.time_ms < DOUBTFUL_MS

    def _speak(self, event: Event, book: Book) -> None:
        """The stream has spoken for a balance or position, unless that is a copy of an old message: what has changed
        since is in the answer alone then."""
        if isinstance(event, (BalanceUpdate, PositionUpdate)) and event.origin is _STREAM and not book.is_old(event):
            self._spoken_for.add((type(event), event.key))
