"""Which threads wait for which, so that a circle of waiting is refused instead of entered.

A callback may wait for another stream's events. If a callback of that stream waits for this one's at the same time,
neither event can ever come: both delivery threads are taken. Whoever closes such a circle is told.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from jexkit.errors import UsageError

# Who waits, and for whom. There is no lock, which a fork could leave locked in the child: each thread writes its own
# entry before it looks at the others', so of two that close a circle at the same moment at least one sees it.
_awaited: dict[threading.Thread, threading.Thread] = {}


class Circle(UsageError):
    """The wait would never end: the thread that is waited for waits for the one that asks, or is that one."""


@contextmanager
def waiting_for(thread: threading.Thread) -> Iterator[None]:
    """Around a wait of the current thread for what only ``thread`` can do. Raises Circle."""
    current = threading.current_thread()
    _awaited[current] = thread
    try:
        _check(current, thread)
        yield
    finally:
        del _awaited[current]


def _check(current: threading.Thread, thread: threading.Thread) -> None:
    following: threading.Thread | None = thread
    passed: set[threading.Thread] = set()
    while following is not None and following not in passed:
        if following is current:
            raise Circle(
                "this wait would never end: what it is for comes only after this callback has returned; "
                "wait in another thread"
            )
        passed.add(following)
        following = _awaited.get(following)
