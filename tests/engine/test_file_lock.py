"""The lock by files: one holder among real processes that live, die, hang and wake."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jexkit.engine.file_lock import FileLock
from jexkit.errors import ConfigurationError, LockError
from jexkit.testing.clock import ManualClock
from tests.children import in_child
from tests.cli.commands import WITHIN, Program

HOLDER = """
import sys
from jexkit.engine.file_lock import FileLock
lock = FileLock(sys.argv[1], lease=float(sys.argv[2]))
for line in sys.stdin:
    print(getattr(lock, line.strip())(), flush=True)
"""


class Process:
    """Another process, which does with its lock what it is told."""

    def __init__(self, path: Path, lease: float) -> None:
        self._popen = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(path), str(lease)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )

    def __getattr__(self, method: str) -> Callable[[], str]:
        def call() -> str:
            assert self._popen.stdin is not None
            assert self._popen.stdout is not None
            self._popen.stdin.write(method + "\n")
            self._popen.stdin.flush()
            return self._popen.stdout.readline().strip()

        return call

    @property
    def pid(self) -> int:
        return self._popen.pid

    def signal(self, number: int) -> None:
        self._popen.send_signal(number)
        if number == signal.SIGKILL:
            self._popen.wait(WITHIN)
        elif number == signal.SIGSTOP:
            os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WNOWAIT)

    def close(self) -> None:
        self._popen.kill()
        self._popen.communicate(timeout=WITHIN)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jexkit.lock"


@pytest.fixture
def process(path: Path) -> Iterator[Callable[..., Process]]:
    processes: list[Process] = []

    def start(lease: float = 10.0) -> Process:
        processes.append(Process(path, lease))
        return processes[-1]

    yield start
    for each in processes:
        each.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def read(path: Path) -> dict[str, Any]:
    """What the lock says of its holder."""
    found: dict[str, Any] = json.loads(path.with_name("jexkit.lock.holder").read_text())
    return found


def rewrite(path: Path, **change: Any) -> None:
    """Have it say something else; in one write, as the holder does."""
    with path.with_name("jexkit.lock.holder").open("r+b", buffering=0) as file:
        file.write(json.dumps({**read(path), **change}).ljust(4096).encode())


def test_one_holds_it_and_the_others_do_not(path: Path, clock: ManualClock) -> None:
    """Until it is given up; whoever holds it is told of, and asking again changes nothing for it."""
    first, second = FileLock(path, clock=clock), FileLock(path, clock=clock)
    assert first.holder() == ""
    assert (first.acquire(), second.acquire()) == (True, False)
    assert f"process {os.getpid()} on " in second.holder()
    assert (first.renew(), second.renew()) == (True, False)
    second.release()
    assert second.acquire() is False
    first.release()
    assert (second.acquire(), first.acquire(), first.renew()) == (True, False, False)
    second.release()


def test_what_it_leaves_is_the_empty_file_that_was_named(path: Path) -> None:
    """The other one is there while it is held; no descriptor stays open."""
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    for _ in range(5):
        lock = FileLock(path)
        assert lock.acquire()
        assert lock.renew()
        assert sorted(each.name for each in path.parent.iterdir()) == ["jexkit.lock", "jexkit.lock.holder"]
        lock.release()
    assert [each.name for each in path.parent.iterdir()] == ["jexkit.lock"]
    assert path.stat().st_size == 0
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


def test_a_lease_that_is_not_renewed_ends(path: Path, clock: ManualClock) -> None:
    """To the second; and its old holder learns of it, and takes nothing back."""
    first, second = FileLock(path, lease=10, clock=clock), FileLock(path, lease=10, clock=clock)
    assert first.acquire()
    clock.advance(9)
    assert first.renew()
    clock.advance(9.9)
    assert not second.acquire()
    clock.advance(0.2)
    assert second.acquire()
    assert not first.renew()
    assert not first.acquire()
    first.release()
    assert second.renew()


def test_a_late_holder_whom_nobody_replaced_goes_on(path: Path, clock: ManualClock) -> None:
    """There is nobody to step down for."""
    lock = FileLock(path, lease=10, clock=clock)
    assert lock.acquire()
    clock.advance(1_000)
    assert lock.renew()


def test_a_lock_of_an_earlier_start_of_the_machine_is_free(path: Path, clock: ManualClock) -> None:
    """Its clock shows more than ours has reached yet."""
    lock = FileLock(path, clock=clock)
    late = ManualClock()
    late.advance(10_000)
    assert FileLock(path, clock=late).acquire()
    assert lock.acquire()


@pytest.mark.parametrize("rubbish", [b"", b"{", b"[1]", b'{"token": 1}', b"\xff" * 10])
def test_rubbish_in_the_holders_file_is_no_holder(path: Path, rubbish: bytes) -> None:
    """Such as a machine leaves that went down while it was written."""
    lock = FileLock(path)
    path.with_name("jexkit.lock.holder").write_bytes(rubbish)
    assert lock.holder() == ""
    assert lock.acquire()


def test_a_holder_that_is_killed_is_replaced_at_once(path: Path, process: Callable[..., Process]) -> None:
    """Long before its lease is over: the system has dropped its lock on the file."""
    other, lock = process(lease=3600), FileLock(path)
    assert other.acquire() == "True"
    assert not lock.acquire()
    other.signal(signal.SIGKILL)
    assert lock.acquire()
    lock.release()


def test_a_holder_that_hangs_is_replaced_after_its_lease_and_steps_down(
    path: Path, process: Callable[..., Process]
) -> None:
    """Its lock on the file lasts while it hangs; the new holder gets it when it wakes, and is safe before that too."""
    hanging, third = process(lease=1), process()
    lock = FileLock(path, lease=3600)
    assert hanging.acquire() == "True"
    hanging.signal(signal.SIGSTOP)
    while not lock.acquire():
        os.sched_yield()
    assert third.acquire() == "False"
    assert read(path)["is_locked"] is False
    assert lock.renew()
    hanging.signal(signal.SIGCONT)
    assert hanging.renew() == "False"
    assert lock.renew()
    assert read(path)["is_locked"] is True
    assert (hanging.acquire(), third.acquire()) == ("False", "False")
    lock.release()
    assert hanging.acquire() == "True"


def test_a_dead_hanging_holder_does_not_make_its_follower_look_dead(
    path: Path, process: Callable[..., Process]
) -> None:
    """Between its death and the next renewal nobody has the lock on the file."""
    hanging, third = process(lease=1), process()
    lock = FileLock(path, lease=3600)
    assert hanging.acquire() == "True"
    hanging.signal(signal.SIGSTOP)
    while not lock.acquire():
        os.sched_yield()
    hanging.signal(signal.SIGKILL)
    assert third.acquire() == "False"
    assert lock.renew()
    lock.release()


def test_a_holder_that_hangs_is_killed_where_that_is_wanted(
    path: Path,
    process: Callable[..., Process],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After its lease, and said; then nobody is there from whom anything has to be taken by force."""
    monkeypatch.setattr("jexkit.engine.hung.WITHIN", WITHIN)
    hanging, lock = process(lease=3600), FileLock(path, kill_hung=True)
    assert hanging.acquire() == "True"
    hanging.signal(signal.SIGSTOP)
    assert not lock.acquire()
    renewed = read(path)["renewed"]
    rewrite(path, renewed=renewed - 3601)
    assert lock.acquire()
    assert hanging._popen.wait(WITHIN) == -signal.SIGKILL
    assert not lock.has_superseded
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    said = re.search(
        rf"process {hanging.pid} held the lock {path}, had not renewed it for (\S+) s,", record.getMessage()
    )
    assert said is not None
    assert float(said[1]) >= 3601
    lock.release()


