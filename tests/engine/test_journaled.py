"""The delivery of a stream that has a journal."""

from __future__ import annotations

import ctypes
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jexkit.core.journal import MAIN, DeadLetter, Entry, Journal
from jexkit.core.memory import Memory
from jexkit.engine import journaled as module
from jexkit.engine.clock import Clock
from jexkit.engine.consumers import Retries
from jexkit.engine.journaled import JournaledDelivery, recalled
from jexkit.engine.journaling import Writer
from jexkit.engine.registry import Registry
from jexkit.engine.runner import Runner
from jexkit.errors import JournalError
from jexkit.events import Event, Fill, Live, Lost, Market, OrderStatus, OrderUpdate, Side
from jexkit.journal.memory import MemoryJournal
from jexkit.journal.sqlite import SqliteJournal
from jexkit.testing.clock import ManualClock
from jexkit.testing.conformance.journal import about, fill, fills
from tests.children import last_words

PATIENCE = 30.0


def order(number: int, status: OrderStatus = OrderStatus.NEW, key: str = "1") -> OrderUpdate:
    words: dict[str, Any] = {"market": Market.SPOT, "symbol": "BTCUSDT", "side": Side.BUY, "native_status": "x"}
    return OrderUpdate(order_id=key, key=key, status=status, **words, **about(number))


