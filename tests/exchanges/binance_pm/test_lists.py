"""Orders are found in lists where that is cheaper, and lists are read where there is a trace of trading."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jexkit.accounts import BinancePortfolioMargin
from jexkit.core.dialect import Traces
from jexkit.errors import ConfigurationError
from jexkit.events import BalanceUpdate, Market, OrderStatus, OrderUpdate, PositionUpdate, Side
from jexkit.exchanges.binance_pm import lists, trades
from jexkit.exchanges.binance_pm.rest import Rest
from tests.exchanges.binance_pm.test_trades import held
from tests.exchanges.scripted import NOW_MS, Asked, hold, json_reply

DAY = trades.DAY_MS
START = 1_700_000_000_000
UM, CM, MARGIN = (lists.ORDERS[family] for family in ("UM", "CM", "MARGIN"))


class Listed:
    """The orders of one symbol, by time or from an id on, a page at a time, in any order."""

    def __init__(self, rows: list[dict[str, Any]], page: int) -> None:
        self.rows, self.page = rows, page
        self.asked: list[dict[str, Any]] = []

    def __call__(self, path: str, **params: Any) -> Iterator[Any]:
        del path
        self.asked.append(params)
        assert not ("orderId" in params and "startTime" in params)
        if "startTime" in params:
            assert params["endTime"] - params["startTime"] < DAY, "a window is shorter than 24 hours"
        found = [
            row
            for row in self.rows
            if row["orderId"] >= params.get("orderId", 0)
            and params.get("startTime", 0) <= row["time"] <= params.get("endTime", 1 << 62)
        ]
        yield from ()
        return found[: min(self.page, params["limit"])][::-1]


def rows(count: int, apart_ms: int = 1000) -> list[dict[str, Any]]:
    return [{"orderId": number, "time": START + number * apart_ms} for number in range(1, count + 1)]


@given(st.integers(1, 60), st.sampled_from([1000, DAY // 7]), st.integers(2, 9))
def test_orders_placed_since_come_whole_and_once(count: int, apart_ms: int, page: int) -> None:
    """Day by day, and page by page where a day has more than fits."""
    listed = Listed(rows(count, apart_ms), page)
    of = attrs.evolve(UM, page=page)
    found = held(lists.since(listed, of, "X", START, START + count * apart_ms))
    assert sorted(row["orderId"] for row in found) == list(range(1, count + 1))


@given(st.sets(st.integers(1, 60)), st.integers(2, 20), st.integers(1, 6))
def test_of_the_orders_that_are_wanted_none_comes_twice_and_no_other(wanted: set[int], page: int, singly: int) -> None:
    """And what is left out would cost no less in another page."""
    listed = Listed(rows(50), page)
    found = held(lists.these(listed, attrs.evolve(UM, page=page, singly=singly), "X", wanted))
    numbers = [row["orderId"] for row in found]
    assert len(set(numbers)) == len(numbers)
    assert set(numbers) <= wanted
    assert len(listed.asked) <= len(wanted)


def test_many_orders_come_in_few_pages() -> None:
    listed = Listed(rows(250), CM.page)
    found = held(lists.these(listed, CM, "X", range(1, 251)))
    assert len(found) == 250
    assert [asked["orderId"] for asked in listed.asked] == [1, 101, 201]


def test_few_orders_are_left_to_be_asked_for_singly() -> None:
    """A list of margin's weighs as much as ten of its orders."""
    listed = Listed(rows(9), MARGIN.page)
    assert held(lists.these(listed, MARGIN, "X", range(1, 10))) == []
    assert listed.asked == []


@pytest.mark.parametrize(
    ("path", "scoped", "weight"),
    [
        ("/papi/v1/um/openOrders", False, 40),
        ("/papi/v1/um/openOrders", True, 1),
        ("/papi/v1/margin/allOrders", True, 100),
        ("/papi/v1/um/order", True, 1),
        ("/papi/v1/margin/order", True, 10),
    ],
)
def test_weights_are_the_exchanges(path: str, scoped: bool, weight: int) -> None:
    assert lists.weight(path, has_symbol=scoped) == weight


# --- where to look ----------------------------------------------------------------------------------------------------


