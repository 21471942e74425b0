"""After any interleaving of trades, drops and answers, the program was told everything once and nothing backwards."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jexkit.core import look, recovering, recovery
from jexkit.core.dialect import Places, Traces, just_before
from jexkit.core.look import Picture
from jexkit.core.protocol import STEADY_AFTER
from jexkit.core.recovering import DOUBTS, DOUBTS_EVERY, FIRST_LOOK, SECOND_LOOK_AFTER, SETTLE, by_their_clock
from jexkit.core.values import Flow, Now, Outputs
from jexkit.errors import AuthenticationError, BadRequest, TransportError
from jexkit.events import BalanceUpdate, Fill, Gap, Live, OrderUpdate, Origin, PositionUpdate, Suspended, SuspendReason
from jexkit.testing.clock import ManualClock
from jexkit.testing.driver import Driver
from tests.core.truth import (
    ACTION,
    CANCELLED,
    KEYS,
    NEW,
    TOLD_AFTER_MS,
    TRAILS,
    Exchange,
    Play,
    Toy,
    answer,
    answer_stage,
    balance,
    connect,
    order,
    position,
    settle,
)

ACTIONS = st.lists(ACTION, max_size=80)


@settings(max_examples=500)
@given(ACTIONS)
def test_every_interleaving_ends_in_the_truth(actions: list[tuple[Any, ...]]) -> None:
    """Each fill once, no order back, and orders, balance and position as the exchange has them.

    Whatever is delivered, repeated, out of order, answered late or not at all, and wherever a recovery is cut short.
    Times go by a millisecond a moment, so the lists are read only a few moments further back than they have to be.
    """
    with pytest.MonkeyPatch.context() as patch:
        for module in (look, recovery):
            patch.setattr(module, "OVERLAP_MS", TRAILS + 2)
        patch.setattr(look, "LEAST_SPAN_MS", 1)
        patch.setattr(look, "MANY", 1)
        patch.setattr(Exchange, "span_ms", 5)
        play = Play()
        for action in actions:
            play.act(action)
        play.settle()
    exchange = play.exchange

    fills = [event for event in play.told if isinstance(event, Fill)]
    assert sorted(fill.id for fill in fills) == sorted(fill.id for fill in exchange.now.fills)
    for key in KEYS:
        told = [event for event in play.told if isinstance(event, OrderUpdate) and event.key == key]
        filled = [update.filled_quantity for update in told]
        assert filled == sorted(filled)
        assert all(not update.status.is_final for update in told[:-1])
        known = exchange.now.orders.get(key)
        if known is not None and (told or known.filled_quantity):
            assert (told[-1].status, told[-1].filled_quantity) == (known.status, known.filled_quantity)
    for kind in (BalanceUpdate, PositionUpdate):
        times = [event.time_ms for event in play.told if isinstance(event, kind)]
        assert times == sorted(times)
    play.check()


# --- what comes twice within a millisecond ----------------------------------------------------------------------------


class Instants(Play):
    """Several things happen within one millisecond, and ids name the time and the amount, as where nothing else is."""

    def __init__(self) -> None:
        super().__init__()
        self._become(100, 1000)  # a time that is none of ours

    def _become(self, amount: int, passes: int, cause: bool = False) -> None:
        """The balance is another, perhaps because of an order, which the stream tells first."""
        now = self.exchange.now
        has = balance(amount, now.time_ms + passes)
        placed = order(f"o{len(self.exchange.history)}", NEW, 0, has.time_ms)
        orders = {**now.orders, placed.key: placed} if cause else now.orders
        said = (placed, has) if cause else (has,)
        self.exchange.history.append(attrs.evolve(now, time_ms=has.time_ms, orders=orders, balance=has, said=said))
        if self.is_connected:
            self._tell(len(self.exchange.history) - 1)


INSTANT = st.one_of(
    st.tuples(st.just("become"), st.integers(1, 3), st.sampled_from([0, 0, 0, 1]), st.booleans()),
    st.tuples(st.just("repeat"), st.integers(0, 30)),
    st.tuples(st.just("break")),
    st.tuples(st.just("connect")),
    st.tuples(st.just("answer"), st.integers(1, TRAILS)),
    st.tuples(st.just("fail")),
    st.tuples(st.just("wait"), st.sampled_from([1, 2, 6])),
    st.tuples(st.just("restart")),
)


@settings(max_examples=500)
@given(st.lists(INSTANT, max_size=60))
def test_there_and_back_in_an_instant_ends_in_the_truth(actions: list[tuple[Any, ...]]) -> None:
    """However often a balance is again what it was, and whatever is told again, at once or late.

    No id is told twice, nothing goes back in time, and in the end the balance is the exchange's.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Instants, "check", lambda self: None)  # in the middle of a millisecond it may be in doubt
        play = Instants()
        for action in actions:
            play.act(action)
        play.settle()
    told = [event for event in play.told if isinstance(event, BalanceUpdate)]
    assert len({event.id for event in told}) == len(told)
    times = [event.time_ms for event in told]
    assert times == sorted(times)
    play.check()


