"""Poloniex: signatures, HMAC-SHA256 in base64. The time comes from outside.

https://api-docs.poloniex.com/spot/api/#authentication and .../spot/websocket/authentication.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable
from urllib.parse import quote

_UNRESERVED = "!'()*"  # what JavaScript's encodeURIComponent leaves alone besides letters, digits and -_.~


def websocket_auth(api_key: str, secret: str, timestamp_ms: int) -> dict[str, str]:
    """The ``params`` of the subscription to ``auth``."""
    return {
        "key": api_key,
        "signTimestamp": str(timestamp_ms),
        "signature": websocket_signature(secret, timestamp_ms),
        "signatureMethod": "HmacSHA256",
        "signatureVersion": "2",
    }


def websocket_signature(secret: str, timestamp_ms: int) -> str:
    """The signed path is ``/ws`` whatever the socket's own path is (``/ws/private``, ``/ws/v3/private``)."""
    return _base64(secret, f"GET\n/ws\nsignTimestamp={timestamp_ms}")


def rest_signature(
    secret: str, method: str, path: str, params: Iterable[tuple[str, str]], timestamp_ms: int, body: str = ""
) -> str:
    """The ``signature`` header.

    ``signTimestamp`` is signed as if it were a parameter, in its place in the alphabet, but is sent as a header. A body
    is signed as it is sent, not encoded.
    """
    stamp = ("signTimestamp", str(timestamp_ms))
    signed = f"requestBody={body}&{'='.join(stamp)}" if body else query([*params, stamp])
    return _base64(secret, f"{method.upper()}\n{path}\n{signed}")


def query(params: Iterable[tuple[str, str]]) -> str:
    """Parameters sorted by name and percent-encoded like JavaScript's ``encodeURIComponent``."""
    return "&".join(f"{_encoded(name)}={_encoded(value)}" for name, value in sorted(params))


def _encoded(text: str) -> str:
    return quote(text, safe=_UNRESERVED)


def _base64(secret: str, text: str) -> str:
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()).decode()
