"""Events as they are kept: a type's name and JSON text, twenty times as fast as ``to_dict`` and back.

For files that jexkit itself reads again. What is meant for others goes through ``Event.to_dict``.

Where there are many, as rows of a table, each is half as long: a list of values, without those that have a column of
their own. The names of the fields are kept once, so that another version knows what is what.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import attrs

from jexkit.core.exact import NotJson, pack, unpack, unpack_row
from jexkit.events import TYPES, Event

APART = ("id", "received_ms", "raw")
"""The fields that a row has columns for."""


def write_event(event: Event) -> str:
    """All of the event as JSON text; the name of its type is to be kept beside it."""
    return pack(event)


def read_event(kind: str, text: str | bytes) -> Event:
    """The event that ``write_event`` wrote. Raises ValueError if it is not one."""
    known = _type_of(kind)
    try:
        return unpack(text, known)
    except NotJson as error:
        raise ValueError(f"not a whole {kind}: {error}") from None


class Form:
    """How events of one type become rows. ``fields`` are the names of the values, in their order."""

    def __init__(self, kind: type[Event]) -> None:
        self.fields = tuple(field.name for field in attrs.fields(kind) if field.name not in APART)
        self._values = attrgetter(*self.fields)

    def write(self, event: Event) -> str:
        """All of the event as JSON text, but for what is kept ``APART``."""
        return pack(self._values(event))


def read_row(kind: str, fields: tuple[str, ...], text: str, apart: Sequence[Any]) -> Event:
    """The event that a ``Form`` with these fields wrote; ``apart`` are the values of those. Raises ValueError."""
    known = _type_of(kind)
    try:
        return unpack_row(text, known, fields, dict(zip(APART, apart, strict=True)))
    except NotJson as error:
        raise ValueError(f"not a whole {kind}: {error}") from None


def _type_of(kind: str) -> type[Event]:
    known = TYPES.get(kind)
    if known is None:
        raise ValueError(f"{kind!r} is not a type of event that this version knows")
    return known
