"""JEX's REST interface: what is asked, how it is signed, what becomes of the answers."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

import attrs
import pytest

from jexkit.accounts import Jex
from jexkit.core.dialect import Traces, just_before
from jexkit.core.values import Ask, HttpReply, Security
from jexkit.errors import BadRequest, ConfigurationError, ListenKeyUnknown, OrderUnknown, ProtocolError
from jexkit.events import BalanceUpdate, Liquidity, Market, OrderStatus, OrderUpdate, Origin, PositionSide, Side
from jexkit.exchanges.jex import signing
from jexkit.exchanges.jex.rest import LIST_WEIGHT, ORDERS_PAGE, TRADES_PAGE, Rest
from jexkit.keys import hmac_key
from tests.exchanges.scripted import NOW_MS, Asked, hold, json_reply
from tests.wire import corpus

API_KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
KEY = "pqia91ma19a5s61cv6a81va65sdf19v8a65a1a5s61cv6a81va65sdf19v8a65a1"


def rest(*symbols: str, **settings: Any) -> Rest:
    settings.setdefault("secret_key", SECRET)
    return Rest(Jex(api_key=API_KEY, symbols=symbols, **settings), "main")


def sample(path: str, method: str = "GET") -> Any:
    return corpus.the("jex", f"REST {method} /api/v1/{path}")


def refusal(code: int, status: int = 400) -> HttpReply:
    return json_reply({"code": code, "msg": "no"}, status)


# --- asking -----------------------------------------------------------------------------------------------------------


def test_a_signed_request_is_sent_as_it_was_signed_with_its_own_header() -> None:
    ask = Ask("GET", "/api/v1/spot/order", (("symbol", "JEXBTC"), ("orderId", "2208")), Security.SIGNED)
    request = rest().prepare(ask, 1_700_000_000_000)
    url, _, signature = request.url.rpartition("&signature=")
    assert url == (
        "https://www.jex.com/api/v1/spot/order?symbol=JEXBTC&orderId=2208&recvWindow=5000&timestamp=1700000000000"
    )
    assert signature == signing.signature(url.partition("?")[2], hmac_key(SECRET))
    assert request.headers["X-JEX-APIKEY"] == API_KEY
    assert "X-MBX-APIKEY" not in request.headers


def test_a_signed_request_without_a_secret_says_what_to_give() -> None:
    with pytest.raises(ConfigurationError, match="give secret_key"):
        hold(rest(secret_key=None), rest(secret_key=None).balances(), [])


@pytest.mark.parametrize("body", [b"<html>", b"", b"{"])
def test_an_answer_that_is_no_json_is_an_error(body: bytes) -> None:
    with pytest.raises(ProtocolError, match="no JSON"):
        rest().read(Ask("GET", "/api/v1/time"), HttpReply(200, {}, body), NOW_MS)


# --- the listen key ---------------------------------------------------------------------------------------------------


def test_the_listen_key_travels_as_a_parameter() -> None:
    dialect = rest(secret_key=None)
    key, created = hold(dialect, dialect.create_listen_key(), [sample("userDataStream", "POST")])
    assert key == KEY
    _, kept = hold(dialect, dialect.keepalive_listen_key(KEY), [sample("userDataStream", "PUT")])
    _, closed = hold(dialect, dialect.close_listen_key(KEY), [sample("userDataStream", "DELETE")])
    assert [(one.method, dict(one.params)) for one in created + kept + closed] == [
        ("POST", {}),
        ("PUT", {"listenKey": KEY}),
        ("DELETE", {"listenKey": KEY}),
    ]
    assert {one.path for one in created + kept + closed} == {"/api/v1/userDataStream"}
    assert all(KEY not in repr(one.ask) for one in kept + closed)


@pytest.mark.parametrize("method", ["keepalive_listen_key", "close_listen_key"])
def test_the_listen_key_has_to_be_named(method: str) -> None:
    with pytest.raises(ConfigurationError, match=method):
        hold(rest(), rest().calls()[method](), [])


def test_a_listen_key_that_does_not_exist() -> None:
    with pytest.raises(ListenKeyUnknown):
        hold(rest(), rest().keepalive_listen_key(KEY), [refusal(-1125)])


def test_an_answer_without_a_listen_key_is_an_error() -> None:
    with pytest.raises(ProtocolError, match="no listenKey"):
        hold(rest(), rest().create_listen_key(), [{}])


# --- reads ------------------------------------------------------------------------------------------------------------


def test_clock() -> None:
    time_ms, asked = hold(rest(), rest().clock(), [sample("time")])
    assert time_ms == 1499827319595
    assert "X-JEX-APIKEY" not in asked[0].headers
    with pytest.raises(ProtocolError, match="serverTime"):
        hold(rest(), rest().clock(), [{}])


def test_open_orders_of_every_symbol_named() -> None:
    dialect = rest("spot:JEXBTC", "contract:BTCUSDT")
    orders, asked = hold(dialect, dialect.open_orders(), [sample("spot/openOrders"), [sample("contract/order")]])
    spot, contract = orders
    assert [one.path for one in asked] == ["/api/v1/spot/openOrders", "/api/v1/contract/openOrders"]
    assert [list(one.params)[:2] for one in asked] == [["symbol", "limit"]] * 2  # in the order of the document
    assert (spot.key, spot.status, spot.side) == ("spot:76", OrderStatus.NEW, Side.BUY)
    assert (spot.origin, spot.account, spot.received_ms) == (Origin.RECOVERED, "main", NOW_MS)
    assert '"orderId":"76"' in spot.raw
    assert (contract.key, contract.market, contract.quantity) == (
        "contract:4613019726031880200",
        Market.FUTURES,
        Decimal("1.0000"),
    )


def test_open_orders_come_page_by_page() -> None:
    dialect = rest("spot:JEXBTC")
    rows = [{**sample("spot/openOrders")[0], "orderId": str(number)} for number in range(ORDERS_PAGE + 3)]

    def answer(asked: Asked) -> Any:
        after = int(asked.params.get("orderId", "-1"))
        return [row for row in rows if int(row["orderId"]) > after][: int(asked.params["limit"])][::-1]

    orders, asked = hold(dialect, dialect.open_orders(), answer)
    assert len({order.key for order in orders}) == len(orders) == len(rows)
    assert [one.params.get("orderId") for one in asked] == [None, str(ORDERS_PAGE - 1)]


def test_a_server_that_ignores_the_page_does_not_hold_us_for_ever() -> None:
    dialect = rest("spot:JEXBTC")
    rows = [{**sample("spot/openOrders")[0], "orderId": str(number)} for number in range(ORDERS_PAGE)]
    orders, asked = hold(dialect, dialect.open_orders(), lambda _: rows)
    assert (len(orders), len(asked)) == (ORDERS_PAGE, 2)


def test_orders_cannot_be_listed_without_symbols() -> None:
    for flow in (rest().open_orders(), rest().fills(0)):
        with pytest.raises(ConfigurationError, match="give symbols"):
            hold(rest(), flow, [])
    with pytest.raises(ConfigurationError, match="in front"):
        hold(rest(), rest().fills(0, symbols=["JEXBTC"]), [])


@pytest.mark.parametrize(
    "given",
    [
        {"order_id": "spot:2208", "symbol": "JEXBTC"},
        {"order_id": "2208", "symbol": "JEXBTC", "market": "spot"},
        {"order_id": "2208", "symbol": "JEXBTC", "market": Market.SPOT},
        {"order_id": "2208", "symbol": "spot:JEXBTC"},
        {"order_id": "spot:2208"},
    ],
)
def test_one_order_by_key_or_by_id(given: dict[str, str]) -> None:
    dialect = rest("spot:JEXBTC", "option:BTCCALLM")
    update, (asked,) = hold(dialect, dialect.order(**given), [sample("spot/order")])
    assert asked.path == "/api/v1/spot/order"
    assert list(dict(parse_qsl("&".join(f"{k}={v}" for k, v in asked.params.items()))))[:2] == ["symbol", "orderId"]
    assert (update.key, update.status, update.filled_quote) == ("spot:2208", OrderStatus.FILLED, Decimal("0.00001464"))


def test_an_order_without_its_symbol_is_looked_for_under_all_of_its_family() -> None:
    dialect = rest("spot:JEXBTC", "contract:BTCUSDT", "contract:ETHUSDT", "contract:EOSUSDT")
    update, asked = hold(dialect, dialect.order("contract:4613"), [refusal(-2013), sample("contract/order")])
    assert [one.params["symbol"] for one in asked] == ["BTCUSDT", "ETHUSDT"]
    assert update.symbol == "BTCUSDT"  # as the row says
    with pytest.raises(OrderUnknown):
        hold(dialect, dialect.order("contract:4613"), [refusal(-2013)] * 3)


@pytest.mark.parametrize("given", [{"order_id": "1", "symbol": "JEXBTC"}, {"order_id": "option:1"}, {"order_id": ""}])
def test_an_order_that_is_not_named_well_enough(given: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="by its key"):
        hold(rest("spot:JEXBTC"), rest("spot:JEXBTC").order(**given), [])


def test_balances_of_three_wallets() -> None:
    balances, _ = hold(rest(), rest().balances(), [sample("account")])
    assert [balance.key for balance in balances] == ["spot:BTC", "option:BCXBTC01", "contract:USDT"]
    spot, _, contract = balances
    assert (spot.free, spot.locked, spot.total) == (Decimal("999616.1363"), Decimal("0.7219"), Decimal("999616.8582"))
    assert (contract.time_ms, contract.origin) == (just_before(1523093528000), Origin.RECOVERED)


@pytest.mark.parametrize("answer", [{}, [], {"spotBalances": "none"}])
def test_an_account_without_balances_is_an_error(answer: Any) -> None:
    with pytest.raises(ProtocolError, match="no balances"):
        hold(rest(), rest().balances(), [answer])


def test_positions_are_as_old_as_the_question() -> None:
    row = sample("contract/position")[0]
    short = {**row, "symbol": "BTCUSDT", "direction": "shorts"}
    dialect = rest()
    (long, other), _ = hold(dialect, dialect.positions(), [[row, short]])
    assert (long.key, long.quantity, long.side) == ("contract:EOSUSDT", Decimal("1.0000"), PositionSide.LONG)
    assert (long.entry_price, long.margin) == (Decimal("2300.6803"), Decimal("725.9045"))
    assert (long.unrealized_pnl, long.leverage) == (Decimal("-1.5161"), Decimal("10.00"))
    assert (long.time_ms, long.received_ms) == (just_before(NOW_MS), NOW_MS)
    assert (other.quantity, other.side) == (Decimal("-1.0000"), PositionSide.SHORT)


# --- fills ------------------------------------------------------------------------------------------------------------


def test_fills_of_contracts_are_trades() -> None:
    dialect = rest("contract:BTCUSDT")
    rows = sample("contract/userHistoricalTrades")
    fills, asked = hold(dialect, dialect.fills(1569575000000), [rows])
    assert (asked[0].path, asked[0].params["symbol"]) == ("/api/v1/contract/userHistoricalTrades", "BTCUSDT")
    assert [fill.id for fill in fills] == ["fill:contract:BTCUSDT:461732", "fill:contract:BTCUSDT:854797"]
    assert [(fill.side, fill.quantity) for fill in fills] == [
        (Side.SELL, Decimal("1.0000")),
        (Side.SELL, Decimal("0.1000")),
    ]
    assert {(fill.derived, fill.liquidity, fill.fee) for fill in fills} == {(False, Liquidity.MAKER, None)}
    fills, _ = hold(dialect, dialect.fills(1569575200000), [rows])
    assert [fill.trade_id for fill in fills] == ["854797"]


@pytest.mark.parametrize("backwards", [True, False])
def test_trades_are_paged_whichever_way_the_end_id_works(backwards: bool) -> None:
    """The Chinese document says before that id, the English one after it: then there is one page and no more."""
    dialect = rest("contract:BTCUSDT")
    template = sample("contract/userHistoricalTrades")[0]
    rows = [{**template, "id": number, "time": 1_600_000_000_000 + number} for number in range(2500)]

    def answer(asked: Asked) -> Any:
        end = int(asked.params.get("endId", "-1"))
        found = [row for row in rows if end < 0 or (row["id"] < end if backwards else row["id"] > end)]
        return found[::-1][: int(asked.params["limit"])]

    fills, asked = hold(dialect, dialect.fills(1_600_000_000_000), answer)
    assert len(fills) == (2500 if backwards else TRADES_PAGE)
    assert len(asked) == (3 if backwards else 2)


def test_fills_of_spot_and_options_are_derived_from_orders() -> None:
    dialect = rest("spot:JEXBTC", "option:BTCCALLM")
    partly = {**sample("spot/openOrders")[0], "executedQty": "2.00000000", "cummulativeQuoteQty": "0.00002800"}
    answers = [sample("spot/historyOrders"), [partly], sample("option/historyOrders"), [sample("option/order")]]
    fills, asked = hold(dialect, dialect.fills(1550640000000), answers)
    assert [one.path.rsplit("/", 1)[1] for one in asked] == ["historyOrders", "openOrders"] * 2
    assert list(asked[0].params)[:3] == ["symbol", "startTime", "limit"]
    assert [fill.id for fill in fills] == ["fill:spot:15:0-3", "fill:spot:76:0-2", "fill:option:61292:0-1"]
    assert [fill.price for fill in fills] == [Decimal("0.0000149"), Decimal("0.000014"), Decimal("2.00")]
    assert {(fill.derived, fill.trade_id, fill.origin) for fill in fills} == {(True, "", Origin.RECOVERED)}


def test_an_order_that_did_not_change_since_gives_no_fill() -> None:
    dialect = rest("spot:JEXBTC")
    fills, _ = hold(dialect, dialect.fills(1550644851001), [sample("spot/historyOrders"), []])
    assert fills == []


@pytest.mark.parametrize("answer", [{}, [1], [{"symbol": "JEXBTC"}]])
def test_a_list_that_cannot_be_read_whole_is_an_error(answer: Any) -> None:
    dialect = rest("spot:JEXBTC")
    with pytest.raises(ProtocolError, match="/api/v1/spot/openOrders"):
        hold(dialect, dialect.open_orders(), [answer])


# --- what has changed -------------------------------------------------------------------------------------------------


def ended(number: int) -> dict[str, Any]:
    return {**sample("spot/order"), "orderId": str(number), "status": "CANCELED", "executedQty": "0"}


def listed(rows: list[dict[str, Any]]) -> Any:
    """The list of ended orders, from an id on or from a time."""

    def answer(asked: Asked) -> Any:
        assert asked.path == "/api/v1/spot/historyOrders"
        after, start = int(asked.params.get("orderId", "-1")), int(asked.params.get("startTime", "0"))
        found = [row for row in rows if int(row["orderId"]) > after and row["time"] >= start]
        return found[: int(asked.params["limit"])]

    return answer


def test_changes_are_listed_by_symbol() -> None:
    """Those of the account, and those that orders were told of; nobody lists over all of them."""
    dialect = rest("spot:JEXBTC")
    places, asked = hold(dialect, dialect.places(Traces(0, ["contract:BTCUSDT", "spot:JEXBTC"])), [])
    assert (places.names, asked) == (["spot:JEXBTC", "contract:BTCUSDT"], [])


def amounts(**totals: int) -> list[BalanceUpdate]:
    keys = [name.replace("_", ":") for name in totals]
    about: dict[str, Any] = {
        "exchange": "jex",
        "account": "main",
        "time_ms": 1,
        "received_ms": 1,
        "market": Market.SPOT,
    }
    return [
        BalanceUpdate(id=f"{key}{total}", asset=key.partition(":")[2], key=key, total=Decimal(total), **about)
        for key, total in zip(keys, totals.values(), strict=True)
    ]


def test_symbols_that_nobody_named_are_found_by_what_moved() -> None:
    """Both assets of a pair, an option, a contract's position; a pair that does not exist is tried once."""
    held = {balance.key: balance for balance in amounts(spot_JEX=1, spot_BTC=5, spot_ETH=7, contract_USDT=9)}
    now = amounts(spot_JEX=2, spot_BTC=4, spot_ETH=7, option_BTCCALLM=1, contract_USDT=8)
    row = sample("contract/position")[0]
    dialect = rest("spot:ETHBTC")
    positions, _ = hold(dialect, dialect.positions(), [[row]])
    traces = Traces(0, held=held, balances=now, positions=positions)
    places, _ = hold(dialect, dialect.places(traces), [])
    assert places.names == ["spot:ETHBTC", "spot:JEXBTC", "spot:BTCJEX", "option:BTCCALLM", "contract:EOSUSDT"]
    assert hold(dialect, dialect.changes(0, "spot:BTCJEX"), [refusal(-1121)])[0] == ([], [])
    places, _ = hold(dialect, dialect.places(traces), [])
    assert places.names == ["spot:ETHBTC", "spot:JEXBTC", "option:BTCCALLM", "contract:EOSUSDT"]


