"""Consumers of the journal: positions, retries, dead letters."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import attrs
import pytest

from jexkit.core.journal import MAIN, DeadLetter, Entry
from jexkit.engine.clock import Clock
from jexkit.engine.consumers import SLICE, Consumers, Retries
from jexkit.engine.journaling import Writer
from jexkit.engine.registry import Registry
from jexkit.engine.runner import Runner, name_of
from jexkit.errors import JournalError, TryLater
from jexkit.events import Event, Fill, Live
from jexkit.journal.memory import MemoryJournal
from jexkit.testing.conformance.journal import about, fill, fills

PATIENCE = 30.0
OLD = 100_000  # days; the events of tests are
QUICK = Retries(attempts=3, first=0.001, longest=0.001, after_end=0.001)


class Transactional(MemoryJournal):
    """Lives in the program's own database, which is ``rows``: kept as a whole, or not at all."""

    def __init__(self) -> None:
        super().__init__(keep_days=OLD)
        self.rows: list[str] = []
        self.failures = 0
        self.trouble: JournalError | None = None

    def handling(self, entry: Entry, consumer: str) -> AbstractContextManager[object]:
        return self._transaction(lambda: self.acknowledge(entry.stream, consumer, entry.position))

    def replaying(self, letter: DeadLetter) -> AbstractContextManager[object]:
        return self._transaction(lambda: self.discard(letter.number))

    @contextmanager
    def _transaction(self, end: Callable[[], object]) -> Iterator[None]:
        before = list(self.rows), dict(self._letters)
        if self.trouble is not None:
            raise self.trouble
        try:
            yield
            self._commit()
            end()
        except BaseException:
            self.rows[:], self._letters = before
            raise

    def _commit(self) -> None:
        if self.failures:
            self.failures -= 1
            raise ZeroDivisionError("the commit failed")


@attrs.define
class Stage:
    """Consumers of a stream over a journal."""

    journal: MemoryJournal
    writer: Writer
    consumers: Consumers
    own: Registry
    common: Registry
    stopping: threading.Event
    got: list[tuple[str, str]] = attrs.field(factory=list)

    def listen(self, name: str, consumer: str = MAIN, kind: type[Event] = Event) -> None:
        """Register a callback that notes what it gets, under its name."""
        self.own.add(kind, lambda event: self.got.append((name, event.id)), consumer)

    def append(self, *events: Event) -> list[Entry]:
        return self.journal.append("main", events)

    def hand_out(self, *events: Event) -> list[bool]:
        return [self.consumers.hand_out(entry) for entry in self.append(*events)]

    def settle(self) -> None:
        """Wait until the acknowledgements are written."""
        written = threading.Event()
        self.writer.append("main", [], lambda entries: written.set())
        assert written.wait(PATIENCE)

    def position(self, consumer: str = MAIN) -> int:
        self.settle()
        return self.journal.position("main", consumer)

    def ids(self, name: str) -> list[str]:
        return [identity for by, identity in self.got if by == name]


def stage_on(journal: MemoryJournal, at: int = 0) -> Stage:
    own, common, clock, stopping = Registry(), Registry(), Clock(), threading.Event()
    writer = Writer(journal, clock)
    writer.start()
    consumers = Consumers(
        "main",
        own,
        common,
        runner=Runner("main", clock=clock),
        writer=writer,
        clock=clock,
        stopping=stopping,
        retries=QUICK,
    )
    consumers.start(at)
    return Stage(journal, writer, consumers, own, common, stopping)


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = stage_on(MemoryJournal())
    yield stage
    assert stage.writer.stop(PATIENCE)


@pytest.fixture
def whole() -> Iterator[Stage]:
    """The same over a journal with transactions of its own."""
    stage = stage_on(Transactional())
    yield stage
    assert stage.writer.stop(PATIENCE)


def failing(times: int, then: Callable[[Event], object] = lambda event: None) -> Callable[[Event], object]:
    """A callback that raises so often."""
    left = [times]

    def shaky(event: Event) -> None:
        if left[0]:
            left[0] -= 1
            raise ValueError("of the program")
        then(event)

    return shaky


# --- positions --------------------------------------------------------------------------------------------------------


