"""The book holds the current state and never goes backwards."""

from __future__ import annotations

import gc
import itertools
from decimal import Decimal
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jexkit.core.book import Book, Ended, rank
from jexkit.events import (
    BalanceUpdate,
    Fill,
    Gap,
    Live,
    Market,
    OrderStatus,
    OrderUpdate,
    Origin,
    PositionUpdate,
    Side,
)

ABOUT: dict[str, Any] = {"exchange": "x", "account": "main", "received_ms": 1}
NEW, PART, FILLED = OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED, OrderStatus.FILLED
CANCELLED, PENDING_CANCEL = OrderStatus.CANCELLED, OrderStatus.PENDING_CANCEL
UNTRIGGERED, TRIGGERED, PENDING = OrderStatus.UNTRIGGERED, OrderStatus.TRIGGERED, OrderStatus.PENDING
STREAM, RECOVERED = Origin.STREAM, Origin.RECOVERED


def order(status: OrderStatus, filled: str = "0", time_ms: int = 10, key: str = "1", **more: Any) -> OrderUpdate:
    return OrderUpdate(
        id=f"{key}:{status}:{filled}:{time_ms}",
        time_ms=time_ms,
        market=Market.SPOT,
        symbol="BTC_USDT",
        order_id=key,
        key=key,
        side=Side.BUY,
        status=status,
        native_status=str(status),
        filled_quantity=Decimal(filled),
        **ABOUT,
        **more,
    )


def stands(book: Book, last: OrderUpdate) -> bool:
    """Whether this is the last that the book knows of the order: all of it, or once it has ended what is kept."""
    known = book.order(last.key)
    if isinstance(known, Ended):
        return last.key not in book.orders and known == kept_of(last)
    return known == last


def kept_of(order: OrderUpdate) -> Ended:
    return Ended(**{name: getattr(order, name) for name in Ended.__struct_fields__})


def balance(time_ms: int, **amounts: Any) -> BalanceUpdate:
    return BalanceUpdate(
        id=f"b{time_ms}", time_ms=time_ms, market=Market.SPOT, asset="BTC", key="BTC", **ABOUT, **amounts
    )


def position(time_ms: int, quantity: int) -> PositionUpdate:
    return PositionUpdate(
        id=f"p{time_ms}",
        time_ms=time_ms,
        market=Market.FUTURES,
        symbol="BTC-PERPETUAL",
        key="BTC-PERPETUAL",
        quantity=Decimal(quantity),
        **ABOUT,
    )


# --- orders -----------------------------------------------------------------------------------------------------------


def test_an_order_is_open_until_it_is_final() -> None:
    book = Book()
    for status, filled, time_ms in ((NEW, "0", 1), (PART, "1", 2), (FILLED, "2", 3)):
        assert book.apply(order(status, filled, time_ms))
        assert ("1" in book.orders) == (not status.is_final)
    last = book.order("1")
    assert last is not None
    assert last.status is FILLED


@pytest.mark.parametrize(
    ("known", "late"),
    [
        (order(FILLED, "2", 5), order(PART, "1", 4)),
        (order(FILLED, "2", 5), order(PART, "3", 9)),  # final is final, whatever is said later
        (order(CANCELLED, "0", 5), order(NEW, "0", 9)),
        (order(PART, "2", 5), order(PART, "1", 9)),  # what is filled stays filled, whatever the clock says
        (order(PART, "2", 5), order(CANCELLED, "1", 9)),
        (order(NEW, "0", 5), order(NEW, "0", 4)),
        (order(PENDING_CANCEL, "0", 5), order(NEW, "0", 5)),
        (order(FILLED, "2", 5), order(FILLED, "2", 4)),
    ],
)
def test_what_is_older_is_no_news_and_changes_nothing(known: OrderUpdate, late: OrderUpdate) -> None:
    book = Book()
    book.apply(known)
    assert not book.apply(late)
    assert stands(book, known)


