"""Poloniex's refusals: code, text and HTTP status.

https://api-docs.poloniex.com/spot/error-codes. On REST the body is `{"code": ..., "message": ...}`; the answers to
order commands on the websocket carry the same two per order.
"""

from __future__ import annotations

from jexkit.sim.calls import Answer, Refused
from jexkit.sim.settlement import Refusal


def refused(code: int, message: str, status: int = 400) -> Refused:
    """An exception that answers `{"code": ..., "message": ...}`."""
    return Refused(Answer({"code": code, "message": message}, status=status))


def invalid_parameter(name: str) -> Refused:
    return refused(601, f"Invalid parameter: {name}")


def missing_parameter(name: str) -> Refused:
    return refused(602, f"Missing required parameter: {name}")


def not_authenticated() -> Refused:
    return refused(21100, "Invalid account", 401)


def too_early() -> Refused:
    return refused(400, "signTimestamp is ahead of the server's time", 400)


def too_old() -> Refused:
    return refused(408, "Request is outside of recvWindow", 408)


def too_many_requests() -> Refused:
    return refused(429, "Too many requests", 429)


def account_not_found() -> Refused:
    return refused(21600, "Account not found")


def order_not_found() -> Refused:
    return refused(21301, "Order not exists")


def order_closed() -> Refused:
    return refused(21359, "Order was already canceled or filled.")


def invalid_symbol() -> Refused:
    return refused(24101, "Invalid symbol")


def no_kill_switch() -> Refused:
    return refused(25020, "No active kill switch")


def span_too_long() -> Refused:
    return refused(21355, "Interval between startTime and endTime in trade/order history has exceeded 7 day limit")


def insufficient() -> Refused:
    return refused(21721, "available insufficient")


# What the ledger refuses, in Poloniex's words
LEDGER_REFUSALS: dict[str, tuple[int, str]] = {
    "insufficient_balance": (21721, "available insufficient"),
    "unknown_order": (21301, "Order not exists"),
    "order_closed": (21359, "Order was already canceled or filled."),
    "duplicate_client_order_id": (21312, "Client order id repeat"),
    "bad_quantity": (21328, "Order quantity must be greater than 0"),
    "bad_price": (21327, "Order price must be greater than 0"),
    "bad_side": (21319, "Invalid order side"),
}


def from_ledger(error: ValueError) -> Refused:
    """Say a refusal of the ledger in Poloniex's words; any other ValueError is a bad parameter."""
    if isinstance(error, Refusal) and error.reason in LEDGER_REFUSALS:
        code, message = LEDGER_REFUSALS[error.reason]
        return refused(code, message)
    return refused(601, f"Invalid parameter: {error}")
