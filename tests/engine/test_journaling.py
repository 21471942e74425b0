"""The thread that writes the journal."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping, Sequence

import pytest

from jexkit.core.journal import MAIN, PRUNE_LIMIT, Append, Entry, Reader
from jexkit.engine.clock import Clock
from jexkit.engine.journaling import PRUNE_EVERY, PRUNE_ON, Writer
from jexkit.errors import JournalError, JournalFull, JournalTaken
from jexkit.journal.memory import MemoryJournal
from jexkit.testing.clock import ManualClock
from jexkit.testing.conformance.journal import fill, fills

PATIENCE = 30.0


class Watched(MemoryJournal):
    """Notes what it was given, waits for ``may_write``, and fails as often as it is told."""

    def __init__(self, keep_entries: int = 1_000_000) -> None:
        super().__init__(keep_days=100_000, keep_entries=keep_entries)  # the events of tests are old
        self.calls: list[tuple[list[str], dict[Reader, int]]] = []
        self.pruned: list[int] = []
        self.begun = threading.Semaphore(0)
        self.may_write = threading.Event()
        self.may_write.set()
        self.failures: list[Exception] = []
        self.is_closed = threading.Event()

    def write(
        self, appends: Sequence[Append], acknowledgements: Mapping[Reader, int] | None = None
    ) -> list[list[Entry]]:
        self.begun.release()
        assert self.may_write.wait(PATIENCE)
        if self.failures:
            raise self.failures.pop(0)
        self.calls.append(([append.stream for append in appends], dict(acknowledgements or {})))
        return super().write(appends, acknowledgements)

    def prune(self, now_ms: int, limit: int = PRUNE_LIMIT) -> int:
        self.pruned.append(limit)
        return super().prune(now_ms, limit)

    def close(self) -> None:
        super().close()
        self.is_closed.set()


class Told:
    """A ``done`` that can be waited for."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.came = threading.Event()

    def __call__(self, entries: list[Entry]) -> None:
        self.entries += entries
        self.came.set()


@pytest.fixture
def journal() -> Watched:
    return Watched()


@pytest.fixture
def writer(journal: Watched) -> Iterator[Writer]:
    writer = Writer(journal, Clock())
    writer.start()
    yield writer
    journal.may_write.set()
    assert writer.stop(PATIENCE)


def test_what_is_handed_in_is_told_once_it_is_written(writer: Writer, journal: Watched) -> None:
    """With its positions, and without what the journal knew already."""
    first, second = Told(), Told()
    writer.append("main", fills(1, 2), first)
    writer.append("main", fills(2, 3), second)
    assert first.came.wait(PATIENCE)
    assert second.came.wait(PATIENCE)
    assert [entry.position for entry in first.entries + second.entries] == [1, 2, 3]
    assert journal.read() == first.entries + second.entries


def test_nothing_is_told_before_it_is_written(writer: Writer, journal: Watched) -> None:
    journal.may_write.clear()
    told = Told()
    writer.append("main", fills(1, 1), told)
    assert journal.begun.acquire(timeout=PATIENCE)
    assert not told.came.is_set()
    journal.may_write.set()
    assert told.came.wait(PATIENCE)


def test_what_comes_during_a_transaction_goes_into_the_next(writer: Writer, journal: Watched) -> None:
    """All of it into one, acknowledgements too."""
    journal.may_write.clear()
    last = Told()
    writer.append("main", fills(1, 1), Told())
    assert journal.begun.acquire(timeout=PATIENCE)
    writer.append("main", fills(2, 2), Told())
    writer.append("other", [fill(1, "other")], Told())
    writer.acknowledge("main", MAIN, 1)
    writer.append("main", fills(3, 3), last)
    journal.may_write.set()
    assert last.came.wait(PATIENCE)
    assert journal.calls == [(["main"], {}), (["main", "other", "main"], {("main", MAIN): 1})]


