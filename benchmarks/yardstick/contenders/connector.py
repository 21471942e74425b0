"""binance-futures-connector: its thread, and its callback with the text as it came: it decodes nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from binance.websocket.um_futures.websocket_client import UMFuturesWebsocketClient

from yardstick.contenders import Hear, order_id
from yardstick.contenders.raw import address


class Connector:
    counts = "messages"

    def __init__(self, exchange: str, place: Mapping[str, Any], hear: Hear) -> None:
        self._exchange = exchange
        self._key = address(exchange, place).rpartition("/")[2]
        self._url = place["ws_url"]
        self._hear = hear

    def start(self) -> None:
        def hear(_: Any, text: str) -> None:
            if '"result"' not in text:  # the answer to the subscription
                self._hear(text)

        self._client = UMFuturesWebsocketClient(stream_url=self._url, on_message=hear)
        self._client.user_data(self._key, id=1)

    def stop(self) -> None:
        self._client.stop()

    def sent_at(self, heard: Any) -> int:
        return order_id(self._exchange, json.loads(heard))
