"""The scheduler's threads: how many there are, when they end, and that none of them holds a process."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import pytest

from jexkit.engine.crew import Crew
from tests.children import WAIT


def test_work_is_done_and_its_outcome_told() -> None:
    """A result, or the error, which ends no thread."""
    crew = Crew("crew", 1)
    assert crew.submit(divmod, 7, 2).result(WAIT) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        crew.submit(lambda: 1 // 0).result(WAIT)
    with pytest.raises(SystemExit):
        crew.submit(sys.exit).result(WAIT)
    assert crew.submit(lambda: threading.current_thread().name).result(WAIT) == "crew_0"
    crew.shutdown()


def test_it_is_no_larger_than_it_has_to_be() -> None:
    """A thread that waits is used again; with all of them busy, work waits for the first that is free."""
    crew, gate = Crew("crew", 3), threading.Event()
    deadline = time.monotonic() + WAIT
    for _ in range(20):
        crew.submit(int).result(WAIT)
        while crew._unclaimed != -1:  # the result may be had a moment before its thread is free
            assert time.monotonic() < deadline
    assert len(crew._threads) == 1
    held = [crew.submit(gate.wait, WAIT) for _ in range(5)]
    assert len(crew._threads) == 3
    gate.set()
    assert [each.result(WAIT) for each in held] == [True] * 5
    crew.shutdown()
    assert not any(thread.is_alive() for thread in crew._threads)


def test_what_is_cancelled_is_not_done() -> None:
    """As long as it waits."""
    crew, gate, done = Crew("crew", 1), threading.Event(), []
    crew.submit(gate.wait, WAIT)
    assert crew.submit(done.append, 1).cancel()
    gate.set()
    crew.shutdown()
    assert done == []


def test_after_its_end_it_takes_nothing() -> None:
    """And the waiting for its end has a limit, also on one of its own threads."""
    crew, gate = Crew("crew", 2), threading.Event()
    crew.submit(gate.wait, WAIT)
    crew.end(time.monotonic())
    with pytest.raises(RuntimeError, match="no more work"):
        crew.submit(int)
    gate.set()
    crew.end(time.monotonic() + WAIT)
    assert not any(thread.is_alive() for thread in crew._threads)
    another = Crew("another", 1)
    another.submit(lambda: another.end(time.monotonic() + WAIT)).result(WAIT)


def test_a_thread_that_hangs_does_not_hold_the_process() -> None:
    """The interpreter ends all the same."""
    program = "import threading; from jexkit.engine.crew import Crew; Crew('x', 1).submit(threading.Event().wait)"
    assert subprocess.run([sys.executable, "-c", program], timeout=WAIT, check=False).returncode == 0