def instants(amounts: Sequence[int]) -> tuple[Instants, list[Decimal | None]]:
    """A live stream on which a balance was told to be these, all within a millisecond; and what was told of it."""
    play = Instants()
    settle(play.driver, play.exchange)
    play.driver.forget()
    play._become(amounts[0], 1)
    for amount in amounts[1:]:
        play._become(amount, 0)
    return play, [event.total for event in play.driver.told(BalanceUpdate)]


def test_what_came_back_is_asked_for_once_for_a_burst_of_it() -> None:
    """A second later, and what the answer says is told under an id of its own."""
    play, told = instants([1, 2, 1, 2, 1, 2, 1])
    driver = play.driver
    assert told == [1, 2]
    assert driver.machine.counters["repeats"] == 5
    assert driver.calls == []
    driver.advance(SETTLE)
    assert [call.what for call in driver.calls] == [DOUBTS]
    answer(driver, play.exchange, -1)
    driver.advance(SETTLE)
    (last,) = driver.told(BalanceUpdate)[2:]
    assert (last.total, last.origin, last.id.count(":")) == (1, Origin.RECOVERED, 3)
    assert driver.told(Gap) == []
    driver.advance(DOUBTS_EVERY + 10)
    assert driver.calls == []


def test_an_order_of_that_moment_proves_nothing() -> None:
    """It may as well be told before a copy that comes late, by the connection that lingers after a rotation, say."""
    play, _ = instants([1, 2])
    for amount in (1, 2, 1):
        play._become(amount, 0, cause=True)
    assert [event.total for event in play.driver.told(BalanceUpdate)] == [1, 2]
    play.driver.advance(SETTLE)
    assert [call.what for call in play.driver.calls] == [DOUBTS]
    answer(play.driver, play.exchange, -1)
    play.driver.advance(SETTLE)
    assert [event.total for event in play.driver.told(BalanceUpdate)] == [1, 2, 1]


def test_an_answer_that_agrees_is_asked_for_once_more() -> None:
    """It may trail. A second one that agrees is believed: it was a copy that came late."""
    play, _ = instants([1, 2])
    driver = play.driver
    play._repeat(len(play.exchange.sent) - 2)
    driver.advance(SETTLE)
    for _ in range(2):
        assert [call.what for call in driver.calls] == [DOUBTS]
        answer(driver, play.exchange, -1)
        driver.advance(SETTLE + SECOND_LOOK_AFTER)
    assert driver.calls == []
    assert [event.total for event in driver.told(BalanceUpdate)] == [1, 2]


def test_doubts_are_asked_about_now_and_then() -> None:
    """However many there are."""
    play, _ = instants([1, 2])
    driver, asked = play.driver, 0
    for _ in range(100):
        play._become(1, 0)
        play._become(2, 0)
        driver.advance(1.0)
        asked += sum(call.what == DOUBTS for call in driver.calls)
        while driver.calls:
            answer(driver, play.exchange, -1)
    assert 5 < asked <= 2 * 100 / DOUBTS_EVERY


