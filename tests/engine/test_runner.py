"""The running of callbacks: what they raise, and how long they take."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

import pytest

from jexkit.engine.clock import Clock
from jexkit.engine.process import Gone
from jexkit.engine.runner import NAMES_KEPT, SLOW, TELL_EVERY, Runner
from jexkit.events import Event, Live
from jexkit.testing.clock import ManualClock
from tests.children import in_child
from tests.engine.servers import PATIENCE


def live(number: int = 0) -> Live:
    return Live(exchange="toy", account="t", id=f"e{number}", time_ms=number, received_ms=number)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


# --- what they raise --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [ValueError("mine"), SystemExit(1), KeyboardInterrupt()], ids=type)
def test_what_a_callback_raises_is_told(caplog: pytest.LogCaptureFixture, error: BaseException) -> None:
    """To on_error, to the log with the traceback, and to the count."""
    reported: list[tuple[Event, Any, BaseException]] = []

    def bad(event: Event) -> None:
        raise error

    runner = Runner("t", clock=Clock(), on_error=lambda *told: reported.append(told))
    event = live()
    assert runner.run(bad, event) is error
    assert reported == [(event, bad, error)]
    assert runner.errors == 1
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert "bad failed on Live" in record.getMessage()
    assert "raise error" in caplog.text


def test_a_callback_that_returns_is_not_told_of(caplog: pytest.LogCaptureFixture) -> None:
    runner = Runner("t", clock=Clock())
    assert runner.run(lambda event: None, live()) is None
    assert runner.errors == 0
    assert caplog.records == []
    assert runner.current is None


def test_a_callback_that_comes_back_in_a_child_is_the_last_there() -> None:
    """The parent delivers the next event, and the child must not do it as well, not even one of the same message."""
    runner = Runner("t", clock=Clock())
    seen: list[int] = []

    def deliver() -> list[int]:
        with pytest.raises(Gone):
            runner.run(lambda event: seen.append(event.time_ms), live())
        return seen

    assert in_child(deliver) == [0]
    assert runner.run(lambda event: None, live()) is None


def test_an_on_error_that_raises_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """Both are in the log."""

    def bad(event: Event) -> None:
        raise ValueError("mine")

    def worse(event: Event, callback: Any, error: BaseException) -> None:
        raise RuntimeError("worse")

    Runner("t", clock=Clock(), on_error=worse).run(bad, live())
    assert "on_error itself failed" in caplog.text
    assert "RuntimeError: worse" in caplog.text
    assert "ValueError: mine" in caplog.text


def test_a_callback_without_a_name_is_named_by_its_type(caplog: pytest.LogCaptureFixture) -> None:
    class Bot:
        def __call__(self, event: Event) -> None:
            raise ValueError("mine")

    Runner("t", clock=Clock()).run(Bot(), live())
    assert "the callback Bot failed" in caplog.text


# --- how long they take -----------------------------------------------------------------------------------------------


def test_a_slow_callback_is_told_of_by_name(caplog: pytest.LogCaptureFixture) -> None:
    """When it returns, once a minute at the most; each call is counted."""
    clock = ManualClock()
    runner = Runner("t", clock=clock)

    def slow(event: Event) -> None:
        clock.advance(SLOW)

    for _ in range(3):
        runner.run(slow, live())
    assert len(warnings(caplog)) == 1
    assert "slow took 5.0 seconds on Live" in warnings(caplog)[0]
    clock.advance(TELL_EVERY - 2 * SLOW)
    runner.run(slow, live())
    assert len(warnings(caplog)) == 2
    assert runner.slow == 4


def test_each_callback_has_a_minute_of_its_own(caplog: pytest.LogCaptureFixture) -> None:
    """One that is always slow does not hide another."""
    clock = ManualClock()
    runner = Runner("t", clock=clock)

    def one(event: Event) -> None:
        clock.advance(SLOW)

    def other(event: Event) -> None:
        clock.advance(SLOW)

    runner.run(one, live())
    runner.run(other, live())
    assert [("one" in words, "other" in words) for words in warnings(caplog)] == [(True, False), (False, True)]


def test_quick_callbacks_are_not_told_of(caplog: pytest.LogCaptureFixture) -> None:
    """Nor is any where the program wants to hear of none."""
    clock = ManualClock()
    Runner("t", clock=clock).run(lambda event: clock.advance(SLOW - 0.01), live())
    Runner("t", clock=clock, slow_after=None).run(lambda event: clock.advance(1e6), live())
    assert caplog.records == []


def hanging(runner: Runner) -> tuple[threading.Thread, threading.Event]:
    """A callback that hangs on a thread of its own, and what ends it."""
    begun, go_on = threading.Event(), threading.Event()

    def hang(event: Event) -> None:
        begun.set()
        go_on.wait(PATIENCE)

    thread = threading.Thread(target=runner.run, args=(hang, live()))
    thread.start()
    assert begun.wait(PATIENCE)
    return thread, go_on


def test_a_callback_that_never_returns_is_told_of(caplog: pytest.LogCaptureFixture) -> None:
    """By whoever looks, again each minute, and counted once."""
    clock = ManualClock()
    runner = Runner("t", clock=clock, slow_after=2.0)
    thread, go_on = hanging(runner)
    runner.look()
    assert warnings(caplog) == []
    for _ in range(130):
        clock.advance(1.0)
        runner.look()
    said = warnings(caplog)
    assert len(said) == 3
    assert "hang has been running for 2.0 seconds on Live" in said[0]
    assert "has been running for 62.0 seconds" in said[1]
    assert runner.current is not None
    assert "hang" in runner.current
    go_on.set()
    thread.join(PATIENCE)
    assert runner.slow == 1
    assert runner.current is None


def test_a_hanging_on_error_is_told_of_too(caplog: pytest.LogCaptureFixture) -> None:
    """It holds up the stream like any callback."""
    clock = ManualClock()

    def report(event: Event, callback: Callable[..., object], error: BaseException) -> None:
        clock.advance(SLOW)

    Runner("t", clock=clock, on_error=report).run(lambda event: 1 / 0, live())
    assert "report took" in warnings(caplog)[0]


def test_the_names_told_of_are_bounded() -> None:
    """A program that makes a new callback for every event does not fill the memory."""
    clock = ManualClock()
    runner = Runner("t", clock=clock, slow_after=1.0)

    for number in range(NAMES_KEPT + 10):

        def slow(event: Event) -> None:
            clock.advance(1.0)

        slow.__qualname__ = f"slow{number}"
        runner.run(slow, live())
    assert len(runner._told) == NAMES_KEPT
