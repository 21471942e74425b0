"""Ends a process that hangs, and none that has come by its number since.

A process is known by more than its number, which the system gives again: by its birth, which is the start of the
machine, the space that the number belongs to (each container has its own), and the moment at which it began.
"""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jexkit import logs

logger = logs.of(__name__)

WITHIN = 0.5  # seconds for the system to end it
BEGAN = 19  # the place of the moment at which it began, in what the system tells of a process behind its name

can_end = hasattr(os, "pidfd_open") and hasattr(signal, "pidfd_send_signal")
"""Whether this system, a Linux, can do so without a chance of hitting another process."""


def birth_of(pid: int) -> str:
    """What no other process of this number has; empty if there is none, or nothing can be told of it."""
    try:
        began = Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()[BEGAN]
        machine = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{machine}/{Path('/proc/self/ns/pid').readlink()}/{began}"
    except (OSError, IndexError):
        return ""


def end(pid: int, birth: str) -> bool:
    """Kill the process of that birth, and wait a moment for its end. True if it is no more.

    False, and nothing is done, where it is this one or another, and where this user may not; that is logged.
    """
    if not birth or pid == os.getpid():
        return False
    try:
        with _opened(pid) as process:
            if birth_of(pid) != birth:  # looked at once it is held: from here on the number cannot be given again
                return False
            signal.pidfd_send_signal(process, signal.SIGKILL)
            return _has_ended(process)
    except ProcessLookupError:
        return True
    except OSError as error:
        logger.warning("process %d hangs and cannot be ended: %s", pid, error.strerror)
        return False


@contextmanager
def _opened(pid: int) -> Iterator[int]:
    process = os.pidfd_open(pid)
    try:
        yield process
    finally:
        os.close(process)


def _has_ended(process: int) -> bool:
    poll = select.poll()
    poll.register(process, select.POLLIN)
    deadline = time.monotonic() + WITHIN
    while (left := deadline - time.monotonic()) > 0:
        if poll.poll(left * 1000):
            return True
    return False
