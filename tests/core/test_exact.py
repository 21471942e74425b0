"""Numbers keep their digits: from the wire, in sums, and in the ids that are made of them."""

from __future__ import annotations

import decimal
from decimal import Decimal
from fractions import Fraction
from typing import Any

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jexkit.core import exact

AMOUNTS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30, places=20)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("1.50", Decimal("1.50")),
        ("1e-8", Decimal("1E-8")),
        ("1E+2", Decimal("1E+2")),
        ("0.1", Decimal("0.1")),
        ("9007199254740993", 9007199254740993),
        ("1352286576452864727", 1352286576452864727),
        ("51090.31602036", Decimal("51090.31602036")),
        ('"0.10"', "0.10"),
        ('{"a":[null,true]}', {"a": [None, True]}),
    ],
)
def test_decode(text: str, value: Any) -> None:
    decoded = exact.decode(text)
    assert decoded == value
    assert type(decoded) is type(value)
    assert exact.decode(text.encode()) == value


@given(AMOUNTS)
def test_a_number_comes_as_it_was_written(amount: Decimal) -> None:
    text = format(amount, "f")
    assert str(exact.decimal(exact.decode(text))) == str(Decimal(text))
    assert str(exact.decimal(text)) == str(Decimal(text))


@pytest.mark.parametrize(
    "text", ["", "{", "nan", "NaN", "Infinity", "'a'", "[1,]", "1" * 5000, "[" * 5000, b"\xff", '{"a":1}x', "01"]
)
def test_what_is_no_json(text: str | bytes) -> None:
    with pytest.raises(exact.NotJson):
        exact.decode(text)


@given(st.recursive(st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text() | AMOUNTS, st.lists))
def test_encode_and_decode(value: Any) -> None:
    assert exact.decode(exact.encode(value)) == value


@pytest.mark.parametrize(
    ("value", "amount"),
    [
        ("1.50", Decimal("1.50")),
        (7, Decimal(7)),
        (Decimal("0.1"), Decimal("0.1")),
        ("-0", Decimal("-0")),
        ("1e3", Decimal("1E+3")),
    ],
)
def test_an_amount(value: Any, amount: Decimal) -> None:
    assert exact.decimal(value) == amount


@pytest.mark.parametrize(
    "value",
    [
        "",
        "x",
        None,
        True,
        False,
        1.5,
        [],
        {},
        "NaN",
        "sNaN",
        "Infinity",
        "-inf",
        "1e99",
        "1e-99",
        "1" * 61,
        "1e999999999",
    ],
)
def test_what_is_no_amount(value: Any) -> None:
    """Nor what no exchange can mean: more digits than that would be a way to fill the memory."""
    assert exact.decimal(value) is None


@given(AMOUNTS, AMOUNTS)
def test_sums_and_products_are_exact(left: Decimal, right: Decimal) -> None:
    assert Fraction(exact.add(left, right)) == Fraction(left) + Fraction(right)
    assert Fraction(exact.subtract(left, right)) == Fraction(left) - Fraction(right)
    assert Fraction(exact.multiply(left, right)) == Fraction(left) * Fraction(right)


def test_a_quotient_has_34_digits() -> None:
    assert exact.divide(Decimal(1), Decimal(3)) == Decimal("0." + "3" * 34)
    assert exact.divide(Decimal(1520), Decimal("0.4")) == Decimal(3800)
    assert exact.divide(Decimal(1), Decimal(0)) is None


def test_the_programs_own_decimal_context_has_no_say() -> None:
    with decimal.localcontext() as context:
        context.prec = 2
        context.traps = dict.fromkeys(context.traps, True)
        amount = exact.decimal(exact.decode("123456.789"))
        assert amount is not None
        assert str(amount) == "123456.789"
        assert exact.plain(amount) == "123456.789"
        assert str(exact.add(amount, amount)) == "246913.578"
        assert str(exact.subtract(amount, Decimal(1))) == "123455.789"
        assert str(exact.multiply(amount, Decimal(2))) == "246913.578"
        assert str(exact.divide(amount, Decimal(8))) == "15432.098625"


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (Decimal("1.50"), "1.5"),
        (Decimal("1.5"), "1.5"),
        (Decimal("1E+2"), "100"),
        (Decimal("100.00"), "100"),
        (Decimal("1E-8"), "0.00000001"),
        (Decimal("0E-8"), "0"),
        (Decimal("-0.0"), "0"),
        (Decimal("-2.10"), "-2.1"),
        (None, ""),
    ],
)
def test_one_spelling_for_one_amount(amount: Decimal | None, text: str) -> None:
    assert exact.plain(amount) == text


