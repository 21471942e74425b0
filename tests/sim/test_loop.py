"""The simulator's thread and the door into it."""

from __future__ import annotations

import asyncio
import threading
from functools import partial

import pytest

from jexkit.sim.loop import LoopThread


def test_calls_run_on_the_named_thread_and_return_their_result() -> None:
    """Everything happens on one thread."""
    loop = LoopThread("sim-under-test")
    loop.start()
    assert loop.call(lambda: threading.current_thread().name) == "sim-under-test"
    loop.stop()


def test_exceptions_travel_back() -> None:
    """Whoever called a method gets its exception, and the loop goes on."""
    loop = LoopThread("sim-under-test")
    loop.start()
    with pytest.raises(ZeroDivisionError):
        loop.call(lambda: 1 // 0)
    assert loop.call(lambda: 2) == 2
    loop.stop()


def test_calls_of_one_thread_keep_their_order() -> None:
    """The order of ledger operations is the order of pushes."""
    loop = LoopThread("sim-under-test")
    loop.start()
    seen: list[int] = []
    for number in range(100):
        loop.call(partial(seen.append, number))
    loop.stop()
    assert seen == list(range(100))


def test_after_stop_calls_run_in_place() -> None:
    """A ledger can be read when the servers are gone."""
    loop = LoopThread("sim-under-test")
    loop.start()
    loop.stop()
    loop.stop()
    assert loop.call(threading.current_thread) is threading.current_thread()
    assert not any(thread.name == "sim-under-test" for thread in threading.enumerate())


def test_starting_twice_is_refused() -> None:
    """There is one loop."""
    loop = LoopThread("sim-under-test")
    loop.start()
    with pytest.raises(RuntimeError, match="running already"):
        loop.start()
    loop.stop()


def test_coroutines_need_a_running_loop() -> None:
    """A stopped simulator says what to do."""

    async def nothing() -> None:
        return None

    with pytest.raises(RuntimeError, match="with statement"):
        LoopThread("sim-under-test").run(nothing())


def test_what_begins_while_it_ends_is_ended_too() -> None:
    """A task that was just made runs its own clean-up, and so does one that another makes on its way out."""
    loop = LoopThread("sim-under-test")
    loop.start()
    ended: list[str] = []

    async def task(name: str, then: str = "") -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(name)
            if then:
                tasks.append(asyncio.ensure_future(task(then)))

    tasks: list[asyncio.Future[None]] = []

    def make_and_stop() -> None:
        tasks.append(asyncio.ensure_future(task("first", "second")))
        loop.stop()

    loop.call(make_and_stop)
    loop.stop()
    assert ended == ["first", "second"]