class Listener:
    """Notes what it is told, and can be waited for."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.came = threading.Condition()
        self.has_ended = threading.Event()

    def offer(self, event: Event) -> None:
        with self.came:
            self.events.append(event)
            self.came.notify_all()

    def end(self) -> None:
        self.has_ended.set()

    def wait(self, count: int) -> list[str]:
        """The ids of the events, once there are so many."""
        with self.came:
            assert self.came.wait_for(lambda: len(self.events) >= count, PATIENCE)
            return [event.id for event in self.events]


class Stage:
    """One run of a program over a journal that outlives it."""

    def __init__(self, journal: Journal, clock: Clock | None = None) -> None:
        self.journal = journal
        self.own, self.common = Registry(has_journal=True), Registry(has_journal=True)
        clock = clock or Clock()
        self.writer = Writer(journal, clock)
        self.memory = Memory()
        self.delivery = JournaledDelivery(
            "main",
            self.own,
            self.common,
            runner=Runner("main", clock=clock),
            clock=clock,
            writer=self.writer,
            memory=lambda: self.memory,
            retries=Retries(attempts=2, first=0.001),
            queue_size=10,
        )
        self.listener = Listener()
        self.delivery.listen(self.listener)

    def start(self) -> Stage:
        self.writer.start()
        self.recalled = self.delivery.recall()
        if self.recalled is not None:
            self.memory = self.recalled
        self.delivery.start()
        return self

    def put(self, *events: Event) -> None:
        """As the conductor does: the machine has taken them in by then."""
        for event in events:
            self.memory.take(event)
        self.delivery.put(events)

    def stop(self, timeout: float = PATIENCE) -> bool:
        return self.delivery.stop(timeout) and self.writer.stop(PATIENCE)


@pytest.fixture
def journal() -> MemoryJournal:
    return MemoryJournal(keep_days=100_000)  # the events of tests are old


@pytest.fixture
def begin(journal: MemoryJournal) -> Iterator[Callable[..., Stage]]:
    """Start a run; all of them are stopped after the test."""
    stages: list[Stage] = []

    def start(*callbacks: Callable[[Any], object], consumer: str = MAIN) -> Stage:
        stages.append(Stage(journal))
        for callback in callbacks:
            stages[-1].own.add(Event, callback, consumer)
        return stages[-1].start()

    yield start
    for stage in stages:
        stage.stop()


Begin = Callable[..., Stage]


def test_it_is_idle_when_the_callbacks_are_done(begin: Callable[..., Stage]) -> None:
    """On its way to the disk, waiting and running: all of that is something to look after."""
    idle: list[bool] = []
    stage = begin(lambda event: idle.append(stage.delivery.is_idle))
    stage.put(order(1))
    stage.listener.wait(1)
    assert idle == [False]
    deadline = time.monotonic() + PATIENCE
    while not stage.delivery.is_idle:  # it is done with the event a moment after the listener is told
        assert time.monotonic() < deadline


def test_an_event_is_in_the_journal_when_its_callback_runs(begin: Begin, journal: MemoryJournal) -> None:
    """And acknowledged afterwards, state and counts in between."""
    seen: list[bool] = []
    stage = begin(lambda event: seen.append(event in [entry.event for entry in journal.read()]))
    stage.put(order(1), fill(2), Live(**about(3)))
    stage.listener.wait(3)
    assert seen == [True, True, True]
    assert list(stage.delivery.orders()) == ["1"]
    assert stage.delivery.counters == {"OrderUpdate": 1, "Fill": 1, "Live": 1}
    assert stage.stop()
    assert journal.position("main") == 3


def test_what_was_not_acknowledged_is_delivered_again(begin: Begin, journal: MemoryJournal) -> None:
    """At the next start, first, with the same ids; what was is not."""
    journal.open()
    journal.append("main", fills(1, 4), Memory().pack())
    journal.acknowledge("main", MAIN, 2)
    journal.close()
    got: list[str] = []
    stage = begin(lambda event: got.append(event.id))
    stage.put(fill(5))
    stage.listener.wait(3)
    assert got == ["event:3", "event:4", "event:5"]


def test_a_callback_that_sleeps_costs_no_memory(begin: Begin) -> None:
    """What it cannot take yet waits in the journal, and afterwards nothing is missing."""
    go, got = threading.Event(), list[str]()

    def slow(event: Event) -> None:
        go.wait(PATIENCE)
        got.append(event.id)

    stage = begin(slow)
    for number in range(1, 301):
        stage.put(fill(number))
    written = threading.Event()
    stage.writer.append("main", [], lambda entries: written.set())
    assert written.wait(PATIENCE)
    assert stage.delivery._inbox._queue.qsize() <= 11
    assert stage.delivery.queued == 300
    go.set()
    assert stage.listener.wait(300) == [f"event:{number}" for number in range(1, 301)] == got
    assert stage.stop()
    assert stage.delivery.queued == 0


def test_what_waits_is_counted_exactly(begin: Begin, journal: MemoryJournal) -> None:
    """The one in a callback and those in hand too, and what an earlier process left."""
    journal.open()
    journal.append("main", fills(1, 40))
    journal.acknowledge("main", MAIN, 10)
    journal.close()
    seen: list[int] = []
    stage = begin(lambda event: seen.append(stage.delivery.queued))
    stage.listener.wait(30)
    assert seen == list(range(30, 0, -1))


def test_a_callback_that_a_stop_leaves_behind_is_not_to_blame(begin: Begin, journal: MemoryJournal) -> None:
    """It was on trial; the next process has nothing against it."""
    journal.open()
    journal.append("main", fills(1, 2))
    journal.close()
    go, is_in = threading.Event(), threading.Event()

    def slow(event: Event) -> None:
        is_in.set()
        go.wait(PATIENCE)

    stage = begin(slow)
    assert is_in.wait(PATIENCE)
    assert len(journal.unfinished("main")) == 1
    assert not stage.delivery.stop(0)
    assert stage.writer.stop(PATIENCE)
    assert journal.unfinished("main") == []
    go.set()


def test_a_child_that_comes_back_from_a_callback_goes_no_further(begin: Begin) -> None:
    """Though no hook of Python's ran at the fork: the parent delivers what is in hand."""
    reading, writing = os.pipe()
    parent, children = os.getpid(), list[int]()

    def forking(event: Event) -> None:
        if event.id == "event:1":
            children.append(ctypes.PyDLL(None).fork())
        elif os.getpid() != parent:
            os.write(writing, event.id.encode())

    stage = begin(forking)
    stage.put(*fills(1, 3))
    assert stage.listener.wait(3) == ["event:1", "event:2", "event:3"]
    os.close(writing)
    assert last_words(reading, children[0]) == ""


