"""Deribit's session: the way in, heartbeats, tokens, subscriptions and refusals."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

import pytest

from jexkit.core import exact
from jexkit.core.lifecycle import Phase, State
from jexkit.core.recovering import DOUBTS, SECOND_LOOK_AFTER, SETTLE, UNTOLD_AFTER
from jexkit.core.rotation import BEFORE_THE_CUT, SPREAD, Schedule
from jexkit.core.values import Call, Drop, Open, sorted_by_use
from jexkit.core.waiting import NEVER
from jexkit.errors import AuthenticationError, BadRequest, SubscriptionRefused, TransportError
from jexkit.events import AccountNotice, BalanceUpdate, Lost, NoticeKind, Suspended, SuspendReason
from jexkit.exchanges.deribit.protocol import ANSWER_WITHIN, EVERYTHING, EXTRAS
from jexkit.testing.conformance import DERIBIT
from jexkit.testing.conformance.deribit import ACCESS_TOKEN, REFRESH_TOKEN
from jexkit.testing.conformance.subject import rotating
from jexkit.testing.driver import Driver

TEST_REQUEST = {"jsonrpc": "2.0", "method": "heartbeat", "params": {"type": "test_request"}}
SUMMARIES = ("GET", "/api/v2/private/get_account_summaries")
HEARTBEAT = {"jsonrpc": "2.0", "method": "heartbeat", "params": {"type": "heartbeat"}}

Hears = Callable[[Any], Iterable[Any]]


def started(**settings: Any) -> Driver:
    driver = DERIBIT.driver(**settings)
    driver.start()
    return driver


@pytest.fixture
def live() -> Driver:
    driver = started()
    assert driver.state() is State.LIVE
    driver.forget()
    return driver


def spoil(driver: Driver, method: str, **answer: Any) -> None:
    """Answer ``method`` with these members in place of the healthy result; with none, not at all."""
    hears: Hears = driver.counterpart.hears

    def spoilt(frame: Any) -> Iterable[Any]:
        if frame["method"] != method:
            return hears(frame)
        return [{"jsonrpc": "2.0", "id": frame["id"], **answer}] if answer else []

    driver.counterpart.hears = spoilt


def methods(driver: Driver) -> list[str]:
    return [frame["method"] for frame in driver.sent]


def params(driver: Driver, method: str) -> Any:
    return next(frame["params"] for frame in reversed(driver.sent) if frame["method"] == method)


# --- the way in -------------------------------------------------------------------------------------------------------


def test_the_way_in() -> None:
    """Greeting, login, heartbeat, and one subscription for everything."""
    driver = started(currencies=["BTC", "ETH"])
    wanted = ["public/hello", "public/auth", "public/set_heartbeat", "private/subscribe"]
    assert methods(driver) == wanted
    portfolios = ["user.portfolio.BTC", "user.portfolio.ETH"]
    assert params(driver, "private/subscribe")["channels"] == [*EVERYTHING, *portfolios, *EXTRAS]
    assert params(driver, "public/set_heartbeat") == {"interval": 30}
    assert all(frame["jsonrpc"] == "2.0" for frame in driver.sent)
    assert len({frame["id"] for frame in driver.sent}) == 4


def test_nothing_is_asked_before_the_login_is_answered() -> None:
    """A private call without a token would cost the connection."""
    driver = DERIBIT.driver()
    driver.holding = True
    driver.start()
    driver.step()  # open
    assert methods(driver) == ["public/hello"]
    driver.step()
    assert methods(driver)[-1] == "public/auth"
    assert driver.machine.phase is Phase.ENTERING
    driver.step()
    assert methods(driver)[-1] == "private/subscribe"


def test_client_credentials_send_the_secret_once() -> None:
    driver = started(scope="account:read trade:read")
    sent = params(driver, "public/auth")
    account = DERIBIT.account()
    assert sent == {
        "grant_type": "client_credentials",
        "client_id": account.client_id,
        "client_secret": account.client_secret,
        "scope": "account:read trade:read",
    }
    assert [account.client_secret in str(frame) for frame in driver.sent].count(True) == 1


def test_client_signature_never_sends_the_secret() -> None:
    """The signature is made with the exchange's time, which the greeting has told."""
    driver = DERIBIT.driver(grant="client_signature")
    driver.clock.throw(0.25)
    ahead_ms = 7_000
    hears: Hears = driver.counterpart.hears
    driver.counterpart.hears = lambda frame: [
        {**answer, "usOut": (driver.clock.now().wall_ms + ahead_ms) * 1000} for answer in hears(frame)
    ]
    driver.start()
    sent = params(driver, "public/auth")
    secret = DERIBIT.account().client_secret
    text = f"{sent['timestamp']}\n{sent['nonce']}\n{sent['data']}"
    assert sent["timestamp"] == driver.clock.now().wall_ms + ahead_ms
    assert sent["signature"] == hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    assert not any(secret in str(frame) for frame in driver.sent)


