"""A client of JEX as a reader of its documents would write it: bare `requests` and `websocket-client`.

https://github.com/JexApi/jex-official-api-docs, the last edition (December 2019): rest-api.md, web-socket-streams.md.
JEX closed in December 2021 and no client of its user-data streams is left.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from types import TracebackType
from typing import Any
from urllib.parse import urlencode

import requests
import websocket

PATIENCE = 60.0

Event = dict[str, Any]


class JexClient:
    """One API key at one address."""

    def __init__(self, rest_url: str, api_key: str, secret_key: str) -> None:
        self._base = f"{rest_url}/api/v1"
        self._secret = secret_key.encode()
        self._http = requests.Session()
        self._http.headers["X-JEX-APIKEY"] = api_key

    def stream(self, method: str, **params: str) -> requests.Response:
        """POST, PUT or DELETE of the listen key; these take the API key and no signature."""
        return self._http.request(method, f"{self._base}/userDataStream", params=params, timeout=PATIENCE)

    def listen_key(self) -> str:
        """Start a user data stream."""
        answer = self.stream("POST")
        answer.raise_for_status()
        return str(answer.json()["listenKey"])

    def signed(self, path: str, **params: str) -> Any:
        """A signed read: `signature` comes last and is the HMAC-SHA256 of what is before it."""
        query = urlencode({**params, "recvWindow": 60_000, "timestamp": int(time.time() * 1000)})
        signature = hmac.new(self._secret, query.encode(), hashlib.sha256).hexdigest()
        answer = self._http.get(f"{self._base}/{path}?{query}&signature={signature}", timeout=PATIENCE)
        answer.raise_for_status()
        return answer.json()

    def close(self) -> None:
        """Let the connections go."""
        self._http.close()


class Stream:
    """The raw stream of a listen key, at `/ws/<listenKey>`."""

    def __init__(self, ws_url: str, listen_key: str) -> None:
        self._socket = websocket.create_connection(f"{ws_url}/ws/{listen_key}", timeout=PATIENCE)

    def hear(self) -> Event:
        """The next event."""
        text = self._socket.recv()
        if not text:
            raise EOFError("JEX has closed the stream.")
        event: Event = json.loads(text)
        return event

    def events(self, count: int) -> list[Event]:
        """So many events, in the order of their arrival."""
        return [self.hear() for _ in range(count)]

    def is_closed_by_jex(self) -> bool:
        """Wait for the end of the stream; false if an event comes instead."""
        try:
            self.hear()
        except (EOFError, websocket.WebSocketConnectionClosedException):
            return True
        return False

    def __enter__(self) -> Stream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close(timeout=1)
