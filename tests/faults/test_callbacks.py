"""Callbacks that do not keep up, on every exchange, under each policy: memory is bounded, and nothing is missing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import jexkit
from jexkit import Event, Fill, Overflow, Stream, StreamManager, Suspended
from jexkit.core.journal import Entry, Journal
from jexkit.engine import journaled, reader
from jexkit.errors import JournalFull
from jexkit.journal.memory import MemoryJournal
from jexkit.journal.sqlite import SqliteJournal
from jexkit.sim import Simulator
from jexkit.sim.faults import ALL
from jexkit.testing import simulated
from tests.faults.watching import PATIENCE, SETTINGS, Watch, check_life, check_order, trade

SESSION_CALLS = {
    "binance_pm": "keepalive_listen_key",
    "jex": "keepalive_listen_key",
    "deribit": "get_cancel_on_disconnect",
    "poloniex": "list_subscriptions",
}
QUEUE = 60  # events: more than one round of trading brings at once


class Gate:
    """A callback that waits while it is closed."""

    def __init__(self) -> None:
        self._open = threading.Event()
        self._open.set()
        self.is_held = threading.Event()

    def __call__(self, event: Event) -> None:
        if not self._open.is_set():
            self.is_held.set()
            assert self._open.wait(6 * PATIENCE)

    def close(self) -> None:
        self.is_held.clear()
        self._open.clear()

    def open(self) -> None:
        self._open.set()


class Stage:
    """A live stream whose callbacks pass a gate."""

    def __init__(
        self, sim: Simulator, exchange: str, overflow: Overflow | None = None, journal: Journal | None = None
    ) -> None:
        self.account = sim.venues[exchange].account("main")
        self.manager = StreamManager(journal=journal, overflow=overflow, queue_size=QUEUE)
        settings = {"probe_every": 1.0}
        self.stream: Stream = self.manager.add(simulated.account(self.account, **settings, **SETTINGS[exchange]))
        self.gate = Gate()
        self.stream.on(Event, self.gate)
        self.watch = Watch(self.stream, self.account)

    def overflow(self) -> None:
        """Trade while the gate is closed, until the stream has noticed. What comes after that takes no memory."""
        self.gate.close()
        self.trade_until_noticed()
        assert str(self.stream.state) == "suspended"
        assert self.gate.is_held.wait(PATIENCE)  # the queue can be full before the first callback has begun
        self.check_bounded()

    def trade_until_noticed(self) -> None:
        """What comes all at once is taken whole, with room for more after it: on a slow machine that can be a lot."""

        self.trade_until(lambda: bool(self.stream.status().counters.get("overflows")))

    def trade_until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, self.watch.describe()
            begun = len(self.account.told)
            while len(self.account.told) < begun + 5 * QUEUE:
                trade(self.account)
            self.watch.look_for(condition, 1.0)

    def check_bounded(self) -> None:
        """What comes now is let pass, and takes no memory."""
        queued = []
        for _ in range(2):
            passed = self.let_pass()
            trade(self.account)
            self.watch.wait(lambda passed=passed: self.let_pass() >= passed + 20, "events that are let pass")
            queued.append(self.stream.status().queued)
        assert queued[0] == queued[1]

    def let_pass(self) -> int:
        return self.stream.status().counters.get("let_pass", 0)

    def suspensions(self) -> list[str]:
        return [str(event.reason) for event in self.watch.of(Suspended)]


@pytest.fixture(params=[Overflow.RECOVER, Overflow.BLOCK], ids=str)
def overflow(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Overflow:
    monkeypatch.setattr(reader, "LATE_AT_MOST", 0.3)
    policy: Overflow = request.param
    return policy


@pytest.mark.parametrize("exchange", ALL)
def test_nothing_is_missing_after_an_overflow(threads: None, sim: Simulator, exchange: str, overflow: Overflow) -> None:
    """Each fill once, orders in order, and the state is the exchange's; the program was told that it fell behind."""
    stage = Stage(sim, exchange, overflow)
    watch = stage.watch
    with stage.manager:
        stage.stream.wait_live(30)
        watch.begin()
        trade(stage.account)
        watch.wait(watch.is_caught_up, "before the overflow")
        stage.overflow()
        stage.gate.open()
        watch.wait(watch.is_caught_up, "after the overflow")
        trade(stage.account)
        watch.wait(watch.is_caught_up, "at the end")
    assert set(stage.suspensions()) == {"overflow"}
    check_life(watch.events)
    check_order(watch.events)
    assert watch.missing() == []
    assert watch.differences() == []
    assert watch.is_final()


