"""Poloniex spot: private websocket and REST API on one port.

    account = sim.poloniex.account("a")
    order = account.place("BTC_USDT", "BUY", "0.5", price="20000")
    account.fill(order, "0.2")
    account.cancel(order)                       # PARTIALLY_CANCELED

Where it is: `ws_url` (`/ws/private`) and `rest_url`. What it obeys: `sim.poloniex.rules`.

https://api-docs.poloniex.com/spot/
"""

from jexkit.sim.poloniex.account import PoloniexAccount
from jexkit.sim.poloniex.rules import PoloniexRules
from jexkit.sim.poloniex.venue import Poloniex

__all__ = ["Poloniex", "PoloniexAccount", "PoloniexRules"]
