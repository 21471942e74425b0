"""Memory while very many messages pass: flat, once the memories of what was told are full."""

from __future__ import annotations

from typing import Any

from yardstick.blaster import Blaster
from yardstick.speed import blast
from yardstick.worker import Worker

PART = 100_000  # messages


def measure(blaster: Blaster, messages: int, say: Any) -> list[dict[str, int]]:
    """Resident memory (KiB) after each part."""
    exchange, found, passed = "binance_pm", [], 0
    with Worker("jexkit", exchange, blaster.exchanges[exchange]) as worker:
        started = worker.do("start")
        while passed < messages:
            outcome = blast(blaster, worker, exchange, min(PART, messages - passed), started["counts"])
            passed += PART
            found.append({"messages": passed, "memory": int(outcome["memory"])})
            say(f"{passed:,} messages, {outcome['memory'] / 1024:.1f} MiB")
        worker.do("stop")
    return found