def test_a_connection_that_lingers_has_no_doubts() -> None:
    play, _ = instants([1, 2])
    play.driver.machine.stands_by = True
    play._become(1, 0)
    play.driver.advance(SETTLE)
    assert play.driver.calls == []


def test_what_came_back_and_cannot_be_read_is_a_gap() -> None:
    """Said, and not asked for another time."""
    play, _ = instants([1, 2, 1])
    driver = play.driver
    driver.advance(SETTLE)
    answer_stage(driver, play.exchange, -1)
    driver.fail(BadRequest("not allowed", code=1))
    answer(driver, play.exchange, -1)
    driver.advance(SETTLE)
    (gap,) = driver.told(Gap)
    assert gap.what == "balances"
    driver.advance(DOUBTS_EVERY)
    assert driver.calls == []


def overtaken(monkeypatch: pytest.MonkeyPatch) -> tuple[Exchange, Driver]:
    """A line stalls while things happen, and the last look of a recovery sees them half way through.

    The rest comes by the stream when the answer was told, and is dated before it: an exchange dates a change by its
    engine, and an answer by when it was given.
    """
    exchange, driver = live()
    monkeypatch.setattr(look, "OVERLAP_MS", 0)
    given = exchange.balances

    def dated_later() -> Flow[list[BalanceUpdate]]:
        return [attrs.evolve(each, time_ms=each.time_ms + TOLD_AFTER_MS) for each in (yield from given())]

    monkeypatch.setattr(exchange, "balances", dated_later)
    exchange.happen("place", "a")
    exchange.happen("fill", "a")
    driver.advance(SECOND_LOOK_AFTER)
    answer(driver, exchange, -1)
    exchange.happen("fill", "a")
    driver.advance(SETTLE)
    assert [(event.total, event.origin) for event in driver.told(BalanceUpdate)] == [(93, Origin.RECOVERED)]
    return exchange, driver


