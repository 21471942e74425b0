"""What the stream tells is the whole truth: folding its frames gives the ledger's final state."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from jexkit.sim import Simulator
from jexkit.sim.binance_pm import BinanceAccount
from jexkit.sim.market import Market
from tests.sim.ear import Ear

State = dict[tuple[str, ...], tuple[Decimal, ...] | str]
FINAL = {"FILLED", "CANCELED", "EXPIRED", "EXPIRED_IN_MATCH", "REJECTED", "FINISHED", "TRIGGERED"}


def folded(frames: list[dict[str, Any]]) -> State:
    """The last word on every order, balance and position."""
    state: State = {}
    for frame in frames:
        if frame["e"] == "ORDER_TRADE_UPDATE":
            state["order", frame["fs"], str(frame["o"]["i"])] = frame["o"]["X"]
        elif frame["e"] == "executionReport":
            state["order", "MARGIN", str(frame["i"])] = frame["X"]
        elif frame["e"] == "ALGO_UPDATE":
            state["order", frame["fs"], str(frame["ao"]["aid"])] = frame["ao"]["X"]
        elif frame["e"] == "CONDITIONAL_ORDER_TRADE_UPDATE":
            state["order", frame["fs"], str(frame["so"]["si"])] = frame["so"]["os"]
        elif frame["e"] == "outboundAccountPosition":
            for row in frame["B"]:
                state["balance", "MARGIN", row["a"]] = (Decimal(row["f"]), Decimal(row["l"]))
        elif frame["e"] == "ACCOUNT_UPDATE":
            for row in frame["a"]["B"]:
                state["balance", frame["fs"], row["a"]] = (Decimal(row["wb"]), Decimal(0))
            for row in frame["a"]["P"]:
                key = ("position", frame["fs"], row["s"], row["ps"])
                state[key] = (Decimal(row["pa"]), Decimal(row["ep"]))
    return state


def truth(account: BinanceAccount) -> State:
    """The ledger, in the same form."""
    state: State = {}
    for row in account.orders():
        state["order", str(row["market"]), str(row["order_id"])] = str(row["status"])
    for row in account.balances():
        state["balance", str(row["market"]), str(row["asset"])] = (
            Decimal(row["free"]),
            Decimal(row["locked"]),
        )
    for row in account.positions():
        key = ("position", str(row["market"]), str(row["symbol"]), str(row["side"]))
        state[key] = (Decimal(row["quantity"]), Decimal(row["entry_price"]))
    return state


def test_a_lively_account_is_told_completely(sim: Simulator, account: BinanceAccount, ear: Ear) -> None:
    """A thousand steps of the market script; every fill once."""
    untouched = {key: value for key, value in truth(account).items() if key[0] == "balance"}
    Market(sim, 11).step(1000, [account])
    frames = ear.so_far()
    final = truth(account)
    assert {**untouched, **folded(frames)} == final
    trades = [
        (frame["fs"], frame["o"]["s"], frame["o"]["t"]) for frame in frames if frame.get("o", {}) and "fs" in frame
    ]
    told = [key for key in trades if key[2]]
    margin = [("MARGIN", frame["s"], frame["t"]) for frame in frames if frame["e"] == "executionReport"]
    told += [key for key in margin if key[2] != -1]
    assert sorted(told) == sorted((fill["market"], fill["symbol"], int(fill["trade_id"])) for fill in account.fills)
    still_open = {key for key, word in final.items() if key[0] == "order" and word not in FINAL}
    listed = {("order", str(row["market"]), str(row["order_id"])) for row in account.open_orders()}
    assert still_open == listed
