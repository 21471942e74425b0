"""Keeping what callbacks get."""

import threading

from jexkit.cli.recorder import Recorder
from jexkit.events import Event
from tests.cli import facts


def test_events_are_kept_by_stream_and_counted_by_type() -> None:
    recorder = Recorder()
    for event in facts.delivered():
        recorder(event)
    assert recorder.events("desk") == facts.delivered()
    assert recorder.counts("desk") == {"OrderUpdate": 3, "Fill": 2, "BalanceUpdate": 2, "PositionUpdate": 2}
    assert recorder.last("desk") == facts.delivered()[-1]
    assert recorder.last("other") is None


def test_begin_counts_from_there_and_keeps_what_stood_before() -> None:
    """What came before is no longer among the events, and still to be had."""
    recorder = Recorder()
    recorder(facts.balance(1, "1"))
    recorder.begin()
    recorder(facts.balance(2, "2"))
    assert recorder.events("desk") == [facts.balance(2, "2")]
    assert recorder.stood("desk") == [facts.balance(1, "1")]
    assert recorder.stood("other") == []


def test_another_callback_gets_them_as_well() -> None:
    seen: list[Event] = []
    Recorder(seen.append)(facts.balance(1, "1"))
    assert seen == [facts.balance(1, "1")]


def test_waiting_for_quiet_ends_when_nothing_comes() -> None:
    """True once it is quiet; False when the patience ends first."""
    recorder = Recorder()
    recorder(facts.balance(1, "1"))
    assert recorder.wait_quiet(0.01, timeout=30) is True
    assert recorder.wait_quiet(30, timeout=0.01) is False


def test_waiting_for_a_change_ends_with_the_next_event() -> None:
    """Long before the timeout."""
    recorder = Recorder()
    ended = threading.Event()

    def wait() -> None:
        recorder.wait_change(60)
        ended.set()

    thread = threading.Thread(target=wait)
    thread.start()
    while not ended.wait(0.01):
        recorder(facts.balance(1, "1"))
    thread.join(10)
    assert not thread.is_alive()