def test_private_calls_carry_the_token() -> None:
    """Without a named session only they may be made, with it they may as well."""
    driver = started(cancel_on_disconnect="connection")
    private = [frame for frame in driver.sent if frame["method"].startswith("private/")]
    assert len(private) == 2
    assert all(frame["params"]["access_token"] == ACCESS_TOKEN for frame in private)


@pytest.mark.parametrize("scope", ["connection", "account"])
def test_cancel_on_disconnect_is_on_before_the_stream_is_live(scope: str) -> None:
    """Live means that the exchange has confirmed it."""
    driver = DERIBIT.driver(cancel_on_disconnect=scope)
    spoil(driver, "private/enable_cancel_on_disconnect")
    driver.start()
    assert params(driver, "private/enable_cancel_on_disconnect")["scope"] == scope
    assert driver.machine.phase is Phase.ENTERING
    driver.advance(ANSWER_WITHIN)
    assert driver.machine.phase is Phase.WAITING


def test_a_refused_greeting_is_no_reason_to_stay_away() -> None:
    driver = DERIBIT.driver()
    spoil(driver, "public/hello", error={"code": -32601, "message": "Method not found"})
    driver.start()
    assert driver.state() is State.LIVE


# --- subscriptions ----------------------------------------------------------------------------------------------------


def test_a_channel_that_is_left_out_without_a_word_is_an_error() -> None:
    """The answer has fewer channels than were asked for: the stream would miss things in silence."""
    driver = DERIBIT.driver()
    spoil(driver, "private/subscribe", result=[*EVERYTHING, *EXTRAS])
    driver.start()
    assert driver.state() is State.LOST
    error = driver.outputs[-1].error
    assert isinstance(error, SubscriptionRefused)
    assert error.channels == ("user.portfolio.any",)
    assert "user.portfolio.any" in driver.told(Lost)[0].detail


def test_a_lost_extra_is_told_and_no_more() -> None:
    """Locks and liquidations need a scope that not every key has."""
    driver = DERIBIT.driver()
    spoil(driver, "private/subscribe", result=[*EVERYTHING, "user.portfolio.any", "user.lock"])
    driver.start()
    assert driver.state() is State.LIVE
    (notice,) = driver.told(AccountNotice)
    assert (notice.kind, notice.native_kind) == (NoticeKind.ACCESS, "user.liquidation")


def test_names_are_compared_without_regard_to_case() -> None:
    """The exchange prints currencies as it likes."""
    driver = DERIBIT.driver(currencies=["BTC"])
    spoil(driver, "private/subscribe", result=[*EVERYTHING, *EXTRAS, "user.portfolio.btc"])
    driver.start()
    assert driver.state() is State.LIVE


def test_own_channels_are_all_that_is_subscribed() -> None:
    driver = started(channels=["user.orders.BTC-PERPETUAL.raw"])
    assert params(driver, "private/subscribe")["channels"] == ["user.orders.BTC-PERPETUAL.raw"]


def test_a_reconnection_logs_in_and_subscribes_again(live: Driver) -> None:
    live.close(broken=True)
    live.advance(5)
    assert live.state() is State.LIVE
    wanted = ["public/hello", "public/auth", "public/set_heartbeat", "private/subscribe"]
    assert methods(live) == [*wanted, "public/test"]  # see ``portfolios``


def test_the_portfolio_is_news_only_when_amounts_change(live: Driver) -> None:
    """It comes with every move of a mark price."""
    for equity, delta in (("1.5", 1), ("1.5", 2), ("1.6", 2)):
        data = {"currency": "BTC", "equity": Decimal(equity), "balance": Decimal("1.5"), "delta_total": delta}
        params = {"channel": "user.portfolio.btc", "data": data}
        live.text({"jsonrpc": "2.0", "method": "subscription", "params": params})
        live.advance(1)
    assert [str(update.equity) for update in live.told(BalanceUpdate)] == ["1.5", "1.6"]


