"""The clockwork on APScheduler: ticks, calls, the host's own scheduler, and the end."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from jexkit.engine import timer as timer_module
from jexkit.engine.timer import CALLERS, Timer, is_scheduler
from tests.engine.servers import PATIENCE


class Stream:
    """Counts its ticks."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.ticked = threading.Semaphore(0)
        self.threads: set[str] = set()
        self._fault = fault

    def tick_if_due(self) -> None:
        self.threads.add(threading.current_thread().name)
        self.ticked.release()
        if self._fault is not None:
            raise self._fault


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timer_module, "TICK_EVERY", 0.05)


@pytest.fixture
def timer() -> Iterator[Timer]:
    timer = Timer()
    timer.start()
    yield timer
    timer.stop(PATIENCE)


@pytest.fixture
def host() -> Iterator[BackgroundScheduler]:
    """A program's own scheduler, with a job of its own."""
    scheduler = BackgroundScheduler()
    scheduler.add_job(lambda: None, "interval", hours=1, id="the host's")
    scheduler.start()
    yield scheduler
    scheduler.pause()
    scheduler.get_jobs()  # waits for the jobs that it is in the middle of, or its thread would end with an exception
    scheduler.shutdown()


def ours() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("jexkit-")]


def test_streams_are_ticked_again_and_again(timer: Timer) -> None:
    """On the threads for ticks; no more once they are not watched."""
    first, second = Stream(), Stream()
    timer.watch(first)
    timer.watch(second)
    for _ in range(2):
        assert first.ticked.acquire(timeout=PATIENCE)
        assert second.ticked.acquire(timeout=PATIENCE)
    assert all(name.startswith("jexkit-tick") for name in first.threads)
    timer.unwatch(first)
    timer._tick_all()
    assert second.ticked.acquire(timeout=PATIENCE)


def test_a_stream_that_raises_takes_no_other_along(timer: Timer, caplog: pytest.LogCaptureFixture) -> None:
    """Neither in this round nor in the next one, and the log has the traceback."""
    bad, good = Stream(ValueError("mine")), Stream()
    timer.watch(bad)
    timer.watch(good)
    for _ in range(2):
        assert good.ticked.acquire(timeout=PATIENCE)
        assert bad.ticked.acquire(timeout=PATIENCE)
    assert "ValueError: mine" in caplog.text


def test_a_prompt_is_run_at_once(timer: Timer) -> None:
    done = threading.Event()
    timer.prompt(done.set)
    assert done.wait(PATIENCE)


def test_hung_calls_hold_up_no_tick(timer: Timer) -> None:
    """Calls and ticks have threads of their own, even when every caller hangs."""
    go_on, begun = threading.Event(), threading.Semaphore(0)

    def hang() -> None:
        begun.release()
        go_on.wait(PATIENCE)

    for _ in range(CALLERS + 3):
        timer.call(hang)
    for _ in range(CALLERS):
        assert begun.acquire(timeout=PATIENCE)
    stream = Stream()
    timer.watch(stream)
    assert stream.ticked.acquire(timeout=PATIENCE)
    prompted = threading.Event()
    timer.prompt(prompted.set)
    assert prompted.wait(PATIENCE)
    go_on.set()


def test_calls_run_side_by_side(timer: Timer) -> None:
    """Two that wait for each other both end."""
    barrier = threading.Barrier(2)
    done = threading.Semaphore(0)

    def meet() -> None:
        barrier.wait(PATIENCE)
        done.release()

    timer.call(meet)
    timer.call(meet)
    assert done.acquire(timeout=PATIENCE)
    assert done.acquire(timeout=PATIENCE)


def test_no_run_is_dropped_for_being_late(timer: Timer) -> None:
    """By default APScheduler drops what is a second late."""
    timer.call(threading.Event().set)
    for job in timer._scheduler.get_jobs():
        assert job.misfire_grace_time is None
        assert (job.coalesce, job.max_instances) == (True, 1)


def test_healthy_running_logs_nothing(timer: Timer, caplog: pytest.LogCaptureFixture) -> None:
    """A line for each tick would be 86,400 a day."""
    caplog.set_level(logging.INFO)
    stream, done = Stream(), threading.Event()
    timer.watch(stream)
    timer.call(done.set)
    assert done.wait(PATIENCE)
    for _ in range(2):
        assert stream.ticked.acquire(timeout=PATIENCE)
    assert [record.getMessage() for record in caplog.records] == []


# --- the end ----------------------------------------------------------------------------------------------------------


def test_stop_ends_all_threads() -> None:
    before = threading.active_count()
    timer = Timer()
    timer.start()
    done = threading.Event()
    timer.call(done.set)
    assert done.wait(PATIENCE)
    timer.stop(PATIENCE)
    assert ours() == []
    assert threading.active_count() <= before


