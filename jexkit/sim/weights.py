"""Request weight per IP and minute, order counts per account, and what happens to those who go on asking.

Binance and JEX share this scheme: 429 above the limit, 418 for those who do not stop, -1003 in both bodies, the weight
used so far in a header. May touch: the clock.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from jexkit.sim.calls import Answer, Call, Refused
from jexkit.sim.clock import Clock

MINUTE = 60.0


class WeightRules(Protocol):
    """The rules that this file reads; they may change at any time."""

    weight_per_minute: int
    ban_after: int
    ban_life: float
    retry_after: bool


@dataclass(frozen=True)
class Texts:
    """The exchange's wording; `{limit}` and `{until_ms}` are filled in."""

    limited: str
    banned: str


@dataclass
class _Window:
    number: int = -1
    used: int = 0
    over: int = 0
    banned_until: float = 0.0

    def turn(self, number: int) -> None:
        if self.number != number:
            self.number, self.used, self.over = number, 0, 0


class Weights:
    """Who used how much in the running minute of exchange time."""

    def __init__(self, rules: WeightRules, clock: Clock, texts: Texts) -> None:
        self._rules = rules
        self._clock = clock
        self._texts = texts
        self._by_ip: dict[str, _Window] = {}
        self._orders: dict[tuple[str, float], _Window] = {}

    def charge(self, call: Call, weight: int) -> None:
        """Take the weight of a request. Raises 429 or 418 instead."""
        window = self._window(call)
        now = self._clock.monotonic()
        if now < window.banned_until:
            raise self._banned(window.banned_until - now)
        window.used += weight
        if window.used <= self._rules.weight_per_minute:
            return
        window.over += 1
        if window.over > self._rules.ban_after:
            window.banned_until = now + self._rules.ban_life
            raise self._banned(self._rules.ban_life)
        raise self._limited(MINUTE - now % MINUTE)

    def used(self, call: Call) -> int:
        """Weight used by the IP in this minute, for the header."""
        return self._window(call).used

    def count_order(self, account: str, limit: int, seconds: float = MINUTE) -> int:
        """Count an order of an account and return how many it made in this window. Raises -1015 above the limit."""
        window = self._orders.setdefault((account, seconds), _Window())
        now = self._clock.monotonic()
        window.turn(int(now // seconds))
        if window.used >= limit:
            unit = "MINUTE" if seconds == MINUTE else f"{seconds:g} SECONDS"
            text = f"Too many new orders; current limit is {limit} orders per {unit}."
            headers = self._retry_after(seconds - now % seconds)
            raise Refused(Answer({"code": -1015, "msg": text}, status=429, headers=headers))
        window.used += 1
        return window.used

    def _window(self, call: Call) -> _Window:
        window = self._by_ip.setdefault(call.remote, _Window())
        window.turn(int(self._clock.monotonic() // MINUTE))
        return window

    def _limited(self, wait: float) -> Refused:
        text = self._texts.limited.format(limit=self._rules.weight_per_minute)
        return Refused(Answer({"code": -1003, "msg": text}, status=429, headers=self._retry_after(wait)))

    def _banned(self, wait: float) -> Refused:
        until_ms = self._clock.now_ms() + int(wait / self._clock.speed * 1000)
        text = self._texts.banned.format(until_ms=until_ms)
        return Refused(Answer({"code": -1003, "msg": text}, status=418, headers=self._retry_after(wait)))

    def _retry_after(self, wait: float) -> dict[str, str]:
        real_seconds = math.ceil(wait / self._clock.speed)
        return {"Retry-After": str(real_seconds)} if self._rules.retry_after else {}
