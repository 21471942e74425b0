"""Every lifetime, limit and switch of the simulated Deribit.

Defaults are what https://docs.deribit.com says or what was measured; where both are silent, a guess that is marked as
one.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from jexkit.sim.venue import Rules


@dataclass
class DeribitRules(Rules):
    """Durations are seconds of exchange time."""

    maker_fee: Decimal = Decimal("-0.0001")  # a rebate
    taker_fee: Decimal = Decimal("0.0005")

    # Envelopes
    testnet: bool = True
    times_as_text: bool = False  # usIn and usOut came as text in 2022
    largest_request: int = 32 * 1024  # bytes; above it -32600 "request entity too large"

    # Connections and sessions
    connections_per_ip: int | None = 32  # the next handshake is refused with HTTP 429
    sessions_per_key: int = 16  # the next one evicts the oldest
    eviction_closes: bool = False  # a guess: an evicted session loses its rights and keeps its socket

    # Tokens
    token_life: int = 31_536_000  # expires_in, unless the scope asks for `expires:N`
    expired_token_stops_stream: bool = True  # a guess: the socket stays open, user channels fall silent
    timestamp_window_ms: int = 60_000  # client_signature and deri-hmac-sha256

    # Heartbeats
    least_heartbeat: int = 10
    heartbeat_delay: float = 0.6  # measured: with an interval of 10, one every 10.6 to 10.7 seconds
    answer_within: float = 10.0  # measured: closed with 4000 so long after the first unanswered test_request
    any_request_answers: bool = False  # whether other requests than public/test answer a test_request

    # Idle connections
    idle_limit: float | None = 60.0  # nothing subscribed, no heartbeat, nothing said: TCP is cut
    inactivity_limit: float | None = 600.0  # nothing in either direction, subscribed or not

    # Cancel on disconnect
    cod_error: int | None = None  # 10049 or 13042: enabling fails with it
    cod_must_be_on: bool = False  # disabling what is not enabled: 13042
    cod_account_over_http: bool = False  # scope=account without a websocket; else 10030

    # Subscriptions
    portfolio_at_once: bool = True  # a first user.portfolio right after subscribing
    silently_refused: frozenset[str] = frozenset()  # channels that are left out of the answer
    batch_every: float = 0.1  # the interval 100ms
    aggregate_every: float = 1.0  # agg2: two seconds in the documents, one as measured
    label_length: int = 16

    # Credits. Rate limits article: 500 of 50000 per call, 10000 more each second; at none left, 10028 and the end.
    credits_pool: int = 50_000
    credits_refill: int = 10_000
    credits_per_call: int = 500
    subscribe_pool: int = 30_000
    subscribe_cost: int = 3_000
    instruments_pool: int = 500_000
    instruments_cost: int = 10_000
    matching_burst: int = 100  # orders, edits, cancels: the highest tier
    matching_rate: int = 30
    close_code_without_credits: int = 1008  # a guess; the documents say that the session is terminated

    # Reads
    orders_recent: float = 1800.0  # closed orders are found for so long
    trades_recent: float = 86_400.0  # trades are in the default answer for so long, then with historical=true
    trades_page: int = 10
    trades_page_most: int = 1000
    margin_model: str = "segregated_sm"  # or cross_sm: free funds are those of the whole account, in each currency

    # Trading over the API
    fills_market_orders: bool = True  # market orders, and limit orders across the mark, are executed at once