def test_what_comes_late_after_an_answer_that_is_dated_a_little_later_is_asked_about(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Which was first cannot be seen."""
    exchange, driver = overtaken(monkeypatch)
    for moment in (1, 2, 3):
        driver.text(str(moment))
    assert [event.total for event in driver.told(BalanceUpdate)] == [93]
    driver.advance(SETTLE)
    assert [call.what for call in driver.calls] == [DOUBTS]
    answer(driver, exchange, -1)
    driver.advance(SETTLE)
    assert [(event.total, event.origin) for event in driver.told(BalanceUpdate)][1:] == [(86, Origin.RECOVERED)]
    driver.advance(DOUBTS_EVERY + 10)
    assert driver.calls == []


def test_a_connection_that_lingers_leaves_that_question_to_the_other_one(monkeypatch: pytest.MonkeyPatch) -> None:
    _, driver = overtaken(monkeypatch)
    driver.machine.stands_by = True
    for moment in (1, 2, 3):
        driver.text(str(moment))
    driver.advance(SETTLE)
    assert driver.calls == []


def test_doubts_end_with_the_connection() -> None:
    """The next one begins with a look at everything."""
    play, _ = instants([1, 2, 1])
    play._break()
    play._connect()
    assert [call.what for call in play.driver.calls] == [FIRST_LOOK]
    answer(play.driver, play.exchange, -1)
    assert play.driver.machine.book.balances["B"].total == 1


def live() -> tuple[Exchange, Driver]:
    exchange = Exchange()
    driver = Driver(Toy(exchange), ManualClock())
    driver.start()
    driver.open()
    answer(driver, exchange, -1)
    driver.forget()
    return exchange, driver


def test_what_was_missed_comes_before_live_and_is_marked() -> None:
    """Suspended, the missed order and its fill as RECOVERED in time order, what was held, then Live."""
    exchange, driver = live()
    driver.close("gone", broken=True)
    exchange.happen("place", "a")
    exchange.happen("fill", "a")
    connect(driver)
    exchange.happen("place", "b")
    driver.text("3")  # held
    answer(driver, exchange, -2)  # REST is one moment behind
    kinds = [type(event) for event in driver.events]
    assert kinds == [Suspended, OrderUpdate, Fill, BalanceUpdate, PositionUpdate, OrderUpdate, Gap, Live]
    assert [event.origin for event in driver.events[1:5]] == [Origin.RECOVERED] * 4
    assert driver.told(OrderUpdate)[1].key == "b"
    assert driver.told(Gap)[0].what == "notices"


def test_what_an_interrupted_recovery_held_is_told_before_newer_answers() -> None:
    exchange, driver = live()
    driver.close("gone", broken=True)
    exchange.happen("place", "a")
    connect(driver)
    exchange.happen("place", "b")
    driver.text("2")  # held
    assert not driver.told(OrderUpdate)
    driver.close("gone again", broken=True)
    assert [update.key for update in driver.told(OrderUpdate)] == ["b"]
    exchange.happen("fill", "b")
    connect(driver)
    answer(driver, exchange, -1)  # to the look that nobody waits for any more
    assert not driver.told(Fill)
    answer(driver, exchange, -1)
    assert [(update.key, update.origin) for update in driver.told(OrderUpdate)][1:] == [
        ("a", Origin.RECOVERED),
        ("b", Origin.RECOVERED),
    ]
    assert [fill.order_id for fill in driver.told(Fill)] == ["b"]
    assert len(driver.told(Suspended)) == 1


def cut_short(driver: Driver, exchange: Exchange, until: str) -> None:
    """Answer the look until its list for the order ``until`` was read, and break the connection then."""
    while until not in dict(exchange.asked):
        answer_stage(driver, exchange, -1)
    driver.close("gone again", broken=True)


def test_what_an_interrupted_recovery_had_learned_is_told_and_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut short after the first of two lists: its fill is told at once, and the next look goes on from there."""
    for module in (look, recovery):
        monkeypatch.setattr(module, "OVERLAP_MS", 0)
    exchange, driver = live()
    driver.close("gone", broken=True)
    since_ms = exchange.now.time_ms
    for key in "ab":
        exchange.happen("place", key)
        exchange.happen("fill", key)
    connect(driver)
    first_ms = exchange.now.time_ms
    cut_short(driver, exchange, "a")
    assert [fill.order_id for fill in driver.told(Fill)] == ["a"]
    assert {fill.origin for fill in driver.told(Fill)} == {Origin.RECOVERED}
    assert {update.key for update in driver.told(OrderUpdate)} == {"a", "b"}  # they are open, and were listed
    assert not driver.told(Live)
    exchange.happen("fill", "a")
    exchange.asked.clear()
    connect(driver)
    while driver.calls:
        answer_stage(driver, exchange, -1)
    assert dict(exchange.asked) == {"a": first_ms, "b": since_ms}
    assert [fill.order_id for fill in driver.told(Fill)] == ["a", "b", "a"]
    assert len(driver.told(Live)) == 1
    assert driver.machine.memory.marks.read == {}


def test_recovery_gets_ahead_however_often_it_is_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forty orders ended while the stream was away, and every connection breaks after a few answers: each attempt has
    less to ask than the one before, and all is told before the stream was ever live again."""
    monkeypatch.setattr(look, "AT_ONCE", 2)
    exchange, driver = live()
    keys = [f"d{number}" for number in range(40)]
    for key in keys:
        exchange.happen("place", key)
        driver.text(str(len(exchange.history) - 1))
    driver.close("gone", broken=True)
    for key in keys:
        exchange.happen("cancel", key)
    monkeypatch.setattr(exchange, "orders", refuse_lists)
    told: list[int] = []
    for _ in range(15):
        connect(driver)
        for _ in range(9):  # the time, three lists, no places, the refused list, and three times two orders
            if driver.calls:
                answer_stage(driver, exchange, -1)
        driver.close("gone again", broken=True)
        told.append(sum(update.status is CANCELLED for update in driver.told(OrderUpdate)))
        if told[-1] == len(keys):
            break
    assert told == sorted(set(told)), "an attempt told nothing new"
    assert told[-1] == len(keys)
    assert not driver.machine.book.orders


@pytest.mark.parametrize(("held", "least", "most"), [(STEADY_AFTER - 1, 30, 32), (STEADY_AFTER + 1, 0, 1)])
def test_a_connection_that_held_while_it_recovered_starts_the_waits_anew(held: float, least: int, most: int) -> None:
    """Or a long absence would have the next one be longer, for no fault of the connection's."""
    _, driver = live()
    for _ in range(6):
        driver.close("gone", broken=True)
        connect(driver)
    driver.advance(held)
    driver.close("gone again", broken=True)
    assert least <= driver.machine.due - driver.clock.monotonic() <= most
    assert not driver.told(Live)


def test_refusals_make_no_wait_longer_after_a_connection_that_was_let_in() -> None:
    """What they were for is over; a second connection that does not hold is waited for twice as long as the first."""
    _, driver = live()
    waits: list[float] = []
    for _ in range(3):
        driver.close("gone", broken=True)
        waits.append(driver.machine.due - driver.clock.monotonic())
        for _ in range(5):
            driver.advance(waits[-1])
            driver.refuse(TransportError("no network"))
            waits.append(driver.machine.due - driver.clock.monotonic())
        connect(driver)
    assert [round(wait, 3) for wait in waits] == [0.5, 0.5, 1, 2, 4, 8, 1, 0.5, 1, 2, 4, 8, 2, 0.5, 1, 2, 4, 8]


def refuse_lists(wanted: Sequence[OrderUpdate]) -> Flow[list[OrderUpdate]]:
    del wanted
    yield from ()
    raise BadRequest("no such path")


def test_a_question_that_fails_is_asked_again_alone() -> None:
    """The stages before it are not."""
    exchange, driver = live()
    driver.close("gone", broken=True)
    for key in "ab":
        exchange.happen("place", key)
        exchange.happen("fill", key)
    connect(driver)
    while not exchange.asked:
        answer_stage(driver, exchange, -1)
    exchange.clock = None  # type: ignore[assignment,method-assign]  # nobody asks for it again
    driver.fail(TransportError("REST is away"))
    assert not driver.told(Live)
    driver.advance(1)
    answer(driver, exchange, -1)
    assert len(driver.told(Live)) == 1
    assert [place for place, _ in exchange.asked] == ["a", "b"]


def test_patience_ends_with_what_was_learned_and_the_look_goes_on() -> None:
    """What is known after half a minute is told, then the Gap and Live; the rest comes when it is answered."""
    exchange, driver = live()
    driver.close("gone", broken=True)
    for key in "ab":
        exchange.happen("place", key)
        exchange.happen("fill", key)
    connect(driver)
    driver.forget()
    while "a" not in dict(exchange.asked):
        answer_stage(driver, exchange, -1)
    driver.advance(31)
    kinds = [type(event) for event in driver.events]
    assert kinds[-2:] == [Gap, Live]
    assert [fill.order_id for fill in driver.told(Fill)] == ["a"]
    answer(driver, exchange, -1)
    driver.advance(SETTLE)
    assert [fill.order_id for fill in driver.told(Fill)] == ["a", "b"]


def test_the_mark_of_time_stays_until_rest_was_asked_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """REST may have trailed at the first look. What the stream tells after it says nothing of what was missing then."""
    for module in (look, recovery):
        monkeypatch.setattr(module, "OVERLAP_MS", 1)
    exchange, driver = live()
    driver.close("gone", broken=True)
    exchange.happen("place", "a")
    exchange.happen("fill", "a")
    connect(driver)
    answer(driver, exchange, -2)  # REST does not know of the fill yet
    assert not driver.told(Fill)
    for _ in range(3):  # the stream goes on
        exchange.happen("place", f"d{len(exchange.history)}")
        driver.text(str(len(exchange.history) - 1))
    driver.close("gone again", broken=True)
    connect(driver)
    answer(driver, exchange, -1)
    assert [fill.order_id for fill in driver.told(Fill)] == ["a"]


def test_an_order_that_came_and_went_unfilled_is_told_where_a_list_has_it() -> None:
    exchange, driver = live()
    monkey: Any = exchange
    monkey.places = always("a", "b")
    driver.close("gone", broken=True)
    for key in "ab":
        exchange.happen("place", key)
        exchange.happen("cancel", key)
    connect(driver)
    answer(driver, exchange, -1)
    assert [(update.key, update.status, update.origin) for update in driver.told(OrderUpdate)] == [
        ("a", CANCELLED, Origin.RECOVERED)  # the list for b tells none
    ]


def always(*names: str) -> Any:
    def places(traces: Traces) -> Flow[Places]:
        del traces
        yield from ()
        return Places(names)

    return places


def test_an_order_of_which_only_the_fill_is_known_ends_in_a_gap() -> None:
    """The exchange has forgotten it; that is asked again, and then said."""
    exchange, driver = live()
    driver.close("gone", broken=True)
    for what in ("place", "fill", "cancel"):
        exchange.happen(what, "b")
    exchange.history.append(attrs.evolve(exchange.now, orders={}))
    connect(driver)
    for _ in range(4):
        answer(driver, exchange, -1)
        driver.advance(6)
    assert len(driver.told(Fill)) == 1
    assert [gap.what for gap in driver.told(Gap)] == ["notices", "1 orders of which a fill was told"]


def test_what_an_earlier_connection_told_speaks_for_nothing() -> None:
    """A balance of which the stream had told is read again after an absence, and told before Live."""
    exchange, driver = live()
    for number, what in enumerate(("place", "fill"), 1):
        exchange.happen(what, "a")
        driver.text(str(number))
    driver.close("gone", broken=True)
    exchange.happen("fill", "a")
    connect(driver)
    driver.forget()
    answer(driver, exchange, -1)
    assert [update.total for update in driver.told(BalanceUpdate)] == [exchange.now.balance.total]
    assert isinstance(driver.events[-1], Live)


@pytest.mark.parametrize(("apart_ms", "comes_at_once"), [(5, True), (500, False)])
def test_a_state_that_is_hardly_older_than_an_answer_brings_the_next_look(apart_ms: int, comes_at_once: bool) -> None:
    """It is kept out, for it may be in the answer already; whether it was is asked at once, and not in five seconds."""
    exchange, driver = live()
    driver.close("gone", broken=True)
    now_ms = exchange.now.time_ms + 1000
    exchange.history.append(attrs.evolve(exchange.now, time_ms=now_ms, balance=balance(7, now_ms)))
    connect(driver)
    answer(driver, exchange, -1)
    said = balance(5, now_ms - apart_ms)
    exchange.history.append(attrs.evolve(exchange.now, said=(said,)))
    driver.text(str(len(exchange.history) - 1))
    assert [update.total for update in driver.told(BalanceUpdate)] == [7]
    driver.tick()
    assert bool(driver.calls) is comes_at_once


@pytest.mark.parametrize("every", [4.0, 8.0])
def test_there_is_one_look_at_a_time(monkeypatch: pytest.MonkeyPatch, every: float) -> None:
    """Two would speak of different moments: a check waits for a second look, and a second look for a check."""
    monkeypatch.setattr(recovering, "CHECK_EVERY", every)
    exchange, driver = live()
    driver.advance(every)
    first = "check what the stream tells" if every < SECOND_LOOK_AFTER else recovering.SECOND_LOOK
    driver.advance(every)
    assert [call.what for call in driver.calls] == [first]
    answer(driver, exchange, -1)
    driver.advance(recovering.UNTOLD_AFTER)
    (second,) = [call.what for call in driver.calls]
    assert {first, second} == {"check what the stream tells", recovering.SECOND_LOOK}


class Gated(Toy):
    """A toy that is subscribed when the exchange says "subscribed", as Deribit is; events can come before that."""

    def _enter(self, now: Now) -> Outputs:
        return []

    def _read(self, text: bytes | str, now: Now) -> Outputs:
        return self._entered(now) if text == "subscribed" else super()._read(text, now)


def test_an_event_of_a_connection_that_never_got_in_does_not_close_the_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery, "OVERLAP_MS", 0)
    exchange = Exchange()
    driver = Driver(Gated(exchange), ManualClock())
    driver.start()
    driver.open()
    driver.text("subscribed")
    answer(driver, exchange, -1)
    driver.close("gone", broken=True)
    exchange.happen("place", "a")
    exchange.happen("fill", "a")  # nobody hears of it
    exchange.happen("place", "b")
    connect(driver)
    driver.text("3")  # b, before the connection is subscribed
    driver.close("gone again", broken=True)
    assert [update.key for update in driver.told(OrderUpdate)] == ["b"]
    connect(driver)
    driver.text("subscribed")
    answer(driver, exchange, -1)
    assert [fill.order_id for fill in driver.told(Fill)] == ["a"]


