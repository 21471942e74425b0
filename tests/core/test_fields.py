"""One field of a message can be read whatever is in it, and only ``need`` ever complains."""

from __future__ import annotations

import contextlib
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jexkit.core import fields
from jexkit.core.fields import Missing
from jexkit.events import Side
from tests.wire.strategies import json_values

SIDES = {"BUY": Side.BUY, "SELL": Side.SELL}


@pytest.mark.parametrize(
    ("value", "found"),
    [("BTC", "BTC"), ("", ""), (7, "7"), (2**63, "9223372036854775808"), (True, ""), (Decimal("1.0"), ""), ([], "")],
)
def test_text(value: Any, found: str) -> None:
    assert fields.text({"a": value}, "a") == found


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (7, 7),
        ("7", 7),
        ("-7", -7),
        ("4612616205276108403", 4612616205276108403),
        (Decimal("1E+3"), 1000),
        (Decimal("1.5"), None),
        (Decimal("1E+400"), None),
        ("--7", None),
        ("-", None),
        ("", None),
        ("7.0", None),
        ("7" * 41, None),
        (True, None),
        (None, None),
        ([7], None),
    ],
)
def test_integer(value: Any, found: int | None) -> None:
    assert fields.integer({"a": value}, "a") == found


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (1_700_000_000_000, 1_700_000_000_000),
        ("1700000000000", 1_700_000_000_000),
        (0, None),
        (-1, None),
        (10**15, None),
    ],
)
def test_a_time_is_one_that_a_calendar_holds(value: Any, found: int | None) -> None:
    """Zero stands for none, and 1352286576452864727 is some other number."""
    assert fields.time_ms({"a": value}, "a") == found


@pytest.mark.parametrize(
    ("value", "found"), [(True, True), ("true", True), ("TRUE", True), (False, False), ("no", False), (1, False)]
)
def test_flag(value: Any, found: bool) -> None:
    assert fields.flag({"a": value}, "a") is found


def test_an_amount_that_is_not_there_is_none_or_zero() -> None:
    assert fields.decimal({"a": ""}, "a") is None
    assert fields.decimal({}, "a") is None
    assert fields.amount({"a": ""}, "a") == 0
    assert fields.amount({"a": "1.50"}, "a") == Decimal("1.50")


def test_a_word_that_is_not_in_the_table_is_unknown() -> None:
    assert fields.word({"S": "BUY"}, "S", SIDES, Side.UNKNOWN) is Side.BUY
    for message in ({"S": "HOLD"}, {"S": None}, {"S": ["BUY"]}, {}):
        assert fields.word(message, "S", SIDES, Side.UNKNOWN) is Side.UNKNOWN


def test_sections_and_rows_are_empty_where_there_are_none() -> None:
    assert fields.section({"a": {"b": 1}}, "a") == {"b": 1}
    assert fields.section({"a": [1]}, "a") == {}
    assert fields.rows({"a": [1]}, "a") == [1]
    assert fields.rows({"a": {"b": 1}}, "a") == []


def test_what_is_needed_and_missing_is_named() -> None:
    assert fields.need({"b": 5}, "a", "b") == "5"
    with pytest.raises(Missing, match="no a or b"):
        fields.need({"a": "", "b": None}, "a", "b")
    assert fields.need_decimal({"a": "0"}, "a") == 0
    with pytest.raises(Missing, match="no amount in a"):
        fields.need_decimal({"a": ""}, "a")


@given(st.dictionaries(st.just("a"), json_values(["a"])))
def test_nothing_raises_but_need(message: dict[str, Any]) -> None:
    fields.text(message, "a")
    fields.integer(message, "a")
    fields.time_ms(message, "a")
    fields.flag(message, "a")
    fields.decimal(message, "a")
    fields.amount(message, "a")
    fields.word(message, "a", SIDES, Side.UNKNOWN)
    fields.section(message, "a")
    fields.rows(message, "a")
    with contextlib.suppress(Missing):
        fields.need(message, "a")
    with contextlib.suppress(Missing):
        fields.need_decimal(message, "a")
