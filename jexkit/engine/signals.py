"""How a program that waits is asked to end: by Ctrl-C or SIGTERM."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def stop_signals() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set, and do nothing else meanwhile.

    Outside the main thread, where Python lets nobody handle signals, they are left alone.
    """
    wanted_end = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield wanted_end
        return

    def note(number: int, frame: FrameType | None) -> None:
        del number, frame
        wanted_end.set()

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield wanted_end
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
