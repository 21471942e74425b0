"""What a session machine tells of what comes, on a toy exchange."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import attrs
import pytest

from jexkit.core.memory import Memory
from jexkit.core.ordering import Repeats
from jexkit.core.values import Drop, Emit, Output
from jexkit.events import BalanceUpdate, Event, Fill, Market, Origin, Side, Suspended, Unknown
from jexkit.testing.driver import Driver
from tests.core.toy import Toy, balance, live_toy, toy


@pytest.fixture
def live() -> Driver:
    return live_toy()


def texts(live: Driver, *frames: bytes) -> Iterator[Output]:
    return live.machine.texts(live.machine.link, frames, live.clock.now())


def times(output: Output) -> list[int]:
    assert isinstance(output, Emit)
    return [event.time_ms for event in output.events]


def test_messages_that_come_together_are_taken_in_one_by_one(live: Driver) -> None:
    """The last one before the connection is left is the last one that counts."""
    machine, now = live.machine, live.clock.now()
    before = machine.counters["messages"]
    together = [type(output) for output in machine.texts(machine.link, [b"1", b"2", b"go away", b"3"], now)]
    assert together == [Emit, Emit, Emit, Drop]
    assert machine.counters["messages"] - before == 3
    assert list(machine.texts(machine.link, [b"4"], now)) == []


def test_news_that_came_together_are_told_together(live: Driver) -> None:
    """Repeats and old states are kept out as they are of messages that come alone, and each message is counted."""
    before = live.machine.counters["messages"]
    (told,) = texts(live, b"+5", b"+3", b"+7", b"+7", b"+9")
    assert times(told) == [5, 7, 9]
    assert (live.machine.counters["stale"], live.machine.counters["repeats"]) == (1, 1)
    assert live.machine.counters["messages"] - before == 5


def test_what_else_comes_waits_until_what_came_before_it_is_told(live: Driver) -> None:
    """Also a frame that is no text at all; nothing that came behind the end of the connection is told."""
    outputs = list(texts(live, b"+1", b"+2", b"\xff", b"+3", b"4", b"+5", b"go away", b"+6"))
    kinds = [type(output).__name__ for output in outputs]
    assert kinds == ["Emit", "Emit", "Emit", "Emit", "Emit", "Emit", "Drop"]
    assert [times(output) for output in (outputs[0], *outputs[2:5])] == [[1, 2], [3], [4], [5]]
    (unknown,) = outputs[1].events  # type: ignore[union-attr]
    assert isinstance(unknown, Unknown)
    assert live.machine.book.balances["BTC"].time_ms == 5


def test_news_between_rubbish_start_the_count_anew(live: Driver) -> None:
    """Twenty in a row end the connection, in one read of the socket as in twenty."""
    outputs = list(texts(live, *[b"!"] * 19, b"+1", *[b"!"] * 19))
    assert Drop not in map(type, outputs)
    assert Drop in map(type, texts(live, b"!"))


def test_messages_are_read_one_by_one_before_the_stream_is_live() -> None:
    """Any of them can be one too many to hold."""
    driver = toy()
    driver.start()
    driver.reply("ws://toy")
    driver.open()
    assert [times(output) for output in texts(driver, b"+1", b"+2")] == [[1], [2]]


def test_a_fault_in_reading_does_not_undo_what_was_read_before(live: Driver) -> None:
    """``+x`` is no number. What came before it is told, and what came behind it is of a connection that is left."""
    outputs = texts(live, b"+1", b"+x", b"+2")
    assert times(next(outputs)) == [1]
    with pytest.raises(ValueError, match="invalid literal"):
        next(outputs)
    assert live.machine.counters["messages"] == 3  # the first one was "welcome"


def test_a_fault_in_deciding_does_not_undo_what_was_decided_before(
    live: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are taken for told from then on, so they have to be."""
    apply = live.machine.book.apply
    monkeypatch.setattr(live.machine.book, "apply", lambda event: apply(event) if event.time_ms < 3 else [][1])
    with pytest.raises(IndexError):
        list(texts(live, b"+1", b"+2", b"+3"))
    told, suspended, _ = live.machine.faulted("a fault", live.clock.now())
    assert times(told) == [1, 2]
    assert isinstance(suspended.events[0], Suspended)  # type: ignore[union-attr]