def test_stop_waits_for_work_under_way_no_longer_than_it_may() -> None:
    """A call that hangs is left behind, and ends by its own timeout."""
    go_on, begun = threading.Event(), threading.Event()

    def hang() -> None:
        begun.set()
        go_on.wait(PATIENCE)

    timer = Timer()
    timer.start()
    timer.call(hang)
    assert begun.wait(PATIENCE)
    timer.stop(0.1)
    assert "jexkit-call_0" in ours()
    go_on.set()
    for thread in threading.enumerate():
        if thread.name.startswith("jexkit-"):
            thread.join(PATIENCE)
    assert ours() == []


def test_calls_that_wait_for_a_thread_are_dropped_by_stop(caplog: pytest.LogCaptureFixture) -> None:
    """Without a word in the log."""
    go_on, begun, late = threading.Event(), threading.Semaphore(0), threading.Event()

    def hang() -> None:
        begun.release()
        go_on.wait(PATIENCE)

    timer = Timer()
    timer.start()
    for _ in range(CALLERS):
        timer.call(hang)
    for _ in range(CALLERS):
        assert begun.acquire(timeout=PATIENCE)
    timer.call(late.set)
    timer.stop(0.1)
    go_on.set()
    for thread in threading.enumerate():
        if thread.name.startswith("jexkit-"):
            thread.join(PATIENCE)
    assert not late.is_set()
    assert caplog.records == []


def test_stopping_in_the_middle_of_work_raises_nothing() -> None:
    """APScheduler's thread ends with an exception if it is shut down while it hands out jobs."""
    for _ in range(20):
        timer, done = Timer(), threading.Event()
        timer.start()
        timer.call(done.set)
        assert done.wait(PATIENCE)
        timer.stop(PATIENCE)


def test_stop_from_inside_a_call_does_not_wait_for_itself() -> None:
    timer, done = Timer(), threading.Event()
    timer.start()

    def stop() -> None:
        timer.stop(PATIENCE)
        done.set()

    timer.call(stop)
    assert done.wait(PATIENCE)


@pytest.mark.parametrize("started", [False, True], ids=["never started", "stopped"])
def test_work_for_a_scheduler_that_does_not_run_is_dropped(started: bool) -> None:
    """Not kept for later: the reader's second line has done it by then."""
    timer = Timer()
    if started:
        timer.start()
        timer.stop(PATIENCE)
    for _ in range(100):
        timer.call(threading.Event().set)
        timer.prompt(threading.Event().set)
    assert [job.name for job in timer._scheduler.get_jobs()] in ([], ["jexkit-tick"])
    timer.stop(PATIENCE)


@pytest.mark.parametrize("is_own", [True, False], ids=["own", "host's"])
def test_no_work_is_added_while_it_is_stopped(
    host: BackgroundScheduler, monkeypatch: pytest.MonkeyPatch, is_own: bool
) -> None:
    """What comes after the jobs were taken out would end the scheduler's thread with an exception."""
    timer = Timer() if is_own else Timer(host)
    timer.start()
    scheduler, left = timer._scheduler, list[str]()
    take_out = scheduler.remove_all_jobs

    def take_out_and_go_on(**where: str) -> None:
        take_out(**where)
        timer.call(lambda: None)
        timer.prompt(lambda: None)
        left.extend(job.name for job in scheduler.get_jobs() if job.name.startswith("jexkit-"))

    monkeypatch.setattr(scheduler, "remove_all_jobs", take_out_and_go_on)
    timer.stop(PATIENCE)
    assert left == []


def test_a_job_that_is_being_added_is_there_before_the_stop_takes_them_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stop waits for it."""
    timer = Timer()
    timer.start()
    add_job, is_adding, go_on = timer._scheduler.add_job, threading.Event(), threading.Event()
    order = list[str]()

    def add_slowly(*what: Any, **how: Any) -> None:
        is_adding.set()
        assert go_on.wait(PATIENCE)
        add_job(*what, **how)
        order.append("added")

    remove_all_jobs = timer._scheduler.remove_all_jobs
    monkeypatch.setattr(timer._scheduler, "add_job", add_slowly)
    monkeypatch.setattr(
        timer._scheduler, "remove_all_jobs", lambda **where: (order.append("taken out"), remove_all_jobs(**where))
    )
    adding = threading.Thread(target=timer.call, args=(lambda: None,))
    adding.start()
    assert is_adding.wait(PATIENCE)
    stopping = threading.Thread(target=timer.stop, args=(PATIENCE,))
    stopping.start()
    stopping.join(0.1)  # a stop that does not wait takes out too early now; one that does is here at once or later
    go_on.set()
    adding.join(PATIENCE)
    stopping.join(PATIENCE)
    assert order == ["added", "taken out"]


# --- the host's scheduler ---------------------------------------------------------------------------------------------


def test_a_hosts_scheduler_is_used_and_left_clean(host: BackgroundScheduler) -> None:
    """No job, job store, executor or thread of ours stays; the host's own go on."""
    executors, stores = set(host._executors), set(host._jobstores)
    threads = set(threading.enumerate())
    timer = Timer(host)
    timer.start()
    stream, done = Stream(), threading.Event()
    timer.watch(stream)
    timer.call(done.set)
    assert done.wait(PATIENCE)
    assert stream.ticked.acquire(timeout=PATIENCE)
    timer.stop(PATIENCE)
    assert host.running
    assert (set(host._executors), set(host._jobstores)) == (executors, stores)
    assert [job.id for job in host.get_jobs()] == ["the host's"]
    assert set(threading.enumerate()) <= threads
    again = threading.Event()
    host.add_job(again.set)
    assert again.wait(PATIENCE)
    assert len(host.get_jobs()) == 1  # and the host is done with it, or it could not be shut down without a fault


