"""Run the simulator as a process of its own: print one JSON line, then serve until told to end."""

from __future__ import annotations

import signal
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import FrameType
from typing import TextIO

from jexkit.sim.describe import describe
from jexkit.sim.jsontext import encode
from jexkit.sim.simulator import Simulator

__all__ = ["describe", "serve"]


def serve(
    *,
    out: TextIO,
    seed: int = 0,
    speed: float = 1.0,
    host: str = "127.0.0.1",
    ports: Mapping[str, int] | None = None,
    accounts: Sequence[str] = ("main",),
    rate: float = 0.0,
    until: TextIO | None = None,
    ended: threading.Event | None = None,
) -> None:
    """Start the simulator, print `describe` as one JSON line to `out`, and serve.

    Args:
        accounts: made on every exchange before the line is printed.
        rate: actions per second of the market script, zero for a quiet market.
        until: a stream whose end stops the simulator (standard input, when a parent process holds the other end).
        ended: an event that stops it too. SIGTERM and SIGINT set it when this runs in the main thread.
    """
    stop = ended or threading.Event()
    restored = _set_on_signal(stop)
    try:
        with Simulator(seed=seed, speed=speed, host=host, ports=ports, lines=True) as sim:
            for name in accounts:
                for venue in sim.venues.values():
                    venue.account(name)
            if rate:
                sim.start_market(rate=rate, accounts=accounts[0])
            print(encode(describe(sim)), file=out, flush=True)
            if until is not None:
                threading.Thread(target=_set_at_end, args=(until, stop), name="jexkit-sim-stdin", daemon=True).start()
            stop.wait()
    finally:
        for number, handler in restored.items():
            signal.signal(number, handler)


def _set_at_end(stream: TextIO, stop: threading.Event) -> None:
    with suppress(ValueError):  # closed under our feet: that is an end as well
        while stream.readline():
            pass
    stop.set()


def _set_on_signal(stop: threading.Event) -> dict[int, signal._HANDLER]:
    if threading.current_thread() is not threading.main_thread():
        return {}

    def set_stop(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    return {number: signal.signal(number, set_stop) for number in (signal.SIGTERM, signal.SIGINT)}
