"""The queue of a stream that has a journal."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import pytest

from jexkit.core.journal import MAIN, READ_LIMIT, Append, Entry, Reader
from jexkit.engine import inbox as module
from jexkit.engine.clock import Clock
from jexkit.engine.inbox import Inbox
from jexkit.engine.journaling import Writer
from jexkit.errors import JournalError
from jexkit.events import Event
from jexkit.journal.memory import MemoryJournal
from jexkit.testing.conformance.journal import fills, positions_of

PATIENCE = 30.0


class Counting(MemoryJournal):
    """Counts readings, and fails as often as it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.readings = 0
        self.failures = 0
        self.after_reading: Callable[[], object] = lambda: None
        self.may_write = threading.Event()
        self.may_write.set()

    def write(
        self, appends: Sequence[Append], acknowledgements: Mapping[Reader, int] | None = None
    ) -> list[list[Entry]]:
        assert self.may_write.wait(PATIENCE)
        return super().write(appends, acknowledgements)

    def read(
        self,
        after: int = 0,
        *,
        stream: str | None = None,
        types: Sequence[type[Event]] = (),
        limit: int = READ_LIMIT,
    ) -> list[Entry]:
        self.readings += 1
        if self.failures:
            self.failures -= 1
            raise JournalError("not today", "here")
        found = super().read(after, stream=stream, types=types, limit=limit)
        self.after_reading()
        return found


@pytest.fixture
def journal() -> Counting:
    return Counting()


@pytest.fixture
def writer(journal: Counting) -> Iterator[Writer]:
    writer = Writer(journal, Clock())
    writer.start()
    yield writer
    assert writer.stop(PATIENCE)


@pytest.fixture
def inbox(writer: Writer) -> Inbox:
    inbox = Inbox("main", writer, held=10)
    inbox.start()
    return inbox


def take(inbox: Inbox, count: int) -> list[int]:
    """The positions of the next entries, as many as that."""
    found: list[int] = []
    deadline = time.monotonic() + PATIENCE
    while len(found) < count:
        assert time.monotonic() < deadline
        found += positions_of(inbox.get(PATIENCE))
    for _ in found:
        inbox.done()
    return found


def drained(inbox: Inbox) -> None:
    """Nothing waits, and the inbox has noticed."""
    while inbox.is_spilling:
        inbox.get(0)


def settle(writer: Writer) -> None:
    """Wait until everything that was handed in so far is written."""
    written = threading.Event()
    writer.append("settle", [], lambda entries: written.set())
    assert written.wait(PATIENCE)


def test_what_is_put_comes_out_in_order(inbox: Inbox) -> None:
    inbox.put(fills(1, 3))
    inbox.put(fills(4, 5))
    assert take(inbox, 5) == [1, 2, 3, 4, 5]
    assert (inbox.at, inbox.queued) == (5, 0)


def test_what_was_taken_out_waits_until_it_is_done_with(inbox: Inbox, journal: Counting) -> None:
    """However many are taken at once, and from wherever; what the journal refused does not."""
    inbox.put(fills(1, 3))
    inbox.put(fills(2, 60))
    found: list[Entry] = []
    while len(found) < 60:
        handed = inbox.handed  # first: what is on its way to the disk now may be there in a moment
        assert handed or inbox.queued == 60
        found += inbox.get(PATIENCE)
    for left in range(60, 0, -1):
        assert inbox.queued == left
        inbox.done()
    assert inbox.queued == 0


def test_what_is_not_on_disk_does_not_come_out(inbox: Inbox, journal: Counting, writer: Writer) -> None:
    """It is counted as waiting all the same."""
    drained(inbox)
    journal.may_write.clear()
    inbox.put(fills(1, 3))
    assert inbox.get(0) == []
    assert inbox.queued == 3
    journal.may_write.set()
    assert take(inbox, 3) == [1, 2, 3]


