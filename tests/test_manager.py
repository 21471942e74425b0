"""The manager: what it refuses, how it runs and stops, in threads and in real processes."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from apscheduler.schedulers.background import BackgroundScheduler

import jexkit
from jexkit import Event, Fill, Live, MemoryJournal, OrderUpdate, SqliteJournal, StreamManager, Suspended
from jexkit.core.lifecycle import State
from jexkit.engine.governor import Governor
from jexkit.errors import ConfigurationError, JournalTaken, StreamEnded, UsageError
from jexkit.testing import simulated

pytest.importorskip("aiohttp", reason="the simulator needs the extra sim")

WAIT = 120.0  # seconds; far more than anything here takes, so that only a hang fails by it
ROOT = Path(__file__).parent.parent
EXCHANGES = ("binance_pm", "deribit", "poloniex", "jex")


def ours() -> list[str]:
    """The names of the threads of jexkit that run, without the simulator's."""
    return sorted(thread.name for thread in threading.enumerate() if thread.name.startswith(("jexkit-", "APScheduler")))


def jexkits() -> list[str]:
    return [name for name in ours() if name != "jexkit-sim"]


def wait_gone() -> None:
    """Join what a stop whose time was up has left behind."""
    for thread in threading.enumerate():
        if thread.name in jexkits():
            thread.join(WAIT)


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208


def wait_few_descriptors(most: int) -> None:
    """Until there are no more than that: the simulator closes its ends a moment after ours."""
    deadline = time.monotonic() + WAIT
    while descriptors() > most:
        assert time.monotonic() < deadline, descriptors()
        os.sched_yield()


@pytest.fixture
def accounts(simulator: Any) -> dict[str, Any]:
    return {name: simulator.venues[name].account("main") for name in EXCHANGES}


def test_nothing_starts_before_it_is_told_to(accounts: dict[str, Any]) -> None:
    """Neither a manager nor its streams make a thread or a connection when they are made."""
    before = jexkits()
    manager = StreamManager()
    streams = [manager.add(simulated.account(account)) for account in accounts.values()]
    assert [stream.state for stream in streams] == [State.IDLE] * 4
    assert jexkits() == before
    manager.stop()


def test_four_streams_have_the_threads_that_the_design_names(accounts: dict[str, Any]) -> None:
    """A reader and a delivery thread for each, one scheduler; all gone after the stop, within its timeout."""
    with StreamManager() as manager:
        for account in accounts.values():
            manager.add(simulated.account(account))
        for stream in manager.streams.values():
            stream.wait_live(WAIT)
        names = jexkits()
        for exchange in EXCHANGES:
            assert f"jexkit-{exchange}-reader" in names
            assert f"jexkit-{exchange}-delivery" in names
        assert names.count("APScheduler") == 1
    assert jexkits() == []


def test_names_are_taken_once(accounts: dict[str, Any], stream_manager: StreamManager) -> None:
    """A second stream of an exchange needs a name, and the message says so."""
    account = simulated.account(accounts["jex"])
    assert stream_manager.add(account).name == "jex"
    with pytest.raises(ConfigurationError, match="give this one another with name="):
        stream_manager.add(account)
    assert stream_manager.add(account, name="second").name == "second"
    assert list(stream_manager.streams) == ["jex", "second"]
    assert "second" in repr(stream_manager)


def test_callbacks_of_what_was_stopped_are_refused(accounts: dict[str, Any]) -> None:
    """They would never be called."""
    manager = StreamManager()
    stream = manager.add(simulated.account(accounts["jex"]))
    manager.stop()
    for on in (manager.on, stream.on):
        with pytest.raises(UsageError, match="stopped"):
            on(jexkit.Fill, print)


@pytest.mark.parametrize("stream", ["nobody", 5, None, []])
def test_only_streams_can_be_removed(stream_manager: StreamManager, stream: Any) -> None:
    with pytest.raises(UsageError, match="there is no stream"):
        stream_manager.remove(stream)


