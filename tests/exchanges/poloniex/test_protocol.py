"""Poloniex's session: the login, one command at a time, the client's pings."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from jexkit.core.lifecycle import Phase, State
from jexkit.core.recovering import DOUBTS, FIRST_PATIENCE, SETTLE
from jexkit.core.values import Call, Open
from jexkit.errors import SubscriptionRefused, TransportError
from jexkit.events import BalanceUpdate, Lost, OrderUpdate, Suspended, SuspendReason, Unknown
from jexkit.exchanges.poloniex.protocol import ANSWER_WITHIN, CLOCK_IS_FRESH, MAINTENANCE, PING_EVERY
from jexkit.testing.conformance import POLONIEX
from jexkit.testing.driver import Driver

PING = {"event": "ping"}
PONG = {"event": "pong"}

Hears = Callable[[Any], Iterable[Any]]


def started(**settings: Any) -> Driver:
    driver = POLONIEX.driver(**settings)
    driver.start()
    return driver


@pytest.fixture
def live() -> Driver:
    driver = started()
    assert driver.state() is State.LIVE
    driver.forget()
    return driver


@pytest.fixture
def silent(live: Driver) -> Driver:
    """Live, and answered by the test alone."""
    live.mute = True
    return live


def spoil(driver: Driver, event: str, *answers: Any) -> None:
    """Answer the client's ``event`` (logins apart) with these frames."""
    hears: Hears = driver.counterpart.hears
    driver.counterpart.hears = lambda frame: (
        answers if frame["event"] == event and frame.get("channel") != ["auth"] else hears(frame)
    )


def without_pings(driver: Driver) -> list[Any]:
    return [frame for frame in driver.sent if frame != PING]


# --- the way in -------------------------------------------------------------------------------------------------------


def test_the_way_in() -> None:
    """The exchange's clock, the login, then one subscription for channels with the same symbols."""
    driver = started()
    login, subscription = without_pings(driver)
    assert login["channel"] == ["auth"]
    assert subscription == {"event": "subscribe", "channel": ["orders", "balances"], "symbols": ["all"]}
    assert driver.asked_for(Open)[0].headers["User-Agent"].startswith("jexkit")


def test_the_login_is_signed_with_the_exchanges_time() -> None:
    driver = POLONIEX.driver()
    driver.counterpart.answers.set(
        "GET", "/timestamp", lambda request: {"serverTime": driver.clock.now().wall_ms + 90_000}
    )
    driver.start()
    sent = driver.sent[0]["params"]
    account = POLONIEX.account()
    text = f"GET\n/ws\nsignTimestamp={driver.clock.now().wall_ms + 90_000}"
    digest = hmac.new(account.secret_key.encode(), text.encode(), hashlib.sha256).digest()
    assert sent["signature"] == base64.b64encode(digest).decode()
    assert sent["key"] == account.api_key


def test_nothing_is_subscribed_before_the_login_is_answered() -> None:
    driver = POLONIEX.driver()
    driver.holding = True
    driver.start()
    while driver.machine.phase is not Phase.ENTERING:
        driver.step()
    assert [frame.get("channel") for frame in driver.sent] == [["auth"]]
    driver.step()
    assert driver.sent[-1]["channel"] == ["orders", "balances"]
    assert driver.machine.phase is Phase.ENTERING


def test_live_waits_for_every_channels_own_answer() -> None:
    driver = POLONIEX.driver()
    spoil(driver, "subscribe", {"channel": "orders", "event": "subscribe"})
    driver.start()
    assert driver.machine.phase is Phase.ENTERING
    driver.text({"channel": "balances", "event": "SUBSCRIBE"})  # in the spelling of older documents
    assert driver.state() is State.LIVE


def clock_reads(driver: Driver) -> int:
    return sum(call.what == "read the exchange's clock" for call in driver.asked_for(Call))


def test_a_clock_that_cannot_be_read_does_not_hold_the_stream_up() -> None:
    """REST being away says nothing about the websocket."""
    driver = POLONIEX.driver()
    driver.counterpart.answers.set("GET", "/timestamp", TransportError("no network"))
    driver.start()
    assert driver.machine.counters["logins"] == 1
    driver.advance(FIRST_PATIENCE)
    assert driver.state() is State.LIVE


def test_the_clock_is_read_once() -> None:
    """Reconnections go by what is known of it."""
    driver = started()
    for _ in range(3):
        driver.close(broken=True)
        driver.advance(60)
    assert driver.machine.counters["connections"] == 4
    assert clock_reads(driver) == 1


def test_the_clock_is_read_again_when_ours_was_set() -> None:
    """A login signed with a wrong time looks like one with a wrong key, and would be the end of the stream."""
    driver = started()
    driver.clock.set_wall(driver.clock.now().wall_ms - 3_600_000)
    driver.close(broken=True)
    driver.advance(60)
    assert driver.state() is State.LIVE
    assert clock_reads(driver) == 2


