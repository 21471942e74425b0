"""The simulator: four exchanges on loopback, one loop, one thread.

    with Simulator() as sim:
        account = sim.binance_pm.account("a")
        order = account.place("BTCUSDT", "BUY", "1", price="20000", market="UM")
        account.fill(order, "0.4")
        account.cancel(order)

May touch: the venues, by name, and nothing that they know of their exchange.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any

from jexkit.sim.binance_pm import BinancePm
from jexkit.sim.bounds import number, shown, whole
from jexkit.sim.breakage import Breakage, Breaker, Item
from jexkit.sim.clock import Clock
from jexkit.sim.control import Control
from jexkit.sim.deribit import Deribit
from jexkit.sim.jex import Jex
from jexkit.sim.loop import LoopThread, on_loop
from jexkit.sim.market import Market
from jexkit.sim.poloniex import Poloniex
from jexkit.sim.venue import Kernel, Venue

EXCHANGES = (BinancePm.exchange, Deribit.exchange, Poloniex.exchange, Jex.exchange)
MOST_PORT = 65_535
FASTEST = 1_000_000.0  # exchange seconds in a real one
PATIENCE = 5.0  # real seconds
LOOK_EVERY = 0.0005  # real seconds, while clients are waited for


class Simulator:
    """All venues, started and stopped together. Every public method may be called from any thread.

    The venues are `binance_pm`, `deribit`, `poloniex` and `jex`, or `venues` by name.

    Args:
        seed: the same seed gives the same credentials, ids and market script.
        speed: seconds of exchange time (key lives, pings, 24-hour cuts) per real second; timestamps stay real.
        host: where to listen; keep it on loopback.
        ports: exchange name (or `control`) -> port; whatever is not named gets a port from the system.
        lines: put a `Forwarder` in front of each exchange, which the faults whose names begin with `line_` need.

    `patience` is how long `advance` waits at most for clients to answer pings, in real seconds.
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        speed: float = 1.0,
        host: str = "127.0.0.1",
        ports: Mapping[str, int] | None = None,
        lines: bool = False,
    ) -> None:
        number("speed", speed, 1e-6, FASTEST)
        if not isinstance(host, str) or not host.strip():
            raise ValueError(f"host must be an address to listen on, such as 127.0.0.1, not {shown(host)}.")
        if ports is not None and not isinstance(ports, Mapping):
            raise ValueError(f"ports must be names with numbers, such as {{'deribit': 8080}}, not {shown(ports)}.")
        for name, port in (ports or {}).items():
            whole(f"port of {name}", port, 0, MOST_PORT)
        self.seed = seed
        self._lines = lines
        self.clock = Clock(speed)
        self._kernel = Kernel(LoopThread("jexkit-sim"), self.clock, seed, host)
        self._ports = dict(ports or {})
        self.binance_pm = BinancePm(self._kernel)
        self.deribit = Deribit(self._kernel)
        self.poloniex = Poloniex(self._kernel)
        self.jex = Jex(self._kernel)
        everyone: tuple[Venue[Any], ...] = (self.binance_pm, self.deribit, self.poloniex, self.jex)
        self.venues = {venue.exchange: venue for venue in everyone}
        unknown = self._ports.keys() - self.venues.keys() - {"control"}
        if unknown:
            raise ValueError(f"ports names {sorted(unknown)}; it may name {sorted(self.venues)} and 'control'.")
        self.breaker = Breaker(self)
        self.control = Control(self, host)
        self.market: Market | None = None
        self.patience = PATIENCE

    @property
    def loop(self) -> LoopThread:
        """The loop that everything runs on."""
        return self._kernel.loop

    def start(self) -> Simulator:
        """Start the thread and every server; returns when all of them listen."""
        self.loop.start()
        try:
            self.loop.run(self._start_servers())
            if self._lines:
                for name, venue in self.venues.items():
                    venue.lay_line(self._ports.get(name, 0))
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop the script, the servers and the thread: no socket and no thread is left. Safe to call twice."""
        if self.loop.is_running:
            self.loop.run(self._stop_servers())
        for venue in self.venues.values():
            venue.take_line_away()
        self.loop.stop()

    def advance(self, seconds: float) -> None:
        """Let seconds of exchange time pass quickly: what falls due in them has happened when this returns.

        Raises ValueError for what is no time, up to a year.
        """
        number("seconds", seconds)
        self.loop.run(self.pass_time(seconds))

    async def pass_time(self, seconds: float) -> None:
        """The same, for the loop's own thread.

        Time passes in slices of a minute or less, and around each clients may take `patience` real seconds to answer
        what they were asked: otherwise an hour at once would look to the server like a client that has been mute for an
        hour. One that did not answer in that time is not waited for again before it does.
        """
        number("seconds", seconds)
        await self._hear_debtors()
        while seconds > 0:
            passing = min(seconds, *(venue.time_slice() for venue in self.venues.values()))
            self.clock.advance(passing)
            seconds -= passing
            await self._hear_debtors()

    async def _hear_debtors(self) -> None:
        loop = asyncio.get_running_loop()
        ends = loop.time() + self.patience
        while debtors := [one for venue in self.venues.values() for one in venue.debtors()]:
            if loop.time() >= ends:
                for connection in debtors:
                    connection.mute = True
                return
            await asyncio.sleep(LOOK_EVERY)

    def break_(self, exchange: str, fault: str, **parameters: Any) -> Breakage:
        """Begin a fault of `jexkit.sim.faults.FAULTS` on an exchange; see there for names and parameters.

        What it returns has `mend()`, and is mended at the end of a `with` block. Raises BadFault (a ValueError).
        """
        return self.breaker.begin(exchange, fault, parameters)

    def mend(self, exchange: str | None = None) -> int:
        """Mend all faults of an exchange, or all; returns how many lasted still."""
        return self.breaker.mend(exchange)

    def schedule(self, items: Iterable[Item]) -> int:
        """Plan faults: `(seconds, exchange, fault)` or `(seconds, exchange, fault, parameters)`, in exchange seconds.

        Returns how many. Raises BadFault if one makes no sense, and plans none of them then.
        """
        if not self.loop.is_running:
            raise RuntimeError("Start the simulator before you plan its faults.")
        return self.breaker.plan(items)

    @on_loop
    def start_market(self, *, seed: int | None = None, rate: float = 5.0, accounts: str = "main") -> Market:
        """Bring the account of that name to life on every venue; replaces a script that runs already."""
        market = Market(self, self.seed if seed is None else seed, rate)
        self.stop_market()
        self.market = market
        self.market.start([venue.account(accounts) for venue in self.venues.values()])
        return self.market

    @on_loop
    def stop_market(self) -> None:
        """Stop the script started by `start_market`."""
        if self.market is not None:
            self.market.stop()
            self.market = None

    async def _start_servers(self) -> None:
        for name, venue in self.venues.items():
            await venue.start(0 if self._lines else self._ports.get(name, 0))
        await self.control.start(self._ports.get("control", 0))

    async def _stop_servers(self) -> None:
        self.stop_market()
        await self.control.stop()
        for venue in self.venues.values():
            await venue.stop()
        self.clock.stop()

    def __enter__(self) -> Simulator:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