# --- heartbeats -------------------------------------------------------------------------------------------------------


def test_a_test_request_is_answered_at_once_and_once(live: Driver) -> None:
    """It is due the moment it comes; two ticks, from scheduler and reader, send one answer."""
    live.text(TEST_REQUEST)
    assert live.machine.due == live.clock.monotonic()
    assert live.sent == []
    live.tick()
    live.tick()
    assert methods(live) == ["public/test"]
    assert live.machine.counters["heartbeats_answered"] == 1


def test_a_plain_heartbeat_wants_no_answer(live: Driver) -> None:
    """It is a proof of life all the same."""
    live.mute = True
    for _ in range(20):
        live.advance(30 * 0.6)
        live.text(HEARTBEAT)
    assert live.sent == []
    assert live.state() is State.LIVE


def test_an_interval_that_was_set_holds_on_the_next_connection(live: Driver) -> None:
    """``session.set_heartbeat(60)`` is not forgotten by a reconnection; a refused one is."""
    live.command("set_heartbeat", interval=60)
    live.close(broken=True)
    live.advance(60)
    assert params(live, "public/set_heartbeat") == {"interval": 60}
    spoil(live, "public/set_heartbeat", error={"code": -32602, "message": "Invalid params"})
    ticket = live.command("set_heartbeat", interval=5)
    assert isinstance(live.answers[ticket].error, BadRequest)
    assert live.machine.heartbeat == 60


# --- tokens -----------------------------------------------------------------------------------------------------------


def test_tokens_are_renewed_on_the_open_connection(live: Driver) -> None:
    """At four fifths of their life, with the refresh token."""
    live.advance(900 * 0.8 - 1)
    assert "public/auth" not in methods(live)
    live.advance(2)
    assert params(live, "public/auth") == {"grant_type": "refresh_token", "refresh_token": REFRESH_TOKEN}
    assert (live.link, live.machine.counters["token_renewals"]) == (1, 1)


def test_a_refused_refresh_token_is_replaced_by_a_login(live: Driver) -> None:
    """On the same connection, and unseen by the program."""
    hears: Hears = live.counterpart.hears
    refusal = {"error": {"code": 13009, "message": "unauthorized"}}
    live.counterpart.hears = lambda frame: (
        [{"jsonrpc": "2.0", "id": frame["id"], **refusal}]
        if frame["params"].get("grant_type") == "refresh_token"
        else hears(frame)
    )
    live.advance(900)
    assert params(live, "public/auth")["grant_type"] == "client_credentials"
    assert (live.state(), live.link, live.events) == (State.LIVE, 1, [])


def test_a_key_that_is_gone_at_the_renewal_ends_the_stream(live: Driver) -> None:
    spoil(live, "public/auth", error={"code": 13004, "message": "invalid_credentials"})
    live.advance(900)
    assert live.state() is State.LOST


@pytest.mark.parametrize(("expires_in", "wait"), [(31_536_000, 7 * 86_400), (None, 600), (0.1, 1)])
def test_odd_lives_of_tokens(expires_in: Any, wait: float) -> None:
    """A year, none told, next to nothing: never a timer that is too long, and never one that spins."""
    driver = DERIBIT.driver()
    tokens = {"access_token": "a", "refresh_token": "r", "expires_in": expires_in}
    spoil(driver, "public/auth", result=tokens)
    driver.start()
    assert driver.machine._timers["token"][0] - driver.clock.monotonic() == wait


def test_tokens_do_not_outlive_their_connection(live: Driver) -> None:
    live.close(broken=True)
    assert (live.machine._access_token, live.machine._refresh_token) == ("", "")


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "message",
    [
        {"jsonrpc": "2.0", "id": 77, "error": {"code": 10028, "message": "too_many_requests"}},
        {"jsonrpc": "2.0", "error": {"code": 10028, "message": "too_many_requests"}},
    ],
    ids=["of a request", "of the connection"],
)
def test_too_many_requests_end_the_connection(live: Driver, message: dict[str, Any]) -> None:
    """The exchange is about to close it; we leave first and stay away for a while."""
    ticket = live.command("get_cancel_on_disconnect", scope="connection")
    live.mute = True
    ticket = live.command("get_cancel_on_disconnect", scope="connection")
    if "id" in message:
        message = {**message, "id": live.sent[-1]["id"]}
    live.text(message)
    assert live.told(Suspended)[0].reason is SuspendReason.RATE_LIMITED
    assert live.asked_for(Drop)
    assert live.answers[ticket].error is not None
    live.advance(4.9)
    assert not live.asked_for(Open)


