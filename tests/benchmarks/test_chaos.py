"""A short chaos run, as a user starts it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.benchmarks.conftest import BENCHMARKS

WITHIN = 600.0  # seconds; it takes 25 on an idle machine


def chaos(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(BENCHMARKS / "chaos.py"), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=WITHIN, check=False)


def test_a_short_run_loses_nothing() -> None:
    """Four exchanges, twenty faults: nothing lost, repeated, backwards or unreported, and nothing is left behind."""
    limits = ("--events", "3000", "--faults", "20", "--rate", "400", "--seconds", "30")
    run = chaos(*limits, "--seed", "2", "--json")
    record: dict[str, Any] = json.loads(run.stdout)
    examples = {name: figures["examples"] for name, figures in record["streams"].items()}
    assert run.returncode == 0, (record["total"], record["not_live"], examples)
    assert record["ok"]
    assert record["total"]["faults"] == 20
    assert record["total"]["events"] > 1000
    assert record["total"]["recovered"] > 0
    before, after = record["usage"]["before"], record["usage"]["after"]
    assert after["threads"] == before["threads"]
    assert after["descriptors"] == before["descriptors"]


@pytest.mark.parametrize("wrong", [("--events", "0"), ("--faults", "-1"), ("--rate", "0"), ("--without", "luck")])
def test_nonsense_is_refused(wrong: tuple[str, str]) -> None:
    """In words, before anything is started."""
    run = chaos(*wrong)
    assert run.returncode == 2
    assert "error" in run.stderr