@pytest.mark.parametrize(
    ("known", "news"),
    [
        (order(NEW, "0", 5), order(PART, "1", 4)),  # more is filled: the clock does not matter
        (order(NEW, "0", 5), order(CANCELLED, "0", 4)),
        (order(NEW, "0", 5), order(NEW, "0", 6, price=Decimal(7))),  # an edit
        (order(NEW, "0", 5), order(PENDING_CANCEL, "0", 5)),
        (order(PENDING_CANCEL, "0", 5), order(NEW, "0", 6)),
        (order(NEW, "0", 5), order(NEW, "0", 5, price=Decimal(7))),
        (order(UNTRIGGERED, "0", 5), order(TRIGGERED, "0", 5)),
        (order(CANCELLED, "0", 5), order(FILLED, "2", 6)),
    ],
)
def test_what_is_later_is_news(known: OrderUpdate, news: OrderUpdate) -> None:
    book = Book()
    book.apply(known)
    assert book.apply(news)
    assert stands(book, news)


def test_a_trigger_order_that_fired_is_open_no_more() -> None:
    book = Book()
    book.apply(order(UNTRIGGERED, time_ms=1, conditional=True))
    assert book.apply(order(TRIGGERED, time_ms=2, conditional=True))
    assert book.orders == {}
    assert not book.apply(order(UNTRIGGERED, time_ms=1, conditional=True))
    assert book.orders == {}


def test_an_order_that_was_triggered_and_now_trades_itself_stays_open() -> None:
    book = Book()
    book.apply(order(TRIGGERED))
    assert "1" in book.orders


def test_orders_do_not_touch_each_other() -> None:
    book = Book()
    book.apply(order(FILLED, "2", 5, key="1"))
    assert book.apply(order(NEW, "0", 1, key="2"))
    assert list(book.orders) == ["2"]


def test_closed_orders_are_remembered_up_to_a_number() -> None:
    book = Book(remembered=2)
    for key in "123":
        book.apply(order(FILLED, "1", key=key))
    assert [book.order(key) is not None for key in "123"] == [False, True, True]


def test_of_orders_that_have_ended_the_oldest_is_forgotten() -> None:
    """One that has more to say after its end is among the latest again, and so is one whose end was taken back."""
    book, told = Book(remembered=4), Book()
    for number in range(5):
        book.apply(order(FILLED, "1", key=str(number)))
    assert list(book.closed) == ["1", "2", "3", "4"]
    book.apply(order(FILLED, "2", key="2"))
    book.put_back(order(FILLED, "1", key="1"), told)
    book.apply(order(FILLED, "1", key="1"))
    for number in range(5, 7):
        book.apply(order(FILLED, "1", key=str(number)))
    assert list(book.closed) == ["2", "1", "5", "6"]


def test_of_an_order_that_has_ended_little_is_kept() -> None:
    """Ten thousand of them are kept for each stream: what tells a late word from news, and no message.

    The garbage collector would take half a millisecond for every few hundred of them.
    """
    ended = attrs.evolve(order(FILLED, "1", 1), raw="x" * 1000)
    book = Book()
    book.apply(ended)
    (kept,) = book.closed.values()
    assert kept == kept_of(ended)
    assert not gc.is_tracked(kept)


def test_an_answer_is_the_last_word_of_its_moment() -> None:
    """An order that was amended twice in a millisecond is read as it was after both; the first one comes late."""
    book = Book()
    first = attrs.evolve(order(NEW, "0", 5), price=Decimal(7))
    second = attrs.evolve(order(NEW, "0", 5), price=Decimal(8))
    assert book.apply(attrs.evolve(second, origin=RECOVERED))
    assert not book.apply(first)
    assert book.apply(order(PART, "1", 5))


