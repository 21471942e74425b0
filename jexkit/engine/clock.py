"""The only clock, and the only source of chance. A test hands in its own."""

from __future__ import annotations

import random
import time

from jexkit.core.values import Now


class Clock:
    """The real clocks of this machine."""

    def __init__(self) -> None:
        # Seeded by the operating system, and not the random module's shared generator: two processes that were forked
        # from one must not draw the same jitter or nonce.
        self._random = random.SystemRandom()

    def now(self) -> Now:
        return Now(time.monotonic(), time.time_ns() // 1_000_000)

    monotonic = staticmethod(time.monotonic)  # asked for twice around every callback

    def chance(self) -> float:
        """A number from 0 up to 1."""
        return self._random.random()
