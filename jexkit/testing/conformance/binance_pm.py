"""Binance Portfolio Margin for the suite."""

from __future__ import annotations

from typing import Any, ClassVar

from jexkit.accounts import BinancePortfolioMargin
from jexkit.testing.conformance.listen_keys import CHORES, COMMANDS, LISTEN_KEY, HealthyListenKeys
from jexkit.testing.conformance.subject import Subject
from jexkit.testing.conversation import Table, json_reply

READS = (
    "balance", "um/positionRisk", "cm/positionRisk", "um/income", "cm/income", "um/openOrders", "cm/openOrders",
    "margin/openOrders", "um/algo/openAlgoOrders", "cm/conditional/openOrders", "um/userTrades", "cm/userTrades",
    "margin/myTrades", "um/allOrders", "cm/allOrders", "margin/allOrders", "um/algo/allAlgoOrders",
    "cm/conditional/allOrders",
)  # fmt: skip
FIRST_ID = 270905906796


class HealthyBinance(HealthyListenKeys):
    path = "/papi/v1/listenKey"
    clock_path = "/papi/v1/time"
    reads: ClassVar[Table] = {
        **{("GET", f"/papi/v1/{name}"): [] for name in READS},
        ("GET", "/papi/v1/um/order"): json_reply({"code": -2013, "msg": "Order does not exist."}, 400),
    }


def account(**settings: Any) -> BinancePortfolioMargin:
    return BinancePortfolioMargin(**{"api_key": "k" * 64, "secret_key": "s" * 64, **settings})


def order(number: int) -> dict[str, Any]:
    """A new limit order on UM."""
    time_ms = 1_708_673_882_856 + number
    details = {
        "s": "BTCUSDT", "c": f"own-{number}", "S": "BUY", "o": "LIMIT", "f": "GTC", "q": "0.005", "p": "32000",
        "ap": "0", "sp": "0", "x": "NEW", "X": "NEW", "i": FIRST_ID + number, "l": "0", "z": "0", "L": "0",
        "n": "0", "N": "USDT", "T": time_ms, "t": 0, "b": "160", "a": "0", "m": False, "R": False, "ps": "BOTH",
        "rp": "0", "V": "EXPIRE_NONE", "pm": "PM_NONE", "gtd": 0,
    }  # fmt: skip
    return {"e": "ORDER_TRADE_UPDATE", "T": time_ms, "E": time_ms + 5, "fs": "UM", "o": details}


def trade(account: Any) -> None:
    """Orders, fills and money on all three markets."""
    first = account.place("BTCUSDT", "BUY", "0.010", price="20000", market="UM")
    account.fill(first, "0.004")
    account.fill(first)
    second = account.place("ETHUSDT", "SELL", "0.500", price="1510", market="UM")
    account.cancel(second)
    account.fill(account.place("BTCUSD_PERP", "BUY", "3", price="20000", market="CM"))
    account.fill(account.place("ETHUSDT", "BUY", "0.5000", price="1500", market="MARGIN"), "0.2")
    account.fill(account.place("WLDUSDT", "SELL", "10", price="2.062", market="MARGIN"))
    account.deposit("USDT", "12.5", "UM")


BINANCE_PM = Subject(
    exchange="binance_pm",
    account=account,
    healthy=HealthyBinance,
    order=order,
    order_id=lambda number: str(FIRST_ID + number),
    commands=COMMANDS,
    round_trip={"keepalive_listen_key": {}},
    chores=CHORES,
    secrets=(LISTEN_KEY,),
    trade=trade,
    wrong={"api_key": "x" * 64},
)
