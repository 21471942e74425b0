"""A short crash run, as a user starts it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.benchmarks.conftest import BENCHMARKS

WITHIN = 600.0  # seconds; it takes 25 on an idle machine


def crash(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(BENCHMARKS / "crash.py"), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=WITHIN, check=False)


def test_a_program_that_is_killed_misses_nothing() -> None:
    """A dozen kills, from outside and at every point: no event missing, repeats only among the unacknowledged."""
    run = crash("--kills", "12", "--seed", "5")
    assert run.stdout, run.stderr
    record: dict[str, Any] = json.loads(run.stdout)
    assert run.returncode == 0, record
    assert record["ok"]
    assert record["kills"] == 12
    assert record["entries"] > 50
    assert len(record["points"]) >= 4


@pytest.mark.parametrize("wrong", [("--kills", "0"), ("--rate", "0"), ("--exchange", "nowhere")])
def test_nonsense_is_refused(wrong: tuple[str, str]) -> None:
    """In words, before anything is started."""
    run = crash(*wrong)
    assert run.returncode == 2
    assert "error" in run.stderr
