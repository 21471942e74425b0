"""Finds the callback that ends the process, so that its event is not delivered to it for ever.

A callback that raises is seen to fail. One that ends the process (``os._exit``, a crash in C, more memory than there
is) is not: the next process finds its event unacknowledged, and is ended by it as well. So what was unacknowledged at
the start is on trial: before a callback is called with it, that is noted in the journal, and taken back when it has
returned or raised. What a process finds noted, the one before it ended in. New events cost nothing.

Whoever ends for another reason, killed from outside for example, ends in some callback too, and that one may not suffer
for it. So one time proves nothing, and each further attempt is made in a different way, by which the innocent pass:

* It waits before it calls, longer each time. A process that is ended some time after each start, whatever it does, is
  ended now before, now after the callback, but not within it again.
* Of all streams one such callback is called at a time: one that only happens to run beside the guilty one does not
  run beside it again.
* A callback that is under way at a stop has done nothing wrong.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import attrs

from jexkit import logs
from jexkit.core.journal import Attempt, Entry
from jexkit.engine.journaling import Writer
from jexkit.errors import JournalError, JournalTaken

logger = logs.of(__name__)

T = TypeVar("T")

ON_TRIAL = 10_000  # of the oldest entries of each consumer; hardly more are in hand at once
TURN_WITHIN = 60.0  # seconds to wait for the suspects of other streams
LOOK_EVERY = 0.05
LONGEST_NAME = 200  # letters; a journal in a database has room for so many


class Trials:
    """Those of one stream, on its delivery thread. ``stopping`` ends the waiting."""

    def __init__(self, stream: str, writer: Writer, stopping: threading.Event) -> None:
        self._stream = stream
        self._logger = logs.about(logger, stream)
        self._writer = writer
        self._stopping = stopping
        self.last = 0  # the last position that is on trial
        self._left: dict[str, int] = {}  # how many entries more, by consumer
        self._found: dict[Attempt, int] = {}  # how often, by the attempt without its count
        self._under_way: Attempt | None = None
        self._has_complained = False
        self._lock = threading.Lock()  # guards _under_way, and what is noted of it

    def start(self) -> None:
        """Look what the processes before this one have left. Raises JournalError."""
        journal = self._writer.journal
        found = journal.unfinished(self._stream)
        self._found = {attrs.evolve(attempt, count=0): attempt.count for attempt in found}
        self.last = max([journal.last(), *(attempt.position for attempt in found)])

    def count(self, consumer: str, callback: str, entry: Entry) -> int:
        """How often a process has ended while this callback was called with this entry."""
        return self._found.get(self._key(consumer, callback, entry), 0) if self._found else 0

    def run(self, consumer: str, callback: str, entry: Entry, call: Callable[[], T], *, is_replay: bool = False) -> T:
        """``call``, with a note of it in the journal if that is wanted. Raises JournalTaken."""
        key = self._key(consumer, callback, entry)
        count = self._found.get(key, 0)
        if not (count or is_replay or self._is_on_trial(consumer, entry)):
            return call()
        with self._turn(count):
            self._begin(attrs.evolve(key, count=count + 1))
            try:
                result = call()
            except Exception:
                self._finish(key)
                raise
            self._finish(key)
        self._found.pop(key, None)
        return result

    def passed(self, consumer: str, entry: Entry) -> None:
        """All callbacks of a consumer are done with an entry, or it was set aside for them."""
        left = self._left.get(consumer, ON_TRIAL)
        if left:
            self._left[consumer] = left - 1
        for key in [key for key in self._found if (key.consumer, key.position) == (consumer, entry.position)]:
            del self._found[key]
            self._note(self._writer.journal.finish, key)

    def spare(self) -> None:
        """From any thread, when the stream stops: the callback that is under way is not to blame for that."""
        with self._lock:
            attempt, self._under_way = self._under_way, None
            if attempt is None:
                return
            journal = self._writer.journal
            with contextlib.suppress(JournalTaken):
                if attempt.count > 1:
                    self._note(journal.begin, attrs.evolve(attempt, count=attempt.count - 1))
                else:
                    self._note(journal.finish, attempt)

    # --- inner ------------------------------------------------------------------------------------------------------

    def _key(self, consumer: str, callback: str, entry: Entry) -> Attempt:
        return Attempt(self._stream, entry.position, consumer, callback[:LONGEST_NAME], count=0)

    def _is_on_trial(self, consumer: str, entry: Entry) -> bool:
        return entry.position <= self.last and self._left.get(consumer, ON_TRIAL) > 0

    @contextmanager
    def _turn(self, count: int) -> Iterator[None]:
        """Among the suspects of all streams. Who has waited long enough goes on: a callback may wait for another."""
        waits, has_turn = TURN_WITHIN, count == 0
        while not has_turn and waits > 0 and not self._stopping.is_set():
            has_turn = self._writer.suspects.acquire(timeout=LOOK_EVERY)
            waits -= LOOK_EVERY
        try:
            yield
        finally:
            if has_turn and count:
                self._writer.suspects.release()

    def _begin(self, attempt: Attempt) -> None:
        with self._lock:
            self._under_way = attempt
            self._note(self._writer.journal.begin, attempt)

    def _finish(self, attempt: Attempt) -> None:
        with self._lock:
            self._under_way = None
            self._note(self._writer.journal.finish, attempt)

    def _note(self, write: Callable[[Attempt], None], attempt: Attempt) -> None:
        """A journal that cannot be written for the moment, for want of room for example, holds up nobody. Said once:
        its own thread goes on complaining."""
        try:
            write(attempt)
        except JournalTaken:
            raise
        except JournalError as error:
            if not self._has_complained:
                self._has_complained = True
                self._logger.warning("it cannot be noted which callback is called with what: %s", error)
