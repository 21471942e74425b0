"""HTTP answers that are not in the exchange's own words, and its words made fit for an error message.

In front of each exchange stands an edge (Cloudflare, CloudFront, a load balancer) that answers in HTML, or not at all
in JSON. Such a page is never quoted: it can repeat the request's address, with what is secret in it.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterable
from email.utils import parsedate_tz

from jexkit.core import exact, fields
from jexkit.core.redaction import redact
from jexkit.core.values import HttpReply
from jexkit.errors import (
    AuthenticationError,
    BadRequest,
    Banned,
    JexkitError,
    ProtocolError,
    RateLimited,
    UnknownOutcome,
)

BAN_WAIT = 120.0  # seconds; the shortest ban that any exchange documents
FIREWALL_WAIT = 60.0  # seconds; a firewall names no time, and coming back soon makes it worse
WAIT_UNTOLD = 10.0  # seconds to wait where the exchange asks for a pause and does not say how long
LONGEST_WAIT = 10**6  # seconds; whoever asks for more than eleven days is not believed
LONGEST_QUOTE = 200  # characters


def said(words: object, secrets: Iterable[str] = ()) -> str:
    """What the exchange said, on one line, not too long, with nothing secret in it. Empty if it is no text."""
    if not isinstance(words, str):
        return ""
    text = redact(words, sorted(filter(None, secrets), key=len, reverse=True))
    return "".join(letter if letter.isprintable() else " " for letter in text)[:LONGEST_QUOTE].strip()


def retry_after(reply: HttpReply, wall_ms: int) -> float | None:
    """The seconds that the header asks us to wait, None if it is not there or makes no sense.

    RFC 9110, section 10.2.3: a number of seconds, or a date. A date is compared with the clock that wrote it, which is
    in the ``Date`` header of the same answer, and only without one with ours (``wall_ms``).
    """
    told = fields.text(reply.headers, "retry-after")
    wait = exact.decimal(told)
    if wait is not None:
        return float(wait) if 0 <= wait < LONGEST_WAIT else None
    until = _date(told)
    if until is None:
        return None
    answered = _date(fields.text(reply.headers, "date"))
    seconds = until - (wall_ms / 1000 if answered is None else answered)
    return float(seconds) if 0 <= seconds < LONGEST_WAIT else None


def _date(text: str) -> int | None:
    """The seconds since 1970 of a date in one of HTTP's three spellings, None for anything else."""
    parts = parsedate_tz(text)
    if parts is None:
        return None
    try:
        return calendar.timegm(parts[:6]) - (parts[9] or 0)
    except (ValueError, OverflowError):  # a month or day that no calendar has
        return None


def not_the_exchange(exchange: str, what: str, reply: HttpReply, wall_ms: int) -> JexkitError:
    """The error for an answer whose body is not the exchange's, from its status alone. ``wall_ms``: when it came."""
    status = reply.status
    came = f"{exchange}: {what}: HTTP {status} and nothing that the exchange documents"
    if status == 429:
        wait = retry_after(reply, wall_ms)
        return RateLimited(
            f"{came}, too many requests; wait before asking again",
            retry_after=WAIT_UNTOLD if wait is None else wait,
            status=status,
        )
    if status == 418:
        wait = retry_after(reply, wall_ms) or BAN_WAIT
        return Banned(f"{came}; this address is banned for a while", retry_after=wait, status=status)
    if status == 401:
        return AuthenticationError(f"{came}, not authorised; check the key and the secret", status=status)
    if status == 403:  # the web firewall's word, not the exchange's: it says nothing about the key
        wait = retry_after(reply, wall_ms) or FIREWALL_WAIT
        return RateLimited(f"{came}; a firewall in front of it refuses, wait", retry_after=wait, status=status)
    if status >= 500 or status == 408:
        return UnknownOutcome(f"{came}; the request may have been carried out, ask for the state before repeating it")
    if status >= 400:
        return BadRequest(f"{came}; check rest_url", status=status)
    return ProtocolError(f"{came}; check that rest_url is the exchange's, and the proxy")
