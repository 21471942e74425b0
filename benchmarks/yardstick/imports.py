"""How long ``import jexkit`` takes, beside importing what it depends on."""

from __future__ import annotations

import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
CODE = "import time; began = time.process_time(); {}; print(time.process_time() - began)"
DEPENDENCIES = (
    "import apscheduler.executors.pool, apscheduler.jobstores.memory, apscheduler.schedulers.background, attrs, "
    "certifi, msgspec, requests, requests.adapters, websocket"
)


def measure(rounds: int) -> dict[str, float]:
    """Medians in milliseconds of processor time, each import in an interpreter of its own, in turn."""
    times: dict[str, list[float]] = {"dependencies": [], "jexkit": []}
    for number in range(rounds + 1):
        for name, code in (("dependencies", DEPENDENCIES), ("jexkit", "import jexkit")):
            command = [sys.executable, "-c", CODE.format(code)]
            run = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
            if number:  # the first fills the disk's cache
                times[name].append(1000 * float(run.stdout))
    return {name: statistics.median(found) for name, found in times.items()}
