"""The four exchanges as a process of their own: ``python exchange.py SEED SECONDS``.

Prints what the simulator says of itself as a line of JSON, then takes commands from standard input, one line of JSON
each, and answers each with a line. The end of standard input ends it. What ended SECONDS ago is forgotten.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

from jexkit.sim import Simulator
from jexkit.sim.describe import describe
from jexkit.sim.faults import FAULTS
from jexkit.sim.jsontext import encode
from mayhem.faults import CATALOGUE, LONG_TOKEN, Trouble

NO_LIMIT = 10**9
FORGET_EVERY = 5.0  # seconds
RULES: dict[str, dict[str, Any]] = {
    "binance_pm": {"listen_key_life": 30.0, "ping_every": 10.0, "weight_per_minute": NO_LIMIT},
    "deribit": {"token_life": LONG_TOKEN, "credits_refill": NO_LIMIT},
    "poloniex": {"light_per_second": None, "heavy_per_second": None, "public_per_second": None},
    "jex": {"listen_key_life": 30.0, "ping_every": 10.0, "weight_per_minute": NO_LIMIT},
}
"""Short lives of keys; and no limit of requests by the minute, because a real account is not cut off every few seconds,
and would not need that many. 429 is among the faults."""


class Exchanges:
    """The commands."""

    def __init__(self, sim: Simulator, remember: float) -> None:
        self._remember_ms = int(remember * 1000)
        self._sim = sim
        self._trouble = sim.loop.call(lambda: {name: Trouble(venue) for name, venue in sim.venues.items()})
        self._forget_at = 0.0
        for name, rules in RULES.items():
            for rule, value in rules.items():
                setattr(sim.venues[name].rules, rule, value)

    def carry_out(self, command: dict[str, Any]) -> Any:
        wanted: Callable[..., Any] = getattr(self, command.pop("do"))
        return wanted(**command)

    def start_market(self, rate: float, seed: int) -> None:
        self._sim.start_market(seed=seed, rate=rate)

    def stop_market(self) -> None:
        self._sim.stop_market()

    def begin(self, exchange: str, kind: str, seconds: float, dice: int) -> None:
        if kind in CATALOGUE:
            lasts = {"seconds": seconds} if FAULTS[kind].lasts else {}
            self._sim.break_(exchange, kind, **CATALOGUE[kind], **lasts)
            return
        trouble = self._trouble[exchange]
        self._sim.loop.call(lambda: trouble.begin(kind, seconds, dice))

    def end_faults(self) -> None:
        self._sim.mend()
        for trouble in self._trouble.values():
            self._sim.loop.call(trouble.end)

    def told(self) -> int:
        """How many things the exchanges have told their accounts so far."""
        if time.monotonic() > self._forget_at:
            self._forget_at = time.monotonic() + FORGET_EVERY
            self._sim.loop.call(self._forget)
        return sum(len(venue.account("main").told) for venue in self._sim.venues.values())

    def _forget(self) -> None:
        """What ended long ago leaves the books, which every read looks through; the truth log keeps it."""
        before_ms = self._sim.clock.now_ms() - self._remember_ms
        for venue in self._sim.venues.values():
            books = venue.account("main").books
            old = [key for key, order in books.orders.items() if key not in books.open and order.updated_ms < before_ms]
            for key in old:
                del books.orders[key]
            books.fills[:] = [fill for fill in books.fills if fill.time_ms >= before_ms]

    def ledger(self, exchange: str, path: str, since: int) -> dict[str, Any]:
        """Write the truth log from record ``since`` on to a file, a line each; answers the final state."""
        account = self._sim.venues[exchange].account("main")
        with Path(path).open("a") as lines:
            lines.writelines(f"{encode(record)}\n" for record in islice(account.told, since, None))
        return {
            "told": len(account.told),
            "open_orders": account.open_orders(),
            "balances": account.balances(),
            "positions": account.positions(),
        }


def main() -> None:
    with Simulator(seed=int(sys.argv[1])) as sim:
        for venue in sim.venues.values():
            venue.account("main")
        exchanges = Exchanges(sim, float(sys.argv[2]))
        print(encode(describe(sim)), flush=True)
        for line in sys.stdin:
            print(encode(exchanges.carry_out(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
