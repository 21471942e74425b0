"""A running simulator for every test of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from jexkit.sim import Simulator, simulator
from jexkit.sim.clock import Clock


class StandingClock(Clock):
    """Exchange time passes by `advance` alone: on a machine that stands still for a while nothing falls due."""

    def monotonic(self) -> float:
        """Seconds that were advanced."""
        return self._jumped


@pytest.fixture
def sim(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    """All exchanges, seeded."""
    monkeypatch.setattr(simulator, "Clock", StandingClock)
    with Simulator(seed=7) as running:
        running.patience = 0.05  # the clients of these tests answer nothing while time passes: they are on this thread
        yield running


@pytest.fixture
def stopped_ms(sim: Simulator, monkeypatch: pytest.MonkeyPatch) -> int:
    """What the clock of every exchange says for as long as the test takes: windows of time have exact ends."""
    now_us = sim.clock.now_us() // 1000 * 1000
    monkeypatch.setattr(sim.clock, "now_us", lambda: now_us)
    return now_us // 1000
