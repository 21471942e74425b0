"""One holder among real processes: they follow one account with one lock, and live, stop, die, hang and wake."""

from __future__ import annotations

import fcntl
import json
import os
import queue
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from jexkit import (
    ConfigurationError,
    FileLock,
    Live,
    OrderUpdate,
    SqliteJournal,
    State,
    StreamEnded,
    StreamManager,
    Suspended,
    SuspendReason,
    UsageError,
)
from jexkit.core.lock import Lock
from jexkit.engine.conductor import Conductor
from jexkit.testing import simulated
from tests.cli.commands import WITHIN, Program

pytest.importorskip("aiohttp", reason="the simulator needs the extra sim")

LEASE = 60.0  # seconds; where no holder hangs none may seem to, on whatever machine
SHORT_LEASE = 10.0  # where one hangs; longer than a busy machine stands still

PROGRAM = """
import json, logging, os, signal, sys, threading, time

def say(what, **more):
    sys.stdout.write(json.dumps({"what": what, **more}) + "\\n")
    sys.stdout.flush()

signal.signal(signal.SIGUSR1, lambda *_: say("state", state=manager.status()["desk"].state))
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
say("begun")
import jexkit
from jexkit.accounts import ACCOUNTS

logging.basicConfig(format="%(levelname)s %(message)s")

description = json.loads(os.environ["JEXKIT_TEST_ACCOUNT"])
looking = threading.Lock()  # held while the lock is renewed

class Lock(jexkit.FileLock):
    def renew(self):
        with looking:
            return super().renew()

lease, kill_hung = float(os.environ["JEXKIT_TEST_LEASE"]), bool(os.environ["JEXKIT_TEST_KILL"])
lock = Lock(os.environ["JEXKIT_TEST_LOCK"], lease=lease, kill_hung=kill_hung)
manager = jexkit.StreamManager(lock=lock, journal=os.environ.get("JEXKIT_TEST_JOURNAL"))
stream = manager.add(ACCOUNTS[description.pop("exchange")](**description), "desk")
stream.on(jexkit.Live, lambda live: say("live"))
stream.on(jexkit.Suspended, lambda event: say("suspended", reason=event.reason, state=stream.state))

slow = [os.environ["JEXKIT_TEST_SLOW"]]  # the first callback: the others wait for it

@stream.on(jexkit.OrderUpdate)
def book(update):
    say("told", order=update.order_id)
    time.sleep(float(slow.pop()) if slow else 0.01)

def stop_in_a_write(*_):
    from jexkit.journal.entries import Appender

    write = Appender.write

    def stopping(self, connection, appends, acknowledgements):
        written = write(self, connection, appends, acknowledgements)
        with looking:  # one that was stopped while it renews would keep the lock's file from everybody as well
            os.kill(os.getpid(), signal.SIGSTOP)
        return written

    Appender.write = stopping

signal.signal(signal.SIGUSR2, stop_in_a_write)
signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR1})
manager.run()
"""


class Follower(Program):
    """A process that follows the account, or stands by."""

    def expect(self, what: str) -> dict[str, Any]:
        """The next thing that it says, which is this."""
        said: dict[str, Any] = json.loads(self.line())
        assert said["what"] == what, said
        return said

    def until(self, what: str) -> dict[str, Any]:
        """The next time that it says this, whatever it says before."""
        while (said := json.loads(self.line()))["what"] != what:
            pass
        found: dict[str, Any] = said
        return found

    def stand_by(self) -> None:
        """Wait until it does."""
        state = ""
        while state != "standby":
            self.signal(signal.SIGUSR1)
            state = self.expect("state")["state"]

    def hang(self, folder: Path) -> None:
        """Stop it, outside a write to the journal or the lock: in the midst of one it would keep it from anybody."""
        journal = folder / "jexkit.db"
        while True:
            self.signal(signal.SIGSTOP)
            os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WNOWAIT)
            if can_be_locked(folder / "jexkit.lock") and (not journal.exists() or can_be_written(journal)):
                return
            self.signal(signal.SIGCONT)


