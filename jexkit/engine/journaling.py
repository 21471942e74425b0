"""The thread that writes the journal, ``jexkit-journal``, one per manager: group commit for all streams.

Streams hand in what they were told, and go on. While one transaction is under way, what is handed in waits, and all of
it goes into the next one: the busier it is, the more events share the cost of a flush to disk. Acknowledgements ride
along; where nothing else is to be written they wait a moment for company, and are written all the same.

As long as the journal cannot be written (a full disk, for example) nothing is told to callbacks. What was handed in
waits, the writing is tried again, and ``fault`` says why.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import attrs

from jexkit import logs
from jexkit.core.journal import PRUNE_LIMIT, Append, DeadLetter, Entry, Journal, Reader
from jexkit.engine.clock import Clock
from jexkit.errors import JexkitError, JournalError
from jexkit.events import Event

logger = logs.of(__name__)

Done: TypeAlias = Callable[[list[Entry]], object]
Wanted: TypeAlias = Callable[[DeadLetter], object]

MOST_AT_ONCE = 5_000  # events in one transaction
COMPANY = 0.05  # seconds that acknowledgements wait for events to be written with
PRUNE_EVERY = 60.0  # seconds between two looks at what need not be kept, while little is written
PRUNE_ON = 2.0  # seconds, where there was more than one look removes
PRUNES_AT_END = 20
LOOK_EVERY = 2.0  # seconds between two looks for dead letters that are to be delivered again
FIRST_RETRY, LONGEST_RETRY = 0.1, 5.0  # seconds between attempts to write to a journal that cannot be written
COMPLAIN_EVERY = 60.0  # seconds
SETTLE_WITHIN = 5.0  # seconds for what was handed in to be on disk, when a stream starts

_NUDGE, _END = "acknowledged", "end"


@attrs.frozen
class _Handed:
    append: Append
    done: Done
    memory: Callable[[], Any] | None = None

    def complete(self) -> Append:
        """With the memory, made now; a fault in that costs the memory and not the events."""
        if self.memory is None:
            return self.append
        try:
            return attrs.evolve(self.append, memory=self.memory())
        except Exception:
            logger.exception("a fault in jexkit while it noted what recovery needs")
            return self.append


class Writer:
    """The one caller of ``Journal.write``. Any thread may call its methods; none of them waits for the disk."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self.journal = journal
        self.fault: JexkitError | None = None
        self.suspects = threading.Lock()  # for ``trials``: the one callback at a time that may be guilty
        self._clock = clock
        self._handed: queue.SimpleQueue[_Handed | str] = queue.SimpleQueue()
        self._acknowledgements: dict[Reader, int] = {}
        self._is_nudged = False  # whether the queue holds a word that there are some
        self._watching: dict[str, Wanted] = {}
        self._looked = clock.monotonic()
        self._stopping = threading.Event()
        self._since_prune = 0
        self._prunes_on = False  # there was more to remove than is removed at once
        self._pruned = clock.monotonic()
        self._complained = float("-inf")
        self._thread = threading.Thread(target=self._run, name="jexkit-journal", daemon=True)

    def start(self, *, by_force: bool = False) -> None:
        """Open the journal, here, so that what is wrong with it is raised here; then start the thread."""
        if by_force:
            self.journal.take_over()
        else:
            self.journal.open()
        self._thread.start()

    def append(self, stream: str, events: Sequence[Event], done: Done, memory: Callable[[], Any] | None = None) -> None:
        """Hand in events. ``done`` is called on the journal's thread once they are on disk, with their entries.

        Events that the journal knew already are not among those. ``memory`` is called there too, to make the memory
        that is written with them. Neither may block.
        """
        self._handed.put(_Handed(Append(stream, events), done, memory))

    def acknowledge(self, stream: str, consumer: str, position: int) -> None:
        """A consumer is done with everything up to ``position``; 0 makes it known."""
        self._acknowledgements[stream, consumer] = position
        if not self._is_nudged:
            self._is_nudged = True
            self._handed.put(_NUDGE)

    def settle(self, stream: str) -> None:
        """Wait until everything that was handed in so far is on disk. Raises JournalError if it does not get there."""
        settled = threading.Event()
        self.append(stream, [], lambda _: settled.set())
        if not settled.wait(SETTLE_WITHIN):
            raise JournalError(f"the journal cannot be written: {self.fault or 'its disk does not answer'}")

    def watch(self, stream: str, wanted: Wanted) -> None:
        """Call ``wanted``, on the journal's thread, with dead letters of the stream that are to be delivered again.

        Again and again, for as long as they are. It must not block.
        """
        self._watching[stream] = wanted

    def unwatch(self, stream: str) -> None:
        """The stream is no more."""
        self._watching.pop(stream, None)

    def stop(self, timeout: float) -> bool:
        """Write what was handed in, close the journal and end; False if that took longer than ``timeout`` seconds."""
        self._stopping.set()
        self._handed.put(_END)
        if not self._thread.is_alive():
            return True
        self._thread.join(max(0.0, timeout))
        return not self._thread.is_alive()

    # --- the thread -------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        is_last = False
        self._prune()
        while not is_last:
            handed, is_last = self._gather()
            acknowledgements = self._take_acknowledgements()
            if handed or acknowledgements:
                self._write(handed, acknowledgements)
            self._since_prune += sum(len(each.append.events) for each in handed)
            if self._is_time_to_prune():
                self._prune()
            self._look_for_wanted()
        self._prune_at_the_end()
        try:
            self.journal.close()
        except JournalError as error:
            logger.warning("could not close the journal: %s", error)

    def _gather(self) -> tuple[list[_Handed], bool]:
        """What waits to be written, waiting for the first of it; and whether nothing more will come."""
        handed: list[_Handed] = []
        count, patience = 0, LOOK_EVERY
        while count < MOST_AT_ONCE:
            try:
                each = self._handed.get(timeout=patience) if patience else self._handed.get_nowait()
            except queue.Empty:
                break
            if each is _END:
                return handed, True
            if isinstance(each, _Handed):
                handed.append(each)
                count += len(each.append.events)
            patience = 0.0 if handed else COMPANY
        return handed, False

    def _take_acknowledgements(self) -> dict[Reader, int]:
        """Without a lock, since one is given with each event: each step here is one of the dictionary's own."""
        self._is_nudged = False  # first: what comes from here on, and is not taken now, says so anew
        taken: dict[Reader, int] = {}
        while self._acknowledgements:
            reader, position = self._acknowledgements.popitem()
            taken[reader] = position
        return taken

    def _write(self, handed: list[_Handed], acknowledgements: dict[Reader, int]) -> None:
        wait, appends = FIRST_RETRY, [each.complete() for each in handed]
        while True:
            try:
                written = self.journal.write(appends, acknowledgements)
            except Exception as error:  # noqa: BLE001 - logged there; the thread must go on whatever it was
                self._complain(error, len(handed))
                if self._stopping.wait(wait):
                    return  # not told and not acknowledged: recovery finds it again
                wait = min(wait * 2, LONGEST_RETRY)
            else:
                break
        if self.fault is not None:
            logger.info("the journal can be written again")
            self.fault, self._complained = None, float("-inf")
        for each, entries in zip(handed, written, strict=True):
            self._tell(each.done, entries)

    def _tell(self, done: Done, entries: list[Entry]) -> None:
        try:
            done(entries)
        except Exception:
            logger.exception("a fault in jexkit while it took in what the journal holds")

    def _complain(self, error: Exception, waiting: int) -> None:
        known = isinstance(error, JexkitError)
        self.fault = error if isinstance(error, JexkitError) else JournalError(f"{type(error).__name__}: {error}")
        now = self._clock.monotonic()
        if now - self._complained >= COMPLAIN_EVERY:
            self._complained = now
            logger.error(
                "the journal cannot be written, so nothing is told to callbacks; trying again (%d batches wait): %s",
                waiting + self._handed.qsize(),
                self.fault,
                exc_info=None if known else error,
            )

    def _is_time_to_prune(self) -> bool:
        patience = PRUNE_ON if self._prunes_on else PRUNE_EVERY
        return self._since_prune >= PRUNE_LIMIT or self._clock.monotonic() - self._pruned >= patience

    def _prune(self) -> None:
        now = self._clock.now()
        # Twice what was written, so that a journal which has grown over its bound comes back to it.
        limit = max(PRUNE_LIMIT, 2 * self._since_prune)
        self._pruned, self._since_prune, self._prunes_on = now.monotonic, 0, False
        try:
            self._prunes_on = self.journal.prune(now.wall_ms, limit) >= limit
        except JournalError as error:
            logger.warning("could not remove old entries from the journal: %s", error)

    def _prune_at_the_end(self) -> None:
        """By now everything is acknowledged and what recovery needs is up to date, so nothing is held back."""
        for _ in range(PRUNES_AT_END if self.fault is None else 0):
            self._prune()
            if not self._prunes_on:
                break

    def _look_for_wanted(self) -> None:
        now = self._clock.monotonic()
        if now - self._looked < LOOK_EVERY or not self._watching:
            return
        self._looked = now
        try:
            for letter in self.journal.dead_letters(wanted=True):
                wanted = self._watching.get(letter.entry.stream)
                if wanted is not None:
                    wanted(letter)
        except JournalError as error:
            logger.warning("could not look for dead letters that are to be delivered again: %s", error)
