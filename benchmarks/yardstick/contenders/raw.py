"""A websocket to an exchange for loops that read and nothing else."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping
from typing import Any

KEYS = {"binance_pm": "/papi/v1/listenKey", "jex": "/api/v1/userDataStream"}
HEADERS = {"binance_pm": "X-MBX-APIKEY", "jex": "X-JEX-APIKEY"}
AGENT = "Mozilla/5.0"  # Poloniex refuses who names none


def address(exchange: str, place: Mapping[str, Any]) -> str:
    """Where to connect. Deribit and Poloniex let anyone in, and the blaster sends to whoever is connected."""
    if exchange not in KEYS:
        return str(place["ws_url"])
    headers = {HEADERS[exchange]: place["accounts"]["main"]["api_key"]}
    request = urllib.request.Request(place["rest_url"] + KEYS[exchange], method="POST", headers=headers)
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as answer:
        return f"{place['ws_url']}/ws/{json.load(answer)['listenKey']}"