def test_a_stream_that_is_no_more_does_not_stand_for_another_of_its_name(
    accounts: dict[str, Any], stream_manager: StreamManager
) -> None:
    """Two who remove the same stream and add it anew do not take away each other's."""
    first = stream_manager.add(simulated.account(accounts["jex"]), "desk")
    stream_manager.remove(first)
    second = stream_manager.add(simulated.account(accounts["jex"]), "desk")
    with pytest.raises(UsageError, match="is no more"):
        stream_manager.remove(first)
    assert stream_manager.streams["desk"] is second


@pytest.mark.parametrize("name", ["", "  ", 7])
def test_a_name_is_a_text(stream_manager: StreamManager, name: Any) -> None:
    """An empty one would be no use in a log."""
    with pytest.raises(ConfigurationError, match="name must be a text"):
        stream_manager.add(jexkit.Jex(api_key="a-key-of-some-length"), name=name)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"scheduler": "background"}, "APScheduler 3"),
        ({"on_error": lambda event: None}, "must take 3 arguments"),
        ({"on_error": 3}, "must be callable"),
        ({"slow_callback": 0}, "slow_callback is 0; give seconds"),
        ({"slow_callback": "5"}, "slow_callback is '5'; give seconds"),
        ({"queue_size": 0}, "queue_size is 0; give a number of events"),
        ({"overflow": "drop"}, "use one of jexkit.Overflow.SPILL"),
        ({"overflow": jexkit.Overflow.SPILL}, "give journal= as well"),
    ],
)
def test_settings_that_make_no_sense(arguments: dict[str, Any], words: str) -> None:
    """Are refused when the manager is made."""
    with pytest.raises(ConfigurationError, match=words):
        StreamManager(**arguments)


def test_only_accounts_are_followed(stream_manager: StreamManager) -> None:
    """Anything else is refused in words."""
    with pytest.raises(ConfigurationError, match="takes an account"):
        stream_manager.add("deribit")  # type: ignore[arg-type]


def test_a_manager_runs_once() -> None:
    """Started twice, and used after its end, it says what to do."""
    manager = StreamManager()
    manager.start()
    with pytest.raises(UsageError, match="started already"):
        manager.start()
    manager.stop()
    manager.stop()
    with pytest.raises(UsageError, match="make a new StreamManager"):
        manager.start()
    with pytest.raises(UsageError, match="make a new StreamManager"):
        manager.add(jexkit.Jex(api_key="a-key-of-some-length"))
    with pytest.raises(ConfigurationError, match="0 or more"):
        manager.stop(timeout=-1)


def test_streams_come_and_go_while_it_runs(accounts: dict[str, Any], stream_manager: StreamManager) -> None:
    """One that is added starts at once, one that is removed ends with its threads."""
    stream_manager.start()
    stream = stream_manager.add(simulated.account(accounts["deribit"]), name="guest")
    stream.wait_live(WAIT)
    assert "jexkit-guest-reader" in jexkits()
    stream_manager.remove(stream)
    assert stream.state is State.STOPPED
    assert not [name for name in jexkits() if "guest" in name]
    with pytest.raises(UsageError, match="no stream 'guest'"):
        stream_manager.remove("guest")


def test_its_callbacks_are_for_every_stream_and_come_after_the_streams_own(
    accounts: dict[str, Any], stream_manager: StreamManager
) -> None:
    """Also for streams that are added later."""
    heard: list[tuple[str, str]] = []
    done = threading.Event()
    stream_manager.on(Live, lambda live: (heard.append(("manager", live.stream)), done.set()))
    for name in ("poloniex", "deribit"):
        stream = stream_manager.add(simulated.account(accounts[name]))
        stream.on(Live, lambda live: heard.append(("stream", live.stream)))
    stream_manager.start()
    for stream in stream_manager.streams.values():
        stream.wait_live(WAIT)
    assert done.wait(WAIT)
    for name in ("poloniex", "deribit"):
        assert heard.index(("stream", name)) < heard.index(("manager", name))


