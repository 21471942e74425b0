"""How processes end in which streams run: in time, with what was queued delivered, and nothing left behind.

Real processes and real signals. The exchange is in the tests' process, so that it sees what becomes of the listen key.
"""

from __future__ import annotations

import functools
import json
import re
import signal
import textwrap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import jexkit
from jexkit import OrderUpdate, State, StreamEnded, StreamManager
from jexkit.core.rotation import RotatingMachine
from jexkit.engine.timer import Timer
from jexkit.journal.memory import MemoryJournal
from jexkit.testing import simulated
from tests.cli.commands import WITHIN, Program

pytest.importorskip("aiohttp", reason="the simulator needs the extra sim")

PROGRAM = """
import json, logging, os, signal, sys, tempfile, threading, time
import jexkit
from jexkit.accounts import ACCOUNTS

logging.basicConfig(format="%(levelname)s %(message)s")
description = json.loads(os.environ["JEXKIT_TEST_ACCOUNT"])
manager = jexkit.StreamManager(stop_timeout=float(os.environ["JEXKIT_TEST_TIMEOUT"]))
stream = manager.add(ACCOUNTS[description.pop("exchange")](**description))
begun = threading.Event()

def say(words):
    sys.stdout.write(words + "\\n")  # at once, or what two threads say would be mixed
    sys.stdout.flush()

def pause():
    while True:
        time.sleep(0.05)  # signal.pause() would sleep on after a signal that came a moment before it

@stream.on(jexkit.OrderUpdate)
def book(update):
    begun.set()
    time.sleep(0.02)  # so slow that the others wait in the queue
    say(f"told of {update.order_id}")

def until_orders_are_queued():
    say("live")
    assert begun.wait(60)
    while stream.status().counters["messages"] < 10:
        time.sleep(0)
"""
START = "manager.start()\nstream.wait_live(60)\nuntil_orders_are_queued()\n"
RUN = """
def announce():
    until_orders_are_queued()
    say("now")

stream.on(jexkit.Live, lambda live: threading.Thread(target=announce).start())
manager.run()
"""
ENDINGS = {
    "stop": START + "manager.stop()",
    "with": "with manager:\n  stream.wait_live(60)\n  until_orders_are_queued()\n",
    "the end of the file": START,
    "sys.exit": START + "sys.exit(0)",
    "an exception": START + "1 / 0",
    "a thread of the program that outlives the main thread": START
    + "threading.Thread(target=lambda: time.sleep(0.3)).start()",
    "stop in another thread": START + "threading.Thread(target=manager.stop).start()",
    "Ctrl-C in run": RUN,
    "SIGTERM in run": RUN,
    "Ctrl-C without run": START + "say('now')\npause()",
    "SIGTERM that the program answers": START
    + "signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))\nsay('now')\npause()",
}
SIGNALS = {"Ctrl-C": signal.SIGINT, "SIGTERM": signal.SIGTERM}
CODES = {"an exception": (1,), "Ctrl-C without run": (-signal.SIGINT, 130, 1)}


def started(source: str, account: Any, folder: Path, *, timeout: float = 60, **settings: Any) -> Program:
    venue = account.venue
    addresses = {"exchange": venue.exchange, "rest_url": venue.rest_url, "ws_url": venue.ws_url}
    description = {**addresses, **account.credentials(), **account.extra_settings(), **settings}
    head = "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a shell may have taken it away
    return Program(
        "-c",
        head + textwrap.dedent(PROGRAM) + source,
        JEXKIT_TEST_ACCOUNT=json.dumps(description),
        JEXKIT_TEST_TIMEOUT=str(timeout),
        TMPDIR=str(folder),
    )


def place_orders(account: Any, number: int = 10) -> list[str]:
    return [
        f"told of {account.place('BTCUSDT', 'BUY', '1', price='20000', market='UM').order_id}\n" for _ in range(number)
    ]


@pytest.fixture
def desk(simulator: Any) -> Any:
    return simulator.binance_pm.account("desk")


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_process_ends_and_what_was_queued_is_delivered(ending: str, desk: Any, tmp_path: Path) -> None:
    """However it ends: all events that had come, no complaint, no file, the listen key left to others."""
    with started(ENDINGS[ending], desk, tmp_path) as program:
        assert program.line() == "live\n"
        told = place_orders(desk)
        wanted = SIGNALS.get(ending.split()[0])
        seen = []
        if wanted is not None:
            while (line := program.line()) != "now\n":
                seen.append(line)
            program.signal(wanted)
        code = program.wait()
        seen += program.lines()
        complaints = program.complaints()
    assert seen == told
    assert code in CODES.get(ending, (0,))
    assert ("Traceback" in complaints) == (ending in CODES)
    assert "WARNING" not in complaints
    assert list(tmp_path.iterdir()) == []
    assert desk.listen_key is not None


