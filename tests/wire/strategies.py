"""Hypothesis strategies: any JSON value, and real messages with something wrong in them."""

from __future__ import annotations

import copy
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

WORDS = st.sampled_from(
    ["", "0", "-1", "open", "buy", "NEW", "BTC", "market_price", "1e400", "--5", "NaN", "١٢", "\x00"]
)
NUMBERS = st.one_of(
    st.integers(),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.sampled_from([Decimal("1E+400"), Decimal("-1E-400"), Decimal("-0"), 2**63, 10**40]),
)
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, WORDS, st.text(max_size=8))


def json_values(names: list[str]) -> st.SearchStrategy[Any]:
    """Any JSON value as the decoder makes it; the keys of its objects are often ``names``."""
    keys = st.one_of(st.sampled_from(names), st.text(max_size=5))
    return st.recursive(
        SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4), max_leaves=12
    )


@st.composite
def mutated(draw: st.DrawFn, messages: list[Any], names: list[str]) -> Any:
    """One of ``messages`` in which up to three places are another value, gone, or there twice."""
    message = copy.deepcopy(draw(st.sampled_from(messages)))
    for _ in range(draw(st.integers(1, 3))):
        places = list(_places(message))
        if not places:
            break
        where, key = draw(st.sampled_from(places))
        if draw(st.integers(0, 3)) == 0:
            del where[key]
        else:
            where[key] = draw(json_values(names))
    return message


def _places(value: Any) -> Any:
    keys: Any = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in list(keys):
        yield value, key
        yield from _places(value[key])


def objects(value: Any) -> Any:
    """All JSON objects inside ``value``, itself among them."""
    if isinstance(value, dict):
        yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from objects(item)
