"""The exchange-neutral ledger: what each operation leaves in the books and in the truth log."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from jexkit.sim import Refusal, Simulator, Status
from jexkit.sim.binance_pm import BinanceAccount


@pytest.fixture
def account() -> BinanceAccount:
    """An account of a simulator that is not started: the ledger needs no server."""
    return Simulator(seed=7).binance_pm.account("a")


def balance(account: BinanceAccount, wallet: str, asset: str) -> tuple[str, str]:
    """(free, locked)."""
    for row in account.balances():
        if (row["market"], row["asset"]) == (wallet, asset):
            return str(row["free"]), str(row["locked"])
    raise AssertionError(f"no balance {wallet} {asset}")


def test_a_spot_order_locks_pays_and_releases(account: BinanceAccount) -> None:
    """Buying 1 at 600, 0.4 of it at 590: the better price comes back, the rest is released by the cancel."""
    order = account.place("BNBUSDT", "BUY", "1", price="600", market="MARGIN")
    assert balance(account, "MARGIN", "USDT") == ("999400", "600")
    account.fill(order, "0.4", "590")
    assert balance(account, "MARGIN", "USDT") == ("999404", "360")
    account.cancel(order)
    assert balance(account, "MARGIN", "USDT") == ("999764", "0")
    assert (order.status, order.filled, order.average_price) == (Status.CANCELED, Decimal("0.4"), Decimal(590))
    assert account.open_orders() == []


def test_a_linear_position_opens_grows_and_turns(account: BinanceAccount) -> None:
    """Entry price is the average while it grows; reducing books profit; turning starts anew at the fill's price."""
    for side, quantity, price in (("BUY", "1", "20000"), ("BUY", "1", "22000"), ("SELL", "3", "23000")):
        account.fill(account.place("BTCUSDT", side, quantity, price, market="UM"))
    (position,) = account.positions()
    assert (position["quantity"], position["entry_price"]) == ("-1", "23000")
    assert balance(account, "UM", "USDT")[0] == "1004000"  # (23000 - 21000) * 2


def test_an_inverse_position_pays_in_coin(account: BinanceAccount) -> None:
    """100 contracts of 100 dollars from 20000 to 25000: 10000 * (1/20000 - 1/25000) = 0.1 BTC."""
    account.fill(account.place("BTCUSD_PERP", "BUY", "100", "20000"))
    account.fill(account.place("BTCUSD_PERP", "SELL", "100", "25000"))
    assert balance(account, "CM", "BTC")[0] == "100.1"
    assert account.positions()[0]["quantity"] == "0"


def test_fills_of_a_match_share_their_moment(account: BinanceAccount) -> None:
    """One turn of the matching engine, several trades."""
    order = account.place("BTCUSDT", "BUY", "1", price="20000", market="UM")
    first, second = account.match(order, [("0.4", None), ("0.6", "19999")])
    assert (first.time_ms, order.status) == (second.time_ms, Status.FILLED)
    assert int(second.trade_id) == int(first.trade_id) + 1


def test_the_truth_log_tells_everything_in_order(account: BinanceAccount) -> None:
    """Order, fill, balances, position, with growing numbers and native words."""
    order = account.place("BTCUSDT", "BUY", "1", price="20000", market="UM")
    account.fill(order, "0.4")
    account.cancel(order)
    assert [record["seq"] for record in account.told] == list(range(len(account.told)))
    assert [(record["kind"], record.get("status")) for record in account.told] == [
        ("order", "NEW"),
        ("order", "PARTIALLY_FILLED"),
        ("fill", None),
        ("balance", None),
        ("position", None),
        ("order", "CANCELED"),
    ]
    assert account.told[2].items() >= {"quantity": "0.4", "price": "20000", "order_id": order.order_id}.items()


def test_amending_keeps_the_id_and_moves_the_lock(account: BinanceAccount) -> None:
    """In place, as the exchange does."""
    order = account.place("BNBUSDT", "BUY", "1", price="600", market="MARGIN")
    number = order.order_id
    account.amend(order, price="500", quantity="2")
    assert (order.order_id, order.price, order.quantity) == (number, Decimal(500), Decimal(2))
    assert balance(account, "MARGIN", "USDT") == ("999000", "1000")


def test_what_an_exchange_would_refuse_is_refused(account: BinanceAccount) -> None:
    """Each refusal names its reason and leaves nothing behind."""
    order = account.place("BTCUSDT", "BUY", "1", price="20000", market="UM", client_order_id="mine")
    account.cancel(order)
    told = len(account.told)
    attempts: dict[str, Callable[[], object]] = {
        "order_closed": lambda: account.cancel(order),
        "insufficient_balance": lambda: account.place("BNBUSDT", "BUY", "9999", price="600", market="MARGIN"),
        "bad_quantity": lambda: account.place("BTCUSDT", "BUY", "0", price="1", market="UM"),
        "bad_price": lambda: account.place("BTCUSDT", "BUY", "1", market="UM"),
        "bad_side": lambda: account.place("BTCUSDT", "HOLD", "1", price="1", market="UM"),
    }
    for reason, attempt in attempts.items():
        with pytest.raises(Refusal) as refused:
            attempt()
        assert refused.value.reason == reason
    assert (len(account.told), account.open_orders()) == (told, [])


def test_unknown_symbols_are_named(account: BinanceAccount) -> None:
    """The error says what is listed, and asks for the market where several list the symbol."""
    with pytest.raises(ValueError, match=r"does not list 'XYZ'.*BTCUSDT"):
        account.place("XYZ", "BUY", "1", price="1", market="UM")
    with pytest.raises(ValueError, match="which one of UM, MARGIN"):
        account.place("BTCUSDT", "BUY", "1", price="1")


def test_same_seed_same_credentials() -> None:
    """A configuration that was pasted once works again; another account has other keys."""
    first, second = (Simulator(seed=3).binance_pm for _ in range(2))
    assert first.account("a").credentials() == second.account("a").credentials()
    assert first.account("b").credentials() != first.account("a").credentials()
    assert Simulator(seed=4).binance_pm.account("a").credentials() != first.account("a").credentials()


def test_a_snapshot_stands_still(account: BinanceAccount) -> None:
    """Nothing that happens later is seen in it: not at orders that live on, not at what is held."""
    order = account.place("BTCUSDT", "BUY", "1", price="20000", market="UM")
    account.fill(order, "0.2")
    then = account.books.snapshot()
    account.fill(order, "0.3")
    account.cancel(order)
    key = ("UM", "BTCUSDT", order.order_id)
    assert (then.orders[key].filled, then.open[key].status) == (Decimal("0.2"), Status.PARTIALLY_FILLED)
    assert (len(then.orders[key].fills), len(then.fills)) == (1, 1)
    assert [position.quantity for position in then.positions.values()] == [Decimal("0.2")]
