"""Numbers that are given to the simulator, checked when they are given."""

from __future__ import annotations

import math
import re

WHOLE = re.compile(r"[+-]?[0-9]{1,30}")
NUMBER = re.compile(r"[+-]?([0-9]{1,30}(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
LONGEST = 365 * 86_400.0  # seconds that anything may take, or lie ahead


def number(name: str, value: object, least: float = 0.0, most: float = LONGEST) -> float:
    """The value if it is a number within these bounds. Raises ValueError in words."""
    if not is_within(value, least, most):
        raise ValueError(f"{name} must be a number, {spelled(least, most)}, not {shown(value)}.")
    return value  # type: ignore[return-value]


def whole(name: str, value: object, least: int, most: int) -> int:
    """The same for a whole number."""
    if not isinstance(value, int) or not is_within(value, least, most):
        raise ValueError(f"{name} must be a whole number, {spelled(least, most)}, not {shown(value)}.")
    return value


def is_within(value: object, least: float, most: float) -> bool:
    """Whether it is a number, no answer to a question (True is no 1), and neither NaN nor infinite."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return -math.inf < value < math.inf and least <= value <= most


def spelled(least: float, most: float) -> str:
    """The bounds in words."""
    return f"at least {least:g}" if most == math.inf else f"from {least:g} to {most:g}"


def read_whole(text: str) -> int | None:
    """The whole number that a text is, in plain digits and nothing else; None for any other text."""
    return int(text) if WHOLE.fullmatch(text) else None


def read_number(text: str) -> float | None:
    """The same for any number."""
    return float(text) if NUMBER.fullmatch(text) else None


def shown(value: object) -> str:
    """The value for an error's text: not more of it than one can read."""
    shown = repr(value) if not isinstance(value, int) or abs(value) < 10**30 else "a number of many digits"
    return shown if len(shown) <= 100 else f"{shown[:100]}..."
