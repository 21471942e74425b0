"""The pytest plugin: there as soon as jexkit is installed, and nothing is loaded before a test asks for a fixture.

``simulator``       the four exchanges on loopback (``jexkit.sim.Simulator``), started, and stopped after the test
``forwarder``       a function that puts a TCP forwarder (``jexkit.sim.Forwarder``) in front of an address
``stream_manager``  a ``StreamManager``, not started; stopped after the test
``jexkit_clock``    a ``ManualClock``

::

    def test_my_bot(simulator, stream_manager):
        account = simulator.deribit.account("main")
        stream = stream_manager.add(jexkit.testing.simulated.account(account))
        stream_manager.start()
        stream.wait_live(timeout=30)
        simulator.break_("deribit", "half_open")  # every fault of docs/faults.md has a name
        ...
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from jexkit.manager import StreamManager
    from jexkit.sim import Forwarder, Simulator
    from jexkit.testing.clock import ManualClock

NEEDED = ("aiohttp", "cryptography")

pytest.register_assert_rewrite("jexkit.testing.conformance")


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """The four exchanges on loopback. Skips the test where the extra ``sim`` is not installed."""
    _skip_without_extra()
    from jexkit.engine import governor
    from jexkit.sim import Simulator

    governor.shared.forget()  # the port may be one on which an earlier test's exchange has banned this address
    with Simulator() as simulator:
        yield simulator


@pytest.fixture
def forwarder() -> Iterator[Callable[[str], Forwarder]]:
    """``forwarder(address)`` listens on loopback and forwards to ``address``; stopped after the test."""
    _skip_without_extra()
    from jexkit.sim import Forwarder

    started: list[Forwarder] = []

    def start(target: str) -> Forwarder:
        started.append(Forwarder(target).start())
        return started[-1]

    yield start
    for each in started:
        each.stop()


def _skip_without_extra() -> None:
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"the simulator needs {' and '.join(missing)}: pip install 'jexkit[sim]'")


@pytest.fixture
def stream_manager() -> Iterator[StreamManager]:
    """A manager to add streams to and start; stopped after the test."""
    from jexkit.manager import StreamManager

    manager = StreamManager()
    yield manager
    manager.stop()


@pytest.fixture
def jexkit_clock() -> ManualClock:
    """A clock that stands still until it is told to go on."""
    from jexkit.testing.clock import ManualClock

    return ManualClock()