def test_too_many_requests_at_the_greeting_end_the_connection() -> None:
    """No login is tried on a connection that is about to be closed."""
    driver = DERIBIT.driver()
    spoil(driver, "public/hello", error={"code": 10028, "message": "too_many_requests"})
    driver.start()
    assert methods(driver) == ["public/hello"]
    assert driver.machine.phase is Phase.WAITING


def test_maintenance_at_the_login_is_waited_out() -> None:
    driver = DERIBIT.driver()
    spoil(driver, "public/auth", error={"code": 11051, "message": "system_maintenance"})
    driver.start()
    assert driver.machine.phase is Phase.WAITING


def test_another_complaint_of_the_connection_is_noted_and_no_more(live: Driver) -> None:
    live.text({"jsonrpc": "2.0", "error": {"code": -32700, "message": "Parse error"}})
    assert live.state() is State.LIVE
    assert "Parse error" in live.machine.last_error


def test_answers_to_nothing_are_nothing(live: Driver) -> None:
    for message in ({"id": 12345, "result": "ok"}, {"id": None, "result": 1}, {"id": "x", "error": {"code": 1}}):
        assert live.text({"jsonrpc": "2.0", **message}) == []


# --- commands ---------------------------------------------------------------------------------------------------------


def test_a_command_gets_the_exchanges_refusal(live: Driver) -> None:
    spoil(live, "private/enable_cancel_on_disconnect", error={"code": 13021, "message": "forbidden"})
    ticket = live.command("enable_cancel_on_disconnect", scope="account")
    assert live.answers[ticket].error.code == 13021
    assert live.state() is State.LIVE


def test_commands_do_not_wait_for_one_another(live: Driver) -> None:
    """Answers carry the number of their request and may come in any order."""
    live.mute = True
    first = live.command("get_cancel_on_disconnect", scope="connection")
    second = live.command("get_cancel_on_disconnect", scope="account")
    numbers = [frame["id"] for frame in live.sent]
    live.text({"jsonrpc": "2.0", "id": numbers[1], "result": "second"})
    live.text({"jsonrpc": "2.0", "id": numbers[0], "result": "first"})
    assert (live.answers[first].result, live.answers[second].result) == ("first", "second")


def test_a_command_without_an_answer_fails(live: Driver) -> None:
    live.mute = True
    ticket = live.command("disable_heartbeat")
    live.advance(ANSWER_WITHIN)
    assert isinstance(live.answers[ticket].error, TransportError)


EXPIRED = {"code": 13009, "message": "unauthorized", "data": {"reason": "token has expired", "param": "access_token"}}


def test_a_token_that_is_not_valid_any_more_means_a_new_login(live: Driver) -> None:
    """13009 to a command: the command fails, the stream logs in, subscribes and recovers anew."""
    spoil(live, "private/get_cancel_on_disconnect", error=EXPIRED)
    ticket = live.command("get_cancel_on_disconnect", scope="connection")
    assert isinstance(live.answers[ticket].error, AuthenticationError)
    assert [event.reason for event in live.told(Suspended)] == [SuspendReason.KEY_EXPIRED]
    live.advance(60)
    assert live.state() is State.LIVE
    assert live.machine.counters["logins"] == 2


def test_a_login_that_is_called_unauthorized_is_final() -> None:
    """13009 to ``public/auth`` is a bad signature, and the same one again would be as bad."""
    driver = DERIBIT.driver()
    spoil(driver, "public/auth", error=EXPIRED)
    driver.start()
    assert driver.state() is State.LOST


@pytest.mark.parametrize(("every", "within"), [(5.0, 2.0), (60.0, 30.0)])
def test_how_soon_a_dead_connection_is_found_is_the_programs_choice(every: float, within: float) -> None:
    """After ``probe_every`` and ``probe_within`` together, and not before."""
    driver = started(probe_every=every, probe_within=within, heartbeat=600)
    driver.tick()
    driver.mute = True
    driver.advance(every + within - 0.001)
    assert driver.state() is State.LIVE
    driver.advance(0.002)
    assert driver.told(Suspended)[0].reason is SuspendReason.SILENT


