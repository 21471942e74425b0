"""Homes and locks of one process, and what a real child finds of them."""

from __future__ import annotations

import logging
import os
import threading

import pytest

from jexkit.engine.governor import Governor
from jexkit.engine.process import Home, OwnLock, forks
from jexkit.errors import UsageError
from tests.children import WAIT, in_child


def test_at_home_all_is_well() -> None:
    """In the process that made it, it may act."""
    home = Home("thing")
    assert home.is_here
    assert home.may_act()
    home.check()


def test_a_child_is_told_once_and_how_to_mend_it(caplog: pytest.LogCaptureFixture) -> None:
    """The log has one line, with both processes and the remedy; whoever insists gets it as an error."""
    home = Home("thing")

    def look() -> list[object]:
        caplog.clear()
        found: list[object] = [home.is_here, len(caplog.records), home.may_act(), home.may_act()]
        with pytest.raises(UsageError) as refused:
            home.check()
        return [*found, [(record.levelno, record.getMessage()) for record in caplog.records], str(refused.value)]

    is_here, quiet, first, second, said, error = in_child(look)
    assert (is_here, quiet, first, second) == (False, 0, False, False)
    assert said == [[logging.WARNING, error]]
    for words in ("this thing was made in", f"process {os.getpid()}", "forked", "post_fork", "worker_process_init"):
        assert words in error
    assert home.may_act()


def test_a_fork_is_counted_in_the_child_alone() -> None:
    """So that a callback that forked is seen at once, without asking the system after each."""
    before = forks.count
    assert in_child(lambda: forks.count) == before + 1
    assert forks.count == before


def held_by_another_thread(lock: OwnLock) -> tuple[threading.Event, threading.Thread]:
    """A thread that holds the lock until the event is set."""
    taken, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            taken.set()
            leave.wait(WAIT)

    thread = threading.Thread(target=hold)
    thread.start()
    assert taken.wait(WAIT)
    return leave, thread


def test_a_child_does_not_wait_for_a_lock_that_its_parent_holds() -> None:
    """It has one of its own, which works like one."""
    lock = OwnLock()
    leave, thread = held_by_another_thread(lock)

    def use() -> int:
        with lock:
            pass
        passed: list[int] = []
        leave_too, other = held_by_another_thread(lock)
        waiting = threading.Thread(target=lambda: (lock.__enter__(), passed.append(1), lock.__exit__()))
        waiting.start()
        before = len(passed)
        leave_too.set()
        other.join(WAIT)
        waiting.join(WAIT)
        return len(passed) - before

    assert in_child(use) == 1
    leave.set()
    thread.join(WAIT)


def test_a_child_keeps_to_a_ban_that_its_parent_was_told_of() -> None:
    """The exchange bans an address; and the parent's lock does not hold up the child."""
    governor = Governor()
    governor.close("https://example.org/x", 100.0)
    leave, thread = held_by_another_thread(governor._lock)
    assert in_child(lambda: governor.closed_for("https://example.org/x")) > 50
    leave.set()
    thread.join(WAIT)
