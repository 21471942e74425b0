"""A server that sends nothing but garbage, for ever, on every connection, on all exchanges at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from jexkit import Stream, StreamManager, Suspended
from jexkit.core import listen_key, protocol, recovery
from jexkit.core.backoff import Backoff
from jexkit.engine import transport
from jexkit.sim import Simulator
from jexkit.sim.faults import ALL
from jexkit.testing import simulated
from tests.faults.watching import SETTINGS, Watch

RETRIES = 4  # of each stream: waits of half a second, one, two and four on average
BUSY = 0.25  # the part of a processor that one stream may take meanwhile; a thread that spins takes all that it gets
REASONS = {
    "text": "garbled",
    "binary": "garbled",
    "json": "garbled",
    "huge": "garbled",
    "fragments": "broken",
    "empty_fragments": "broken",
}


@pytest.fixture(autouse=True)
def _patient(_impatient: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits as they are: they are what this is about."""
    for module in (protocol, recovery, listen_key):
        monkeypatch.setattr(module, "Backoff", Backoff)
    monkeypatch.setattr(transport, "LONGEST_MESSAGE", 0.5)


@pytest.fixture
def followed(sim: Simulator) -> Iterator[list[Watch]]:
    """A live stream of each exchange."""
    manager = StreamManager()
    watches = []
    for exchange in ALL:
        account = sim.venues[exchange].account("main")
        settings = {**SETTINGS[exchange], "probe_every": 1.0}  # and patience: so much garbage takes its time
        watches.append(Watch(manager.add(simulated.account(account, **settings), name=exchange), account))
    with manager:
        for watch in watches:
            watch.stream.wait_live(60)
        yield watches


def processor_time(stream: Stream) -> float:
    """Seconds that the stream's own threads have taken so far."""
    named = [thread for thread in threading.enumerate() if thread.name.startswith(f"jexkit-{stream.name}-")]
    clocks = [time.pthread_getcpuclockid(thread.ident) for thread in named if thread.ident is not None]
    return sum(map(time.clock_gettime, clocks))


@pytest.mark.skipif(not hasattr(time, "pthread_getcpuclockid"), reason="the system does not tell")
@pytest.mark.parametrize("kind", REASONS)
def test_garbage_for_ever_leads_to_slow_retries(sim: Simulator, followed: list[Watch], kind: str) -> None:
    """Suspended says why, each attempt is one that was counted, no thread spins, and when it is over all come back."""
    before = {watch: (processor_time(watch.stream), attempts(sim, watch)) for watch in followed}
    began = time.monotonic()
    for exchange in ALL:
        sim.break_(exchange, "nothing_but_garbage", kind=kind)
    for watch in followed:
        watch.wait(lambda watch=watch: retries(watch) >= RETRIES, "retries")
        assert str(watch.of(Suspended)[0].reason) == REASONS[kind]
        took, connected = processor_time(watch.stream) - before[watch][0], attempts(sim, watch) - before[watch][1]
        assert took < BUSY * (time.monotonic() - began), watch.stream.name
        assert connected <= retries(watch) + 1
    sim.mend()
    for watch in followed:
        watch.wait(watch.is_caught_up, "after the garbage")
        assert watch.stream.status().callback_errors == 0


def retries(watch: Watch) -> int:
    return watch.stream.status().counters.get("retries", 0)


def attempts(sim: Simulator, watch: Watch) -> int:
    return sim.venues[watch.stream.exchange].counters["sockets_opened"]
