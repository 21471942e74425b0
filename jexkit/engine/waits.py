"""Which threads wait for which, so that a circle of waiting is refused instead of entered.

A callback may wait for another stream's events. If a callback of that stream waits for this one's at the same time,
neither event can ever come: both delivery threads are taken. Whoever closes such a circle is told.

A signal's handler can close one with its own thread: it runs in the middle of whatever the main thread does, and what
that holds is not given back before the handler has returned.
"""

from __future__ import annotations

import sys
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
def waiting_for(thread: threading.Thread, who: threading.Thread | None = None) -> Iterator[None]:
    """Around a wait of the current thread, or of ``who``, for what only ``thread`` can do. Raises Circle."""
    current = who or threading.current_thread()
    interrupted = _awaited.get(current)  # by a signal's handler, which waits in the middle of that
    _awaited[current] = thread
    try:
        _check(current, thread)
        yield
    finally:
        if interrupted is None:
            del _awaited[current]
        else:
            _awaited[current] = interrupted


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


_MAY_HOLD = (
    "jexkit.engine.",
    "jexkit.manager",
    "jexkit.stream",
    "jexkit.session",
    "jexkit.listening",
    "jexkit.running",
)


def is_interruption() -> bool:
    """Whether a call of jexkit by its user came in the middle of another one, which may hold a lock of ours.

    Only a signal's handler can do that, on the main thread, and nothing tells that it is one but the stack: below its
    own frames lie those of what it interrupted. Callbacks are called by threads of ours and are known by these.
    """
    if threading.current_thread() is not threading.main_thread():
        return False
    frame, was_left = sys._getframe(1).f_back, False  # noqa: SLF001 - inspect would read sources
    while frame is not None:
        is_ours = str(frame.f_globals.get("__name__")).startswith(_MAY_HOLD)
        if is_ours and was_left:
            return True
        was_left = was_left or not is_ours
        frame = frame.f_back
    return False
