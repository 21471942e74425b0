"""The names that the exchange gives to what: each field is read from where the tables say."""

from __future__ import annotations

from typing import Any

import pytest

from jexkit.core.exact import Shape
from jexkit.core.shapes import NOT_SAID, filled
from jexkit.exchanges.binance_pm import names
from tests.wire import corpus

SORTS = {name: sort for name, sort in vars(names).items() if isinstance(sort, names.Order)}
CONDITIONAL = corpus.the("binance_pm", "CONDITIONAL_ORDER_TRADE_UPDATE")["so"]
RECORDED: dict[str, tuple[type[Shape], Any]] = {
    "order": (names.FUTURES_ORDER.row, corpus.the("binance_pm", "ORDER_TRADE_UPDATE", 2)["o"]),
    "margin order": (names.MARGIN_ORDER.row, corpus.the("binance_pm", "executionReport")),
    "conditional order": (
        names.CONDITIONAL_ORDER.row,
        corpus.the("binance_pm", "CONDITIONAL_ORDER_TRADE_UPDATE")["so"],
    ),
    "algo order": (names.ALGO_ORDER.row, corpus.the("binance_pm", "ALGO_UPDATE")["ao"]),
    "balance": (names.FUTURES_BALANCE, corpus.the("binance_pm", "ACCOUNT_UPDATE")["a"]["B"][0]),
    "margin balance": (names.MARGIN_BALANCE, corpus.the("binance_pm", "outboundAccountPosition")["B"][0]),
    "position": (names.POSITION, corpus.the("binance_pm", "ACCOUNT_UPDATE")["a"]["P"][1]),
}


@pytest.mark.parametrize("sort", SORTS.values(), ids=SORTS)
def test_every_sort_of_order_says_what_an_order_cannot_do_without(sort: names.Order) -> None:
    written = dict(zip(sort.row.__struct_fields__, sort.row.__struct_encode_fields__, strict=True))
    for field in ("symbol", "order_id", "side", "order_type", "status", "quantity", "price"):
        assert not written[field].startswith(NOT_SAID)


@pytest.mark.parametrize("sort", SORTS.values(), ids=SORTS)
def test_no_name_means_two_things(sort: names.Order) -> None:
    written = [name for name in sort.row.__struct_encode_fields__ if not name.startswith(NOT_SAID)]
    assert len(set(written)) == len(written)


@pytest.mark.parametrize(("shape", "row"), RECORDED.values(), ids=RECORDED)
def test_nearly_all_names_stand_in_a_recorded_object(shape: type[Shape], row: dict[str, Any]) -> None:
    """A name that was mistyped would be in none; the few that are not are said in other cases only."""
    written = {name for name in shape.__struct_encode_fields__ if not name.startswith(NOT_SAID)}
    assert written - row.keys() <= {"er", "eR", "C", "N", "n", "ia", "rm", "aq", "ap", "ai", "Y", "Q"}
    assert filled(shape, row) != shape()


@pytest.mark.parametrize("sort", ["order", "balance", "position"])
def test_fields_stand_in_the_order_of_the_messages(sort: str) -> None:
    assert corpus.out_of_order(*RECORDED[sort]) == []
