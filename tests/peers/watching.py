"""A ccxt exchange that watches an account: its orders, its own trades and its balance, as they come."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any

import pytest

from jexkit.sim import Order, Simulator
from jexkit.sim.counters import Counters
from jexkit.sim.ledger import Account
from jexkit.sim.market import Market

PATIENCE = 60.0  # seconds that anything may take before the test gives up
STEPS = 300  # how long the market script trades

Key = tuple[str, str]  # ccxt's symbol and the id: some exchanges number per symbol
Row = dict[str, Any]


def run(test: Coroutine[Any, Any, None]) -> None:
    """Run a test that is a coroutine."""
    asyncio.run(asyncio.wait_for(test, 2 * PATIENCE))


@asynccontextmanager
async def opened(exchange: Any) -> AsyncIterator[Any]:
    """The exchange with its markets loaded, closed at the end as ccxt asks for."""
    try:
        await exchange.load_markets()
        yield exchange
    finally:
        await exchange.close()


async def counted(counters: Counters, name: str, at_least: int) -> None:
    """Wait until the simulator has counted so many."""
    await asyncio.to_thread(counters.wait, name, at_least, PATIENCE)


class Watcher:
    """Three loops that watch until the test is over, and what they have heard."""

    def __init__(self, exchange: Any) -> None:
        self.exchange = exchange
        self.orders: dict[Key, Row] = {}  # as last heard
        self.trades: dict[Key, Row] = {}
        self.balance: Row = {}
        self._news = asyncio.Event()
        self._loops: list[asyncio.Task[None]] = []

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds. Raises what a loop stumbled over, or TimeoutError."""
        await asyncio.wait_for(self._until(holds), PATIENCE)

    async def agrees(self, differences: Callable[[], list[str]]) -> None:
        """Wait until there are no differences any more; if some stay, the test fails with them."""
        try:
            await self.until(lambda: not differences())
        except asyncio.TimeoutError:
            pytest.fail("\n".join(differences()))

    def status(self, order: Order) -> str | None:
        """What ccxt says of an order of the ledger."""
        return next((row["status"] for (_, name), row in self.orders.items() if name == order.order_id), None)

    async def _until(self, holds: Callable[[], bool]) -> None:
        while not holds():
            self._news.clear()
            news = asyncio.ensure_future(self._news.wait())
            ended, _ = await asyncio.wait({news, *self._loops}, return_when=asyncio.FIRST_COMPLETED)
            news.cancel()
            for loop in ended - {news}:
                await loop  # it ends by an error only

    async def _watch_orders(self) -> None:
        while True:
            for order in await self.exchange.watch_orders():
                self.orders[order["symbol"], order["id"]] = copy.deepcopy(order)
            self._news.set()

    async def _watch_trades(self) -> None:
        while True:
            for trade in await self.exchange.watch_my_trades():
                self.trades[trade["symbol"], trade["id"]] = copy.deepcopy(trade)
            self._news.set()

    async def _watch_balance(self) -> None:
        while True:
            self.balance = copy.deepcopy(await self.exchange.watch_balance())
            self._news.set()

    async def __aenter__(self) -> Watcher:
        self._loops = [
            asyncio.ensure_future(self._watch_orders()),
            asyncio.ensure_future(self._watch_trades()),
            asyncio.ensure_future(self._watch_balance()),
        ]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)


async def trade_a_little(
    watcher: Watcher, account: Account, symbol: str, *, quantity: str, part: str, price: str, market: str | None = None
) -> None:
    """Place an order, fill a part and then the rest, place another and cancel it; each is heard before the next."""
    order = account.place(symbol, "BUY", quantity, price, market=market)
    await watcher.until(lambda: watcher.status(order) == "open")
    account.fill(order, part)
    await watcher.until(lambda: len(watcher.trades) == 1)
    assert watcher.status(order) == "open"
    account.fill(order)
    await watcher.until(lambda: watcher.status(order) == "closed" and len(watcher.trades) == 2)
    other = account.place(symbol, "SELL", quantity, price, market=market)
    await watcher.until(lambda: watcher.status(other) == "open")
    account.cancel(other)
    await watcher.until(lambda: watcher.status(other) == "canceled")


async def let_the_script_trade(sim: Simulator, watcher: Watcher, account: Account) -> None:
    """The simulator's market script makes the account lively while ccxt watches."""
    market = Market(sim, seed=5, rate=200)
    market.start([account])
    try:
        await watcher.until(lambda: market.steps >= STEPS)
    finally:
        market.stop()
