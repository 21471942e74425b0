"""A callback that ends the process, in real processes that follow one another on one journal."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from jexkit.journal.sqlite import SqliteJournal
from jexkit.testing.conformance.journal import fills

PATIENCE = 60.0
OLD = 100_000  # days; the events of tests are

PROGRAM = """
import ctypes, os, signal, sys, threading
from jexkit.core.memory import Memory
from jexkit.engine.clock import Clock
from jexkit.engine.consumers import Retries
from jexkit.engine.journaled import JournaledDelivery
from jexkit.engine.journaling import Writer
from jexkit.engine.registry import Registry
from jexkit.engine.runner import Runner
from jexkit.events import Event
from jexkit.journal.sqlite import SqliteJournal

path, ending = sys.argv[1:]
ENDINGS = {
    "os._exit": lambda: os._exit(3),
    "a crash": lambda: ctypes.string_at(0),
    "a kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "nothing": lambda: None,
}
clock, own, is_done = Clock(), Registry(has_journal=True), threading.Event()
writer = Writer(SqliteJournal(path, keep_days=100_000), clock)
delivery = JournaledDelivery(
    "main", own, Registry(has_journal=True), runner=Runner("main", clock=clock), clock=clock, writer=writer,
    memory=Memory, retries=Retries(attempts=3, after_end=0.01),
)

def deadly(event):
    if event.id == "event:300":
        ENDINGS[ending]()

def book(event):
    print(event.id, flush=True)
    if event.id == "event:400":
        is_done.set()

own.add(Event, deadly)
own.add(Event, book)
writer.start()
delivery.recall()
delivery.start()
is_done.wait(60)
print(delivery.stop(60), writer.stop(60))
"""


def run(path: Path, ending: str) -> tuple[int, list[str]]:
    """One process: how it ended, and what its harmless callback got."""
    command = [sys.executable, "-c", PROGRAM, str(path), ending]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    return done.returncode, done.stdout.split()


@pytest.mark.parametrize(
    ("ending", "code"), [("os._exit", 3), ("a crash", -signal.SIGSEGV), ("a kill", -signal.SIGKILL)]
)
def test_an_event_that_ends_every_process_is_set_aside(tmp_path: Path, ending: str, code: int) -> None:
    """Of 400 that wait the one that does it, for the callback that does it, after three times that were seen."""
    path = tmp_path / "journal"
    journal = SqliteJournal(path, keep_days=OLD)
    journal.open()
    journal.append("main", fills(1, 400))
    journal.close()
    runs = [run(path, ending)]
    while runs[-1][0] == code:
        runs.append(run(path, ending))
        assert len(runs) < 10
    assert [returned for returned, _ in runs] == [code] * 3 + [0]
    assert runs[-1][1][-3:] == ["event:400", "True", "True"]
    booked = [identity for _, got in runs for identity in got]
    assert set(booked) >= {f"event:{number}" for number in range(1, 401)}
    (letter,) = journal.dead_letters()
    assert (letter.entry.event.id, letter.callback, letter.attempts) == ("event:300", "deadly", 3)
    assert "The process ended each time" in letter.traceback
    assert (journal.position("main"), journal.unfinished("main")) == (400, [])