@pytest.mark.parametrize(
    ("known", "said", "is_news"),
    [
        (order(PENDING, time_ms=1000), order(NEW, time_ms=997, origin=RECOVERED), True),
        (order(PENDING, time_ms=1000), order(NEW, time_ms=1, origin=RECOVERED), True),  # it was being placed before
        (order(NEW, time_ms=997, origin=RECOVERED), order(PENDING, time_ms=1000), False),
        (order(PENDING, time_ms=1000), order(OrderStatus.UNKNOWN, time_ms=997, origin=RECOVERED), False),
        (order(NEW, time_ms=1000), order(PENDING_CANCEL, time_ms=997, origin=RECOVERED), True),
        (order(PENDING_CANCEL, time_ms=997, origin=RECOVERED), order(NEW, time_ms=1000), False),
        (order(NEW, time_ms=1000), order(PENDING_CANCEL, time_ms=900, origin=RECOVERED), False),
        (order(PENDING_CANCEL, time_ms=900, origin=RECOVERED), order(NEW, time_ms=1000), True),
        (order(NEW, time_ms=1000), order(PENDING_CANCEL, time_ms=997), False),
    ],
)
def test_an_answer_and_a_message_of_nearly_one_time(known: OrderUpdate, said: OrderUpdate, is_news: bool) -> None:
    """The answer dates a change by when it happened, the message by when it was told, which can be after the next one:
    what is further along is later."""
    book = Book()
    book.apply(known)
    assert book.apply(said) is is_news


def test_an_end_is_told_once() -> None:
    """In whatever words, and whenever: from the stream, a list, or a single answer. A late word of more is news."""
    book = Book()
    assert book.apply(order(CANCELLED, "1", 5))
    for again in (order(CANCELLED, "1", 5), order(CANCELLED, "1", 9), order(OrderStatus.EXPIRED, "1", 9)):
        assert not book.apply(again)
    assert book.apply(order(FILLED, "2", 9))


def test_a_conditional_order_fires_once() -> None:
    """What it is told to have done after that comes when it has ended."""
    book = Book()

    def conditional(status: OrderStatus, time_ms: int, filled: str = "0") -> OrderUpdate:
        return attrs.evolve(order(status, filled, time_ms), conditional=True)

    assert book.apply(conditional(OrderStatus.TRIGGERED, 5))
    assert not book.apply(conditional(OrderStatus.TRIGGERED, 9))
    assert book.apply(conditional(FILLED, 9))
    assert not book.apply(conditional(FILLED, 12))
    assert not book.apply(conditional(FILLED, 12, "3"))  # what the order was filled that it became: REST tells none


def test_a_conditional_order_names_the_order_that_it_became() -> None:
    """Binance has a word for the hit and one for the order that it made, within one millisecond: the second is news."""
    book = Book()
    hit = attrs.evolve(order(OrderStatus.TRIGGERED, "0", 5), conditional=True, native_status="TRIGGERING")
    placed = attrs.evolve(hit, native_status="TRIGGERED", linked_order_id="77")
    assert [book.apply(each) for each in (hit, placed, placed, hit)] == [True, True, False, False]


def test_an_order_that_is_told_again_does_not_push_others_out() -> None:
    book = Book(remembered=2)
    book.apply(order(FILLED, "1", 1, key="1"))
    book.apply(order(FILLED, "1", 1, key="2"))
    book.apply(order(FILLED, "2", 2, key="1"))
    book.apply(order(FILLED, "1", 1, key="3"))
    assert [book.order(key) is not None for key in "123"] == [True, False, True]


LIFE = [(PENDING, 0), (NEW, 0), (PART, 1), (PENDING_CANCEL, 1), (PART, 2), (PENDING_CANCEL, 2), (CANCELLED, 2)]


@settings(max_examples=500)
@given(
    st.integers(0, len(LIFE) - 1),
    st.lists(st.sampled_from([0, 0, 1, 100]), min_size=len(LIFE), max_size=len(LIFE)),
    st.lists(st.integers(0, 3), min_size=len(LIFE), max_size=len(LIFE)),
    st.lists(st.tuples(st.integers(0, len(LIFE) - 1), st.sampled_from([STREAM, RECOVERED])), max_size=20),
)
def test_whatever_comes_before_it_the_last_answer_stands(
    last: int, waits: list[int], delays: list[int], told: list[tuple[int, Origin]]
) -> None:
    """However close the states of an order follow each other, whichever of them messages and answers tell and in which
    order: the answer that knows the last one leaves the book with that one."""
    times = list(itertools.accumulate(waits))
    book = Book()
    for number, origin in [*told, (last, RECOVERED)]:
        status, filled = LIFE[min(number, last)]
        time_ms = times[min(number, last)] + (delays[min(number, last)] if origin is STREAM else 0)
        book.apply(order(status, str(filled), time_ms, origin=origin))
    found = book.order("1")
    assert found is not None
    assert (found.status, found.filled_quantity) == LIFE[last]


