"""Trades are found day by day, page by page, and none twice."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jexkit.exchanges.binance_pm import trades

DAY = trades.DAY_MS
START = 1_700_000_000_000


class Exchange:
    """The trades of one symbol, listed as Binance does: by time, or from an id, in pages, in any order."""

    def __init__(self, rows: list[dict[str, Any]], page: int = trades.PAGE) -> None:
        self.rows = rows
        self.page = page
        self.asked: list[dict[str, Any]] = []

    def __call__(self, path: str, **params: Any) -> Iterator[Any]:
        del path
        self.asked.append(params)
        assert not ("fromId" in params and "startTime" in params), "fromId excludes times"
        if "startTime" in params:
            assert params["endTime"] - params["startTime"] < DAY, "a window is shorter than 24 hours"
        found = [
            row
            for row in self.rows
            if row["id"] >= params.get("fromId", 0)
            and params.get("startTime", 0) <= row["time"] <= params.get("endTime", 1 << 62)
        ]
        yield from ()
        return found[: min(self.page, params["limit"])][::-1]


class Ledger(Exchange):
    """Income has no ids and no window of a day."""

    def __call__(self, path: str, **params: Any) -> Iterator[Any]:
        assert path in trades.INCOME.values()
        self.asked.append(params)
        yield from ()
        return [one for one in self.rows if params["startTime"] <= one["time"] <= params["endTime"]][: trades.PAGE]


def held(flow: Any) -> Any:
    """The result of a flow that asks nothing by itself."""
    try:
        next(flow)
    except StopIteration as end:
        return end.value
    raise AssertionError("a question")


def row(number: int, time_ms: int) -> dict[str, Any]:
    return {"id": number, "time": time_ms, "symbol": "BTCUSDT"}


def test_a_week_is_asked_for_day_by_day() -> None:
    exchange = Exchange([row(number, START + number * DAY // 2) for number in range(14)])
    found = held(trades.trades(exchange, "UM", "BTCUSDT", START, START + 7 * DAY - 1))
    assert [one["id"] for one in found] == list(range(14))
    assert len(exchange.asked) == 7
    windows = [(one["startTime"], one["endTime"]) for one in exchange.asked]
    assert windows[0] == (START, START + DAY - 1)
    assert all(after[0] == before[1] + 1 for before, after in itertools.pairwise(windows))


def test_a_full_page_goes_on_by_id_to_the_present() -> None:
    exchange = Exchange([row(number, START + number) for number in range(2500)])
    found = held(trades.trades(exchange, "UM", "BTCUSDT", START, START + 3 * DAY))
    assert [one["id"] for one in found] == list(range(2500))
    assert [one.get("fromId") for one in exchange.asked] == [None, 1000, 2000]


def test_a_server_that_ignores_the_id_does_not_hold_us_for_ever() -> None:
    rows = [row(number, START) for number in range(trades.PAGE)]

    def stubborn(path: str, **params: Any) -> Iterator[Any]:
        del path, params
        yield from ()
        return rows

    assert len(held(trades.trades(stubborn, "CM", "BTCUSD_PERP", START, START))) == trades.PAGE


def test_no_time_no_question() -> None:
    exchange = Exchange([])
    assert held(trades.trades(exchange, "UM", "BTCUSDT", START + 1, START)) == []
    assert exchange.asked == []


@given(st.lists(st.integers(0, 5 * DAY), max_size=60), st.integers(0, 3 * DAY), st.integers(1, 3))
def test_every_trade_is_found_once(times: list[int], since: int, burst: int) -> None:
    moments = [moment for moment in sorted(times) for _ in range(burst)]
    rows = [row(number, START + moment) for number, moment in enumerate(moments)]
    found = held(trades.trades(Exchange(rows), "UM", "BTCUSDT", START + since, START + 5 * DAY))
    assert [one["id"] for one in found] == [one["id"] for one in rows if one["time"] >= START + since]


def test_income_leads_from_page_to_page_by_time() -> None:
    rows = [{"id": n, "symbol": f"S{n % 7}", "time": START + n // 3} for n in range(2500)]
    rows.append({"id": 2500, "symbol": "LAST", "time": START + 1000})
    exchange = Ledger(rows)
    found = held(trades.symbols_with_income(exchange, "UM", START, START + DAY))
    assert found == {f"S{n}" for n in range(7)} | {"LAST"}
    assert len(exchange.asked) == 3


def test_income_of_one_moment_that_fills_a_page_is_passed() -> None:
    ledger = Ledger([{"id": n, "symbol": "A", "time": START} for n in range(3000)])
    ledger.rows.append({"id": 3000, "symbol": "B", "time": START + 5})
    assert held(trades.symbols_with_income(ledger, "CM", START, START + DAY)) == {"A", "B"}


@pytest.mark.parametrize(
    ("named", "places"),
    [
        ("UM:BTCUSDT", [("UM", "BTCUSDT")]),
        ("margin:BTCUSDT", [("MARGIN", "BTCUSDT")]),
        ("BTCUSDT", [("UM", "BTCUSDT"), ("MARGIN", "BTCUSDT")]),
        ("BTCUSD_PERP", [("CM", "BTCUSD_PERP")]),
        ("BTCUSD_200925", [("CM", "BTCUSD_200925")]),
        ("BTCUSDT_230630", [("UM", "BTCUSDT_230630")]),
    ],
)
def test_a_name_says_where_to_look(named: str, places: list[tuple[str, str]]) -> None:
    assert trades.places(named) == places
