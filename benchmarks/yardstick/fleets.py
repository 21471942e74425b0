"""Many streams in one process: what idle ones cost, what a message costs among many, how late heartbeats are."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import attrs

from yardstick.blaster import Blaster
from yardstick.speed import quantiles
from yardstick.worker import Worker

IDLE_EXCHANGE = "jex"  # the plainest session of the four: a listen key, a socket, pings
TOTAL_RATE = 2_000  # messages a second, over all streams together


@attrs.frozen
class Span:
    """How long: from Live until a fleet is at rest, and what is measured then, in seconds."""

    settle: float
    seconds: float


def idle(blaster: Blaster, counts: Sequence[int], span: Span, say: Any, *, tls: bool = False) -> dict[str, Any]:
    """By number of streams: threads, memory (KiB), and the share of one core."""
    found: dict[str, Any] = {}
    place = blaster.exchanges[IDLE_EXCHANGE]
    if tls:
        door = blaster.do("tls", exchange=IDLE_EXCHANGE)
        urls = {"rest_url": place["rest_url"], "ws_url": f"wss://127.0.0.1:{door['port']}"}
        place = {**place, **urls, "settings": {"ca_bundle": door["ca_bundle"]}}
    for count in counts:
        say(f"{count} idle streams{' over TLS' if tls else ''}")
        with Worker("fleet", IDLE_EXCHANGE, {**place, "streams": count}) as worker:
            before = worker.do("usage")
            started = worker.do("start")
            time.sleep(span.settle)
            usage = worker.do("usage", seconds=span.seconds)
            stopped = worker.do("stop")
        found[str(count)] = {
            **{key: usage[key] for key in ("threads", "memory", "share")},
            "memory_before": before["memory"],
            "start": started["seconds"],
            "stop": stopped["seconds"],
        }
    return found


def memory_per_stream(found: dict[str, Any]) -> float | None:
    """KiB, from the second largest number of streams to the largest."""
    counts = sorted(map(int, found))
    if len(counts) < 2:
        return None
    few, many = counts[-2:]
    grown: float = found[str(many)]["memory"] - found[str(few)]["memory"]
    return grown / (many - few)


def spread(blaster: Blaster, counts: Sequence[int], span: Span, say: Any) -> dict[str, float]:
    """Processor time for a message (microseconds) at the same total rate over so many streams."""
    found: dict[str, float] = {}
    exchange = "binance_pm"
    for count in counts:
        say(f"{TOTAL_RATE} messages a second over {count} streams")
        with Worker("fleet", exchange, {**blaster.exchanges[exchange], "streams": count}) as worker:
            worker.do("start")
            time.sleep(span.settle)
            for period in (0.5, span.seconds):  # the first warms up
                sent = int(TOTAL_RATE * period)
                worker.do("arm", wanted=sent)
                blaster.do("pace", exchange=exchange, rate=TOTAL_RATE, count=sent)
                outcome = worker.do("collect")
            worker.do("stop")
        found[str(count)] = outcome["processor"] / sent * 1e6
    return found


def heartbeats(blaster: Blaster, streams: int, span: Span, say: Any) -> dict[str, Any]:
    """How soon ``test_request`` is answered while REST hangs and callbacks are busy a fifth of the time."""
    say(f"heartbeats of {streams} streams")
    exchange, busy, events = "deribit", 0.001, 200
    place = {**blaster.exchanges[exchange], "streams": streams, "spin": busy}
    with Worker("fleet", exchange, place) as worker:
        worker.do("start")
        time.sleep(span.settle)
        blaster.do("hang_rest", exchange=exchange, seconds=3.0)
        worker.do("arm", wanted=0)
        found = blaster.do("beat", rate=50.0, seconds=span.seconds, events=events)
        blaster.do("hang_rest", exchange=exchange, seconds=0.0)
        worker.do("stop")
    delays = found["delays_ms"]
    return {
        "asked": len(delays) + found["unanswered"],
        "unanswered": found["unanswered"],
        **quantiles(1e6 * delay for delay in delays),
    }
