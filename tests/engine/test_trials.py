"""Who is to blame for the end of a process."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from jexkit.core.journal import MAIN, Attempt, Entry
from jexkit.engine import trials as module
from jexkit.engine.clock import Clock
from jexkit.engine.journaling import Writer
from jexkit.engine.trials import Trials
from jexkit.errors import JournalFull, JournalTaken
from jexkit.journal.memory import MemoryJournal
from jexkit.testing.conformance.journal import fill, fills

PATIENCE = 30.0


class Ended(BaseException):
    """The process ends."""


def end() -> None:
    raise Ended


@pytest.fixture
def journal() -> Iterator[MemoryJournal]:
    """Three entries are unacknowledged at the start."""
    journal = MemoryJournal()
    journal.open()
    journal.append("main", fills(1, 3))
    return journal


def trials_on(journal: MemoryJournal, writer: Writer | None = None) -> Trials:
    """Those of a process that begins now."""
    trials = Trials("main", writer or Writer(journal, Clock()), threading.Event())
    trials.start()
    return trials


def entry(number: int) -> Entry:
    return Entry(number, fill(number))


def noted(journal: MemoryJournal) -> list[tuple[int, int]]:
    return [(attempt.position, attempt.count) for attempt in journal.unfinished("main")]


def test_what_was_there_at_the_start_is_noted_while_it_is_called(journal: MemoryJournal) -> None:
    """And nothing of what came since."""
    trials = trials_on(journal)
    journal.append("main", fills(4, 4))
    seen = [trials.run(MAIN, "f", entry(number), lambda: noted(journal)) for number in (1, 3, 4)]
    assert seen == [[(1, 1)], [(3, 1)], []]
    assert noted(journal) == []


def test_the_next_process_knows_in_which_callback_this_one_ended(journal: MemoryJournal) -> None:
    """Among all of them, and how often; one that returns is free of it."""
    for ended in (1, 2):
        trials = trials_on(journal)
        trials.run(MAIN, "f", entry(1), lambda: None)
        trials.run(MAIN, "g", entry(2), lambda: None)
        with pytest.raises(Ended):
            trials.run(MAIN, "f", entry(2), end)
        assert noted(journal) == [(2, ended)]
    trials = trials_on(journal)
    counts = [trials.count(MAIN, name, entry(number)) for number in (1, 2, 3) for name in ("f", "g")]
    assert counts == [0, 0, 2, 0, 0, 0]
    trials.run(MAIN, "f", entry(2), lambda: None)
    assert (trials.count(MAIN, "f", entry(2)), noted(journal)) == (0, [])


def test_one_that_raises_did_not_end_the_process(journal: MemoryJournal) -> None:
    def wrong() -> None:
        raise ValueError

    with pytest.raises(ValueError):
        trials_on(journal).run(MAIN, "f", entry(1), wrong)
    assert noted(journal) == []


def test_only_so_many_are_noted(journal: MemoryJournal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each consumer: more are hardly in hand. One that was noted is, wherever it stands."""
    with pytest.raises(Ended):
        trials_on(journal).run(MAIN, "f", entry(3), end)
    monkeypatch.setattr(module, "ON_TRIAL", 1)
    trials = trials_on(journal)
    seen = []
    for number in (1, 2, 3):
        seen.append(trials.run(MAIN, "f", entry(number), lambda: noted(journal)))
        trials.passed(MAIN, entry(number))
    assert seen == [[(3, 1), (1, 1)], [(3, 1)], [(3, 2)]]
    assert trials.run("ledger", "f", entry(1), lambda: noted(journal)) == [(1, 1)]


def test_what_is_passed_leaves_no_note(journal: MemoryJournal) -> None:
    """Of a callback that is not registered any more, for example."""
    with pytest.raises(Ended):
        trials_on(journal).run(MAIN, "gone", entry(1), end)
    trials = trials_on(journal)
    trials.passed("ledger", entry(1))
    assert noted(journal) == [(1, 1)]
    trials.passed(MAIN, entry(1))
    assert noted(journal) == []


@pytest.mark.parametrize("ended", [0, 1])
def test_a_callback_that_is_under_way_at_a_stop_is_not_to_blame(journal: MemoryJournal, ended: int) -> None:
    """What it was blamed for before stays; and when it returns at last, nothing is noted of it."""
    for _ in range(ended):
        with pytest.raises(Ended):
            trials_on(journal).run(MAIN, "f", entry(1), end)
    trials = trials_on(journal)
    seen: list[list[tuple[int, int]]] = []

    def stop() -> None:
        trials.spare()
        seen.append(noted(journal))

    trials.run(MAIN, "f", entry(1), stop)
    assert seen == [[(1, 1)] if ended else []]
    trials.passed(MAIN, entry(1))
    assert noted(journal) == []


def test_suspects_are_called_one_at_a_time(journal: MemoryJournal) -> None:
    """Of all streams of a manager; who is no suspect waits for nobody."""
    for name in ("f", "g"):
        with pytest.raises(Ended):
            trials_on(journal).run(MAIN, name, entry(1), end)
    writer = Writer(journal, Clock())
    one, other = trials_on(journal, writer), trials_on(journal, writer)
    has_begun = threading.Event()
    thread = threading.Thread(target=lambda: other.run(MAIN, "g", entry(1), has_begun.set))

    def suspect() -> None:
        thread.start()
        other_is_free = trials_on(journal, writer).run(MAIN, "f", entry(2), lambda: True)
        assert other_is_free
        assert not has_begun.wait(0.2)

    one.run(MAIN, "f", entry(1), suspect)
    assert has_begun.wait(PATIENCE)
    thread.join(PATIENCE)


def test_a_suspect_does_not_wait_for_ever_for_another(journal: MemoryJournal, monkeypatch: pytest.MonkeyPatch) -> None:
    """That one may wait for this one's stream."""
    with pytest.raises(Ended):
        trials_on(journal).run(MAIN, "f", entry(1), end)
    monkeypatch.setattr(module, "TURN_WITHIN", 0.1)
    writer = Writer(journal, Clock())
    trials = trials_on(journal, writer)
    with writer.suspects:
        assert trials.run(MAIN, "f", entry(1), lambda: True)
        assert writer.suspects.locked()


def test_a_journal_without_room_holds_up_nobody(
    journal: MemoryJournal, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """And one that another process has does: that one delivers what this one has in hand."""
    trials = trials_on(journal)

    def refuse(attempt: Attempt) -> None:
        raise trouble

    monkeypatch.setattr(journal, "begin", refuse)
    trouble: Exception = JournalFull("no room")
    for number in (1, 2):
        assert trials.run(MAIN, "f", entry(number), lambda: True)
    assert [record.levelname for record in caplog.records if "no room" in record.getMessage()] == ["WARNING"]
    trouble = JournalTaken("taken")
    with pytest.raises(JournalTaken):
        trials.run(MAIN, "f", entry(2), lambda: True)
