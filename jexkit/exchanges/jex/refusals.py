"""JEX: what an answer that is no result means.

https://github.com/JexApi/jex-official-api-docs, errors_CN.md (the codes), rest-api.md ("General API Information",
"LIMITS") and problem-solving.md. Which HTTP status comes with which code is not documented, so the code counts first.
"HTTP 5XX return codes are used for internal errors; it is important to not treat this as a failure operation".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from jexkit.core import fields
from jexkit.core.redaction import redact
from jexkit.core.replies import FIREWALL_WAIT, retry_after, said
from jexkit.core.values import HttpReply
from jexkit.errors import (
    AuthenticationError,
    BadRequest,
    Banned,
    ClockSkew,
    ExchangeDown,
    ExchangeError,
    JexkitError,
    ListenKeyUnknown,
    OrderUnknown,
    PermissionDenied,
    ProtocolError,
    RateLimited,
    UnknownOutcome,
)

_CODES: Mapping[type[ExchangeError], tuple[int, ...]] = {
    AuthenticationError: (
        -1002,  # unauthorised
        -1022,  # the signature is wrong, or the user does not exist
        -2014,  # not the form of an API key
        -2015,  # unknown key, or not for this address or action
    ),
    PermissionDenied: (
        -5,  # illegal address
        -6000,  # the user may not trade
    ),
    ExchangeDown: (
        -1001,  # disconnected inside; try again
        -1016,  # the service is down
    ),
    ClockSkew: (-1021,),  # outside recvWindow, or more than a second ahead
    ListenKeyUnknown: (-1125,),
    OrderUnknown: (-2012, -2013),
}
_KINDS = {code: kind for kind, codes in _CODES.items() for code in codes}
_TOO_MANY = (-1003, -1015)  # requests, orders
_OUTCOME_UNKNOWN = (-1, -1000, -1006, -1007)  # "failure", unknown error, odd answer inside, timeout inside

_ADVICE: Mapping[type[JexkitError], str] = {
    AuthenticationError: "check api_key and secret_key, the key's permissions and its list of addresses",
    PermissionDenied: "check the key's list of addresses and what the user may do",
    ExchangeDown: "nothing was done; try again in a moment",
    ClockSkew: "keep this machine's clock set; the exchange's is measured again",
    ListenKeyUnknown: "create a new listen key",
    OrderUnknown: "check symbol, family and id",
    BadRequest: "it cannot succeed unchanged",
    RateLimited: "wait before asking again",
    Banned: "this address is banned; send nothing before the end of the ban",
    UnknownOutcome: "it may have been done; ask for the state before repeating what is not safe to repeat",
    ProtocolError: "check that rest_url is the exchange's, and the proxy",
}

_BANNED_UNTIL = re.compile(r"banned until (\d{13})")
BAN_WAIT = 120.0  # seconds; "from 2 minutes to 3 days"
MINUTE_MS = 60_000


def refusal(what: str, reply: HttpReply, answer: Any, wall_ms: int, secrets: Iterable[str]) -> JexkitError:
    """The error for ``reply`` to ``what`` ("GET /api/v1/account"); ``answer`` is its decoded body or None."""
    body = answer if isinstance(answer, dict) else {}
    code, words = fields.integer(body, "code"), said(redact(fields.text(body, "msg"), secrets))
    kind = _kind(reply.status, code, words)
    heard = f'"{words}"' if words else ("the answer is no JSON" if answer is None else "no error text")
    coded = f"code {code}, " if code is not None else ""
    message = f"JEX: {what}: {heard} ({coded}HTTP {reply.status}); {_ADVICE[kind]}"
    if issubclass(kind, Banned):
        return _banned(message, reply, code, words, wall_ms)
    if issubclass(kind, RateLimited):
        return RateLimited(message, retry_after=_wait(reply, wall_ms), code=code, status=reply.status)
    if issubclass(kind, ExchangeError):
        return kind(message, code=code, status=reply.status)
    return kind(message)


def _kind(status: int, code: int | None, words: str) -> type[JexkitError]:
    if status == 418 or (code in _TOO_MANY and _BANNED_UNTIL.search(words)):
        return Banned
    if status == 429 or code in _TOO_MANY or (status == 403 and code is None):
        return RateLimited
    if code in _KINDS:
        return _KINDS[code]
    if code in _OUTCOME_UNKNOWN or status == 408 or status >= 500:
        return UnknownOutcome
    if status == 401:
        return AuthenticationError
    return BadRequest if status >= 400 or code is not None else ProtocolError


def _banned(message: str, reply: HttpReply, code: int | None, words: str, wall_ms: int) -> Banned:
    """``Retry-After`` comes with 418 as with 429; the text of -1003 may name the end as well."""
    found = _BANNED_UNTIL.search(words)
    told = retry_after(reply, wall_ms)
    until_ms = int(found[1]) if found else (wall_ms + round(told * 1000) if told else None)
    wait = 0.0 if until_ms is None else (until_ms - wall_ms) / 1000
    return Banned(
        message, retry_after=wait if wait > 0 else BAN_WAIT, until_ms=until_ms, code=code, status=reply.status
    )


def _wait(reply: HttpReply, wall_ms: int) -> float:
    """What ``Retry-After`` says; else a firewall's pause, or until the next minute, in which the count begins anew."""
    told = retry_after(reply, wall_ms)
    if told:
        return told
    return FIREWALL_WAIT if reply.status == 403 else (MINUTE_MS - wall_ms % MINUTE_MS + 1000) / 1000