def test_what_is_older_is_counted_and_kept_out(live: Driver) -> None:
    """A balance never goes back in time."""
    for time_ms in (5, 3, 7, 7, 6):
        live.text(str(time_ms))
    assert [event.time_ms for event in live.told(BalanceUpdate)] == [5, 7]
    assert (live.machine.counters["stale"], live.machine.counters["repeats"]) == (2, 1)


def held(total: int, time_ms: int = 5, origin: Origin = Origin.STREAM) -> BalanceUpdate:
    """As exchanges tell it: the id names the moment and the amount, and nothing else is there to name."""
    told = balance(time_ms)
    return attrs.evolve(told, id=f"b{time_ms}:{total}", total=Decimal(total), origin=origin)


class Noting(Toy):
    """Notes what came back; an even total has a number of the exchange's for its id."""

    def __init__(self) -> None:
        super().__init__(exchange="toy", stream="t", dialect=None, chance=lambda: 0.5)  # type: ignore[arg-type]
        self.back: list[Event] = []

    def _came_back(self, event: Event) -> bool:
        self.back.append(event)
        return event.time_ms == 7

    def _is_numbered(self, event: Event) -> bool:
        return isinstance(event, BalanceUpdate) and event.total is not None and event.total % 2 == 0

    def told(self, *events: Event) -> list[Any]:
        return [event for output in self._deliver(events) for event in output.events]


def test_what_the_stream_says_again_is_kept_out_and_noted() -> None:
    """It may be a copy that is late. One that comes at once, or of an earlier millisecond, can be nothing else."""
    machine = Noting()
    assert machine.told(held(1), held(1), held(3), held(3)) == [held(1), held(3)]
    assert machine.back == []
    assert machine.told(held(1)) == []
    assert machine.back == [held(1)]
    assert machine.told(held(5, 6), held(1), held(3)) == [held(5, 6)]
    assert (machine.back, machine.counters["repeats"]) == ([held(1)], 5)


def test_what_an_answer_says_again_is_told_under_another_id() -> None:
    """The exchange was asked after it had told all that; the ids are the same whenever that happens."""
    machine = Noting()
    machine.told(held(1), held(3))
    for id_, total in (("b5:1:2", 1), ("b5:3:2", 3), ("b5:1:3", 1)):
        (again,) = machine.told(held(total, origin=Origin.RECOVERED))
        assert (again.id, again.total) == (id_, total)
        assert machine.told(held(total, origin=Origin.RECOVERED)) == []
    assert machine.book.balances["BTC"].total == 1
    assert machine.told(held(3, 4, origin=Origin.RECOVERED)) == []  # the answer of another time is only late


def test_what_the_stream_says_again_may_be_told_all_the_same() -> None:
    """Where an exchange's machine knows better: under another id."""
    machine = Noting()
    assert [event.id for event in machine.told(held(1, 7), held(3, 7), held(1, 7))] == ["b7:1", "b7:3", "b7:1:2"]


def test_what_the_exchange_numbers_is_a_copy_when_it_comes_again() -> None:
    machine = Noting()
    machine.told(held(2), held(3))
    assert machine.told(held(2), held(2, origin=Origin.RECOVERED)) == []
    assert machine.back == []


def test_a_fill_stays_known_however_much_else_is_told() -> None:
    """Nothing but its id tells a copy of it; ids of states may be forgotten, for the book sees that they are late."""
    machine = Noting()
    machine.remember(Memory(repeats=Repeats(limit=4, of_others=2)))
    fill = Fill(
        exchange="toy", account="t", id="fill:1", time_ms=1, received_ms=99, market=Market.SPOT, symbol="BTC_USDT",
        order_id="1", trade_id="1", side=Side.BUY, quantity=Decimal(1), price=Decimal(1),
    )  # fmt: skip
    states = [held(time_ms, time_ms) for time_ms in range(2, 50)]
    told: list[Any] = machine.told(fill, *states)
    assert told == [fill, *states]
    assert machine.told(*states[:5], fill) == []
    assert (machine.counters["stale"], machine.counters["repeats"]) == (5, 1)
