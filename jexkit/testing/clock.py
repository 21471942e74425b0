"""A clock that stands still until it is told to go on."""

from __future__ import annotations

import threading

from jexkit.core.values import Now
from jexkit.engine.clock import Clock

START_MS = 1_760_000_000_000  # some day in 2025


class ManualClock(Clock):
    """Both clocks and the dice of the engine, in the hands of a test. Thread-safe.

    ``wall_ms`` is the wall clock at the start, in milliseconds since 1970. ``chances`` are the numbers from 0 up to 1
    that the dice show, one after the other; the last one again and again.
    """

    def __init__(self, wall_ms: int = START_MS, *, chances: tuple[float, ...] = (0.5,)) -> None:
        self._lock = threading.Lock()  # guards everything below
        self._monotonic = 1_000.0
        self._wall_ms = float(wall_ms)
        self._chances = _checked(chances)

    def now(self) -> Now:
        with self._lock:
            return Now(self._monotonic, round(self._wall_ms))

    def monotonic(self) -> float:
        with self._lock:
            return self._monotonic

    def chance(self) -> float:
        with self._lock:
            if len(self._chances) > 1:
                return self._chances.pop(0)
            return self._chances[0]

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass on both clocks."""
        if seconds < 0:
            raise ValueError(f"time only goes forward, not by {seconds!r} seconds; set_wall() sets the wall clock back")
        with self._lock:
            self._monotonic += seconds
            self._wall_ms += seconds * 1000

    def advance_to(self, monotonic: float) -> None:
        """Let time pass until the monotonic clock shows exactly ``monotonic``; nothing if it is past that."""
        with self._lock:
            self._wall_ms += max(0.0, monotonic - self._monotonic) * 1000
            self._monotonic = max(self._monotonic, monotonic)

    def set_wall(self, wall_ms: int) -> None:
        """Set the wall clock, as a user or NTP does; the monotonic clock takes no notice."""
        with self._lock:
            self._wall_ms = float(wall_ms)

    def throw(self, *chances: float) -> None:
        """What the dice show from now on."""
        with self._lock:
            self._chances = _checked(chances)


def _checked(chances: tuple[float, ...]) -> list[float]:
    if not chances or not all(0 <= chance < 1 for chance in chances):
        raise ValueError(f"chances are numbers from 0 up to, not including, 1, and at least one, not {chances!r}")
    return list(chances)
