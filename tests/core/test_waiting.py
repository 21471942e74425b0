"""What a session machine waits for, and how that ends, on a toy exchange."""

from __future__ import annotations

import pytest

from jexkit.core.lifecycle import Phase, State
from jexkit.core.values import Now, Output
from jexkit.core.waiting import CALL_WITHIN, COMMAND_WITHIN
from jexkit.errors import WaitTimeout
from jexkit.testing.driver import Driver
from tests.core.toy import live_toy, toy


@pytest.fixture
def driver() -> Driver:
    return toy()


def test_a_call_without_an_answer_is_given_up(driver: Driver) -> None:
    """After CALL_WITHIN seconds, and its late answer is nothing."""
    driver.start()
    (late,) = driver.calls
    driver.advance(CALL_WITHIN - 0.001)
    assert driver.machine.phase is Phase.PREPARING
    driver.advance(0.001)
    assert driver.machine.phase is Phase.WAITING
    assert driver.machine.replied(late.call, "ws://late", driver.clock.now()) == []
    assert driver.machine.phase is Phase.WAITING


def test_it_is_quiet_while_it_waits_for_nothing(driver: Driver) -> None:
    """Not on its way in, not while a command or a question over HTTP has no answer, and not without a connection."""
    assert not driver.machine.is_quiet
    driver.start()
    driver.reply("ws://toy")
    driver.open()
    assert not driver.machine.is_quiet
    driver.text("welcome")
    assert driver.machine.is_quiet
    driver.command("wave")
    assert not driver.machine.is_quiet
    driver.advance(COMMAND_WITHIN + 0.01)
    driver.pong()
    assert driver.machine.is_quiet
    asked = driver.machine._call("ask", lambda: iter(()), lambda _, __: [], lambda _, __: [], driver.clock.now())
    assert not driver.machine.is_quiet
    driver.machine.replied(asked[0].call, None, driver.clock.now())
    assert driver.machine.is_quiet
    driver.close("gone", broken=True)
    assert not driver.machine.is_quiet


def test_a_command_without_an_answer_times_out() -> None:
    """After COMMAND_WITHIN seconds; the stream is none the worse."""
    live = live_toy()
    ticket = live.command("wave")
    live.mute = False
    while live.clock.monotonic() < 1_000.0 + COMMAND_WITHIN - 0.01:
        live.advance(1.0)
        live.ping()
    assert isinstance(live.answers[ticket].error, WaitTimeout)
    assert live.state() is State.LIVE


def test_what_is_due_is_done_the_earliest_first(driver: Driver) -> None:
    """Whatever its name; what one of them calls off is not done, and what one puts off is done at its new time."""
    machine, done = driver.machine, []

    def note(word: str) -> list[Output]:
        done.append(word)
        return []

    def first(now: Now) -> list[Output]:
        machine._not_at("called off")
        machine._at("put off", now.monotonic + 5, lambda _: note("put off"))
        return note("first")

    begin = driver.clock.monotonic()
    machine._at("z", begin + 1, first)
    for number, name in enumerate(("called off", "put off", "a"), start=2):
        machine._at(name, begin + number, lambda _, name=name: note(name))
    driver.clock.advance(4)
    machine.ticked(driver.clock.now())
    assert (done, machine.due) == (["first", "a"], begin + 9)
    driver.advance(5)
    assert done == ["first", "a", "put off"]


def test_the_next_moment_is_the_first_of_all() -> None:
    """Whichever way it comes and goes: set, moved, called off, come, or forgotten with the connection."""
    live = live_toy()
    machine, begin = live.machine, live.clock.monotonic()

    def first() -> float:
        return min(when for when, _ in machine._timers.values())

    assert machine.due == first()
    machine._at("soon", begin + 2.0, lambda _: [])
    assert machine.due == begin + 2.0
    machine._at("soon", begin + 4.0, lambda _: [])
    assert machine.due == begin + 4.0
    machine._at("sooner", begin + 1.0, lambda _: [])
    assert machine.due == begin + 1.0
    machine._not_at("sooner")
    assert machine.due == begin + 4.0
    live.advance(4.0)
    assert machine.due == first() > begin + 4.0
    live.close("gone", broken=True)
    assert machine.due == first() < begin + 30.0
    live.stop()
    assert machine.due == float("inf")
