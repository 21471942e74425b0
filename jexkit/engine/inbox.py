"""The queue of one stream that has a journal: bounded in memory, and as long as it has to be on disk.

Events go to the journal's thread first, and into the queue once they are written. When more wait than the queue holds,
they are left in the journal, and read from there when their turn comes: a callback that sleeps for an hour costs disk
and no memory. A start is the same thing: what earlier processes left unacknowledged is read before anything else.
"""

from __future__ import annotations

import functools
import queue
import threading
from collections.abc import Callable, Sequence
from typing import Any

from jexkit import logs
from jexkit.core.journal import MAIN, Entry
from jexkit.engine.journaling import Writer
from jexkit.errors import JournalError
from jexkit.events import Event

logger = logs.of(__name__)

HELD = 10_000  # entries that wait in memory
SLICE = 500  # entries that are read at once
TRY_AGAIN = 1.0  # seconds after a reading that failed


class Inbox:
    """``put`` is for whoever feeds the stream's machine, ``get`` for the delivery thread, all else for anybody."""

    def __init__(self, stream: str, writer: Writer, held: int = HELD) -> None:
        self._stream = stream
        self._logger = logs.about(logger, stream)
        self._writer = writer
        self._most = held
        self._queue: queue.SimpleQueue[list[Entry] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()  # guards everything below
        self._handed = 0  # events on their way to the disk
        self._held = 0  # entries in the queue
        self._is_spilling = True
        self._is_nudged = False  # whether the queue holds a word to look into the journal
        self._last = 0  # the stream's last position that is known to be written
        self._put = self._refused = self._done = 0  # events, ever; each counted by one thread alone
        self.left = 0  # those of earlier processes that are not done with
        self.at = 0  # the last position that was taken out
        self._stopping = threading.Event()

    def start(self) -> None:
        """Begin where the main consumer stands; the writer has to be started. Raises JournalError."""
        journal = self._writer.journal
        self.at = journal.position(self._stream, MAIN)
        self._writer.acknowledge(self._stream, MAIN, self.at)  # known from now on: nothing of it is removed unseen
        if journal.read(self.at, stream=self._stream, limit=1):
            self._writer.settle(self._stream)
            found = {(each.stream, each.consumer): each.behind for each in journal.status().consumers}
            self.left = found.get((self._stream, MAIN), 0)

    def put(self, events: Sequence[Event], memory: Callable[[], Any] | None = None) -> None:
        """Hand events to the journal. Never blocks."""
        self._put += len(events)
        with self._lock:
            self._handed += len(events)
        self._writer.append(self._stream, events, functools.partial(self._written, len(events)), memory)

    def _written(self, handed: int, entries: list[Entry]) -> None:
        """On the journal's thread: these are on disk."""
        with self._lock:
            self._handed -= handed
            self._refused += handed - len(entries)
            if not entries:
                return
            self._last = entries[-1].position
            self._is_spilling = self._is_spilling or self._held + len(entries) > self._most
            if not self._is_spilling:
                self._held += len(entries)
                self._queue.put(entries)
                return
            if not self._is_nudged:
                self._is_nudged = True
                self._queue.put(None)

    def get(self, timeout: float | None = None) -> list[Entry]:
        """The next entries, in order; none after ``timeout`` seconds, or when ``wake`` was called."""
        entries = self._from_memory(0.0)
        was_woken = entries == []
        if not entries and self._is_spilling:
            entries = self._from_journal()
        if entries is None and not was_woken:
            entries = self._from_memory(timeout)
        if entries:
            self.at = entries[-1].position
        return entries or []

    def wake(self, *, stopping: bool = False) -> None:
        """Let ``get`` return; ``stopping``: it does not wait for a journal that cannot be read either."""
        if stopping:
            self._stopping.set()
        self._queue.put(None)

    def done(self) -> None:
        """By the delivery thread: the first of the entries that were taken out, and are not done with, is."""
        if self.left:
            self.left -= 1
        else:
            self._done += 1

    @property
    def queued(self) -> int:
        """Events that wait, on their way to the disk, here, and in the delivery's hands; without those ``left``."""
        gone = self._done + self._refused  # first: what is put meanwhile can be done by now
        return self._put - gone

    @property
    def handed(self) -> int:
        """Events on their way to the disk: those are in memory, whatever comes."""
        return self._handed

    @property
    def is_spilling(self) -> bool:
        """Whether events wait in the journal that do not wait in memory."""
        return self._is_spilling

    # --- inner ------------------------------------------------------------------------------------------------------

    def _from_memory(self, timeout: float | None) -> list[Entry] | None:
        """What is first in the queue, nothing for a word to wake up; None where nothing came in time."""
        try:
            entries = self._queue.get(timeout=timeout) if timeout != 0 else self._queue.get_nowait()
        except queue.Empty:
            return None
        with self._lock:
            if entries is None:
                self._is_nudged = False
            else:
                self._held -= len(entries)
        return entries or []

    def _from_journal(self) -> list[Entry] | None:
        """The next slice; None when nothing is left there, and the queue is the place to look again."""
        try:
            entries = self._writer.journal.read(self.at, stream=self._stream, limit=SLICE)
        except JournalError as error:
            self._logger.warning("the journal cannot be read; trying again: %s", error)
            self._stopping.wait(TRY_AGAIN)
            return []
        with self._lock:
            if not entries and self._last <= self.at:
                self._is_spilling = False
        return entries or None
