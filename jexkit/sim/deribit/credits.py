"""Credits: each call costs some, each second brings some back, and at none left the session is over (10028).

https://docs.deribit.com, Rate limits. Accounts have a pool of each kind; callers without a login share one per address.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from jexkit.sim.clock import Clock
from jexkit.sim.deribit.errors import RpcError
from jexkit.sim.deribit.rules import DeribitRules

Cost: TypeAlias = Literal["call", "subscribe", "instruments", "matching"]


@dataclass
class _Pool:
    left: float
    at: float


class Credits:
    """Every pool of the venue."""

    def __init__(self, rules: DeribitRules, clock: Clock) -> None:
        self._rules = rules
        self._clock = clock
        self._pools: dict[tuple[str, Cost], _Pool] = {}

    def spend(self, who: str, kind: Cost) -> None:
        """Take what a call of this kind costs. Raises 10028 if it is not there."""
        size, refill, cost = self._terms(kind)
        now = self._clock.monotonic()
        pool = self._pools.setdefault((who, kind), _Pool(size, now))
        pool.left = min(float(size), pool.left + (now - pool.at) * refill)
        pool.at = now
        if pool.left < cost:
            raise RpcError(10028)
        pool.left -= cost

    def _terms(self, kind: Cost) -> tuple[int, int, int]:
        rules = self._rules
        return {
            "call": (rules.credits_pool, rules.credits_refill, rules.credits_per_call),
            "subscribe": (rules.subscribe_pool, rules.credits_refill, rules.subscribe_cost),
            "instruments": (rules.instruments_pool, rules.credits_refill, rules.instruments_cost),
            "matching": (rules.matching_burst, rules.matching_rate, 1),
        }[kind]
