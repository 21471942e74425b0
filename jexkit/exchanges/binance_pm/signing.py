"""Binance Portfolio Margin: signing a request.

https://developers.binance.com/docs/derivatives/portfolio-margin/general-info, "SIGNED Endpoint security". The signature
is over the query string exactly as it is sent, so the string is built, percent-encoded, once; ``recvWindow``,
``timestamp`` and then ``signature`` come last. An HMAC signature is hexadecimal; one of an RSA (PKCS#1 v1.5, SHA-256)
or Ed25519 key is base64, percent-encoded like everything else.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote, urlencode

from jexkit.keys import SigningKey

Params = Iterable[tuple[str, str]]


def query(params: Params) -> str:
    """The parameters as they go on the wire, in the order given."""
    return urlencode(list(params), quote_via=quote, safe="")


def signed_query(params: Params, key: SigningKey, *, recv_window: int, timestamp: int) -> str:
    """The parameters with the two that a signed request needs, and the signature over all of them."""
    text = query([*params, ("recvWindow", str(int(recv_window))), ("timestamp", str(timestamp))])
    return f"{text}&signature={quote(signature(text, key), safe='')}"


def signature(text: str, key: SigningKey) -> str:
    """The signature over ``text``, in the form that goes with the kind of key."""
    message = text.encode()
    return key.hex(message) if key.kind == "HMAC" else key.base64(message)
