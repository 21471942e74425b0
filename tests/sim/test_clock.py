"""The simulator's clock."""

from __future__ import annotations

import asyncio
import time

import pytest

from jexkit.sim.clock import Clock

WALL_MS = 1_800_000_000_123


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's clock stands still."""
    monkeypatch.setattr("jexkit.sim.clock.time.time_ns", lambda: WALL_MS * 1_000_000 + 456_789)


@pytest.mark.usefixtures("wall")
def test_timestamps_are_the_wall_clock_at_any_speed() -> None:
    """Durations scale, timestamps do not."""
    assert Clock(speed=1000).now_ms() == WALL_MS


@pytest.mark.usefixtures("wall")
def test_skew_moves_timestamps() -> None:
    """An exchange whose clock runs ahead, and back again."""
    clock = Clock()
    clock.skew_ms = 60_000
    assert clock.now_ms() == WALL_MS + 60_000
    clock.skew_ms = 0
    assert clock.now_ms() == WALL_MS


def test_timestamps_never_run_backwards(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wall clock that is set back does not take exchange time back."""
    clock = Clock()
    before = clock.now_us()
    monkeypatch.setattr("jexkit.sim.clock.time.time_ns", lambda: 0)
    assert clock.now_us() == before


def test_advance_runs_what_falls_due_in_order() -> None:
    """Each timer sees its own due time, a timer set by a timer runs too, a cancelled one does not."""
    seen: list[tuple[str, int]] = []

    async def live() -> None:
        clock = Clock()

        def again() -> None:
            seen.append(("again", round(clock.monotonic())))
            clock.call_later(100, again)

        clock.call_later(100, again)
        clock.call_later(150, lambda: seen.append(("once", round(clock.monotonic()))))
        clock.call_later(120, lambda: seen.append(("never", 0))).cancel()
        clock.advance(250)
        clock.stop()

    asyncio.run(live())
    assert seen == [("again", 100), ("once", 150), ("again", 200)]


def test_sleep_scales_with_speed() -> None:
    """An hour at a speed of 360 000 is ten milliseconds."""

    async def live() -> float:
        clock = Clock(speed=360_000)
        begun = time.monotonic()
        await clock.sleep(3600)
        return time.monotonic() - begun

    assert 0.009 < asyncio.run(live()) < 600


@pytest.mark.parametrize("speed", [0, -1])
def test_speed_must_be_above_zero(speed: float) -> None:
    """A clock that stands still would be waited for without end."""
    with pytest.raises(ValueError, match="speed"):
        Clock(speed)


def test_time_only_goes_forward() -> None:
    """advance takes no negative duration."""
    with pytest.raises(ValueError, match="forward"):
        Clock().advance(-1)
