"""The exchanges of the benchmark, in a process of their own: the simulator answers, and frames are sent at full speed.

Sessions are the simulator's (listen keys, logins, subscriptions, reads over REST), so every client comes in as it
would at the exchange. What is measured goes past it: frames are made beforehand and written to the sockets as they are,
to every connection of the exchange.

``python -m yardstick.blaster`` reads one command a line and answers each with a line; ``Blaster`` is the other end.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any

from jexkit.sim import Simulator
from jexkit.sim.connection import OPCODES, frame_head
from jexkit.sim.describe import describe
from yardstick.frames import STORIES, Message, story, write
from yardstick.heartbeats import Heartbeats
from yardstick.tls import TlsDoors

EVERYWHERE = "0.0.0.0"  # all addresses of the loopback: a limit by address is not what is measured
HIGH_WATER = 1 << 20  # bytes that wait in a socket before the next part is written
PART = 1 << 18  # bytes, and to the end of the frame: an answer of the simulator may come between two parts
MARK = 1_790_000_000_123_456_789  # where a time of as many digits goes
YIELD_EVERY = 20  # frames at a steady rate; the loop has pings to answer
RELAXED: Mapping[str, Mapping[str, Any]] = {
    "binance_pm": {"weight_per_minute": 10**9, "messages_per_second": 10**6},
    "deribit": {
        "idle_limit": None,
        "inactivity_limit": None,
        "connections_per_ip": None,
        "sessions_per_key": 10**6,
        "credits_pool": 10**9,  # fifty heartbeats a second on one account are more than it has
        "credits_refill": 10**9,
    },
    "poloniex": {
        "silence_limit": None,
        "orders_connections": 10**6,
        "light_per_second": None,
        "heavy_per_second": None,
        "public_per_second": None,
    },
    "jex": {"weight_per_minute": 10**9},
}
"""Limits of the exchanges that a hundred streams on one address, or a silent reference loop, would run into."""


def _channel(message: Message) -> str:
    return str(message["params"]["channel"]).lower()


def framed(payload: bytes) -> bytes:
    return frame_head(OPCODES["text"], len(payload)) + payload


def parts(frames: Iterable[bytes]) -> list[bytes]:
    """The frames put together, each part ``PART`` bytes and what the last frame of it has more."""
    found = [bytearray()]
    for frame in frames:
        if len(found[-1]) >= PART:
            found.append(bytearray())
        found[-1] += frame
    return [bytes(part) for part in found]


class Exchanges:
    """The commands."""

    def __init__(self, sim: Simulator) -> None:
        self._sim = sim
        self._first = dict.fromkeys(sim.venues, 0)
        self._loaded: dict[str, list[bytes]] = {}
        self._doors = TlsDoors(sim)
        self._heartbeats = Heartbeats(sim)
        for name, rules in RELAXED.items():
            for rule, value in rules.items():
                setattr(sim.venues[name].rules, rule, value)
        for venue in sim.venues.values():
            venue.rules.ping_every = None
            venue.account("main")

    def carry_out(self, command: str, arguments: Mapping[str, Any]) -> Any:
        return getattr(self, command)(**arguments)

    def describe(self) -> Any:
        return describe(self._sim)

    def load(self, exchange: str, messages: int) -> dict[str, Any]:
        """Make the frames of the next part of the story; answers how many events there are to be told."""
        wanted = self._channels(exchange)
        whole = (one for one in story(exchange, self._first[exchange]) if not wanted or _channel(one.message) in wanted)
        told = list(islice(whole, messages))
        self._first[exchange] += messages
        self._loaded[exchange] = parts(framed(write(self._enveloped(exchange, one.message))) for one in told)
        return {"events": sum(one.events for one in told)}

    def fire(self, exchange: str) -> dict[str, Any]:
        """Send what was loaded, as fast as the readers take it."""
        data, began = self._loaded.pop(exchange), time.time()
        self._sim.loop.run(self._write(exchange, data))
        return {"began": began, "ended": time.time(), "bytes": sum(map(len, data))}

    def pace(self, exchange: str, rate: float, count: int) -> dict[str, Any]:
        """Send orders at a steady rate, to one connection after the other.

        Each has the time at which it was sent (nanoseconds) as its id.
        """
        teller = STORIES[exchange]()
        sample = write(self._enveloped(exchange, teller.timed(MARK)))
        before, _, after = sample.partition(str(MARK).encode())
        head = frame_head(OPCODES["text"], len(sample)) + before
        self._sim.loop.run(self._write_paced(exchange, (head, after), rate, count))
        return {"sent": count}

    def _enveloped(self, exchange: str, message: Message) -> Message:
        """As the exchange writes it to the connections that are open: by some addresses it puts the stream's name."""
        for connection in self._sim.venues[exchange].open_connections.values():
            if connection.call.path.endswith("/stream") and connection.names:
                return {"stream": next(iter(connection.names)), "data": message}
        return message

    def _channels(self, exchange: str) -> set[str]:
        """What the connections have subscribed to, where the exchange tells channels apart; empty for everything."""
        if exchange != "deribit":
            return set()
        found = self._sim.venues[exchange].open_connections.values()
        return {name.lower() for connection in found for name in connection.names}

    def connections(self, exchange: str) -> int:
        return self._sim.venues[exchange].connections()

    def hang_rest(self, exchange: str, seconds: float) -> None:
        """From now on each request is answered so much later."""

        async def wait(call: Any) -> None:
            if not call.is_socket:
                await asyncio.sleep(seconds)

        self._sim.venues[exchange].on_call = wait if seconds else None

    def tls(self, exchange: str) -> Any:
        return self._doors.open(exchange)

    def beat(self, rate: float, seconds: float, events: float) -> Any:
        return self._heartbeats.measure(rate, seconds, events)

    def _transports(self, exchange: str) -> list[Any]:
        found = self._sim.venues[exchange].open_connections.values()
        return [connection.transport for connection in found if connection.transport is not None]

    async def _write(self, exchange: str, data: Iterable[bytes]) -> None:
        transports = self._transports(exchange)
        for part in data:
            for transport in transports:
                transport.write(part)
            while any(one.get_write_buffer_size() > HIGH_WATER and not one.is_closing() for one in transports):
                await asyncio.sleep(0.0005)

    async def _write_paced(self, exchange: str, parts: tuple[bytes, bytes], rate: float, count: int) -> None:
        """Sleeps in the loop's thread: a loop's own timers are a millisecond coarse, ten frames at 10,000 a second."""
        before, after = parts
        transports = self._transports(exchange)
        began = time.perf_counter()
        for number in range(count):
            wait = began + number / rate - time.perf_counter()
            if wait > 0:
                time.sleep(wait)
            if number % YIELD_EVERY == 0:
                await asyncio.sleep(0)
            transports[number % len(transports)].write(b"%b%d%b" % (before, time.time_ns(), after))


