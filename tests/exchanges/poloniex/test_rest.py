"""Poloniex's REST interface: what is asked, how it is signed, what becomes of the answers."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from jexkit.accounts import Poloniex
from jexkit.core.dialect import Traces, just_before
from jexkit.core.values import HttpReply
from jexkit.errors import (
    AuthenticationError,
    BadRequest,
    ClockSkew,
    ExchangeDown,
    OrderUnknown,
    PermissionDenied,
    ProtocolError,
    RateLimited,
    UnknownOutcome,
)
from jexkit.events import Liquidity, Market, OrderStatus, Origin, TimeInForce
from jexkit.exchanges.poloniex import signing, wire
from jexkit.exchanges.poloniex.rest import ENDED, FILLS, LIGHT, USER_AGENT, WINDOW_MS, Rest
from tests.exchanges.scripted import NOW_MS, Asked, hold, json_reply
from tests.wire import corpus

KEY, SECRET = "KEY-THAT-NOBODY-MAY-SEE", "a-secret-that-nobody-may-see-0123456789"
DAY = 86_400_000
TIME = {"serverTime": NOW_MS}


def rest() -> Rest:
    return Rest(Poloniex(api_key=KEY, secret_key=SECRET), "main")


def recorded(request: str, nth: int = 0) -> Any:
    return corpus.the("poloniex", f"rest.{request}", nth)


# --- reads ------------------------------------------------------------------------------------------------------------


def test_clock() -> None:
    time_ms, (asked,) = hold(rest(), rest().clock(), [recorded("GET /timestamp")])
    assert time_ms == recorded("GET /timestamp")["serverTime"]
    assert asked.path == "/timestamp"
    assert "key" not in asked.headers


@pytest.mark.parametrize("answer", [{}, [], {"serverTime": "soon"}, 5])
def test_a_clock_that_tells_no_time_is_an_error(answer: Any) -> None:
    with pytest.raises(ProtocolError, match="serverTime"):
        hold(rest(), rest().clock(), [answer])


def test_every_request_says_who_asks() -> None:
    _, asked = hold(rest(), rest().balances(), [TIME, recorded("GET /accounts/balances")])
    assert {call.headers["User-Agent"] for call in asked} == {USER_AGENT}


def test_open_orders_are_signed_and_recovered() -> None:
    (order,), (asked,) = hold(rest(), rest().open_orders(), [recorded("GET /orders")])
    assert (asked.method, asked.path, asked.params) == ("GET", "/orders", {"limit": "1000"})
    assert asked.headers["key"] == KEY
    assert asked.headers["signTimestamp"] == str(NOW_MS)
    assert asked.headers["signature"] == signing.rest_signature(SECRET, "GET", "/orders", [("limit", "1000")], NOW_MS)
    assert order.origin is Origin.RECOVERED
    assert (order.order_id, order.symbol, order.status) == ("24993088082542592", "ELON_USDC", OrderStatus.NEW)
    assert (order.price, order.quantity, order.quote_quantity) == (None, 1, None)
    assert (order.time_ms, order.time_in_force) == (1646925216548, TimeInForce.GTC)


def test_order() -> None:
    order, (asked,) = hold(rest(), rest().order("21934611974062080"), [recorded("GET /orders/12345")])
    assert asked.path == "/orders/21934611974062080"
    assert (order.client_order_id, order.price, order.reason) == ("123", Decimal(10), "")


def test_an_order_by_its_client_order_id() -> None:
    _, (asked,) = hold(rest(), rest().order("cid:my/id"), [recorded("GET /orders/12345")])
    assert asked.path == "/orders/cid:my%2Fid"


def test_an_unknown_order() -> None:
    with pytest.raises(OrderUnknown, match="Order not exists"):
        hold(rest(), rest().order("1234"), [recorded("GET /orders/1234")])


def test_an_order_has_the_same_id_from_the_stream_and_from_rest() -> None:
    row = corpus.the("poloniex", "orders.place", 1)["data"][0]
    (pushed,) = wire.read({"channel": "orders", "data": [row]}, corpus.RECEIPT)
    answer = {
        "id": row["orderId"],
        "symbol": "BTC_USDT",
        "state": "NEW",
        "type": "LIMIT",
        "side": "BUY",
        "price": "47112.10",
        "quantity": "1.00",
        "amount": "0.00",
        "filledQuantity": "0.00",
        "createTime": 1648708186922,
        "updateTime": 1648708186922,
        "accountType": "SPOT",
    }
    order, _ = hold(rest(), rest().order(row["orderId"]), [answer])
    assert order.id == pushed.id


def test_balances_are_not_later_than_the_question() -> None:
    answer = [
        {
            "accountId": "1",
            "accountType": "SPOT",
            "balances": [{"currencyId": "214", "currency": "USDT", "available": "1001.5", "hold": "16.332"}],
        }
    ]
    (balance,), asked = hold(rest(), rest().balances(), [{"serverTime": NOW_MS - 70}, answer])
    assert [call.path for call in asked] == ["/timestamp", "/accounts/balances"]
    assert asked[1].params == {"accountType": "SPOT"}
    assert (balance.key, balance.total, balance.market) == ("USDT", Decimal("1017.832"), Market.SPOT)
    assert balance.time_ms == just_before(NOW_MS - 70)
    assert balance.received_ms == NOW_MS


def test_an_account_may_be_empty() -> None:
    balances, _ = hold(rest(), rest().balances(), [TIME, recorded("GET /accounts/balances")])
    assert balances == []


def test_positions_there_are_none() -> None:
    assert hold(rest(), rest().positions(), []) == ([], [])


# --- fills ------------------------------------------------------------------------------------------------------------


def test_a_recorded_fill() -> None:
    (fill,), asked = hold(rest(), rest().fills(NOW_MS - DAY), [TIME, recorded("GET /trades")])
    assert asked[1].params["limit"] == "1000"
    assert fill.id == "fill:LINK_USDT:32164924331503616"
    assert (fill.quantity, fill.price, fill.quote_quantity) == (Decimal("0.5"), 11, Decimal("5.5"))
    assert (fill.fee, fill.fee_asset, fill.liquidity) == (Decimal("0.007975"), "USDT", Liquidity.TAKER)
    assert (fill.client_order_id, fill.time_ms) == ("myOwnId-321", 1648635115525)


def test_a_fill_has_the_same_id_from_the_stream_and_from_rest() -> None:
    _, pushed = wire.read(corpus.the("poloniex", "orders.trade"), corpus.RECEIPT)
    row = {"id": "62036513", "symbol": "ADA_USDT", "quantity": "3", "createTime": 1685371921908}
    (fill,), _ = hold(rest(), rest().fills(NOW_MS - DAY), [TIME, [row]])
    assert fill.id == pushed.id
    assert fill.time_ms == pushed.time_ms


def test_a_long_while_is_asked_for_week_by_week() -> None:
    _, (_, *asked) = hold(
        rest(), rest().fills(NOW_MS - 20 * DAY), lambda call: TIME if call.path == "/timestamp" else []
    )
    spans = [(int(call.params["startTime"]), int(call.params["endTime"])) for call in asked]
    assert spans[0][0] == NOW_MS - 20 * DAY
    assert spans[-1][1] >= NOW_MS
    assert all(end - start <= WINDOW_MS < 7 * DAY for start, end in spans)
    assert all(after[0] == before[1] + 1 for before, after in itertools.pairwise(spans))
    assert len(spans) == 3


def test_nothing_is_asked_of_the_time_before_the_list_begins() -> None:
    _, (_, *asked) = hold(rest(), rest().fills(0), lambda call: TIME if call.path == "/timestamp" else [])
    assert asked[0].params["startTime"] == "1627603200000"


class Trades:
    """A list of trades, at most 100 or 1000 at a time, in an order and with a sense of "NEXT" of its own."""

    def __init__(self, count: int, *, newest_first: bool = True, next_is_newer: bool = False, most: int = 1000) -> None:
        rows = [
            {
                "id": str(60_000_000 + n),
                "pageId": str(n),
                "symbol": "A_B",
                "quantity": "1",
                "createTime": NOW_MS - 10**6 + n,
            }
            for n in range(1, count + 1)
        ]
        self.rows = rows[::-1] if newest_first else rows
        self.next_is_newer = next_is_newer
        self.most = most

    def __call__(self, asked: Asked) -> Any:
        if asked.path == "/timestamp":
            return TIME
        rows = self.rows
        if "from" in asked.params:
            place = int(asked.params["from"])
            newer = self.next_is_newer == (asked.params["direction"] == "NEXT")
            kept: Callable[[int], bool] = (lambda n: n > place) if newer else (lambda n: n < place)
            rows = [row for row in rows if kept(int(row["pageId"]))]
        return rows[: min(int(asked.params["limit"]), self.most)]


@pytest.mark.parametrize(("most", "count"), [(100, 0), (100, 1), (100, 99), (100, 100), (100, 101), (100, 200),
                                             (100, 250), (1000, 1000), (1000, 1001), (1000, 2500)])  # fmt: skip
@pytest.mark.parametrize(("newest_first", "next_is_newer"), [(True, False), (True, True), (False, True)])
def test_fills_come_page_after_page(most: int, count: int, *, newest_first: bool, next_is_newer: bool) -> None:
    """Pages are as large as the exchange makes them, whatever was asked for."""
    trades = Trades(count, newest_first=newest_first, next_is_newer=next_is_newer, most=most)
    fills, asked = hold(rest(), rest().fills(NOW_MS - DAY), trades)
    assert [fill.trade_id for fill in fills] == [str(60_000_000 + n) for n in range(1, count + 1)]
    assert len(asked) < 9


def test_an_exchange_that_refuses_large_pages_is_asked_for_small_ones_from_then_on() -> None:
    trades, dialect = Trades(250), rest()

    def answers(asked: Asked) -> Any:
        if int(asked.params.get("limit", 0)) > 100:
            return {"code": 21344, "message": "Value of limit param is greater than max value of 100"}
        return trades(asked)

    fills, asked = hold(dialect, dialect.fills(NOW_MS - DAY), answers)
    assert [call.params.get("limit") for call in asked] == [None, "1000", *["100"] * 4]
    assert len(fills) == 250
    _, (first, *_) = hold(dialect, dialect.open_orders(), answers)
    assert first.params["limit"] == "100"


def test_a_list_that_is_refused_in_small_pages_too_is_an_error() -> None:
    refused = {"code": 601, "message": "Invalid parameter"}
    with pytest.raises(BadRequest, match="601"):
        hold(rest(), rest().open_orders(), [refused, refused])


@pytest.mark.parametrize("most", [100, 40])
@pytest.mark.parametrize("included", [0, 1])
def test_open_orders_come_page_after_page(most: int, included: int) -> None:
    rows = [{"id": str(10**17 + n), "symbol": "A_B", "state": "NEW"} for n in range(150)]

    def answers(asked: Asked) -> Any:
        after = int(asked.params.get("from", 0)) - included
        return [row for row in rows if int(row["id"]) > after][:most]

    orders, asked = hold(rest(), rest().open_orders(), answers)
    assert len(orders) == 150
    assert asked[1].params == {"limit": "1000", "from": str(10**17 + most - 1), "direction": "NEXT"}


def test_changes_are_two_lists() -> None:
    """Fills, and orders that have ended: those that came and went without a fill as well."""
    places, asked = hold(rest(), rest().places(Traces(0)), [])
    assert (places.names, asked) == ((FILLS, ENDED), [])
    row = {**recorded("GET /orders/12345"), "state": "CANCELED"}
    (orders, fills), asked = hold(rest(), rest().changes(NOW_MS - 1000, ENDED), [{"serverTime": NOW_MS}, [row]])
    assert [order.status for order in orders] == [OrderStatus.CANCELLED]
    assert fills == []
    assert asked[1].path == "/orders/history"
    (orders, fills), asked = hold(rest(), rest().changes(NOW_MS - 1000, FILLS), [{"serverTime": NOW_MS}, []])
    assert (orders, fills, asked[1].path) == ([], [], "/trades")


@pytest.mark.parametrize(("place", "path"), [(FILLS, "/trades"), (ENDED, "/orders/history")])
def test_a_list_can_be_read_up_to_a_time(place: str, path: str) -> None:
    """Small pages: a long time is read in spans."""
    _, (asked,) = hold(rest(), rest().changes(NOW_MS - 1000, place, NOW_MS - 500), [[]])
    assert (asked.path, asked.params["startTime"], asked.params["endTime"]) == (
        path, str(NOW_MS - 1000), str(NOW_MS - 500),
    )  # fmt: skip


def test_a_rounded_id_in_a_list_names_no_order() -> None:
    """It is asked for by the id that its fill has."""
    row = {**recorded("GET /orders/12345"), "id": 35490370041151490}
    (orders, _), _ = hold(rest(), rest().changes(NOW_MS - 1000, ENDED), [{"serverTime": NOW_MS}, [row]])
    assert orders == []


def test_a_single_order_weighs_less_than_a_list() -> None:
    """And so do balances."""
    _, asked = hold(rest(), rest().order("1"), [recorded("GET /orders/12345")])
    assert asked[0].ask.weight == LIGHT
    _, asked = hold(rest(), rest().balances(), [TIME, recorded("GET /accounts/balances")])
    assert asked[1].ask.weight == LIGHT


def test_an_answer_in_another_shape_is_an_error() -> None:
    for answer in ({"orders": []}, "odd", [{"price": 1}], ["odd"], None):
        with pytest.raises(ProtocolError):
            hold(rest(), rest().open_orders(), [answer])


# --- answers ----------------------------------------------------------------------------------------------------------


def refusal(code: int, message: str = "no", status: int = 400) -> HttpReply:
    return json_reply({"code": code, "message": message}, status)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (refusal(21301, "Order not exists", 200), OrderUnknown),
        (refusal(21301, "Order not exists"), OrderUnknown),
        (refusal(21340, "Platform in maintenance mode", 503), ExchangeDown),
        (refusal(24201, "busy"), ExchangeDown),
        (refusal(21600, "Account not found"), AuthenticationError),
        (refusal(401, "Unauthorized", 401), AuthenticationError),
        (refusal(400, "Signature mismatch"), AuthenticationError),
        (refusal(400, "Invalid API key"), AuthenticationError),
        (json_reply({"message": "denied"}, 401), AuthenticationError),
        (json_reply({"message": "denied"}, 403), PermissionDenied),
        (refusal(21601, "Account frozen"), PermissionDenied),
        (refusal(429, "Too many requests", 429), RateLimited),
        (refusal(999, "slow down", 429), RateLimited),
        (refusal(408, "Request timeout", 408), ClockSkew),
        (refusal(400, "Invalid signTimestamp"), ClockSkew),
        (refusal(500, "Internal System Error", 500), UnknownOutcome),
        (refusal(603, "Internal timeout", 200), UnknownOutcome),
        (json_reply({"message": "oops"}, 502), UnknownOutcome),
        (refusal(601, "Invalid parameter"), BadRequest),
        (refusal(24101, "Invalid symbol"), BadRequest),
        (json_reply({"code": "odd", "message": 5}, 400), BadRequest),
        (HttpReply(502, {}, b"<html>bad gateway</html>"), UnknownOutcome),
        (HttpReply(403, {}, b"<html>Request blocked. CloudFront</html>"), RateLimited),
        (HttpReply(429, {"retry-after": "3"}, b""), RateLimited),
        (HttpReply(404, {}, b""), BadRequest),
        (HttpReply(200, {}, b"<html>"), ProtocolError),
        (json_reply([], 500), UnknownOutcome),
    ],
)
def test_what_an_answer_means(reply: HttpReply, kind: type[Exception]) -> None:
    with pytest.raises(kind) as caught:
        hold(rest(), rest().open_orders(), lambda _: reply)
    assert type(caught.value) is kind


def test_the_wait_of_a_rate_limit() -> None:
    told = json_reply({"code": 429, "message": "Too many"}, 429, retry_after="4")
    for reply, wait in ((told, 4.0), (refusal(429, "Too many", 429), 10.0)):
        with pytest.raises(RateLimited) as caught:
            hold(rest(), rest().open_orders(), [reply])
        assert caught.value.retry_after == wait


def test_an_error_says_what_was_asked_and_what_to_do() -> None:
    with pytest.raises(BadRequest, match=r"GET /orders: Invalid parameter \(601\); "):
        hold(rest(), rest().open_orders(), lambda _: refusal(601, "Invalid parameter"))


def test_no_secret_is_in_an_error_even_if_the_exchange_repeats_it() -> None:
    told = refusal(21100, f"no key {KEY} with {SECRET}")
    page = HttpReply(500, {}, f"<p>{KEY} {SECRET}</p>".encode())
    for reply in (told, page):
        with pytest.raises((AuthenticationError, UnknownOutcome)) as caught:
            hold(rest(), rest().open_orders(), [reply])
        assert KEY not in str(caught.value)
        assert SECRET not in str(caught.value)


def test_no_secret_is_in_a_repr() -> None:
    dialect = rest()
    _, (asked,) = hold(dialect, dialect.open_orders(), [[]])
    shown = repr((dialect, vars(dialect), asked.ask, dialect.prepare(asked.ask, NOW_MS)))
    assert KEY not in shown
    assert SECRET not in shown


def test_no_second_has_more_than_ten_requests() -> None:
    """Those of a burst and those that grow back within it; one more, and a long list breaks off again and again."""
    assert Rest.pace.burst + Rest.pace.per_second < 10
