"""A look is asked stage by stage, and keeps what each has brought."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from jexkit.core import look as look_module
from jexkit.core.dialect import Places, Traces
from jexkit.core.look import AT_ONCE, FEW_ORDERS, MOST_ORDERS, OVERLAP_MS, Known, Look
from jexkit.core.values import Flow
from jexkit.errors import AuthenticationError, BadRequest, JexkitError, TransportError
from jexkit.events import OrderUpdate
from tests.core.truth import CANCELLED, NEW, Exchange, order, recovered


def ask(look: Look) -> None:
    """One stage."""
    assert look.stage is not None
    try:
        next(look.stage())
    except StopIteration as end:
        look.answered(end.value)
    except JexkitError as error:
        look.refused(error)


def whole(look: Look) -> Look:
    while look.stage is not None:
        ask(look)
    return look


def refuse(error: JexkitError) -> Any:
    def flow(*args: Any, **named: Any) -> Flow[Any]:
        del args, named
        yield from ()
        raise error

    return flow


def gone(exchange: Exchange, number: int) -> dict[str, OrderUpdate]:
    """So many orders that were told of as open, and have been cancelled since."""
    keys = [f"o{count}" for count in range(number)]
    known = {key: order(key, NEW, 0, exchange.now.time_ms) for key in keys}
    ended = {key: order(key, CANCELLED, 0, exchange.now.time_ms + 1) for key in keys}
    exchange.history.append(attrs.evolve(exchange.now, time_ms=exchange.now.time_ms + 1, orders=ended))
    return known


def test_the_first_look_reads_no_lists() -> None:
    """Nothing was missed before it: the exchange's time, open orders, balances and positions."""
    exchange = Exchange()
    exchange.happen("place", "a")
    exchange.happen("fill", "a")
    picture = whole(Look(exchange, Known())).picture
    assert [found.key for found in picture.orders] == ["a"]
    assert (picture.clock_ms, picture.balances, len(picture.positions or ())) == (
        exchange.now.time_ms,
        [recovered(exchange.now.balance)],
        1,
    )
    assert (exchange.asked, picture.fills) == ([], [])


def test_each_list_is_read_from_where_an_earlier_look_left_it() -> None:
    """And first those to which it did not come: the next fault may cut this one short as soon."""
    exchange = Exchange()
    for key in "abc":
        exchange.happen("place", key)
        exchange.happen("fill", key)
    look = whole(Look(exchange, Known(since_ms=1_000, read={"a": 5_000, "b": 3_000})))
    assert exchange.asked == [("c", 1_000 - OVERLAP_MS), ("b", 3_000 - OVERLAP_MS), ("a", 5_000 - OVERLAP_MS)]
    assert look.picture.read == dict.fromkeys("abc", exchange.now.time_ms)


