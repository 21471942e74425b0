"""The one thread and the one event loop of the simulator, and the door into it from other threads.

Everything that changes a ledger or writes to a socket happens on this loop, so the order in which a test calls the
simulator is the order in which clients see the frames. May touch: threading and asyncio, nothing of any exchange.
"""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, Protocol, TypeVar, cast

from jexkit.sim.listening import settled

R = TypeVar("R")


class LoopThread:
    """A daemon thread running one asyncio loop.

    `call` and `run` may be used from any thread. They wait for the outcome and let the exception of the called
    function travel back. Before `start` and after `stop` there is nobody to be ordered with, so `call` runs in place:
    a ledger stays readable when the servers are gone.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._gate = threading.Lock()  # guards _loop: nothing is handed to a loop that will not run it
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    @property
    def is_running(self) -> bool:
        """True between `start` and `stop`."""
        return self._loop is not None

    def start(self) -> None:
        """Start the thread; returns when the loop accepts work."""
        with self._gate:
            if self._loop is not None:
                raise RuntimeError("The simulator's loop is running already.")
            loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=_turn, args=(loop,), name=self._name, daemon=True)
            self._thread.start()
            self._loop = loop

    def stop(self) -> None:
        """Run what was handed in so far, end the loop and join the thread. Safe to call twice."""
        with self._gate:
            loop, self._loop = self._loop, None
            if loop is not None:
                loop.call_soon_threadsafe(loop.stop)
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
            self._thread = None

    def call(self, function: Callable[[], R]) -> R:
        """Run `function` on the loop and return its result; on the loop's own thread, run it at once."""
        if threading.current_thread() is self._thread:
            return function()
        with self._gate:
            loop = self._loop
            future: Future[R] = Future()
            if loop is not None:
                loop.call_soon_threadsafe(_settle, future, function)
        return function() if loop is None else future.result()

    def run(self, coroutine: Coroutine[Any, Any, R]) -> R:
        """Run `coroutine` on the loop and wait for its result. Not from the loop's own thread."""
        with self._gate:
            if self._loop is None:
                coroutine.close()
                raise RuntimeError("The simulator is not running: start it first, or use it in a with statement.")
            future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        return future.result()


def _settle(future: Future[R], function: Callable[[], R]) -> None:
    try:
        future.set_result(function())
    except BaseException as error:  # noqa: BLE001 - it belongs to the waiting thread, not to the loop
        future.set_exception(error)


def _turn(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        loop.run_until_complete(_wind_up())
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        asyncio.set_event_loop(None)
        loop.close()


async def _wind_up() -> None:
    """End all tasks, and those that begin meanwhile; sockets that they abort are closed when this returns."""
    await settled()
    while left := asyncio.all_tasks() - {asyncio.current_task()}:
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await settled()


class HasLoop(Protocol):
    """Anything that belongs to the simulator's loop."""

    @property
    def loop(self) -> LoopThread:
        """The loop that this object's methods run on."""


F = TypeVar("F", bound=Callable[..., Any])


def on_loop(method: F) -> F:
    """Make a method callable from every thread: it runs on the object's loop and the caller waits for it."""

    @functools.wraps(method)
    def handed_over(owner: HasLoop, *args: Any, **named: Any) -> Any:
        return owner.loop.call(lambda: method(owner, *args, **named))

    return cast(F, handed_over)  # same signature, other thread
