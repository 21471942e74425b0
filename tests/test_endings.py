"""How processes end in which streams run: in time, with what was queued delivered, and nothing left behind.

Real processes and real signals. The exchange is in the tests' process, so that it sees what becomes of the listen key.
"""

from __future__ import annotations

import json
import re
import signal
import textwrap
import threading
from pathlib import Path
from typing import Any

import pytest

from jexkit import OrderUpdate, StreamManager
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

@stream.on(jexkit.OrderUpdate)
def book(update):
    begun.set()
    time.sleep(0.02)  # so slow that the others wait in the queue
    print("told of", update.order_id, flush=True)

def until_orders_are_queued():
    print("live", flush=True)
    assert begun.wait(60)
    while stream.status().counters["messages"] < 10:
        time.sleep(0)
"""
START = "manager.start()\nstream.wait_live(60)\nuntil_orders_are_queued()\n"
RUN = """
def announce():
    until_orders_are_queued()
    print("now", flush=True)

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
    "Ctrl-C without run": START + "print('now', flush=True)\nsignal.pause()",
    "SIGTERM that the program answers": START
    + "signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))\nprint('now', flush=True)\nsignal.pause()",
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
    stream_manager.stop(2.0)
    leave.set()
    assert told == wanted
    assert {record.stream for record in caplog.records} == {"hangs"}  # type: ignore[attr-defined]
