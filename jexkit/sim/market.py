"""A seeded script that makes accounts lively on all venues.

The same seed, accounts and number of steps give the same sequence of events. May touch: the venues' lists of actions
and the loop; it knows no exchange.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from typing import TYPE_CHECKING

from jexkit.sim.actions import Action
from jexkit.sim.bounds import is_within, shown
from jexkit.sim.ledger import Account
from jexkit.sim.loop import LoopThread, on_loop
from jexkit.sim.settlement import Refusal

if TYPE_CHECKING:
    from jexkit.sim.simulator import Simulator

HIGHEST_RATE = 10_000  # beyond any machine; what is not done within a second is not made up
SHORTEST_PAUSE = 0.01  # real seconds between two looks at the clock; a high rate makes several steps per look


class Market:
    """Random but repeatable life: `rate` actions per real second over all given accounts together.

    An action is one thing that happens to one account; it can cause several events (a match of three fills). `start`
    and `stop` run it on the loop, `step` makes a given number of actions at once.
    """

    def __init__(self, sim: Simulator, seed: int = 0, rate: float = 5.0) -> None:
        if not is_within(rate, 0, HIGHEST_RATE) or not rate:
            raise ValueError(f"rate must be above zero and at most {HIGHEST_RATE}, got {shown(rate)}.")
        self._sim = sim
        self._rate = rate
        self._random = random.Random(seed)
        self._accounts: list[Account] = []
        self._task: asyncio.Task[None] | None = None
        self.steps = 0
        self.refused = 0  # actions that the ledger refused (no money left for it, ...)

    @property
    def loop(self) -> LoopThread:
        """The simulator's loop."""
        return self._sim.loop

    @on_loop
    def start(self, accounts: Sequence[Account]) -> None:
        """Run the script on these accounts until `stop`."""
        self.stop()
        self._accounts = list(accounts)
        self._task = asyncio.ensure_future(self._run())

    @on_loop
    def stop(self) -> None:
        """End the script; nothing happens any more when this returns."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    @on_loop
    def step(self, times: int = 1, accounts: Sequence[Account] | None = None) -> None:
        """Make so many actions now."""
        if accounts is not None:
            self._accounts = list(accounts)
        for _ in range(times):
            self._act()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        last, owed = loop.time(), 0.0
        while True:
            await asyncio.sleep(max(SHORTEST_PAUSE, 1 / self._rate))
            now = loop.time()
            owed = min(owed + (now - last) * self._rate, self._rate)  # after a stall, at most one second is made up
            last = now
            while owed >= 1:
                owed -= 1
                self._act()

    def _act(self) -> None:
        playable = [account for account in self._accounts if account.venue.actions]
        if not playable:
            raise ValueError("The market script has no account: give it some with start() or step().")
        account = self._random.choice(playable)
        action = self._choose(account.venue.actions)
        self.steps += 1
        try:
            action.run(account, self._random)
        except Refusal:
            self.refused += 1

    def _choose(self, actions: Sequence[Action]) -> Action:
        return self._random.choices(actions, [action.weight for action in actions])[0]