# --- portfolios, which have no time of the exchange's -----------------------------------------------------------------


def portfolio(equity: str) -> dict[str, Any]:
    data = {
        "currency": "btc",
        "equity": Decimal(equity),
        "balance": Decimal(equity),
        "available_funds": Decimal(equity),
    }
    params = {"channel": "user.portfolio.btc", "data": data}
    return {"jsonrpc": "2.0", "method": "subscription", "params": params}


def told_totals(driver: Driver) -> list[Decimal | None]:
    return [event.total for event in driver.told(BalanceUpdate)]


def order_at(time_ms: int) -> dict[str, Any]:
    message: dict[str, Any] = DERIBIT.order(1)
    message["params"]["data"]["last_update_timestamp"] = time_ms
    return message


def let_rest_answer(driver: Driver, message: dict[str, Any]) -> None:
    """From now on, with this portfolio."""
    summaries = {"summaries": [message["params"]["data"]]}
    driver.counterpart.answers.set(*SUMMARIES, {"jsonrpc": "2.0", "result": summaries})


def come_back(driver: Driver) -> Driver:
    """The connection breaks, and the stream is live once more."""
    driver.close("gone", broken=True)
    while driver.state() is not State.LIVE:
        driver.advance(0.1)
    return driver


def test_portfolios_that_come_together_are_compared_with_each_other(live: Driver) -> None:
    """One that repeats the one before it is no news, though neither has been told when they are read."""
    frames = [exact.encode(portfolio(equity)).encode() for equity in ("1", "1", "2", "2", "1")]
    machine = live.machine
    events, _ = sorted_by_use(machine.texts(machine.link, frames, live.clock.now()))
    assert [event.total for event in events if isinstance(event, BalanceUpdate)] == [1, 2, 1]


def test_after_a_recovery_a_portfolio_waits_for_the_next(live: Driver) -> None:
    """One that was on its way is older than what was read over REST; the last one that comes is the newest."""
    live.text(portfolio("1"))
    come_back(live)
    live.text(portfolio("2"))
    live.text(portfolio("3"))
    assert told_totals(live) == [1]
    live.advance(SETTLE)
    assert told_totals(live) == [1, 3]
    live.text(portfolio("4"))
    assert told_totals(live) == [1, 3, 4]


def test_a_portfolio_waits_for_what_a_slow_line_has_to_bring(live: Driver) -> None:
    """The answer to a question comes behind everything that was under way when it was asked."""
    spoil(live, "public/test")
    question = come_back(live).sent[-1]
    live.text(portfolio("1"))
    live.advance(8.0)
    live.text(portfolio("2"))
    assert told_totals(live) == []
    live.text({"jsonrpc": "2.0", "id": question["id"], "result": {"version": "1.2.26"}})
    live.advance(SETTLE - 0.1)
    assert told_totals(live) == []
    live.advance(0.1)
    assert told_totals(live) == [2]


def test_a_question_that_is_never_answered_holds_portfolios_up_for_so_long(live: Driver) -> None:
    spoil(live, "public/test")
    come_back(live).text(portfolio("1"))
    live.advance(ANSWER_WITHIN)
    assert told_totals(live) == []
    live.advance(SETTLE)
    assert told_totals(live) == [1]


def test_an_order_that_comes_late_says_that_portfolios_are_late(live: Driver) -> None:
    """It is from half a second before Live and comes two seconds after: so does the portfolio behind it."""
    live_ms = live.clock.now().wall_ms
    live.advance(2.0)
    live.text(order_at(live_ms - 500))
    live.text(portfolio("1"))
    assert told_totals(live) == []
    live.text(portfolio("2"))
    live.advance(0.5 + SETTLE - 0.1)
    assert told_totals(live) == []
    live.advance(0.1)
    assert told_totals(live) == [2]


