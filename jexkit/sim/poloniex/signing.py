"""Verification of signatures: base64 of HMAC-SHA256 over texts that name the request.

Websocket: `GET\\n/ws\\nsignTimestamp=...`, whatever the path of the socket. REST: method, path and parameters, one per
line (https://api-docs.poloniex.com/spot/api, Request Signature).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from urllib.parse import parse_qsl, quote

from jexkit.sim.calls import Call

LONGEST_TIME = 18  # digits


def signature(secret: str, text: str) -> str:
    """What a client that knows the secret makes of the text."""
    digest = hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def is_right(secret: str, text: str, given: str) -> bool:
    """Compare without telling by the time it takes."""
    return hmac.compare_digest(signature(secret, text).encode(), given.encode(errors="replace"))


def is_time(text: str) -> bool:
    """Whether this is a time in milliseconds: digits that a number is made of, and not thousands of them."""
    return text.isascii() and text.isdigit() and len(text) <= LONGEST_TIME


def socket_text(timestamp: str) -> str:
    """The text that the auth frame signs."""
    return f"GET\n/ws\nsignTimestamp={timestamp}"


def request_text(call: Call, timestamp: str) -> str:
    """The text that a REST request signs: its parameters sorted and percent-encoded, or its body as it is."""
    head = f"{call.method}\n{call.path}\n"
    if call.method != "GET":
        body = f"requestBody={call.body.decode('utf-8', 'replace')}&" if call.body else ""
        return f"{head}{body}signTimestamp={timestamp}"
    pairs = [*parse_qsl(call.query, keep_blank_values=True), ("signTimestamp", timestamp)]
    return head + "&".join(f"{name}={_encoded(value)}" for name, value in sorted(pairs))


def _encoded(value: str) -> str:
    return quote(value, safe="-_.!~*'()")  # the characters that JavaScript's encodeURIComponent leaves alone
