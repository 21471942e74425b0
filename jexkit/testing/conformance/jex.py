"""JEX for the suite."""

from __future__ import annotations

from typing import Any, ClassVar

from jexkit.accounts import Jex
from jexkit.testing.conformance.listen_keys import CHORES, COMMANDS, LISTEN_KEY, HealthyListenKeys
from jexkit.testing.conformance.subject import Subject
from jexkit.testing.conversation import Table, json_reply

FIRST_ID = 4293153
SYMBOLS = (
    *("spot:JEXBTC", "spot:BTCUSDT", "spot:ETHUSDT"),
    *("option:BTCCALLM", "option:BTCPUTM"),
    *("contract:BTCUSDT", "contract:EOSUSDT"),
)


class HealthyJex(HealthyListenKeys):
    path = "/api/v1/userDataStream"
    clock_path = "/api/v1/time"
    reads: ClassVar[Table] = {
        ("GET", "/api/v1/account"): {"spotBalances": [], "optionBalances": [], "contractBalances": []},
        ("GET", "/api/v1/contract/position"): [],
        ("GET", "/api/v1/spot/openOrders"): [],
        ("GET", "/api/v1/spot/historyOrders"): [],
        ("GET", "/api/v1/spot/order"): json_reply({"code": -2013, "msg": "Order does not exist."}, 400),
    }


def account(**settings: Any) -> Jex:
    credentials = {"api_key": "k" * 64, "secret_key": "s" * 64}
    return Jex(**{**credentials, "reorder_window": 0, "symbols": ["spot:JEXBTC"], **settings})


def order(number: int) -> dict[str, Any]:
    """A new spot order."""
    time_ms = 1_499_405_658_849 + number
    return {
        "e": "execSpotReport", "E": time_ms, "s": "JEXBTC", "S": "BUY", "q": "1.00000000", "p": "0.10264410",
        "X": "NEW", "i": FIRST_ID + number, "z": "0.00000000", "O": time_ms, "Z": "0.00000000",
    }  # fmt: skip


def trade(account: Any) -> None:
    """Orders, fills and money on all three families."""
    first = account.place("JEXBTC", "BUY", "10", price="0.00001464", market="spot")
    account.fill(first, "4")
    account.fill(first)
    account.cancel(account.place("BTCCALLM", "SELL", "3", price="2", market="option"))
    account.fill(account.place("BTCUSDT", "BUY", "0.4", price="10000", market="contract"), "0.1")
    account.fill(account.place("BTCUSDT", "SELL", "0.02", price="10000", market="spot"))
    account.deposit("USDT", "12.5", "spot")


JEX = Subject(
    exchange="jex",
    account=account,
    healthy=HealthyJex,
    order=order,
    order_id=lambda number: str(FIRST_ID + number),
    commands=COMMANDS,
    round_trip={"keepalive_listen_key": {}},
    chores=CHORES,
    secrets=(LISTEN_KEY,),
    trade=trade,
    settings={"symbols": SYMBOLS},
    wrong={"api_key": "x" * 64},
)
