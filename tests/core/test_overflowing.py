"""A program that falls behind is told everything once in the end, whatever was dropped and happened meanwhile."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jexkit.core import look, recovery
from jexkit.core.book import Book
from jexkit.core.lifecycle import State
from jexkit.core.overflow import TOO_SLOW, sorted_out
from jexkit.core.overflowing import OverflowingMachine
from jexkit.core.recovering import SECOND_LOOK_AFTER
from jexkit.core.values import Now, Outputs
from jexkit.errors import AuthenticationError
from jexkit.events import (
    AccountNotice,
    Event,
    Fill,
    Gap,
    Lost,
    NoticeKind,
    OrderUpdate,
    Origin,
    Suspended,
    SuspendReason,
)
from tests.core.truth import ACTION, KEYS, TRAILS, Play, Toy, answer, connect


class Flooding(Toy, OverflowingMachine):
    """The toy whose program may fall behind."""

    def _read(self, text: bytes | str, now: Now) -> Outputs:
        if text == "notice":
            return self._tell([notice(now)], now)
        return super()._read(text, now) if str(text).isdigit() else self._unreadable(str(text), "no number", now)


def notice(now: Now) -> AccountNotice:
    return AccountNotice(
        exchange="toy", account="main", id=f"n{now.wall_ms}", time_ms=now.wall_ms, received_ms=now.wall_ms,
        kind=NoticeKind.LOCK, native_kind="lock",
    )  # fmt: skip


class Program(Play):
    """Takes in what its machine tells, some of it later, some of it never."""

    kind = Flooding

    def __init__(self) -> None:
        self.delivered: list[Event] = []
        self.book = Book()
        super().__init__()

    @property
    def machine(self) -> Any:
        return self.driver.machine

    def queue(self) -> list[Event]:
        self.told += self.driver.events
        self.driver.forget()
        return self.told

    def deliver(self, number: int) -> None:
        queue = self.queue()
        for _ in range(min(number, len(queue))):
            self._take(queue.pop(0))

    def _take(self, event: Event) -> None:
        self.delivered.append(event)
        self.book.take(event)

    def flood(self) -> None:
        self.driver._tell(lambda now: self.machine.flooded(TOO_SLOW, now))

    def drop(self) -> None:
        """What the delivery does when it finds that the machine was told."""
        if self.machine.is_behind:
            kept, dropped = sorted_out(self.queue())
            self.told.clear()
            self.driver._tell(lambda now: self.machine.took_back(dropped, self.book, now))
            for event in kept:
                self._take(event)

    def catch_up(self) -> None:
        self.deliver(len(self.queue()))
        if self.machine.is_behind:
            self.driver._tell(self.machine.caught_up)

    def settle(self) -> None:
        super().settle()
        self.driver.forget()

    def _restart(self) -> None:
        """What is queued is delivered before the end."""
        super()._restart()
        self.deliver(len(self.queue()))

    def heard(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.delivered if isinstance(event, kind)]


FLOODS = st.lists(
    st.one_of(
        ACTION,
        st.tuples(st.just("deliver"), st.integers(0, 6)),
        st.tuples(st.sampled_from(["flood", "drop", "catch_up"])),
    ),
    max_size=100,
)


@settings(max_examples=500)
@given(FLOODS)
def test_every_interleaving_ends_in_the_truth(actions: list[tuple[Any, ...]]) -> None:
    """Delivered: each fill once, no order back, and at the end what the exchange has."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (look, recovery):
            patch.setattr(module, "OVERLAP_MS", TRAILS + 2)
        program = Program()
        for name, *arguments in actions:
            if name in ("deliver", "flood", "drop", "catch_up"):
                getattr(program, name)(*arguments)
            else:
                program.act((name, *arguments))
        program.catch_up()
        program.settle()
        program.catch_up()

    truth = program.exchange.now
    assert sorted(fill.id for fill in program.heard(Fill)) == sorted(fill.id for fill in truth.fills)
    for key in KEYS:
        told = [update for update in program.heard(OrderUpdate) if update.key == key]
        filled = [update.filled_quantity for update in told]
        assert filled == sorted(filled)
        assert all(not update.status.is_final for update in told[:-1])
    held = program.book.balances["B"].total if "B" in program.book.balances else Decimal(100)
    assert held == truth.balance.total
    position = program.book.positions["X"].quantity if "X" in program.book.positions else Decimal(0)
    assert position == truth.position.quantity
    assert {key: (each.status, each.filled_quantity) for key, each in program.book.orders.items()} == {
        key: (each.status, each.filled_quantity) for key, each in truth.orders.items() if not each.status.is_final
    }


def behind() -> Program:
    """A live program of which the machine was told that it does not keep up."""
    program = Program()
    program.catch_up()
    program.driver.advance(2 * SECOND_LOOK_AFTER)
    while program.driver.calls:
        answer(program.driver, program.exchange, -1)
        program.driver.advance(2 * SECOND_LOOK_AFTER)
    program.catch_up()
    program.delivered.clear()
    program.flood()
    return program


def happen(program: Program, what: str, key: str) -> None:
    program.exchange.happen(what, key)
    program.driver.text(str(len(program.exchange.history) - 1))


