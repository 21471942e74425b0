"""What a stream knows can be kept and given to the next start, which is then one more time away."""

from __future__ import annotations

import json
from typing import Any

import attrs
import pytest

from jexkit.core.lifecycle import State
from jexkit.core.memory import MOST_SYMBOLS, Marks, Memory, scoped_symbol
from jexkit.core.recovering import SECOND_LOOK_AFTER, SETTLE
from jexkit.core.rotation import RotatingMachine, Schedule
from jexkit.errors import ConfigurationError
from jexkit.events import Event, Fill, Gap, Live, OrderUpdate, Origin, Suspended
from jexkit.testing.clock import ManualClock
from jexkit.testing.driver import Driver
from tests.core.truth import CANCELLED, NEW, PART, Exchange, Toy, answer, balance, order, position, settle

ORDER = order("a", NEW, 0, 1)


def started(exchange: Exchange, remembering: Any = None) -> Driver:
    """A stream that is subscribed, and about to find out what was missed."""
    machine: Any = RotatingMachine(lambda: Toy(exchange), Schedule(), lambda: 0.5, remembering)
    driver = Driver(machine, ManualClock())
    driver.start()
    driver.open()
    return driver


def written(memory: Memory) -> Any:
    """What is kept of it, in plain types."""
    return json.loads(memory.pack())


def full() -> Memory:
    memory = Memory(marks=Marks(since_ms=9, not_before_ms=3))
    for event in (ORDER, order("b", PART, 1, 2), order("c", CANCELLED, 1, 3), balance(5, 4), position(2, 5)):
        assert memory.take(attrs.evolve(event, raw="{}"))
    exchange = Exchange()
    exchange.happen("place", "a")
    memory.marks.unasked = tuple(event for event in exchange.happen("fill", "a") if isinstance(event, Fill))
    assert memory.repeats.is_new(memory.marks.unasked[0])
    return memory


EMPTY, END = written(Memory()), written(full())["closed"]["c"]


def test_the_memory_comes_back_from_json() -> None:
    """All of it, the identities too."""
    before = full()
    after = Memory.unpack(before.pack())
    assert after.book.orders == before.book.orders
    assert after.book.balances == before.book.balances
    assert after.book.positions == before.book.positions
    assert after.book.closed == before.book.closed
    assert [*after.repeats.fills] == [*before.repeats.fills] == [before.marks.unasked[0].id]
    assert [*after.repeats.others] == [*before.repeats.others]
    assert len(after.repeats.others) == 5
    assert after.marks == before.marks
    assert len(after.marks.unasked) == 1
    assert written(after) == written(before)


def test_what_was_told_later_can_be_taken_in() -> None:
    """Whoever kept the events since the memory was written brings it up to date with them, whatever comes twice."""
    before = Memory(marks=Marks(since_ms=1))
    assert before.take(ORDER)
    after = Memory.unpack(before.pack())
    part = order("a", PART, 1, 7)
    assert [after.take(event) for event in (ORDER, part, part)] == [False, True, False]
    assert after.book.orders == {"a": part}
    assert after.marks.since_ms == 1  # what else happened until then is not known


@pytest.mark.parametrize(
    "value",
    [
        {},
        None,
        [],
        {"format": 99},
        {**EMPTY, "format": 1},
        {**EMPTY, "orders": [balance(1, 1).to_dict()]},
        {**EMPTY, "orders": [{"type": "OrderUpdate"}]},
        {**EMPTY, "closed": 5},
        {**EMPTY, "closed": {"a": {"symbol": "X"}}},
        {**EMPTY, "closed": {"a": {**END, "filled_quantity": "much"}}},
        {**EMPTY, "closed": {"a": {**END, "status": "yonder"}}},
        {**EMPTY, "since_ms": "yesterday"},
        {**EMPTY, "fills": None},
        {**EMPTY, "fills": [1]},
    ],
)
def test_what_is_no_memory_is_refused_in_words(value: Any) -> None:
    with pytest.raises(ConfigurationError, match="start without it"):
        Memory.unpack(json.dumps(value))


def test_the_symbols_of_orders_carry_their_family() -> None:
    """An exchange that lists by symbol is asked with the family that the order's key begins with."""
    assert scoped_symbol(attrs.evolve(ORDER, key="UM:X:1")) == "UM:X"
    assert scoped_symbol(ORDER) == "X"


def test_symbols_are_bounded() -> None:
    """The oldest are forgotten first."""
    marks = Marks()
    for number in range(MOST_SYMBOLS + 5):
        marks.note(attrs.evolve(ORDER, symbol=f"S{number}"))
    assert len(marks.symbols) == MOST_SYMBOLS
    assert next(iter(marks.symbols)) == "S5"


# --- a start with a memory --------------------------------------------------------------------------------------------


