"""ccxt against the simulated Deribit.

What ccxt itself does in its own way, and these tests take as it is:

- `total` of a balance is the equity, with the open profit; the balance of the ledger is the member `balance` beside it.
- `watch_balance` nests: `balance["BTC"]` is a whole balance structure with one currency in it.
- The cache of trades that it makes for `watch_my_trades` is thrown away with each message, so that of two messages in a
  row the first is lost. It keeps a cache that is there already, so it is given one.
- Its nonce is the millisecond of the clock, and a nonce is good for one request. Its throttle, which the tests of the
  other exchanges turn off, stays on here, so that no two requests share a millisecond.
- An order that was `triggered` keeps Deribit's word as its status, and labels are not told as `clientOrderId`.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

import pytest

from jexkit.sim import Simulator
from jexkit.sim.deribit import DeribitAccount
from tests.peers.comparing import by_id, differences, heard, ledger_orders, ledger_trades, number, symbols_of
from tests.peers.watching import Row, Watcher, counted, let_the_script_trade, opened, run, trade_a_little

pytestmark = pytest.mark.peers

CURRENCIES = ["BTC", "ETH", "USDC", "USDT"]
CHANNELS = len(CURRENCIES) + 2
STATUSES = {
    "open": "open",
    "untriggered": "open",
    "triggered": "triggered",
    "filled": "closed",
    "cancelled": "canceled",
    "rejected": "rejected",
}
PERPETUAL = "BTC/USD:BTC"


@pytest.fixture
def account(sim: Simulator) -> DeribitAccount:
    """An account with money in every currency."""
    return sim.deribit.account("main")


@pytest.fixture
def exchange(ccxt_pro: ModuleType, sim: Simulator, account: DeribitAccount) -> Any:
    """ccxt with the account's key."""
    return client(ccxt_pro, sim, **account.credentials())


def client(ccxt_pro: ModuleType, sim: Simulator, client_id: str, client_secret: str) -> Any:
    """ccxt, pointed at the simulator."""
    options = {"currencies": CURRENCIES}
    made = ccxt_pro.deribit({"apiKey": client_id, "secret": client_secret, "options": options})
    made.myTrades = importlib.import_module("ccxt.async_support.base.ws.cache").ArrayCacheBySymbolById(1000)
    made.urls["api"] = {"rest": sim.deribit.rest_url, "ws": sim.deribit.ws_url}
    return made


def ledger_balances(account: DeribitAccount) -> dict[str, Row]:
    """Free funds and balance of each currency."""
    return {
        str(row["asset"]): {"free": number(row["free"]), "balance": number(row["total"])} for row in account.balances()
    }


def watched_balances(watcher: Watcher) -> dict[str, Row]:
    """The same from watch_balance."""
    told = {code: watcher.balance[code] for code in CURRENCIES if code in watcher.balance}
    return {
        code: {"free": number(row[code]["free"]), "balance": number(row["info"]["balance"])}
        for code, row in told.items()
    }


def all_differences(watcher: Watcher, account: DeribitAccount) -> list[str]:
    """Orders, trades and balances of the streams beside the ledger's."""
    symbol_of = symbols_of(watcher.exchange)
    return [
        *differences(
            ledger_orders(account.orders(), symbol_of, STATUSES),
            heard(watcher.orders, "side", "price", "amount", "filled", "status"),
        ),
        *differences(
            ledger_trades(account.fills, symbol_of), heard(watcher.trades, "order", "side", "price", "amount")
        ),
        *differences(ledger_balances(account), watched_balances(watcher)),
    ]


async def all_orders_over_rest(exchange: Any) -> list[Row]:
    """Deribit is asked by currency."""
    return [row for code in CURRENCIES for row in await exchange.fetch_open_orders(params={"code": code})]


def test_each_step_of_an_order_is_heard(sim: Simulator, exchange: Any, account: DeribitAccount) -> None:
    """Open, partly filled, filled, cancelled; the trades are the ledger's and so is the balance."""

    async def test() -> None:
        async with opened(exchange), Watcher(exchange) as watcher:
            await counted(sim.deribit.counters, "subscriptions", CHANNELS)
            await trade_a_little(watcher, account, "BTC-PERPETUAL", quantity="100", part="40", price="20000")
            await watcher.agrees(lambda: all_differences(watcher, account))
            fees = sorted((float(row["fee"]), row["fee_asset"]) for row in account.fills)
            assert sorted((row["fee"]["cost"], row["fee"]["currency"]) for row in watcher.trades.values()) == fees
        assert sim.deribit.counters["logins"] == 1

    run(test())


def test_a_lively_account_ends_as_the_ledger_says(sim: Simulator, exchange: Any, account: DeribitAccount) -> None:
    """The market script trades; afterwards streams and REST agree with the ledger."""

    async def test() -> None:
        async with opened(exchange), Watcher(exchange) as watcher:
            await counted(sim.deribit.counters, "subscriptions", CHANNELS)
            await let_the_script_trade(sim, watcher, account)
            account.place("BTC-PERPETUAL", "BUY", "10", "15000")  # one that rests, whatever the script left
            await watcher.agrees(lambda: all_differences(watcher, account))
            rows = by_id(await all_orders_over_rest(exchange))
            expected = ledger_orders(account.open_orders(), symbols_of(exchange), STATUSES)
            assert expected
            assert differences(expected, heard(rows, "side", "price", "amount", "filled", "status")) == []
            summaries = (await exchange.fetch_balance())["info"]["summaries"]
            told = {
                row["currency"]: {"free": number(row["available_funds"]), "balance": number(row["balance"])}
                for row in summaries
            }
            assert differences(ledger_balances(account), told) == []

    run(test())


def test_an_order_of_the_client_is_in_the_ledger(sim: Simulator, exchange: Any, account: DeribitAccount) -> None:
    """Created, heard, and cancelled again."""

    async def test() -> None:
        async with opened(exchange), Watcher(exchange) as watcher:
            await counted(sim.deribit.counters, "subscriptions", CHANNELS)
            made = await exchange.create_order(PERPETUAL, "limit", "buy", 20, 19000)
            (booked,) = account.open_orders()
            assert (booked["order_id"], booked["quantity"], booked["price"]) == (made["id"], "20", "19000")
            await watcher.until(lambda: (PERPETUAL, made["id"]) in watcher.orders)
            ended = await exchange.cancel_order(made["id"], PERPETUAL)
            assert (ended["status"], account.open_orders()) == ("canceled", [])
            await watcher.agrees(lambda: all_differences(watcher, account))

    run(test())


def test_a_wrong_secret_is_refused(ccxt_pro: ModuleType, sim: Simulator, account: DeribitAccount) -> None:
    """The signature is checked."""
    wrong = client(ccxt_pro, sim, account.credentials()["client_id"], "wrong")

    async def test() -> None:
        async with opened(wrong):
            with pytest.raises(ccxt_pro.AuthenticationError):
                await wrong.fetch_balance()

    run(test())
