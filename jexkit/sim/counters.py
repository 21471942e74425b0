"""Counts by name (sockets opened, keepalives, pings, ...) that any thread can read and wait for."""

from __future__ import annotations

import threading
from collections import Counter


class Counters:
    """How often each thing happened. Reading a name that never happened gives zero."""

    def __init__(self) -> None:
        self._changed = threading.Condition()  # guards _counts
        self._counts: Counter[str] = Counter()

    def __getitem__(self, name: str) -> int:
        with self._changed:
            return self._counts[name]

    def add(self, name: str, times: int = 1) -> None:
        """Count something; wakes whoever waits for it."""
        with self._changed:
            self._counts[name] += times
            self._changed.notify_all()

    def wait(self, name: str, at_least: int = 1, timeout: float = 30.0) -> int:
        """Block until the count is reached and return it. Raises TimeoutError. Not from the simulator's thread."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._counts[name] >= at_least, timeout):
                raise TimeoutError(f"{name!r} happened {self._counts[name]} times in {timeout} s, not {at_least}.")
            return self._counts[name]

    def as_dict(self) -> dict[str, int]:
        """A copy, sorted by name."""
        with self._changed:
            return dict(sorted(self._counts.items()))
