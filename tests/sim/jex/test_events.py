"""The seven events, every state and refusal, mixed ids, and events out of order."""

from __future__ import annotations

from typing import Any

import pytest

from jexkit.sim import Simulator
from jexkit.sim.jex import Jex, JexAccount
from tests.sim.ear import Ear


def reports(frames: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Order reports only."""
    return [frame for frame in frames if frame["e"].startswith("exec")]


@pytest.mark.parametrize(
    ("symbol", "market", "event"),
    [("JEXBTC", "spot", "execSpotReport"), ("BTCCALLM", "option", "execOptionReport")],
)
def test_states_of_spot_and_option_orders(account: JexAccount, ear: Ear, symbol: str, market: str, event: str) -> None:
    """CANCELED without a fill, CANCLEFILLED (sic) with one; ids are numbers; nothing else is told."""
    order = account.place(symbol, "BUY", "10", price="0.00001")
    account.fill(order, "4", "0.000005")
    account.cancel(order)
    account.cancel(account.place(symbol, "BUY", "10", price="0.00001"))
    account.fill(account.place(symbol, "BUY", "10", price="0.00001"))
    account.reject(account.place(symbol, "BUY", "10", price="0.00001"))
    told = reports(ear.so_far())
    assert {frame["e"] for frame in told} == {event}
    assert [frame["X"] for frame in told] == [
        "NEW",
        "PARTIALLY_FILLED",
        "CANCLEFILLED",
        "NEW",
        "CANCELED",
        "NEW",
        "FILLED",
        "NEW",
        "FAIL",
    ]
    assert told[1].items() >= {"z": "4.00000000", "Z": "0.00002000", "i": int(order.order_id)}.items()
    assert set(told[0]) == {"E", "e", "s", "S", "q", "p", "X", "i", "z", "O", "Z"}
    assert account.told[0]["market"] == market


def test_wallets_are_told_with_absolute_amounts(account: JexAccount, ear: Ear) -> None:
    """The assets that changed, in three kinds of event; `m` and `t` are numbers."""
    account.place("JEXBTC", "BUY", "10", price="0.1")
    account.place("BTCCALLM", "BUY", "10", price="2")
    account.place("BTCUSDT", "BUY", "1", price="10000", market="contract")
    spot, option, contract = (frame for frame in ear.so_far() if frame["e"].startswith("account"))
    assert (spot["e"], spot["m"], spot["t"]) == ("accountSpotInfo", 0, 0)
    assert spot["B"] == [{"a": "BTC", "f": "99.00000000", "l": "1.00000000", "T": True, "W": True, "D": True}]
    assert (option["e"], option["B"][0]["l"]) == ("accountOptionInfo", "20.00000000")
    assert (contract["e"], contract["B"][0]["o"], contract["B"][0]["p"]) == (
        "accountContractInfo",
        "1000.00000000",
        "0.00000000",
    )
    assert contract["B"][0]["f"] == "999000.00000000"


def test_wallets_may_be_told_complete(account: JexAccount, venue: Jex, ear: Ear) -> None:
    """The other reading."""
    venue.rules.balances_are_complete = True
    account.deposit("BTC", "1")
    assert {row["a"] for row in ear.hear()["B"]} == {"BTC", "USDT", "ETH", "JEX"}


def test_a_contract_order_is_entrusted_and_filled(account: JexAccount, ear: Ear) -> None:
    """ENTRUSTING, ENTRUSTED, PARTFILLED, FILLED; sells are negative, ids are texts above 2^53."""
    order = account.place("BTCUSDT", "SELL", "1.5", "10000", market="contract")
    account.fill(order, "0.5")
    account.fill(order)
    frames = ear.so_far()
    told = reports(frames)
    assert [frame["X"] for frame in told] == ["ENTRUSTING", "ENTRUSTED", "PARTFILLED", "FILLED"]
    assert [frame["z"] for frame in told[2:]] == ["-0.50000000", "-1.50000000"]
    assert (told[-1]["Z"], told[-1]["r"]) == ("15000.00000000", "NONE")
    assert int(told[0]["i"]) > 2**53
    assert isinstance(told[0]["i"], str)
    (position,) = frames[-1]["p"]
    assert all(isinstance(value, str) for value in position.values())
    assert (position["d"], position["q"], position["c"], position["o"]) == (
        "shorts",
        "1.5000",
        "10000.00000000",
        "1500.00000000",
    )
    assert account.positions()[0]["quantity"] == "-1.5"


def test_a_closed_position_has_quantity_zero(account: JexAccount, ear: Ear) -> None:
    """And its profit is in the wallet."""
    for side, price in (("BUY", "10000"), ("SELL", "10100")):
        account.fill(account.place("BTCUSDT", side, "1", price, market="contract"))
    last_wallet, last_position = ear.so_far()[-2:]
    assert (last_position["p"][0]["q"], last_wallet["B"][0]["f"]) == ("0.0000", "1000100.00000000")


def test_a_cancelled_contract_order(account: JexAccount, venue: Jex, ear: Ear) -> None:
    """CANCEL, or CANCE in older editions."""
    account.cancel(account.place("BTCUSDT", "BUY", "1", "10000", market="contract"))
    venue.rules.cancel_word = "CANCE"
    account.cancel(account.place("BTCUSDT", "BUY", "1", "10000", market="contract"))
    assert [frame["X"] for frame in reports(ear.so_far())][2::3] == ["CANCEL", "CANCE"]


@pytest.mark.parametrize("reason", JexAccount.refusals)
def test_a_refused_contract_order(account: JexAccount, ear: Ear, reason: str) -> None:
    """FAIL with nothing but id (a text) and reason: no symbol, no quantities."""
    account.refuse_next(reason)
    order = account.place("BTCUSDT", "BUY", "1", "10000", market="contract")
    refused = reports(ear.so_far())[-1]
    assert set(refused) == {"E", "X", "e", "i", "r"}
    assert (refused["X"], refused["i"], refused["r"]) == ("FAIL", order.order_id, reason)


def test_the_decision_can_take_its_time(sim: Simulator, account: JexAccount, venue: Jex, ear: Ear) -> None:
    """After a delay, or when the test says so; the stream may be silent meanwhile."""
    venue.rules.entrust_delay = 30.0
    account.place("BTCUSDT", "BUY", "1", "10000", market="contract")
    assert [frame["X"] for frame in ear.so_far()] == ["ENTRUSTING"]
    sim.advance(30)
    assert reports(ear.so_far())[0]["X"] == "ENTRUSTED"
    venue.rules.entrust_delay, venue.rules.tells_entrusting = None, False
    order = account.place("BTCUSDT", "BUY", "1", "10000", market="contract")
    assert ear.so_far() == []
    account.reject(order, "reach risk limit")
    assert reports(ear.so_far())[0]["X"] == "FAIL"


def test_events_can_be_held_back(sim: Simulator, account: JexAccount, ear: Ear) -> None:
    """Sent after a later one with `E` unchanged, or after a while if nothing follows."""
    order = account.place("JEXBTC", "BUY", "10", price="0.00001")
    ear.events(2)
    account.hold_back()
    account.fill(order, "4")
    account.fill(order)
    frames = ear.so_far()
    assert [frame.get("z") for frame in reports(frames)] == ["10.00000000", "4.00000000"]
    times = [frame["E"] for frame in frames]
    assert times != sorted(times)
    account.hold_back()
    account.deposit("BTC", "1")
    assert ear.so_far() == []
    sim.advance(2)
    assert len(ear.so_far()) == 1


def test_swapping_loses_nothing_and_can_be_undone_by_e(account: JexAccount, venue: Jex, ear: Ear) -> None:
    """Sorted by `E`, the last balance of each asset and the last state of each order are the ledger's."""
    venue.rules.swap_every = 3
    for _ in range(20):
        order = account.place("JEXBTC", "BUY", "10", price="0.00001")
        account.fill(order, "4")
        account.fill(order)
    venue.rules.swap_every = 0
    account.deposit("BTC", "1")
    frames = ear.so_far()
    assert [frame["E"] for frame in frames] != sorted(frame["E"] for frame in frames)
    in_order = sorted(frames, key=lambda frame: int(frame["E"]))
    last = {row["a"]: row["f"] for frame in in_order if frame["e"] == "accountSpotInfo" for row in frame["B"]}
    truth = {row["asset"]: row["free"] for row in account.balances() if row["market"] == "spot"}
    assert {asset: float(free) for asset, free in last.items()} == {asset: float(truth[asset]) for asset in last}
    states = {frame["i"]: frame["X"] for frame in reports(in_order)}
    assert set(states.values()) == {"FILLED"}


def test_leverage_moves_margin(account: JexAccount, ear: Ear) -> None:
    """contractPositions with the new leverage, and the wallet that it frees."""
    account.fill(account.place("BTCUSDT", "BUY", "1", "10000", market="contract"))
    ear.so_far()
    account.set_leverage("BTCUSDT", 20, "contract")
    wallet, positions = ear.events(2)
    assert (wallet["B"][0]["p"], positions["p"][0]["v"]) == ("500.00000000", "20.00")


def test_a_transfer_tells_both_wallets(account: JexAccount, ear: Ear) -> None:
    """One event each."""
    account.transfer("USDT", "5", "spot", "contract")
    assert [frame["e"] for frame in ear.events(2)] == ["accountSpotInfo", "accountContractInfo"]


def test_fills_have_no_trade_id(account: JexAccount) -> None:
    """The stream does not tell one, so the truth log has none."""
    account.fill(account.place("JEXBTC", "BUY", "10", price="0.00001"), "4")
    assert [(fill["trade_id"], fill["quantity"]) for fill in account.fills] == [("", "4")]


def test_there_is_no_amendment(account: JexAccount) -> None:
    """Cancel and place anew."""
    order = account.place("JEXBTC", "BUY", "10", price="0.00001")
    with pytest.raises(ValueError, match="cannot amend"):
        account.amend(order, price="1")
