"""Deribit: JSON-RPC over websocket and over HTTP on one port.

    account = sim.deribit.account("a")
    order = account.place("BTC-PERPETUAL", "BUY", "100", price="20000", client_order_id="my label")
    account.fill(order, "40")
    stop = account.place_trigger("ETH-PERPETUAL", "SELL", "50", "1400")
    account.trigger(stop)

Where it is: `ws_url` (`/ws/api/v2`) and `rest_url` (`/api/v2/...` under it). What it obeys: `sim.deribit.rules`.

https://docs.deribit.com
"""

from jexkit.sim.deribit.account import DeribitAccount
from jexkit.sim.deribit.rules import DeribitRules
from jexkit.sim.deribit.venue import Deribit

__all__ = ["Deribit", "DeribitAccount", "DeribitRules"]
