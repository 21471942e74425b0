"""Counting by name."""

from __future__ import annotations

from jexkit.core.counts import Counts


def test_counts_what_happened_and_knows_nothing_of_the_rest() -> None:
    """Each name has its own number; asking for one that never came leaves no trace, unlike in a ``defaultdict``."""
    counts = Counts()
    counts["fills"] += 1
    counts["fills"] += 2
    counts["gaps"] += 1
    assert counts["never"] == 0
    assert counts == {"fills": 3, "gaps": 1}
