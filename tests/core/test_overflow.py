"""The policies of a full queue, and what of it must be told all the same."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from jexkit.core.overflow import Overflow, check_queue_size, chosen, sorted_out
from jexkit.errors import ConfigurationError
from jexkit.events import Event, Fill, Gap, Live, Lost, Market, Side, Suspended, SuspendReason

ABOUT: dict[str, Any] = {"exchange": "x", "account": "main", "time_ms": 1, "received_ms": 1}


def fill(number: int, *, derived: bool = False) -> Fill:
    return Fill(
        id=f"f{number}", market=Market.SPOT, symbol="X", order_id="1", trade_id="", side=Side.BUY,
        quantity=Decimal(1), price=None, derived=derived, **ABOUT,
    )  # fmt: skip


def suspended(reason: SuspendReason) -> Suspended:
    return Suspended(id=f"s:{reason}", reason=reason, **ABOUT)


@pytest.mark.parametrize(("has_journal", "default"), [(True, Overflow.SPILL), (False, Overflow.RECOVER)])
def test_the_default_is_to_spill_where_there_is_a_journal(has_journal: bool, default: Overflow) -> None:
    assert chosen(None, has_journal=has_journal) is default


@pytest.mark.parametrize("has_journal", [True, False])
def test_blocking_works_always(has_journal: bool) -> None:
    """Its word will do as well."""
    assert chosen(Overflow.BLOCK, has_journal=has_journal) is Overflow.BLOCK
    assert chosen("block", has_journal=has_journal) is Overflow.BLOCK


@pytest.mark.parametrize(
    ("overflow", "has_journal", "words"),
    [
        (Overflow.SPILL, False, "give journal= as well"),
        (Overflow.RECOVER, True, "use SPILL with a journal"),
        ("drop", False, r"jexkit\.Overflow\.BLOCK"),
        (3, True, r"jexkit\.Overflow\.SPILL"),
    ],
)
def test_policies_that_cannot_work(overflow: Any, has_journal: bool, words: str) -> None:
    """Are refused in words that say what would."""
    with pytest.raises(ConfigurationError, match=words):
        chosen(overflow, has_journal=has_journal)


@pytest.mark.parametrize("size", [0, -1, 1.5, "9", True, None, 10**9])
def test_a_queue_size_is_a_number_of_events(size: Any) -> None:
    with pytest.raises(ConfigurationError, match="queue_size is"):
        check_queue_size(size)


def test_facts_are_dropped_and_gaps_are_not() -> None:
    """Nor is the end of a stream, or what says that something was dropped; a Live from before that would be untrue."""
    gap = Gap(id="g", since_ms=1, until_ms=2, what="w", why="w", **ABOUT)
    lost = Lost(id="l", error="E", detail="", **ABOUT)
    overflow, broken = suspended(SuspendReason.OVERFLOW), suspended(SuspendReason.BROKEN)
    live = Live(id="v", **ABOUT)
    queued: list[Event] = [fill(1), gap, broken, live, fill(2), overflow, lost]
    assert sorted_out(queued) == ([gap, overflow, lost], [fill(1), broken, live, fill(2)])


def test_a_fill_that_follows_from_a_told_order_is_told_with_it() -> None:
    """It cannot be derived again. Those behind dropped orders are, from the growth that is found then."""
    first, second = fill(1, derived=True), fill(2, derived=True)
    assert sorted_out([first, fill(3), second]) == ([first], [fill(3), second])
    assert sorted_out([fill(3), first]) == ([], [fill(3), first])
