"""unicorn-binance-websocket-api: its manager's threads, and its callback with dictionaries."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from unicorn_binance_rest_api import BinanceRestApiManager
from unicorn_binance_websocket_api import BinanceWebSocketApiManager

from yardstick.contenders import Hear, order_id

READY_WITHIN = 30.0  # seconds


def _time_of_this_machine(_: Any) -> dict[str, int]:
    return {"serverTime": time.time_ns() // 1_000_000}


BinanceRestApiManager.get_server_time = _time_of_this_machine
"""Its REST client asks the real spot exchange for the time as soon as it is made, whatever address it is given."""


def _first_argument(hear: Hear) -> Any:
    def process(data: Any, stream_buffer_name: Any = None) -> None:
        del stream_buffer_name
        hear(data)

    return process


class Ubwa:
    counts = "messages"

    def __init__(self, exchange: str, place: Mapping[str, Any], hear: Hear) -> None:
        self._exchange = exchange
        self._keys = place["accounts"]["main"]
        self._manager = BinanceWebSocketApiManager(
            exchange="binance.com-portfolio_margin",
            process_stream_data=_first_argument(hear),
            output_default="dict",
            warn_on_update=False,
            websocket_base_uri=f"{place['ws_url']}/",
        )
        self._manager.restclient.restful_base_uri = f"{place['rest_url']}/papi"  # its parameter does not arrive there

    def start(self) -> None:
        keys = self._keys
        stream = self._manager.create_stream(
            ["arr"], ["!userData"], api_key=keys["api_key"], api_secret=keys["secret_key"]
        )
        deadline = time.monotonic() + READY_WITHIN
        while self._manager.get_stream_info(stream).get("status") != "running":
            if time.monotonic() > deadline:
                raise RuntimeError(f"did not get in: {self._manager.get_stream_info(stream).get('status')}")
            time.sleep(0.05)
        time.sleep(0.5)

    def stop(self) -> None:
        self._manager.stop_manager()

    def sent_at(self, heard: Any) -> int:
        return order_id(self._exchange, heard)