@pytest.mark.parametrize("change", [{"birth": "another"}, {"birth": ""}, {"host": "another"}, {"pid": os.getpid()}])
def test_a_process_that_may_be_another_one_is_not_killed(
    path: Path, process: Callable[..., Process], change: dict[str, Any]
) -> None:
    """Its number was given again, or it belongs to another host: it lives, and the lock is taken without."""
    hanging, lock = process(lease=1), FileLock(path, kill_hung=True)
    assert hanging.acquire() == "True"
    hanging.signal(signal.SIGSTOP)
    rewrite(path, **change)
    while not lock.acquire():
        os.sched_yield()
    assert lock.has_superseded
    hanging.signal(signal.SIGCONT)
    assert hanging.renew() == "False"
    lock.release()


def test_a_holder_that_is_awake_is_not_killed(path: Path, process: Callable[..., Process]) -> None:
    """However long another one waits; nor is one that gave the lock up, or died."""
    other, lock = process(lease=3600), FileLock(path, kill_hung=True)
    assert other.acquire() == "True"
    for _ in range(20):
        assert not lock.acquire()
    assert (other.release(), lock.acquire()) == ("None", True)
    lock.release()
    assert (other.acquire(), other.release()) == ("True", "None")


def test_a_child_does_not_keep_its_dead_parents_lock(path: Path) -> None:
    """It has a copy of the open file; and what it is told of the lock is that it does not hold it."""
    source = """
import os, signal, sys, time
from jexkit.engine.file_lock import FileLock
lock = FileLock(sys.argv[1], lease=3600)
assert lock.acquire()
if os.fork() == 0:
    print(lock.renew(), lock.acquire(), os.getpid(), flush=True)
    signal.pause()
signal.pause()
"""
    with Program("-c", source, str(path)) as program:
        renewed, acquired, child = program.line().split()
        try:
            assert (renewed, acquired) == ("False", "False")
            lock = FileLock(path)
            assert not lock.acquire()
            program.signal(signal.SIGKILL)
            program._process.wait(WITHIN)
            assert lock.acquire()
        finally:
            os.kill(int(child), signal.SIGKILL)