def test_the_program_is_told_once_and_then_nothing() -> None:
    """Suspended, and no more events, while the connection stays."""
    program = behind()
    program.flood()
    happen(program, "place", "a")
    happen(program, "fill", "a")
    assert [event.reason for event in program.queue()] == [SuspendReason.OVERFLOW]
    assert program.machine.state is State.SUSPENDED
    assert program.machine.phase.value == "behind"
    assert program.machine.counters["let_pass"] == 5
    assert program.machine.counters["connections"] == 1


def test_what_was_let_pass_is_recovered_before_live() -> None:
    """Once the callbacks have caught up, on the same connection, as after any absence."""
    program = behind()
    happen(program, "place", "a")
    happen(program, "fill", "a")
    program.catch_up()
    assert program.machine.phase.value == "recovering"
    answer(program.driver, program.exchange, -1)
    program.catch_up()
    assert [type(event).__name__ for event in program.delivered] == [
        "Suspended", "OrderUpdate", "Fill", "BalanceUpdate", "PositionUpdate", "Gap", "Live",
    ]  # fmt: skip
    assert {event.origin for event in program.heard(Fill)} == {Origin.RECOVERED}


def test_an_answer_from_before_is_not_taken_for_one_from_after() -> None:
    """A look that was under way when the program fell behind knows nothing of what was let pass."""
    program = Program()
    program.driver.close("gone", broken=True)
    connect(program.driver)
    old = program.driver.calls[0]
    program.catch_up()
    program.flood()
    happen(program, "place", "a")
    program.catch_up()
    assert len(program.driver.calls) == 2
    program.driver._tell(lambda now: program.machine.replied(old.call, None, now))  # would fail on None if it were read
    assert program.machine.phase.value == "recovering"


def test_a_connection_that_comes_back_waits_with_its_recovery() -> None:
    """What it would tell has no room."""
    program = behind()
    program.driver.close("gone", broken=True)
    connect(program.driver)
    assert program.machine.phase.value == "behind"
    assert program.driver.calls == []
    program.catch_up()
    assert program.machine.phase.value == "recovering"
    assert [type(event) for event in program.delivered] == [Suspended]


def test_a_program_may_catch_up_while_the_stream_is_away() -> None:
    """The next connection recovers as ever."""
    program = behind()
    program.driver.close("gone", broken=True)
    program.catch_up()
    connect(program.driver)
    assert program.machine.phase.value == "recovering"


def test_what_rest_does_not_have_is_a_gap() -> None:
    """Counted by type: notices, and messages that make no sense."""
    program = behind()
    program.driver.text("notice")
    program.driver.text("nonsense")
    program.catch_up()
    (gap,) = program.heard(Gap) or [event for event in program.queue() if isinstance(event, Gap)]
    assert gap.what == "1 AccountNotice, 1 Unknown"
    assert "did not keep up" in gap.why


def test_a_server_that_sends_nonsense_is_left_all_the_same() -> None:
    program = behind()
    for _ in range(20):
        program.driver.text("nonsense")
    assert program.machine.phase.value == "waiting"


@pytest.mark.parametrize("is_lost", [True, False])
def test_the_end_of_the_stream_says_what_will_not_be_found_out(is_lost: bool) -> None:
    """Before Lost; and a late word of the program changes nothing any more."""
    program = behind()
    happen(program, "place", "a")
    if is_lost:
        program.driver._tell(lambda now: program.machine._give_up(AuthenticationError("revoked"), now))
    else:
        program.driver.stop()
    program.catch_up()
    assert [type(event) for event in program.delivered] == [Suspended, Gap, *([Lost] if is_lost else [])]
    program.flood()
    program.driver._tell(program.machine.caught_up)
    assert program.queue() == []


def test_what_was_dropped_is_told_again() -> None:
    """Here a fill that was queued, and one that came after: both, and none twice."""
    program = Program()
    program.catch_up()
    happen(program, "place", "a")
    program.deliver(1)
    happen(program, "fill", "a")
    program.flood()
    happen(program, "fill", "a")
    program.drop()
    assert program.heard(Fill) == []
    assert program.machine.book.orders["a"].filled_quantity == 0
    program.catch_up()
    answer(program.driver, program.exchange, -1)
    program.catch_up()
    assert [fill.trade_id for fill in program.heard(Fill)] == ["0", "1"]
    assert [int(update.filled_quantity) for update in program.heard(OrderUpdate)] == [0, 2]


def test_an_order_that_was_dropped_whole_is_asked_for_by_name() -> None:
    """One that came and went without a fill is on no list; here it is known by what was dropped."""
    program = behind()
    program.catch_up()
    answer(program.driver, program.exchange, -1)
    program.catch_up()
    happen(program, "place", "a")
    happen(program, "cancel", "a")
    program.flood()
    program.drop()
    assert program.machine.book.order("a") is None
    program.delivered.clear()
    program.catch_up()
    answer(program.driver, program.exchange, -1)
    program.catch_up()
    assert [str(update.status) for update in program.heard(OrderUpdate)] == ["cancelled"]