def test_errors_of_callbacks_are_reported(accounts: dict[str, Any]) -> None:
    """With the event, the callback and the exception."""
    reports: list[tuple[Event, Any, BaseException]] = []
    done = threading.Event()

    def fail(live: Live) -> None:
        raise LookupError("in the program")

    def report(event: Event, callback: Any, exception: BaseException) -> None:
        reports.append((event, callback, exception))
        done.set()

    with StreamManager(on_error=report) as manager:
        manager.on(Live, fail)
        manager.add(simulated.account(accounts["poloniex"]))
        assert done.wait(WAIT)
    (event, callback, exception) = reports[0]
    assert isinstance(event, Live)
    assert callback is fail
    assert str(exception) == "in the program"


def test_a_callback_may_stop_everything(accounts: dict[str, Any]) -> None:
    """``stop`` from inside a callback returns, and the threads end."""
    manager = StreamManager()
    for name in ("poloniex", "jex"):
        manager.add(simulated.account(accounts[name]))
    manager.on(Live, lambda live: manager.stop())
    manager.start()
    assert manager.join(WAIT)
    for thread in threading.enumerate():
        if thread.name.startswith("jexkit-") and thread.name != "jexkit-sim":
            thread.join(WAIT)
    assert not [name for name in jexkits() if name.startswith("jexkit-")]


def test_a_second_stop_waits_for_the_first(accounts: dict[str, Any]) -> None:
    """For as long as its own timeout allows; inside a callback, which the first one waits for, it returns at once."""
    manager, is_in, go_on, returned = StreamManager(), threading.Event(), threading.Event(), threading.Event()
    manager.add(simulated.account(accounts["poloniex"]))

    @manager.on(Live)
    def hold_up(live: Live) -> None:
        is_in.set()
        go_on.wait(WAIT)
        manager.stop(WAIT)
        returned.set()

    manager.start()
    assert is_in.wait(WAIT)
    first = threading.Thread(target=manager.stop, args=(WAIT,))
    first.start()
    while not manager._is_stopped:
        assert not first.join(0.01)
    manager.stop(0.05)
    assert not manager.join(0)
    threading.Timer(0.2, go_on.set).start()
    manager.stop(WAIT)
    assert manager.join(0)
    assert returned.is_set()
    first.join(WAIT)


def test_a_signals_handler_may_stop_what_its_thread_stops_already(accounts: dict[str, Any]) -> None:
    """It returns at once: the call that it interrupts can go on only after it."""
    manager, is_in, go_on = StreamManager(), threading.Event(), threading.Event()
    manager.add(simulated.account(accounts["poloniex"]))
    took: list[float] = []

    def stop_again(number: int, frame: Any) -> None:
        began = time.monotonic()
        manager.stop(WAIT)
        took.append(time.monotonic() - began)
        go_on.set()

    @manager.on(Live)
    def hold_up(live: Live) -> None:
        is_in.set()
        go_on.wait(WAIT)

    def send() -> None:
        while not manager._is_stopped:
            go_on.wait(0.01)
        os.kill(os.getpid(), signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, stop_again)
    try:
        manager.start()
        assert is_in.wait(WAIT)
        threading.Thread(target=send).start()
        manager.stop(WAIT)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert took
    assert took[0] < WAIT / 2
    assert manager.join(0)


def test_what_a_callback_has_done_that_stops_everything_is_acknowledged(
    accounts: dict[str, Any], tmp_path: Path
) -> None:
    """With what was queued behind it: the next start does not deliver it again, or it would stop for ever."""
    account, told = accounts["poloniex"], []
    for number in (1, 2):
        manager = StreamManager(journal=tmp_path / "jexkit.db")
        stream = manager.add(simulated.account(account), name="desk")

        @stream.on(Fill)
        def stop(fill: Fill, manager: StreamManager = manager) -> None:
            told.append(fill.id)
            manager.stop()

        manager.start()
        stream.wait_live(WAIT)
        if number == 1:
            order = account.place("BTC_USDT", "BUY", "1", price="20000")
            for _ in range(20):
                account.fill(order, "0.01")
            assert manager.join(WAIT)
        manager.stop()
    assert len(told) == len(set(told)) == 20


