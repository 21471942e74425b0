"""The threads of the scheduler's pools.

Not those of ``concurrent.futures``: the interpreter waits for these at its end, also for one that hangs in a call, and
for those of its parent, which a child process does not have (uWSGI's workers would not end). They also refuse work as
soon as the main thread has returned, while streams still run.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, TypeVar

T = TypeVar("T")


class Crew(Executor):
    """Up to ``size`` daemon threads, begun as they are needed."""

    def __init__(self, name: str, size: int) -> None:
        self._name = name
        self._size = size
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()  # guards everything below
        self._threads: list[threading.Thread] = []
        self._unclaimed = 0  # pieces of work that no thread has come back for yet, less the threads that wait for one
        self._is_shut = False

    def submit(self, function: Callable[..., T], /, *args: Any, **named: Any) -> Future[T]:
        """Have it run by the next thread that is free. Raises RuntimeError after ``shutdown``."""
        future: Future[T] = Future()
        with self._lock:
            if self._is_shut:
                raise RuntimeError(f"{self._name} takes no more work")
            self._work.put(lambda: _run(future, lambda: function(*args, **named)))
            self._unclaimed += 1
            if self._unclaimed > 0 and len(self._threads) < self._size:
                self._begin_thread()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Let the threads end after what is queued; ``end`` waits for them with a limit."""
        del cancel_futures
        with self._lock:
            self._is_shut = True
            for _ in self._threads:
                self._work.put(None)
        if wait:
            self.end(float("inf"))

    def end(self, deadline: float) -> None:
        """Wait for the threads, until the monotonic clock shows ``deadline``."""
        self.shutdown(wait=False)
        for thread in tuple(self._threads):
            if thread is not threading.current_thread():
                thread.join(min(threading.TIMEOUT_MAX, max(0.0, deadline - time.monotonic())))

    def _begin_thread(self) -> None:
        thread = threading.Thread(target=self._serve, name=f"{self._name}_{len(self._threads)}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _serve(self) -> None:
        while True:
            with self._lock:
                self._unclaimed -= 1
            work = self._work.get()
            if work is None:
                return
            work()


def _run(future: Future[T], work: Callable[[], T]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = work()
    except BaseException as error:  # noqa: BLE001 - whoever holds the future is told; the thread lives on
        future.set_exception(error)
    else:
        future.set_result(result)
