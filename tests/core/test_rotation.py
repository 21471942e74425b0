"""A connection is replaced before it is cut, with an overlap: nothing is missed or told twice, and nobody hears."""

from __future__ import annotations

from typing import Any

import pytest

from jexkit.core import recovering
from jexkit.core.lifecycle import State
from jexkit.core.rotation import (
    BEFORE_THE_CUT,
    DAY,
    JITTER,
    LINGER,
    MOST_PUT_OFF,
    PUT_OFF,
    SPREAD,
    TRY_AGAIN_AFTER,
    RotatingMachine,
    Schedule,
)
from jexkit.core.values import Drop, Now, Open
from jexkit.core.waiting import NEVER
from jexkit.errors import TransportError
from jexkit.events import BalanceUpdate, Live, OrderUpdate, Origin, Suspended, SuspendReason
from jexkit.testing.clock import START_MS, ManualClock
from jexkit.testing.conformance import SUBJECTS, Subject
from jexkit.testing.conformance.subject import rotating
from jexkit.testing.conversation import json_reply
from jexkit.testing.driver import Driver
from tests.core.truth import Exchange, Toy, answer

LIFE = 3600.0 * 24


@pytest.fixture(params=SUBJECTS, ids=str)
def subject(request: pytest.FixtureRequest) -> Subject:
    found: Subject = request.param
    return found


@pytest.fixture
def live(subject: Subject) -> Driver:
    """A live stream whose connection lives a day, an instant before its rotation."""
    driver = rotating(subject, Schedule(LIFE))
    driver.start()
    assert driver.state() is State.LIVE
    driver.advance((LIFE - BEFORE_THE_CUT) * (1 - SPREAD * 0.5) - 0.001)
    driver.forget()
    return driver


def test_it_is_not_quiet_while_there_are_two_connections(live: Driver) -> None:
    assert live.machine.is_quiet
    live.advance(0.002)
    assert live.state() is State.LIVE
    assert not live.machine.is_quiet
    live.advance(LINGER)
    assert live.machine.is_quiet


def test_its_reader_may_lie_down_for_as_long_as_that_of_one_connection(subject: Subject, live: Driver) -> None:
    assert live.machine.quiet_within == subject.driver().machine.quiet_within


def test_the_new_connection_is_live_before_the_old_one_is_closed(live: Driver) -> None:
    """One connection is opened, the old one is dropped some seconds after, and the program hears nothing."""
    old = live.link
    live.advance(0.002)
    assert [order.link for order in live.asked_for(Open)] == [old + 1]
    assert live.link == old + 1
    assert live.state() is State.LIVE
    assert not live.asked_for(Drop)
    live.advance(LINGER)
    assert [drop.link for drop in live.asked_for(Drop)] == [old]
    assert live.state() is State.LIVE
    assert live.events == []
    assert live.machine.counters["rotations"] == 1


def test_what_comes_by_both_is_told_once(subject: Subject, live: Driver) -> None:
    """During the overlap either connection may be the first to tell; what only the old one had is told as well."""
    old = live.link
    live.advance(0.002)
    new = live.link
    live.text(subject.order(1), link=old)
    live.text(subject.order(1), link=new)
    live.text(subject.order(2), link=new)
    live.text(subject.order(2), link=old)
    live.text(subject.order(3), link=old)
    ids = [subject.order_id(number) for number in (1, 2, 3)]
    assert [update.order_id for update in live.told(OrderUpdate)] == ids


def test_a_state_of_an_instant_that_the_old_connection_brings_late_is_a_copy() -> None:
    """Orders of that moment were told on it as well, and are no cause: the new one has told what came after."""
    subject = next(subject for subject in SUBJECTS if str(subject) == "binance_pm")
    live = rotating(subject, Schedule(LIFE))
    live.start()
    live.advance((LIFE - BEFORE_THE_CUT) * (1 - SPREAD * 0.5) - 0.001)
    old = live.link
    live.advance(0.002)
    times = {"E": 1_727_352_914_274, "T": 1_727_352_914_268}

    def account(total: str) -> dict[str, Any]:
        wallet = {"m": "ORDER", "B": [{"a": "USDT", "wb": total, "cw": total, "bc": "0"}], "P": []}
        return {"e": "ACCOUNT_UPDATE", "fs": "UM", **times, "a": wallet}

    order = subject.order(1)
    order = {**order, **times, "o": {**order["o"], "T": times["T"]}}
    live.text(account("1"))
    live.text(account("2"))
    live.text(order, link=old)
    live.text(account("1"), link=old)
    assert [event.total for event in live.told(BalanceUpdate)] == [1, 2]
    assert len(live.told(OrderUpdate)) == 1