STATES = st.builds(
    order,
    st.sampled_from([status for status in OrderStatus if status is not OrderStatus.UNKNOWN]),
    st.integers(0, 3).map(str),
    st.integers(1, 5),
)


@given(st.lists(STATES, max_size=12))
def test_in_any_order_fills_never_shrink_and_final_stays_final(updates: list[OrderUpdate]) -> None:
    book = Book()
    told = [update for update in updates if book.apply(update)]
    for before, after in itertools.pairwise(told):
        assert after.filled_quantity >= before.filled_quantity
        assert after.status.is_final or not before.status.is_final
    if told:
        assert stands(book, told[-1])


@given(st.lists(STATES, min_size=1, max_size=8))
def test_the_same_updates_again_are_not_told_as_a_step_back(updates: list[OrderUpdate]) -> None:
    book = Book()
    for update in updates:
        book.apply(update)
    last = book.order("1")
    for update in updates:
        if book.apply(update):
            found = book.order("1")
            assert found is not None
            assert last is not None
            assert found.filled_quantity == last.filled_quantity
            assert rank(found.status) >= rank(last.status) or found.time_ms > last.time_ms


def test_every_status_has_a_rank_and_final_ones_the_highest() -> None:
    highest = max(rank(status) for status in OrderStatus)
    assert all((rank(status) == highest) == status.is_final for status in OrderStatus)


# --- balances and positions -------------------------------------------------------------------------------------------


def test_the_last_balance_stands() -> None:
    book = Book()
    assert book.apply(balance(5, total=Decimal(1)))
    assert not book.apply(balance(4, total=Decimal(2)))
    assert book.apply(balance(5, total=Decimal(3)))
    assert book.balances["BTC"].total == 3


def test_what_has_no_time_of_the_exchange_is_as_new_as_its_arrival() -> None:
    """Our own clock was set back in between: a balance that has just come is no old one for that."""
    book = Book()
    assert book.apply(attrs.evolve(balance(7_200, total=Decimal(1)), received_ms=7_200))
    assert book.apply(attrs.evolve(balance(3_600, total=Decimal(2)), received_ms=3_600))
    assert book.balances["BTC"].total == 2


def test_an_answer_is_the_last_word_of_its_millisecond() -> None:
    """It was asked for after everything that the stream tells of the same time."""
    book = Book()
    assert book.apply(attrs.evolve(balance(5, total=Decimal(1)), origin=RECOVERED, received_ms=9))
    assert not book.apply(attrs.evolve(balance(5, total=Decimal(2)), received_ms=9))
    assert book.apply(attrs.evolve(balance(5, total=Decimal(3)), origin=RECOVERED, received_ms=9))
    assert book.balances["BTC"].total == 3


def test_a_change_alone_is_told_and_leaves_the_amounts_alone() -> None:
    book = Book()
    book.apply(balance(5, total=Decimal(1)))
    assert book.apply(balance(4, change=Decimal(-1)))
    assert book.balances["BTC"].total == 1


def test_the_last_position_stands() -> None:
    book = Book()
    assert book.apply(position(5, 10))
    assert not book.apply(position(4, 20))
    assert book.apply(position(6, 0))
    assert book.positions["BTC-PERPETUAL"].quantity == 0


def test_an_order_whose_end_nobody_knows_is_open_no_more() -> None:
    """The gap that says so takes it out; if that was never told, it is back."""
    book, told = Book(), Book()
    for each in (book, told):
        assert each.apply(order(NEW))
    gap = Gap(id="g", time_ms=20, since_ms=10, until_ms=20, what="its end", why="unknown", key="1", **ABOUT)
    assert book.apply(gap)
    assert book.orders == {}
    book.put_back(gap, told)
    assert list(book.orders) == ["1"]


