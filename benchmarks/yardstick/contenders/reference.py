"""The reference: websocket-client without its UTF-8 check, ``orjson.loads``, and a call. No types, no threads."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping
from typing import Any

import orjson
import websocket

from yardstick.contenders import Hear, order_id
from yardstick.contenders.raw import AGENT, address


class Reference:
    counts = "messages"

    def __init__(self, exchange: str, place: Mapping[str, Any], hear: Hear) -> None:
        self._exchange = exchange
        self._address = address(exchange, place)
        self._hear = hear
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._socket = websocket.create_connection(
            self._address, skip_utf8_validation=True, header={"User-Agent": AGENT}, http_no_proxy=["*"]
        )
        self._thread.start()

    def _run(self) -> None:
        receive, loads, hear = self._socket.recv, orjson.loads, self._hear
        with contextlib.suppress(websocket.WebSocketConnectionClosedException):
            while True:
                hear(loads(receive()))

    def stop(self) -> None:
        self._socket.abort()
        self._thread.join()

    def sent_at(self, heard: Any) -> int:
        return order_id(self._exchange, heard)