def test_a_new_consumer_is_given_everything(begin: Begin, journal: MemoryJournal) -> None:
    """Also while nothing new comes, and when it is registered late."""
    first = begin()
    first.put(*fills(1, 5))
    first.listener.wait(5)
    assert first.stop()
    ledger = Listener()
    begin(ledger.offer, consumer="ledger")
    assert ledger.wait(5) == [f"event:{number}" for number in range(1, 6)]


@pytest.mark.parametrize("registry", ["own", "common"])
def test_a_consumer_that_comes_to_a_quiet_stream_is_given_everything(begin: Begin, registry: str) -> None:
    """Though no event comes that would wake the stream; and nobody wakes a stream that is no more."""
    stage = begin()
    stage.put(*fills(1, 5))
    stage.listener.wait(5)
    late = Listener()
    callbacks: Registry = getattr(stage, registry)
    callbacks.add(Fill, late.offer, "late")
    assert late.wait(5) == [f"event:{number}" for number in range(1, 6)]
    assert stage.stop()
    waiting = stage.delivery._inbox._queue.qsize()
    callbacks.add(Fill, late.offer, "later still")
    assert stage.delivery._inbox._queue.qsize() == waiting


def test_stopping_leaves_the_rest_in_the_journal(begin: Begin, journal: MemoryJournal) -> None:
    """What no callback has seen by the end of the time is there for the next start."""
    go, first = threading.Event(), threading.Event()

    def hang(event: Event) -> None:
        first.set()
        go.wait(PATIENCE)

    stage = begin(hang)
    stage.put(*fills(1, 50))
    assert first.wait(PATIENCE)
    assert not stage.delivery.stop(0.01)
    go.set()
    assert stage.stop()
    assert journal.position("main") == 1
    again = begin()
    assert again.listener.wait(49)[0] == "event:2"


def test_stopping_delivers_what_waits(begin: Begin, journal: MemoryJournal) -> None:
    """Also what is still on its way to the disk."""
    stage = begin(lambda event: None)
    stage.put(*fills(1, 500))
    assert stage.stop()
    assert journal.position("main") == 500
    assert len(stage.listener.events) == 500
    assert stage.listener.has_ended.is_set()


def test_a_stop_during_the_attempts_keeps_the_event(begin: Begin, journal: MemoryJournal) -> None:
    """It is neither acknowledged nor set aside."""
    failed = threading.Event()

    def bad(event: Event) -> None:
        failed.set()
        raise ValueError("always")

    stage = begin(bad)
    stage.delivery._consumers._retries = Retries(attempts=99, first=60.0, longest=60.0)
    stage.put(fill(1))
    assert failed.wait(PATIENCE)
    assert stage.stop()
    assert journal.position("main") == 0
    assert journal.dead_letters() == []


def test_what_recovery_needs_is_kept(begin: Begin, journal: MemoryJournal) -> None:
    """From the first event on, and with all that came after it when the program stopped."""
    stage = begin()
    stage.put(order(1))
    stage.listener.wait(1)
    memory = journal.recall("main")
    assert memory is not None
    assert memory.position == 1
    stage.put(order(2, OrderStatus.FILLED), order(3, key="2"))
    assert stage.stop()
    recalled_memory, told = recalled(journal, "main")
    assert recalled_memory is not None
    assert list(recalled_memory.book.orders) == ["2"] == list(told.orders)


