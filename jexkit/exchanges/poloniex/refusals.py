"""Poloniex: what its error codes mean for us.

https://api-docs.poloniex.com/spot/api (Error Codes). An error is ``{"code": ..., "message": "..."}`` with any HTTP
status, 200 among them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from jexkit.core import fields
from jexkit.core.replies import WAIT_UNTOLD, said
from jexkit.errors import (
    AuthenticationError,
    BadRequest,
    ClockSkew,
    ExchangeDown,
    ExchangeError,
    JexkitError,
    OrderUnknown,
    PermissionDenied,
    RateLimited,
    UnknownOutcome,
)

_CODES: Mapping[type[ExchangeError], tuple[int, ...]] = {
    AuthenticationError: (
        401,
        21100,  # no such account
        21600,  # account not found
        21605,  # the account does not belong to the user
        21704,  # no such user
    ),
    PermissionDenied: (
        403,
        21351,  # account locked
        21601,  # account frozen
    ),
    RateLimited: (429,),
    ExchangeDown: (
        21340,  # maintenance
        24201,  # too busy, try again
    ),
    OrderUnknown: (21301,),
    ClockSkew: (408,),  # recvWindow is over
}
_KINDS = {code: kind for kind, codes in _CODES.items() for code in codes}
_INTERNAL = (415, 500, 603)  # faults and timeouts at the exchange, which do not say whether it happened

_ADVICE: Mapping[type[ExchangeError], str] = {
    AuthenticationError: "check api_key and secret_key",
    PermissionDenied: "check the key's permissions and its list of addresses",
    RateLimited: "wait before asking again",
    ExchangeDown: "this is the exchange's side and passes; try again later",
    OrderUnknown: "check the order id",
    ClockSkew: "set this machine's clock",
    BadRequest: "sending it again unchanged is of no use",
}


def error_of(
    answer: Mapping[str, Any],
    what: str,
    *,
    status: int | None = None,
    wait: float | None = None,
    secrets: Iterable[str] = (),
) -> JexkitError:
    """The error for an answer with code and message. ``wait`` is what a Retry-After header said."""
    code, words = fields.integer(answer, "code"), said(answer.get("message"), secrets)
    kind = _kind(code, words.lower(), status)
    message = f"Poloniex refused {what}: {words or 'no reason given'}" + ("" if code is None else f" ({code})")
    if kind is None:
        return UnknownOutcome(f"{message}; it may have been carried out, ask for the state before repeating it")
    message = f"{message}; {_ADVICE[kind]}"
    if kind is RateLimited:
        return RateLimited(message, retry_after=WAIT_UNTOLD if wait is None else wait, code=code, status=status)
    return kind(message, code=code, status=status)


def _kind(code: int | None, words: str, status: int | None) -> type[ExchangeError] | None:
    """None where nobody can say whether it happened. The exchange's own code goes before the status."""
    if code in _KINDS:
        return _KINDS[code]
    if "timestamp" in words:  # HTTP 400: signTimestamp is too far from the exchange's time
        return ClockSkew
    if "signature" in words or "api key" in words or "apikey" in words:
        return AuthenticationError
    if status in _KINDS:
        return _KINDS[status]
    if code in _INTERNAL or (status is not None and status >= 500):
        return None
    return BadRequest
