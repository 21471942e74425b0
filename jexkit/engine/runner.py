"""The running of callbacks: each is measured, survived when it raises, and told of by name when it is slow.

A callback that never returns cannot tell of itself, and it is the one that matters. So what is running is written down,
and whichever thread looks after the stream once a second (``look``) tells of it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeAlias

from jexkit import logs
from jexkit.engine.clock import Clock
from jexkit.engine.process import Home, forks
from jexkit.engine.registry import Callback
from jexkit.engine.tenure import Gate
from jexkit.errors import TryLater
from jexkit.events import Event

logger = logs.of(__name__)

OnError: TypeAlias = Callable[[Event, Callback, BaseException], object]

SLOW = 5.0  # seconds
TELL_EVERY = 60.0  # seconds between two words about the same callback
NAMES_KEPT = 1_000  # callbacks whose last word is remembered


class Runner:
    """Runs the callbacks of one stream, on its delivery thread. ``slow_after`` is in seconds, None for never."""

    def __init__(
        self,
        stream: str,
        *,
        clock: Clock,
        on_error: OnError | None = None,
        slow_after: float | None = SLOW,
        gate: Gate | None = None,
    ) -> None:
        self.gate = gate
        self._logger = logs.about(logger, stream)
        self._home = Home(f"stream {stream!r}")
        self._forks = forks.count
        self._on_error = on_error
        self._monotonic = clock.monotonic
        self._slow_after = float("inf") if slow_after is None else slow_after
        self._running: tuple[Callable[..., object], Event, float] | None = None
        self._told_lock = threading.Lock()  # guards _told and _noticed
        self._told: dict[str, float] = {}
        self._noticed: tuple[Callable[..., object], Event, float] | None = None
        self.errors = 0
        self.slow = 0

    def run(self, callback: Callback, event: Event) -> BaseException | None:
        """Call it; returns what it raised, which by then is logged, counted and reported to ``on_error``.

        Not before the gate is open; where it has been shut, the thread ends (see ``tenure``).
        """
        if self.gate is not None:
            self.gate.wait()
        error: BaseException | None = None
        # Here and not in a function of its own, as for ``on_error``: it is done for each event of each stream.
        running = self._running = (callback, event, self._monotonic())
        try:
            callback(event)
        except BaseException as raised:  # noqa: BLE001 - told below
            # SystemExit as well: on this thread it would end nothing but the stream's deliveries, without a word.
            error = raised
        self._running = None
        if self._monotonic() - running[2] >= self._slow_after:
            self._tell(running, "took")
        if error is not None:
            self._note(error, callback, event)
        if forks.count != self._forks:
            self.leave_if_away()
        return error

    def leave_if_away(self) -> None:
        """A callback forked: the parent delivers what is queued, and the child must not do it again."""
        self._home.leave_if_away()

    def look(self) -> None:
        """Tell of a callback that has been running for too long. From any thread, about once a second."""
        running = self._running
        if running is not None and self._monotonic() - running[2] >= self._slow_after:
            self._tell(running, "has been running for")

    @property
    def current(self) -> str | None:
        """The name of the callback that runs now."""
        running = self._running
        return None if running is None else name_of(running[0])

    # --- inner ------------------------------------------------------------------------------------------------------

    def _note(self, error: BaseException, callback: Callback, event: Event) -> None:
        if isinstance(error, TryLater):
            self._wait(callback, event, error)
            return
        self.errors += 1
        self._logger.error("the callback %s failed on %s", name_of(callback), type(event).__name__, exc_info=error)
        self._report(event, callback, error)

    def _report(self, event: Event, callback: Callback, error: BaseException) -> None:
        if self._on_error is None:
            return
        running = self._running = (self._on_error, event, self._monotonic())
        try:
            self._on_error(event, callback, error)
        except BaseException:
            self._logger.exception("on_error itself failed")
        self._running = None
        if self._monotonic() - running[2] >= self._slow_after:
            self._tell(running, "took")

    def _wait(self, callback: Callback, event: Event, error: TryLater) -> None:
        """No failure, and no traceback."""
        with self._told_lock:
            is_due = self._is_due(f"{name_of(callback)} waits", self._monotonic())
        if is_due:
            words = "the callback %s cannot take %s now: %s"
            self._logger.warning(words, name_of(callback), type(event).__name__, error)

    def _tell(self, running: tuple[Callable[..., object], Event, float], what: str) -> None:
        callback, event, began = running
        now, name = self._monotonic(), name_of(callback)
        with self._told_lock:
            if self._noticed is not running:
                self._noticed = running
                self.slow += 1
            if not self._is_due(name, now):
                return
        words = "the callback %s %s %.1f seconds on %s; the events behind it wait"
        self._logger.warning(words, name, what, now - began, type(event).__name__)

    def _is_due(self, subject: str, now: float) -> bool:
        """Whether a word about this is due; under the lock of the words told."""
        if now - self._told.get(subject, float("-inf")) < TELL_EVERY:
            return False
        self._told.pop(subject, None)
        self._told[subject] = now
        if len(self._told) > NAMES_KEPT:
            del self._told[next(iter(self._told))]
        return True


def name_of(callback: Callback) -> str:
    """What a reader of the log knows the callback by."""
    return getattr(callback, "__qualname__", None) or type(callback).__name__