def rest(*symbols: str) -> Rest:
    return Rest(BinancePortfolioMargin(api_key="k" * 64, secret_key="s" * 64, symbols=symbols), "main")


def margin(asset: str, total: int) -> BalanceUpdate:
    return BalanceUpdate(
        exchange="binance_pm", account="main", id=f"{asset}{total}", time_ms=1, received_ms=1, market=Market.MARGIN,
        asset=asset, key=f"MARGIN:{asset}", total=Decimal(total), free=Decimal(total),
    )  # fmt: skip


def known(key: str, symbol: str) -> OrderUpdate:
    return OrderUpdate(
        exchange="binance_pm", account="main", id=key, time_ms=1, received_ms=1, market=Market.USD_FUTURES,
        symbol=symbol, order_id=key.rpartition(":")[2], key=key, side=Side.BUY, status=OrderStatus.NEW,
        native_status="NEW",
    )  # fmt: skip


def position(symbol: str, quantity: int, time_ms: int) -> PositionUpdate:
    return PositionUpdate(
        exchange="binance_pm", account="main", id=symbol, time_ms=time_ms, received_ms=1, market=Market.USD_FUTURES,
        symbol=symbol, key=f"UM:{symbol}:both", quantity=Decimal(quantity),
    )  # fmt: skip


def income(um: list[str], cm: list[str]) -> Any:
    def answer(asked: Asked) -> Any:
        if asked.path.endswith("/time"):
            return {"serverTime": NOW_MS}
        symbols = {"/papi/v1/um/income": um, "/papi/v1/cm/income": cm}[asked.path]
        return [{"symbol": symbol, "time": NOW_MS - 1} for symbol in symbols]

    return answer


def test_every_trace_leads_to_a_list() -> None:
    """Named symbols, those of earlier orders, open orders, positions that are held or changed, and the ledgers."""
    traces = Traces(
        NOW_MS - 1000,
        symbols=["MARGIN:OLDUSDT"],
        orders=[known("UM:BTCUSDT:1", "BTCUSDT"), known("CM:conditional:ETHUSD_PERP:7", "ETHUSD_PERP")],
        positions=[position("HELD", 1, 0), position("FLAT", 0, NOW_MS - 2000), position("CLOSED", 0, NOW_MS - 500)],
    )
    dialect = rest("UM:NAMED")
    places, asked = hold(dialect, dialect.places(traces), income(["FEEUSDT", ""], ["BNBUSD_PERP"]))
    assert set(places.names) == {
        "UM:NAMED", "MARGIN:OLDUSDT", "UM:BTCUSDT", "CM:ETHUSD_PERP", "UM:HELD", "UM:CLOSED", "UM:FEEUSDT",
        "CM:BNBUSD_PERP",
    }  # fmt: skip
    assert places.unknowable == []
    assert len(asked) == 3  # the time and two ledgers: the rest is known already


def test_margin_symbols_are_guessed_from_the_assets_that_moved() -> None:
    """Margin has no ledger of fees. What did not move, what is named, and what is no symbol is not tried (again)."""
    traces = Traces(
        NOW_MS - 1000,
        held={balance.key: balance for balance in (margin("ETH", 5), margin("USDT", 900), margin("BNB", 1))},
        balances=[margin("ETH", 6), margin("USDT", 800), margin("BNB", 1)],
    )
    dialect = rest()
    places, _ = hold(dialect, dialect.places(traces), income([], []))
    assert places.names == ["MARGIN:ETHUSDT", "MARGIN:USDTETH"]

    def no_symbol(asked: Asked) -> Any:
        if asked.path.endswith("/time"):
            return {"serverTime": NOW_MS}
        return json_reply({"code": -1121, "msg": "Invalid symbol."}, 400)

    assert hold(dialect, dialect.changes(NOW_MS - 1000, "MARGIN:USDTETH"), no_symbol)[0] == ([], [])
    places, _ = hold(dialect, dialect.places(traces), income([], []))
    assert places.names == ["MARGIN:ETHUSDT"]


def test_too_many_assets_that_moved_are_said_not_to_be_known() -> None:
    traces = Traces(NOW_MS - 1000, balances=[margin(f"A{number}", 1) for number in range(9)])
    dialect = rest("UM:NAMED")
    places, _ = hold(dialect, dialect.places(traces), income([], []))
    assert places.names == ["UM:NAMED"]
    assert [what for what, _ in places.unknowable] == ["fills of margin symbols that are not in `symbols`"]


