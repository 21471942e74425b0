"""The thread that holds the lock: when it begins the work, when it lets go of it, and what the clock alone says."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Iterator

import pytest

from jexkit.core.lock import Lock
from jexkit.engine.tenure import Tenure
from jexkit.errors import JournalError, LockError
from jexkit.testing.clock import ManualClock
from tests.children import WAIT


class Scripted(Lock):
    """Answers what the test says, and tells it of each call."""

    lease = 0.05  # so that the thread looks often; the lease is counted by a clock that stands still

    def __init__(self) -> None:
        self.calls: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.is_free = False
        self.is_mine = True
        self.fault: Exception | None = None

    def acquire(self) -> bool:
        self.calls.put("acquire")
        return self._answer(self.is_free)

    def renew(self) -> bool:
        self.calls.put("renew")
        return self._answer(self.is_mine)

    def release(self) -> None:
        self.calls.put("release")
        self._answer(True)

    def holder(self) -> str:
        return "process 7 on elsewhere"

    def _answer(self, answer: bool) -> bool:
        if self.fault is not None:
            raise self.fault
        return answer

    def wait_for(self, call: str, times: int = 1) -> None:
        """Until the thread has made this call anew, so often."""
        while not self.calls.empty():
            self.calls.get()
        while times:
            times -= self.calls.get(timeout=WAIT) == call


class Stage:
    """A tenure, its lock and its clock, and what it was told to do."""

    def __init__(self) -> None:
        self.lock, self.clock = Scripted(), ManualClock()
        self.gained, self.lost = threading.Event(), threading.Event()
        self.is_well = True
        self.begin: Callable[[], None] = self.gained.set
        self.tenure = Tenure(
            self.lock,
            self.clock,
            gained=lambda: self.begin(),
            lost=self.lose,
            is_well=self.look,
        )
        self.looked = threading.Semaphore(0)

    def lose(self, why: str) -> None:
        self.why = why
        self.lost.set()

    def look(self) -> bool:
        is_well = self.is_well
        self.looked.release()
        return is_well

    def wait_for_a_look(self) -> None:
        """Until the thread has asked anew whether the streams are well: no renewal from before that is under way."""
        while self.looked.acquire(blocking=False):
            pass
        for _ in range(2):  # the first may have been answered before
            assert self.looked.acquire(timeout=WAIT)

    def hold(self) -> None:
        self.lock.is_free = True
        self.tenure.start()
        assert self.gained.wait(WAIT)


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.lock.fault = None
    stage.tenure.stop(WAIT)


def test_it_stands_by_until_the_lock_is_free(stage: Stage) -> None:
    """Then the work begins, and the lock is renewed; at the end it is given up."""
    stage.tenure.start()
    stage.lock.wait_for("acquire", 3)
    assert not stage.gained.is_set()
    assert not stage.tenure.is_held
    stage.lock.is_free = True
    assert stage.gained.wait(WAIT)
    stage.lock.wait_for("renew", 3)
    assert stage.tenure.is_held
    assert stage.tenure.holds
    assert stage.tenure.stop(WAIT)
    stage.lock.calls.put("end")
    assert [stage.lock.calls.get() for _ in range(stage.lock.calls.qsize())][-2:] == ["release", "end"]
    assert not stage.tenure.is_held


def test_at_the_end_the_lock_is_given_up_whoever_took_it(stage: Stage) -> None:
    """It may have been acquired by hand before the manager was given it, and the thread not come to it."""
    stage.tenure.start()
    assert stage.tenure.stop(WAIT)
    calls = [stage.lock.calls.get() for _ in range(stage.lock.calls.qsize())]
    assert calls[-1] == "release"
    assert not stage.gained.is_set()


def test_the_clock_alone_ends_a_tenure(stage: Stage) -> None:
    """After four fifths of the lease, whatever the thread does; a renewal brings it back."""
    stage.hold()
    stage.lock.fault = LockError("no server")
    stage.lock.wait_for("renew", 2)
    stage.clock.advance(0.8 * 0.05 - 0.001)
    assert stage.tenure.is_held
    stage.clock.advance(0.002)
    assert not stage.tenure.is_held
    assert stage.tenure.holds
    stage.lock.fault = None
    stage.lock.wait_for("renew", 2)
    assert stage.tenure.is_held
    assert not stage.lost.is_set()


def test_streams_that_do_not_move_for_a_lease_are_given_up(stage: Stage) -> None:
    """And begun anew when the lock is free, which may be at once."""
    stage.hold()
    stage.lock.is_free = stage.is_well = False
    stage.wait_for_a_look()
    stage.clock.advance(1)
    assert stage.lost.wait(WAIT)
    assert stage.why == "the streams did not move"
    assert not stage.tenure.holds
    stage.gained.clear()
    stage.lock.is_free = True
    assert stage.gained.wait(WAIT)


def test_a_renewal_counts_from_before_it_was_asked_for(stage: Stage) -> None:
    """Its answer may take longer than the lease."""
    stage.hold()
    asked, answer = threading.Event(), threading.Event()

    def slow() -> bool:
        asked.set()
        answer.wait(WAIT)
        return True

    stage.lock.renew = slow  # type: ignore[method-assign]
    assert asked.wait(WAIT)
    stage.clock.advance(1)
    stage.lock.fault = LockError("no server")
    stage.lock.renew = Scripted.renew.__get__(stage.lock)  # type: ignore[method-assign]
    answer.set()
    stage.lock.wait_for("renew")
    assert not stage.tenure.is_held


def test_streams_that_do_not_move_are_not_renewed_for(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """And it is said, not at every look."""
    stage.hold()
    stage.lock.wait_for("renew")
    stage.is_well = False
    looked = threading.Semaphore(0)
    stage.tenure._is_well = lambda: looked.release() or False  # type: ignore[func-returns-value]
    for _ in range(5):
        assert looked.acquire(timeout=WAIT)
    while not stage.lock.calls.empty():
        stage.lock.calls.get()
    for _ in range(3):
        assert looked.acquire(timeout=WAIT)
    assert stage.lock.calls.empty()
    assert caplog.text.count("the streams do not move") == 1


def test_a_holder_that_was_replaced_loses_its_work_and_stands_by(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told who has the lock, and takes it again when it is free."""
    stage.hold()
    stage.lock.is_free = stage.lock.is_mine = False
    assert stage.lost.wait(WAIT)
    assert not stage.tenure.is_held
    assert not stage.tenure.holds
    assert stage.why == "another process has the lock"
    assert "another process has the lock (process 7 on elsewhere)" in caplog.text
    stage.gained.clear()
    stage.lock.wait_for("acquire", 2)
    stage.lock.is_mine = stage.lock.is_free = True
    assert stage.gained.wait(WAIT)