def test_a_restart_is_one_more_time_away() -> None:
    """What happened between two processes comes as RECOVERED before Live; what the first one told is not repeated."""
    exchange = Exchange()
    first = started(exchange)
    answer(first, exchange, -1)
    for number, what in enumerate(("place", "fill"), 1):
        exchange.happen(what, "a")
        first.text(str(number))
    assert len(first.told(Fill)) == 1
    machine: Any = first.machine
    kept = machine.memory.pack()
    first.stop()
    exchange.happen("fill", "a")
    exchange.happen("place", "b")

    second = started(exchange, kept)
    answer(second, exchange, -1)
    kinds = [type(event) for event in second.events]
    assert kinds.index(Live) == len(kinds) - 1
    assert [fill.trade_id for fill in second.told(Fill)] == ["1"]
    assert [update.key for update in second.told(OrderUpdate)] == ["a", "b"]
    assert {event.origin for event in second.events[:-2]} == {Origin.RECOVERED}
    assert [gap.what for gap in second.told(Gap)] == ["notices"]
    assert not second.told(Suspended)
    settle(second, exchange)
    assert len(second.told(Fill)) == 1


def test_an_order_that_ended_between_two_processes_is_told_to_have() -> None:
    exchange = Exchange()
    first = started(exchange)
    answer(first, exchange, -1)
    exchange.happen("place", "a")
    first.text("1")
    machine: Any = first.machine
    kept = machine.memory.pack()
    exchange.happen("cancel", "a")
    second = started(exchange, kept)
    answer(second, exchange, -1)
    assert [update.status for update in second.told(OrderUpdate)] == [CANCELLED]
    assert not second.machine.book.orders


def test_a_start_with_a_memory_waits_for_the_answers_like_a_reconnection() -> None:
    """Something may have been missed: Live comes not before the answer, or the whole patience of a reconnection."""
    exchange = Exchange()
    second = started(exchange, Memory(marks=Marks(since_ms=1)).pack())
    assert second.state() is State.CONNECTING
    second.advance(29)
    assert second.state() is State.CONNECTING
    second.advance(2)
    assert second.state() is State.LIVE
    assert [gap.since_ms for gap in second.told(Gap)] == [1]


def test_both_connections_of_a_rotation_share_the_memory() -> None:
    """The heir of a stream that began with a memory knows what it knows."""
    exchange = Exchange()
    first = started(exchange)
    answer(first, exchange, -1)
    exchange.happen("place", "a")
    first.text("1")
    machine: Any = first.machine
    second: Any = RotatingMachine(
        lambda: Toy(exchange), Schedule(lifetime=100_000.0), lambda: 0.5, machine.memory.pack()
    )
    driver = Driver(second, ManualClock())
    driver.start()
    driver.open()
    answer(driver, exchange, -1)
    driver.advance(SECOND_LOOK_AFTER)
    answer(driver, exchange, -1)
    driver.advance(SETTLE)
    driver.forget()
    driver.advance(99_000)
    driver.open()
    driver.advance(60)
    driver.text("1")
    events: list[Event] = driver.told(OrderUpdate)
    assert events == []
    assert second.memory.book.orders.keys() == {"a"}


def test_a_copy_stays_as_it_is() -> None:
    """Whatever is told afterwards; and the copy tells the original nothing."""
    exchange = Exchange()
    driver = started(exchange)
    answer(driver, exchange, -1)
    exchange.happen("place", "a")
    driver.text("1")
    machine: Any = driver.machine
    copy, written_then = machine.memory.copy(), written(machine.memory)
    exchange.happen("place", "b")
    driver.text("2")
    assert written(machine.memory) != written_then
    assert written(copy) == written_then
    copy.book.orders.clear()
    copy.marks.symbols.clear()
    copy.marks.read.clear()
    assert machine.memory.book.orders.keys() == {"a", "b"}


def test_what_was_never_told_is_taken_back() -> None:
    """The state is as it was told, the identities are free again, and the marks reach no further than what was told."""
    memory, told = full(), full().book
    later = (
        order("a", PART, 1, 10),
        order("b", CANCELLED, 1, 11),
        order("new", NEW, 0, 12),
        balance(7, 13),
        position(0, 14),
    )
    before = written(memory)
    memory.marks.since_ms = 14
    for event in later:
        assert memory.take(event)
    memory.take_back(later, told)
    assert memory.marks.since_ms == 10
    memory.marks.since_ms = before["since_ms"]
    after = written(memory)
    assert after.pop("closed") == before.pop("closed")
    assert {each["key"]: each for each in after.pop("orders")} == {each["key"]: each for each in before.pop("orders")}
    assert {**after, "symbols": []} == {**before, "symbols": []}
    assert memory.take(later[0])


def test_taking_back_nothing_changes_nothing() -> None:
    memory = full()
    before = written(memory)
    memory.take_back((), memory.book)
    assert written(memory) == before
