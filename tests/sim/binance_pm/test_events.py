"""The frames of the stream, with the quirks of real ones."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from jexkit.sim.binance_pm import BinanceAccount, BinancePm
from tests.sim.ear import Ear


def test_the_life_of_a_um_order(account: BinanceAccount, ear: Ear) -> None:
    """NEW, a maker fill with its ACCOUNT_UPDATE, an amendment, a cancel."""
    order = account.place("BTCUSDT", "BUY", "1", price="20000", market="UM", client_order_id="mine")
    account.fill(order, "0.4")
    account.amend(order, price="19000", modify_id="mod-1")
    account.cancel(order)
    new, trade, update, amended, canceled = ear.events(5)
    assert list(new)[:3] == ["e", "T", "E"]
    assert "i" not in new
    assert (
        new["o"].items() >= {"c": "mine", "x": "NEW", "X": "NEW", "t": 0, "n": "0", "N": "USDT", "b": "20000"}.items()
    )
    assert (new["o"]["V"], new["o"]["pm"], new["o"]["T"]) == ("EXPIRE_NONE", "PM_NONE", new["T"])
    assert trade["o"].items() >= {"x": "TRADE", "X": "PARTIALLY_FILLED", "l": "0.4", "z": "0.4", "m": True}.items()
    assert trade["o"]["t"] == int(order.fills[0].trade_id)
    assert update["a"]["P"] == [
        {
            "s": "BTCUSDT",
            "pa": "0.4",
            "ep": "20000.00000000",
            "cr": "0",
            "up": "0.00000000",
            "ps": "BOTH",
            "bep": 20000,
        }
    ]
    assert (update["T"], update["a"]["m"]) == (trade["T"], "ORDER")
    assert amended["o"].items() >= {"x": "AMENDMENT", "X": "PARTIALLY_FILLED", "M": "mod-1", "p": "19000"}.items()
    assert canceled["o"].items() >= {"x": "CANCELED", "X": "CANCELED", "z": "0.4", "b": "0"}.items()


def test_several_fills_share_both_times(account: BinanceAccount, ear: Ear) -> None:
    """Equal E, T, reason and symbol: only the order of arrival ranks the account updates."""
    account.match(account.place("BTCUSDT", "BUY", "1", price="20000", market="UM"), [("0.4", None), ("0.6", None)])
    _, *told = ear.events(5)
    assert len({(frame["E"], frame["T"]) for frame in told}) == 1
    assert [frame["e"] for frame in told] == ["ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE"] * 2
    assert [frame["a"]["P"][0]["pa"] for frame in told[1::2]] == ["0.4", "1"]


def test_takers_pay_in_bnb(account: BinanceAccount, ear: Ear) -> None:
    """20000 USDT * 0.0004 / 600 = 0.01333333 BNB, which the account update shows too."""
    account.fill(account.place("BTCUSDT", "BUY", "1", price="20000", market="UM"), maker=False)
    _, trade, update = ear.events(3)
    assert (trade["o"]["n"], trade["o"]["N"], trade["o"]["m"]) == ("0.01333333", "BNB", False)
    assert [(row["a"], row["wb"]) for row in update["a"]["B"]] == [
        ("USDT", "1000000.00000000"),
        ("BNB", "999.98666667"),
    ]


def test_break_even_is_a_number_or_a_text(account: BinanceAccount, venue: BinancePm, ear: Ear) -> None:
    """A JSON number on the wire with all its digits, a text in the documents."""
    order = account.place("BTCUSDT", "BUY", "3", price="20000.1", market="UM")
    account.fill(order, "1")
    venue.rules.break_even_as_number = False
    account.fill(order, "1")
    breaks = [frame["a"]["P"][0]["bep"] for frame in ear.events(5) if frame["e"] == "ACCOUNT_UPDATE"]
    assert breaks == [Decimal("20000.1"), "20000.1"]


def test_coin_margined_frames_carry_the_alias(account: BinanceAccount, ear: Ear) -> None:
    """`i` and `fs` CM, paid in the coin."""
    account.fill(account.place("BTCUSD_PERP", "BUY", "100", "20000"), maker=False)
    new, trade, update = ear.events(3)
    assert {frame["i"] for frame in (new, trade, update)} == {account.alias}
    assert (trade["fs"], trade["o"]["n"], trade["o"]["N"]) == ("CM", "0.0002", "BTC")
    assert update["a"]["B"][0] == {"a": "BTC", "wb": "99.99980000", "cw": "99.99980000", "bc": "0"}


def test_the_life_of_a_margin_order(account: BinanceAccount, ear: Ear) -> None:
    """Reports with eight decimals and without `N` on NEW; one balance message per update id."""
    order = account.place("BNBUSDT", "BUY", "1", price="600", market="MARGIN", client_order_id="mine")
    account.match(order, [("0.4", None), ("0.3", None)])
    account.cancel(order, cancel_id="stop it")
    frames = ear.events(7)
    new, locked, first, second, moved, canceled, released = frames
    assert [frame["e"] for frame in frames].count("outboundAccountPosition") == 3
    assert "N" not in new
    assert (new["q"], new["t"], new["n"], new["w"], new["g"]) == ("1.00000000", -1, "0", True, -1)
    assert locked["B"] == [{"a": "USDT", "f": "999400.00000000", "l": "600.00000000"}]
    assert (first["E"], first["T"], first["I"]) == (second["E"], second["T"], second["I"])
    assert (second["z"], second["Z"], second["Y"]) == ("0.70000000", "420.00000000", "180.00000000")
    assert moved["U"] == first["I"]
    assert [row["a"] for row in moved["B"]] == ["BNB", "USDT"]
    assert (canceled["c"], canceled["C"], canceled["x"]) == ("stop it", "mine", "CANCELED")
    assert released["B"][0]["l"] == "0.00000000"


def test_margin_orders_are_rejected_and_expire(account: BinanceAccount, ear: Ear) -> None:
    """REJECTED names a reason; EXPIRED_IN_MATCH is a status, not an execution type."""
    account.reject(account.place("BNBUSDT", "BUY", "1", price="1", market="MARGIN"), "INSUFFICIENT_BALANCE")
    order = account.place("BNBUSDT", "BUY", "1", price="1", market="MARGIN", expired_in_match=True)
    account.expire(order)
    reports = [frame for frame in ear.so_far() if frame["e"] == "executionReport"]
    assert [(report["x"], report["X"]) for report in reports] == [
        ("NEW", "NEW"),
        ("REJECTED", "REJECTED"),
        ("NEW", "NEW"),
        ("EXPIRED", "EXPIRED_IN_MATCH"),
    ]
    assert reports[1]["r"] == "INSUFFICIENT_BALANCE"


def test_a_transfer_tells_both_wallets(account: BinanceAccount, ear: Ear) -> None:
    """As really seen: balanceUpdate and outboundAccountPosition with one `U`, then ACCOUNT_UPDATE DEPOSIT."""
    account.transfer("BNB", "0.01", "MARGIN", "UM")
    update, position, deposit = ear.events(3)
    assert (update["e"], update["d"], position["e"]) == ("balanceUpdate", "-0.01000000", "outboundAccountPosition")
    assert (update["E"], update["U"]) == (position["E"], position["U"])
    assert (deposit["a"]["m"], deposit["a"]["B"][0]["bc"]) == ("DEPOSIT", "0.01")
    assert [record["total"] for record in account.told] == ["999.99", "1000.01"]


def test_funding_changes_balances_only(account: BinanceAccount, venue: BinancePm, ear: Ear) -> None:
    """No positions; the symbol is named since August 2026."""
    account.fund("BTCUSDT", "-0.5")
    venue.rules.funding_names_symbol = False
    account.fund("BTCUSDT", "0.25")
    new, old = ear.events(2)
    assert (new["a"]["m"], new["a"]["P"], new["a"]["S"]) == ("FUNDING_FEE", [], "BTCUSDT")
    assert new["a"]["B"][0]["bc"] == "-0.5"
    assert "S" not in old["a"]


def test_leverage_is_told_even_if_unchanged(account: BinanceAccount, ear: Ear) -> None:
    """An integer, and no position side."""
    for _ in range(2):
        account.set_leverage("BTCUSDT", 20, "UM")
    first, second = ear.events(2)
    assert first["ac"] == second["ac"] == {"s": "BTCUSDT", "l": 20}


@pytest.mark.parametrize(("adl", "prefix"), [(False, "autoclose-"), (True, "adl_autoclose")])
def test_liquidation(account: BinanceAccount, ear: Ear, adl: bool, prefix: str) -> None:
    """An order of the system, executed as CALCULATED, and a flat position."""
    account.fill(account.place("BTCUSDT", "BUY", "1", price="20000", market="UM"))
    ear.events(3)
    account.liquidate("BTCUSDT", adl=adl)
    _, trade, update = ear.events(3)
    assert trade["o"]["c"].startswith(prefix)
    assert (trade["o"]["o"], trade["o"]["x"], trade["o"]["X"]) == ("LIQUIDATION", "CALCULATED", "FILLED")
    assert update["a"]["P"][0]["pa"] == "0"


def algo_words(frames: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """(event, state or execution) of each frame."""
    return [
        (frame["e"], frame.get("ao", frame.get("o", {})).get("X" if "ao" in frame else "x"))
        for frame in frames
        if frame["e"] != "ACCOUNT_UPDATE"
    ]


def test_an_algo_order_triggers_and_finishes(account: BinanceAccount, ear: Ear) -> None:
    """The real order's id appears with TRIGGERED, as a text; FINISHED tells what was executed."""
    algo = account.place_conditional("BTCUSDT", "SELL", "0.1", "19000")
    account.fill(account.trigger(algo), maker=False)
    frames = ear.events(7)
    assert algo_words(frames) == [
        ("ALGO_UPDATE", "NEW"),
        ("ALGO_UPDATE", "TRIGGERING"),
        ("ALGO_UPDATE", "TRIGGERED"),
        ("ORDER_TRADE_UPDATE", "NEW"),
        ("ORDER_TRADE_UPDATE", "TRADE"),
        ("ALGO_UPDATE", "FINISHED"),
    ]
    assert "ai" not in frames[0]["ao"]
    assert frames[2]["ao"]["ai"] == str(frames[3]["o"]["i"])
    assert frames[-1]["ao"].items() >= {"aq": "0.1", "ap": "20000", "act": "MARKET"}.items()


