"""A short soak, as a user starts it."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.benchmarks.conftest import BENCHMARKS

WITHIN = 600.0  # seconds


def test_starts_stops_and_reconnections_leave_nothing() -> None:
    """Twenty of each: as many threads and descriptors as before, and the memory of the first ones."""
    command = [sys.executable, str(BENCHMARKS / "soak.py"), "--starts", "20", "--reconnects", "20"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=WITHIN, check=False)
    assert run.returncode == 0, (run.stdout, run.stderr)
    record = json.loads(run.stdout)
    assert record["grown"] == []
    assert record["reconnects"]["connections"] >= 4 * 21
    assert (record["after"]["threads"], record["before"]["threads"]) == (1, 1)
    assert record["after"]["descriptors"] <= record["before"]["descriptors"] + 1
