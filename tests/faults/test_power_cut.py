"""What was said to be on disk is there after a power cut, as the system calls of a real process tell.

A program delivers events from a journal under ``strace``, which writes down every write and every flush in the order in
which they happened. From that the files are made anew as a power cut would have left them at any moment: with all that
was flushed by then, and of what was not any part, by chance.
"""

from __future__ import annotations

import random
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from jexkit.journal.sqlite import SqliteJournal

PATIENCE = 300.0
EVENTS, BURST = 120, 4

PROGRAM = f"""
import os, sys, threading
from jexkit.core.memory import Memory
from jexkit.engine.clock import Clock
from jexkit.engine.journaled import JournaledDelivery
from jexkit.engine.journaling import Writer
from jexkit.engine.registry import Registry
from jexkit.engine.runner import Runner
from jexkit.events import Event
from jexkit.journal.sqlite import SqliteJournal
from jexkit.testing.conformance.journal import fills

path, said, synchronous = sys.argv[1:]
said = os.open(said, os.O_WRONLY | os.O_CREAT)
clock, own, has_come = Clock(), Registry(has_journal=True), threading.Semaphore(0)
writer = Writer(SqliteJournal(path, keep_days=100_000, synchronous=synchronous), clock)
delivery = JournaledDelivery(
    "main", own, Registry(has_journal=True), runner=Runner("main", clock=clock), clock=clock, writer=writer,
    memory=Memory,
)

def say(event):
    os.write(said, event.id.encode())
    has_come.release()

own.add(Event, say)
writer.start()
delivery.recall()
delivery.start()
for first in range(1, {EVENTS}, {BURST}):
    delivery.put(fills(first, first + {BURST} - 1))
    for _ in range({BURST}):
        assert has_come.acquire(timeout=60)
os._exit(0)
"""

CALL = re.compile(r"^(\d+) +(pwrite64|write|ftruncate|fsync|fdatasync)\(\d+<([^>]*)>(?:, )?(.*)$")
ENDED = re.compile(r"^(\d+) +<\.\.\. (?:fsync|fdatasync) resumed>")


@attrs.define
class File:
    """The bytes of one, as they are on disk, and what was written since and may be there or not."""

    flushed: bytearray = attrs.field(factory=bytearray)
    waiting: list[tuple[int, bytes | None]] = attrs.field(factory=list)  # a place and bytes, or a length and None
    asked: dict[str, int] = attrs.field(factory=dict)  # how much of it each flush under way is about, by thread

    def flush(self, count: int) -> None:
        for place, data in self.waiting[:count]:
            _change(self.flushed, place, data)
        del self.waiting[:count]

    def after_a_cut(self, chance: random.Random) -> bytes:
        """All that was flushed, and by chance something of the rest."""
        found = bytearray(self.flushed)
        for place, data in self.waiting:
            if chance.random() < 0.5:
                _change(found, place, data)
        return bytes(found)


def _change(file: bytearray, place: int, data: bytes | None) -> None:
    if data is None:
        del file[place:]
        return
    file.extend(bytes(max(0, place - len(file))))
    file[place : place + len(data)] = data


def replayed(trace: Path, journal: Path, said: Path) -> Iterator[tuple[str, dict[Path, File]]]:
    """What a callback said, one after the other, and the files at that moment."""
    files = {journal: File(), Path(f"{journal}-wal"): File()}
    under_way: dict[str, File] = {}
    for line in trace.read_text("ascii").splitlines():
        if ended := ENDED.match(line):
            thread = ended[1]
            if (file := under_way.pop(thread, None)) is not None:
                file.flush(file.asked.pop(thread))
            continue
        if not (call := CALL.match(line)):
            continue
        thread, name, path, rest = call[1], call[2], Path(_bytes(call[3]).decode()), call[4]
        if path == said and name == "write":
            yield _bytes(rest[1 : rest.rindex('"')]).decode(), files
        if path not in files:
            continue
        file = files[path]
        if name == "pwrite64":
            text, _, more = rest.rpartition('", ')
            file.waiting.append((int(re.split(r"[ ,)]+", more)[1]), _bytes(text[1:])))
        elif name == "ftruncate":
            file.waiting.append((int(re.split(r"[ ,)]+", rest)[0]), None))
        elif "unfinished" in line:
            under_way[thread], file.asked[thread] = file, len(file.waiting)
        else:
            file.flush(len(file.waiting))


def _bytes(text: str) -> bytes:
    """Of a text in which every letter is a number."""
    return bytes.fromhex(text.replace("\\x", ""))


@pytest.fixture(scope="module")
def strace() -> str:
    found = shutil.which("strace")
    if found is None or subprocess.run([found, "true"], capture_output=True, check=False).returncode:
        pytest.skip("needs strace, and to be allowed to use it")
    return found


def missing_after_cuts(strace: str, folder: Path, synchronous: str, seed: int) -> tuple[int, int]:
    """How many events were told, and how many of them a journal lacked when the power was cut right then."""
    path, said, trace = folder / "journal.db", folder / "said", folder / "trace"
    calls = "trace=pwrite64,write,ftruncate,fsync,fdatasync"
    traced = [strace, "-f", "-y", "-xx", "-s", "1000000", "-e", calls, "-o", str(trace)]
    program = [sys.executable, "-c", PROGRAM, str(path), str(said), synchronous]
    subprocess.run([*traced, *program], check=True, timeout=PATIENCE)
    chance, told, missing = random.Random(seed), set[str](), 0
    for identity, files in replayed(trace, path, said):
        told.add(identity)
        place = folder / f"cut-{len(told)}"
        place.mkdir()
        for file in files:
            (place / file.name).write_bytes(files[file].after_a_cut(chance))
        journal = SqliteJournal(place / path.name, keep_days=100_000)
        if not (place / path.name).stat().st_size:
            missing += len(told)
            continue
        journal.open()
        found = {entry.event.id for entry in journal.read(limit=EVENTS)}
        missing += len(told - found)
        assert journal.status().set_aside == ""
        position = journal.position("main")
        assert position < len(told)  # not even the one that is being told is acknowledged
        journal.close()
    return len(told), missing


def test_what_a_callback_saw_survives_a_power_cut(strace: str, tmp_path: Path) -> None:
    """At the very moment at which it sees it, whatever else of the last writes is on disk; and nothing is damaged."""
    assert missing_after_cuts(strace, tmp_path, "full", seed=1) == (EVENTS, 0)


def test_without_a_flush_it_need_not(strace: str, tmp_path: Path) -> None:
    """Which ``synchronous="normal"`` says; and it shows that this file would notice."""
    told, missing = missing_after_cuts(strace, tmp_path, "normal", seed=1)
    assert told == EVENTS
    assert missing > 0