def test_orders_that_were_too_many_to_ask_for_are_asked_for_later_and_then_a_gap(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Twenty-four orders came and went, and a look has room for one: after the last look, the rest is said."""
    monkeypatch.setattr(recovery, "MOST_ORDERS", 1)
    exchange, driver = live()
    driver.close("gone", broken=True)
    keys = [f"o{number}" for number in range(24)]
    for key in keys:
        for what in ("place", "fill", "fill", "fill"):
            exchange.happen(what, key)
    connect(driver)
    told = set[str]()
    while driver.calls:
        answer(driver, exchange, -1)
        driver.advance(SETTLE)
        told = {update.key for update in driver.told(OrderUpdate)}
        driver.advance(SECOND_LOOK_AFTER)
    gaps = [gap.what for gap in driver.told(Gap) if gap.what != "notices"]
    missing = len(keys) - len(told)
    assert missing
    assert gaps == [f"{missing} orders of which a fill was told"]
    assert len(driver.told(Fill)) == 3 * len(keys)


def test_a_stream_goes_live_without_rest_and_says_so() -> None:
    """REST that does not answer delays Live by a bounded time; what is missed then comes when it answers."""
    exchange, driver = live()
    driver.close("gone", broken=True)
    exchange.happen("place", "a")
    exchange.happen("fill", "a")
    connect(driver)
    driver.fail(TransportError("REST is away"))
    driver.forget()
    driver.advance(31)
    gap, came_live = driver.events
    assert isinstance(gap, Gap)
    assert "REST is away" in gap.why
    assert isinstance(came_live, Live)
    answer(driver, exchange, -1)
    assert not driver.told(Fill)  # what is under way on the stream goes first
    driver.advance(SETTLE)
    assert [fill.trade_id for fill in driver.told(Fill)] == ["0"]


def test_a_read_that_is_not_allowed_is_a_gap_and_no_reason_to_wait() -> None:
    """Balances that cannot be read are said; the rest is told all the same."""
    exchange, driver = live()
    driver.close("gone")
    exchange.happen("place", "a")
    connect(driver)

    def refuse() -> Flow[list[BalanceUpdate]]:
        yield from ()
        raise BadRequest("no such path")

    exchange.balances = refuse  # type: ignore[method-assign]
    driver.forget()
    answer(driver, exchange, -1)
    assert [type(event) for event in driver.events] == [OrderUpdate, Gap, Gap, Live]
    assert driver.told(Gap)[0].what == "balances"


def test_a_revoked_key_that_rest_reports_ends_the_stream() -> None:
    """An authentication error in a look is as final as one at the login."""
    _, driver = live()
    driver.close("gone")
    connect(driver)
    driver.fail(AuthenticationError("the key was revoked"))
    assert driver.state().value == "lost"


def test_an_order_that_nobody_knows_ends_in_a_gap() -> None:
    """Open before, not listed, and unknown to the exchange each time it is asked: said, and forgotten."""
    exchange, driver = live()
    exchange.happen("place", "a")
    driver.text("1")
    driver.close("gone")
    exchange.history.append(attrs.evolve(exchange.now, orders={}, time_ms=exchange.now.time_ms + 1))
    connect(driver)
    for _ in range(4):
        if driver.calls:
            answer(driver, exchange, -1)
        driver.advance(6)
    assert [(gap.what, gap.key) for gap in driver.told(Gap)] == [("notices", ""), ("the end of order a", "a")]
    assert not driver.machine.book.orders


def test_fills_from_before_the_program_came_are_not_told() -> None:
    """The first look tells open orders and holdings, and no fill; later looks go back no further than that."""
    exchange = Exchange()
    exchange.happen("place", "a")
    exchange.happen("fill", "a")
    driver = Driver(Toy(exchange), ManualClock())
    driver.start()
    driver.open()
    answer(driver, exchange, -1)
    driver.advance(6)
    exchange.history.append(attrs.evolve(exchange.now, time_ms=exchange.now.time_ms + 5))
    answer(driver, exchange, -1)
    assert not driver.told(Fill)
    assert [update.filled_quantity for update in driver.told(OrderUpdate)] == [1]


# --- clocks that differ -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ahead_ms", [-3_600_000, 0, 3_600_000])
def test_answers_without_a_time_get_one_by_the_exchanges_clock(ahead_ms: int) -> None:
    """Ours may be off by an hour; an answer with a time keeps it."""
    ours_ms = 1_000_000_000
    untimed = attrs.evolve(balance(1, ours_ms + 20), received_ms=ours_ms + 20)
    timed = attrs.evolve(position(1, 77), received_ms=ours_ms + 30)
    picture = by_their_clock(Picture(ours_ms + ahead_ms, [], [], [untimed], [timed]))
    assert picture.balances is not None
    assert [state.time_ms for state in picture.balances] == [just_before(ours_ms + ahead_ms)]
    assert picture.positions == [timed]
    assert by_their_clock(Picture(1, [], [])) == Picture(1, [], [])


# --- a subscription that died without a word --------------------------------------------------------------------------


@pytest.mark.parametrize("tells_late", [False, True])
def test_a_stream_that_does_not_tell_is_left(monkeypatch: pytest.MonkeyPatch, tells_late: bool) -> None:
    """REST knows of an order; a stream that tells of it within its time is none of those."""
    monkeypatch.setattr(recovering, "CHECK_EVERY", 20.0)
    exchange, driver = live()
    driver.advance(6)
    answer(driver, exchange, -1)  # the second look
    driver.advance(SETTLE)
    exchange.happen("place", "a")
    driver.advance(20)
    assert [call.what for call in driver.calls] == ["check what the stream tells"]
    answer(driver, exchange, -1)
    if tells_late:
        driver.text("1")
    driver.advance(recovering.UNTOLD_AFTER)
    assert [update.key for update in driver.told(OrderUpdate)] == ["a"]
    assert [event.reason for event in driver.told(Suspended)] == ([] if tells_late else [SuspendReason.SILENT])


def test_a_check_that_fails_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """REST being away says nothing about the stream."""
    monkeypatch.setattr(recovering, "CHECK_EVERY", 20.0)
    _, driver = live()
    driver.advance(6)
    driver.fail(TransportError("REST is away"))
    driver.advance(14)
    driver.fail(TransportError("REST is away"))
    assert driver.told(Suspended) == []
