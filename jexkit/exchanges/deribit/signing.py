"""Deribit: signatures. Time and nonce come from outside; a nonce is good once.

https://docs.deribit.com, Authentication.
"""

from __future__ import annotations

import hashlib
import hmac


def client_signature(secret: str, timestamp_ms: int, nonce: str, data: str = "") -> str:
    """The ``signature`` of ``public/auth`` with ``grant_type`` ``client_signature``.

    Three parts on three lines, nothing after the last. The timestamp is good for a minute around the exchange's time.
    """
    return _hex(secret, f"{timestamp_ms}\n{nonce}\n{data}")


def authorization(
    client_id: str, secret: str, timestamp_ms: int, nonce: str, method: str, uri: str, body: str = ""
) -> str:
    """The ``Authorization`` header of one HTTP request; ``uri`` is path and query exactly as they are sent.

    Unlike ``client_signature``, every part ends with a line feed, the last one too.
    """
    signature = _hex(secret, f"{timestamp_ms}\n{nonce}\n{method.upper()}\n{uri}\n{body}\n")
    return f"deri-hmac-sha256 id={client_id},ts={timestamp_ms},sig={signature},nonce={nonce}"


def _hex(secret: str, text: str) -> str:
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
