"""What the clients on asyncio have in common: a thread with a loop, on which they run until they are stopped."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from typing import Any

from yardstick.contenders import Hear, order_id

READY_WITHIN = 60.0  # seconds


class Looped:
    """A client fills ``_listen``, calls ``self.ready()`` when messages will come, and ``self.hear`` with each."""

    counts = "messages"

    def __init__(self, exchange: str, place: Mapping[str, Any], hear: Hear) -> None:
        self.exchange = exchange
        self.place = place
        self.hear = hear
        self._ready = threading.Event()
        self._fault: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._loop = asyncio.new_event_loop()

    def start(self) -> None:
        self._thread.start()
        if not self._ready.wait(READY_WITHIN) or self._fault is not None:
            raise RuntimeError(f"did not get in: {type(self._fault).__name__}: {self._fault}")

    def ready(self) -> None:
        self._ready.set()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(10)

    def sent_at(self, heard: Any) -> int:
        return order_id(self.exchange, heard)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._task = self._loop.create_task(self._listen())
        try:
            self._loop.run_until_complete(self._task)
        except asyncio.CancelledError:
            pass
        except BaseException as fault:  # noqa: BLE001 - told by ``start``, or seen in what was not heard
            self._fault = fault
            self._ready.set()

    async def _listen(self) -> None:
        raise NotImplementedError
