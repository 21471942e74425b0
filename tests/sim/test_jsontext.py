"""Exact numbers on the wire."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from jexkit.sim.amounts import exact, fixed, plain
from jexkit.sim.jsontext import decode, encode


def test_decimals_become_numbers_with_all_their_digits() -> None:
    """A break-even price is a JSON number on the wire, and a float would cut it."""
    assert encode({"bep": Decimal("51090.31602036123456789"), "n": Decimal("0.00000039")}) == (
        '{"bep":51090.31602036123456789,"n":0.00000039}'
    )


def test_encoding_agrees_with_json() -> None:
    """Texts, nesting, escapes, literals."""
    value = {"a": [1, 'ä"\\\n', None, True, False, {"b": -2}], "c": []}
    assert json.loads(encode(value)) == value


def test_floats_have_no_place() -> None:
    """They have lost their digits already."""
    with pytest.raises(TypeError, match="float"):
        encode({"price": 0.1})
    with pytest.raises(TypeError, match="amounts"):
        exact(0.1)  # type: ignore[arg-type]


def test_decoding_keeps_digits() -> None:
    """Fractions come back as Decimal."""
    assert decode('{"p": 0.1000000000000000000001}') == {"p": Decimal("0.1000000000000000000001")}


@pytest.mark.parametrize(("value", "text"), [("0.40", "0.4"), ("20000", "20000"), ("1E+3", "1000"), ("-0.0", "0")])
def test_plain_is_the_shortest_text(value: str, text: str) -> None:
    """No exponent, no zeros that say nothing."""
    assert plain(Decimal(value)) == text


def test_fixed_has_no_negative_zero() -> None:
    """An unrealised profit that rounds to nothing has no sign."""
    assert fixed(Decimal("-0.000000001"), 8) == "0.00000000"


@pytest.mark.parametrize("text", ["", "ten", "NaN", "Infinity"])
def test_nonsense_is_no_amount(text: str) -> None:
    """Amounts are finite numbers."""
    with pytest.raises(ValueError, match="not an amount"):
        exact(text)