def main() -> None:
    with Simulator(seed=1, host=EVERYWHERE) as sim:
        exchanges = Exchanges(sim)
        for line in sys.stdin:
            command, arguments = json.loads(line)
            try:
                answer = {"answer": exchanges.carry_out(command, arguments)}
            except Exception as error:  # noqa: BLE001 - told to whoever asked
                answer = {"error": f"{type(error).__name__}: {error}"}
            print(json.dumps(answer, default=str), flush=True)


class Blaster:
    """The process, seen from the benchmark."""

    def __init__(self) -> None:
        folder = Path(__file__).parents[1]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "yardstick.blaster"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=folder,
        )
        self.exchanges: dict[str, Any] = {
            name: {**place, **{key: place[key].replace(EVERYWHERE, "127.0.0.1") for key in ("rest_url", "ws_url")}}
            for name, place in self.do("describe")["exchanges"].items()
        }

    def do(self, command: str, **arguments: Any) -> Any:
        self.send(command, **arguments)
        return self.receive()

    def send(self, command: str, **arguments: Any) -> None:
        """Begin a command without waiting; ``receive`` has its answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([command, arguments]) + "\n")
        self._process.stdin.flush()

    def receive(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the blaster has ended; what it said last is on standard error")
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(f"the blaster: {answer['error']}")
        return answer["answer"]

    def __enter__(self) -> Blaster:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(20)
        if self._process.stdout is not None:
            self._process.stdout.close()


if __name__ == "__main__":
    main()