def test_a_long_time_is_read_in_spans_that_grow_where_little_happened(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each span that was read is done with; the last one has no end, for things go on meanwhile."""
    exchange = Exchange()
    exchange.span_ms = 1_000
    monkeypatch.setattr(look_module, "LEAST_SPAN_MS", 10)
    monkeypatch.setattr(look_module, "MANY", 3)
    begin_ms = exchange.now.time_ms
    exchange.history.append(attrs.evolve(exchange.now, time_ms=begin_ms + 20_000))
    asked: list[tuple[int, int | None]] = []

    def changes(since_ms: int, place: str, until_ms: int | None) -> Flow[Any]:
        del place
        asked.append((since_ms - begin_ms, None if until_ms is None else until_ms - begin_ms))
        yield from ()
        return [order(f"x{len(asked)}{number}", CANCELLED, 0, since_ms) for number in range(4 if busy() else 0)], []

    def busy() -> bool:
        return 3_000 <= asked[-1][0] < 8_000

    def places(traces: Traces) -> Flow[Places]:
        del traces
        yield from ()
        return Places(("",))

    exchange.places, exchange.changes = places, changes  # type: ignore[method-assign]
    look = Look(exchange, Known(since_ms=begin_ms + OVERLAP_MS))
    marks: list[int] = []
    while look.stage is not None:
        ask(look)
        if look.picture.read and (not marks or marks[-1] != look.picture.read[""]):
            marks.append(look.picture.read[""])
    assert asked == [(0, 1_000), (1_000, 3_000), (3_000, 7_000), (7_000, 9_000), (9_000, 10_000), (10_000, 12_000),
                     (12_000, 16_000), (16_000, None)]  # fmt: skip
    assert [mark - begin_ms for mark in marks] == [1_000, 3_000, 7_000, 9_000, 10_000, 12_000, 16_000, 20_000]


def test_what_was_read_is_there_before_the_look_is_whole() -> None:
    """Cut short after the first list: its fills, how far it was read, and the order that is still to be asked for."""
    exchange = Exchange()
    for key in "bd":  # neither list tells of ended orders, nor are they open
        for what in ("place", "fill", "cancel"):
            exchange.happen(what, key)
    look = Look(exchange, Known(since_ms=0))
    assert not look.has_begun
    while "b" not in look.picture.read:
        ask(look)
    assert look.has_begun
    assert look.stage is not None
    assert [fill.order_id for fill in look.picture.fills] == ["b"]
    assert set(look.picture.read) == {"b"}
    assert [fill.order_id for fill in look.picture.unasked] == ["b"]


def test_many_orders_are_asked_for_in_a_list_and_the_rest_singly() -> None:
    """The list of this exchange leaves one out."""
    exchange = Exchange()
    known = gone(exchange, 9)
    asked: list[str] = []
    single = exchange.order

    def count(order_id: str, **named: Any) -> Flow[OrderUpdate]:
        asked.append(order_id)
        return single(order_id, **named)

    exchange.order = count  # type: ignore[method-assign]
    picture = whole(Look(exchange, Known(open_orders=known))).picture
    assert {found.key: found.status for found in picture.orders} == dict.fromkeys(known, CANCELLED)
    assert asked == ["o0"]
    assert picture.unsure == []


def test_a_list_that_trails_is_not_believed() -> None:
    """It has an order open that is listed as open no more: the order is asked for."""
    exchange = Exchange()
    known = gone(exchange, 1)

    def trailing(*asked: Any) -> Flow[Any]:
        del asked
        yield from ()
        return list(known.values()), []

    def places(traces: Traces) -> Flow[Places]:
        del traces
        yield from ()
        return Places(("",))

    exchange.places, exchange.changes = places, trailing  # type: ignore[method-assign]
    picture = whole(Look(exchange, Known(open_orders=known, since_ms=0))).picture
    assert [found.status for found in picture.orders] == [NEW, CANCELLED]


def test_a_list_that_is_refused_leaves_all_of_them_to_be_asked_singly() -> None:
    exchange = Exchange()
    known = gone(exchange, 9)
    exchange.orders = refuse(BadRequest("no such path"))  # type: ignore[method-assign]
    picture = whole(Look(exchange, Known(open_orders=known))).picture
    assert {found.key for found in picture.orders} == set(known)
    assert [what for what, _ in picture.unread] == ["lists of orders"]


def test_single_orders_are_asked_for_a_few_in_a_stage() -> None:
    """A look that is cut short among hundreds of them keeps those it has."""
    exchange = Exchange()
    known = gone(exchange, 3 * AT_ONCE)
    exchange.orders = refuse(BadRequest("no such path"))  # type: ignore[method-assign]
    look = Look(exchange, Known(open_orders=known))
    while len(look.picture.orders) < 2 * AT_ONCE:
        ask(look)
    assert len(look.picture.orders) == 2 * AT_ONCE


def test_orders_that_are_too_many_stay_unsure() -> None:
    """There is a bound on the single orders of one look; the others are named."""
    exchange = Exchange()
    known = gone(exchange, MOST_ORDERS + 7)
    exchange.orders = refuse(BadRequest("no such path"))  # type: ignore[method-assign]
    picture = whole(Look(exchange, Known(open_orders=known))).picture
    assert len(picture.orders) == MOST_ORDERS
    assert len(picture.unsure) == 7


def test_orders_that_cannot_be_asked_for_stay_unsure() -> None:
    """What no retry can mend is said, and no order is taken to have ended for it."""
    exchange = Exchange()
    known = gone(exchange, 2)
    exchange.order = refuse(BadRequest("no such path"))  # type: ignore[method-assign]
    picture = whole(Look(exchange, Known(open_orders=known))).picture
    assert sorted(picture.unsure) == sorted(known)
    assert [what for what, _ in picture.unread] == ["single orders"]


def test_of_the_orders_that_came_and_went_few_are_asked_for_at_first() -> None:
    """Those that there is no room for, and those that the exchange does not know, are left for later looks."""
    exchange = Exchange()
    keys = [f"b{number:02}" for number in range(FEW_ORDERS + 5)]
    for key in keys:
        for what in ("place", "fill", "cancel"):
            exchange.happen(what, key)
    orders = {key: each for key, each in exchange.now.orders.items() if key != keys[3]}
    exchange.history.append(attrs.evolve(exchange.now, orders=orders))
    picture = whole(Look(exchange, Known(since_ms=0))).picture
    assert [found.key for found in picture.orders] == [key for key in keys[:FEW_ORDERS] if key != keys[3]]
    assert [fill.order_id for fill in picture.unasked] == [keys[3], *keys[FEW_ORDERS:]]
    later = Known(since_ms=exchange.now.time_ms + OVERLAP_MS + 1, strangers=MOST_ORDERS, unasked=picture.unasked)
    picture = whole(Look(exchange, later)).picture
    assert [found.key for found in picture.orders] == keys[FEW_ORDERS:]
    assert [fill.order_id for fill in picture.unasked] == [keys[3]]


def test_of_which_orders_was_told_is_asked_when_a_fill_needs_it() -> None:
    """Thousands are remembered, and to go through them takes milliseconds for which the stream stands still."""
    exchange, looks = Exchange(), 0

    def told() -> frozenset[tuple[str, str]]:
        nonlocal looks
        looks += 1
        return frozenset((fill.symbol, fill.order_id) for fill in exchange.now.fills if fill.order_id == "b1")

    exchange.happen("place", "z")
    whole(Look(exchange, Known(told=told, since_ms=0)))
    assert looks == 0
    for what in ("place", "fill", "cancel"):
        for key in ("b1", "b2"):
            exchange.happen(what, key)
    picture = whole(Look(exchange, Known(told=told, since_ms=0))).picture
    assert [found.key for found in picture.orders] == ["z", "b2"]
    assert looks == 1


def test_a_list_that_is_refused_costs_no_other() -> None:
    exchange = Exchange()
    for key in "ab":
        exchange.happen("place", key)
        exchange.happen("fill", key)
    changes = exchange.changes

    def only_b(since_ms: int, place: str, until_ms: int | None) -> Flow[Any]:
        return changes(since_ms, place, until_ms) if place == "b" else refuse(BadRequest("not this one"))()

    exchange.changes = only_b  # type: ignore[method-assign]
    picture = whole(Look(exchange, Known(since_ms=0))).picture
    assert [fill.order_id for fill in picture.fills] == ["b"]
    assert picture.unread == [("orders and fills: a", "not this one")]


def test_what_cannot_be_found_in_any_list_is_said() -> None:
    exchange = Exchange()

    def places(traces: Traces) -> Flow[Places]:
        del traces
        yield from ()
        return Places((), [("something", "for a reason")])

    exchange.places = places  # type: ignore[method-assign]
    assert whole(Look(exchange, Known(since_ms=0))).picture.unread == [("something", "for a reason")]


def test_lists_are_chosen_by_what_shows_where_something_happened() -> None:
    """Orders that were open and are, balances as told and as they are, positions, and symbols."""
    exchange = Exchange()
    exchange.happen("place", "a")
    exchange.happen("fill", "a")
    seen: list[Traces] = []

    def places(traces: Traces) -> Flow[Places]:
        seen.append(traces)
        yield from ()
        return Places(())

    exchange.places = places  # type: ignore[method-assign]
    held = {"B": exchange.history[0].balance}
    before = order("z", NEW, 0, 1)
    whole(Look(exchange, Known(open_orders={"z": before}, symbols=("X",), balances=held, since_ms=OVERLAP_MS)))
    (traces,) = seen
    assert [each.key for each in traces.orders] == ["z", "a"]
    assert (traces.since_ms, traces.symbols, traces.held) == (0, ("X",), held)
    assert [balance.total for balance in traces.balances] == [exchange.now.balance.total]
    assert [position.quantity for position in traces.positions] == [exchange.now.position.quantity]


@pytest.mark.parametrize("error", [AuthenticationError("the key was revoked"), TransportError("gone")])
def test_what_ends_a_look_is_raised(error: JexkitError) -> None:
    """A wrong key says nothing of one part alone; what may be asked again is not to be told as refused."""
    exchange = Exchange()
    exchange.balances = refuse(error)  # type: ignore[method-assign]
    look = Look(exchange, Known())
    ask(look)
    ask(look)
    with pytest.raises(type(error)):
        ask(look)


def test_a_look_without_the_exchanges_time_is_none() -> None:
    exchange = Exchange()
    exchange.clock = refuse(BadRequest("no such path"))  # type: ignore[method-assign]
    with pytest.raises(BadRequest):
        ask(Look(exchange, Known()))


def test_a_look_at_what_is_in_doubt_asks_for_nothing_else() -> None:
    """Those orders one by one, balances and positions; no list."""
    exchange = Exchange()
    for key in "abc":
        exchange.happen("place", key)
    exchange.happen("fill", "a")
    doubted = {key: exchange.now.orders[key] for key in "ab"}
    doubted["z"] = order("z", NEW, 0, 1)
    picture = whole(Look(exchange, Known(doubted, in_doubt=True, since_ms=1))).picture
    assert [found.key for found in picture.orders] == ["a", "b"]
    assert picture.balances == [recovered(exchange.now.balance)]
    assert picture.positions == [recovered(exchange.now.position)]
    assert (exchange.asked, picture.fills, picture.unsure) == ([], [], [])


def test_a_look_at_what_is_in_doubt_says_what_it_may_not_read() -> None:
    exchange = Exchange()
    exchange.balances = refuse(BadRequest("not allowed", code=1))  # type: ignore[method-assign]
    picture = whole(Look(exchange, Known(in_doubt=True))).picture
    assert (picture.balances, picture.positions) == (None, [])
    assert [what for what, _ in picture.unread] == ["balances"]
