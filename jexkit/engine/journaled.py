"""The delivery of a stream that has a journal: every event is on disk before a callback sees it.

The queue is an ``Inbox``, callbacks are run by ``Consumers``, and now and then what recovery has to remember is handed
to the journal with the events that it belongs to, so that the next start is one more time away.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence

from jexkit import logs
from jexkit.core.book import Book
from jexkit.core.journal import DeadLetter, Entry, Journal
from jexkit.core.memory import Memory
from jexkit.core.overflow import QUEUE_SIZE, Overflow
from jexkit.engine.clock import Clock
from jexkit.engine.consumers import Consumers, Retries
from jexkit.engine.delivery import LIFE, Delivery
from jexkit.engine.inbox import Inbox
from jexkit.engine.journaling import Writer
from jexkit.engine.registry import Registry
from jexkit.engine.runner import Runner
from jexkit.errors import ConfigurationError, JournalError
from jexkit.events import Event, Live

logger = logs.of(__name__)

MOST_HANDED = 10_000  # events of one stream on their way to the disk
HOLD_UP_AT, GO_ON_AT = 0.8, 0.5  # parts of those at which the reader waits for the disk, and goes on
REMEMBER_EVERY = 300.0  # seconds of a stream that tells something
REMEMBER_AFTER, AT_LEAST = 50_000, 1_000  # events; as many as the journal is to keep, within these
LOOK_EVERY = 0.05  # seconds between two looks for events on their way to the disk, where they are waited for
TRY_AGAIN = 1.0  # seconds after a journal that could not be read


class JournaledDelivery(Delivery):
    """``memory`` returns what the stream's machine remembers; it is called where the machine is not fed meanwhile."""

    def __init__(
        self,
        stream: str,
        own: Registry,
        common: Registry,
        *,
        runner: Runner,
        clock: Clock,
        writer: Writer,
        memory: Callable[[], Memory],
        retries: Retries | None = None,
        overflow: Overflow = Overflow.SPILL,
        queue_size: int = QUEUE_SIZE,
    ) -> None:
        super().__init__(stream, own, common, runner=runner, clock=clock, overflow=overflow, queue_size=queue_size)
        self._writer = writer
        self._stream = stream
        self._memory = memory
        self._inbox = Inbox(stream, writer, queue_size)
        self._stopping = threading.Event()
        self._consumers = Consumers(
            stream, own, common, runner=runner, writer=writer, clock=clock, stopping=self._stopping, retries=retries
        )
        self._pending: deque[Entry] = deque()  # taken out of the inbox, and not handed out yet
        self._begun = 0  # the last position whose event was taken into the state
        self._is_behind = True  # a consumer may be
        self._letters: deque[DeadLetter] = deque()
        self._redelivered: set[int] = set()
        self._is_first = True
        self._since_memory = 0
        self._remember_after = max(AT_LEAST, min(REMEMBER_AFTER, writer.journal.retention.entries))
        self._remembered = clock.monotonic()
        self._most_handed = max(queue_size, MOST_HANDED)
        self._has_begun = self._has_parted = False

    # --- for the engine ---------------------------------------------------------------------------------------------

    def recall(self) -> Memory | None:
        """Before ``start``: what the stream knew when it last ran, None for a new one; takes up the state as told.

        Raises JournalError for a journal that cannot be written or read.
        """
        self._writer.settle(self._stream)  # it may have run in this process, a moment ago
        memory, self._book = recalled(self._writer.journal, self._stream)
        return memory

    def start(self) -> None:
        self._inbox.start()
        self._consumers.start(self._inbox.at)
        self._writer.watch(self._stream, self._wanted)
        for registry in (self._own, self._common):
            registry.watch(self._inbox.wake)
        self._has_begun = True
        super().start()

    def put(self, events: Sequence[Event]) -> None:
        if events:
            self._since_memory += len(events)
            self._inbox.put(events, self._memory().copy().pack if self._is_memory_due(events) else None)

    @property
    def is_full(self) -> bool:
        """Not when much is left in the journal, but when it does not get there: that would all be in memory."""
        return self._inbox.handed >= self._most_handed and not self._is_flooded

    @property
    def why_full(self) -> str:
        if self._writer.fault is not None:
            return "the journal cannot be written"
        return "the journal is not written fast enough" if self._waits_for_disk(HOLD_UP_AT) else super().why_full

    @property
    def holds_up(self) -> bool:
        """Whether the reader is to wait: for the callbacks where that is the policy, and for a disk that is behind.

        A burst that the disk takes in a moment later need not be let pass. One that cannot be written is not waited
        for.
        """
        if self._is_flooded:
            return False
        return self._waits_for_disk(HOLD_UP_AT) or (
            self._overflow is Overflow.BLOCK and self._inbox.queued >= self._size
        )

    def _waits_for_disk(self, part: float) -> bool:
        return self._inbox.handed >= part * self._most_handed and self._writer.fault is None

    def wait_for_room(self, seconds: float, stopping: threading.Event) -> bool:
        deadline = self._clock.monotonic() + seconds
        while self._waits_for_disk(GO_ON_AT) or (
            self._overflow is Overflow.BLOCK and 2 * self._inbox.queued >= self._size
        ):
            if stopping.wait(LOOK_EVERY):
                return True
            if self._clock.monotonic() >= deadline:
                return False
        return True

    def ask_to_stop(self, timeout: float) -> None:
        if self._has_begun and not self._has_parted:
            self._has_parted = True
            self._writer.unwatch(self._stream)
            for registry in (self._own, self._common):
                registry.unwatch(self._inbox.wake)
            self._inbox.put([], self._memory().copy().pack)
        super().ask_to_stop(timeout)
        self._stopping.set()
        self._inbox.wake(stopping=True)

    def stop(self, timeout: float) -> bool:
        has_ended = super().stop(timeout)
        if not has_ended:
            self._writer.append(self._stream, [], lambda _: self._consumers.spare())
        return has_ended

    @property
    def queued(self) -> int:
        return self._inbox.queued + self._inbox.left

    @property
    def is_idle(self) -> bool:
        return self._inbox.queued == 0 and not self._pending and not self._letters

    @property
    def dead_letters(self) -> int:
        return self._consumers.dead_letters

    @property
    def journal_error(self) -> str:
        fault = self._writer.fault
        return "" if fault is None else str(fault)

    # --- inner ------------------------------------------------------------------------------------------------------

    def _is_memory_due(self, events: Sequence[Event]) -> bool:
        """After each recovery, and now and then: a longer gap costs the next start a longer read, and nothing else."""
        now = self._clock.monotonic()
        is_due = (
            self._is_first
            or self._since_memory >= self._remember_after
            or now - self._remembered >= REMEMBER_EVERY
            or Live in map(type, events)
        )
        if is_due:
            self._is_first, self._since_memory, self._remembered = False, 0, now
        return is_due

    def _wanted(self, letter: DeadLetter) -> None:
        """On the journal's thread: a dead letter of this stream is to be delivered again."""
        if letter.number not in self._redelivered:
            self._redelivered.add(letter.number)
            self._letters.append(letter)
            self._inbox.wake()

    # --- the thread -------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._is_over():
            self._pending += self._inbox.get(self._patience())
            try:
                if not self._work_off():
                    break
                self._look_after_others()
                if self._is_flooded and self._inbox.queued == 0 and not self._is_ending:
                    self._catch_up()
            except JournalError as error:
                self._logger.warning("the journal cannot be read; trying again: %s", error)
                self._stopping.wait(TRY_AGAIN)
        self.end_listeners()

    def _is_over(self) -> bool:
        """What does not reach a callback in time is kept for the next start."""
        if not self._is_ending:
            return False
        return self._clock.monotonic() > self._deadline or (not self._pending and self._inbox.queued == 0)

    def _patience(self) -> float | None:
        if self._pending or self._is_behind or self._letters:
            return 0.0
        return LOOK_EVERY if self._is_ending or self._is_flooded else None

    def _work_off(self) -> bool:
        """Hand out what was taken out of the inbox; False if the stream was stopped before it was done with."""
        while self._pending:
            if self._is_ending and self._clock.monotonic() > self._deadline:
                return False
            entry = self._pending[0]
            if entry.position > self._begun:  # else a second attempt, after the journal could not be read
                self._begun = entry.position
                self._take_in(entry.event)
            if not self._consumers.hand_out(entry):
                return False
            self._runner.leave_if_away()  # by the process id: not every fork runs Python's hooks
            self._pending.popleft()
            if self._listeners or type(entry.event) in LIFE:
                self._tell_listeners(entry.event)
            self._inbox.done()
        return True

    def _look_after_others(self) -> None:
        """Dead letters that are wanted again, and consumers that are behind; not any more during a stop."""
        if self._is_ending:
            return
        while self._letters:
            if not self._consumers.redeliver(self._letters[0]):
                self._redelivered.discard(self._letters[0].number)  # it comes again
            self._letters.popleft()
        self._is_behind = self._consumers.catch_up()


def recalled(journal: Journal, stream: str) -> tuple[Memory | None, Book]:
    """What a stream remembers, with everything that the journal has of it since; and the state as main was told it.

    What was told and not acknowledged is told again, so the state as told is that of main's position, or of the memory
    if that is later.
    """
    found = journal.recall(stream)
    memory = Memory()
    if found is not None:
        try:
            memory = Memory.unpack(found.text)
        except ConfigurationError as error:
            logs.about(logger, stream).error("%s", error)
            return None, Book()
    told, main = None, journal.position(stream)
    at = found.position if found is not None else 0
    while entries := journal.read(at, stream=stream):
        for entry in entries:
            if told is None and entry.position > main:
                told = memory.book.copy()
            memory.take(entry.event)
        at = entries[-1].position
    return memory if found is not None else None, told or memory.book.copy()
