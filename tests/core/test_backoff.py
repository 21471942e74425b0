"""Growing waits with full jitter."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jexkit.core.backoff import Backoff


def waits(backoff: Backoff, count: int, chance: float) -> list[float]:
    found = []
    for _ in range(count):
        wait, backoff = backoff.next(lambda: chance)
        found.append(wait)
    return found


def test_the_bound_doubles_up_to_the_longest() -> None:
    assert waits(Backoff(), 8, 1.0) == [1, 2, 4, 8, 16, 32, 60, 60]


def test_the_wait_is_anywhere_below_the_bound_but_never_nothing() -> None:
    assert waits(Backoff(), 3, 0.5) == [0.5, 1, 2]
    assert waits(Backoff(), 3, 0.0) == [0.1, 0.1, 0.1]


def test_asking_does_not_change_the_policy() -> None:
    backoff = Backoff()
    backoff.next(lambda: 0.5)
    assert backoff.attempts == 0


def test_reset_begins_again() -> None:
    backoff = Backoff(first=3.0)
    for _ in range(5):
        _, backoff = backoff.next(lambda: 1.0)
    assert backoff.attempts == 5
    assert backoff.reset() == Backoff(first=3.0)


@pytest.mark.parametrize("attempts", [31, 1_000, 10**9])
def test_years_of_failures_do_not_overflow(attempts: int) -> None:
    wait, after = Backoff(attempts=attempts).next(lambda: 1.0)
    assert wait == 60.0
    assert after.attempts == attempts + 1


@given(st.integers(0, 10_000), st.floats(0, 1, exclude_max=True))
def test_the_wait_stays_within_its_bounds(attempts: int, chance: float) -> None:
    wait, _ = Backoff(attempts=attempts).next(lambda: chance)
    assert 0.1 <= wait <= 60.0
