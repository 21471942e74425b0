"""Exact amounts: how they come in, and how they are printed on a wire. Touches nothing but `decimal`."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TypeAlias

Amount: TypeAlias = "Decimal | str | int"

ZERO = Decimal(0)
SATOSHI = Decimal("0.00000001")


def exact(value: Amount) -> Decimal:
    """Read an amount. Binary floats are refused: they have lost their digits already."""
    if isinstance(value, (bool, float)):
        raise TypeError(f"Give amounts as text, int or Decimal, not {value!r}.")
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise ValueError(f"{value!r} is not an amount.") from None
    if not number.is_finite():
        raise ValueError(f"{value!r} is not an amount.")
    return number


def rounded(value: Decimal) -> Decimal:
    """An amount of money, kept to eight decimals as the exchanges book it."""
    return value.quantize(SATOSHI)


def plain(value: Decimal) -> str:
    """The shortest text without an exponent: `0.4`, `20000`, `0`."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text


def fixed(value: Decimal, places: int) -> str:
    """Text with so many decimals: `0.40000000`."""
    return format(value.quantize(Decimal(1).scaleb(-places)) + 0, "f")  # adding zero takes the sign off -0