def test_a_trailing_algo_order_is_new_twice(account: BinanceAccount, ear: Ear) -> None:
    """First not activated, then activated."""
    account.place_conditional("BTCUSDT", "SELL", "0.1", "0", "trailing_stop_market")
    assert [frame["ao"]["ia"] for frame in ear.events(2)] == [False, True]


def test_algo_orders_end_in_other_ways(account: BinanceAccount, ear: Ear) -> None:
    """Cancelled, rejected with a reason, expired."""
    account.cancel(account.place_conditional("BTCUSDT", "SELL", "0.1", "19000"))
    account.reject(account.place_conditional("BTCUSDT", "SELL", "0.1", "19000"), "Reduce Only reject")
    account.expire(account.place_conditional("BTCUSDT", "SELL", "0.1", "19000"))
    orders = [frame["ao"] for frame in ear.events(6)]
    assert [order["X"] for order in orders[1::2]] == ["CANCELED", "REJECTED", "EXPIRED"]
    assert orders[3]["rm"] == "Reduce Only reject"
    assert [record["status"] for record in account.told if record["family"] == "algo"][-1] == "EXPIRED"


def test_a_coin_margined_conditional_order(account: BinanceAccount, ear: Ear) -> None:
    """A strategy: its real order carries `st` and `si`."""
    strategy = account.place_conditional("BTCUSD_PERP", "SELL", "1", "19000", "stop", market="CM", price="18900")
    account.cancel(account.trigger(strategy))
    frames = ear.events(5)
    told = [frame["so"] for frame in frames if "so" in frame]
    assert [order["os"] for order in told] == ["NEW", "TRIGGERED", "FINISHED"]
    real = frames[2]["o"]
    assert (real["st"], real["si"], real["o"]) == ("C_STOP", int(strategy.order_id), "LIMIT")
    assert told[-1]["i"] == real["i"]