def test_after_a_crash_the_state_is_that_of_the_crash(begin: Begin, journal: MemoryJournal) -> None:
    """The memory, and what the journal has of later; as told, it is that of the last acknowledgement."""
    memory = Memory()
    memory.take(order(1))
    journal.open()
    journal.append("main", [order(1)], memory.pack())
    journal.append("main", [order(2, key="2"), order(3, OrderStatus.FILLED)])
    journal.acknowledge("main", MAIN, 2)
    journal.close()
    recalled_memory, told = recalled(journal, "main")
    assert recalled_memory is not None
    assert (list(recalled_memory.book.orders), list(told.orders)) == (["2"], ["1", "2"])
    stage = begin()
    stage.listener.wait(1)
    assert list(stage.delivery.orders()) == ["2"]


def test_a_memory_that_cannot_be_read_is_said(
    begin: Begin, journal: MemoryJournal, caplog: pytest.LogCaptureFixture
) -> None:
    """The stream starts without it."""
    journal.open()
    journal.append("main", fills(1, 1), '{"format": "of tomorrow"}')
    journal.close()
    stage = begin()
    assert stage.recalled is None
    assert "start without it" in caplog.text


def test_memory_is_written_now_and_then(journal: MemoryJournal) -> None:
    """First, after each recovery, after many events, and after some minutes: not with every event."""
    clock = ManualClock()
    delivery = Stage(journal, clock).delivery
    assert delivery._is_memory_due([fill(1)])
    assert not delivery._is_memory_due([fill(2)])
    assert delivery._is_memory_due([Live(**about(3))])
    clock.advance(module.REMEMBER_EVERY)
    assert delivery._is_memory_due([fill(4)])
    delivery._since_memory = module.REMEMBER_AFTER
    assert delivery._is_memory_due([fill(5)])
    assert not delivery._is_memory_due([fill(6)])


def test_a_stream_that_never_began_overwrites_no_memory(journal: MemoryJournal) -> None:
    """It knows nothing that were worth it."""
    stage = Stage(journal)
    stage.writer.start()
    stage.delivery.ask_to_stop(0)
    assert stage.writer.stop(PATIENCE)
    assert journal.recall("main") is None


