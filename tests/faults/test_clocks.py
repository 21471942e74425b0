"""This machine's own clock is set while a stream is live."""

from __future__ import annotations

import pytest

from jexkit import StreamManager, Suspended
from jexkit.core.values import Now
from jexkit.engine.clock import Clock
from jexkit.sim import Simulator
from jexkit.sim.faults import ALL
from jexkit.testing import simulated
from tests.faults.watching import SETTINGS, Watch, check_life, check_order, trade

HOUR_MS = 3_600_000


@pytest.mark.parametrize("exchange", ALL)
@pytest.mark.parametrize("step_ms", [-3 * HOUR_MS, 3 * HOUR_MS])
def test_the_wall_clock_is_set(sim: Simulator, monkeypatch: pytest.MonkeyPatch, exchange: str, step_ms: int) -> None:
    """By hours, forwards or back: the stream stays live, and the next connection comes as ever."""
    account = sim.venues[exchange].account("main")
    manager = StreamManager()
    stream = manager.add(simulated.account(account, **SETTINGS[exchange]))
    watch = Watch(stream, account)
    now = Clock.now
    with manager:
        stream.wait_live(30)
        watch.begin()
        trade(account)
        watch.wait(watch.is_caught_up, "before the step")

        def stepped(clock: Clock) -> Now:
            true = now(clock)
            return Now(true.monotonic, true.wall_ms + step_ms)

        monkeypatch.setattr(Clock, "now", stepped)
        trade(account)
        watch.wait(watch.is_caught_up, "after the step")
        assert watch.of(Suspended) == []
        sim.break_(exchange, "cut")
        trade(account)
        watch.wait(lambda: bool(watch.of(Suspended)), "the cut")
        watch.wait(watch.is_caught_up, "after the cut")
    assert [str(event.reason) for event in watch.of(Suspended)] == ["broken"]
    check_life(watch.events)
    check_order(watch.events, by_time=step_ms > 0)
