"""The names that the exchange gives to what: a name that was mistyped would stand in no recorded object."""

from __future__ import annotations

from typing import Any

import pytest

from jexkit.core.exact import Shape
from jexkit.core.shapes import NOT_SAID, filled
from jexkit.exchanges.jex import names
from tests.wire import corpus

RECORDED: dict[str, tuple[type[Shape], Any]] = {
    "order": (names.ORDER, corpus.the("jex", "execSpotReport")),
    "report": (names.REPORTS["contract"], corpus.the("jex", "execContractReport", 7)),
    "order over REST": (names.REST_ORDER, corpus.the("jex", "REST GET /api/v1/spot/order")),
    "balance": (names.BALANCE, corpus.the("jex", "accountSpotInfo")["B"][0]),
    "account": (names.ACCOUNTS["spot"], corpus.the("jex", "accountSpotInfo")),
    "position": (names.POSITION, corpus.the("jex", "contractPositions")["p"][0]),
    "positions": (names.POSITIONS, corpus.the("jex", "contractPositions")),
    "position over REST": (names.REST_POSITION, corpus.the("jex", "REST GET /api/v1/contract/position")[0]),
}


@pytest.mark.parametrize(("shape", "row"), RECORDED.values(), ids=RECORDED)
def test_nearly_all_names_stand_in_a_recorded_object(shape: type[Shape], row: dict[str, Any]) -> None:
    written = {name for name in shape.__struct_encode_fields__ if not name.startswith(NOT_SAID)}
    assert written - row.keys() <= {"x", "r", "R", "S", "O", "reject", "executedPrice"}
    assert filled(shape, row) != shape()


def test_each_family_has_a_report_and_an_account_of_its_own() -> None:
    """By the word in ``e``, which is all that tells them apart."""
    tags = [shape.__struct_config__.tag for shape in (*names.REPORTS.values(), *names.ACCOUNTS.values())]
    reports = ["execContractReport", "execOptionReport", "execSpotReport"]
    assert sorted(tags) == ["accountContractInfo", "accountOptionInfo", "accountSpotInfo", *reports]


@pytest.mark.parametrize("sort", ["order", "balance", "account"])
def test_fields_stand_in_the_order_of_the_messages(sort: str) -> None:
    assert corpus.out_of_order(*RECORDED[sort]) == []
