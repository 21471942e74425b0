"""Streams on a listen key: its hour, its renewal, its ends."""

from __future__ import annotations

from typing import Any

import pytest

from jexkit.core.lifecycle import Phase, State
from jexkit.core.listen_key import KEY_LIFE
from jexkit.core.values import Call, Drop, Open, Ping
from jexkit.core.waiting import COMMAND_WITHIN
from jexkit.errors import (
    AuthenticationError,
    BadRequest,
    ExchangeDown,
    JexkitError,
    ListenKeyUnknown,
    PermissionDenied,
    RateLimited,
    TransportError,
    WaitTimeout,
)
from jexkit.events import Lost, Suspended, SuspendReason
from jexkit.testing.conformance import BINANCE_PM, JEX, Subject
from jexkit.testing.conformance.listen_keys import LISTEN_KEY
from jexkit.testing.conversation import Script
from jexkit.testing.driver import Driver

PATHS = {"binance_pm": "/papi/v1/listenKey", "jex": "/api/v1/userDataStream"}
GONE = ListenKeyUnknown("this listen key does not exist", code=-1125)
DOWN = ExchangeDown("it is down", status=503)


@pytest.fixture(params=[BINANCE_PM, JEX], ids=str)
def subject(request: pytest.FixtureRequest) -> Subject:
    return request.param


@pytest.fixture
def live(subject: Subject) -> Driver:
    driver = subject.driver()
    driver.start()
    driver.forget()
    return driver


def on_put(driver: Driver, subject: Subject, *answers: Any) -> None:
    driver.counterpart.answers.set("PUT", PATHS[subject.exchange], Script(*answers))


def on_post(driver: Driver, subject: Subject, *answers: Any) -> None:
    driver.counterpart.answers.set("POST", PATHS[subject.exchange], Script(*answers))


def test_the_key_is_in_the_address(subject: Subject) -> None:
    """And nowhere that is printed."""
    driver = subject.driver()
    driver.start()
    (order,) = driver.asked_for(Open)
    assert order.url == f"{subject.account().ws_url}/ws/{LISTEN_KEY}"
    assert LISTEN_KEY not in repr(order)


def test_live_begins_with_a_ping(subject: Subject) -> None:
    """The handshake is no proof: a dead key gets one too. The answer to a ping is."""
    driver = subject.driver()
    driver.start()
    assert len(driver.asked_for(Ping)) == 1


@pytest.mark.parametrize(("chance", "wait"), [(0.0, 1800.0), (0.5, 1620.0), (0.99, 1443.6)])
def test_renewals_come_early_and_spread(live: Driver, chance: float, wait: float) -> None:
    """Every 30 minutes, up to a fifth earlier, and long before the hour is over."""
    live.clock.throw(chance)
    live.advance(2000.0)  # the wait for the first one was drawn before
    renewals = live.machine.counters["keepalives"]
    live.advance(max(0.0, _keepalive_due(live) - live.clock.monotonic()))
    assert live.machine.counters["keepalives"] == renewals + 1
    assert _keepalive_due(live) - live.clock.monotonic() == pytest.approx(wait)


def _keepalive_due(driver: Driver) -> float:
    return driver.machine._timers["keepalive"][0]


def test_a_shorter_interval_can_be_asked_for(subject: Subject) -> None:
    """``keepalive=`` of the account."""
    driver = subject.driver(keepalive=60.0)
    driver.start()
    driver.advance(3600.0)
    assert 60 <= driver.machine.counters["keepalives"] <= 76


@pytest.mark.parametrize("error", [DOWN, TransportError("no network"), RateLimited("slowly", retry_after=30)], ids=type)
def test_a_renewal_that_fails_is_tried_again(subject: Subject, live: Driver, error: JexkitError) -> None:
    """The stream goes on meanwhile: the key still has half of its hour."""
    on_put(live, subject, error, error, error, {})
    live.advance(2400.0)
    assert live.state() is State.LIVE
    assert live.machine.counters["keepalive_failures"] == 3
    assert live.machine.counters["keepalives"] == 1
    assert live.events == []