def test_a_callback_may_call_anything(accounts: dict[str, Any], stream_manager: StreamManager) -> None:
    """Add, remove, ask, register and manage the session, all from inside."""
    done = threading.Event()
    first = stream_manager.add(simulated.account(accounts["poloniex"]))
    faults: list[BaseException] = []

    @first.on(OrderUpdate)
    def meddle(update: OrderUpdate) -> None:
        try:
            other = stream_manager.add(simulated.account(accounts["deribit"]), name="other")
            first.session.list_subscriptions()
            first.on(Live, print)
            stream_manager.status()
            stream_manager.remove(other)
        except BaseException as error:  # noqa: BLE001 - the test tells
            faults.append(error)
        done.set()

    stream_manager.start()
    first.wait_live(WAIT)
    accounts["poloniex"].place("BTC_USDT", "BUY", "1", price="20000")
    assert done.wait(WAIT)
    assert faults == []


def test_a_callback_may_remove_its_own_stream(accounts: dict[str, Any], stream_manager: StreamManager) -> None:
    """The rest of the manager goes on, and the thread ends after the callback."""
    other = stream_manager.add(simulated.account(accounts["jex"]))
    stream = stream_manager.add(simulated.account(accounts["poloniex"]))
    stream.on(Live, lambda live: stream_manager.remove(stream))
    with stream.events() as events:
        stream_manager.start()
        with pytest.raises(StreamEnded, match="was stopped"):
            list(events)
    other.wait_live(WAIT)
    assert stream.state is State.STOPPED
    assert list(stream_manager.streams) == ["jex"]
    stream._delivery.thread.join(WAIT)
    assert not [name for name in jexkits() if "poloniex" in name]


def test_two_callbacks_may_remove_each_others_streams(
    accounts: dict[str, Any], stream_manager: StreamManager, caplog: pytest.LogCaptureFixture
) -> None:
    """At the same time: neither waits for the end of the other, which waits for its own."""
    names = {"poloniex": "jex", "jex": "poloniex"}
    both = threading.Barrier(2)
    streams = [stream_manager.add(simulated.account(accounts[name])) for name in names]

    def remove_the_other(live: Live) -> None:
        both.wait(WAIT)
        stream_manager.remove(names[live.stream])

    stream_manager.on(Live, remove_the_other)
    stream_manager.start()
    for stream in streams:
        stream._delivery.thread.join(WAIT)
    assert dict(stream_manager.streams) == {}
    assert caplog.records == []


def test_a_callback_cannot_join_its_own_manager(accounts: dict[str, Any], stream_manager: StreamManager) -> None:
    """It would wait for a stop that waits for it."""
    said: list[BaseException] = []
    done = threading.Event()

    @stream_manager.on(Live)
    def join(live: Live) -> None:
        try:
            stream_manager.join()
        except UsageError as error:
            said.append(error)
        done.set()

    stream_manager.add(simulated.account(accounts["poloniex"]))
    stream_manager.start()
    assert done.wait(WAIT)
    assert "call it in another thread" in str(said[0])


