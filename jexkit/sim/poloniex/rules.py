"""Every lifetime, limit and switch of the simulated Poloniex.

Defaults are what https://api-docs.poloniex.com says; where it is silent, what was seen on the wire, or a guess that is
marked as one.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from jexkit.sim.venue import Rules


@dataclass
class PoloniexRules(Rules):
    """Durations are seconds of exchange time."""

    maker_fee: Decimal = Decimal("0.00145")
    taker_fee: Decimal = Decimal("0.00155")

    # The socket
    silence_limit: float | None = 30.0  # a client that sends nothing for so long is cut off without a close frame
    answers_pings: bool = True
    user_agent_required: bool = True  # the edge (CloudFront) refuses requests and handshakes without one

    # Authentication
    auth_window_ms: int | None = 60_000  # how far signTimestamp may be off on the websocket: a guess, undocumented

    # Subscriptions
    orders_connections: int = 5  # "Supports 5 connections per user"; a sixth subscription to orders fails
    acknowledges: bool = True  # off: commands are carried out, and the acknowledgement is lost
    echo_symbols: Literal["orders", "always", "never"] = "orders"  # which acknowledgements repeat the symbols
    upper_case_words: bool = False  # the documents of 2022 print UNSUBSCRIBE, UNSUBSCRIBE_ALL and ALL
    refuse_repeats: bool = False  # "Already subscribed", "Not subscribed" as documented; else acknowledged again
    maintenance: bool = False  # every command gets "Platform in maintenance mode"

    # Pushes
    match_role_share: float = 0.5  # how often events other than trades carry the meaningless matchRole
    elements_together: bool = True  # what one turn of the engine changed comes in one frame per channel
    account_type_in_balances: bool = True  # absent in the documents of 2022
    ts_jitter_ms: int = 0  # push times come out of order by up to so much

    # REST
    greatest_lead_ms: int = 1000  # signTimestamp may be so far ahead of the server: HTTP 400
    recv_window_ms: int | None = None  # HTTP 408 for older requests without a recvWindow of their own
    light_per_second: int | None = 50  # single orders, accounts
    heavy_per_second: int | None = 10  # lists of orders and trades, commands on several orders
    public_per_second: int | None = 200
    open_orders_page: int = 500  # orders per page where none is asked for
    open_orders_most: int = 2000
    page: int = 100  # history and trades
    page_most: int = 1000
    from_is_included: bool = False  # whether a page begins with the element that `from` names
    history_span_days: int = 7  # longest time between startTime and endTime (21355); newer documents say 180 days
    numeric_history_ids: bool = False  # /orders/history was once seen with `id` as a JSON number
    fills_market_orders: bool = True  # market orders of clients are executed at once
