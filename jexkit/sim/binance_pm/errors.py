"""Binance's refusals: HTTP status, code and text, as the error-code page of Portfolio Margin lists them."""

from __future__ import annotations

from jexkit.sim.calls import Answer, Refused
from jexkit.sim.signed_query import TimeFault
from jexkit.sim.weights import Texts


def refused(code: int, message: str, status: int = 400) -> Refused:
    """An exception that answers `{"code": ..., "msg": ...}`."""
    return Refused(Answer({"code": code, "msg": message}, status=status))


def malformed_key() -> Refused:
    return refused(-2014, "API-key format invalid.", 401)


def unknown_key() -> Refused:
    return refused(-2015, "Invalid API-key, IP, or permissions for action.", 401)


def wrong_time(fault: TimeFault) -> Refused:
    if fault == "late":
        return refused(-1021, "Timestamp for this request is outside of the recvWindow.")
    if fault == "early":
        return refused(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
    return malformed(fault)


def bad_signature() -> Refused:
    return refused(-1022, "Signature for this request is not valid.")


def missing(name: str) -> Refused:
    return refused(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def malformed(name: str) -> Refused:
    return refused(-1130, f"Data sent for parameter '{name}' is not valid.")


def unknown_symbol() -> Refused:
    return refused(-1121, "Invalid symbol.")


def no_listen_key() -> Refused:
    return refused(-1125, "This listenKey does not exist.")


def span_too_long(hours: int) -> Refused:
    return refused(-1127, f"More than {hours} hours between startTime and endTime.")


def odd_combination() -> Refused:
    return refused(-1128, "Combination of optional parameters invalid.")


def no_such_order() -> Refused:
    return refused(-2013, "Order does not exist.")


def cancel_rejected() -> Refused:
    return refused(-2011, "Unknown order sent.")


LIMIT_TEXTS = Texts(
    limited=(
        "Too many requests; current limit is {limit} requests per minute. "
        "Please use the websocket for live updates to avoid polling the API."
    ),
    banned=(
        "Way too many requests; IP banned until {until_ms}. Please use the websocket for live updates to avoid bans."
    ),
)

# What the ledger refuses, in Binance's words
LEDGER_REFUSALS: dict[str, tuple[int, str]] = {
    "insufficient_balance": (-2018, "Balance is insufficient."),
    "unknown_order": (-2013, "Order does not exist."),
    "order_closed": (-2011, "Unknown order sent."),
    "duplicate_client_order_id": (-4116, "ClientOrderId is duplicated."),
    "bad_quantity": (-4003, "Quantity less than zero."),
    "bad_price": (-4001, "Price less than 0."),
    "bad_side": (-1117, "Invalid side."),
}
