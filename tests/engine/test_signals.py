"""How a program that waits is asked to end."""

import os
import signal
import threading

import pytest

from jexkit.engine.signals import stop_signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_sets_the_event_and_nothing_else(number: signal.Signals) -> None:
    """And afterwards signals do what they did before."""
    before = signal.getsignal(number)
    with stop_signals() as wanted_end:
        assert not wanted_end.is_set()
        os.kill(os.getpid(), number)
        assert wanted_end.wait(10)
    assert signal.getsignal(number) is before


def test_outside_the_main_thread_signals_are_left_alone() -> None:
    before = signal.getsignal(signal.SIGINT)
    seen: list[object] = []

    def run() -> None:
        with stop_signals() as wanted_end:
            seen.extend((wanted_end.is_set(), signal.getsignal(signal.SIGINT)))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(10)
    assert seen == [False, before]


def test_a_handler_that_is_not_pythons_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a host in C that had one before Python began: Python tells it as None, and could not put it back."""
    tell = signal.getsignal
    terminates, interrupts = tell(signal.SIGTERM), tell(signal.SIGINT)
    monkeypatch.setattr(signal, "getsignal", lambda number: None if number == signal.SIGTERM else tell(number))
    with stop_signals():
        assert tell(signal.SIGTERM) is terminates
        assert tell(signal.SIGINT) is not interrupts
    assert tell(signal.SIGINT) is interrupts
