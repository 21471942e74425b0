"""One budget for all streams of a process: how soon the next request or connection to a host may go out.

An exchange counts by address, not by stream. A hundred streams that lose it together come back through this one gate,
at a pace below the exchange's limit; and when it tells one of them to wait (429, 418, ``Retry-After``), all wait.
"""

from __future__ import annotations

from urllib.parse import urlsplit

import attrs

from jexkit.core.dialect import Pace
from jexkit.engine.clock import Clock
from jexkit.engine.process import OwnLock

MOST_HOSTS = 1_000


@attrs.define
class _Gate:
    """``spare`` requests may go at once, and grow back with the pace; before ``closed_until`` none may."""

    spare: float
    filled_at: float
    closed_until: float = 0.0


class Governor:
    """Gates by host. Thread-safe; never sleeps itself, only says how long to wait."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or Clock()
        self._gates: dict[str, _Gate] = {}
        self._lock = OwnLock()  # guards _gates and what is in them

    def reserve(self, url: str, pace: Pace, weight: float = 1.0, *, most: float = float("inf")) -> float:
        """Take the next ``weight`` places for ``url``'s host, and return how many seconds they are off.

        They are used up then; places that are more than ``most`` seconds off are not taken.
        """
        with self._lock:
            now = self._clock.monotonic()
            gate = self._gate(_host(url), pace, now)
            gate.spare = min(pace.burst, gate.spare + (now - gate.filled_at) * pace.per_second)
            gate.filled_at = now
            wait = max(0.0, (weight - gate.spare) / pace.per_second, gate.closed_until - now)
            if wait <= most:
                gate.spare -= weight
            return wait

    def close(self, url: str, seconds: float) -> None:
        """Let nothing through to ``url``'s host for so long: the exchange said so."""
        with self._lock:
            now = self._clock.monotonic()
            gate = self._gate(_host(url), Pace(), now)
            gate.closed_until = max(gate.closed_until, now + seconds)

    def closed_for(self, url: str) -> float:
        """How many seconds of such a pause are left, 0 for none."""
        with self._lock:
            gate = self._gates.get(_host(url))
            return max(0.0, gate.closed_until - self._clock.monotonic()) if gate else 0.0

    def forget(self) -> None:
        """Begin anew with every host; for tests, whose servers come and go on the same few addresses."""
        with self._lock:
            self._gates.clear()

    def _gate(self, host: str, pace: Pace, now: float) -> _Gate:
        if host not in self._gates:
            if len(self._gates) >= MOST_HOSTS:  # a program that makes up hosts; the oldest has long had its places back
                del self._gates[next(iter(self._gates))]
            self._gates[host] = _Gate(pace.burst, now)
        return self._gates[host]


def _host(url: str) -> str:
    """Requests and websockets are counted apart, as the exchanges do."""
    parts = urlsplit(url)
    kind = "websocket" if parts.scheme.startswith("ws") else "rest"
    return f"{kind} {parts.hostname}:{parts.port or ''}"


shared = Governor()
"""The one of this process. A child process goes on with what its parent knew at the fork: a ban is the address's."""