def test_a_callback_that_hangs_does_not_hold_the_process(desk: Any, tmp_path: Path) -> None:
    """It is left behind after the stop timeout, and named in the log with the number of events that it held up."""
    hang = "@stream.on(jexkit.OrderUpdate)\ndef never_comes_back(update):\n    threading.Event().wait()\n"
    with started(hang + START, desk, tmp_path, timeout=0.5) as program:
        assert program.line() == "live\n"
        told = place_orders(desk)
        code = program.wait()
        assert program.lines() == told[:1]
        complaints = program.complaints()
    assert code == 0
    assert re.search(
        r"WARNING binance_pm: \d+ events are not delivered: the callback never_comes_back has not", complaints
    )


@pytest.mark.parametrize("source", [START, START + "manager.stop()"], ids=["without stop", "with stop"])
def test_a_listen_key_is_closed_where_that_is_wanted(desk: Any, tmp_path: Path, source: str) -> None:
    """``close_key_on_stop``; closing it ends the stream of every other holder, so it is not the default."""
    with started(source, desk, tmp_path, close_key_on_stop=True) as program:
        assert program.line() == "live\n"
        place_orders(desk)
        assert program.wait() == 0
    assert desk.listen_key is None


def test_a_stream_that_hangs_takes_nothing_from_the_others(
    simulator: Any, desk: Any, stream_manager: StreamManager, caplog: pytest.LogCaptureFixture
) -> None:
    """While the stop waits for one, the others deliver what they have and are not complained of."""
    hanging, leave, begun, told = threading.Event(), threading.Event(), threading.Event(), []
    other = simulator.binance_pm.account("other")
    stream_manager.add(simulated.account(desk), "hangs").on(OrderUpdate, lambda _: (hanging.set(), leave.wait(WITHIN)))

    @stream_manager.add(simulated.account(other), "works").on(OrderUpdate)
    def book(update: OrderUpdate) -> None:
        begun.set()
        hanging.wait(WITHIN)
        told.append(f"told of {update.order_id}\n")

    stream_manager.start()
    for stream in stream_manager.streams.values():
        stream.wait_live(WITHIN)
    wanted = place_orders(other)
    assert begun.wait(WITHIN)
    place_orders(desk)
    assert hanging.wait(WITHIN)
    stream_manager.stop(5.0)  # all of it for the one, and more than enough for the other
    leave.set()
    assert told == wanted
    assert {record.stream for record in caplog.records} == {"hangs"}  # type: ignore[attr-defined]


@pytest.fixture
def stopping(stream_manager: StreamManager) -> Iterator[Callable[[], None]]:
    """Sends this process the signal, of which the program's own handler stops the manager."""
    before = signal.signal(signal.SIGUSR1, lambda number, frame: stream_manager.stop(WITHIN))
    yield functools.partial(signal.raise_signal, signal.SIGUSR1)
    signal.signal(signal.SIGUSR1, before)


def test_a_handler_may_stop_what_is_asked_for_its_status(
    desk: Any, stream_manager: StreamManager, stopping: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The signal comes while that holds the stream's lock, which the stop needs too."""
    stream, state = stream_manager.add(simulated.account(desk)), RotatingMachine.state
    stream_manager.start()
    stream.wait_live(WITHIN)

    def interrupted(machine: RotatingMachine) -> State:
        monkeypatch.setattr(RotatingMachine, "state", state)
        stopping()
        return machine.state

    monkeypatch.setattr(RotatingMachine, "state", property(interrupted))
    stream_manager.status()
    assert stream_manager.join(WITHIN)
    assert stream.state is State.STOPPED


def test_a_handler_may_stop_what_is_waited_for(
    desk: Any, stream_manager: StreamManager, stopping: Callable[[], None]
) -> None:
    """Though a callback holds up the stop: the wait ends with the stream, as for everybody who waits."""
    is_in, leave = threading.Event(), threading.Event()
    stream = stream_manager.add(simulated.account(desk))
    stream.on(OrderUpdate, lambda _: (is_in.set(), leave.wait(WITHIN)))
    stream_manager.start()
    stream.wait_live(WITHIN)

    def send() -> None:
        assert is_in.wait(WITHIN)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)
        while not stream_manager._is_stopped:
            leave.wait(0.01)
        leave.set()

    sending = threading.Thread(target=send)
    with stream.events() as events:
        place_orders(desk)
        sending.start()
        with pytest.raises(StreamEnded, match="was stopped"):
            events.wait_for(jexkit.AccountNotice)
    sending.join(WITHIN)
    assert stream_manager.join(WITHIN)


@pytest.mark.parametrize("journal", [None, MemoryJournal()], ids=["without a journal", "with one"])
def test_a_handler_may_stop_what_is_being_started(
    desk: Any, journal: MemoryJournal | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the start had still to begin does not outlive the stop."""
    manager, start = StreamManager(journal=journal), Timer.start
    stream = manager.add(simulated.account(desk))

    def interrupted(timer: Timer) -> None:
        signal.raise_signal(signal.SIGUSR1)
        start(timer)

    before, threads = signal.signal(signal.SIGUSR1, lambda number, frame: manager.stop(WITHIN)), threading.enumerate()
    monkeypatch.setattr(Timer, "start", interrupted)
    try:
        manager.start()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert manager.join(WITHIN)
    assert stream.state is State.STOPPED
    for thread in set(threading.enumerate()) - set(threads):
        thread.join(WITHIN)
    assert set(threading.enumerate()) <= set(threads)
