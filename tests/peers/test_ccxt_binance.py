"""ccxt against the simulated Binance Portfolio Margin.

One stream tells of three wallets, and ccxt hears it as one account of USDS-M futures. What it does in its own way, and
these tests take as it is:

- `watch_balance` keeps one figure per asset, that of the wallet heard of last.
- A liquidation (execution type CALCULATED) is no trade for it; its orders are there.
- It looks for an ALGO_UPDATE under `o`, and Portfolio Margin has it under `ao`; CONDITIONAL_ORDER_TRADE_UPDATE it does
  not know. Orders that wait for a price are not compared.
- Over REST a futures wallet's `free` is the wallet's balance and its `used` the open profit, which is in no ledger.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import pytest

from jexkit.sim import Simulator
from jexkit.sim.binance_pm import BinanceAccount
from jexkit.sim.truth import Record
from tests.peers.comparing import by_id, differences, heard, ledger_orders, ledger_trades, number, symbols_of
from tests.peers.watching import Row, Watcher, counted, let_the_script_trade, opened, run, trade_a_little

pytestmark = pytest.mark.peers

STATUSES = {
    "NEW": "open",
    "PARTIALLY_FILLED": "open",
    "FILLED": "closed",
    "CANCELED": "canceled",
    "EXPIRED": "expired",
    "REJECTED": "rejected",
}
SYMBOL = "BTC/USDT:USDT"
WALLETS = {"UM": "linear", "CM": "inverse", "MARGIN": "margin"}
RESTING = {"UM": "BTCUSDT", "CM": "BTCUSD_PERP", "MARGIN": "BTCUSDT"}  # where an order rests, whatever the script left
FORCED = ("autoclose-", "adl_autoclose")  # how client order ids of liquidations begin


@pytest.fixture
def account(sim: Simulator) -> BinanceAccount:
    """An account with money in every wallet."""
    return sim.binance_pm.account("main")


@pytest.fixture
def exchange(ccxt_pro: ModuleType, sim: Simulator, account: BinanceAccount) -> Any:
    """ccxt with the account's key."""
    return client(ccxt_pro, sim, account.api_key, account.secret_key)


def client(ccxt_pro: ModuleType, sim: Simulator, api_key: str, secret_key: str) -> Any:
    """ccxt, pointed at the simulator. Its own throttle is off: there is nobody to be spared.

    The two lists that it would load from the hosts of spot and margin have nothing to do with Portfolio Margin.
    """
    options = {
        "portfolioMargin": True,
        "defaultType": "future",
        "fetchCurrencies": False,
        "fetchMargins": False,
        "warnOnFetchOpenOrdersWithoutSymbol": False,
    }
    made = ccxt_pro.binance({"apiKey": api_key, "secret": secret_key, "enableRateLimit": False, "options": options})
    places = made.urls["api"]
    for name, place in list(places.items()):
        if isinstance(place, str):
            places[name] = sim.binance_pm.rest_url + urlsplit(place).path
    places["ws"] = {"papi": f"{sim.binance_pm.ws_url}/ws"}
    return made


def regular(records: list[Record]) -> list[Record]:
    """Orders that ccxt hears of."""
    return [record for record in records if record["family"] == "regular"]


def without_forced(account: BinanceAccount) -> list[Record]:
    """Fills that are trades for ccxt."""
    forced = {
        (order["market"], order["order_id"])
        for order in account.orders()
        if str(order["client_order_id"]).startswith(FORCED)
    }
    return [fill for fill in account.fills if (fill["market"], fill["order_id"]) not in forced]


def last_balances(account: BinanceAccount) -> dict[str, Row]:
    """Of each asset the total that was told last, in whatever wallet."""
    return {
        str(record["asset"]): {"total": number(record["total"])}
        for record in account.told
        if record["kind"] == "balance"
    }