def test_a_child_may_take_a_lock_that_its_parent_made(path: Path) -> None:
    """Where the parent does not hold it."""
    lock = FileLock(path)
    assert in_child(lambda: [lock.acquire(), lock.renew()]) == [True, True]
    assert lock.acquire()  # the child is dead
    lock.release()


def test_never_two_at_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many threads and objects that take it and give it back by chance: whoever holds it is alone."""
    monkeypatch.setattr("jexkit.engine.file_lock.GUARD_WITHIN", WITHIN)  # they crowd here as no processes do
    inside, worst, rounds = [0], [0], [0]
    deadline = threading.Event()

    def work() -> None:
        lock = FileLock(path)
        while not deadline.is_set():
            if not lock.acquire():
                continue
            inside[0] += 1
            worst[0] = max(worst[0], inside[0])
            assert lock.renew()
            inside[0] -= 1
            rounds[0] += 1
            if rounds[0] >= 200:
                deadline.set()
            lock.release()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WITHIN)
    assert worst == [1]
    assert rounds[0] >= 200


# --- what makes no sense --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lease", [0, -1, 0.5, 1e9, True, "10", None, float("nan")])
def test_a_lease_is_seconds(path: Path, lease: Any) -> None:
    """Too short a one would be lost to a busy machine, too long a one is none."""
    with pytest.raises(ConfigurationError, match="give seconds from 1 to 3600"):
        FileLock(path, lease=lease)


def test_kill_hung_is_a_word_and_needs_a_system_that_can(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match="kill_hung is 1"):
        FileLock(path, kill_hung=1)  # type: ignore[arg-type]
    monkeypatch.setattr("jexkit.engine.hung.can_end", False)
    with pytest.raises(ConfigurationError, match="Linux"):
        FileLock(path, kill_hung=True)


@pytest.mark.parametrize("where", [5, None, object()])
def test_a_path_is_a_path(where: Any) -> None:
    """And nothing else."""
    with pytest.raises(ConfigurationError, match="is a text or a Path"):
        FileLock(where)


def test_a_lock_file_that_cannot_be_made(tmp_path: Path) -> None:
    """Is an error when the lock is made, which names the file and the reason."""
    for path, words in (
        (tmp_path, "is a folder"),
        (tmp_path / "missing" / "jexkit.lock", "No such file or directory; name a file that this process may write"),
        (Path("/proc/jexkit.lock"), "cannot be made or written"),
        (Path("/dev/null"), "is no ordinary file"),
        (tmp_path / ("a" * 300), "File name too long"),
        (tmp_path / ("a" * 250), "File name too long"),
    ):
        with pytest.raises(ConfigurationError, match=words) as error:
            FileLock(path)
        assert str(path) in str(error.value)
    with pytest.raises(ConfigurationError, match="is no path; give the name of a file"):
        FileLock("a\0b")


def test_a_file_with_something_in_it_is_no_lock(tmp_path: Path) -> None:
    """It belongs to somebody, and stays as it is."""
    path = tmp_path / "orders.csv"
    path.write_text("precious")
    with pytest.raises(ConfigurationError, match="there is something in it"):
        FileLock(path)
    assert path.read_text() == "precious"


def test_a_guard_that_is_held_for_long_is_an_error(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a process that was stopped in the midst of writing, for example."""
    monkeypatch.setattr("jexkit.engine.file_lock.GUARD_WITHIN", 0.05)
    lock, other = FileLock(path), FileLock(path)
    with lock._alone(), pytest.raises(LockError, match="it may hang"):
        other.acquire()
    assert other.acquire()


def test_a_holders_file_that_cannot_be_read_is_an_error(path: Path) -> None:
    """Nobody can tell whether it is free."""
    lock = FileLock(path)
    path.with_name("jexkit.lock.holder").mkdir()
    with pytest.raises(LockError, match="cannot be read"):
        lock.acquire()
