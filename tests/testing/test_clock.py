"""A clock in the hands of a test."""

from __future__ import annotations

from typing import Any

import pytest

from jexkit.testing.clock import START_MS, ManualClock


def test_it_stands_still() -> None:
    clock = ManualClock()
    assert clock.now() == clock.now()
    assert clock.monotonic() == clock.now().monotonic


def test_time_passes_on_both_clocks() -> None:
    clock = ManualClock()
    before = clock.now()
    clock.advance(1.5)
    after = clock.now()
    assert after.monotonic - before.monotonic == 1.5
    assert after.wall_ms - before.wall_ms == 1500


def test_a_moment_is_reached_exactly() -> None:
    """A deadline is met and not missed by a rounding; a moment in the past is no step back."""
    clock = ManualClock()
    goal = clock.monotonic() + 0.1 + 0.2
    clock.advance_to(goal)
    assert clock.monotonic() == goal
    clock.advance_to(goal - 1)
    assert clock.monotonic() == goal


def test_the_wall_clock_can_be_set() -> None:
    """The other one takes no notice."""
    clock = ManualClock()
    clock.set_wall(START_MS - 3_600_000)
    assert (clock.now().wall_ms, clock.monotonic()) == (START_MS - 3_600_000, 1000.0)


def test_the_dice_show_what_they_are_told() -> None:
    """One after the other, the last one again and again."""
    clock = ManualClock(chances=(0.1, 0.2))
    assert [clock.chance() for _ in range(3)] == [0.1, 0.2, 0.2]
    clock.throw(0.9)
    assert clock.chance() == 0.9


@pytest.mark.parametrize("chances", [(), (1.0,), (-0.1,), (0.5, 2)])
def test_impossible_dice_are_refused(chances: Any) -> None:
    with pytest.raises(ValueError, match="chances"):
        ManualClock(chances=chances)


def test_time_does_not_go_back() -> None:
    with pytest.raises(ValueError, match="only goes forward"):
        ManualClock().advance(-1)
