"""Deribit: what its error codes mean for us, over HTTP and over the websocket alike.

https://docs.deribit.com/articles/errors: the complete table. (The short table above it on the same page gives some of
these codes other meanings; the exchange goes by the complete one.)
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
    OrderUnknown,
    PermissionDenied,
    RateLimited,
    WebSocketRequired,
)

TOKEN_REFUSED = 13009  # wrong, expired, or of another connection

_CODES: Mapping[type[ExchangeError], tuple[int, ...]] = {
    AuthenticationError: (
        10000,  # authorization_required
        13004,  # invalid_credentials
        13005,  # pwd_match_error
        13006,  # security_error
        13007,  # user_not_found
        TOKEN_REFUSED,  # unauthorized
        13668,  # security_key_authorization_error
        13778,  # raw_subscriptions_not_available_for_unauthorized
    ),
    PermissionDenied: (
        10029,  # not_owner_of_order
        11042,  # permission_denied
        11098,  # account_locked
        13012,  # unavailable_in_subaccount
        13021,  # forbidden: the scope is too narrow
        13031,  # verification_required
        13403,  # scope_exceeded
    ),
    RateLimited: (
        10028,  # too_many_requests; over the websocket it also ends the session
        10066,  # too_many_concurrent_requests
        12003,  # login_over_limit: too many failed logins
        12998,  # security_key_authorization_over_limit; data.wait says how long
    ),
    ExchangeDown: (
        10001,  # error, no more is said
        10019,  # locked_by_admin
        10040,  # retry
        10041,  # settlement_in_progress, for some seconds a day
        10047,  # matching_engine_queue_full
        10049,  # cancel_on_disconnect_failed
        11051,  # system_maintenance
        11056,  # unauthenticated_public_requests_temporarily_disabled
        11094,  # internal_server_error
        13008,  # request_failed
        13025,  # method_switched_off_by_admin
        13028,  # temporarily_unavailable
        13503,  # unavailable
        13888,  # timed_out
    ),
    OrderUnknown: (10004,),  # order_not_found
    WebSocketRequired: (10030,),  # must_be_websocket_request
}
_KINDS = {code: kind for kind, codes in _CODES.items() for code in codes}

_WAITS = {
    10028: 5.0,  # seconds; credits refill at 10,000 a second, and the pool holds 50,000
    10066: 1.0,
    12003: 60.0,
    12998: 60.0,
}

_ADVICE: Mapping[type[ExchangeError], str] = {
    AuthenticationError: "check client_id and client_secret; keys of the test system do not work on the real one",
    PermissionDenied: "give the key the scope that this needs, or ask for it with scope=",
    RateLimited: "wait before asking again",
    ExchangeDown: "this is the exchange's side and passes; try again later",
    OrderUnknown: "orders that are closed are forgotten after half an hour",
    ClockSkew: "set this machine's clock",
    BadRequest: "sending it again unchanged is of no use",
}


def error_of(
    error: Any, what: str, *, status: int | None = None, wait: float | None = None, secrets: Iterable[str] = ()
) -> ExchangeError:
    """The error for a JSON-RPC error object. ``what`` is the method; ``wait`` what a Retry-After header said."""
    found = error if isinstance(error, dict) else {}
    code = fields.integer(found, "code")
    kind = _kind(found, code, status)
    message = f"Deribit refused {what}: {_words(found, code, secrets)}; {_advice(kind, what)}"
    if kind is RateLimited:
        told = fields.decimal(fields.section(found, "data"), "wait")
        if wait is None:
            wait = float(told) if told is not None and 0 <= told < 10**6 else _WAITS.get(code or 0, WAIT_UNTOLD)
        return RateLimited(message, retry_after=wait, code=code, status=status)
    return kind(message, code=code, status=status)


def _kind(error: Mapping[str, Any], code: int | None, status: int | None) -> type[ExchangeError]:
    if code in _KINDS:
        return _KINDS[code]
    if status == 429:
        return RateLimited
    if fields.text(fields.section(error, "data"), "param") == "timestamp":
        return ClockSkew
    return ExchangeDown if status is not None and status >= 500 else BadRequest


def _words(error: Mapping[str, Any], code: int | None, secrets: Iterable[str]) -> str:
    """The exchange's words: ``data`` is absent, an object with ``reason`` and ``param``, or a text."""
    data = error.get("data")
    details = (
        [data] if isinstance(data, str) else [fields.section(error, "data").get(key) for key in ("param", "reason")]
    )
    secrets = tuple(secrets)
    parts = [said(error.get("message"), secrets) or "no reason given", "" if code is None else f"({code})"]
    parts += [said(detail, secrets) for detail in details]
    return " ".join(part for part in parts if part)


def _advice(kind: type[ExchangeError], what: str) -> str:
    if kind is WebSocketRequired:
        name = what.rpartition("/")[2]
        return f"it works over the websocket only, with a live stream: stream.session.{name}(...)"
    return _ADVICE[kind]
