"""Every lifetime, limit and switch of the simulated JEX, with its documented value as default."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from jexkit.sim.venue import Rules


@dataclass
class JexRules(Rules):
    """Durations are seconds of exchange time. Where the documents are silent, a switch offers both readings.

    Documents: rest-api.md, web-socket-streams.md and errors_CN.md of JexApi/jex-official-api-docs (December 2019).
    """

    # Sockets: a ping every 3 minutes, a pong within 10, a cut after 24 hours
    ping_every: float | None = 180.0
    pong_within: float | None = 600.0
    connection_life: float | None = 24 * 3600.0
    streams_per_connection: int = 10

    # Listen keys: 60 minutes, and there is no event when they expire: the stream closes
    listen_key_life: float = 3600.0
    expiry_closes_sockets: bool = True  # otherwise the stream just falls silent
    new_key_on_every_post: bool = False  # POST with a living key: the same key, or a second one beside it
    unknown_key_status: int | None = None  # handshake with a dead key: 101 and silence, or this HTTP status

    # Requests: 1200 weight per minute, 10 orders per second, 100 000 per day; Retry-After in seconds
    weight_per_minute: int = 1200
    orders_per_second: int = 10
    orders_per_day: int = 100_000
    open_orders_limit: int = 200
    ban_after: int = 20
    ban_life: float = 120.0
    retry_after: bool = True

    # Orders and reports
    entrust_delay: float | None = 0.0  # how long a contract order is being placed; None: until `accept` or `reject`
    tells_entrusting: bool = True  # whether the stream says so meanwhile
    resting_word: str = "ENTRUSTED"  # the sample in the documents prints NEW
    cancel_word: str = "CANCEL"  # older editions write CANCE
    negative_sells: bool = True  # contract sells have negative quantities in REST and on the stream
    balances_are_complete: bool = False  # account events list all assets of the wallet, or those that changed
    swap_every: int = 0  # every so many-th event is held back and sent after the next one, `E` unchanged
    swap_longest: float = 2.0  # a held-back event leaves after so long, next one or not

    # REST
    end_id_goes_back: bool = True  # `endId` of userHistoricalTrades: trades before it, or after it
    empty_contract_status: bool = False  # the sample of contract/order has the status ""
    contract_open_orders_like_spot: bool = False  # the page of contract/openOrders repeats the spot sample
    maker_fee: Decimal = Decimal(0)
    taker_fee: Decimal = Decimal("0.0005")
