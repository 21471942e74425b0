"""Deribit's REST interface: what is asked, how it is signed, what becomes of the answers."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import attrs
import pytest

from jexkit.accounts import Deribit
from jexkit.core.dialect import Traces, just_before
from jexkit.core.values import HttpReply, Security
from jexkit.errors import (
    AuthenticationError,
    BadRequest,
    ExchangeDown,
    OrderUnknown,
    PermissionDenied,
    ProtocolError,
    RateLimited,
    UnknownOutcome,
    WebSocketRequired,
)
from jexkit.events import Market, OrderStatus, Origin
from jexkit.exchanges.deribit import signing
from jexkit.exchanges.deribit.rest import Rest
from tests.exchanges.scripted import NOW_MS, Asked, hold, json_reply
from tests.wire import corpus

SECRET = "a-secret-that-nobody-may-see-0123456789"
TOKEN = {"access_token": "1700.ACCESS", "refresh_token": "1700.REFRESH", "expires_in": 900, "token_type": "bearer"}
HOUR = 3_600_000


def account(**settings: Any) -> Deribit:
    return Deribit(client_id="AMANDA99", client_secret=SECRET, testnet=True, **settings)


def rest(**settings: Any) -> Rest:
    return Rest(account(**settings), "main")


def result(value: Any, **more: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "result": value, **more}


def refusal(code: int, message: str = "no", data: Any = None, status: int = 400) -> HttpReply:
    error = {"code": code, "message": message} | ({} if data is None else {"data": data})
    return json_reply({"jsonrpc": "2.0", "error": error}, status)


def recorded(method: str) -> Any:
    return corpus.the("deribit", f"rpc_response.private/{method}")


# --- reads ------------------------------------------------------------------------------------------------------------


def test_clock() -> None:
    time_ms, asked = hold(rest(), rest().clock(), [corpus.the("deribit", "rpc_response.public/get_time")])
    assert time_ms == corpus.the("deribit", "rpc_response.public/get_time")["result"]
    assert (asked[0].method, asked[0].path) == ("GET", "/api/v2/public/get_time")
    assert "Authorization" not in asked[0].headers


def test_a_clock_that_tells_no_time_is_an_error() -> None:
    with pytest.raises(ProtocolError, match="get_time"):
        hold(rest(), rest().clock(), [result("late")])


def test_open_orders_are_signed_and_recovered() -> None:
    orders, asked = hold(rest(), rest().open_orders(), [recorded("get_open_orders")])
    assert asked[0].ask.security is Security.SIGNED
    (order,) = orders
    assert order.origin is Origin.RECOVERED
    assert order.account == "main"
    assert (order.order_id, order.status, order.price) == ("146062", OrderStatus.NEW, Decimal("0.0028"))
    assert order.market is Market.OPTIONS
    assert '"order_id":"146062"' in order.raw


def test_the_header_signs_path_and_query_as_they_are_sent() -> None:
    _, (asked,) = hold(rest(), rest().order("ETH-331562"), [recorded("get_order_state")])
    scheme, _, fields = asked.headers["Authorization"].partition(" ")
    parts = dict(part.split("=", 1) for part in fields.split(","))
    assert scheme == "deri-hmac-sha256"
    assert parts["id"] == "AMANDA99"
    assert parts["ts"] == str(NOW_MS)
    uri = "/api/v2/private/get_order_state?order_id=ETH-331562"
    assert asked.headers["Authorization"] == signing.authorization(
        "AMANDA99", SECRET, NOW_MS, parts["nonce"], "GET", uri
    )


def test_a_nonce_is_used_once_even_by_two_accounts_in_one_moment() -> None:
    nonces = set()
    for dialect in (rest(), rest(), rest()):
        _, asked = hold(dialect, dialect.open_orders(), [result([])])
        nonces.add(asked[0].headers["Authorization"].partition("nonce=")[2])
    assert len(nonces) == 3


def test_order() -> None:
    order, asked = hold(rest(), rest().order("ETH-331562"), [recorded("get_order_state")])
    assert (order.order_id, order.status, order.filled_quantity) == ("ETH-331562", OrderStatus.FILLED, 37)
    assert asked[0].params == {"order_id": "ETH-331562"}


def test_an_order_has_the_same_id_from_the_stream_and_from_rest() -> None:
    from jexkit.exchanges.deribit import wire

    row = recorded("get_order_state")["result"]
    (pushed,) = wire.read("user.orders.any.any.raw", row, corpus.RECEIPT)
    read, _ = hold(rest(), rest().order("ETH-331562"), [recorded("get_order_state")])
    assert read.id == pushed.id


def test_an_unknown_order() -> None:
    with pytest.raises(OrderUnknown, match="order_not_found"):
        hold(rest(), rest().order("1"), [refusal(10004, "order_not_found")])


def test_positions_take_the_exchanges_time_from_the_answer() -> None:
    answer = {**recorded("get_positions"), "usIn": 1_790_000_000_000_000, "usOut": "1790000000001999"}
    positions, asked = hold(rest(), rest().positions(), [answer])
    assert asked[0].params == {"currency": "any"}
    (position,) = positions
    assert (position.key, position.quantity, position.entry_price) == ("BTC-PERPETUAL", 50, Decimal("7440.18"))
    assert position.time_ms == just_before(1_790_000_000_001)
    assert position.received_ms == NOW_MS
    without, _ = hold(rest(), rest().positions(), [recorded("get_positions")])
    assert without[0].time_ms == just_before(NOW_MS)


def test_balances_of_all_or_of_the_accounts_currencies() -> None:
    balances, asked = hold(rest(), rest().balances(), [recorded("get_account_summaries")])
    assert asked[0].path == "/api/v2/private/get_account_summaries"
    assert {balance.key: (balance.total, balance.equity) for balance in balances} == {
        "BTC": (Decimal("302.60065765"), Decimal("302.61869214")),
        "ETH": (Decimal(100), Decimal(100)),
    }
    some = rest(currencies=["eth"])
    balances, _ = hold(some, some.balances(), [recorded("get_account_summaries")])
    assert [balance.key for balance in balances] == ["ETH"]


# --- fills ------------------------------------------------------------------------------------------------------------


def trade(number: int, time_ms: int) -> dict[str, Any]:
    return {
        "trade_id": str(number),
        "instrument_name": "BTC-PERPETUAL",
        "timestamp": time_ms,
        "amount": 10,
        "price": 20236.5,
        "order_id": "1",
        "direction": "buy",
    }


class Trades:
    """Deribit's lists of trades: recent ones apart from the archive, ``page`` at a time."""

    def __init__(self, recent: list[dict[str, Any]], archive: list[dict[str, Any]], page: int = 1000) -> None:
        self.lists = {"false": recent, "true": archive}
        self.page = page

    def __call__(self, asked: Asked) -> Any:
        if asked.path.endswith("get_time"):
            return result(NOW_MS)
        assert asked.params["sorting"] == "asc"
        assert asked.params["count"] == "1000"
        start, end = int(asked.params["start_timestamp"]), int(asked.params["end_timestamp"])
        rows = self.lists[asked.params["historical"]] if asked.params["currency"] == "BTC" else []
        rows = [row for row in rows if start <= row["timestamp"] <= end]
        return result({"trades": rows[: self.page], "has_more": len(rows) > self.page})


