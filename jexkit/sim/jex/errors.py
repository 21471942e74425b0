"""JEX's refusals: `{"code": ..., "msg": ...}` with the codes of errors_CN.md.

Which HTTP status goes with which code is not documented: 401 for keys, 429 and 418 for limits, 400 for the rest.
"""

from __future__ import annotations

from jexkit.sim.calls import Answer, Refused
from jexkit.sim.signed_query import TimeFault
from jexkit.sim.weights import Texts


def refused(code: int, message: str, status: int = 400) -> Refused:
    """An exception that answers with a code and a text."""
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
    return refused(-1022, "Signature for this request is not valid or user does not exist.")


def missing(name: str) -> Refused:
    return refused(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def malformed(name: str) -> Refused:
    return refused(-1100, f"Illegal characters found in parameter '{name}'.")


def unknown_symbol() -> Refused:
    return refused(-1121, "Invalid symbol.")


def no_listen_key() -> Refused:
    return refused(-1125, "This listenKey does not exist.")


def no_such_order() -> Refused:
    return refused(-2013, "Order does not exist.")


LIMIT_TEXTS = Texts(
    limited="Too many requests; current limit is {limit} requests per minute.",
    banned="Way too many requests; IP banned until {until_ms}.",
)

# What the ledger refuses, in JEX's words
LEDGER_REFUSALS: dict[str, tuple[int, str]] = {
    "insufficient_balance": (-2010, "Account has insufficient balance for requested action."),
    "unknown_order": (-2013, "Order does not exist."),
    "order_closed": (-2011, "Unknown order sent."),
    "bad_quantity": (-1100, "Illegal characters found in parameter 'quantity'."),
    "bad_price": (-1100, "Illegal characters found in parameter 'price'."),
    "bad_side": (-1117, "Invalid side."),
}