def test_an_entry_is_acknowledged_when_its_callbacks_have_returned(stage: Stage) -> None:
    """Also where none is registered for it."""
    stage.listen("fills", kind=Fill)
    assert stage.hand_out(fill(1), Live(**about(2))) == [True, True]
    assert stage.ids("fills") == ["event:1"]
    assert stage.position() == 2


def test_each_consumer_is_acknowledged_for_itself(stage: Stage) -> None:
    """And main's callbacks run first, whatever was registered first."""
    stage.listen("ledger", "ledger")
    stage.listen("main")
    stage.hand_out(fill(1))
    assert stage.got == [("main", "event:1"), ("ledger", "event:1")]
    assert (stage.position(), stage.position("ledger")) == (1, 1)


def test_a_new_consumer_reads_from_the_start(stage: Stage) -> None:
    """A slice at a time, between newer entries, each of which it gets once."""
    stage.listen("main")
    stage.hand_out(*fills(1, 2 * SLICE))
    stage.listen("ledger", "ledger")
    assert stage.consumers.catch_up()
    assert len(stage.ids("ledger")) == SLICE
    stage.hand_out(fill(2 * SLICE + 1))
    while stage.consumers.catch_up():
        pass
    stage.hand_out(fill(2 * SLICE + 2))
    everything = [event.id for event in fills(1, 2 * SLICE + 2)]
    assert stage.ids("ledger") == everything == stage.ids("main")
    assert stage.position("ledger") == 2 * SLICE + 2


def test_a_consumer_goes_on_where_it_stood(stage: Stage) -> None:
    """Ahead of main it waits for main, behind main it gets what it lacks; nothing twice."""
    stage.append(*fills(1, 6))
    stage.journal.write([], {("main", MAIN): 3, ("main", "behind"): 1, ("main", "ahead"): 5})
    stage.consumers.start(3)
    for name in ("main", "behind", "ahead"):
        stage.listen(name, name)
    for entry in stage.journal.read(3):
        assert stage.consumers.hand_out(entry)
    while stage.consumers.catch_up():
        pass
    assert stage.ids("main") == ["event:4", "event:5", "event:6"]
    assert stage.ids("behind") == ["event:2", "event:3", "event:4", "event:5", "event:6"]
    assert stage.ids("ahead") == ["event:6"]


def test_other_streams_are_not_ones_business(stage: Stage) -> None:
    """Their entries stand between ours, and a consumer that lacks none of ours is not behind."""
    stage.journal.append("other", fills(1, 3, "other"))
    stage.listen("ledger", "ledger")
    stage.hand_out(fill(1))
    while stage.consumers.catch_up():
        pass
    stage.hand_out(fill(2))
    assert stage.ids("ledger") == ["event:1", "event:2"]


def test_a_consumer_is_known_as_soon_as_it_is_met(stage: Stage) -> None:
    """So that what it has not seen yet is not removed."""
    stage.hand_out(*fills(1, 3))
    stage.listen("ledger", "ledger")
    stage.consumers.catch_up()
    stage.settle()
    assert {each.consumer for each in stage.journal.status().consumers} == {MAIN, "ledger"}


# --- retries and dead letters -----------------------------------------------------------------------------------------


def test_a_callback_that_fails_is_tried_again(stage: Stage) -> None:
    """The others get the event at once and are not run again for it, and what comes behind waits."""
    stage.listen("before")
    stage.own.add(Event, failing(2, lambda event: stage.got.append(("shaky", event.id))))
    stage.listen("after")
    stage.listen("ledger", "ledger")
    stage.hand_out(*fills(1, 2))
    assert stage.got == [
        *((name, "event:1") for name in ("before", "after", "ledger", "shaky")),
        *((name, "event:2") for name in ("before", "shaky", "after", "ledger")),
    ]
    assert stage.journal.dead_letters() == []