def test_a_full_queue_leaves_the_rest_in_the_journal(inbox: Inbox, writer: Writer) -> None:
    """Memory holds what it may; all of it comes out in order, and nothing twice, whatever comes meanwhile."""
    drained(inbox)
    for number in range(1, 100):
        inbox.put(fills(number, number))
        settle(writer)
    assert inbox.is_spilling
    assert inbox.queued == 99
    assert inbox._queue.qsize() <= 11
    assert take(inbox, 50)[-1] >= 50
    inbox.put(fills(100, 120))
    settle(writer)
    assert inbox.at + len(take(inbox, 120 - inbox.at)) == inbox.at
    assert inbox.at == 120
    drained(inbox)
    inbox.put(fills(121, 121))
    assert take(inbox, 1) == [121]
    assert inbox.queued == 0


def test_after_the_spill_the_journal_is_not_read_any_more(inbox: Inbox, journal: Counting, writer: Writer) -> None:
    """As long as the callbacks keep up, an event costs no reading."""
    inbox.put(fills(1, 50))
    take(inbox, 50)
    drained(inbox)
    readings = journal.readings
    for number in range(51, 71):
        inbox.put(fills(number, number))
        take(inbox, 1)
    assert journal.readings == readings


def test_what_is_left_in_the_journal_at_the_last_moment_comes_too(
    inbox: Inbox, journal: Counting, writer: Writer
) -> None:
    """After the reading that found nothing, and before the queue is used again."""

    def write_one() -> None:
        journal.after_reading = lambda: None
        inbox.put(fills(1, 1))
        settle(writer)

    journal.after_reading = write_one
    assert inbox.get(0) == []
    assert take(inbox, 1) == [1]


def test_what_was_left_unacknowledged_comes_first(writer: Writer, journal: Counting) -> None:
    """What earlier processes did not finish, of this stream, and not what they did."""
    journal.write([Append("main", fills(1, 4)), Append("other", fills(1, 2, "other")), Append("main", fills(5, 6))])
    journal.acknowledge("main", MAIN, 3)
    inbox = Inbox("main", writer, held=10)
    inbox.start()
    inbox.put(fills(7, 8))
    assert (inbox.left, inbox.queued) == (3, 2)
    assert take(inbox, 5) == [4, 7, 8, 9, 10]
    assert (inbox.left, inbox.queued) == (0, 0)


def test_what_is_left_is_counted_for_a_consumer_that_nobody_knows(writer: Writer, journal: Counting) -> None:
    """Such as a main one that was forgotten: it begins with the first entry."""
    journal.append("main", fills(1, 4))
    inbox = Inbox("main", writer, held=10)
    inbox.start()
    assert inbox.left == 4


def test_a_start_makes_the_main_consumer_known(inbox: Inbox, journal: Counting, writer: Writer) -> None:
    """From the first moment on nothing that it has not seen may be removed."""
    settle(writer)
    assert writer.stop(PATIENCE)
    assert [(each.stream, each.consumer) for each in journal.status().consumers] == [("main", MAIN)]


def test_what_the_journal_knew_does_not_come_out(inbox: Inbox) -> None:
    inbox.put(fills(1, 2))
    inbox.put(fills(1, 3))
    assert take(inbox, 3) == [1, 2, 3]
    assert inbox.queued == 0


def test_waiting_ends(inbox: Inbox) -> None:
    """After the timeout, or when it is woken."""
    drained(inbox)
    assert inbox.get(0.01) == []
    inbox.wake()
    assert inbox.get() == []


def test_spilling_costs_no_memory(inbox: Inbox, writer: Writer) -> None:
    """However often something is left in the journal, the queue has one word about it."""
    for number in range(1, 200):
        inbox.put(fills(number, number))
        settle(writer)
    assert inbox._queue.qsize() <= 1
    take(inbox, 199)


def test_a_journal_that_cannot_be_read_is_tried_again(
    inbox: Inbox, journal: Counting, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """And nothing is missing then."""
    monkeypatch.setattr(module, "TRY_AGAIN", 0.0)
    journal.failures = 2
    inbox.put(fills(1, 2))
    found: list[int] = []
    while len(found) < 2:
        found += positions_of(inbox.get(PATIENCE))
    assert found == [1, 2]
    assert "not today" in caplog.text


def test_a_stop_does_not_wait_for_a_journal_that_cannot_be_read(inbox: Inbox, journal: Counting) -> None:
    journal.failures = 1_000
    inbox.wake(stopping=True)
    assert inbox.get(PATIENCE) == []
    assert inbox.get(PATIENCE) == []