@pytest.mark.parametrize("exchange", ALL)
def test_the_connection_is_kept_alive_meanwhile(
    threads: None, sim: Simulator, exchange: str, overflow: Overflow
) -> None:
    """However long the callbacks hang: it is proven again and again, and is the same one in the end."""
    stage = Stage(sim, exchange, overflow)
    with stage.manager:
        stage.stream.wait_live(30)
        stage.watch.begin()
        stage.overflow()
        proofs = set()
        stage.watch.wait(lambda: proofs.add(stage.stream.status().last_proof) or len(proofs) > 4, "proofs of life")
        stage.gate.open()
        stage.watch.wait(stage.watch.is_caught_up, "after the overflow")
        assert stage.stream.status().counters["connections"] == 1
    assert set(stage.suspensions()) == {"overflow"}


def test_heartbeats_are_answered_meanwhile(threads: None, sim: Simulator, overflow: Overflow) -> None:
    """Deribit leaves a connection on which they are not, within ten seconds of its own."""
    stage = Stage(sim, "deribit", overflow)
    counters = sim.deribit.counters
    with stage.manager:
        stage.stream.wait_live(30)
        stage.watch.begin()
        stage.overflow()
        for _ in range(3):
            answered = counters["test_requests_answered"]
            sim.advance(31.0)  # it asks once in thirty seconds
            stage.watch.wait(lambda answered=answered: counters["test_requests_answered"] > answered, "an answer")
        assert counters["heartbeat_closes"] == 0
        stage.gate.open()
        stage.watch.wait(stage.watch.is_caught_up, "after the overflow")


@pytest.mark.parametrize("exchange", ALL)
def test_a_callback_may_use_the_session_while_the_queue_is_full(
    threads: None, sim: Simulator, exchange: str, overflow: Overflow
) -> None:
    """The answer comes through the reader, which waits for this callback, and then goes on all the same."""
    stage = Stage(sim, exchange, overflow)
    done, errors = threading.Event(), list[BaseException]()

    def use(fill: Fill) -> None:
        if done.is_set():
            return
        stage.watch.wait(lambda: stage.stream.status().queued >= QUEUE, "a full queue")
        try:
            getattr(stage.stream.session, SESSION_CALLS[exchange])()
        except BaseException as error:  # noqa: BLE001 - the test tells
            errors.append(error)
        done.set()

    with stage.manager:
        stage.stream.wait_live(30)
        stage.watch.begin()
        stage.stream.on(Fill, use)
        begun = len(stage.account.told)
        while len(stage.account.told) < begun + 5 * QUEUE:
            trade(stage.account)
        assert done.wait(3 * PATIENCE)
        stage.watch.wait(stage.watch.is_caught_up, "at the end")
    assert errors == []
    assert stage.watch.missing() == []