def test_two_callbacks_that_fail_are_tried_each_in_its_own_time(stage: Stage) -> None:
    """The event is acknowledged for a consumer when all of its callbacks are done with it."""
    stage.own.add(Event, failing(1, lambda event: stage.got.append(("once", event.id))))
    stage.own.add(Event, failing(2, lambda event: stage.got.append(("twice", event.id))))
    acknowledged: list[int] = []
    stage.own.add(Event, failing(1, lambda event: acknowledged.append(stage.position("ledger"))), "late")
    stage.listen("ledger", "ledger")
    assert stage.hand_out(fill(1)) == [True]
    assert stage.got == [("ledger", "event:1"), ("once", "event:1"), ("twice", "event:1")]
    assert acknowledged == [1]
    assert [stage.position(name) for name in (MAIN, "late")] == [1, 1]


def test_what_keeps_failing_is_set_aside(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """With its traceback; the others get the event, and the stream goes on."""
    stage.own.add(Event, failing(QUICK.attempts))
    stage.listen("after")
    stage.hand_out(*fills(1, 2))
    (letter,) = stage.journal.dead_letters()
    assert (letter.entry.event.id, letter.consumer, letter.attempts) == ("event:1", MAIN, 3)
    assert letter.callback.endswith("shaky")
    assert "ValueError: of the program" in letter.traceback
    assert "raise ValueError" in letter.traceback
    assert stage.ids("after") == ["event:1", "event:2"]
    assert stage.position() == 2
    assert stage.consumers.dead_letters == 1
    assert "set aside as dead letter 1" in caplog.text


def test_a_letter_holds_no_key(stage: Stage) -> None:
    """An exception's text can quote anything."""
    key = "k" * 64

    def careless(event: Event) -> None:
        raise ValueError(f"could not post with {key}")

    stage.own.add(Event, careless)
    stage.hand_out(fill(1))
    (letter,) = stage.journal.dead_letters()
    assert key not in letter.traceback


def test_a_stop_ends_the_attempts(stage: Stage) -> None:
    """The entry is not acknowledged, and comes again at the next start; for another consumer it is."""
    stage.stopping.set()
    stage.own.add(Event, failing(1))
    stage.listen("ledger", "ledger")
    assert stage.hand_out(fill(1)) == [False]
    assert stage.got == [("ledger", "event:1")]
    assert (stage.position(), stage.position("ledger")) == (0, 1)
    assert stage.journal.dead_letters() == []


def test_a_callback_that_is_removed_is_not_tried_again(stage: Stage) -> None:
    def bad(event: Event) -> None:
        stage.own.remove(Event, bad)
        raise ValueError("once")

    stage.own.add(Event, bad)
    assert stage.hand_out(fill(1)) == [True]
    assert stage.journal.dead_letters() == []


def test_a_letter_that_cannot_be_kept_is_not_lost(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is tried until it is, or until the stop; then the event is not acknowledged."""
    keep, failures = stage.journal.set_aside, [JournalError("full"), JournalError("full")]

    def set_aside(letter: DeadLetter) -> DeadLetter:
        if failures:
            raise failures.pop()
        return keep(letter)

    monkeypatch.setattr(stage.journal, "set_aside", set_aside)
    stage.own.add(Event, failing(99))
    assert stage.hand_out(fill(1)) == [True]
    assert len(stage.journal.dead_letters()) == 1
    failures.append(JournalError("full"))
    stage.stopping.set()
    monkeypatch.setattr(stage.consumers, "_retries", Retries(attempts=1))
    assert stage.hand_out(fill(2)) == [False]
    assert stage.position() == 1


def test_a_letter_is_delivered_again_to_its_callback_alone(stage: Stage) -> None:
    """And is no letter any more once that has returned."""
    shaky = failing(QUICK.attempts, lambda event: stage.got.append(("shaky", event.id)))
    stage.own.add(Event, shaky)
    stage.listen("other")
    stage.hand_out(fill(1))
    (letter,) = stage.journal.dead_letters()
    stage.consumers.redeliver(letter)
    assert stage.got == [("other", "event:1"), ("shaky", "event:1")]
    assert stage.journal.dead_letters() == []


def test_a_letter_that_fails_again_is_a_new_one(stage: Stage) -> None:
    """With all the attempts that were made."""
    stage.own.add(Event, failing(99))
    stage.hand_out(fill(1))
    (first,) = stage.journal.dead_letters()
    stage.journal.replay(first.number)
    stage.consumers.redeliver(stage.journal.dead_letters(wanted=True)[0])
    (second,) = stage.journal.dead_letters()
    assert (second.number, second.attempts, second.is_wanted) == (first.number + 1, 6, False)


def test_a_letter_that_is_delivered_again_moves_no_consumer(stage: Stage) -> None:
    """One that was sent back lacks what is before the letter's event."""
    stage.listen("shaky")
    entries = stage.append(*fills(1, 3))
    letter = stage.journal.set_aside(DeadLetter(entries[2], MAIN, "f", "", attempts=1, failed_ms=1))
    stage.consumers.redeliver(letter)
    assert (stage.ids("shaky"), stage.position()) == (["event:3"], 0)


def test_a_letter_without_anybody_is_kept(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    (entry,) = stage.append(fill(1))
    letter = stage.journal.set_aside(DeadLetter(entry, "gone", "f", "", attempts=1, failed_ms=1))
    stage.consumers.redeliver(letter)
    assert stage.journal.dead_letters() == [letter]
    assert "nobody is registered" in caplog.text


@pytest.mark.parametrize(("failed", "pause"), [(1, 0.1), (2, 0.2), (4, 0.8), (7, 5.0), (10_000, 5.0)])
def test_the_pauses_grow_and_are_bounded(failed: int, pause: float) -> None:
    assert Retries().pause(failed) == pytest.approx(pause)


# --- callbacks that end the process -----------------------------------------------------------------------------------


class Ended(BaseException):
    """What ends the process of these tests."""


def next_process(stage: Stage) -> Stage:
    """Another one on the same journal, after the end of the one before it; with a callback that ends it as well."""
    stage.writer.stop(PATIENCE)
    return stage_on(stage.journal, stage.journal.position("main"))


def deadly(stage: Stage, identity: str) -> None:
    """Register a callback that ends the process with one event."""

    def runner(callback: Callable[[Event], object], event: Event) -> BaseException | None:
        stage.got.append((name_of(callback), event.id))
        if name_of(callback) == "deadly" and event.id == identity:
            raise Ended
        return None

    def deadly(event: Event) -> None: ...

    def healthy(event: Event) -> None: ...

    deadly.__qualname__, healthy.__qualname__ = "deadly", "healthy"
    stage.consumers._runner.run = runner  # type: ignore[method-assign]
    for callback in (deadly, healthy):
        stage.own.add(Event, callback)
    stage.own.add(Event, healthy, "ledger")


def lives(stage: Stage, identity: str = "event:2") -> list[Stage]:
    """Processes, each ended by its callback, until one is not."""
    entries, stages = stage.journal.read(), [stage]
    while True:
        deadly(stages[-1], identity)
        at = stages[-1].consumers._at
        try:
            for entry in entries:
                if entry.position > at:
                    assert stages[-1].consumers.hand_out(entry)
        except Ended:
            stages.append(next_process(stages[-1]))
        else:
            return stages


@pytest.mark.parametrize("kind", [MemoryJournal, Transactional])
def test_an_event_that_ends_the_process_is_set_aside(kind: type[MemoryJournal]) -> None:
    """After as many times as a callback may raise; for that callback alone, with words in place of a traceback."""
    stage = stage_on(kind(keep_days=OLD) if kind is MemoryJournal else kind())
    stage.append(*fills(1, 3))
    stages = lives(next_process(stage))
    assert len(stages) == QUICK.attempts + 1
    letters = stage.journal.dead_letters()
    assert {(letter.entry.event.id, letter.consumer, letter.attempts) for letter in letters} == {("event:2", MAIN, 3)}
    if kind is MemoryJournal:
        assert [letter.callback for letter in letters] == ["deadly"]
    assert "The process ended each time" in letters[0].traceback
    assert (stages[-1].position(), stages[-1].position("ledger")) == (3, 3)
    assert stage.journal.unfinished("main") == []
    assert sum(stage.ids("healthy").count("event:3") for stage in stages) == 2
    assert stages[-1].writer.stop(PATIENCE)


def test_the_others_get_it_before_the_one_that_ended_the_process() -> None:
    stage = stage_on(MemoryJournal(keep_days=OLD))
    stage.append(fill(1))
    stages = lives(next_process(stage), "event:1")
    assert [stage.got for stage in stages] == [
        [("deadly", "event:1")],
        [("healthy", "event:1"), ("healthy", "event:1"), ("deadly", "event:1")],  # main, and ledger
        [("healthy", "event:1"), ("deadly", "event:1")],
        [("healthy", "event:1")],
    ]
    assert stages[-1].writer.stop(PATIENCE)


def test_a_letter_that_ends_the_process_is_not_delivered_for_ever(stage: Stage) -> None:
    """It is a new letter in the end, and not wanted any more."""
    (entry,) = stage.append(fill(1))
    stage.journal.acknowledge("main", MAIN, 1)
    wanted = stage.journal.set_aside(DeadLetter(entry, MAIN, "deadly", "", attempts=1, failed_ms=1))
    stage.journal.replay(wanted.number)
    ended = 0
    while letters := stage.journal.dead_letters(wanted=True):
        stage = next_process(stage)
        deadly(stage, "event:1")
        try:
            stage.consumers.redeliver(letters[0])
        except Ended:
            ended += 1
    (letter,) = stage.journal.dead_letters()
    assert (ended, letter.attempts, letter.callback) == (3, 3, "deadly")
    assert stage.journal.unfinished("main") == []
    assert stage.writer.stop(PATIENCE)


@pytest.mark.parametrize(("ended", "pause"), [(1, 1.0), (2, 2.0), (4, 8.0)])
def test_the_pauses_grow_in_which_the_innocent_pass(ended: int, pause: float) -> None:
    assert Retries().pause_after_end(ended) == pytest.approx(pause)


# --- a journal in the program's database ------------------------------------------------------------------------------


def writes(stage: Stage, name: str) -> Callable[[Any], None]:
    assert isinstance(stage.journal, Transactional)
    rows = stage.journal.rows
    return lambda event: rows.append(f"{name} {event.id}")


def test_what_callbacks_wrote_and_the_acknowledgement_are_one(whole: Stage) -> None:
    """An attempt that failed leaves nothing behind, of the callbacks before it either."""
    assert isinstance(whole.journal, Transactional)
    whole.own.add(Event, writes(whole, "first"))
    whole.own.add(Event, failing(2, writes(whole, "second")))
    assert whole.hand_out(fill(1)) == [True]
    assert whole.journal.rows == ["first event:1", "second event:1"]
    assert whole.journal.position("main") == 1


def test_one_that_keeps_failing_costs_the_others_nothing(whole: Stage) -> None:
    """It is left out and set aside, and what the others write is kept."""
    assert isinstance(whole.journal, Transactional)
    whole.own.add(Event, writes(whole, "first"))
    whole.own.add(Event, failing(99))
    whole.own.add(Event, writes(whole, "third"))
    assert whole.hand_out(fill(1)) == [True]
    assert whole.journal.rows == ["first event:1", "third event:1"]
    assert [letter.callback.split(".")[-1] for letter in whole.journal.dead_letters()] == ["shaky"]
    assert whole.position() == 1


def test_a_transaction_that_fails_is_tried_again(whole: Stage) -> None:
    """And when it keeps failing, each of its callbacks has a dead letter."""
    assert isinstance(whole.journal, Transactional)
    whole.own.add(Event, writes(whole, "first"))
    whole.journal.failures = 2
    assert whole.hand_out(fill(1)) == [True]
    assert whole.journal.rows == ["first event:1"]
    whole.journal.failures = QUICK.attempts
    assert whole.hand_out(fill(2)) == [True]
    assert whole.journal.rows == ["first event:1"]
    assert [letter.entry.event.id for letter in whole.journal.dead_letters()] == ["event:2"]
    assert whole.position() == 2


def test_a_dead_letter_is_kept_with_what_the_others_wrote_or_not_at_all(whole: Stage) -> None:
    """Or a crash between the two would leave a second letter for the same failure, to be replayed twice."""
    assert isinstance(whole.journal, Transactional)
    seen: list[int] = []
    whole.own.add(Event, failing(99))
    whole.own.add(Event, failing(2, lambda event: seen.append(len(whole.journal.dead_letters()))))
    assert whole.hand_out(fill(1)) == [True]
    assert seen == [1]
    assert [letter.number for letter in whole.journal.dead_letters()] == [3]  # 1 and 2 were taken back


def test_what_a_replay_writes_and_the_end_of_its_letter_are_one(whole: Stage) -> None:
    """An attempt that failed leaves nothing behind; one that keeps failing leaves a letter in place of the other."""
    assert isinstance(whole.journal, Transactional)
    rows, attempts = whole.journal.rows, failing(QUICK.attempts + 1)

    def shaky(event: Event) -> None:
        rows.append(event.id)
        attempts(event)

    whole.own.add(Event, shaky)
    assert whole.hand_out(fill(1)) == [True]
    (letter,) = whole.journal.dead_letters()
    whole.consumers.redeliver(letter)
    assert rows == ["event:1"]
    assert whole.journal.dead_letters() == []
    whole.own.add(Live, failing(99))
    whole.hand_out(Live(**about(2)))
    (first,) = whole.journal.dead_letters()
    whole.consumers.redeliver(first)
    (second,) = whole.journal.dead_letters()
    assert (second.attempts, second.number > first.number) == (first.attempts + QUICK.attempts, True)


@pytest.mark.parametrize("kind", [MemoryJournal, Transactional])
def test_a_letter_that_is_gone_is_not_delivered_for_ever(
    kind: type[MemoryJournal], caplog: pytest.LogCaptureFixture
) -> None:
    """Somebody discards it while it is on its way."""
    caplog.set_level("INFO")
    stage = stage_on(kind())
    stage.own.add(Event, failing(QUICK.attempts))
    stage.hand_out(fill(1))
    (letter,) = stage.journal.dead_letters()
    stage.journal.discard(letter.number)
    stage.consumers.redeliver(letter)
    assert f"dead letter {letter.number} is gone" in caplog.text
    assert stage.writer.stop(PATIENCE)


# --- waiting ----------------------------------------------------------------------------------------------------------


def away(times: int, then: Callable[[Event], object]) -> Callable[[Event], object]:
    """A callback whose broker is away so often."""
    left = [times]

    def send(event: Event) -> None:
        if left[0]:
            left[0] -= 1
            raise TryLater("the broker is away")
        then(event)

    return send


@pytest.mark.parametrize("kind", [MemoryJournal, Transactional])
def test_an_event_waits_for_what_its_callback_needs(
    kind: type[MemoryJournal], caplog: pytest.LogCaptureFixture
) -> None:
    """However often it has to: that is no failed attempt, no dead letter, and one line in the log."""
    stage = stage_on(kind())
    got: list[str] = []
    stage.own.add(Event, away(3 * QUICK.attempts, lambda event: got.append(event.id)))
    assert stage.hand_out(fill(1), fill(2)) == [True, True]
    assert got == ["event:1", "event:2"]
    assert stage.journal.dead_letters() == []
    assert [record.message for record in caplog.records if "cannot take" in record.message] == [
        "main: the callback away.<locals>.send cannot take Fill now: the broker is away"
    ]
    assert stage.position() == 2
    assert stage.writer.stop(PATIENCE)


@pytest.mark.parametrize("kind", [MemoryJournal, Transactional])
def test_a_stop_ends_the_waiting(kind: type[MemoryJournal]) -> None:
    """What waits is not acknowledged."""
    stage = stage_on(kind())
    stage.stopping.set()
    stage.own.add(Event, away(10_000, lambda event: None))
    assert stage.hand_out(fill(1)) == [False]
    assert stage.position() == 0
    assert stage.writer.stop(PATIENCE)


def test_a_journal_that_is_away_is_no_fault_of_the_event(whole: Stage) -> None:
    """It is not set aside: whoever hands it out hears of it, and does so again later."""
    assert isinstance(whole.journal, Transactional)
    whole.own.add(Event, writes(whole, "first"))
    (entry,) = whole.append(fill(1))
    whole.journal.trouble = JournalError("away")
    with pytest.raises(JournalError):
        whole.consumers.hand_out(entry)
    assert (whole.journal.rows, whole.journal.dead_letters()) == ([], [])
    whole.journal.trouble = None
    assert whole.consumers.hand_out(entry)
    assert whole.journal.rows == ["first event:1"]
