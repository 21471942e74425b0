"""The simulator's only clock: durations scale, timestamps do not.

With `speed=60` a listen key of sixty minutes dies after one real minute, while every timestamp stays the machine's wall
clock (plus `skew_ms`), so that signatures and windows of time mean what they mean at the real exchange. May touch: the
system clocks and the running asyncio loop.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable


class Timer:
    """One call that is due later; `action` is None once it is not. `cancel` may be called at any time."""

    __slots__ = ("action", "due")

    def __init__(self, due: float, action: Callable[[], None]) -> None:
        self.due = due
        self.action: Callable[[], None] | None = action

    def cancel(self) -> None:
        """Make sure that the call does not happen (any more)."""
        self.action = None


class Clock:
    """Exchange time.

    `now_ms` and `now_us` never run backwards unless `skew_ms` is turned back. `monotonic`, `sleep` and `call_later`
    count seconds of the exchange's time: `speed` of them pass in one real second. `advance` lets durations pass at
    once, which is how a test lives through an hour; timestamps do not move with it.
    """

    def __init__(self, speed: float = 1.0) -> None:
        if speed <= 0:
            raise ValueError(f"speed must be above zero, got {speed!r}.")
        self.speed = speed
        self.skew_ms = 0
        self._born = time.monotonic()
        self._jumped = 0.0
        self._last_us = 0
        self._last_skew_ms = 0
        self._timers: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()
        self._alarm: asyncio.TimerHandle | None = None

    def now_us(self) -> int:
        """Microseconds since the epoch, as this exchange would stamp them."""
        if self.skew_ms != self._last_skew_ms:
            self._last_us, self._last_skew_ms = 0, self.skew_ms
        self._last_us = max(self._last_us, time.time_ns() // 1000 + self.skew_ms * 1000)
        return self._last_us

    def now_ms(self) -> int:
        """Milliseconds since the epoch, as this exchange would stamp them."""
        return self.now_us() // 1000

    def monotonic(self) -> float:
        """Seconds of exchange time since the clock was made."""
        return (time.monotonic() - self._born) * self.speed + self._jumped

    def call_later(self, seconds: float, action: Callable[[], None]) -> Timer:
        """Call `action` on the loop after so many seconds of exchange time. Only from the loop's thread."""
        timer = Timer(self.monotonic() + seconds, action)
        heapq.heappush(self._timers, (timer.due, next(self._order), timer))
        self._set_alarm()
        return timer

    async def sleep(self, seconds: float) -> None:
        """Wait for so many seconds of exchange time."""
        woken = asyncio.get_running_loop().create_future()
        timer = self.call_later(seconds, lambda: None if woken.done() else woken.set_result(None))
        try:
            await woken
        finally:
            timer.cancel()

    def advance(self, seconds: float) -> None:
        """Let so many seconds pass now: all that falls due runs before this returns. Only from the loop's thread.

        Timers run in the order of their due times, and each sees `monotonic` at its own due time, so a chain of timers
        (a ping every three minutes) behaves as in slow time.
        """
        if seconds < 0:
            raise ValueError(f"Time only goes forward, got {seconds!r} seconds.")
        goal = self.monotonic() + seconds
        while self._timers and self._timers[0][0] <= goal:
            self._jumped += max(0.0, self._timers[0][0] - self.monotonic())
            self._ring()
        self._jumped += max(0.0, goal - self.monotonic())
        self._set_alarm()

    def stop(self) -> None:
        """Forget every timer."""
        self._timers.clear()
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _ring(self) -> None:
        while self._timers and self._timers[0][0] <= self.monotonic():
            timer = heapq.heappop(self._timers)[2]
            action, timer.action = timer.action, None
            if action is not None:
                action()
        self._set_alarm()

    def _set_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if self._timers:
            wait = max(0.0, (self._timers[0][0] - self.monotonic()) / self.speed)
            self._alarm = asyncio.get_running_loop().call_later(wait, self._ring)