def test_a_callback_that_hangs_is_told_of_while_it_hangs(
    accounts: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """By a thread that is there anyway, with its name; the stop is over in time all the same, and says what is left."""
    release, told = threading.Event(), threading.Event()

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if "has been running for" in record.getMessage():
                told.set()

    def hang_on_it(live: Live) -> None:
        release.wait(WAIT)

    ear = Ear()
    logging.getLogger("jexkit").addHandler(ear)
    try:
        manager = StreamManager(slow_callback=0.1)
        stream = manager.add(simulated.account(accounts["poloniex"]))
        stream.on(Live, hang_on_it)
        manager.start()
        assert told.wait(WAIT)
        assert stream.status().slow_callbacks == 1
        manager.stop(timeout=0.2)
        assert "hang_on_it has been running" in caplog.text
        assert "hang_on_it has not returned in time" in caplog.text
    finally:
        release.set()
        logging.getLogger("jexkit").removeHandler(ear)
        wait_gone()
    assert jexkits() == []


def test_the_hosts_scheduler_is_used_and_left_as_it_was(accounts: dict[str, Any]) -> None:
    """Jobs run on it, and afterwards it has none of ours and runs on."""
    scheduler = BackgroundScheduler()
    scheduler.start()
    try:
        with StreamManager(scheduler=scheduler) as manager:
            stream = manager.add(simulated.account(accounts["jex"]))
            stream.wait_live(WAIT)
            assert "jexkit-tick" in [job.name for job in scheduler.get_jobs()]
        assert scheduler.get_jobs() == []
        assert scheduler.running
    finally:
        scheduler.shutdown()


def test_many_starts_and_stops_leave_nothing(accounts: dict[str, Any]) -> None:
    """Threads and descriptors are as many after fifty rounds as after the first."""
    counts = []
    for _ in range(50):
        with StreamManager() as manager:
            manager.add(simulated.account(accounts["poloniex"])).wait_live(WAIT)
        counts.append(descriptors())
        assert jexkits() == []
    wait_few_descriptors(counts[4] + 3)


def test_run_ends_when_every_stream_is_lost(accounts: dict[str, Any]) -> None:
    """With the error of the first, so that a supervisor sees a failed process."""
    manager = StreamManager()
    manager.add(simulated.account(accounts["poloniex"], secret_key="wrong" * 20))
    with pytest.raises(StreamEnded, match="every stream is lost"):
        manager.run()
    assert jexkits() == []


PROGRAM = """
    import sys, jexkit
    from jexkit.sim import Simulator
    from jexkit.testing import simulated

    with Simulator() as sim:
        manager = jexkit.StreamManager()
        stream = manager.add(simulated.account(sim.poloniex.account("a")))
        stream.on(jexkit.Live, lambda live: print("live", flush=True))
        manager.run()
        print("ended", stream.state, flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_run_ends_cleanly_on_a_signal(number: signal.Signals) -> None:
    """Ctrl-C and SIGTERM: the streams are stopped, the program goes on after ``run``, the exit code is 0."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    program = [sys.executable, "-c", textwrap.dedent(PROGRAM)]
    with subprocess.Popen(
        program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "live\n"
        process.send_signal(number)
        out, errors = process.communicate(timeout=WAIT)
    assert out == "ended stopped\n"
    assert errors == ""
    assert process.returncode == 0


FORGETFUL = PROGRAM[: PROGRAM.index("        manager.run()")] + "        manager.start(); stream.wait_live(30)\n"


def test_a_program_that_forgets_to_stop_ends_all_the_same() -> None:
    """When the main thread returns, nothing of ours holds the process or complains."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    program = [sys.executable, "-c", textwrap.dedent(FORGETFUL)]
    done = subprocess.run(program, capture_output=True, text=True, env=environment, timeout=WAIT, check=False)
    assert (done.stdout, done.returncode) == ("live\n", 0)
    assert "Traceback" not in done.stderr


def test_run_in_a_thread_leaves_signals_alone(accounts: dict[str, Any]) -> None:
    """Only the main thread may handle them."""
    manager, live = StreamManager(), threading.Event()
    manager.add(simulated.account(accounts["jex"])).on(Live, lambda event: live.set())
    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=manager.run)
    thread.start()
    assert live.wait(WAIT)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == handlers
    manager.stop()
    thread.join(WAIT)
    assert not thread.is_alive()
    assert jexkits() == []


# --- whatever fails ---------------------------------------------------------------------------------------------------


class _AtOnce:
    """A backoff that retries at once."""

    def next(self, chance: object) -> tuple[float, _AtOnce]:
        return 0.001, self

    def reset(self) -> _AtOnce:
        return self


def test_fifty_reconnections_leave_nothing(
    accounts: dict[str, Any], stream_manager: StreamManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One reader and one delivery thread, whoever ended the connections, and as many descriptors as before."""
    monkeypatch.setattr(Governor, "reserve", lambda *whatever, **more: 0.0)  # the pace would make this a long test
    accounts["binance_pm"].venue.rules.weight_per_minute = 10**9
    stream = stream_manager.add(simulated.account(accounts["binance_pm"]))
    stream_manager.start()
    stream.wait_live(WAIT)
    stream._conductor._machine._main._drops = _AtOnce()
    before = 0
    for number in range(50):
        with stream.events(Live, timeout=WAIT) as lives:
            if number % 3:
                accounts["binance_pm"].venue.drop("main", close_frame=number % 3 == 1)
            else:
                stream._conductor.closed(stream._conductor._machine.link, "left by us", broken=True)
            next(lives)
        before = before or descriptors()
    assert stream.status().counters["connections"] == 51
    wait_few_descriptors(before + 4)
    stream_manager.stop()
    assert jexkits() == []


def test_a_scheduler_that_never_runs_costs_a_second(accounts: dict[str, Any]) -> None:
    """The readers tick and begin the calls themselves: keys, logins, commands and reconnections all the same."""
    scheduler = BackgroundScheduler()
    with StreamManager(scheduler=scheduler) as manager:
        streams = [manager.add(simulated.account(account)) for account in accounts.values()]
        for stream in streams:
            stream.wait_live(WAIT)
        manager.streams["jex"].session.keepalive_listen_key()
        with manager.streams["deribit"].events(Live, timeout=WAIT) as lives:
            accounts["deribit"].venue.drop("main")
            next(lives)
    assert not scheduler.running
    assert scheduler.get_jobs() == []
    assert jexkits() == []


def test_the_scheduler_may_die_under_a_running_stream(accounts: dict[str, Any], stream_manager: StreamManager) -> None:
    """As it does when the main thread returns: what hung on it goes on without it."""
    stream = stream_manager.add(simulated.account(accounts["jex"]))
    stream_manager.start()
    stream.wait_live(WAIT)
    scheduler = stream_manager._timer._scheduler
    scheduler.pause()
    scheduler.get_jobs()  # waits for those that it is in the middle of, or its thread would end with an exception
    scheduler.shutdown(wait=False)
    with stream.events(Live, timeout=WAIT) as lives:
        accounts["jex"].venue.drop("main", close_frame=False)
        next(lives)
    stream.session.keepalive_listen_key()
    assert accounts["jex"].venue.counters["keepalives"] >= 1


def test_heartbeats_are_answered_while_rest_hangs(
    accounts: dict[str, Any], stream_manager: StreamManager, simulator: Any
) -> None:
    """REST calls have threads of their own; however many of them hang, a heartbeat has its answer."""
    venue, release = simulator.deribit, threading.Event()

    async def hang(call: Any) -> None:
        while not call.is_socket and not release.is_set():
            await asyncio.sleep(0.01)

    stream = stream_manager.add(simulated.account(accounts["deribit"], read_timeout=5.0))
    stream_manager.start()
    stream.wait_live(WAIT)
    with stream.events(Suspended, timeout=WAIT) as events:
        venue.on_call = hang
        venue.drop("main")
        next(events)
    answered, deadline = stream.status().counters.get("heartbeats_answered", 0), time.monotonic() + WAIT
    while stream.status().counters.get("heartbeats_answered", 0) == answered and time.monotonic() < deadline:
        if venue.connections("main"):
            simulator.advance(31.0)  # the exchange asks once in thirty of its seconds
        release.wait(0.05)
    assert stream.status().counters["heartbeats_answered"] > answered
    release.set()


def test_a_fault_of_ours_costs_a_connection(
    accounts: dict[str, Any],
    stream_manager: StreamManager,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A machine that raises is logged and begun anew; the threads live on, and messages come as before."""
    stream = stream_manager.add(simulated.account(accounts["jex"]))
    stream_manager.start()
    stream.wait_live(WAIT)
    machine = stream._conductor._machine
    original, broken = machine.texts, threading.Event()

    def texts(*args: Any) -> Any:
        if not broken.is_set():
            broken.set()
            raise ZeroDivisionError("a fault of ours")
        return original(*args)

    monkeypatch.setattr(machine, "texts", texts)
    with stream.events(Live, timeout=WAIT) as lives:
        accounts["jex"].deposit("USDT", "5", "spot")
        next(lives)
    assert "ZeroDivisionError" in caplog.text
    with stream.events(OrderUpdate, timeout=WAIT) as updates:
        accounts["jex"].place("JEXBTC", "BUY", "10", price="0.00001464", market="spot")
        next(updates)


# --- the journal ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("journal", [5, b"jexkit.db", object(), True, SqliteJournal])
def test_what_is_no_journal_is_refused(journal: Any) -> None:
    """When the manager is made."""
    with pytest.raises(ConfigurationError, match="journal"):
        StreamManager(journal=journal)


def test_a_place_where_no_journal_can_be_is_refused(tmp_path: Path) -> None:
    """Before anything is started: a directory, and a folder that is not there."""
    for place in (tmp_path, str(tmp_path / "nowhere" / "jexkit.db")):
        with pytest.raises(ConfigurationError, match=str(tmp_path)):
            StreamManager(journal=place)


def test_a_consumer_without_a_journal_is_refused(accounts: dict[str, Any]) -> None:
    """Nobody would keep its position."""
    manager = StreamManager()
    stream = manager.add(simulated.account(accounts["jex"]))
    for on in (manager.on, stream.on):
        with pytest.raises(ConfigurationError, match="journal"):
            on(Event, print, consumer="ledger")


def test_every_event_is_in_the_journal(accounts: dict[str, Any], tmp_path: Path) -> None:
    """Before the callback sees it; acknowledged when the manager has stopped, which leaves one file."""
    path, missing, got = tmp_path / "jexkit.db", list[str](), list[Event]()
    reader = SqliteJournal(path)
    manager = StreamManager(journal=path)

    @manager.on(Event)
    def look(event: Event) -> None:
        got.append(event)
        if event not in [entry.event for entry in reader.read(limit=10_000)]:
            missing.append(event.id)

    streams = [manager.add(simulated.account(account), name) for name, account in accounts.items()]
    with manager:
        for stream in streams:
            stream.wait_live(WAIT)
    assert missing == []
    assert len(got) == reader.status().last
    assert [each.behind for each in reader.status().consumers] == [0, 0, 0, 0]
    assert list(tmp_path.iterdir()) == [path]


def test_a_journal_has_one_manager_at_a_time(accounts: dict[str, Any], tmp_path: Path) -> None:
    """The second is refused when it starts, with nothing left running, and may come once the first has stopped."""
    first, second = (StreamManager(journal=tmp_path / "jexkit.db") for _ in range(2))
    second.add(simulated.account(accounts["jex"]))
    with first:
        before = set(threading.enumerate())
        with pytest.raises(JournalTaken):
            second.start()
        # The first one's timer may begin a thread at any time.
        assert [left.name for left in set(threading.enumerate()) - before if "tick" not in left.name] == []
    with second:
        pass


def test_a_stream_that_is_removed_and_added_goes_on(accounts: dict[str, Any], tmp_path: Path) -> None:
    """In the same manager, at once: what was acknowledged a moment ago does not come again."""
    got: list[str] = []
    with StreamManager(journal=tmp_path / "jexkit.db") as manager:
        manager.on(Event, lambda event: got.append(event.id))
        for _ in range(4):
            stream = manager.add(simulated.account(accounts["poloniex"]), "desk")
            stream.wait_live(WAIT)
            manager.remove(stream)
    assert len(set(got)) == len(got)


@pytest.mark.parametrize("times", [1, 3])
def test_a_callback_may_remove_its_stream_and_add_it_again(accounts: dict[str, Any], times: int) -> None:
    """With a journal: what the callback is told just now is acknowledged after it, and is not told again."""
    got: list[str] = []
    words: list[str] = []
    account, has_gone_on = simulated.account(accounts["poloniex"]), threading.Event()
    with StreamManager(journal=MemoryJournal()) as manager:

        @manager.on(Event)
        def note(event: Event) -> None:
            got.append(event.id)
            if has_gone_on.is_set() and type(event) is Live:
                is_live_again.set()

        @manager.on(OrderUpdate)
        def begin_anew(update: OrderUpdate) -> None:
            if has_gone_on.is_set():
                return
            for _ in range(times):
                manager.remove("desk")
                stream = manager.add(account, "desk")
                words.append(str(stream.state))
                with pytest.raises(UsageError, match="never end"):
                    stream.wait_live(WAIT)
            has_gone_on.set()

        is_live_again = threading.Event()
        manager.add(account, "desk").wait_live(WAIT)
        accounts["poloniex"].place("BTC_USDT", "BUY", "1", price="20000")
        assert is_live_again.wait(WAIT)
        assert str(manager.streams["desk"].state) == "live"
    assert words == ["standby"] * times
    assert len(set(got)) == len(got)


def test_a_callback_that_hangs_does_not_run_beside_itself(accounts: dict[str, Any]) -> None:
    """Its stream is removed, left behind and added again: that begins when the callback has returned."""
    running, most, go_on, told = [0], [0], threading.Event(), list[str]()
    account = simulated.account(accounts["poloniex"])
    with StreamManager(journal=MemoryJournal()) as manager:

        @manager.on(OrderUpdate)
        def hang(update: OrderUpdate) -> None:
            running[0] += 1
            most[0] = max(most[0], running[0])
            told.append(update.id)
            is_in.set()
            go_on.wait(WAIT)
            running[0] -= 1

        is_in = threading.Event()
        manager.add(account, "desk").wait_live(WAIT)
        accounts["poloniex"].place("BTC_USDT", "BUY", "1", price="20000")
        assert is_in.wait(WAIT)
        manager.remove("desk", timeout=0.1)
        stream = manager.add(account, "desk")
        threading.Timer(0.3, go_on.set).start()
        stream.wait_live(WAIT)
    assert most == [1]
    assert len(set(told)) == len(told)


def test_what_waits_for_a_hung_callback_ends_with_the_manager(accounts: dict[str, Any]) -> None:
    """Of a stop that is over in time only the callback's own thread may be left behind."""
    manager, is_in, go_on = StreamManager(journal=MemoryJournal()), threading.Event(), threading.Event()
    account = simulated.account(accounts["poloniex"])

    @manager.on(OrderUpdate)
    def hang(update: OrderUpdate) -> None:
        is_in.set()
        go_on.wait()

    try:
        manager.start()
        manager.add(account, "desk").wait_live(WAIT)
        accounts["poloniex"].place("BTC_USDT", "BUY", "1", price="20000")
        assert is_in.wait(WAIT)
        manager.remove("desk", timeout=0.1)
        manager.add(account, "desk")
        (waiting,) = (thread for thread in threading.enumerate() if thread.name == "jexkit-desk-start")
        manager.stop(0.5)
        waiting.join(WAIT)
        assert not waiting.is_alive()
    finally:
        go_on.set()
        wait_gone()


def test_streams_that_were_removed_and_have_ended_are_forgotten(accounts: dict[str, Any]) -> None:
    account = simulated.account(accounts["poloniex"])
    with StreamManager(journal=MemoryJournal()) as manager:
        for number in range(5):
            manager.remove(manager.add(account, f"desk-{number}"))
        assert len(manager._leaving) <= 1
