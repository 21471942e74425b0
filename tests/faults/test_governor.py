"""A refused handshake is everybody's pause: an exchange counts by address."""

from __future__ import annotations

import pytest

from jexkit import StreamManager
from jexkit.engine import governor
from jexkit.sim import Simulator
from jexkit.sim.faults import ALL
from jexkit.testing import simulated
from tests.faults.watching import SETTINGS, Watch


@pytest.mark.parametrize("exchange", ALL)
def test_all_streams_of_a_host_wait(sim: Simulator, exchange: str) -> None:
    """One stream is told to come back in an hour; no other connects before."""
    venue = sim.venues[exchange]
    manager = StreamManager()
    first = manager.add(simulated.account(venue.account("main"), **SETTINGS[exchange]), "first")
    watch = Watch(first, venue.account("main"))
    with manager:
        first.wait_live(30)
        sim.break_(exchange, "refuse_handshake", status=429, retry_after=3600)
        watch.wait(lambda: governor.shared.closed_for(venue.ws_url) > 3000, "the pause")
        second = manager.add(simulated.account(venue.account("second"), **SETTINGS[exchange]), "second")
        refused = venue.counters["sockets_opened"]
        watch.wait(lambda: second.status().state != "idle", "the second stream")
        sim.advance(60)
        assert venue.counters["sockets_opened"] == refused