@pytest.mark.parametrize("seconds", [-60, -5, 5, 60])
def test_it_does_so_though_our_clock_was_set(live: Driver, seconds: int) -> None:
    """By how much an order is late the exchange's own times tell."""
    exchange_ms = live.clock.now().wall_ms
    live.clock.set_wall(exchange_ms + seconds * 1000)
    let_rest_answer(live, portfolio("7"))
    live.counterpart.hears = lambda frame: [{"jsonrpc": "2.0", "id": frame["id"], "result": {}}]
    live.advance(SECOND_LOOK_AFTER + SETTLE)
    live.advance(SETTLE)
    assert told_totals(live) == [7]
    live.text(order_at(exchange_ms + round((SECOND_LOOK_AFTER + SETTLE) * 1000) - 400))  # and comes 1.4 seconds later
    live.text(portfolio("6"))
    live.text(portfolio("7"))
    live.advance(SECOND_LOOK_AFTER)
    assert told_totals(live) == [7]


def test_it_does_so_among_others_that_come_together(live: Driver) -> None:
    """Messages come together when there are many, which is when an exchange is late."""
    live_ms = live.clock.now().wall_ms
    live.advance(2.0)
    frames = [order_at(live.clock.now().wall_ms), order_at(live_ms - 500), portfolio("1")]
    machine = live.machine
    told, _ = sorted_by_use(
        machine.texts(machine.link, [exact.encode(frame).encode() for frame in frames], live.clock.now())
    )
    assert [event for event in told if isinstance(event, BalanceUpdate)] == []


def test_an_order_of_now_says_nothing_of_the_kind(live: Driver) -> None:
    live.advance(2.0)
    live.text(order_at(live.clock.now().wall_ms))
    live.text(portfolio("1"))
    assert told_totals(live) == [1]


def test_a_balance_that_only_an_answer_told_lets_portfolios_wait(live: Driver) -> None:
    """The second look knows better than the stream: what the stream tells now may be older than that."""
    let_rest_answer(live, portfolio("7"))
    live.advance(SECOND_LOOK_AFTER + SETTLE)
    assert told_totals(live) == [7]
    live.text(portfolio("6"))
    assert told_totals(live) == [7]
    live.text(portfolio("8"))
    live.advance(SETTLE)
    assert told_totals(live) == [7, 8]


def test_a_balance_that_came_before_the_stream_said_that_it_would_is_not_told_after_a_later_answer() -> None:
    """It came before the question: the answer knows better, but the stream's word stands until it has another."""
    driver = DERIBIT.driver()
    let_rest_answer(driver, portfolio("7"))
    answer: Hears = driver.counterpart.hears
    spoil(driver, "public/set_heartbeat")
    driver.start()
    assert driver.machine.phase is Phase.ENTERING
    driver.text(portfolio("6"))
    for frame in answer(next(frame for frame in driver.sent if frame["method"] == "public/set_heartbeat")):
        driver.text(frame)
    assert driver.state() is State.LIVE
    assert told_totals(driver) == [6]


def test_nothing_waits_and_nothing_is_asked_on_a_connection_that_is_gone(live: Driver) -> None:
    """What a look has learned is told when it is cut short. No portfolio comes after it."""
    let_rest_answer(live, portfolio("7"))
    live.holding = True
    live.advance(SECOND_LOOK_AFTER)
    while live.counterpart.answers.asked(*SUMMARIES) < 2:  # the first look had none
        assert live.step()
    live.forget()
    live.stop()
    assert told_totals(live) == [7]
    assert live.sent == []
    assert live.machine.due == NEVER


def test_a_portfolio_that_was_said_before_is_told_and_asked_for(live: Driver) -> None:
    """Nothing tells a late copy from a balance that is again what it was. What was not said before is not asked for."""
    for total in ("1", "2", "3"):
        live.text(portfolio(total))
    live.advance(2 * SETTLE)
    assert live.asked_for(Call) == []
    live.text(portfolio("1"))
    live.text(portfolio("3"))
    live.text(portfolio("1"))  # all at once: they have one time of arrival
    assert told_totals(live) == [1, 2, 3, 1, 3, 1]
    assert len({event.id for event in live.told(BalanceUpdate)}) == 6
    live.advance(SETTLE)
    assert live.asked_for(Call)[0].what == DOUBTS