def test_lists_of_more_than_a_year_would_be_too_many_questions() -> None:
    with pytest.raises(ConfigurationError, match="a year at most"):
        hold(rest(), rest().places(Traces(NOW_MS - 400 * DAY)), income([], []))


# --- what they tell ---------------------------------------------------------------------------------------------------


def nothing(asked: Asked) -> Any:
    return {"serverTime": NOW_MS} if asked.path.endswith("/time") else []


@pytest.mark.parametrize(
    ("place", "paths"),
    [
        ("UM:BTCUSDT", ["um/userTrades", "um/allOrders", "um/algo/allAlgoOrders"]),
        ("CM:BTCUSD_PERP", ["cm/userTrades", "cm/allOrders", "cm/conditional/allOrders"]),
        ("MARGIN:BTCUSDT", ["margin/myTrades"]),
    ],
)
def test_trades_and_orders_are_read_but_for_margins_dear_list(place: str, paths: list[str]) -> None:
    dialect = rest()
    _, asked = hold(dialect, dialect.changes(NOW_MS - 1000, place), nothing)
    assert [one.path.removeprefix("/papi/v1/") for one in asked if not one.path.endswith("/time")] == paths


def test_margins_orders_are_read_where_many_have_fills() -> None:
    """From so many on the list is cheaper."""

    def answer(asked: Asked) -> Any:
        if not asked.path.endswith("myTrades"):
            return nothing(asked)
        count = 10 + (asked.params["symbol"] == "MANY")
        trade = {"qty": "1", "price": "2", "isBuyer": True, "isMaker": True, "time": NOW_MS}
        return [{**trade, "symbol": asked.params["symbol"], "id": one, "orderId": one} for one in range(1, count + 1)]

    dialect = rest()
    _, few = hold(dialect, dialect.changes(NOW_MS - 1000, "MARGIN:FEW"), answer)
    _, many = hold(dialect, dialect.changes(NOW_MS - 1000, "MARGIN:MANY"), answer)
    assert few[-1].path == "/papi/v1/margin/myTrades"
    assert (many[-1].path, many[-1].ask.weight) == ("/papi/v1/margin/allOrders", 100)


def test_a_named_symbol_that_nobody_knows_is_said() -> None:
    """In no family: as long as one is left where it may be, nothing is said."""
    dialect = rest("NOSUCH")

    def answer(asked: Asked) -> Any:
        if asked.path.endswith("/time"):
            return {"serverTime": NOW_MS}
        return json_reply({"code": -1121, "msg": "Invalid symbol."}, 400)

    assert hold(dialect, dialect.changes(NOW_MS - 1000, "UM:NOSUCH"), answer)[0] == ([], [])
    with pytest.raises(ConfigurationError, match="'NOSUCH'"):
        hold(dialect, dialect.changes(NOW_MS - 1000, "MARGIN:NOSUCH"), answer)


def test_orders_of_both_sorts_are_found_in_their_lists() -> None:
    """Regular and conditional ones have lists of their own; only those that were wanted are returned."""
    regular = [known(f"UM:BTCUSDT:{number}", "BTCUSDT") for number in range(1, 9)]
    algo = [attrs.evolve(known(f"UM:algo:{number}", "BTCUSDT"), conditional=True) for number in range(1, 9)]

    def answer(asked: Asked) -> Any:
        if asked.path.endswith("allAlgoOrders"):
            assert asked.params["algoId"] == "1"
            return [{"algoId": number, "symbol": "BTCUSDT", "algoStatus": "CANCELED"} for number in range(1, 12)]
        assert (asked.path, asked.params["orderId"]) == ("/papi/v1/um/allOrders", "1")
        return [{"orderId": number, "symbol": "BTCUSDT", "status": "CANCELED"} for number in range(1, 12)]

    dialect = rest()
    found, asked = hold(dialect, dialect.orders([*regular, *algo]), answer)
    assert {order.key for order in found} == {order.key for order in [*regular, *algo]}
    assert {order.status for order in found} == {OrderStatus.CANCELLED}
    assert len(asked) == 2
