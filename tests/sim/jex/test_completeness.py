"""What the stream tells is the whole truth: folding its frames by `E` gives the ledger's final state."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from jexkit.sim import Simulator
from jexkit.sim.jex import Jex, JexAccount
from jexkit.sim.market import Market
from tests.sim.ear import Ear

State = dict[tuple[str, ...], tuple[Decimal, ...] | str]
WALLETS = {"accountSpotInfo": "spot", "accountOptionInfo": "option", "accountContractInfo": "contract"}


def folded(frames: list[dict[str, Any]]) -> State:
    """The last word on every order, balance and position, in the order of `E`."""
    state: State = {}
    for frame in sorted(frames, key=lambda frame: int(frame["E"])):
        if frame["e"].startswith("exec"):
            state["order", str(frame["i"])] = frame["X"]
        elif frame["e"] == "contractPositions":
            for row in frame["p"]:
                sign = 1 if row["d"] == "longs" else -1
                state["position", row["s"]] = (sign * Decimal(row["q"]), Decimal(row["c"]))
        else:
            for row in frame["B"]:
                state["balance", WALLETS[frame["e"]], row["a"]] = (Decimal(row["f"]), Decimal(row["l"]))
    return state


def truth(account: JexAccount) -> State:
    """The ledger, in the same form."""
    state: State = {}
    for row in account.orders():
        state["order", str(row["order_id"])] = str(row["status"])
    for row in account.balances():
        state["balance", str(row["market"]), str(row["asset"])] = (Decimal(row["free"]), Decimal(row["locked"]))
    for row in account.positions():
        state["position", str(row["symbol"])] = (Decimal(row["quantity"]), Decimal(row["entry_price"]))
    return state


@pytest.mark.parametrize("swap_every", [0, 4])
def test_a_lively_account_is_told_completely(
    sim: Simulator, account: JexAccount, venue: Jex, ear: Ear, swap_every: int
) -> None:
    """A thousand steps of the market script, in order and out of order."""
    untouched = {key: value for key, value in truth(account).items() if key[0] == "balance"}
    venue.rules.swap_every = swap_every
    Market(sim, 11).step(1000, [account])
    sim.advance(3)
    frames = ear.so_far()
    assert {**untouched, **folded(frames)} == truth(account)
    in_order = [frame["E"] for frame in frames] == sorted(frame["E"] for frame in frames)
    assert in_order == (swap_every == 0)
