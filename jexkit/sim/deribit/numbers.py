"""Numbers as Deribit prints them: `0.0`, `20236.5`, `2.5e-7`."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from jexkit.sim.amounts import plain

SMALLEST_PLAIN = Decimal("0.0001")


class Number(Decimal):
    """An amount whose JSON text has a fraction or an exponent. All its digits are kept."""

    def __format__(self, specifier: str, context: Any = None) -> str:
        if specifier != "f":
            return super().__format__(specifier)
        if not self:
            return "0.0"
        if abs(self) < SMALLEST_PLAIN:
            digits, _, exponent = f"{self.normalize():E}".partition("E")
            return f"{digits}e{int(exponent)}"
        text = plain(Decimal(self))
        return text if "." in text else f"{text}.0"


def number(value: Decimal | int) -> Number:
    """An amount for a message."""
    return Number(value)
