"""Every lifetime, limit and switch of the simulated Binance Portfolio Margin, with its documented value as default."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from jexkit.sim.venue import Rules


@dataclass
class BinanceRules(Rules):
    """Durations are seconds of exchange time. Where the documents are silent, a switch offers both readings."""

    # Sockets. USDS-M and COIN-M pages (same host): ping every 3 minutes, pong within 10, cut after 24 hours.
    ping_every: float | None = 180.0
    pong_within: float | None = 600.0
    connection_life: float | None = 24 * 3600.0
    messages_per_second: int = 10  # more from the client, and it is disconnected
    streams_per_connection: int = 1024

    # Listen keys. Start-User-Data-Stream: valid 60 minutes; POST answers the account's active key and prolongs it.
    listen_key_life: float = 3600.0
    expired_events: int = 1  # how often listenKeyExpired is pushed; users have seen it twice, and not at all
    delete_closes_sockets: bool = True  # otherwise the stream of a deleted key just falls silent
    delete_needs_key: bool = False  # DELETE without a live key: 200, or -1125
    new_key_on_every_post: bool = False  # users have seen a second POST end the first key
    check_key_parameter: bool = False  # a `listenKey` parameter is ignored, or must name the account's key
    unknown_key_status: int | None = None  # handshake with a dead key: 101 and silence, or this HTTP status

    # Requests. General info: 6000 weight per minute and IP, 1200 orders per minute and account.
    weight_per_minute: int = 6000
    orders_per_minute: int = 1200
    ban_after: int = 20  # requests made although limited, before the IP is banned
    ban_life: float = 120.0  # the shortest ban; repeated ones get longer up to three days
    retry_after: bool = False  # send Retry-After with 429 and 418
    trades_window_hours: int = 7 * 24  # userTrades: longest span between startTime and endTime; 24 in older pages
    forget_unfilled_after_days: int = 3  # an order that ended without a fill is then -2013

    # Quirks of real frames
    funding_names_symbol: bool = True  # `a.S` of ACCOUNT_UPDATE, since August 2026
    break_even_as_number: bool = True  # `bep` is documented as text, and is a JSON number on the wire
    fees_in_bnb: bool = True  # takers pay in BNB
    trailing_activates: bool = True  # a trailing algo order tells NEW twice, `ia` false and then true
    commission_sign: int = 1  # older pages of userTrades print a paid commission below zero
    v2_account_is_sparse: bool = True  # /papi/v2/um/account leaves out symbols without position or order

    # Trading over REST
    match_marketable: bool = True  # a limit order across the last price is filled at once
    maker_fee: Decimal = Decimal(0)
    taker_fee: Decimal = Decimal("0.0004")
