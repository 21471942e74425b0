"""Throughput and latency: each contender in turn, in a process of its own, round after round."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from yardstick.blaster import Blaster
from yardstick.contenders import OURS, PEERS
from yardstick.worker import Worker, WorkerError

WARM_UP = 2_000  # messages
WITHIN = 60.0  # seconds for one measurement
QUANTILES = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}


@attrs.frozen
class Plan:
    """How much of it."""

    rounds: int
    messages: int
    rates: tuple[int, ...]
    seconds: float
    settle: float  # seconds from a client's start to the first latency: what it looks up in the beginning is over then
    exchanges: tuple[str, ...]
    contenders: tuple[str, ...]
    python: Mapping[str, str]  # the interpreter of a contender


def measure(blaster: Blaster, plan: Plan, say: Any) -> dict[str, Any]:
    """By exchange and contender: rounds of throughput, latencies by rate, and how long it took to begin and to end."""
    results: dict[str, Any] = {exchange: {} for exchange in plan.exchanges}
    for number in range(plan.rounds):
        for exchange in plan.exchanges:
            for name in plan.contenders:
                if exchange in (OURS | PEERS)[name].exchanges:
                    found = results[exchange].setdefault(name, {"rounds": [], "delays": {}, "faults": []})
                    say(f"round {number + 1}: {exchange}, {name}")
                    try:
                        _one_round(blaster, plan, exchange, name, found)
                    except WorkerError as error:
                        found["faults"].append(str(error))
    return {exchange: {name: _summary(found) for name, found in by.items()} for exchange, by in results.items()}


def _one_round(blaster: Blaster, plan: Plan, exchange: str, name: str, found: dict[str, Any]) -> None:
    with Worker(name, exchange, blaster.exchanges[exchange], plan.python[name]) as worker:
        began = time.monotonic()
        started = worker.do("start")
        blast(blaster, worker, exchange, WARM_UP, started["counts"])
        outcome = blast(blaster, worker, exchange, plan.messages, started["counts"])
        found["rounds"].append({**outcome, "start": started["seconds"]})
        time.sleep(max(0.0, began + plan.settle - time.monotonic()))
        for rate in plan.rates:  # one that is too fast for it costs the rates above it, and not what was measured
            found["delays"].setdefault(rate, []).extend(_delays(blaster, worker, exchange, rate, plan.seconds))
        found["rounds"][-1]["stop"] = worker.do("stop")["seconds"]


def blast(blaster: Blaster, worker: Worker, exchange: str, messages: int, counts: str) -> dict[str, float]:
    """Send so many at full speed; messages per second by the clock, and processor time for each in microseconds."""
    loaded = blaster.do("load", exchange=exchange, messages=messages)
    wanted = messages if counts == "messages" else loaded["events"]
    worker.do("arm", wanted=wanted)
    sent = blaster.do("fire", exchange=exchange)
    outcome = worker.do("collect", within=WITHIN)
    if not outcome["complete"]:
        raise WorkerError(f"heard {outcome['heard']} of {wanted} {counts}")
    return {
        "rate": messages / (outcome["last"] - sent["began"]),
        "processor": outcome["processor"] / messages * 1e6,
        "memory": outcome["memory"],
    }


def _delays(blaster: Blaster, worker: Worker, exchange: str, rate: int, seconds: float) -> list[int]:
    """The first twentieth is left out: a thread that has slept is slow for a while."""
    count = int(rate * seconds)
    worker.do("arm", wanted=count, timed=True)
    blaster.do("pace", exchange=exchange, rate=rate, count=count)
    outcome = worker.do("collect", within=WITHIN)
    if not outcome["complete"]:
        raise WorkerError(f"heard {outcome['heard']} of {count} at {rate} a second")
    delays: list[int] = outcome["delays_ns"]
    return delays[count // 20 :]


def quantiles(delays: Iterable[float]) -> dict[str, float]:
    """In microseconds."""
    ordered = sorted(delays)
    return {name: ordered[min(len(ordered) - 1, int(len(ordered) * at))] / 1e3 for name, at in QUANTILES.items()}


def _summary(found: dict[str, Any]) -> dict[str, Any]:
    rounds = found["rounds"]
    if not rounds:
        return {"faults": found["faults"]}
    keys = ("rate", "processor", "start", "stop")
    measured = {key: [each[key] for each in rounds if key in each] for key in keys}
    medians = {key: statistics.median(values) if values else None for key, values in measured.items()}
    latency = {str(rate): quantiles(delays) for rate, delays in found["delays"].items() if delays}
    return {**medians, "latency": latency, "rounds": rounds, "faults": found["faults"]}