def test_a_dead_letter_that_is_wanted_is_delivered_again(
    begin: Begin, journal: MemoryJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the program runs, and once."""
    monkeypatch.setattr("jexkit.engine.journaling.LOOK_EVERY", 0.01)
    is_broken, again = [True], threading.Event()

    def shaky(event: Event) -> None:
        if is_broken[0]:
            raise ValueError("not yet")
        again.set()

    stage = begin(shaky)
    stage.put(fill(1))
    stage.listener.wait(1)
    (letter,) = journal.dead_letters()
    assert stage.delivery.dead_letters == 1
    is_broken[0] = False
    journal.replay(letter.number)
    assert again.wait(PATIENCE)
    assert stage.stop()
    assert journal.dead_letters() == []


def test_a_dead_letter_waits_for_somebody_to_be_delivered_to(
    begin: Begin, journal: MemoryJournal, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A program that wants it back before it has registered its callback gets it then; it is said once."""
    monkeypatch.setattr("jexkit.engine.journaling.LOOK_EVERY", 0.01)
    again = threading.Event()
    stage = begin()
    stage.put(fill(1))
    stage.listener.wait(1)
    letter = journal.set_aside(DeadLetter(journal.read()[0], "late", "f", "", attempts=5, failed_ms=1))
    journal.replay(letter.number)
    deadline, looks = time.monotonic() + PATIENCE, stage.delivery._redelivered
    while "nobody is registered" not in caplog.text or letter.number in looks:
        assert time.monotonic() < deadline
        again.wait(0.01)
    monkeypatch.setattr(journal, "read", lambda *given, **named: [])  # nothing beside the letter is for it
    stage.own.add(Event, lambda event: again.set(), "late")
    assert again.wait(PATIENCE)
    assert stage.stop()
    assert journal.dead_letters() == []
    assert caplog.text.count("nobody is registered") == 1


def test_a_journal_that_cannot_be_read_stops_nothing_for_good(
    begin: Begin, journal: MemoryJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No event is handed out twice for it, or left out."""
    monkeypatch.setattr(module, "TRY_AGAIN", 0.0)
    real, failures = journal.position, [JournalError("not today")] * 3

    def position(stream: str, consumer: str = MAIN) -> int:
        if failures and consumer == "ledger":
            raise failures.pop()
        return real(stream, consumer)

    monkeypatch.setattr(journal, "position", position)
    got: list[str] = []
    stage = begin(lambda event: got.append(event.id))
    stage.own.add(Fill, lambda event: None, "ledger")
    stage.put(*fills(1, 3))
    stage.listener.wait(3)
    assert got == ["event:1", "event:2", "event:3"]
    assert stage.delivery.counters["Fill"] == 3
    assert failures == []


def test_the_end_of_the_stream_ends_the_waiting(begin: Begin) -> None:
    """As without a journal."""
    stage = begin()
    stage.put(Lost(error="AuthenticationError", detail="no", **about(1)))
    assert stage.listener.has_ended.wait(PATIENCE)


def test_why_nothing_is_delivered_is_said(begin: Begin) -> None:
    stage = begin()
    assert stage.delivery.journal_error == ""
    stage.writer.fault = JournalError("the disk is full")
    assert stage.delivery.journal_error == "the disk is full"


def test_a_small_journal_stays_small(tmp_path: Path) -> None:
    """Where it is to keep few entries, what recovery needs moves on often, and after the end they are as few."""
    journal = SqliteJournal(tmp_path / "small.db", keep_days=100_000, keep_entries=100, synchronous="normal")
    stage = Stage(journal)
    stage.start()
    for first in range(1, 3_000, 100):
        stage.put(*fills(first, first + 99))
    stage.listener.wait(3_000)
    memory = journal.recall("main")
    assert memory is not None
    assert memory.position >= 2_000
    assert stage.stop()
    status = journal.status()
    assert (status.entries, status.last) == (100, 3_000)


class Disk(MemoryJournal):
    """Takes as long as the test wants, or nothing at all."""

    def __init__(self) -> None:
        super().__init__(keep_days=100_000)
        self.answers = threading.Event()
        self.asked = threading.Event()
        self.is_full = False

    def write(self, appends: Any, acknowledgements: Any = None) -> list[list[Entry]]:
        if any(append.events for append in appends):
            self.asked.set()
            assert self.answers.wait(PATIENCE)
            if self.is_full:
                raise JournalError("no room on the disk")
        return super().write(appends, acknowledgements)


def test_the_reader_waits_for_a_disk_that_is_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it is too much: what the disk takes in a moment later need not be let pass."""
    monkeypatch.setattr(module, "MOST_HANDED", 10)
    disk = Disk()
    stage = Stage(disk).start()
    delivery = stage.delivery
    stage.put(*fills(1, 7))
    assert not delivery.holds_up
    stage.put(fill(8))
    assert delivery.holds_up
    assert not delivery.is_full
    assert not delivery.wait_for_room(0.01, threading.Event())
    assert delivery.why_full == "the journal is not written fast enough"
    disk.answers.set()
    assert delivery.wait_for_room(PATIENCE, threading.Event())
    assert not delivery.holds_up
    assert len(stage.listener.wait(8)) == 8
    assert stage.stop()


def test_nobody_waits_for_a_disk_that_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be so for hours; the machine is told when too much waits."""
    monkeypatch.setattr(module, "MOST_HANDED", 10)
    disk = Disk()
    disk.is_full = True
    stage = Stage(disk).start()
    stage.put(*fills(1, 9))
    assert disk.asked.wait(PATIENCE)
    assert stage.delivery.holds_up
    disk.answers.set()
    assert stage.delivery.wait_for_room(PATIENCE, threading.Event())
    assert stage.writer.fault is not None
    assert not stage.delivery.holds_up
    stage.put(fill(10))
    assert stage.delivery.is_full
    disk.is_full = False
    assert len(stage.listener.wait(10)) == 10
    assert stage.stop()