def test_a_refused_login_with_an_old_clock_reads_the_clock_again(live: Driver) -> None:
    """The clocks may have drifted apart; with a fresh one the refusal is final."""
    live.advance(CLOCK_IS_FRESH * 10)
    live.counterpart.deny()
    live.close(broken=True)
    live.advance(60)
    assert live.state() is State.LOST
    assert clock_reads(live) == 1  # the one before the first login is forgotten
    assert len(live.told(Lost)) == 1


def test_a_refused_subscription_ends_the_stream() -> None:
    """A stream without its channels would miss things in silence."""
    driver = POLONIEX.driver()
    spoil(driver, "subscribe", {"event": "error", "message": "Subscription failed (invalid symbol)"})
    driver.start()
    assert driver.state() is State.LOST
    error = driver.outputs[-1].error
    assert isinstance(error, SubscriptionRefused)
    assert error.channels == ("balances", "orders")


def test_maintenance_is_waited_out(live: Driver) -> None:
    """It is told as an error that is about no command."""
    live.text({"event": "error", "message": MAINTENANCE})
    assert live.told(Suspended)[0].reason is SuspendReason.MAINTENANCE


# --- pings ------------------------------------------------------------------------------------------------------------


def test_the_client_pings_even_while_messages_come(live: Driver) -> None:
    """What the exchange sends does not keep the connection: only what we send does."""
    for number in range(60):
        live.advance(1)
        live.text(POLONIEX.order(number))
    assert live.sent.count(PING) == 60 / PING_EVERY


def test_pongs_are_the_proof_of_life(silent: Driver) -> None:
    for _ in range(30):
        silent.advance(PING_EVERY)
        silent.text(PONG)
    assert silent.state() is State.LIVE
    assert silent.machine.counters["pongs"] == 30


# --- one command at a time --------------------------------------------------------------------------------------------


def test_a_command_waits_for_the_answer_to_the_one_before(silent: Driver) -> None:
    """Frames carry no number: an answer belongs to what was sent last."""
    first = silent.command("subscribe", channels=("orders",), symbols=("BTC_USDT",))
    second = silent.command("list_subscriptions")
    assert [frame["event"] for frame in silent.sent] == ["subscribe"]
    silent.text({"channel": "orders", "event": "subscribe"})
    assert [frame["event"] for frame in silent.sent] == ["subscribe", "list_subscriptions"]
    silent.text({"subscriptions": ["orders", "balances"]})
    assert silent.answers[first].result == ("orders",)
    assert silent.answers[second].result == ("orders", "balances")


def test_an_error_belongs_to_the_command_under_way(silent: Driver) -> None:
    """And the next one follows."""
    first = silent.command("subscribe", channels=("orders",), symbols=("NO_SUCH",))
    second = silent.command("list_subscriptions")
    silent.text({"event": "error", "message": "Symbol not found"})
    assert isinstance(silent.answers[first].error, SubscriptionRefused)
    assert "Symbol not found" in str(silent.answers[first].error)
    silent.text({"subscriptions": []})
    assert silent.answers[second].result == ()


def test_an_unanswered_command_makes_room_for_the_next(silent: Driver) -> None:
    first = silent.command("list_subscriptions")
    silent.command("list_subscriptions")
    silent.advance(ANSWER_WITHIN / 2)
    silent.text(PONG)
    silent.advance(ANSWER_WITHIN / 2)
    assert isinstance(silent.answers[first].error, TransportError)
    assert len(without_pings(silent)) == 2


def test_what_nobody_asked_for_is_told_whole(live: Driver) -> None:
    """An error out of the blue, and an event that this version does not know."""
    for message in ({"event": "error", "message": "what?"}, {"event": "wow", "data": [1]}):
        live.text(message)
    assert [event.native_kind for event in live.told(Unknown)] == ["error", "wow"]
    assert live.state() is State.LIVE


def test_answers_to_nothing_are_nothing(silent: Driver) -> None:
    for message in (
        {"channel": "orders", "event": "subscribe"},
        {"subscriptions": ["orders"]},
        {"channel": "auth", "data": {"success": True}},
    ):
        assert silent.text(message) == []
    silent.command("list_subscriptions")
    assert silent.text({"channel": "orders", "event": "unsubscribe"}) == []


def test_a_message_between_command_and_answer_is_a_message(silent: Driver) -> None:
    silent.command("list_subscriptions")
    silent.text(POLONIEX.order(1))
    assert len(silent.told(OrderUpdate)) == 1


