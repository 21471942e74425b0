"""One pace for all streams of a process, and one pause."""

from __future__ import annotations

from jexkit.core.dialect import Pace
from jexkit.engine.governor import MOST_HOSTS, Governor
from jexkit.testing.clock import ManualClock

PACE = Pace(per_second=10.0, burst=3.0)
REST, STREAM = "https://exchange.example/api", "wss://exchange.example/ws"


def governed() -> tuple[ManualClock, Governor]:
    clock = ManualClock()
    return clock, Governor(clock)


def test_a_burst_goes_at_once_and_the_rest_in_step() -> None:
    """Three places are free; after that each is a tenth of a second behind the one before."""
    _, governor = governed()
    waits = [round(governor.reserve(REST, PACE), 6) for _ in range(6)]
    assert waits == [0.0, 0.0, 0.0, 0.1, 0.2, 0.3]


def test_places_grow_back_up_to_the_burst() -> None:
    """After a long rest there are as many free places as at the beginning, and no more."""
    clock, governor = governed()
    for _ in range(6):
        governor.reserve(REST, PACE)
    clock.advance(3600)
    assert [governor.reserve(REST, PACE) for _ in range(3)] == [0.0, 0.0, 0.0]
    assert governor.reserve(REST, PACE) > 0


def test_a_heavy_question_takes_several_places() -> None:
    """What weighs five waits until five places are free, and those after it wait for it."""
    _, governor = governed()
    assert governor.reserve(REST, PACE, 5.0) == 0.2
    assert round(governor.reserve(REST, PACE), 6) == 0.3


def test_places_that_are_too_far_off_are_not_taken() -> None:
    """Who is told to come back later has used nothing up, however often."""
    _, governor = governed()
    for _ in range(100):
        assert governor.reserve(REST, PACE, 13.0, most=0.5) == 1.0
    assert governor.reserve(REST, PACE) == 0.0


def test_hosts_and_kinds_are_counted_apart() -> None:
    """Another host, another port and the websocket of the same host have their own places."""
    _, governor = governed()
    for _ in range(4):
        governor.reserve(REST, PACE)
    assert governor.reserve(STREAM, PACE) == 0.0
    assert governor.reserve("https://other.example/", PACE) == 0.0
    assert governor.reserve("https://exchange.example:8443/", PACE) == 0.0
    assert governor.reserve("https://exchange.example/other/path", PACE) > 0.0


def test_a_pause_holds_everybody_for_as_long_as_the_exchange_said() -> None:
    """A shorter pause that comes later does not shorten it."""
    clock, governor = governed()
    governor.close(REST, 60.0)
    governor.close(REST, 5.0)
    assert governor.closed_for(REST) == 60.0
    assert governor.reserve(REST, PACE) == 60.0
    clock.advance(61)
    assert governor.closed_for(REST) == 0.0
    assert governor.reserve(REST, PACE) == 0.0


def test_memory_is_bounded() -> None:
    """However many hosts are asked, the oldest are forgotten."""
    _, governor = governed()
    governor.close(REST, 60.0)
    for number in range(MOST_HOSTS + 1):
        governor.reserve(f"https://host{number}.example/", PACE)
    assert governor.closed_for(REST) == 0.0


def test_a_test_can_begin_anew() -> None:
    """Neither a pause nor places that were taken are left."""
    _, governor = governed()
    governor.close(REST, 3600)
    for _ in range(5):
        governor.reserve(STREAM, PACE)
    governor.forget()
    assert governor.closed_for(REST) == 0.0
    assert governor.reserve(STREAM, PACE) == 0.0