def test_what_came_on_the_way_is_told(subject: Subject, live: Driver) -> None:
    """Messages on the new connection before it is subscribed are not lost if they are the only ones."""
    live.holding = True
    live.advance(0.002)
    while live.machine.link == 1 and live.step():
        live.text(subject.order(1), link=2)
    assert [update.order_id for update in live.told(OrderUpdate)] == [subject.order_id(1)]


def test_what_the_old_connection_did_not_tell_any_more_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was dead before the new one began, and nobody had noticed yet: a look after the change does."""
    monkeypatch.setattr(recovering, "CHECK_EVERY", LIFE)
    exchange = Exchange()
    machine: Any = RotatingMachine(lambda: Toy(exchange), Schedule(BEFORE_THE_CUT + 10), lambda: 0.0)
    driver = Driver(machine, ManualClock())
    driver.start()
    driver.open()
    answer(driver, exchange, -1)
    driver.advance(recovering.SECOND_LOOK_AFTER)
    answer(driver, exchange, -1)
    exchange.happen("place", "a")
    driver.forget()
    driver.advance(10 - recovering.SECOND_LOOK_AFTER)
    driver.open(link=2)
    assert machine.counters["rotations"] == 1
    driver.advance(recovering.SECOND_LOOK_AFTER)
    answer(driver, exchange, -1)
    driver.advance(recovering.UNTOLD_AFTER)
    assert [(update.key, update.origin) for update in driver.told(OrderUpdate)] == [("a", Origin.RECOVERED)]
    assert [event.reason for event in driver.told(Suspended)] == [SuspendReason.SILENT]


def test_a_day_after_it_is_the_next_ones_turn(live: Driver) -> None:
    """Rotation goes on: ten days are ten rotations and never a cut."""
    live.advance(10 * LIFE)
    assert live.machine.counters["rotations"] in (10, 11)
    assert live.events == []
    assert live.state() is State.LIVE


def test_a_new_connection_that_fails_changes_nothing(live: Driver) -> None:
    """The old one lives on, and it is tried again after a while."""
    counterpart = live.counterpart
    counterpart.refusal = TransportError("no network")  # type: ignore[union-attr]
    live.advance(1.0)
    assert live.state() is State.LIVE
    assert live.events == []
    assert live.link == 1
    counterpart.refusal = None  # type: ignore[union-attr]
    live.advance(TRY_AGAIN_AFTER + LINGER)
    assert live.machine.counters["rotations"] == 1
    links = [order.link for order in live.asked_for(Open)]
    assert len(set(links)) == len(links)
    assert live.events == []


def test_a_stream_that_is_cut_after_a_new_connection_failed_opens_one_that_was_never_dropped(live: Driver) -> None:
    """Whoever opens connections has dropped that one's number for good: the stream would wait for it for ever."""
    live.counterpart.refusal = TransportError("no network")  # type: ignore[union-attr]
    live.advance(1.0)
    dropped = {drop.link for drop in live.asked_for(Drop)}
    assert dropped
    live.forget()
    live.close("gone", broken=True)
    live.advance(61)
    assert dropped.isdisjoint(order.link for order in live.asked_for(Open))


def test_the_old_connection_may_end_by_itself(live: Driver) -> None:
    """Its end during the overlap is no news."""
    old = live.link
    live.advance(0.002)
    live.close("cut", broken=True, link=old)
    live.advance(60)
    assert live.events == []
    assert live.state() is State.LIVE


def test_a_drop_during_the_overlap_is_told_and_mended(live: Driver) -> None:
    """The end of the new connection is the stream's: Suspended once, and Live again."""
    live.advance(0.002)
    live.close("gone", broken=True)
    assert live.state() is State.SUSPENDED
    live.advance(70)
    assert live.state() is State.LIVE
    assert len(live.told(Suspended)) == len(live.told(Live)) == 1


def test_a_stream_that_is_away_needs_no_rotation(live: Driver) -> None:
    """It gets a new connection anyway, and the day counts from there."""
    live.counterpart.refusal = TransportError("no network")  # type: ignore[union-attr]
    live.close("gone", broken=True)
    live.advance(3600)
    live.counterpart.refusal = None  # type: ignore[union-attr]
    live.advance(120)
    assert live.state() is State.LIVE
    assert live.machine.counters["rotations"] == 0


