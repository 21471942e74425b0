"""How soon a ``test_request`` of Deribit is answered: asked and clocked by the exchange's side."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from itertools import cycle
from typing import Any

from jexkit.sim import Simulator
from jexkit.sim.connection import Connection
from yardstick.frames import STORIES, write

REQUEST = '{"jsonrpc":"2.0","method":"heartbeat","params":{"type":"test_request"}}'
ANSWER_WITHIN = 5.0  # seconds


class Heartbeats:
    """Asks every connection in turn, one question at a time on each."""

    def __init__(self, sim: Simulator) -> None:
        self._sim = sim
        self._asked: dict[int, float] = {}
        self._delays: list[float] = []
        self._received = sim.deribit.received
        sim.deribit.received = self._hear  # type: ignore[method-assign]

    async def _hear(self, connection: Connection, text: str) -> None:
        asked = self._asked.get(connection.number)
        if asked is not None and json.loads(text).get("method") == "public/test":
            self._delays.append(time.perf_counter() - asked)
            del self._asked[connection.number]
        await self._received(connection, text)

    def measure(self, rate: float, seconds: float, events: float) -> dict[str, Any]:
        """The delays in milliseconds, and the questions without an answer; meanwhile so many ``events`` a second."""
        self._delays, self._asked = [], {}
        self._sim.loop.run(self._ask(rate, int(rate * seconds), events))
        return {"delays_ms": [1000 * delay for delay in self._delays], "unanswered": len(self._asked)}

    async def _ask(self, rate: float, count: int, events: float) -> None:
        telling = asyncio.ensure_future(self._tell(events))
        for connection, _ in zip(self._in_turn(), range(count), strict=False):
            if connection.number not in self._asked:
                self._asked[connection.number] = time.perf_counter()
                connection.send(REQUEST)
            await asyncio.sleep(1 / rate)
        deadline = time.perf_counter() + ANSWER_WITHIN
        while self._asked and time.perf_counter() < deadline:
            await asyncio.sleep(0.01)
        telling.cancel()

    async def _tell(self, rate: float) -> None:
        teller = STORIES["deribit"]()
        for connection in self._in_turn():
            connection.send(write(teller.timed(time.time_ns())).decode())
            await asyncio.sleep(1 / rate)

    def _in_turn(self) -> Iterator[Connection]:
        return cycle(list(self._sim.deribit.open_connections.values()))
