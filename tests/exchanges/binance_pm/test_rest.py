"""Binance's REST interface: what is asked, how it is signed, what becomes of the answers."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from jexkit.accounts import BinancePortfolioMargin
from jexkit.core.values import Ask, HttpReply, Security
from jexkit.errors import (
    BadRequest,
    Banned,
    ConfigurationError,
    ListenKeyUnknown,
    OrderUnknown,
    ProtocolError,
)
from jexkit.events import Liquidity, Market, OrderStatus, Origin, Side
from jexkit.exchanges.binance_pm import signing, trades
from jexkit.exchanges.binance_pm.rest import Rest
from jexkit.keys import hmac_key
from tests.exchanges.scripted import NOW_MS, Asked, hold, json_reply
from tests.wire import corpus

API_KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
KEY = "pqia91ma19a5s61cv6a81va65sdf19v8a65a1a5s61cv6a81va65sdf19v8a65a1"
HOUR = 3_600_000


def rest(**settings: Any) -> Rest:
    settings.setdefault("secret_key", SECRET)
    return Rest(BinancePortfolioMargin(api_key=API_KEY, **settings), "main")


def sample(path: str, method: str = "GET") -> Any:
    return corpus.the("binance_pm", f"REST {method} /papi/{path}")


def error(code: int, status: int = 400, msg: str = "no") -> HttpReply:
    return json_reply({"code": code, "msg": msg}, status)


def nothing_but(answers: dict[str, Any]) -> Any:
    """An account about which every list is empty, except for ``answers`` by path; callables are asked."""

    def answer(asked: Asked) -> Any:
        path = asked.path.removeprefix("/papi/")
        if path == "v1/time":
            return {"serverTime": NOW_MS}
        found = answers.get(path, [])
        return found(asked) if callable(found) else found

    return answer


# --- asking -----------------------------------------------------------------------------------------------------------


def test_a_signed_request_is_sent_as_it_was_signed() -> None:
    ask = Ask("GET", "/papi/v1/um/order", (("symbol", "BTCUSDT"), ("orderId", "1")), Security.SIGNED)
    request = rest(recv_window=6000).prepare(ask, 1_700_000_000_000)
    url, _, signature = request.url.rpartition("&signature=")
    assert url == (
        "https://papi.binance.com/papi/v1/um/order?symbol=BTCUSDT&orderId=1&recvWindow=6000&timestamp=1700000000000"
    )
    assert signature == signing.signature(url.partition("?")[2], hmac_key(SECRET))
    assert request.headers["X-MBX-APIKEY"] == API_KEY
    assert (request.method, request.body) == ("GET", None)


def test_a_signed_request_without_a_secret_says_what_to_give() -> None:
    without = Rest(BinancePortfolioMargin(api_key=API_KEY), "main")
    with pytest.raises(ConfigurationError, match="give secret_key or private_key"):
        hold(without, without.balances(), [])


def test_no_secret_is_in_a_repr() -> None:
    request = rest().prepare(Ask("GET", "/papi/v1/balance", (("asset", KEY),), Security.SIGNED), NOW_MS)
    for secret in (API_KEY, SECRET, KEY, "signature"):
        assert secret not in repr(request)


def test_the_address_can_point_elsewhere() -> None:
    request = rest(rest_url="http://127.0.0.1:9/x").prepare(Ask("GET", "/papi/v1/time"), NOW_MS)
    assert request.url == "http://127.0.0.1:9/x/papi/v1/time"


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (error(-1125), ListenKeyUnknown),
        (error(-1125, 200), ListenKeyUnknown),
        (HttpReply(200, {}, b"<html>"), ProtocolError),
        (HttpReply(200, {}, b""), ProtocolError),
        (HttpReply(418, {"retry-after": "130"}, b""), Banned),
        (HttpReply(404, {}, b"[]"), BadRequest),
    ],
)
def test_an_answer_that_is_no_result_raises(reply: HttpReply, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        rest().read(Ask("PUT", "/papi/v1/listenKey"), reply, NOW_MS)


def test_a_good_answer_may_have_a_code() -> None:
    done = sample("v1/um/allOpenOrders", "DELETE")
    assert rest().read(Ask("DELETE", "/papi/v1/um/allOpenOrders"), json_reply(done), NOW_MS) == done


# --- the listen key ---------------------------------------------------------------------------------------------------


def test_the_listen_key_calls_need_the_key_and_no_signature_and_no_parameter() -> None:
    dialect = rest(secret_key=None)
    key, asked = hold(dialect, dialect.create_listen_key(), [sample("v1/listenKey", "POST")])
    assert key == KEY
    _, kept = hold(dialect, dialect.keepalive_listen_key(KEY), [sample("v1/listenKey", "PUT")])
    _, closed = hold(dialect, dialect.close_listen_key(KEY), [sample("v1/listenKey", "DELETE")])
    assert [one.method for one in asked + kept + closed] == ["POST", "PUT", "DELETE"]
    for one in asked + kept + closed:
        assert (one.path, dict(one.params)) == ("/papi/v1/listenKey", {})
        assert one.headers["X-MBX-APIKEY"] == API_KEY


@pytest.mark.parametrize("answer", [{}, {"listenKey": ""}, {"listenKey": None}, []])
def test_an_answer_without_a_listen_key_is_an_error(answer: Any) -> None:
    with pytest.raises(ProtocolError, match="no listenKey"):
        hold(rest(), rest().create_listen_key(), [answer])


def test_the_session_methods_by_name() -> None:
    assert set(rest().calls()) == {"create_listen_key", "keepalive_listen_key", "close_listen_key"}


# --- reads ------------------------------------------------------------------------------------------------------------


def test_clock() -> None:
    time_ms, asked = hold(rest(), rest().clock(), [{"serverTime": 1_700_000_000_123}])
    assert time_ms == 1_700_000_000_123
    assert "X-MBX-APIKEY" not in asked[0].headers
    with pytest.raises(ProtocolError, match="serverTime"):
        hold(rest(), rest().clock(), [{"serverTime": "late"}])


def test_open_orders_of_all_families() -> None:
    dialect = rest()
    answers = [
        sample("v1/um/openOrders"),
        sample("v1/cm/openOrders"),
        sample("v1/margin/openOrders"),
        sample("v1/um/algo/openAlgoOrders"),
        sample("v1/cm/conditional/openOrders"),
    ]
    orders, asked = hold(dialect, dialect.open_orders(), answers)
    assert [order.key for order in orders] == [
        "UM:BTCUSDT:1917641",
        "CM:BTCUSD_200925:1917641",
        "MARGIN:BNBBTC:211842552",
        "UM:algo:2146760",
        "CM:conditional:BTCUSD:123445",
    ]
    assert [order.conditional for order in orders] == [False, False, False, True, True]
    assert {order.origin for order in orders} == {Origin.RECOVERED}
    assert {order.account for order in orders} == {"main"}
    assert {order.received_ms for order in orders} == {NOW_MS}
    assert '"orderId":211842552' in orders[2].raw
    assert (orders[2].price, orders[2].quantity, orders[2].side) == (Decimal("0.00475010"), Decimal("0.3"), Side.SELL)
    assert (orders[3].stop_price, orders[3].status) == (Decimal("750.000"), OrderStatus.UNTRIGGERED)
    assert all(one.ask.security is Security.SIGNED for one in asked)


@pytest.mark.parametrize(
    ("given", "path", "params"),
    [
        ({"order_id": "UM:BTCUSDT:1917641"}, "um/order", {"symbol": "BTCUSDT", "orderId": "1917641"}),
        ({"order_id": "1917641", "symbol": "BTCUSDT", "market": "UM"}, "um/order", {"symbol": "BTCUSDT"}),
        ({"order_id": "1917641", "symbol": "BTCUSDT", "market": "usd_futures"}, "um/order", {"orderId": "1917641"}),
        ({"order_id": "CM:BTCUSD_200925:1917641"}, "cm/order", {"symbol": "BTCUSD_200925"}),
        ({"order_id": "1917641", "symbol": "BTCUSD_200925"}, "cm/order", {"orderId": "1917641"}),
        ({"order_id": "MARGIN:BNBBTC:213205622"}, "margin/order", {"orderId": "213205622"}),
        ({"order_id": "213205622", "symbol": "BNBBTC", "market": Market.MARGIN}, "margin/order", {"symbol": "BNBBTC"}),
        ({"order_id": "UM:algo:2146760"}, "um/algo/algoOrder", {"algoId": "2146760"}),
    ],
)
def test_one_order_by_key_or_by_id(given: dict[str, str], path: str, params: dict[str, str]) -> None:
    dialect = rest()
    update, (asked,) = hold(dialect, dialect.order(**given), [sample(f"v1/{path}")])
    assert asked.path == f"/papi/v1/{path}"
    assert params.items() <= dict(asked.params).items()
    assert update.origin is Origin.RECOVERED
    assert update.key.split(":")[-1] == given["order_id"].split(":")[-1]


def test_a_conditional_order_is_looked_for_among_the_open_ones_and_then_among_all() -> None:
    dialect = rest()
    row = sample("v1/cm/conditional/openOrders")[0]
    done = {**row, "strategyStatus": "TRIGGERED", "orderId": 12123343534}
    update, asked = hold(dialect, dialect.order("CM:conditional:BTCUSD:123445"), [[], [done]])
    assert [one.path.rsplit("/", 1)[1] for one in asked] == ["openOrders", "allOrders"]
    assert all(one.params["symbol"] == "BTCUSD" for one in asked)
    assert (update.status, update.linked_order_id) == (OrderStatus.TRIGGERED, "12123343534")
    with pytest.raises(OrderUnknown):
        hold(dialect, dialect.order("CM:conditional:BTCUSD:7"), [[row], [done]])


@pytest.mark.parametrize(
    "given",
    [
        {"order_id": "1"},
        {"order_id": "1", "symbol": "BTCUSDT"},  # UM or margin?
        {"order_id": "1", "market": "UM"},
        {"order_id": "1", "symbol": "BTCUSDT", "market": "options"},
        {"order_id": "", "symbol": "BTCUSDT", "market": "UM"},
    ],
)
def test_an_order_that_is_not_named_well_enough(given: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="by its key"):
        hold(rest(), rest().order(**given), [])


def test_an_order_that_does_not_exist() -> None:
    with pytest.raises(OrderUnknown):
        hold(rest(), rest().order("UM:BTCUSDT:1"), [error(-2013)])


def test_an_algo_order_that_finished_is_told_by_its_average_price() -> None:
    row = {**sample("v1/um/algo/algoOrder"), "algoStatus": "FINISHED", "actualOrderId": "77"}
    for price, status in (("0.00000", OrderStatus.CANCELLED), ("749.1", OrderStatus.FILLED)):
        update, _ = hold(rest(), rest().order("UM:algo:2146760"), [{**row, "actualPrice": price}])
        assert (update.status, update.linked_order_id) == (status, "77")


def test_balances_of_three_wallets() -> None:
    dialect = rest()
    balances, _ = hold(dialect, dialect.balances(), [sample("v1/balance")])
    margin, um, cm = balances
    assert [balance.key for balance in balances] == ["MARGIN:USDT", "UM:USDT", "CM:USDT"]
    assert (margin.free, margin.locked, margin.total) == (Decimal(100), Decimal(3), Decimal(103))
    assert margin.equity == Decimal("92.27530794")  # free and locked without what is borrowed and its interest
    assert (um.total, cm.total) == (Decimal(0), Decimal("23.72469206"))
    assert {balance.time_ms for balance in balances} == {1617939110373}


def test_amounts_that_are_not_known_are_left_out() -> None:
    row = {**sample("v1/balance")[0], "cmWalletBalance": "", "umWalletBalance": None}
    balances, _ = hold(rest(), rest().balances(), [[row]])
    assert [balance.key for balance in balances] == ["MARGIN:USDT"]


def test_positions() -> None:
    held = {
        "symbol": "BTCUSDT", "positionAmt": "-0.05", "entryPrice": "50997.0", "markPrice": "51018.83334752",
        "unRealizedProfit": "-1.09166738", "liquidationPrice": "55747.50553844", "leverage": "20",
        "positionSide": "BOTH", "updateTime": 1708692506136, "breakEvenPrice": "50986.8006",
    }  # fmt: skip
    never_held = sample("v1/cm/positionRisk")
    positions, _ = hold(rest(), rest().positions(), [[held, *sample("v1/um/positionRisk")], never_held])
    short, flat = positions
    assert (short.key, short.quantity, short.market) == ("UM:BTCUSDT:BOTH", Decimal("-0.05"), Market.USD_FUTURES)
    assert (short.break_even_price, short.leverage) == (Decimal("50986.8006"), Decimal(20))
    assert (short.mark_price, short.liquidation_price) == (Decimal("51018.83334752"), Decimal("55747.50553844"))
    assert short.unrealized_pnl == Decimal("-1.09166738")
    assert (flat.quantity, flat.time_ms) == (0, 1625474304765)


@pytest.mark.parametrize("answer", [{}, {"orders": []}, [1], "text", [{"symbol": "BTCUSDT"}]])
def test_a_list_that_cannot_be_read_whole_is_an_error(answer: Any) -> None:
    """An order that is left out of open orders would be taken for one that has ended."""
    with pytest.raises(ProtocolError, match="/papi/v1/um/openOrders"):
        hold(rest(), rest().open_orders(), [answer])


# --- fills ------------------------------------------------------------------------------------------------------------


def test_fills_are_looked_for_where_there_is_a_trace_of_trading() -> None:
    dialect = rest(symbols=["BNBBTC", "UM:XRPUSDT"])
    position = {**sample("v1/um/positionRisk")[0], "symbol": "SOLUSDT", "positionAmt": "1"}
    answers = nothing_but(
        {
            "v1/um/openOrders": sample("v1/um/openOrders"),
            "v1/um/positionRisk": [position],
            "v1/um/income": [{"symbol": "DOGEUSDT", "time": NOW_MS - HOUR}, {"symbol": "", "time": NOW_MS - HOUR}],
            "v1/cm/income": [{"symbol": "BTCUSD_PERP", "time": NOW_MS - HOUR}],
        }
    )
    fills, asked = hold(dialect, dialect.fills(NOW_MS - HOUR, symbols=["ETHUSD_200925"]), answers)
    assert fills == []
    searched = [(one.path, one.params["symbol"]) for one in asked if "Trades" in one.path]
    assert searched == [
        ("/papi/v1/cm/userTrades", "BTCUSD_PERP"),
        ("/papi/v1/cm/userTrades", "ETHUSD_200925"),
        ("/papi/v1/margin/myTrades", "BNBBTC"),
        ("/papi/v1/um/userTrades", "BNBBTC"),
        ("/papi/v1/um/userTrades", "BTCUSDT"),
        ("/papi/v1/um/userTrades", "DOGEUSDT"),
        ("/papi/v1/um/userTrades", "SOLUSDT"),
        ("/papi/v1/um/userTrades", "XRPUSDT"),
    ]


def test_fills_have_the_ids_of_the_stream_and_come_oldest_first() -> None:
    dialect = rest(symbols=["UM:BTCUSDT", "CM:BTCUSD_200626", "MARGIN:BNBBTC"])
    answers = nothing_but(
        {
            "v1/um/userTrades": sample("v1/um/userTrades"),
            "v1/cm/userTrades": sample("v1/cm/userTrades"),
            "v1/margin/myTrades": sample("v1/margin/myTrades"),
        }
    )
    fills, _ = hold(dialect, dialect.fills(NOW_MS - HOUR), answers)
    margin, cm, um = fills
    assert [fill.time_ms for fill in fills] == sorted(fill.time_ms for fill in fills)
    assert {fill.id for fill in fills} == {
        "fill:UM:BTCUSDT:67880589",
        "fill:CM:BTCUSD_200626:6",
        "fill:MARGIN:BNBBTC:34",
    }
    assert (um.fee, um.fee_asset, um.realized_pnl) == (Decimal("0.11404400"), "USDT", Decimal("2.58500000"))
    assert (cm.quantity, cm.liquidity) == (Decimal(1), Liquidity.TAKER)
    assert (margin.quantity, margin.price) == (Decimal("3.00000000"), Decimal("0.02000000"))
    assert {fill.origin for fill in fills} == {Origin.RECOVERED}


def test_the_fee_of_um_has_no_sign_and_the_others_keep_theirs() -> None:
    dialect = rest(symbols=["UM:BTCUSDT", "CM:BTCUSD_200626", "MARGIN:BNBBTC"])
    answers = nothing_but(
        {
            "v1/um/userTrades": [{**sample("v1/um/userTrades")[0], "commission": "-0.11404400"}],
            "v1/cm/userTrades": [{**sample("v1/cm/userTrades")[0], "commission": "-0.00000454"}],
            "v1/margin/myTrades": sample("v1/margin/myTrades"),
        }
    )
    fills, _ = hold(dialect, dialect.fills(NOW_MS - HOUR), answers)
    fees = {fill.market: fill.fee for fill in fills}
    assert fees[Market.USD_FUTURES] == Decimal("0.11404400")
    assert fees[Market.COIN_FUTURES] == Decimal("-0.00000454")
    assert fees[Market.MARGIN] == Decimal("0.00006000")
    (um,) = [fill for fill in fills if fill.market is Market.USD_FUTURES]
    assert '"-0.11404400"' in um.raw
    (margin,) = [fill for fill in fills if fill.market is Market.MARGIN]
    assert margin.side is Side.SELL  # isBuyer false


def test_a_symbol_that_only_one_family_knows() -> None:
    dialect = rest(symbols=["BNBBTC"])
    answers = nothing_but({"v1/um/userTrades": error(-1121), "v1/margin/myTrades": sample("v1/margin/myTrades")})
    fills, _ = hold(dialect, dialect.fills(NOW_MS - HOUR), answers)
    assert [fill.id for fill in fills] == ["fill:MARGIN:BNBBTC:34"]


def test_a_symbol_that_nobody_knows() -> None:
    answers = nothing_but({"v1/um/userTrades": error(-1121), "v1/margin/myTrades": error(-1121)})
    with pytest.raises(ConfigurationError, match="'NOSUCH'"):
        hold(rest(), rest().fills(NOW_MS - HOUR, symbols=["NOSUCH"]), answers)
    with pytest.raises(ConfigurationError, match="write UM:, CM: or MARGIN:"):
        hold(rest(), rest().fills(NOW_MS - HOUR, symbols=["spot:BTCUSDT"]), answers)


def test_other_refusals_are_not_taken_for_an_unknown_symbol() -> None:
    answers = nothing_but({"v1/um/userTrades": error(-1127)})
    with pytest.raises(BadRequest):
        hold(rest(), rest().fills(NOW_MS - HOUR, symbols=["BTCUSDT"]), answers)


def test_fills_of_more_than_a_year_would_be_too_many_questions() -> None:
    with pytest.raises(ConfigurationError, match="a year at most"):
        hold(rest(), rest().fills(NOW_MS - 400 * trades.DAY_MS), nothing_but({}))
