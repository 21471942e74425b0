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

    Outside the main thread, where Python lets nobody handle signals, they are left alone; and so is one whose handler
    is not Python's: a host in C that had it before Python began keeps it.
    """
    wanted_end = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield wanted_end
        return

    def note(number: int, frame: FrameType | None) -> None:
        del number, frame
        wanted_end.set()

    # A handler that is not Python's is told as None, and could not be put back.
    ours = [number for number in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(number) is not None]
    before = {number: signal.signal(number, note) for number in ours}
    try:
        yield wanted_end
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
