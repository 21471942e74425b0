"""JEX: signing a request.

https://github.com/JexApi/jex-official-api-docs, rest-api.md, "Endpoint security type" and problem-solving.md: HMAC
SHA-256 in hexadecimal over the query string exactly as it is sent. Parameters go in the order of their document, which
problem-solving.md names as a cause of -1022 where it is not kept; then ``recvWindow``, ``timestamp``, ``signature``.
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
    return f"{text}&signature={signature(text, key)}"


def signature(text: str, key: SigningKey) -> str:
    """The signature over ``text``."""
    return key.hex(text.encode())
