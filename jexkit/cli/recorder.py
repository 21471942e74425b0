"""Keeps what callbacks get, stream by stream, and tells when it has gone quiet."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable

from jexkit.events import Event


class Recorder:
    """A callback for every type of event, on any number of streams. Thread-safe."""

    def __init__(self, then: Callable[[Event], object] | None = None) -> None:
        self._then = then
        self._changed = threading.Condition()  # guards _stood, _events, _counts and _last
        self._stood: dict[str, list[Event]] = {}
        self._events: dict[str, list[Event]] = defaultdict(list)
        self._counts: dict[str, Counter[str]] = defaultdict(Counter)
        self._last = time.monotonic()

    def __call__(self, event: Event) -> None:
        with self._changed:
            self._events[event.stream].append(event)
            self._counts[event.stream][type(event).__name__] += 1
            self._last = time.monotonic()
            self._changed.notify_all()
        if self._then is not None:
            self._then(event)

    def begin(self) -> None:
        """Count from here. What came until now is only what ``stood`` before."""
        with self._changed:
            self._stood = {stream: list(events) for stream, events in self._events.items()}
            self._events.clear()
            self._counts.clear()

    def events(self, stream: str) -> list[Event]:
        """What the stream's callbacks got: a copy of this moment."""
        with self._changed:
            return list(self._events[stream])

    def stood(self, stream: str) -> list[Event]:
        """What they had got before the beginning."""
        with self._changed:
            return list(self._stood.get(stream, ()))

    def counts(self, stream: str) -> Counter[str]:
        """The same, counted by type."""
        with self._changed:
            return Counter(self._counts[stream])

    def last(self, stream: str) -> Event | None:
        """The latest event."""
        with self._changed:
            return self._events[stream][-1] if self._events[stream] else None

    def wait_change(self, timeout: float) -> None:
        """Block until another event comes, ``timeout`` seconds at most."""
        with self._changed:
            self._changed.wait(timeout)

    def wait_quiet(self, seconds: float, timeout: float) -> bool:
        """Block until nothing has come for so many ``seconds``; False if that takes longer than ``timeout``."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while (now := time.monotonic()) < deadline:
                quiet_at = self._last + seconds
                if now >= quiet_at:
                    return True
                self._changed.wait(min(quiet_at, deadline) - now)
        return False
