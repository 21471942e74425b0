"""A shape has the same in it whether the decoder filled it or ``filled`` did, and ``filled`` never complains."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jexkit.core import exact, shapes
from jexkit.core.exact import Amount, Shape, Time
from jexkit.core.fields import Missing
from jexkit.core.shapes import Flag, Id, Number, Text, TextOrNull, Truth, filled, named, needed
from tests.wire.strategies import json_values


class Row(Shape):
    """One field of each type."""

    text: Text = ""
    maybe: TextOrNull = ""
    identity: Id = ""
    amount: Amount = ""
    time: Time = 0
    flag: Flag = False
    truth: Truth = None
    number: Number = None
    not_said: Text = ""


class Outer(Shape):
    """A row, and rows."""

    row: Row | None = None
    rows: Sequence[Row] = ()


NAMES = {
    "text": "t",
    "maybe": "m",
    "identity": "i",
    "amount": "a",
    "time": "T",
    "flag": "f",
    "truth": "r",
    "number": "n",
}
ROW = named(Row, **NAMES)
OUTER = named(Outer, ("e", "outer"), row=("o", ROW), rows=("R", list[ROW]))  # type: ignore[valid-type]
ANOTHER = named(Outer, ("e", "another"))
decode = exact.decoder(OUTER | ANOTHER)

FULL = {"t": "BTC", "m": None, "i": 7, "a": "1.50", "T": 1_700_000_000_000, "f": True, "r": False, "n": Decimal("2.50")}


def test_names_are_the_exchanges() -> None:
    text = exact.encode({"e": "outer", "o": FULL, "R": [FULL, {}]})
    row = Row("BTC", None, 7, "1.50", 1_700_000_000_000, True, False, Decimal("2.50"))
    assert decode(text) == OUTER(ROW(*_values(row)), [ROW(*_values(row)), ROW()])


def _values(row: Row) -> list[Any]:
    return [getattr(row, name) for name in row.__struct_fields__]


def test_a_decoded_object_fills_the_same_fields() -> None:
    """Ids and texts are texts then, and null is nothing; the rest is as the decoder has it."""
    row = filled(ROW, FULL)
    assert _values(row) == ["BTC", "", "7", "1.50", 1_700_000_000_000, True, False, Decimal("2.50"), ""]
    outer = filled(OUTER, {"o": FULL, "R": [FULL, 5, {}]})
    assert (outer.row, list(outer.rows)) == (row, [row, None, ROW()])
    assert list(filled(OUTER, {"R": FULL}).rows) == [row]
    assert filled(OUTER, {"o": 5}).row is None


@pytest.mark.parametrize("name", ["not_said", "-not_said"])
def test_what_is_not_named_is_not_said(name: str) -> None:
    """Not even by a member of that name."""
    assert filled(ROW, {name: "x"}).not_said == ""
    if name == "not_said":
        assert exact.decoder(ROW)('{"not_said":"x"}').not_said == ""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("t", 5),
        ("t", None),
        ("i", True),
        ("i", Decimal("1.5")),
        ("a", 1),
        ("a", "9" * 61),
        ("T", -1),
        ("T", 10**14),
        ("T", "5"),
        ("f", "true"),
        ("r", 1),
        ("n", "x"),
        ("n", True),
    ],
)
def test_the_decoder_refuses_another_type(name: str, value: Any) -> None:
    """And leaves the whole message to ``filled``, which takes what it can."""
    text = exact.encode({"e": "outer", "o": {**FULL, name: value}})
    with pytest.raises(exact.MISFITS):
        decode(text)
    row = filled(ROW, {**FULL, name: value})
    untouched = {field: each for field, each in NAMES.items() if each != name}
    assert all(getattr(row, field) == getattr(filled(ROW, FULL), field) for field in untouched)


@pytest.mark.parametrize("text", ["", "[]", "5", '{"e":"other"}', "{}", '{"e":"outer","o":null}', '{"e":"outer"} {}'])
def test_the_decoder_refuses_what_is_no_such_message(text: str) -> None:
    with pytest.raises(exact.MISFITS):
        decode(text)


@given(json_values([*NAMES.values(), "o", "R"]), st.sampled_from([ROW, OUTER]))
def test_filling_never_raises(message: Any, kind: type[Shape]) -> None:
    """Whatever is in the object; and every amount that comes out is one."""
    if isinstance(message, dict):
        row = filled(kind, message)
        if isinstance(row, Row) and row.amount:
            assert exact.amounts[row.amount] == exact.decimal(message["a"])


def test_an_empty_field_that_is_needed_is_named_as_the_exchange_does() -> None:
    row = ROW(text="x")
    assert needed(row, "text") == "x"
    with pytest.raises(Missing, match="no a"):
        needed(row, "amount")
    assert str(shapes.missing(row, "identity")) == "the message has no i"
