"""An event that was made by way of a draft is the event that its class makes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import pytest

from jexkit.core import drafts
from jexkit.events import BalanceUpdate, Event, Fill, OrderUpdate, PositionUpdate

KINDS = [
    (OrderUpdate, drafts.order_draft),
    (Fill, drafts.fill_draft),
    (BalanceUpdate, drafts.balance_draft),
    (PositionUpdate, drafts.position_draft),
]


def values(kind: type[Event]) -> dict[str, Any]:
    """Another value for each field."""
    return {field.name: f"{field.name} of {kind.__name__}" for field in attrs.fields(kind)}


@pytest.mark.parametrize(("kind", "draft_of"), KINDS)
def test_a_draft_becomes_the_event(kind: type[Event], draft_of: Callable[[], Any]) -> None:
    """Equal, with the same hash and repr, and frozen from then on."""
    draft = draft_of()
    for name, value in values(kind).items():
        setattr(draft, name, value)
    draft.__class__ = kind
    made = kind(**values(kind))
    assert type(draft) is kind
    assert draft == made
    assert (hash(draft), repr(draft)) == (hash(made), repr(made))
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        draft.id = "another"


@pytest.mark.parametrize(("kind", "draft_of"), KINDS)
def test_a_field_that_was_forgotten_shows(kind: type[Event], draft_of: Callable[[], Any]) -> None:
    """Nobody can take it for a default."""
    draft = draft_of()
    draft.__class__ = kind
    for field in attrs.fields(kind):
        with pytest.raises(AttributeError):
            getattr(draft, field.name)
    with pytest.raises(AttributeError):
        draft_of().no_such_field = 1
