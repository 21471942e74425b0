"""Reading one field of a message that may lack it, or have it in another type than the documents say.

None of these raises: a message must never be lost for an odd optional field. A reader that needs a field to make sense
of the message at all asks ``need`` and turns ``Missing`` into an ``Unknown`` event.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TypeVar

from jexkit.core import exact
from jexkit.events import Word

Message = Mapping[str, Any]
W = TypeVar("W", bound=Word)

_TIMES = range(1, 10**14)  # milliseconds since 1970 that a datetime can hold


class Missing(ValueError):
    """A field without which the message says nothing."""


def decimal(message: Message, name: str) -> Decimal | None:
    return exact.decimal(message.get(name))


def amount(message: Message, name: str) -> Decimal:
    """Like ``decimal``, with zero for nothing."""
    found = exact.decimal(message.get(name))
    return Decimal(0) if found is None else found


def text(message: Message, name: str) -> str:
    """Text as it is, an integer as its digits, anything else as nothing."""
    value = message.get(name)
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return ""


def integer(message: Message, name: str) -> int | None:
    value = message.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and len(value) < 40 and value.removeprefix("-").isdecimal():
        return int(value)
    if isinstance(value, Decimal) and value == value.to_integral_value() and abs(value.adjusted()) < 40:
        return int(value)
    return None


def time_ms(message: Message, name: str) -> int | None:
    """A time in milliseconds, None if absent or beyond what a calendar holds. Zero means "none" on these exchanges."""
    value = integer(message, name)
    return value if value is not None and value in _TIMES else None


def flag(message: Message, name: str) -> bool:
    value = message.get(name)
    return value is True or (isinstance(value, str) and value.lower() == "true")


def word(message: Message, name: str, words: Mapping[str, W], unknown: W) -> W:
    """The normalised word for the exchange's, ``unknown`` if it is not in the table."""
    return words.get(text(message, name), unknown)


def section(message: Message, name: str) -> Message:
    """An object inside the message, empty if there is none."""
    value = message.get(name)
    return value if isinstance(value, dict) else {}


def rows(message: Message, name: str) -> list[Any]:
    """A list inside the message, empty if there is none."""
    value = message.get(name)
    return value if isinstance(value, list) else []


def need(message: Message, *names: str) -> str:
    """The first of ``names`` that has text or digits in it. Raises Missing if none has."""
    for name in names:
        value = text(message, name)
        if value:
            return value
    raise Missing(f"the message has no {' or '.join(names)}")


def need_decimal(message: Message, name: str) -> Decimal:
    value = decimal(message, name)
    if value is None:
        raise Missing(f"the message has no amount in {name}")
    return value