@pytest.mark.parametrize("wait", [0.0, 1.0], ids=["during the overlap", "on its way"])
def test_it_can_be_stopped_at_any_time(live: Driver, wait: float) -> None:
    """Both connections are dropped, and nothing is wanted any more."""
    live.holding = bool(wait)
    live.advance(0.002)
    live.holding = False
    live.mute = True
    live.stop()
    assert live.state() is State.STOPPED
    assert live.machine.due == NEVER
    before = list(live.outputs)
    live.advance(DAY)
    assert live.outputs == before


def test_the_moment_is_the_programs_choice() -> None:
    """At 04:00 UTC give or take the jitter, whatever the time of the connection, and before the cut."""
    schedule = Schedule.of(LIFE, "04:00Z")
    for hour in range(24):
        now = Now(1000.0, START_MS + hour * 3_600_000)
        wait = schedule.next(now, lambda: 0.75) - now.monotonic
        assert wait <= LIFE - BEFORE_THE_CUT
        moment = (now.wall_ms / 1000 + wait) % DAY
        by_choice = abs(moment - 4 * 3600) <= JITTER
        assert by_choice or wait > LIFE * 0.9
    assert Schedule.of(None, None).next(Now(0.0, START_MS), lambda: 0.5) == NEVER


def test_the_new_connection_shares_the_listen_key() -> None:
    """Another POST could end the key that the old connection lives on."""
    driver = about_to_rotate("jex")
    answers, path = driver.counterpart.answers, driver.counterpart.path  # type: ignore[union-attr]
    renewed = answers.asked("PUT", path)
    driver.advance(0.002)
    assert driver.machine.counters["rotations"] == 1
    assert answers.asked("POST", path) == 1
    assert answers.asked("PUT", path) == renewed + 1


@pytest.mark.parametrize("exchange", ["binance_pm", "jex"])
def test_a_key_that_died_unnoticed_is_noticed(exchange: str) -> None:
    """Nothing came on the old connection since then: that is an absence, and no overlap hides it."""
    driver = about_to_rotate(exchange)
    unknown = json_reply({"code": -1125, "msg": "This listenKey does not exist."}, 400)
    driver.counterpart.answers.set("PUT", driver.counterpart.path, unknown)  # type: ignore[union-attr]
    driver.advance(0.002)
    assert [event.reason for event in driver.told(Suspended)] == [SuspendReason.KEY_EXPIRED]
    driver.advance(60)
    assert len(driver.told(Live)) == 1
    assert driver.machine.counters["rotations"] == 0


def about_to_rotate(exchange: str) -> Driver:
    subject = next(subject for subject in SUBJECTS if subject.exchange == exchange)
    driver = rotating(subject, Schedule(LIFE))
    driver.start()
    driver.advance((LIFE - BEFORE_THE_CUT) * (1 - SPREAD * 0.5) - 0.001)
    driver.forget()
    return driver


def test_both_connections_ask_by_one_dialect(live: Driver) -> None:
    """The one that the engine asks with, which knows when it asked and what tokens it has."""
    first = live.machine.dialect
    live.advance(0.002)
    assert live.machine.dialect is first


def test_it_looks_like_one_machine(subject: Subject) -> None:
    """State, proof, counters and errors are the main machine's."""
    driver = rotating(subject, Schedule(LIFE))
    assert isinstance(driver.machine, RotatingMachine)
    driver.start()
    assert driver.machine.last_proof_ms == driver.clock.now().wall_ms
    assert driver.machine.last_error == ""
    assert driver.machine.book.orders == {}


def test_a_look_that_is_under_way_is_not_disturbed(live: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its answers would be lost with the old connection; after a bounded while the rotation comes all the same."""
    rotating_machine: Any = live.machine
    machine = rotating_machine._main
    monkeypatch.setattr(type(machine), "is_looking", property(lambda _: True))
    live.advance(0.002 + PUT_OFF * 3)
    assert not live.asked_for(Open)
    live.advance(PUT_OFF * MOST_PUT_OFF)
    assert len(live.asked_for(Open)) == 1


def test_a_rotation_that_waited_comes_when_the_look_is_over(live: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    rotating_machine: Any = live.machine
    machine = rotating_machine._main
    with monkeypatch.context() as patch:
        patch.setattr(type(machine), "is_looking", property(lambda _: True))
        live.advance(0.002)
    live.advance(PUT_OFF)
    assert len(live.asked_for(Open)) == 1
