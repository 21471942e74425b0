"""Notices gevent and eventlet, which put greenlets in the place of threads, without importing them."""

from __future__ import annotations

import sys

from jexkit import logs
from jexkit.errors import ConfigurationError

logger = logs.of(__name__)

SUPPORTED = (
    "%s has patched this process. jexkit is made for threads of the operating system; with greenlets in their place it "
    "works, but all of it stands still while any code of the process computes, or blocks in what is not patched: "
    "answers to heartbeats come late then, and connections are lost and recovered. Better: let it run in a process of "
    "its own, or under a server with real threads (gunicorn: --worker-class gthread); see docs/process.md"
)


def patched_by() -> str:
    """Who has patched the threads or the sockets of this process; empty if nobody has."""
    gevent, eventlet = sys.modules.get("gevent.monkey"), sys.modules.get("eventlet.patcher")
    if gevent is not None and (gevent.is_module_patched("threading") or gevent.is_module_patched("socket")):
        return "gevent"
    if eventlet is not None and (eventlet.is_monkey_patched("thread") or eventlet.is_monkey_patched("socket")):
        return "eventlet"
    return ""


_PATCHED_AT_IMPORT = patched_by()


def check() -> None:
    """Tell a program whose threads are greenlets what is supported.

    Raises ConfigurationError where they became greenlets after jexkit was imported: locks and queues that were made
    before do not know them, and stop everything.
    """
    who = patched_by()
    if who and not _PATCHED_AT_IMPORT:
        raise ConfigurationError(
            f"{who} has patched this process after jexkit was imported, which cannot work; patch in the first lines of "
            "the program, or better not in the process that runs jexkit (see docs/process.md)"
        )
    if who:
        logger.warning(SUPPORTED, who)
