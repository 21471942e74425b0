"""How long to wait before trying again: exponential growth with full jitter.

Full jitter (a wait drawn evenly between zero and the bound, the bound doubling) spreads a hundred clients that lost the
same exchange at the same moment; without it they come back in waves.
"""

from __future__ import annotations

import attrs

from jexkit.core.values import Chance


@attrs.frozen
class Backoff:
    """A policy and where it stands: ``next`` returns the wait in seconds and the policy for the time after it."""

    first: float = 1.0
    factor: float = 2.0
    longest: float = 60.0
    least: float = 0.1  # never zero, or a refused connection would spin
    attempts: int = 0

    def next(self, chance: Chance) -> tuple[float, Backoff]:
        bound = min(self.longest, self.first * self.factor ** min(self.attempts, 30))
        wait = max(self.least, bound * chance())
        return wait, attrs.evolve(self, attempts=self.attempts + 1)

    def reset(self) -> Backoff:
        """The policy as it was before the first failure; called only on a success of the protocol itself."""
        return attrs.evolve(self, attempts=0)
