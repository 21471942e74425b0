"""The clients that are measured, one file each.

A contender is made with the exchange's description and a ``hear`` function, which it calls with everything that its
client hands to a program; ``start`` returns when messages will come, ``stop`` when nothing of it is left.
``sent_at`` reads the time out of a timed message.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol, TypeAlias

Hear: TypeAlias = Callable[[Any], None]


class Contender(Protocol):
    """One client of one exchange."""

    counts: str  # "events" where repeats are kept out and rows are told one by one, else "messages"

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def sent_at(self, heard: Any) -> int: ...


ALL = ("binance_pm", "deribit", "poloniex", "jex")
BINANCE = ("binance_pm",)


class Sort(NamedTuple):
    """Where a contender is, which exchanges it knows, and which module it needs of which distribution."""

    module: str
    name: str
    exchanges: tuple[str, ...] = ALL
    package: str = ""
    distribution: str = ""


OURS: dict[str, Sort] = {
    "jexkit": Sort("own", "Jexkit"),
    "jexkit, journal": Sort("own", "JexkitWithJournal"),
    "reference": Sort("reference", "Reference"),
    "limit": Sort("limit", "Limit"),
    "fleet": Sort("own", "Fleet"),
}
PEERS: dict[str, Sort] = {
    "UBWA": Sort("ubwa", "Ubwa", BINANCE, "unicorn_binance_websocket_api", "unicorn-binance-websocket-api"),
    "python-binance": Sort("python_binance", "PythonBinance", BINANCE, "binance.ws.streams", "python-binance"),
    "futures-connector": Sort("connector", "Connector", BINANCE, "binance.websocket", "binance-futures-connector"),
    "official SDK": Sort(
        "sdk",
        "Sdk",
        BINANCE,
        "binance_sdk_derivatives_trading_portfolio_margin",
        "binance-sdk-derivatives-trading-portfolio-margin",
    ),
    "ccxt": Sort("ccxt_pro", "Ccxt", ("binance_pm", "deribit", "poloniex"), "ccxt.pro", "ccxt"),
}
NOT_MEASURED: Mapping[str, str] = {
    "cryptofeed": "its reader of Deribit's orders asks for members that no message has (side, cumQuantity), and fails "
    "at the first one; of the other exchanges it has no private stream",
}


def make(name: str, exchange: str, place: Mapping[str, Any], hear: Hear) -> Contender:
    sort = (OURS | PEERS)[name]
    kind = getattr(importlib.import_module(f"yardstick.contenders.{sort.module}"), sort.name)
    found: Contender = kind(exchange, place, hear)
    return found


def order_id(exchange: str, message: Any) -> int:
    """The id in an order's message as it came, decoded."""
    if exchange == "binance_pm":
        return int(message["o"]["i"])
    if exchange == "deribit":
        return int(message["params"]["data"]["order_id"])
    return int(message["data"][0]["orderId"] if exchange == "poloniex" else message["i"])
