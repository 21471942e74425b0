"""Faults of the line itself, by the forwarder: what no server can do to its own socket."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from jexkit import StreamManager, Suspended, Unknown
from jexkit.core.telling import UNREADABLE_KEPT
from jexkit.engine.transport import LARGEST_MESSAGE
from jexkit.sim import Forwarder, Simulator
from jexkit.sim.connection import OPCODES, frame_head
from jexkit.sim.faults import ALL
from jexkit.testing import simulated
from tests.faults.watching import SETTINGS, Watch, check_life, check_order, trade

IMPATIENT = {"probe_every": 1.0, "probe_within": 1.5}  # and otherwise as ever: this machine may be slow itself
Forward = Callable[[str], Forwarder]


@pytest.fixture
def wanted() -> dict[str, Any]:
    """Further settings of the account; a test that needs some is parametrised with them."""
    return {}


@pytest.fixture(params=ALL)
def followed(
    request: pytest.FixtureRequest, sim: Simulator, forwarder: Forward, wanted: dict[str, Any]
) -> Iterator[tuple[Watch, Forwarder]]:
    """A live stream of each exchange whose websocket goes through a forwarder."""
    venue: Any = sim.venues[request.param]
    account = venue.account("main")
    line = forwarder(venue.ws_url)
    settings = {**wanted, **SETTINGS[request.param], "ws_url": line.url(venue.ws_url)}
    manager = StreamManager()
    watch = Watch(manager.add(simulated.account(account, **settings)), account)
    with manager:
        watch.stream.wait_live(30)
        watch.begin()
        trade(account)
        watch.wait(watch.is_caught_up, "before")
        yield watch, line
        line.resume()
        trade(account)
        watch.wait(watch.is_caught_up, "after")
    check_life(watch.events)
    check_order(watch.events)


def reasons(watch: Watch) -> list[str]:
    return [str(event.reason) for event in watch.of(Suspended)]


@pytest.mark.parametrize("wanted", [IMPATIENT], ids=["impatient"])
def test_the_cable_is_pulled(followed: tuple[Watch, Forwarder]) -> None:
    """Nothing comes and nothing ends: the stream asks for proof, hears nothing, and leaves; then it comes back."""
    watch, line = followed
    line.half_open()
    trade(watch.account)
    watch.wait(lambda: set(reasons(watch)) == {"silent"}, "silent")


def test_the_cable_is_pulled_and_nobody_listens(followed: tuple[Watch, Forwarder]) -> None:
    watch, line = followed
    line.refuse()
    line.cut()
    trade(watch.account)
    watch.wait(lambda: reasons(watch) == ["broken"], "broken")
    watch.wait(lambda: watch.stream.status().counters["retries"] > 2, "retries")


def test_a_line_that_trickles(followed: tuple[Watch, Forwarder]) -> None:
    """It is slow, and that is all."""
    watch, line = followed
    line.trickle(50, 0.0001)
    trade(watch.account)
    watch.wait(watch.is_caught_up, "trickling")
    assert reasons(watch) == []


def test_a_line_that_stalls(followed: tuple[Watch, Forwarder]) -> None:
    """For less than the stream waits."""
    watch, line = followed
    line.stall()
    trade(watch.account)
    line.resume()
    watch.wait(watch.is_caught_up, "after the stall")
    assert reasons(watch) == []


# --- huge messages ----------------------------------------------------------------------------------------------------


def say(sim: Simulator, watch: Watch, payload: bytes, announced: int | None = None) -> None:
    """A frame on every connection of the exchange; ``announced`` is the length that it claims, if not its own."""
    data = frame_head(OPCODES["text"], len(payload) if announced is None else announced) + payload

    async def write() -> None:
        for connection in sim.venues[watch.stream.exchange].open_connections.values():
            assert connection.transport is not None
            connection.transport.write(data)

    sim.loop.run(write())


def test_a_message_beyond_the_bound_ends_the_connection(followed: tuple[Watch, Forwarder], sim: Simulator) -> None:
    """At its first bytes, with the bound in words; nothing of it is read, and the stream comes back."""
    watch, _ = followed
    say(sim, watch, b"{", announced=LARGEST_MESSAGE + 1)
    watch.wait(lambda: reasons(watch) == ["broken"], "broken")
    (suspended,) = watch.of(Suspended)
    assert "a message was larger than 32 MiB" in suspended.detail


def test_a_huge_message_within_the_bound_is_told_in_part(followed: tuple[Watch, Forwarder], sim: Simulator) -> None:
    """It makes no sense here: what is kept of it is bounded, and the connection is as good as before."""
    watch, _ = followed
    say(sim, watch, b"{" + b" " * (4 * UNREADABLE_KEPT))
    watch.wait(lambda: len(watch.of(Unknown)) == 1, "unknown")
    (unknown,) = watch.of(Unknown)
    assert len(unknown.raw) == UNREADABLE_KEPT
    assert reasons(watch) == []