@given(AMOUNTS, st.integers(0, 10))
def test_equal_amounts_are_spelt_alike(amount: Decimal, zeros: int) -> None:
    longer = Decimal(format(amount, "f") + ("0" * zeros))
    assert exact.plain(longer) == exact.plain(amount)
    assert Decimal(exact.plain(amount)) == amount


@given(AMOUNTS)
def test_a_text_has_its_number_and_spelling_however_often_it_comes(amount: Decimal) -> None:
    text = format(amount, "f")
    for _ in range(2):
        assert str(exact.number(text)) == str(exact.amounts[text]) == str(Decimal(text))
        assert exact.spelled[text] == (Decimal(text), exact.plain(amount))


PLAIN = st.from_regex(
    r"-?([0-9]{1,30}(\.[0-9]{0,20})?|\.[0-9]{1,20})", fullmatch=True, alphabet=st.characters(codec="ascii")
)


@given(PLAIN)
@example("-0")
@example("-0.00")
@example("007.10")
@example("-.50")
@example("5.")
@example("100")
def test_a_text_is_spelt_as_its_number_is(text: str) -> None:
    assert exact.spelling(text) == exact.plain(exact.number(text))


def test_an_empty_text_has_no_number() -> None:
    assert exact.number("") is None
    assert exact.amounts[""] is None
    assert exact.spelled[""] == (None, "")


@pytest.mark.parametrize("text", ["NaN", "1e5", " 1", "1 ", "1_0", "١", "--1", "1.2.3", "-", ".", "+1", "0x1"])
def test_a_text_that_is_no_amount_or_oddly_spelled_is_refused(text: str) -> None:
    """Every time: nothing is remembered of it."""
    for _ in range(2):
        with pytest.raises(ArithmeticError):
            exact.number(text)
        with pytest.raises(ArithmeticError):
            exact.amounts[text]
        with pytest.raises(ArithmeticError):
            exact.spelled[text]


def test_texts_are_not_remembered_without_end() -> None:
    for number in range(20_000):
        assert exact.amounts[f"{number}.5"] == number + Decimal("0.5")
        assert exact.spelled[f"{number}.50"] == (number + Decimal("0.50"), f"{number}.5")
    assert len(exact.amounts) <= 8_000
    assert len(exact.spelled) <= 8_000
    assert exact.amounts[""] is None


@attrs.frozen
class Kept:
    """A record with an amount."""

    amount: Decimal
    text: str
    note: str = "none"


@given(st.decimals(allow_nan=False, allow_infinity=False), st.text())
def test_a_record_is_unpacked_as_it_was_packed(amount: Decimal, text: str) -> None:
    """To the last digit and character."""
    again = exact.unpack(exact.pack(Kept(amount, text)), Kept)
    assert (str(again.amount), again.text) == (str(amount), text)


@pytest.mark.parametrize("text", ["", "{}", '{"amount": "much", "text": ""}', b"\xff"])
def test_what_is_no_record_is_not_unpacked(text: str | bytes) -> None:
    with pytest.raises(exact.NotJson):
        exact.unpack(text, Kept)


@given(st.decimals(allow_nan=False, allow_infinity=False), st.text())
def test_a_record_is_unpacked_of_a_list_and_the_rest_of_it(amount: Decimal, text: str) -> None:
    """To the last digit and character; what is in neither has its default."""
    again = exact.unpack_row(exact.pack((amount,)), Kept, ("amount",), {"text": text})
    assert (str(again.amount), again.text, again.note) == (str(amount), text, "none")


def test_a_field_that_a_record_has_no_more_is_passed_over() -> None:
    row = exact.pack(({"any": "thing"}, Decimal("1.50")))
    assert exact.unpack_row(row, Kept, ("gone", "amount"), {"text": "kept"}) == Kept(Decimal("1.50"), "kept")


@pytest.mark.parametrize(
    ("row", "text"), [("", "kept"), ("{}", "kept"), ("[]", "kept"), ('["much"]', "kept"), ('["1"]', None)]
)
def test_what_is_no_row_is_not_unpacked(row: str, text: str | None) -> None:
    with pytest.raises(exact.NotJson):
        exact.unpack_row(row, Kept, ("amount",), {"text": text})


def test_half_a_character_is_no_text_to_store() -> None:
    assert exact.storable("before \ud83d after \u2603") == "before ? after \u2603"
