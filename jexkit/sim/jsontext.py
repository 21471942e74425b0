"""JSON text with exact numbers: a `Decimal` becomes a JSON number with all its digits, never by way of a float."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

_quoted = json.encoder.encode_basestring


def encode(value: Any) -> str:
    """Compact JSON. Takes what the simulator sends: objects, lists, text, int, Decimal, bool, None."""
    if isinstance(value, str):
        return _quoted(value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{_quoted(str(name))}:{encode(item)}" for name, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(encode(item) for item in value) + "]"
    raise TypeError(f"{type(value).__name__} has no place in a message of an exchange: {value!r}.")


def decode(text: str | bytes) -> Any:
    """Read JSON with fractions as `Decimal`. Raises ValueError."""
    return json.loads(text, parse_float=Decimal)