def test_a_renewal_waits_as_long_as_it_is_told(subject: Subject, live: Driver) -> None:
    """``Retry-After`` counts for keepalives as well."""
    on_put(live, subject, RateLimited("slowly", retry_after=600), {})
    live.advance(1801.0)
    asked = live.counterpart.answers.asked("PUT", PATHS[subject.exchange])
    live.advance(400.0)
    assert (asked, live.counterpart.answers.asked("PUT", PATHS[subject.exchange])) == (1, 1)
    live.advance(300.0)
    assert live.machine.counters["keepalives"] == 1


def test_renewals_that_fail_for_an_hour_lead_to_a_new_key(subject: Subject, live: Driver) -> None:
    """Before the key dies the stream changes to a new one, and says so."""
    on_put(live, subject, DOWN)
    live.advance(KEY_LIFE)
    assert [event.reason for event in live.told(Suspended)] == [SuspendReason.KEY_EXPIRED]
    assert live.told(Suspended)[0].time_ms < live.clock.now().wall_ms
    live.advance(120.0)
    assert live.state() is State.LIVE
    assert live.machine.counters["listen_keys"] == 2


@pytest.mark.parametrize("error", [GONE, BadRequest("what?")], ids=type)
def test_a_key_that_is_gone_is_replaced_at_once(subject: Subject, live: Driver, error: JexkitError) -> None:
    """-1125 says that the stream has been deaf since who knows when."""
    on_put(live, subject, error, {})
    live.advance(1801.0)
    assert [event.reason for event in live.told(Suspended)] == [SuspendReason.KEY_EXPIRED]
    live.advance(60.0)
    assert live.state() is State.LIVE


@pytest.mark.parametrize(
    "error", [AuthenticationError("wrong key", code=-2015), PermissionDenied("not from here")], ids=type
)
def test_a_refused_renewal_ends_the_stream(subject: Subject, live: Driver, error: JexkitError) -> None:
    """A key that was revoked is not good again in five seconds."""
    on_put(live, subject, error)
    live.advance(1801.0)
    assert [event.error for event in live.told(Lost)] == [type(error).__name__]


def test_a_key_that_cannot_be_had_is_asked_for_again(subject: Subject) -> None:
    """With growing waits, on no connection."""
    driver = subject.driver()
    on_post(driver, subject, DOWN, TransportError("no network"), {"listenKey": LISTEN_KEY})
    driver.start()
    assert driver.machine.phase is Phase.WAITING
    driver.advance(10.0)
    assert driver.state() is State.LIVE
    assert len(driver.asked_for(Open)) == 1


def test_creating_a_key_that_is_the_same_renews_it(subject: Subject, live: Driver) -> None:
    """The exchange gives out the active key and starts its hour anew."""
    live.advance(1000.0)
    ticket = live.command("create_listen_key")
    assert live.answers[ticket].result == LISTEN_KEY
    assert live.state() is State.LIVE
    assert _keepalive_due(live) - live.clock.monotonic() > 1400


def test_creating_another_key_moves_the_stream_to_it(subject: Subject, live: Driver) -> None:
    """An exchange that gives out a new key may have closed the old one without a word."""
    on_post(live, subject, {"listenKey": "another" * 9})
    ticket = live.command("create_listen_key")
    assert live.answers[ticket].result == "another" * 9
    assert live.told(Suspended)[0].reason is SuspendReason.KEY_EXPIRED
    live.advance(60.0)
    assert live.state() is State.LIVE
    assert live.asked_for(Open)[-1].url.endswith("another" * 9)


def test_closing_the_key_moves_the_stream_to_a_new_one(subject: Subject, live: Driver) -> None:
    """The program asked for it, and the stream says so."""
    live.command("close_listen_key", listen_key="")
    assert live.told(Suspended)[0].reason is SuspendReason.REQUESTED
    assert len(live.asked_for(Drop)) == 1
    live.advance(60.0)
    assert live.state() is State.LIVE