def test_a_symbol_that_the_program_named_and_nobody_knows_is_an_error() -> None:
    dialect = rest("spot:NOSUCH")
    with pytest.raises(BadRequest):
        hold(dialect, dialect.changes(0, "spot:NOSUCH"), [refusal(-1121)])
    with pytest.raises(ConfigurationError, match="in front"):
        hold(dialect, dialect.changes(0, "NOSUCH"), [])


def test_too_many_assets_that_moved_are_said_not_to_be_known() -> None:
    now = amounts(**{f"spot_A{number}": 1 for number in range(9)})
    dialect = rest("spot:JEXBTC")
    places, _ = hold(dialect, dialect.places(Traces(0, balances=now)), [])
    assert places.names == ["spot:JEXBTC"]
    assert [what for what, _ in places.unknowable] == ["orders and fills of symbols that are not in `symbols`"]


def test_ended_orders_of_a_symbol_are_told_and_no_fills() -> None:
    dialect, rows = rest("spot:JEXBTC"), [ended(number) for number in range(3)]
    (orders, fills), asked = hold(dialect, dialect.changes(rows[0]["time"], "spot:JEXBTC"), listed(rows))
    assert [order.key for order in orders] == ["spot:0", "spot:1", "spot:2"]
    assert fills == []
    assert asked[0].ask.weight == LIST_WEIGHT


def test_many_orders_cost_less_in_a_list() -> None:
    """Pages from the first that is wanted on, until what is left is cheaper singly."""
    dialect, rows = rest("spot:JEXBTC"), [ended(number) for number in range(1, 3000)]
    wanted = [*range(10, 40), *range(900, 930), 2900]
    known = [attrs.evolve(order, status=OrderStatus.NEW) for order in orders_of(dialect, rows, wanted)]
    found, asked = hold(dialect, dialect.orders(known), listed(rows))
    assert sorted(int(order.order_id) for order in found) == wanted[:-1]
    assert [one.params["orderId"] for one in asked] == ["9", "899"]


def test_few_orders_are_left_to_be_asked_for_singly() -> None:
    dialect, rows = rest("spot:JEXBTC"), [ended(number) for number in range(1, 10)]
    known = orders_of(dialect, rows, [1, 2, 3])
    assert hold(dialect, dialect.orders(known), []) == ([], [])


def orders_of(dialect: Rest, rows: list[dict[str, Any]], wanted: list[int]) -> list[OrderUpdate]:
    (orders, _), _ = hold(dialect, dialect.changes(0, "spot:JEXBTC"), listed(rows))
    return [order for order in orders if int(order.order_id) in wanted]