def test_loans_losses_and_risk(account: BinanceAccount, ear: Ear) -> None:
    """liabilityChange (whose T is an id above 2^53), openOrderLoss, riskLevelChange."""
    account.borrow("USDT", "10")
    account.repay("USDT", "4")
    account.open_order_loss(BUSD="-0.1")
    account.risk_level("MARGIN_CALL", "1.2")
    borrowed, _, repaid, _, loss, risk = ear.events(6)
    assert (borrowed["t"], borrowed["l"], repaid["t"], repaid["l"]) == ("BORROW", "10.00000000", "REPAY", "6.00000000")
    assert borrowed["T"] > 2**53
    assert loss["O"] == [{"a": "BUSD", "o": "-0.10000000"}]
    assert (risk["e"], risk["s"], risk["u"]) == ("riskLevelChange", "MARGIN_CALL", "1.20000000")
    assert [record["name"] for record in account.told if record["kind"] == "notice"] == [
        "liabilityChange",
        "liabilityChange",
        "openOrderLoss",
        "riskLevelChange",
    ]


def test_events_of_the_future_can_be_pushed(account: BinanceAccount, ear: Ear) -> None:
    """Whatever the exchange thinks of next."""
    account.push_raw("listStatus", {"e": "listStatus", "E": 1, "g": 2})
    assert ear.hear() == {"e": "listStatus", "E": 1, "g": 2}
