"""Which process we are in: threads, sockets and locks belong to the one that made them, and no fork copies them well.

A child process has the objects of its parent and none of its threads. It has the parent's sockets: what it sends on
them, the exchange takes for the parent's word. And it has the parent's locks as they stood, perhaps held by a thread
that does not exist in it. So whoever holds any of these asks here first, by the number of the process: hooks that run
after a fork (``os.register_at_fork``) are not run by every server. But every fork that a Python function makes runs
them, and what they count costs a tenth of asking for the number; so that is what is asked between two callbacks.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable

from jexkit import logs
from jexkit.errors import UsageError

logger = logs.of(__name__)


class Forks:
    """How many forks lie between the first process and this one, of those that Python itself made."""

    def __init__(self) -> None:
        self.count = 0
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forked)

    def _forked(self) -> None:
        self.count += 1


forks = Forks()
"""The one of this process."""


class Home:
    """The process that something was made in. It works there, and is inert in a child."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._pid = os.getpid()
        self._said_in = 0

    @property
    def is_here(self) -> bool:
        """Whether this is that process. Touches nothing, and logs nothing."""
        return os.getpid() == self._pid

    def may_act(self) -> bool:
        """Whether this is that process; if not, it is said in the log, once in each child."""
        here = os.getpid()
        if here == self._pid:
            return True
        if self._said_in != here:
            self._said_in = here
            logger.warning("%s", self.complaint)
        return False

    def check(self) -> None:
        """Raise UsageError in a child."""
        if not self.may_act():
            raise UsageError(self.complaint)

    def leave_if_away(self) -> None:
        """After code that may have forked: end this thread in the child (see ``until_gone``), and say so."""
        if os.getpid() != self._pid and not self.may_act():  # here as well: it is asked after each event of a journal
            raise Gone

    @property
    def complaint(self) -> str:
        return (
            f"this {self._what} was made in process {self._pid} and does nothing in process {os.getpid()}, which was "
            "forked from it. Make a new one in the child, after the fork (gunicorn: post_fork, Celery: "
            "worker_process_init, uWSGI: postfork); docs/process.md has the lines"
        )


class Gone(BaseException):
    """A thread finds that what it does is not its business any more; it ends where it stands, see ``until_gone``."""


def until_gone(work: Callable[[], None]) -> None:
    """What a thread runs whose work may fork, or lose its lock: who is not in charge any more goes no further."""
    with contextlib.suppress(Gone):
        work()


class OwnLock:
    """A lock of which each process has its own: nobody waits for a thread that stayed behind in the parent."""

    def __init__(self) -> None:
        self._locks = {os.getpid(): threading.Lock()}

    def __enter__(self) -> None:
        # setdefault is one step: two threads that come first in a child get the same lock.
        self._locks.setdefault(os.getpid(), threading.Lock()).acquire()

    def __exit__(self, *exc: object) -> None:
        self._locks[os.getpid()].release()
