"""What is a number, and what only looks like one."""

from __future__ import annotations

import math
from typing import Any

import pytest

from jexkit.sim import bounds

NONE = (None, True, False, "5", b"5", [], {}, 1j, object(), math.nan, math.inf, -math.inf, 10**400, -(10**400))


@pytest.mark.parametrize("value", [*NONE, -1, 11])
def test_what_is_no_number_within_the_bounds_is_refused_in_words(value: Any) -> None:
    with pytest.raises(ValueError, match=r"^size must be a number, from 0 to 10, not .") as caught:
        bounds.number("size", value, 0, 10)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("value", [0, 10, 2.5, -0.0])
def test_what_is_one_is_given_back(value: float) -> None:
    assert bounds.number("size", value, 0, 10) == value


@pytest.mark.parametrize("value", [*NONE, 1.0, 0, 11])
def test_a_whole_number_is_no_other(value: Any) -> None:
    with pytest.raises(ValueError, match=r"^size must be a whole number, from 1 to 10, not ."):
        bounds.whole("size", value, 1, 10)
    assert bounds.whole("size", 10, 1, 10) == 10


@pytest.mark.parametrize("text", ["5", "05", "+5", "-12"])
def test_a_text_of_digits_is_read(text: str) -> None:
    assert bounds.read_whole(text) == int(text)
    assert bounds.read_number(text) == float(text)


@pytest.mark.parametrize("text", ["0.5", "5.", ".5", "1e3", "-2.5E-3"])
def test_a_text_that_is_a_number_is_read(text: str) -> None:
    assert bounds.read_number(text) == float(text)
    assert bounds.read_whole(text) is None


@pytest.mark.parametrize(
    "text",
    ["", " 5", "5 ", "5\n", "1_000", "0x5", "nan", "inf", "\u0663", "\uff11\uff12", "1,5", "--1", "1e", ".", "9" * 31],
)
def test_no_other_text_is_read(text: str) -> None:
    """Python would read some of them."""
    assert bounds.read_whole(text) is None
    assert bounds.read_number(text) is None
