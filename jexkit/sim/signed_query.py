"""Requests signed over `totalParams`, the scheme that Binance and JEX share.

`totalParams` is the query string immediately followed by the body, as received, without the parameter `signature`.
`timestamp` must be less than a second ahead of the server and not older than `recvWindow`.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Literal
from urllib.parse import unquote

from jexkit.sim.calls import Call

LONGEST_WINDOW_MS = 60_000
USUAL_WINDOW_MS = 5_000
GREATEST_LEAD_MS = 1_000

TimeFault = Literal["timestamp", "recvWindow", "early", "late"]


def signed_bytes(call: Call) -> bytes:
    """The bytes that had to be signed."""
    return (_without_signature(call.query) + _without_signature(_body(call))).encode("latin-1", "replace")


def sent_signature(call: Call) -> str:
    """The signature that was sent, percent-decoded and nothing more; empty if there is none."""
    parts = [*call.query.split("&"), *_body(call).split("&")]
    sent = [part for part in parts if part.startswith("signature=")]
    return unquote(sent[0][len("signature=") :]) if sent else ""


def is_hmac(secret: str, message: bytes, signature: str) -> bool:
    """True if the signature is the HMAC-SHA256 in hex, upper or lower case."""
    expected = hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), signature.lower().encode())


def time_fault(call: Call, now_ms: int) -> TimeFault | None:
    """What is wrong with `timestamp` and `recvWindow`, if anything: a malformed one is named."""
    window, timestamp = call.params.get("recvWindow", str(USUAL_WINDOW_MS)), call.params.get("timestamp", "")
    if not timestamp.isdecimal():
        return "timestamp"
    if not window.isdecimal() or int(window) > LONGEST_WINDOW_MS:
        return "recvWindow"
    if int(timestamp) >= now_ms + GREATEST_LEAD_MS:
        return "early"
    return "late" if now_ms - int(timestamp) > int(window) else None


def _body(call: Call) -> str:
    return call.body.decode("latin-1")


def _without_signature(params: str) -> str:
    return "&".join(part for part in params.split("&") if not part.startswith("signature="))
