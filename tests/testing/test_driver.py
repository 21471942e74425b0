"""The driver does what the engine would do, and complains of what the engine could not bear."""

from __future__ import annotations

import pytest

from jexkit.core.lifecycle import Phase, State
from jexkit.core.values import GiveUp, Now, Open, Outputs, Ping
from jexkit.errors import AuthenticationError, TransportError
from jexkit.events import Live, Suspended
from jexkit.testing.conformance import BINANCE_PM, DERIBIT
from jexkit.testing.driver import Driver


def test_a_reconnection_test_is_eight_lines() -> None:
    """As the module's text says."""
    driver = DERIBIT.driver()
    driver.start()
    assert driver.state() is State.LIVE
    driver.close("gone", broken=True)
    (suspended,) = driver.told(Suspended)
    assert suspended.detail == "gone"
    driver.advance(60)
    assert driver.state() is State.LIVE
    assert driver.machine.counters["connections"] == 2


def test_without_a_counterpart_the_test_answers() -> None:
    driver = BINANCE_PM.driver()
    driver.counterpart = None
    driver.start()
    assert [call.what for call in driver.calls] == ["create the listen key"]
    driver.fail(TransportError("no"))
    assert driver.machine.phase is Phase.WAITING
    driver.advance(5)
    driver.reply("key")
    assert len(driver.asked_for(Open)) == 1
    driver.open()
    assert len(driver.asked_for(Ping)) == 1


def test_holding_answers_one_thing_with_each_step() -> None:
    driver = BINANCE_PM.driver()
    driver.holding = True
    driver.start()
    phases = [driver.machine.phase]
    while driver.step():
        phases.append(driver.machine.phase)
    assert phases[:3] == [Phase.PREPARING, Phase.OPENING, Phase.RECOVERING]
    assert driver.state() is State.LIVE
    assert not driver.step()


def test_mute_answers_nothing_ever() -> None:
    """What came while it was mute is not answered afterwards either."""
    driver = BINANCE_PM.driver()
    driver.mute = True
    driver.start()
    driver.mute = False
    assert not driver.step()
    assert driver.machine.phase is Phase.PREPARING


def test_advance_ticks_at_each_deadline() -> None:
    """At the moment itself, in order, and on to the end."""
    driver = BINANCE_PM.driver()
    driver.start()
    moments: list[float] = []
    ticked = driver.machine.ticked

    def noted(now: Now) -> Outputs:
        moments.append(now.monotonic)
        assert now.monotonic == driver.machine.due
        return ticked(now)

    driver.machine.ticked = noted  # type: ignore[method-assign]
    end = driver.clock.monotonic() + 120
    driver.advance(120)
    assert len(moments) >= 4
    assert moments == sorted(moments)
    assert driver.clock.monotonic() == end


def test_a_deadline_that_does_not_move_is_complained_of() -> None:
    """In the engine it would be a thread at full speed."""
    driver = BINANCE_PM.driver()
    driver.start()
    driver.machine.ticked = lambda now: []  # type: ignore[method-assign]
    with pytest.raises(AssertionError, match="without end"):
        driver.advance(120)


def test_giving_up_twice_or_early_is_complained_of() -> None:
    with pytest.raises(AssertionError, match="GiveUp"):
        Driver._check([GiveUp(AuthenticationError("no")), Ping(1)])


def test_forgetting_makes_room_for_what_comes() -> None:
    driver = BINANCE_PM.driver()
    driver.start()
    assert driver.told(Live)
    driver.forget()
    assert driver.events == []
