"""Once, and in order."""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from jexkit.core.ordering import LISTED, Ids, Oldest, Rank, Repeats, Window
from jexkit.events import Event, Fill, Live, Market, Side


def event(time_ms: int, identity: str = "") -> Event:
    return Live(exchange="x", account="main", id=identity or f"at {time_ms}", time_ms=time_ms, received_ms=1)


def at(time_ms: int, first: int = 0, second: str = "0", identity: str = "") -> tuple[Event, Rank]:
    return event(time_ms, identity), (first, Decimal(second))


FILL = Fill(
    exchange="x", account="main", id="fill:1", time_ms=1, received_ms=1, market=Market.SPOT, symbol="BTC_USDT",
    order_id="1", trade_id="1", side=Side.BUY, quantity=Decimal(1), price=Decimal(1),
)  # fmt: skip


# --- repeats ----------------------------------------------------------------------------------------------------------


def test_an_event_is_new_once() -> None:
    repeats = Repeats()
    assert repeats.is_new(event(1, "a"))
    assert not repeats.is_new(event(1, "a"))
    assert not repeats.is_new(event(2, "a"))  # the id tells, nothing else
    assert repeats.is_new(event(1, "b"))


def test_who_puts_ids_there_himself_tidies_up_afterwards() -> None:
    repeats = Repeats(limit=2, of_others=1)
    for identity in "abc":
        repeats.fills[identity] = repeats.others[identity] = None
    repeats.tidy_up()
    assert ([*repeats.fills], [*repeats.others]) == (["b", "c"], ["c"])


def test_the_oldest_is_forgotten_and_new_again() -> None:
    repeats = Repeats(of_others=2)
    for identity in "abc":
        assert repeats.is_new(event(1, identity))
    assert not repeats.is_new(event(1, "b"))
    assert not repeats.is_new(event(1, "c"))
    assert repeats.is_new(event(1, "a"))


def test_no_number_of_other_events_makes_a_fill_new_again() -> None:
    """Nothing but its id says that it was told; in a copy of what is remembered, too, until it is forgotten there."""
    repeats = Repeats(of_others=4)
    assert repeats.is_new(FILL)
    for number in range(100):
        assert repeats.is_new(event(1, str(number)))
    copy = repeats.copy()
    assert not copy.is_new(FILL)
    copy.forget(FILL)
    assert copy.is_new(FILL)
    assert not repeats.is_new(FILL)
    assert (copy.fills.limit, copy.others.limit) == (65_536, 4)


@given(st.lists(st.sampled_from("abcdef")), st.integers(1, 8))
def test_memory_is_bounded_and_within_it_nothing_is_new_twice(identities: list[str], limit: int) -> None:
    repeats = Repeats(of_others=limit)
    kept: list[str] = []
    for identity in identities:
        assert repeats.is_new(event(1, identity)) == (identity not in kept)
        kept = [*kept, identity][-limit:] if identity not in kept else kept


def test_an_id_that_was_taken_back_is_as_young_as_its_return() -> None:
    ids = Ids("abcd", limit=3)
    ids.tidy_up()
    ids.forget("b")
    for identity in "bef":
        ids[identity] = None
        ids.tidy_up()
    assert [*ids] == ["b", "e", "f"]


def test_the_oldest_are_looked_for_once_for_many() -> None:
    """The first key of a dictionary is behind the places of all that were taken out before it."""
    looks = 0

    class Watched(dict[str, None]):
        def __iter__(self) -> Iterator[str]:
            nonlocal looks
            looks += 1
            return super().__iter__()

    known, oldest = Watched(), Oldest(1_000)
    for number in range(5_000):
        known[str(number)] = None
        oldest.forget(known)
    assert list(known) == [str(number) for number in range(4_000, 5_000)]
    assert looks - 1 == math.ceil(4_000 / LISTED)


# --- window -----------------------------------------------------------------------------------------------------------


def test_an_event_waits_and_then_leaves() -> None:
    window = Window(0.25)
    assert window.due is None
    window.put([at(5)], monotonic=10.0)
    assert window.due == 10.25
    assert window.take(10.2) == []
    assert window.take(10.25) == [event(5)]
    assert window.due is None


def test_those_that_overtook_each_other_leave_by_the_exchanges_time() -> None:
    window = Window(0.25)
    window.put([at(7)], 10.0)
    window.put([at(5)], 10.1)
    window.put([at(6)], 10.2)
    # The wait of 7 is over; 5 and 6 come before it and go with it.
    assert [found.time_ms for found in window.take(10.25)] == [5, 6, 7]


def test_an_event_of_a_later_time_goes_on_waiting() -> None:
    window = Window(0.25)
    window.put([at(5)], 10.0)
    window.put([at(6)], 10.1)
    assert [found.time_ms for found in window.take(10.25)] == [5]
    assert window.due == 10.35


def test_of_equal_time_the_rank_decides_and_then_the_arrival() -> None:
    window = Window(0.0)
    window.put([at(5, 2, "0", "c"), at(5, 1, "2.5", "b"), at(5, 1, "2", "a"), at(5, 2, "0", "d")], 1.0)
    assert [found.id for found in window.take(1.0)] == ["a", "b", "c", "d"]


def test_one_that_is_too_late_is_let_through() -> None:
    window = Window(0.25)
    window.put([at(7)], 10.0)
    assert [found.time_ms for found in window.take(11.0)] == [7]
    window.put([at(5)], 11.0)
    assert [found.time_ms for found in window.take(11.25)] == [5]


def test_a_full_window_lets_the_first_go_before_their_time() -> None:
    window = Window(60.0, limit=2)
    window.put([at(time_ms) for time_ms in (4, 3, 2, 1)], 1.0)
    assert [found.time_ms for found in window.take(1.0)] == [1, 2]


def test_clear_gives_out_everything_in_order() -> None:
    window = Window(60.0)
    window.put([at(7), at(5), at(6)], 1.0)
    assert [found.time_ms for found in window.clear()] == [5, 6, 7]
    assert window.clear() == []
    assert window.due is None


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 9)), max_size=30))
def test_nothing_is_lost_and_nothing_leaves_before_an_earlier_one_that_waits(arrivals: list[tuple[int, int]]) -> None:
    window = Window(2.0)
    released: list[Event] = []
    put: list[str] = []
    for number, (monotonic, time_ms) in enumerate(sorted(arrivals)):
        released += window.take(float(monotonic))
        window.put([at(time_ms, identity=str(number))], float(monotonic))
        put.append(str(number))
    rest = window.take(1000.0)
    assert [found.time_ms for found in rest] == sorted(found.time_ms for found in rest)
    assert sorted(found.id for found in [*released, *rest]) == sorted(put)