def test_fills_of_a_short_while_come_from_the_recent_list() -> None:
    recent = [trade(1, NOW_MS - 500), trade(2, NOW_MS - 400)]
    fills, asked = hold(rest(), rest().fills(NOW_MS - HOUR), Trades(recent, [trade(0, NOW_MS - 600)]))
    assert [fill.trade_id for fill in fills] == ["1", "2"]
    assert {call.params.get("historical") for call in asked[1:]} == {"false"}
    assert [call.params["currency"] for call in asked[1:]] == ["BTC", "ETH", "USDC", "USDT", "EURR"]


def test_fills_of_a_long_while_come_from_both_lists_once() -> None:
    old, new = trade(1, NOW_MS - 30 * HOUR), trade(2, NOW_MS - 400)
    dialect = rest(currencies=["BTC"])
    fills, asked = hold(dialect, dialect.fills(NOW_MS - 48 * HOUR), Trades([new], [old, new]))
    assert [fill.id for fill in fills] == ["fill:BTC-PERPETUAL:1", "fill:BTC-PERPETUAL:2"]
    assert [call.params.get("historical") for call in asked] == [None, "false", "true"]


def test_fills_come_page_after_page() -> None:
    rows = [trade(number, NOW_MS - 1000 + number // 3) for number in range(20)]
    dialect = rest(currencies=["BTC"])
    fills, asked = hold(dialect, dialect.fills(NOW_MS - HOUR), Trades(rows, [], page=5))
    assert [fill.trade_id for fill in fills] == [str(number) for number in range(20)]
    assert len(asked) > 5


def test_a_list_that_never_ends_is_an_error() -> None:
    rows = [trade(number, NOW_MS - 1000) for number in range(20)]  # more of one moment than a page holds
    dialect = rest(currencies=["BTC"])
    with pytest.raises(ProtocolError, match="same page"):
        hold(dialect, dialect.fills(NOW_MS - HOUR), Trades(rows, [], page=5))


def test_a_currency_without_a_list_of_its_own_means_all_lists() -> None:
    dialect = rest(currencies=["BTC", "SOL"])
    _, asked = hold(dialect, dialect.fills(NOW_MS - HOUR), Trades([], []))
    assert len(asked) == 6


def test_recorded_trades() -> None:
    answers = [result(NOW_MS), recorded("get_user_trades_by_currency")]
    dialect = rest(currencies=["BTC"])
    fills, _ = hold(dialect, dialect.fills(NOW_MS - HOUR), answers)
    assert fills
    assert all(fill.origin is Origin.RECOVERED for fill in fills)


def test_an_answer_in_another_shape_is_an_error() -> None:
    for answer in (result({"orders": []}), result(None), result([{"price": 1}]), result(["odd"])):
        with pytest.raises(ProtocolError):
            hold(rest(), rest().open_orders(), [answer])


# --- what has changed -------------------------------------------------------------------------------------------------


def ended(number: int, time_ms: int) -> dict[str, Any]:
    row = recorded("get_order_state")["result"]
    return {**row, "order_id": f"ETH-{number}", "last_update_timestamp": time_ms, "order_state": "cancelled"}


class History:
    """Deribit's list of orders that have ended: the newest first, from an offset, without times."""

    def __init__(self, recent: list[dict[str, Any]], archive: list[dict[str, Any]] | None = None) -> None:
        self.lists = {"false": recent, "true": archive or []}
        self.trades = Trades([], [])

    def __call__(self, asked: Asked) -> Any:
        if not asked.path.endswith("get_order_history_by_currency"):
            return self.trades(asked)
        assert (asked.params["include_unfilled"], asked.params["include_old"]) == ("true", "true")
        rows = sorted(self.lists[asked.params["historical"]], key=lambda row: -row["last_update_timestamp"])
        offset = int(asked.params["offset"])
        return result(rows[offset : offset + int(asked.params["count"])])


def test_changes_are_listed_by_currency() -> None:
    places, asked = hold(rest(currencies=["eth"]), rest(currencies=["eth"]).places(Traces(0)), [])
    assert (places.names, asked) == (("ETH",), [])


def test_orders_that_have_ended_since_are_told_those_without_a_fill_too() -> None:
    """One list for all of them; it is read until it comes to older ones."""
    rows = [ended(number, NOW_MS - 1000 * number) for number in range(1, 2600)]
    since_ms = NOW_MS - 1_200_000
    (orders, fills), asked = hold(rest(), rest().changes(since_ms, "ETH"), History(rows))
    assert sorted(order.time_ms for order in orders) == [row["last_update_timestamp"] for row in rows[1199::-1]]
    assert fills == []
    history = [one.params for one in asked if "history" in one.path]
    assert [(one["offset"], one["count"], one["currency"]) for one in history] == [
        ("0", "1000", "ETH"),
        ("1000", "1000", "ETH"),
    ]


def test_a_list_of_orders_that_moves_while_it_is_read_loses_none() -> None:
    """Another order ends between two pages: one is told twice, and none falls between."""
    rows = [ended(number, NOW_MS - 1000 * number) for number in range(1, 1500)]
    history = History(rows)

    def answer(asked: Asked) -> Any:
        if asked.params.get("offset") == "1000":
            rows.append(ended(0, NOW_MS))
        return history(asked)

    (orders, _), _ = hold(rest(), rest().changes(NOW_MS - 10_000_000, "ETH"), answer)
    assert {order.order_id for order in orders} >= {f"ETH-{number}" for number in range(1, 1500)}


def test_after_a_long_while_the_archive_of_orders_is_asked_too() -> None:
    old, new = ended(1, NOW_MS - HOUR), ended(2, NOW_MS - 1000)
    (orders, _), asked = hold(rest(), rest().changes(NOW_MS - 2 * HOUR, "ETH"), History([new], [old]))
    assert {order.order_id for order in orders} == {"ETH-1", "ETH-2"}
    assert [one.params["historical"] for one in asked if "history" in one.path] == ["false", "true"]


def test_a_list_of_orders_that_never_ends_is_left() -> None:
    rows = [ended(number, NOW_MS - 1) for number in range(1000)]
    answer = History(rows)
    answer.lists["false"] = rows
    (orders, _), asked = hold(
        rest(),
        rest().changes(NOW_MS - HOUR, "ETH"),
        lambda one: answer(attrs.evolve(one, params={**one.params, "offset": "0"})),
    )
    assert len(orders) == 1000
    assert len(asked) < 8


# --- session methods --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "arguments", "path", "params"),
    [
        ("set_heartbeat", {"interval": 30}, "public/set_heartbeat", {"interval": "30"}),
        ("set_heartbeat", {"interval": 12.5}, "public/set_heartbeat", {"interval": "12.5"}),
        ("disable_heartbeat", {}, "public/disable_heartbeat", {}),
        ("enable_cancel_on_disconnect", {}, "private/enable_cancel_on_disconnect", {"scope": "connection"}),
        (
            "disable_cancel_on_disconnect",
            {"scope": "account"},
            "private/disable_cancel_on_disconnect",
            {"scope": "account"},
        ),
        (
            "get_cancel_on_disconnect",
            {"scope": "account"},
            "private/get_cancel_on_disconnect",
            {"scope": "account"},
        ),
    ],
)
def test_session_methods_go_by_get_with_a_token(
    name: str, arguments: dict[str, Any], path: str, params: dict[str, str]
) -> None:
    dialect = rest()
    told, (login, call) = hold(dialect, dialect.calls()[name](**arguments), [result(TOKEN), result("ok")])
    assert told == "ok"
    assert (call.method, call.path, call.params) == ("GET", f"/api/v2/{path}", params)
    assert call.headers["Authorization"] == "Bearer 1700.ACCESS"
    assert login.path == "/api/v2/public/auth"
    assert login.params == {
        "grant_type": "client_credentials",
        "client_id": "AMANDA99",
        "client_secret": SECRET,
        "scope": "session:jexkit",
    }


def test_the_refusal_over_http_names_the_websocket_way() -> None:
    dialect = rest()
    payload = corpus.the("deribit", "http_error.10030")
    with pytest.raises(WebSocketRequired, match=r"stream\.session\.set_heartbeat\(") as caught:
        hold(dialect, dialect.set_heartbeat(30), [result(TOKEN), json_reply(payload, 400)])
    assert (caught.value.code, caught.value.status) == (10030, 400)


def test_a_signed_login_does_not_send_the_secret() -> None:
    dialect = rest(grant="client_signature", scope="account:read session:desk")
    _, (login, _) = hold(dialect, dialect.disable_heartbeat(), [result(TOKEN), result("ok")])
    assert SECRET not in str(login.params)
    assert login.params["scope"] == "account:read session:desk"
    assert login.params["signature"] == signing.client_signature(SECRET, NOW_MS, login.params["nonce"])
    assert login.ask.security is Security.SIGNED  # so that the clock is measured before it


def test_a_scope_is_joined_with_a_session() -> None:
    dialect = rest(scope="account:read trade:read")
    _, (login, _) = hold(dialect, dialect.disable_heartbeat(), [result(TOKEN), result("ok")])
    assert login.params["scope"] == "session:jexkit account:read trade:read"


def test_a_token_is_used_again_and_renewed_near_its_end() -> None:
    dialect = rest()
    hold(dialect, dialect.disable_heartbeat(), [result(TOKEN), result("ok")])
    _, asked = hold(dialect, dialect.disable_heartbeat(), [result("ok")], NOW_MS + 730_000)
    assert len(asked) == 1
    new = {**TOKEN, "access_token": "1800.NEW"}
    _, (renewal, call) = hold(dialect, dialect.disable_heartbeat(), [result(new), result("ok")], NOW_MS + 731_000)
    assert renewal.params == {"grant_type": "refresh_token", "refresh_token": "1700.REFRESH"}
    assert call.headers["Authorization"] == "Bearer 1800.NEW"


def test_a_refused_refresh_token_leads_to_a_new_login() -> None:
    dialect = rest()
    hold(dialect, dialect.disable_heartbeat(), [result(TOKEN), result("ok")])
    hold(dialect, dialect.clock(), [result(NOW_MS)], NOW_MS + HOUR)
    answers = [refusal(13009, "unauthorized"), result(TOKEN), result("ok")]
    _, asked = hold(dialect, dialect.disable_heartbeat(), answers, NOW_MS + HOUR)
    assert [call.params.get("grant_type") for call in asked] == ["refresh_token", "client_credentials", None]


def test_a_refused_token_is_replaced_once() -> None:
    dialect = rest()
    expired = json_reply(corpus.the("deribit", "rpc_error.13009.expired"), 400)
    new = {**TOKEN, "access_token": "1800.NEW"}
    _, asked = hold(dialect, dialect.disable_heartbeat(), [result(TOKEN), expired, result(new), result("ok")])
    assert asked[-1].headers["Authorization"] == "Bearer 1800.NEW"
    with pytest.raises(AuthenticationError):
        hold(dialect, dialect.disable_heartbeat(), [expired, result(TOKEN), expired])


def test_another_refusal_is_not_tried_again() -> None:
    dialect = rest()
    with pytest.raises(AuthenticationError):
        hold(dialect, dialect.disable_heartbeat(), [refusal(13004, "invalid_credentials", status=400)])
    with pytest.raises(PermissionDenied):
        hold(dialect, dialect.disable_heartbeat(), [result(TOKEN), refusal(13021, "forbidden")])


def test_a_login_without_a_token_is_an_error() -> None:
    dialect = rest()
    with pytest.raises(ProtocolError, match="access_token"):
        hold(dialect, dialect.disable_heartbeat(), [result({})])


def test_no_secret_is_in_a_repr() -> None:
    dialect = rest()
    _, asked = hold(dialect, dialect.disable_heartbeat(), [result(TOKEN), result("ok")])
    shown = repr((dialect, vars(dialect), [call.ask for call in asked], dialect.prepare(asked[0].ask, NOW_MS)))
    for secret in (SECRET, "AMANDA99", "1700.ACCESS", "1700.REFRESH"):
        assert secret not in shown


# --- answers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (HttpReply(502, {}, b"<html>bad gateway</html>"), UnknownOutcome),
        (HttpReply(503, {}, b""), UnknownOutcome),
        (HttpReply(429, {}, b"error code: 1015"), RateLimited),
        (HttpReply(403, {}, b"<html>blocked</html>"), RateLimited),
        (HttpReply(401, {}, b""), AuthenticationError),
        (HttpReply(404, {}, b"not found"), BadRequest),
        (HttpReply(302, {}, b""), ProtocolError),
        (HttpReply(200, {}, b"<html>welcome</html>"), ProtocolError),
        (HttpReply(200, {}, b"[]"), ProtocolError),
        (HttpReply(200, {}, b"{}"), ProtocolError),
        (HttpReply(200, {}, b"\xff\xfe"), ProtocolError),
        (refusal(11051, "system_maintenance", status=503), ExchangeDown),
        (refusal(13009, "unauthorized", {"reason": "invalid_token"}, status=401), AuthenticationError),
        (json_reply({"error": "odd"}, 400), BadRequest),
    ],
)
def test_what_an_answer_means(reply: HttpReply, kind: type[Exception]) -> None:
    with pytest.raises(kind) as caught:
        hold(rest(), rest().open_orders(), [reply])
    assert type(caught.value) is kind


def test_the_wait_of_a_rate_limit() -> None:
    for reply, wait in (
        (refusal(10028, "too_many_requests"), 5.0),
        (HttpReply(429, {"retry-after": "7"}, b""), 7.0),
        (HttpReply(429, {"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, b""), 10.0),
        (refusal(12998, "over_limit", {"wait": 33}), 33.0),
        (json_reply({"error": {"code": 10028, "message": "x"}}, 400, retry_after="2.5"), 2.5),
    ):
        with pytest.raises(RateLimited) as caught:
            hold(rest(), rest().open_orders(), [reply])
        assert caught.value.retry_after == wait


def test_no_secret_is_in_an_error_even_if_the_exchange_repeats_it() -> None:
    dialect = rest()
    told = refusal(-32602, f"bad secret {SECRET}", {"reason": f"{SECRET} of AMANDA99", "param": "client_secret"})
    page = HttpReply(500, {}, f"<a href='?client_secret={SECRET}'>".encode())
    for reply in (told, page):
        with pytest.raises((BadRequest, UnknownOutcome)) as caught:
            hold(dialect, dialect.disable_heartbeat(), [reply])
        assert SECRET not in str(caught.value)
        assert "AMANDA99" not in str(caught.value)
