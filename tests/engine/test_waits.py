"""Circles of waiting are refused, and everything else may be waited for."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable

import pytest

from jexkit.engine import waits
from jexkit.engine.waits import Circle, _awaited, is_interruption, waiting_for
from jexkit.errors import UsageError
from tests.engine.servers import PATIENCE


class Waiter:
    """A thread that waits for another one until it is released, and notes how that went."""

    def __init__(self) -> None:
        self.released, self.waits = threading.Event(), threading.Event()
        self.error: BaseException | None = None
        self.target: Callable[[], threading.Thread]
        self.thread = threading.Thread(target=self._run)

    def start(self, target: threading.Thread) -> None:
        self.target = lambda: target
        self.thread.start()

    def _run(self) -> None:
        try:
            with waiting_for(self.target()):
                self.waits.set()
                self.released.wait(PATIENCE)
        except Circle as error:
            self.error = error
        self.waits.set()

    def end(self) -> None:
        self.released.set()
        self.thread.join(PATIENCE)


def test_nobody_waits_for_itself() -> None:
    """And the error says what to do; it is a UsageError, which programs catch."""
    with pytest.raises(UsageError, match="wait in another thread"), waiting_for(threading.current_thread()):
        pytest.fail("it waits")
    assert threading.current_thread() not in _awaited


def test_a_circle_is_refused_however_long() -> None:
    """The one who would close it is told; those who wait already go on waiting."""
    first, second = Waiter(), Waiter()
    second.start(threading.current_thread())
    assert second.waits.wait(PATIENCE)
    first.start(second.thread)
    assert first.waits.wait(PATIENCE)
    with pytest.raises(Circle), waiting_for(first.thread):
        pytest.fail("it waits")
    first.end()
    second.end()
    assert (first.error, second.error) == (None, None)


def test_what_is_no_circle_may_be_waited_for() -> None:
    """Many for one, one for one that waits for somebody else; and nothing of it stays."""
    first, second = Waiter(), Waiter()
    idle = threading.Thread(target=lambda: None)
    for waiter in (first, second):
        waiter.start(idle)
        assert waiter.waits.wait(PATIENCE)
    with waiting_for(first.thread):
        pass
    first.end()
    second.end()
    assert (first.error, second.error) == (None, None)
    assert not {first.thread, second.thread, threading.current_thread()} & _awaited.keys()


def test_of_two_that_close_a_circle_at_once_one_is_told() -> None:
    """At least one, however often they try."""
    for _ in range(200):
        first, second = Waiter(), Waiter()
        first.target, second.target = lambda second=second: second.thread, lambda first=first: first.thread
        first.thread.start()
        second.thread.start()
        assert first.waits.wait(PATIENCE)
        assert second.waits.wait(PATIENCE)
        errors = [first.error, second.error]
        first.end()
        second.end()
        assert errors != [None, None]


def test_a_wait_inside_a_wait_ends_alone() -> None:
    """A signal's handler waits in the middle of a wait of the same thread; that goes on, and is known, after it."""
    ours, outer, inner = threading.current_thread(), threading.Thread(), threading.Thread()
    with waiting_for(outer):
        with waiting_for(inner):
            assert _awaited[ours] is inner
        assert _awaited[ours] is outer
    assert ours not in _awaited


def test_a_call_in_the_middle_of_another_one_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the frames of jexkit below those of the handler; one that interrupts the program alone has none of them."""
    found: list[bool] = []
    before = signal.signal(signal.SIGUSR1, lambda number, frame: found.append(is_interruption_of_a_user()))
    try:
        signal.raise_signal(signal.SIGUSR1)
        monkeypatch.setattr(waits, "_check", interrupted)
        with waiting_for(threading.Thread()):
            pass
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert found == [False, True]


def is_interruption_of_a_user() -> bool:
    """As a method of the manager asks it."""
    return is_interruption()


def interrupted(current: threading.Thread, thread: threading.Thread) -> None:
    del current, thread
    signal.raise_signal(signal.SIGUSR1)