def test_a_hosts_scheduler_does_not_tell_of_our_jobs(
    host: BackgroundScheduler, caplog: pytest.LogCaptureFixture
) -> None:
    """At INFO it would be two lines for each heartbeat; of the host's own jobs it tells as before."""
    caplog.set_level(logging.INFO)
    timer, done = Timer(host), threading.Semaphore(0)
    timer.start()
    for _ in range(5):
        timer.prompt(done.release)
        timer.call(done.release)
    for _ in range(10):
        assert done.acquire(timeout=PATIENCE)
    host.add_job(lambda: None, "interval", hours=1, id="another", name="another of the host's")
    timer.stop(PATIENCE)
    host.remove_job("another")
    assert [record.getMessage() for record in caplog.records if "job" in record.getMessage().lower()] == [
        'Added job "another of the host\'s" to job store "default"',
        "Removed job another",
    ]


def test_two_managers_may_share_a_hosts_scheduler(host: BackgroundScheduler) -> None:
    """And the end of one is not the end of the other."""
    first, second = Timer(host), Timer(host)
    first.start()
    second.start()
    first.stop(PATIENCE)
    done, stream = threading.Event(), Stream()
    second.call(done.set)
    second.watch(stream)
    assert done.wait(PATIENCE)
    assert stream.ticked.acquire(timeout=PATIENCE)
    second.stop(PATIENCE)
    assert [job.id for job in host.get_jobs()] == ["the host's"]


def test_a_hosts_scheduler_may_be_started_later() -> None:
    host = BackgroundScheduler()
    timer = Timer(host)
    timer.start()
    stream = Stream()
    timer.watch(stream)
    host.start()
    assert stream.ticked.acquire(timeout=PATIENCE)
    timer.stop(PATIENCE)
    host.shutdown()


def test_a_hosts_scheduler_may_be_shut_down_and_started_again(caplog: pytest.LogCaptureFixture) -> None:
    """It makes our calls as before."""
    host = BackgroundScheduler()
    host.start()
    timer, threads = Timer(host), set(threading.enumerate())
    timer.start()
    host.shutdown()
    host.start()
    done = threading.Event()
    timer.call(done.set)
    assert done.wait(PATIENCE)
    timer.stop(PATIENCE)
    host.shutdown()
    assert caplog.records == []
    assert not [thread for thread in set(threading.enumerate()) - threads if thread.name.startswith("jexkit-")]


def test_a_host_may_take_our_things_out_of_its_scheduler_first(host: BackgroundScheduler) -> None:
    """Stopping raises nothing, and ends our threads."""
    threads = set(threading.enumerate())
    timer, done = Timer(host), threading.Event()
    timer.start()
    timer.call(done.set)
    assert done.wait(PATIENCE)
    host.remove_jobstore("jexkit")
    host.remove_executor("jexkit-tick")
    timer.stop(PATIENCE)
    assert not [thread for thread in set(threading.enumerate()) - threads if thread.name.startswith("jexkit-")]


def test_a_hosts_scheduler_may_be_gone_first() -> None:
    """A host that shuts everything down at once need not mind the order."""
    host = BackgroundScheduler()
    host.start()
    timer = Timer(host)
    timer.start()
    host.shutdown()
    timer.stop(PATIENCE)
    assert ours() == []


@pytest.mark.parametrize(
    ("candidate", "expected"),
    [(BackgroundScheduler(), True), (None, False), (ThreadPoolExecutor(1), False), (Timer, False), ("x", False)],
    ids=lambda value: str(value)[:20],
)
def test_what_is_a_scheduler(candidate: object, expected: bool) -> None:
    assert is_scheduler(candidate) is expected


def test_the_settings_of_a_callable_are_its_own(timer: Timer) -> None:
    """The same function may be prompted again while it runs."""
    count = threading.Semaphore(0)
    tick: Callable[[], None] = count.release
    for _ in range(5):
        timer.prompt(tick)
    for _ in range(5):
        assert count.acquire(timeout=PATIENCE)
