"""Events out of order, as JEX warns: "payloads are not guaranteed to be in order in heavy periods; order them by E"."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from jexkit.sim.clock import Clock
from jexkit.sim.jex.rules import JexRules
from jexkit.sim.ledger import Account

Push = Callable[[Account, str, Any], None]


@dataclass
class _Queue:
    to_hold: int = 0
    seen: int = 0
    held: list[tuple[str, Any]] = field(default_factory=list)


class Shuffler:
    """Holds events of an account back and lets them go after the next one that passes.

    Events of the same `E` stay together, in order: nobody could sort them again.
    """

    def __init__(self, rules: JexRules, clock: Clock, push: Push) -> None:
        self._rules = rules
        self._clock = clock
        self._push = push
        self._queues: dict[str, _Queue] = {}

    def hold(self, account: Account, events: int) -> None:
        """Hold the next so many events of the account."""
        self._queues.setdefault(account.name, _Queue()).to_hold += events

    def passes(self, account: Account, event: str, payload: Any) -> None:
        """An event is on its way out."""
        queue = self._queues.setdefault(account.name, _Queue())
        queue.seen += 1
        every = self._rules.swap_every
        same_time = bool(queue.held) and queue.held[0][1]["E"] == payload["E"]
        if same_time or queue.to_hold or (every and queue.seen % every == 0):
            queue.to_hold = max(0, queue.to_hold - (not same_time))
            queue.held.append((event, payload))
            self._clock.call_later(self._rules.swap_longest, lambda: self._let_go(account))
            return
        self._push(account, event, payload)
        self._let_go(account)

    def _let_go(self, account: Account) -> None:
        queue = self._queues[account.name]
        held, queue.held = queue.held, []
        for event, payload in held:
            self._push(account, event, payload)