def back(event: Any, other: Any) -> bool:
    """Whether ``event`` is back after ``other``."""
    book = Book()
    assert not book.is_back(event)
    assert book.apply(event)
    assert not book.is_back(attrs.evolve(event, id="another", raw="another", received_ms=7, origin=Origin.RECOVERED))
    assert book.apply(other)
    return book.is_back(event)


@pytest.mark.parametrize(
    ("event", "other"),
    [
        (balance(5, total=Decimal(1)), balance(5, total=Decimal(2))),
        (balance(5, free=Decimal(1), locked=Decimal(0)), balance(5, free=Decimal(1), locked=Decimal(1))),
        (position(5, 1), position(5, 2)),
        (position(5, 0), position(5, 2)),
        (order(NEW, price=Decimal(1)), order(NEW, price=Decimal(2))),
        (order(PART, "1", quantity=Decimal(3)), order(PART, "1", quantity=Decimal(2))),
    ],
)
def test_a_state_is_back_when_it_was_another_within_its_millisecond(event: Any, other: Any) -> None:
    """Not later: what is of an earlier millisecond than that which stands is old."""
    assert back(event, other)
    assert not back(event, attrs.evolve(other, time_ms=event.time_ms + 1))


@pytest.mark.parametrize(
    ("event", "other"),
    [
        (order(NEW), order(PART, "1")),
        (order(NEW, price=Decimal(1)), order(PART, "1", price=Decimal(2))),
        (order(NEW, price=Decimal(1)), order(FILLED, "1", price=Decimal(2))),
        (order(NEW), order(NEW, price=Decimal(2))),  # it does not say which price
        (balance(5, change=Decimal(1)), balance(5, total=Decimal(2))),
        (balance(5, total=Decimal(1)), balance(5, total=Decimal(1), free=Decimal(1))),
        (balance(5, total=Decimal(1)), position(5, 1)),
        (position(5, 0), attrs.evolve(position(5, 0), entry_price=Decimal(1))),
        (Live(id="l", time_ms=5, **ABOUT), balance(5, total=Decimal(1))),
    ],
)
def test_what_goes_on_or_says_too_little_is_not_back(event: Any, other: Any) -> None:
    """An order's status and fills do not go back, two changes are two, and a flat position has no price."""
    assert not back(event, other)


def test_everything_else_is_news() -> None:
    book = Book()
    fill = Fill(
        id="f",
        time_ms=1,
        market=Market.SPOT,
        symbol="A",
        order_id="1",
        trade_id="1",
        side=Side.BUY,
        quantity=Decimal(1),
        price=None,
        **ABOUT,
    )
    assert book.apply(fill)
    assert book.apply(fill)
    assert book.apply(Live(id="l", time_ms=1, **ABOUT))
    assert (book.orders, book.balances, book.positions) == ({}, {}, {})


@pytest.mark.parametrize(
    ("end", "filled"), [(order(CANCELLED, "0", 9), "0.4"), (order(FILLED, "0", 9), "1"), (order(FILLED, "0", 5), "1")]
)
def test_an_end_without_its_fills_is_an_end(end: OrderUpdate, filled: str) -> None:
    """The sum is what is known already, all of the order where it was filled."""
    book = Book()
    book.apply(order(PART, "0.4", 5))
    end = attrs.evolve(end, quantity=Decimal(1))
    assert not book.apply(end)
    completed = book.completed(end)
    assert completed == attrs.evolve(end, filled_quantity=Decimal(filled), filled_quote=None)
    assert completed is not None
    assert book.apply(completed)
    assert book.orders == {}


@pytest.mark.parametrize(
    "event",
    [
        order(CANCELLED, "0", 4),
        order(CANCELLED, "0.4", 9),
        order(PART, "0", 9),
        order(CANCELLED, "0", 9, key="another"),
        order(CANCELLED, "0", 9, conditional=True),
    ],
)
def test_what_is_late_is_not_completed(event: OrderUpdate) -> None:
    """An older end, one that has its fills, what is no end, and what nobody knows."""
    book = Book()
    book.apply(order(PART, "0.4", 5))
    assert book.completed(event) is None