@pytest.mark.parametrize("fault", [LockError("no server"), ZeroDivisionError("theirs")])
def test_a_lock_that_fails_is_asked_again(stage: Stage, caplog: pytest.LogCaptureFixture, fault: Exception) -> None:
    """Nothing is lost by it before the lease is over."""
    stage.lock.fault = fault
    stage.tenure.start()
    stage.lock.wait_for("acquire", 3)
    stage.lock.fault = None
    stage.lock.is_free = True
    assert stage.gained.wait(WAIT)
    stage.lock.fault = fault
    stage.lock.wait_for("renew", 3)
    assert stage.tenure.is_held
    assert not stage.lost.is_set()
    assert str(fault) in caplog.text


def test_work_that_cannot_begin_gives_the_lock_to_another(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """A journal that this process may not write, for example; it is tried again."""

    def fail() -> None:
        stage.begin = stage.gained.set
        raise JournalError("not writable")

    stage.begin = fail
    stage.lock.is_free = True
    stage.tenure.start()
    assert stage.gained.wait(WAIT)
    said = [stage.lock.calls.get() for _ in range(3)]
    assert said == ["acquire", "release", "acquire"]
    assert "not writable" in caplog.text


class Slow:
    """Work that begins when the test says so."""

    def __init__(self, stage: Stage) -> None:
        self.is_begun = threading.Event()
        self._is_let_go = threading.Event()
        stage.begin = self.begin
        stage.lock.is_free = True
        stage.tenure.start()
        assert self.is_begun.wait(WAIT)

    def begin(self) -> None:
        self.is_begun.set()
        self._is_let_go.wait(WAIT)

    def let_go(self) -> None:
        self._is_let_go.set()


def test_the_lock_is_renewed_while_the_work_begins(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """A journal may take longer to read than a lease; a look at the lock that fails does not end it."""
    work = Slow(stage)
    stage.clock.advance(1)
    stage.lock.wait_for("renew", 2)
    assert stage.tenure.is_held
    stage.lock.fault = LockError("no server")
    stage.lock.wait_for("renew", 2)
    stage.lock.fault = None
    work.let_go()
    stage.lock.wait_for("renew", 2)
    assert stage.tenure.is_held
    assert not stage.lost.is_set()
    assert "no server" in caplog.text


def test_a_lock_that_is_taken_while_the_work_begins_is_left_when_it_has_begun(stage: Stage) -> None:
    """Not before: the two are never under way at the same time. No callback has begun by then."""
    work = Slow(stage)
    stage.lock.is_free = stage.lock.is_mine = False
    stage.lock.wait_for("renew")
    work.let_go()
    assert stage.lost.wait(WAIT)
    assert not stage.tenure.is_held
    assert stage.why == "another process has the lock"


def test_work_that_does_not_come_to_begin_is_not_renewed_for(stage: Stage) -> None:
    """After a minute another process may do better, if this one hangs."""
    work = Slow(stage)
    stage.lock.wait_for("renew")
    looks = threading.Semaphore(0)
    monotonic = stage.clock.monotonic
    stage.clock.advance(61)
    stage.clock.monotonic = lambda: looks.release() or monotonic()  # type: ignore[method-assign, func-returns-value]
    for _ in range(3):
        assert looks.acquire(timeout=WAIT)
    while not stage.lock.calls.empty():
        stage.lock.calls.get()
    for _ in range(3):
        assert looks.acquire(timeout=WAIT)
    assert stage.lock.calls.empty()
    stage.clock.advance(1)  # one renewal may have been under way when the minute was over
    assert not stage.tenure.is_held
    work.let_go()


def test_after_end_it_takes_nothing_new_and_keeps_what_it_has(stage: Stage) -> None:
    """While the work is being ended the lock is kept, though the streams do not move any more."""
    stage.hold()
    stage.is_well = False
    stage.tenure.end()
    stage.lock.wait_for("renew", 3)
    assert stage.tenure.is_held
    assert stage.tenure.stop(WAIT)
    idle = Stage()
    idle.lock.is_free = True
    idle.tenure.end()
    idle.tenure.start()
    assert idle.tenure.stop(WAIT)
    assert not idle.gained.is_set()


def test_a_lock_that_cannot_be_given_up_is_said(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """Another process waits for its lease then."""
    stage.hold()
    stage.lock.wait_for("renew")
    stage.lock.fault = LockError("no server")
    assert stage.tenure.stop(WAIT)
    assert "free when its lease is over: no server" in caplog.text
    assert [record.levelno for record in caplog.records if "lease is over" in record.message] == [logging.WARNING]
