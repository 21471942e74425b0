"""Starts, stops and reconnections without end: does anything pile up?

    python benchmarks/soak.py --starts 1000 --reconnects 1000

Four streams against the simulator in a process of its own. First a manager is made, started until all of them are live,
and stopped, so many times; then one manager loses its connections so many times. Threads, descriptors and memory are
counted after each tenth of both halves, and have to be at the end what they were after the first tenth.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import attrs
from mayhem.child import ExchangeProcess
from mayhem.process import Usage, usage

from jexkit import Live, StreamManager
from jexkit.accounts import ACCOUNTS
from jexkit.core.backoff import Backoff
from jexkit.engine.governor import Governor

WITHIN = 60.0  # seconds for a stream to become live
TENTHS = 10
MOST_THREADS = 4  # more at the end than after the first tenth: the scheduler's pools grow as they need it, up to twelve
MOST_DESCRIPTORS = 4  # connections that REST keeps, and one on its way out
MOST_MEMORY = 12.0  # megabytes more; what is remembered to keep repeats out has a bound, and grows up to it


class AtOnce(Backoff):
    """Thousands of reconnections with the usual waits would take days."""

    def next(self, chance: Any) -> tuple[float, Backoff]:
        del chance
        return 0.01, self


def at_any_pace(*whatever: Any, **more: Any) -> float:
    """The usual pace is made for real exchanges; it would make this hours."""
    del whatever, more
    return 0.0


def accounts(description: dict[str, Any]) -> dict[str, Any]:
    found = {}
    for name, about in description["exchanges"].items():
        settings = next(iter(about["accounts"].values()))
        found[name] = ACCOUNTS[name](**settings, rest_url=about["rest_url"], ws_url=about["ws_url"])
    return found


def in_tenths(times: int, step: Callable[[], None]) -> list[Usage]:
    """Take a step so many times; what is in use after each tenth."""
    counts = []
    for number in range(1, times + 1):
        step()
        if number % max(1, times // TENTHS) == 0:
            counts.append(usage())
    return counts


def start_and_stop(followed: dict[str, Any]) -> None:
    with StreamManager() as manager:
        streams = [manager.add(account, name) for name, account in followed.items()]
        for stream in streams:
            stream.wait_live(WITHIN)


def lose_connections(exchanges: ExchangeProcess, manager: StreamManager, kinds: list[str]) -> None:
    """Every stream loses its connection once, and is live again."""
    kinds.append(kinds.pop(0))
    waiting = {name: stream.events(Live, timeout=WITHIN) for name, stream in manager.streams.items()}
    for name in waiting:
        manager.streams[name]._conductor._machine._main._drops = AtOnce()  # noqa: SLF001
        exchanges.do("begin", exchange=name, kind=kinds[0], seconds=0.0, dice=1)
    for lives in waiting.values():
        with lives:
            next(lives)


def verdict(counts: list[Usage]) -> list[str]:
    """What has grown, in words."""
    first, last = counts[0], counts[-1]
    grown = [
        ("threads", last.threads - first.threads, MOST_THREADS),
        ("descriptors", last.descriptors - first.descriptors, MOST_DESCRIPTORS),
        ("megabytes", last.memory - first.memory, MOST_MEMORY),
    ]
    return [f"{more:g} more {what}" for what, more, most in grown if more > most]


def soak(starts: int, reconnects: int, seed: int) -> dict[str, Any]:
    Governor.reserve = at_any_pace  # type: ignore[assignment,method-assign]
    with ExchangeProcess(seed) as exchanges:
        followed = accounts(exchanges.description)
        start_and_stop(followed)  # what is loaded and kept once
        before, began = usage(), time.monotonic()
        started = in_tenths(starts, lambda: start_and_stop(followed))
        between = time.monotonic()
        with StreamManager() as manager:
            for name, account in followed.items():
                manager.add(account, name).wait_live(WITHIN)
            kinds = ["drop", "cut"]
            reconnected = in_tenths(reconnects, lambda: lose_connections(exchanges, manager, kinds))
            connections = sum(stream.status().counters["connections"] for stream in manager.streams.values())
        after = usage()
    grown = [
        *verdict(started),
        *verdict(reconnected),
        *(["threads at the end"] if after.threads > before.threads else []),
    ]
    return {
        "starts": {"times": starts, "seconds": round(between - began, 1), "usage": [*map(attrs.asdict, started)]},
        "reconnects": {
            "times": reconnects,
            "connections": connections,
            "seconds": round(time.monotonic() - between, 1),
            "usage": [*map(attrs.asdict, reconnected)],
        },
        "before": attrs.asdict(before),
        "after": attrs.asdict(after),
        "grown": grown,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--starts", type=_number, default=1000)
    parser.add_argument("--reconnects", type=_number, default=1000, help="of each of the four streams")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    record = soak(options.starts, options.reconnects, options.seed)
    print(json.dumps(record))
    return 1 if record["grown"] else 0


def _number(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("give a number from 1 on")
    return number


if __name__ == "__main__":
    sys.exit(main())