def test_what_the_program_subscribed_is_subscribed_again() -> None:
    """Symbols add up, "all" takes them all in, and what was unsubscribed is not asked for any more."""
    live = started(symbols=["LINK_USDC"])
    live.command("unsubscribe", channels=("balances",), symbols=())
    live.command("subscribe", channels=("orders",), symbols=("BTC_USDT",))
    live.command("subscribe", channels=("orders",), symbols=("ETH_USDT",))
    live.command("unsubscribe", channels=("orders",), symbols=("BTC_USDT",))
    assert subscribed_again(live) == [["LINK_USDC", "ETH_USDT"]]
    live.command("subscribe", channels=("orders",), symbols=("all",))
    assert subscribed_again(live) == [["all"]]


def subscribed_again(driver: Driver) -> list[list[str]]:
    """The symbols of the subscriptions after a reconnection."""
    driver.forget()
    driver.close(broken=True)
    driver.advance(60)
    assert driver.state() is State.LIVE
    return [frame["symbols"] for frame in without_pings(driver) if frame.get("channel") == ["orders"]]


def test_an_error_that_may_pass_is_no_end() -> None:
    """On the way in only a refusal that would come again is final."""
    driver = POLONIEX.driver()
    spoil(driver, "subscribe", {"event": "error", "message": "Request failed, please retry"})
    driver.start()
    assert driver.state() is State.CONNECTING
    assert not driver.told(Lost)


@pytest.mark.parametrize(
    ("words", "state"),
    [
        ("Subscription failed", State.SUSPENDED),
        ("Bad request", State.SUSPENDED),
        ('Invalid channel value ["orders"]', State.LOST),
        ("no valid symbols", State.LOST),
    ],
)
def test_what_was_granted_before_is_asked_for_again(live: Driver, words: str, state: State) -> None:
    """A refusal that says nothing of why, such as for too many connections, may pass; any other is final."""
    spoil(live, "subscribe", {"event": "error", "message": words})
    live.close("gone", broken=True)
    live.advance(2.0)
    assert live.state() is state


def test_wrong_keys_are_final_although_the_clock_cannot_be_read() -> None:
    """No login is tried for ever because REST is away as well."""
    driver = POLONIEX.driver()
    driver.counterpart.answers.set("GET", "/timestamp", TransportError("no network"))
    driver.counterpart.deny()
    driver.start()
    driver.advance(600)
    assert driver.state() is State.LOST
    assert driver.machine.link <= 2


def test_the_exchanges_words_are_shown_without_the_key() -> None:
    """A server that quotes the key in its refusal does not get it into an error."""
    account = POLONIEX.account()
    driver = POLONIEX.driver()
    driver.counterpart.hears = lambda frame: [
        {"channel": "auth", "data": {"success": False, "message": f"key {account.api_key} is {account.secret_key}"}}
    ]
    driver.start()
    (lost,) = driver.told(Lost)
    assert account.api_key not in lost.detail
    assert account.secret_key not in lost.detail


def test_a_stream_without_channels_is_live_after_the_login(live: Driver) -> None:
    """Everything unsubscribed: nothing is to be confirmed on the next connection."""
    live.command("unsubscribe", channels=("balances", "orders"), symbols=())
    live.close(broken=True)
    live.advance(60)
    assert live.state() is State.LIVE


def test_all_forms_of_a_subscription(live: Driver) -> None:
    """With symbols, with all, and without."""
    for channels, symbols in ((("orders",), ("BTC_USDT",)), (("orders",), ("all",)), (("balances",), ())):
        live.forget()
        ticket = live.command("subscribe", channels=channels, symbols=symbols)
        frame = {"event": "subscribe", "channel": list(channels), **({"symbols": list(symbols)} if symbols else {})}
        assert without_pings(live) == [frame]
        assert live.answers[ticket].result == channels


def test_a_balance_that_comes_twice_is_known_by_its_number(live: Driver) -> None:
    """Of the same millisecond: what has a number that was told is a copy, and nobody has to be asked."""
    row = {
        "accountType": "SPOT",
        "currency": "BTC",
        "hold": "0",
        "changeTime": 1_657_312_008_411,
        "ts": 1_657_312_008_443,
    }
    for number, available in ((7, "1"), (8, "2"), (7, "1"), (9, "1")):
        live.text({"channel": "balances", "data": [{**row, "id": number, "available": available}]})
    assert [event.free for event in live.told(BalanceUpdate)] == [1, 2, 1]
    live.advance(SETTLE)
    assert live.asked_for(Call) == []


def test_a_balance_without_a_number_that_comes_twice_is_asked_for(live: Driver) -> None:
    row = {
        "accountType": "SPOT",
        "currency": "BTC",
        "hold": "0",
        "changeTime": 1_657_312_008_411,
        "ts": 1_657_312_008_443,
    }
    for available in ("1", "2", "1"):
        live.text({"channel": "balances", "data": [{**row, "available": available}]})
    live.advance(SETTLE)
    assert live.asked_for(Call)[0].what == DOUBTS