@pytest.mark.parametrize("exchange", ALL)
def test_a_connection_that_breaks_meanwhile(threads: None, sim: Simulator, exchange: str, overflow: Overflow) -> None:
    """Comes back and waits with its recovery until the callbacks have caught up: the queue does not grow."""
    stage = Stage(sim, exchange, overflow)
    with stage.manager:
        stage.stream.wait_live(30)
        stage.watch.begin()
        stage.overflow()
        queued = stage.stream.status().queued
        for number in range(2, 5):
            stage.watch.wait(
                lambda: sim.venues[exchange].drop("main", close_frame=False), "a connection that is logged in"
            )
            stage.watch.wait(lambda n=number: stage.stream.status().counters["connections"] >= n, "a new connection")
            trade(stage.account)
        assert stage.stream.status().queued <= queued
        stage.gate.open()
        stage.watch.wait(stage.watch.is_caught_up, "after the overflow")
    assert set(stage.suspensions()) == {"overflow"}
    check_order(stage.watch.events)
    assert stage.watch.missing() == []


@pytest.mark.parametrize("exchange", ALL)
def test_a_journal_takes_what_callbacks_do_not(threads: None, sim: Simulator, exchange: str, tmp_path: Path) -> None:
    """The stream stays live, memory keeps no more than the queue, and everything comes in its order in the end."""
    stage = Stage(sim, exchange, journal=SqliteJournal(tmp_path / "jexkit.db"))
    watch, inbox = stage.watch, stage.stream._delivery._inbox  # type: ignore[attr-defined]
    with stage.manager:
        stage.stream.wait_live(30)
        watch.begin()
        stage.gate.close()
        stage.trade_until(lambda: inbox.handed == 0 and stage.stream.status().queued > 3 * QUEUE)
        assert inbox.is_spilling
        assert inbox._held <= QUEUE
        assert str(stage.stream.state) == "live"
        stage.gate.open()
        watch.wait(watch.is_caught_up, "after the sleep")
        watch.wait(lambda: not inbox.is_spilling, "the queue in memory")
        trade(stage.account)
        watch.wait(watch.is_caught_up, "at the end")
    assert stage.suspensions() == []
    assert {str(event.origin) for event in watch.of(Fill)} == {"stream"}
    check_order(watch.events)
    assert watch.is_final()


class Full(MemoryJournal):
    """A journal whose disk can be full."""

    is_full = False

    def write(self, appends: Any, acknowledgements: Any = None) -> list[list[Entry]]:
        if self.is_full:
            raise JournalFull("no room on the disk")
        return super().write(appends, acknowledgements)


@pytest.mark.parametrize("exchange", ALL)
def test_a_full_disk_does_not_fill_the_memory(
    threads: None, sim: Simulator, exchange: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is told that is not on disk. What cannot get there is let pass, and read over REST once it can."""
    monkeypatch.setattr(journaled, "MOST_HANDED", 2 * QUEUE)
    journal = Full()
    stage = Stage(sim, exchange, journal=journal)
    watch = stage.watch
    with stage.manager:
        stage.stream.wait_live(30)
        watch.begin()
        trade(stage.account)
        watch.wait(watch.is_caught_up, "before the disk is full")
        journal.is_full = True
        stage.trade_until_noticed()
        stage.check_bounded()
        journal.is_full = False
        watch.wait(watch.is_caught_up, "after there is room again")
    (suspended,) = watch.of(Suspended)
    assert (str(suspended.reason), suspended.detail) == ("overflow", "the journal cannot be written")
    check_order(watch.events)
    assert watch.is_final()


def test_what_was_let_pass_is_a_gap_when_the_stream_ends(threads: None, sim: Simulator) -> None:
    """A stop before the callbacks have caught up: nobody will find it out any more, and that is said."""
    stage = Stage(sim, "poloniex", Overflow.RECOVER)
    stage.manager.start()
    stage.stream.wait_live(30)
    stage.watch.begin()
    stage.overflow()
    stopping = threading.Thread(target=stage.manager.stop)
    stopping.start()
    stage.watch.wait(lambda: stage.stream.state is jexkit.State.STOPPED, "the stop")
    stage.gate.open()
    stopping.join(PATIENCE)
    (gap,) = stage.watch.of(jexkit.Gap)
    assert "did not keep up" in gap.why
    assert stage.watch.events[-1] is gap