def test_closing_the_key_succeeds_though_the_connection_ends_first(subject: Subject, live: Driver) -> None:
    """The exchange cuts the stream of a key that is closed; its answer to the command may come after that."""
    live.holding = True
    ticket = live.command("close_listen_key", listen_key="")
    live.close("the exchange closed the connection (1000)")
    assert ticket not in live.answers
    live.step()
    assert live.answers[ticket].error is None
    live.holding = False
    live.advance(60.0)
    assert live.state() is State.LIVE
    assert [event.reason for event in live.told(Suspended)] == [SuspendReason.CLOSED]


def test_a_late_answer_says_nothing_of_a_later_connection(subject: Subject) -> None:
    """The stream is live on another key by then, and stays so; what was renewed is not its key."""
    commands: tuple[tuple[str, dict[str, str]], ...] = (
        ("close_listen_key", {"listen_key": ""}),
        ("keepalive_listen_key", {"listen_key": ""}),
    )
    for name, arguments in commands:
        live = subject.driver()
        live.start()
        live.mute = True
        live.command(name, **arguments)
        (call,) = live.calls
        live.close("gone", broken=True)
        live.mute = False
        on_post(live, subject, {"listenKey": "another" * 9})
        live.advance(5.0)
        assert live.state() is State.LIVE
        due, lives = _keepalive_due(live), live.machine.counters["lives"]
        live.machine.replied(call.call, None, live.clock.now())
        assert live.state() is State.LIVE
        assert (_keepalive_due(live), live.machine.counters["lives"]) == (due, lives)
        assert live.machine.counters["keepalives"] == 0


def test_a_command_over_http_ends_in_time_whatever_becomes_of_the_connection(subject: Subject, live: Driver) -> None:
    """Its deadline outlives the connection too."""
    live.mute = True
    ticket = live.command("close_listen_key", listen_key="")
    live.close("gone", broken=True)
    live.advance(COMMAND_WITHIN)
    assert isinstance(live.answers[ticket].error, WaitTimeout)


def test_renewing_another_key_is_none_of_the_streams_business(subject: Subject, live: Driver) -> None:
    """The hour of the stream's own key goes on."""
    due = _keepalive_due(live)
    live.command("keepalive_listen_key", listen_key="of somebody else")
    assert live.machine.counters["keepalives"] == 0
    assert _keepalive_due(live) == due
    on_put(live, subject, GONE)
    live.command("keepalive_listen_key", listen_key="of somebody else")
    assert live.state() is State.LIVE


def test_a_key_that_the_program_finds_gone_is_replaced(subject: Subject, live: Driver) -> None:
    """The program's own renewal may be the first to learn that the stream's key is dead."""
    on_put(live, subject, GONE, {})
    ticket = live.command("keepalive_listen_key", listen_key="")
    assert isinstance(live.answers[ticket].error, ListenKeyUnknown)
    assert [event.reason for event in live.told(Suspended)] == [SuspendReason.KEY_EXPIRED]


def test_the_key_is_closed_on_stop_only_if_asked_for(subject: Subject) -> None:
    """Closing it silences every other program on the account."""
    for wanted in (False, True):
        driver = subject.driver(close_key_on_stop=wanted)
        driver.start()
        driver.forget()
        driver.stop()
        assert [call.what for call in driver.asked_for(Call)] == ["close the listen key"] * wanted
        assert driver.counterpart.answers.asked("DELETE", PATHS[subject.exchange]) == wanted


def test_a_machine_that_slept_asks_at_once_whether_the_key_still_lives(subject: Subject, live: Driver) -> None:
    """The monotonic clock stands still meanwhile: by it the renewal would be half an hour off."""
    live.tick()
    live.clock.set_wall(live.clock.now().wall_ms + 8 * 3_600_000)
    on_put(live, subject, GONE, {})
    live.tick()
    assert live.asked_for(Ping)
    assert [event.reason for event in live.told(Suspended)] == [SuspendReason.KEY_EXPIRED]
    live.advance(60)
    assert live.state() is State.LIVE


def test_a_clock_that_is_set_back_raises_no_doubt(live: Driver) -> None:
    """Nothing can have been slept through then."""
    live.tick()
    live.clock.set_wall(live.clock.now().wall_ms - 8 * 3_600_000)
    live.forget()
    live.tick()
    assert live.outputs == []
