"""The names that the exchange gives to what: a name that was mistyped would stand in no recorded object."""

from __future__ import annotations

from typing import Any

import pytest

from jexkit.core.exact import Shape
from jexkit.core.shapes import filled
from jexkit.exchanges.poloniex import rows
from tests.wire import corpus

ORDERS = [
    corpus.the("poloniex", "orders.place")["data"][0],
    corpus.the("poloniex", "orders.trade")["data"][0],
    corpus.the("poloniex", "rest.GET /orders")[0],
    corpus.the("poloniex", "rest.GET /orders/12345"),
    *corpus.the("poloniex", "rest.GET /orders/history"),
]


def test_every_name_of_an_order_stands_in_a_push_or_an_answer() -> None:
    seen: set[str] = set().union(*ORDERS)
    assert set(rows.ORDER.__struct_encode_fields__) <= seen


@pytest.mark.parametrize("row", ORDERS[:2], ids=["placed", "traded"])
def test_a_push_says_whose_order_it_is(row: dict[str, Any]) -> None:
    order = filled(rows.ORDER, row)
    assert (order.order_id, order.id_over_rest) == (row["orderId"], "")


def test_every_name_of_a_balance_stands_in_a_push() -> None:
    row = corpus.the("poloniex", "balances.match_order")["data"][0]
    assert set(rows.BALANCE.__struct_encode_fields__) <= row.keys()


@pytest.mark.parametrize(
    ("shape", "event", "field"),
    [(rows.ORDERS, "orders.place", "orders"), (rows.BALANCES, "balances.place_order", "balances")],
)
def test_a_push_holds_rows(shape: type[Shape], event: str, field: str) -> None:
    push = corpus.the("poloniex", event)
    assert len(getattr(filled(shape, push), field)) == len(push["data"])
    assert shape.__struct_config__.tag == push["channel"]


def test_fields_stand_in_the_order_of_the_pushes() -> None:
    balance = corpus.the("poloniex", "balances.place_order")["data"][0]
    assert corpus.out_of_order(rows.ORDER, ORDERS[0]) == []
    assert corpus.out_of_order(rows.BALANCE, balance) == []