def all_differences(watcher: Watcher, account: BinanceAccount) -> list[str]:
    """Orders, trades and balances of the stream beside the ledger's."""
    symbol_of = symbols_of(watcher.exchange, spot="MARGIN")
    totals = watcher.balance.get("total", {})
    return [
        *differences(
            ledger_orders(regular(account.orders()), symbol_of, STATUSES),
            heard(watcher.orders, "side", "price", "amount", "filled", "status"),
        ),
        *differences(
            ledger_trades(without_forced(account), symbol_of),
            heard(watcher.trades, "order", "side", "price", "amount"),
        ),
        *differences(last_balances(account), {code: {"total": number(total)} for code, total in totals.items()}),
    ]


def test_each_step_of_an_order_is_heard(sim: Simulator, exchange: Any, account: BinanceAccount) -> None:
    """Open, partly filled, filled, cancelled; the trades are the ledger's and so is the balance."""

    async def test() -> None:
        async with opened(exchange), Watcher(exchange) as watcher:
            await counted(sim.binance_pm.counters, "subscriptions", 1)
            await trade_a_little(watcher, account, "BTCUSDT", quantity="1", part="0.4", price="20000", market="UM")
            await watcher.agrees(lambda: all_differences(watcher, account))
        assert sim.binance_pm.counters["listen_keys_created"] == 1

    run(test())


def test_a_lively_account_ends_as_the_ledger_says(sim: Simulator, exchange: Any, account: BinanceAccount) -> None:
    """The market script trades in all three markets; afterwards the stream and REST agree with the ledger."""

    async def test() -> None:
        async with opened(exchange), Watcher(exchange) as watcher:
            await counted(sim.binance_pm.counters, "subscriptions", 1)
            await let_the_script_trade(sim, watcher, account)
            for market, symbol in RESTING.items():
                account.place(symbol, "BUY", "1", "15000", market=market)
            await watcher.agrees(lambda: all_differences(watcher, account))
            for market, ours in WALLETS.items():
                await rest_agrees(exchange, account, market, ours)

    run(test())


async def rest_agrees(exchange: Any, account: BinanceAccount, market: str, ours: str) -> None:
    """Open orders and balances of one market over REST."""
    params = {"type": "margin"} if ours == "margin" else {"subType": ours}
    rows = by_id(await exchange.fetch_open_orders(params=params))
    living = [record for record in regular(account.open_orders()) if record["market"] == market]
    expected = ledger_orders(living, symbols_of(exchange, spot="MARGIN"), STATUSES)
    assert expected
    assert differences(expected, heard(rows, "side", "price", "amount", "filled", "status")) == []
    told = (await exchange.fetch_balance(params))["total" if ours == "margin" else "free"]
    ledger = {row["asset"]: {"total": number(row["total"])} for row in account.balances() if row["market"] == market}
    assert differences(ledger, {code: {"total": number(told[code])} for code in ledger}) == []


def test_an_order_of_the_client_is_in_the_ledger(sim: Simulator, exchange: Any, account: BinanceAccount) -> None:
    """Created, heard, and cancelled again."""

    async def test() -> None:
        async with opened(exchange), Watcher(exchange) as watcher:
            await counted(sim.binance_pm.counters, "subscriptions", 1)
            made = await exchange.create_order(SYMBOL, "limit", "buy", 0.1, 19000)
            (booked,) = account.open_orders()
            assert (booked["order_id"], booked["client_order_id"]) == (made["id"], made["clientOrderId"])
            assert (booked["quantity"], booked["price"]) == ("0.1", "19000")
            await watcher.until(lambda: (SYMBOL, made["id"]) in watcher.orders)
            ended = await exchange.cancel_order(made["id"], SYMBOL)
            assert (ended["status"], account.open_orders()) == ("canceled", [])
            await watcher.agrees(lambda: all_differences(watcher, account))

    run(test())


def test_a_wrong_secret_is_refused(ccxt_pro: ModuleType, sim: Simulator, account: BinanceAccount) -> None:
    """The signature is checked."""
    wrong = client(ccxt_pro, sim, account.api_key, "wrong")

    async def test() -> None:
        async with opened(wrong):
            with pytest.raises(ccxt_pro.AuthenticationError):
                await wrong.fetch_balance()

    run(test())
