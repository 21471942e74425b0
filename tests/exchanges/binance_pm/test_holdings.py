"""Balances and positions are what the wallets hold after a change, row by row."""

from __future__ import annotations

from decimal import Decimal

from jexkit.events import (
    BalanceUpdate,
    Market,
    PositionSide,
    PositionUpdate,
)
from tests.exchanges.binance_pm.samples import PAYLOADS, account_at, one, read, recorded


def test_margin_balances() -> None:
    bnb, usdt, wld = read(next(m for m in PAYLOADS if m.get("U") == 1495305193480))
    assert isinstance(usdt, BalanceUpdate)
    assert (usdt.key, usdt.market) == ("MARGIN:USDT", Market.MARGIN)
    assert (usdt.free, usdt.locked, usdt.total) == (Decimal("7227.52979396"), Decimal(0), Decimal("7227.52979396"))
    assert usdt.id == "balance:MARGIN:USDT:1495305193480:7227.52979396:0"
    assert [event.asset for event in (bnb, wld) if isinstance(event, BalanceUpdate)] == ["BNB", "WLD"]


def test_a_balance_update_is_a_difference_and_no_amount() -> None:
    balance = one(BalanceUpdate, read(recorded("balanceUpdate", 1)))
    assert (balance.change, balance.total, balance.free) == (Decimal("-0.01000000"), None, None)
    assert balance.id == "change:MARGIN:BNB:1495297874797:-0.01"


def test_an_account_update_tells_balances_then_positions() -> None:
    usdt, bnb, position = read(account_at(1727350724672))
    assert isinstance(usdt, BalanceUpdate)
    assert (usdt.key, usdt.total, usdt.reason) == ("UM:USDT", Decimal("0.06372951"), "ORDER")
    assert usdt.change is None  # "0" leaves out what the trade itself changed
    assert isinstance(bnb, BalanceUpdate)
    assert isinstance(position, PositionUpdate)
    assert (position.key, position.quantity) == ("UM:BNBUSDT:BOTH", Decimal("-0.08"))
    assert position.break_even_price == Decimal("596.0726876")  # a JSON number
    assert (position.entry_price, position.unrealized_pnl) == (Decimal("596.18000000"), Decimal("-0.00000080"))


def test_a_transfer_says_by_how_much() -> None:
    (balance,) = read(account_at(1727320813983))
    assert isinstance(balance, BalanceUpdate)
    assert (balance.change, balance.total, balance.reason) == (Decimal("0.01000000"), Decimal("0.01000000"), "DEPOSIT")


def test_hedge_mode_has_two_positions_of_one_symbol() -> None:
    positions = [e for e in read(recorded("ACCOUNT_UPDATE")) if isinstance(e, PositionUpdate)]
    assert [position.key for position in positions] == ["UM:BTCUSDT:BOTH", "UM:BTCUSDT:LONG"]
    assert positions[1].side is PositionSide.LONG


def test_several_fills_of_one_match_give_states_with_ids_of_their_own() -> None:
    """Their T, E, reason and symbol are equal; only the values differ."""
    first, second = account_at(1727350724672), account_at(1727350724672)
    second["a"]["P"][0]["pa"] = "-0.16"
    second["a"]["B"][0]["wb"] = "0.07"
    ids = [event.id for event in read(first) + read(second)]
    assert len(set(ids)) == 5  # six events, of which the BNB balance is the same state twice


def test_an_unreadable_row_costs_none_of_the_others() -> None:
    message = recorded("ACCOUNT_UPDATE")
    message["a"]["B"][0]["wb"] = ["?"]
    message["a"]["P"][0] = 7
    kinds = [type(event).__name__ for event in read(message)]
    assert kinds == ["Unknown", "BalanceUpdate", "Unknown", "PositionUpdate"]


def test_a_coin_margined_position_can_be_short() -> None:
    position = one(PositionUpdate, read(recorded("ACCOUNT_UPDATE", -1)))
    assert (position.market, position.quantity) == (Market.COIN_FUTURES, Decimal(-1))
    assert position.break_even_price == Decimal("51090.31602036")