def test_acknowledgements_are_written_without_company(writer: Writer, journal: Watched) -> None:
    """Nothing else has to happen for it, and the last word counts."""
    told = Told()
    writer.append("main", fills(1, 2), told)
    assert told.came.wait(PATIENCE)
    assert journal.begun.acquire(timeout=PATIENCE)
    writer.acknowledge("main", MAIN, 1)
    writer.acknowledge("main", MAIN, 2)
    assert journal.begun.acquire(timeout=PATIENCE)
    assert writer.stop(PATIENCE)
    assert journal.position("main") == 2


def test_an_acknowledgement_during_a_transaction_is_written_after_it(
    writer: Writer, journal: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By itself, if nothing else comes, and not when the thread next looks for something else."""
    monkeypatch.setattr("jexkit.engine.journaling.LOOK_EVERY", 2 * PATIENCE)
    journal.may_write.clear()
    writer.acknowledge("main", MAIN, 1)
    assert journal.begun.acquire(timeout=PATIENCE)
    writer.acknowledge("main", MAIN, 2)
    journal.may_write.set()
    assert journal.begun.acquire(timeout=PATIENCE), "nobody said that there is another one"
    assert writer.stop(PATIENCE)
    assert journal.calls == [([], {("main", MAIN): 1}), ([], {("main", MAIN): 2})]


def test_a_memory_is_written_with_its_events(writer: Writer, journal: Watched) -> None:
    told = Told()
    writer.append("main", fills(1, 2), told, memory=lambda: "the memory")
    assert told.came.wait(PATIENCE)
    memory = journal.recall("main")
    assert memory is not None
    assert (memory.position, memory.text) == (2, "the memory")


def test_a_journal_that_cannot_be_written_is_tried_again(
    writer: Writer, journal: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    """What was handed in waits, in order; the log says so once, and says when it is over."""
    caplog.set_level(logging.INFO, "jexkit")
    journal.failures = [JournalFull("no room on the disk", "jexkit.db")] * 2
    first, second = Told(), Told()
    writer.append("main", fills(1, 1), first)
    writer.append("main", fills(2, 2), second)
    assert second.came.wait(PATIENCE)
    assert [entry.position for entry in first.entries + second.entries] == [1, 2]
    assert writer.fault is None
    assert [record.levelname for record in caplog.records] == ["ERROR", "INFO"]
    assert "no room on the disk" in caplog.text


def test_a_fault_of_ours_does_not_end_the_thread(writer: Writer, journal: Watched) -> None:
    """Neither in the journal nor in who is told."""
    journal.failures = [ZeroDivisionError("a fault")]
    writer.append("main", fills(1, 1), lambda entries: 1 / 0)
    told = Told()
    writer.append("main", fills(2, 2), told)
    assert told.came.wait(PATIENCE)


def test_settling_waits_for_what_was_handed_in(writer: Writer, journal: Watched) -> None:
    """Events and acknowledgements."""
    writer.append("main", fills(1, 500), Told())
    writer.acknowledge("main", MAIN, 3)
    writer.settle("main")
    assert (journal.status().last, journal.position("main")) == (500, 3)


def test_settling_says_why_it_cannot_be(writer: Writer, journal: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream must not start on a journal that does not hold what it is to begin with."""
    monkeypatch.setattr("jexkit.engine.journaling.SETTLE_WITHIN", 0.05)
    journal.failures = [JournalFull("no room on the disk")] * 1_000
    writer.append("main", fills(1, 1), Told())
    for _ in range(2):  # at the second attempt the writer knows what was wrong with the first
        assert journal.begun.acquire(timeout=PATIENCE)
    with pytest.raises(JournalError, match="cannot be written: no room on the disk"):
        writer.settle("main")
    journal.failures.clear()


def test_stopping_writes_what_waits_and_closes(journal: Watched) -> None:
    writer = Writer(journal, Clock())
    writer.start()
    told = Told()
    journal.may_write.clear()
    for number in range(1, 4):
        writer.append("main", fills(number, number), told)
    writer.acknowledge("main", MAIN, 0)
    journal.may_write.set()
    assert writer.stop(PATIENCE)
    assert len(told.entries) == 3
    assert journal.status().consumers[0].position == 0
    assert journal.is_closed.is_set()


def test_stopping_does_not_wait_for_a_journal_that_cannot_be_written(journal: Watched) -> None:
    """One more try, and an end."""
    writer = Writer(journal, Clock())
    writer.start()
    journal.failures = [JournalFull("no room")] * 1_000
    writer.append("main", fills(1, 1), Told())
    assert journal.begun.acquire(timeout=PATIENCE)
    assert writer.stop(PATIENCE)
    assert isinstance(writer.fault, JournalFull)


def test_a_journal_in_other_hands_is_refused_at_the_start(journal: Watched) -> None:
    """Where the caller sees it, and without a thread."""
    journal.open()
    writer = Writer(journal, Clock())
    with pytest.raises(JournalTaken):
        writer.start()
    assert writer.stop(0.0)


def test_old_entries_are_removed_as_new_ones_come(writer: Writer, journal: Watched) -> None:
    """At least as many as were written since, so that the journal does not outgrow its bound."""
    told = Told()
    writer.append("main", fills(1, 3 * PRUNE_LIMIT), told)
    assert told.came.wait(PATIENCE)
    assert writer.stop(PATIENCE)
    assert journal.pruned == [PRUNE_LIMIT, 6 * PRUNE_LIMIT, PRUNE_LIMIT]


def test_old_entries_are_removed_now_and_then(journal: Watched) -> None:
    """Also where little comes: they grow old all the same, and acknowledgements alone are no reason to look."""
    clock = ManualClock()
    writer = Writer(journal, clock)
    writer.start()
    writer.acknowledge("main", MAIN, 0)
    assert journal.begun.acquire(timeout=PATIENCE)
    clock.advance(PRUNE_EVERY)
    writer.acknowledge("main", MAIN, 0)
    assert journal.begun.acquire(timeout=PATIENCE)
    assert writer.stop(PATIENCE)
    assert journal.pruned == 3 * [PRUNE_LIMIT]


def test_old_entries_are_removed_at_the_start_and_at_the_end() -> None:
    """A bounded number at a time, and so often that what the last acknowledgement has let go of goes too."""
    journal = Watched(keep_entries=100)
    journal.open()
    journal.append("main", fills(1, 5 * PRUNE_LIMIT))
    journal.acknowledge("main", MAIN, 2 * PRUNE_LIMIT)
    journal.close()
    journal.may_write.clear()
    writer = Writer(journal, ManualClock())
    writer.start()
    writer.acknowledge("main", MAIN, 5 * PRUNE_LIMIT - 50)
    assert journal.begun.acquire(timeout=PATIENCE)
    assert journal.status().first == PRUNE_LIMIT + 1
    journal.may_write.set()
    assert writer.stop(PATIENCE)
    assert journal.status().entries == 100
    assert set(journal.pruned) == {PRUNE_LIMIT}
    writer = Writer(journal, ManualClock())
    writer.start()
    assert writer.stop(PATIENCE)
    assert journal.status().entries == 100


def test_more_old_entries_than_are_removed_at_once_are_gone_on_with() -> None:
    """In a moment, and not after the time between two looks."""
    journal, clock = Watched(keep_entries=100), ManualClock()
    journal.open()
    journal.append("main", fills(1, 3 * PRUNE_LIMIT))
    journal.acknowledge("main", MAIN, 3 * PRUNE_LIMIT)
    journal.close()
    writer = Writer(journal, clock)
    writer.start()
    writer.settle("main")
    clock.advance(PRUNE_ON)
    writer.settle("main")
    writer.settle("main")  # so the one before is wholly done with
    assert journal.status().entries == PRUNE_LIMIT
    assert writer.stop(PATIENCE)
