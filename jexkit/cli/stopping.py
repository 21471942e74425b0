"""How a command is asked to end: Ctrl-C, SIGTERM, or nobody reading what it writes."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def stop_signals() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set, instead of what they did before."""
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


def forget_stdout() -> None:
    """Nobody reads standard output any more: let what is buffered for it go nowhere, without a word at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