def test_of_two_connections_the_new_one_tells_the_portfolio() -> None:
    """Nothing says which of two portfolios is the later one; the connection on its way out has none to tell."""
    driver = rotating(DERIBIT, Schedule(86_400.0))
    driver.start()
    driver.text(portfolio("1"))
    old = driver.link
    driver.advance((86_400.0 - BEFORE_THE_CUT) * (1 - SPREAD * 0.5) + 0.001)
    assert driver.link == old + 1
    driver.forget()
    driver.text(portfolio("2"), link=driver.link)
    driver.text(portfolio("9"), link=old)
    driver.advance(60)
    assert told_totals(driver) == [2]


def changing_over() -> tuple[Driver, Callable[[], None]]:
    """A second connection is on its way in; the other thing lets it take over."""
    driver = rotating(DERIBIT, Schedule(86_400.0))
    driver.start()
    old = driver.link
    answer: Hears = driver.counterpart.hears
    spoil(driver, "private/subscribe")
    driver.advance((86_400.0 - BEFORE_THE_CUT) * (1 - SPREAD * 0.5) + 0.001)
    assert (driver.link, driver.asked_for(Open)[-1].link) == (old, old + 1)
    question = next(frame for frame in reversed(driver.sent) if frame["method"] == "private/subscribe")
    driver.forget()

    def go_over() -> None:
        for frame in answer(question):
            driver.text(frame, link=old + 1)
        assert driver.link == old + 1

    return driver, go_over


def let_balances_be_asked_for(driver: Driver) -> None:
    """One comes that was said before; the answer will know better."""
    for total in ("1", "2", "1"):
        driver.text(portfolio(total))
    let_rest_answer(driver, portfolio("7"))


def test_what_a_new_connection_brought_before_it_took_over_is_not_told_after_what_the_old_one_told() -> None:
    """Both bring the same. The new one may be long on its way in, and the old one tells of balances until then."""
    driver, go_over = changing_over()
    for total in ("1", "2"):
        driver.text(portfolio(total), link=driver.link + 1)
        driver.text(portfolio(total), link=driver.link)
    go_over()
    driver.advance(60)
    assert told_totals(driver) == [1, 2]


def test_an_answer_to_the_old_connection_tells_no_balance_once_the_new_one_has_taken_over() -> None:
    """Its portfolios would not wait for that answer. It asks for itself a few seconds later."""
    driver, go_over = changing_over()
    let_balances_be_asked_for(driver)
    driver.advance(SETTLE + 0.5)
    assert driver.asked_for(Call)[0].what == DOUBTS
    go_over()
    driver.advance(2 * SETTLE)
    assert told_totals(driver) == [1, 2, 1]
    driver.advance(SECOND_LOOK_AFTER + UNTOLD_AFTER)
    assert told_totals(driver) == [1, 2, 1, 7]


def test_what_waits_on_the_old_connection_is_not_told_once_the_new_one_has_taken_over() -> None:
    driver, go_over = changing_over()
    let_balances_be_asked_for(driver)
    driver.advance(2 * SETTLE)
    assert told_totals(driver)[-1] == 7
    old = driver.link
    driver.text(portfolio("8"), link=old)
    go_over()
    driver.text(portfolio("9"), link=driver.link)
    driver.advance(0.5)
    driver.text(portfolio("8"), link=old)
    driver.advance(2 * SETTLE)
    assert told_totals(driver) == [1, 2, 1, 7, 9]


def test_the_next_connection_has_what_the_program_asked_for() -> None:
    """Cancel-on-disconnect above all: a reconnection must not take it away in silence."""
    live = started()
    live.command("enable_cancel_on_disconnect", scope="connection")
    live.command("disable_heartbeat")
    live.forget()
    live.close("gone", broken=True)
    live.advance(60)
    assert live.state() is State.LIVE
    assert params(live, "private/enable_cancel_on_disconnect")["scope"] == "connection"
    assert "public/set_heartbeat" not in methods(live)
    live.command("disable_cancel_on_disconnect", scope="connection")
    live.forget()
    live.close("gone", broken=True)
    live.advance(120)
    assert live.state() is State.LIVE
    assert "private/enable_cancel_on_disconnect" not in methods(live)


def test_a_refusal_does_not_show_what_it_quotes() -> None:
    """A server that repeats the id of the key does not get it into an error."""
    driver = DERIBIT.driver()
    client_id = DERIBIT.account().client_id
    spoil(driver, "public/auth", error={"code": 13004, "message": "invalid_credentials", "data": {"reason": client_id}})
    driver.start()
    assert client_id not in driver.told(Lost)[0].detail
