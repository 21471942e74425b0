"""What this process uses of the machine, from /proc."""

from __future__ import annotations

import gc
import os
import threading
from pathlib import Path

import attrs

PAGE = os.sysconf("SC_PAGE_SIZE")


@attrs.frozen
class Usage:
    """Threads, open descriptors, and resident memory in megabytes."""

    threads: int
    descriptors: int
    memory: float


def usage() -> Usage:
    """As of now, after a collection of what is garbage."""
    gc.collect()
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * PAGE
    return Usage(threading.active_count(), descriptors, round(resident / 1e6, 1))