def can_be_written(journal: Path) -> bool:
    with closing(sqlite3.connect(journal, timeout=0, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
        connection.execute("ROLLBACK")
        return True


def can_be_locked(path: Path) -> bool:
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


@pytest.fixture
def desk(simulator: Any) -> Any:
    return simulator.poloniex.account("desk")


@pytest.fixture
def follower(desk: Any, tmp_path: Path) -> Iterator[Callable[..., Follower]]:
    venue = desk.venue
    addresses = {"exchange": venue.exchange, "rest_url": venue.rest_url, "ws_url": venue.ws_url}
    started: list[Follower] = []

    def start(*, journal: bool = False, slow: float = 0.05, kill_hung: bool = False, lease: float = LEASE) -> Follower:
        variables = {
            "JEXKIT_TEST_ACCOUNT": json.dumps({**addresses, **desk.credentials(), **desk.extra_settings()}),
            "JEXKIT_TEST_LOCK": str(tmp_path / "jexkit.lock"),
            "JEXKIT_TEST_SLOW": str(slow),
            "JEXKIT_TEST_LEASE": str(lease),
            "JEXKIT_TEST_KILL": "yes" if kill_hung else "",
        }
        more = {"JEXKIT_TEST_JOURNAL": str(tmp_path / "jexkit.db")} if journal else {}
        started.append(Follower("-c", PROGRAM, **variables, **more))
        started[-1].expect("begun")
        return started[-1]

    yield start
    for each in started:
        each.__exit__()


def place(desk: Any) -> str:
    return str(desk.place("BTC_USDT", "BUY", "1", price="20000").order_id)


@pytest.mark.parametrize("journal", [False, True], ids=["without journal", "with journal"])
def test_another_takes_over_from_a_holder_that_stops_or_dies(
    desk: Any, follower: Callable[..., Follower], journal: bool
) -> None:
    """At once, and only then; the exchange sees one connection at a time."""
    first = follower(journal=journal)
    first.until("live")
    second = follower(journal=journal)
    second.stand_by()
    order = place(desk)
    assert first.until("told")["order"] == order
    second.stand_by()
    assert len(desk.venue.open_connections) == 1
    first.signal(signal.SIGTERM)
    assert first.wait() == 0
    second.until("live")
    third = follower(journal=journal)
    third.stand_by()
    second.signal(signal.SIGKILL)
    third.until("live")
    order = place(desk)
    assert third.until("told")["order"] == order
    assert "WARNING" not in first.complaints()


@pytest.mark.parametrize("journal", [False, True], ids=["without journal", "with journal"])
def test_a_holder_that_hangs_is_replaced_and_steps_down_when_it_wakes(
    desk: Any, follower: Callable[..., Follower], tmp_path: Path, journal: bool
) -> None:
    """What it had queued it does not deliver any more; it says so, stands by, and takes its turn again later."""
    first = follower(journal=journal, slow=0.8 * SHORT_LEASE, lease=SHORT_LEASE)
    first.until("live")
    second = follower(journal=journal, lease=SHORT_LEASE)
    second.stand_by()
    orders = [place(desk) for _ in range(20)]
    assert first.until("told")["order"] == orders[0]
    while journal and len(SqliteJournal(tmp_path / "jexkit.db").read(types=[OrderUpdate])) < 20:
        os.sched_yield()
    first.hang(tmp_path)
    second.until("live")
    first.signal(signal.SIGCONT)
    assert first.expect("suspended") == {"what": "suspended", "reason": "superseded", "state": "standby"}
    first.stand_by()
    after = place(desk)
    while second.until("told")["order"] != after:
        pass
    second.signal(signal.SIGKILL)
    first.until("live")
    last = place(desk)
    while first.until("told")["order"] != last:
        pass
    first.signal(signal.SIGTERM)
    assert first.wait() == 0


def test_a_holder_that_hangs_in_the_midst_of_a_write_is_killed_where_that_is_wanted(
    desk: Any, follower: Callable[..., Follower], tmp_path: Path
) -> None:
    """It kept the journal from everybody; another takes over, says so, and misses nothing."""
    first = follower(journal=True, kill_hung=True, lease=SHORT_LEASE)
    first.until("live")
    second = follower(journal=True, kill_hung=True, lease=SHORT_LEASE)
    second.stand_by()
    first.signal(signal.SIGUSR2)
    order = place(desk)
    os.waitid(os.P_PID, first.pid, os.WSTOPPED | os.WNOWAIT)
    assert not can_be_written(tmp_path / "jexkit.db")
    assert second.until("told")["order"] == order
    assert first.wait() == -signal.SIGKILL
    after = place(desk)
    while second.until("told")["order"] != after:
        pass
    second.signal(signal.SIGTERM)
    (line,) = [line for line in second.complaints().splitlines() if "WARNING" in line]
    assert f"process {first.pid} held the lock" in line
    assert "hung: it was killed" in line


def test_with_a_journal_a_takeover_misses_nothing(desk: Any, follower: Callable[..., Follower]) -> None:
    """What was not acknowledged is told by the next holder, and so is what happened between the two."""
    first = follower(journal=True)
    first.until("live")
    second = follower(journal=True)
    second.stand_by()
    orders = [place(desk) for _ in range(10)]
    told = [first.until("told")["order"]]
    first.signal(signal.SIGKILL)
    told += [json.loads(line)["order"] for line in first.lines()]
    orders += [place(desk) for _ in range(5)]
    later: list[str] = []
    while len({*told, *later}) < len(orders):
        later.append(second.until("told")["order"])
    assert sorted({*told, *later}) == sorted(orders)
    assert len(later) <= len(orders) - len(told) + 2  # those that were told and not acknowledged, at the most


# --- in one process -------------------------------------------------------------------------------------------------


class Switch(Lock):
    """Held as long as the test says."""

    lease = 0.5

    def __init__(self) -> None:
        self.is_ours = False

    def acquire(self) -> bool:
        return self.is_ours

    def renew(self) -> bool:
        return self.is_ours

    def release(self) -> None:
        self.is_ours = False


@pytest.fixture
def switch() -> Switch:
    return Switch()


def test_whoever_waits_goes_on_waiting_until_the_lock_is_had(desk: Any, switch: Switch) -> None:
    """``wait_live`` and callbacks that were registered before and after; commands say why they do not work."""
    heard: queue.SimpleQueue[Any] = queue.SimpleQueue()
    with StreamManager(lock=switch) as manager:
        stream = manager.add(simulated.account(desk))
        stream.on(Live, heard.put)
        assert stream.state is State.STANDBY
        assert manager.status()["poloniex"].to_dict()["state"] == "standby"
        waiting = threading.Thread(target=lambda: (stream.wait_live(WITHIN), heard.put("waited")))
        waiting.start()
        switch.is_ours = True
        assert {type(heard.get(timeout=WITHIN)).__name__ for _ in range(2)} == {"Live", "str"}
        waiting.join(WITHIN)
        assert stream.state is State.LIVE
    assert not switch.is_ours


def test_waits_of_a_lost_tenure_end_and_callbacks_stay(desk: Any, switch: Switch) -> None:
    """``events()`` ends with a clear error; the same stream, with its callbacks, is there for the next tenure."""
    suspended, lives = threading.Event(), threading.Semaphore(0)
    switch.is_ours = True
    with StreamManager(lock=switch) as manager:
        stream = manager.add(simulated.account(desk))
        stream.on(Live, lambda live: lives.release())

        @manager.on(Suspended)
        def note(event: Suspended) -> None:
            assert event.reason is SuspendReason.SUPERSEDED
            suspended.set()

        assert lives.acquire(timeout=WITHIN)
        updates = stream.events(OrderUpdate)
        session = stream.session
        switch.is_ours = False
        assert suspended.wait(WITHIN)
        with pytest.raises(StreamEnded, match="stands by: another process has the lock"):
            next(updates)
        assert stream.state is State.STANDBY
        assert manager.streams["poloniex"] is stream
        switch.is_ours = True
        assert lives.acquire(timeout=WITHIN)
        stream.wait_live(WITHIN)
        assert session.list_subscriptions()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith(("jexkit-pol", "jexkit-lock"))]


def test_readers_that_do_not_move_cost_the_lock(
    desk: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The process lives, and renews nothing: another one takes over, and the first steps down."""
    monkeypatch.setattr("jexkit.running.WELL_WITHIN", 1.0)
    monkeypatch.setattr("jexkit.core.waiting.WaitingMachine.quiet_within", 1.0)
    account = simulated.account(desk, connect_timeout=1.0)
    is_to_hang, stuck, leave, suspended = (threading.Event() for _ in range(4))
    look = Conductor.second_line

    def second_line(conductor: Conductor) -> None:
        if conductor.name == "first" and is_to_hang.is_set():
            stuck.set()
            leave.wait(WITHIN)
        look(conductor)

    monkeypatch.setattr(Conductor, "second_line", second_line)
    first = StreamManager(lock=FileLock(tmp_path / "lock", lease=6.0), stop_timeout=0.5)
    second = StreamManager(lock=FileLock(tmp_path / "lock", lease=6.0))
    stream = first.add(account, "first")
    stream.on(Suspended, lambda event: suspended.set())
    other = second.add(account, "second")
    with first:
        stream.wait_live(WITHIN)
        is_to_hang.set()
        assert stuck.wait(WITHIN)
        with second:
            other.wait_live(WITHIN)
            assert suspended.wait(WITHIN)
            assert stream.state is State.STANDBY
            leave.set()
    assert "the streams do not move" in caplog.text


def test_a_stream_can_be_added_and_removed_while_standing_by(desk: Any, switch: Switch) -> None:
    """It starts with the others."""
    with StreamManager(lock=switch) as manager:
        stream = manager.add(simulated.account(desk), "late")
        gone = manager.add(simulated.account(desk), "gone")
        assert (stream.state, gone.state) == (State.STANDBY, State.STANDBY)
        manager.remove("gone")
        switch.is_ours = True
        stream.wait_live(WITHIN)
        assert list(manager.streams) == ["late"]


def test_only_a_lock_is_a_lock() -> None:
    """The word of a file is not."""
    with pytest.raises(ConfigurationError, match=r"must be a jexkit\.Lock, such as jexkit\.FileLock"):
        StreamManager(lock="jexkit.lock")  # type: ignore[arg-type]


def test_a_lock_is_one_managers(desk: Any, switch: Switch) -> None:
    """Two with one object would both believe to hold it, and one give up the other's. After a stop it is free."""
    switch.is_ours = True
    first, second = StreamManager(lock=switch), StreamManager(lock=switch)
    stream = first.add(simulated.account(desk))
    with first:
        stream.wait_live(WITHIN)
        with pytest.raises(UsageError, match="make a lock for each"):
            second.start()
        assert stream.state is State.LIVE
    switch.is_ours = True
    with second:
        second.add(simulated.account(desk)).wait_live(WITHIN)
