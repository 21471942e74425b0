"""ccxt against the simulated Poloniex.

What ccxt gets wrong here, so that these tests read the message beside it (`info`), or nothing:

- An order's `filled` is taken from `filledAmount`, which counts the quote currency, and then the `filledQuantity` of
  each trade is added, which is a running total already. Not compared on the stream; over REST it is right.
- A trade's `amount` is that running total as well. Compared by `tradeQty` of the message.
- PARTIALLY_CANCELED, which is final, is called `open`; EXPIRED, REJECTED and FAILED stay as they are.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from jexkit.sim import Simulator
from jexkit.sim.poloniex import PoloniexAccount
from tests.peers.comparing import by_id, differences, heard, ledger_orders, ledger_trades, number, symbols_of
from tests.peers.watching import Row, Watcher, counted, let_the_script_trade, opened, run, trade_a_little

pytestmark = pytest.mark.peers

CHANNELS = 3  # orders, orders again for the trades, balances
STATUSES = {
    "NEW": "open",
    "PARTIALLY_FILLED": "open",
    "FILLED": "closed",
    "CANCELED": "canceled",
    "PARTIALLY_CANCELED": "open",
    "EXPIRED": "EXPIRED",
    "REJECTED": "REJECTED",
    "FAILED": "FAILED",
}
SYMBOL = "BTC/USDT"


@pytest.fixture
def account(sim: Simulator) -> PoloniexAccount:
    """An account with money in every currency."""
    return sim.poloniex.account("main")


@pytest.fixture
def exchange(ccxt_pro: ModuleType, sim: Simulator, account: PoloniexAccount) -> Any:
    """ccxt with the account's key."""
    return client(ccxt_pro, sim, account.api_key, account.secret_key)


def client(ccxt_pro: ModuleType, sim: Simulator, api_key: str, secret_key: str) -> Any:
    """ccxt, pointed at the simulator. Its own throttle is off: there is nobody to be spared."""
    made = ccxt_pro.poloniex({"apiKey": api_key, "secret": secret_key, "enableRateLimit": False})
    rest, private = sim.poloniex.rest_url, sim.poloniex.ws_url
    made.urls["api"] = {
        "spot": rest,
        "swap": rest,
        "ws": {"private": private, "public": private.replace("private", "public")},
    }
    return made


def ledger_balances(account: PoloniexAccount) -> dict[str, Row]:
    """Every currency as ccxt tells it."""
    return {
        str(row["asset"]): {
            "free": number(row["free"]),
            "used": number(row["locked"]),
            "total": number(row["total"]),
        }
        for row in account.balances()
    }


def told_balances(balance: Row, account: PoloniexAccount) -> dict[str, Row]:
    """The currencies of a balance structure, without the other things that ccxt puts beside them."""
    known = [str(row["asset"]) for row in account.balances() if row["asset"] in balance]
    return {code: {name: number(balance[code][name]) for name in ("free", "used", "total")} for code in known}


def all_differences(watcher: Watcher, account: PoloniexAccount) -> list[str]:
    """Orders, trades and balances of the streams beside the ledger's."""
    symbol_of = symbols_of(watcher.exchange)
    trades = heard(watcher.trades, "order", "side", "price")
    for key, facts in trades.items():
        facts["amount"] = number(watcher.trades[key]["info"]["tradeQty"])
    return [
        *differences(
            ledger_orders(account.orders(), symbol_of, STATUSES),
            heard(watcher.orders, "side", "price", "amount", "status"),
            "filled",
        ),
        *differences(ledger_trades(account.fills, symbol_of), trades),
        *differences(ledger_balances(account), told_balances(watcher.balance, account)),
    ]


def test_each_step_of_an_order_is_heard(sim: Simulator, exchange: Any, account: PoloniexAccount) -> None:
    """Open, partly filled, filled, cancelled; the trades are the ledger's and so is the balance."""

    async def test() -> None:
        async with opened(exchange), Watcher(exchange) as watcher:
            await counted(sim.poloniex.counters, "subscriptions", CHANNELS)
            await trade_a_little(watcher, account, "BTC_USDT", quantity="1", part="0.4", price="20000")
            await watcher.agrees(lambda: all_differences(watcher, account))
            fees = sorted((float(row["fee"]), row["fee_asset"]) for row in account.fills)
            assert sorted((row["fee"]["cost"], row["fee"]["currency"]) for row in watcher.trades.values()) == fees
        assert sim.poloniex.counters["logins"] == 1

    run(test())


def test_a_lively_account_ends_as_the_ledger_says(sim: Simulator, exchange: Any, account: PoloniexAccount) -> None:
    """The market script trades; afterwards streams and REST agree with the ledger."""

    async def test() -> None:
        async with opened(exchange), Watcher(exchange) as watcher:
            await counted(sim.poloniex.counters, "subscriptions", CHANNELS)
            await let_the_script_trade(sim, watcher, account)
            account.place("BTC_USDT", "BUY", "0.01", "15000")  # one that rests, whatever the script left
            await watcher.agrees(lambda: all_differences(watcher, account))
            rows = by_id(await exchange.fetch_open_orders())
            expected = ledger_orders(account.open_orders(), symbols_of(exchange), STATUSES)
            assert expected
            assert differences(expected, heard(rows, "side", "price", "amount", "filled", "status")) == []
            told = told_balances(await exchange.fetch_balance(), account)
            assert differences(ledger_balances(account), told) == []

    run(test())


@pytest.mark.parametrize("by_socket", [False, True], ids=["rest", "socket"])
def test_an_order_of_the_client_is_in_the_ledger(
    sim: Simulator, exchange: Any, account: PoloniexAccount, by_socket: bool
) -> None:
    """Created, heard, and cancelled again, by either way that Poloniex has for it."""
    create = exchange.create_order_ws if by_socket else exchange.create_order
    cancel = exchange.cancel_order  # ccxt was seen to wait for ever for the answer to its own over the socket

    async def test() -> None:
        async with opened(exchange), Watcher(exchange) as watcher:
            await counted(sim.poloniex.counters, "subscriptions", CHANNELS)
            made = await create(SYMBOL, "limit", "buy", 0.1, 19000)
            (booked,) = account.open_orders()
            assert (booked["order_id"], booked["quantity"], booked["price"]) == (made["id"], "0.1", "19000")
            await watcher.until(lambda: (SYMBOL, made["id"]) in watcher.orders)
            ended = await cancel(made["id"], SYMBOL)
            assert (ended["id"], account.open_orders()) == (made["id"], [])
            await watcher.agrees(lambda: all_differences(watcher, account))

    run(test())


def test_a_wrong_secret_is_refused(ccxt_pro: ModuleType, sim: Simulator, account: PoloniexAccount) -> None:
    """Both signatures are checked: that of a request and that of the socket's login."""
    wrong = client(ccxt_pro, sim, account.api_key, "wrong")

    async def test() -> None:
        async with opened(wrong):
            with pytest.raises(ccxt_pro.AuthenticationError):
                await wrong.fetch_balance()
            with pytest.raises(ccxt_pro.AuthenticationError):
                await wrong.watch_orders()

    run(test())
