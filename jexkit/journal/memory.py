"""A journal without a file: for tests, and for consumers, retries and dead letters where no crash is to be survived.

It ends with the process. Within it, it keeps every promise of ``core.journal``.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

import attrs

from jexkit.core.journal import (
    MAIN,
    PRUNE_LIMIT,
    READ_LIMIT,
    Append,
    Attempt,
    DeadLetter,
    Entry,
    Journal,
    JournalStatus,
    Memory,
    Progress,
    Reader,
)
from jexkit.core.retention import Retention
from jexkit.errors import JournalTaken, UnknownEntry, UsageError
from jexkit.events import Event

WHERE = "memory"


class MemoryJournal(Journal):
    """``StreamManager(journal=MemoryJournal())``. ``keep_days`` and ``keep_entries`` as for ``SqliteJournal``."""

    def __init__(self, *, keep_days: float = 30.0, keep_entries: int = 1_000_000) -> None:
        self.retention = Retention(keep_days, keep_entries)
        self._lock = threading.RLock()  # guards everything below
        self._entries: dict[int, Entry] = {}
        self._ids: set[tuple[str, str]] = set()
        self._last = 0
        self._positions: dict[Reader, int] = {}
        self._memories: dict[str, Memory] = {}
        self._attempts: dict[Attempt, Attempt] = {}  # by the same without its count
        self._letters: dict[int, DeadLetter] = {}
        self._last_letter = 0
        self._refused = 0
        self._is_open = False

    def __repr__(self) -> str:
        return f"<MemoryJournal of {len(self._entries)} entries>"

    def open(self) -> None:
        with self._lock:
            if self._is_open:
                raise JournalTaken("another manager uses this MemoryJournal; give each one its own", WHERE)
            self._is_open = True

    def close(self) -> None:
        with self._lock:
            self._is_open = False

    # --- the writer's -----------------------------------------------------------------------------------------------

    def write(
        self, appends: Sequence[Append], acknowledgements: Mapping[Reader, int] | None = None
    ) -> list[list[Entry]]:
        with self._lock:
            if not self._is_open:
                raise UsageError("the journal is not open; call open() first, or give it to a StreamManager")
            written = [self._append(append) for append in appends]
            for reader, position in (acknowledgements or {}).items():
                self._positions[reader] = max(position, self._positions.get(reader, 0))
            return written

    def _append(self, append: Append) -> list[Entry]:
        entries = []
        for event in append.events:
            if (append.stream, event.id) in self._ids:
                self._refused += 1
                continue
            self._last += 1
            self._ids.add((append.stream, event.id))
            self._entries[self._last] = Entry(self._last, event)
            entries.append(self._entries[self._last])
        if append.memory is not None:
            self._memories[append.stream] = Memory(self._last, append.memory)
        return entries

    def prune(self, now_ms: int, limit: int = PRUNE_LIMIT) -> int:
        with self._lock:
            floors = {stream: self._floor(stream) for stream in {entry.stream for entry in self._entries.values()}}
            oldest_ms, first_kept = self.retention.oldest_ms(now_ms), self._last - self.retention.entries + 1
            idle = [
                entry
                for entry in self._entries.values()
                if entry.position <= floors[entry.stream]
                and (entry.position < first_kept or entry.event.received_ms < oldest_ms)
            ]
            for entry in idle[:limit]:
                del self._entries[entry.position]
                self._ids.discard((entry.stream, entry.event.id))
            return len(idle[:limit])

    def _floor(self, stream: str) -> int:
        """The position up to which nobody needs the stream's entries."""
        needed = [position for (of, _), position in self._positions.items() if of == stream]
        if stream in self._memories:
            needed.append(self._memories[stream].position)
        return min(needed, default=self._last)

    # --- attempts ---------------------------------------------------------------------------------------------------

    def begin(self, attempt: Attempt) -> None:
        with self._lock:
            self._attempts[attrs.evolve(attempt, count=0)] = attempt

    def finish(self, attempt: Attempt) -> None:
        with self._lock:
            self._attempts.pop(attrs.evolve(attempt, count=0), None)

    def unfinished(self, stream: str) -> list[Attempt]:
        with self._lock:
            return [attempt for attempt in self._attempts.values() if attempt.stream == stream]

    # --- anybody's --------------------------------------------------------------------------------------------------

    def last(self) -> int:
        return self._last

    def read(
        self,
        after: int = 0,
        *,
        stream: str | None = None,
        types: Sequence[type[Event]] = (),
        limit: int = READ_LIMIT,
    ) -> list[Entry]:
        found: list[Entry] = []
        with self._lock:
            first = next(iter(self._entries), 0)
            for position in range(max(after + 1, first), self._last + 1):
                entry = self._entries.get(position)
                if len(found) >= limit:
                    break
                if entry is None or (stream is not None and entry.stream != stream):
                    continue
                if not types or isinstance(entry.event, tuple(types)):
                    found.append(entry)
        return found

    def position(self, stream: str, consumer: str = MAIN) -> int:
        return self._positions.get((stream, consumer), 0)

    def recall(self, stream: str) -> Memory | None:
        return self._memories.get(stream)

    def status(self) -> JournalStatus:
        with self._lock:
            return JournalStatus(
                where=WHERE,
                entries=len(self._entries),
                first=next(iter(self._entries), 0),
                last=self._last,
                bytes=0,
                refused=self._refused,
                dead_letters=len(self._letters),
                consumers=tuple(self._progress(reader) for reader in sorted(self._positions)),
            )

    def _progress(self, reader: Reader) -> Progress:
        position = self._positions[reader]
        behind = sum(1 for entry in self._entries.values() if entry.stream == reader[0] and entry.position > position)
        return Progress(*reader, position, behind)

    # --- dead letters -----------------------------------------------------------------------------------------------

    def set_aside(self, letter: DeadLetter) -> DeadLetter:
        with self._lock:
            self._last_letter += 1
            kept = attrs.evolve(letter, number=self._last_letter)
            self._letters[kept.number] = kept
            return kept

    def dead_letters(self, *, wanted: bool = False, limit: int = READ_LIMIT) -> list[DeadLetter]:
        with self._lock:
            return [letter for letter in self._letters.values() if letter.is_wanted or not wanted][:limit]

    def replay(self, number: int) -> None:
        with self._lock:
            self._letters[number] = attrs.evolve(self._letter(number), is_wanted=True)

    def discard(self, number: int) -> None:
        with self._lock:
            del self._letters[self._letter(number).number]

    def _letter(self, number: int) -> DeadLetter:
        if number not in self._letters:
            raise UnknownEntry(f"there is no dead letter {number}", WHERE)
        return self._letters[number]

    # --- consumers --------------------------------------------------------------------------------------------------

    def rewind(self, stream: str, consumer: str, position: int) -> None:
        with self._lock:
            known = self._known(stream, consumer)
            if not 0 <= position <= known:
                raise UnknownEntry(f"consumer {consumer!r} of {stream!r} is at {known}, not yet at {position}", WHERE)
            self._positions[stream, consumer] = position

    def forget(self, stream: str, consumer: str) -> None:
        with self._lock:
            self._known(stream, consumer)
            del self._positions[stream, consumer]
            gone = [key for key in self._attempts if (key.stream, key.consumer) == (stream, consumer)]
            for key in gone:
                del self._attempts[key]

    def _known(self, stream: str, consumer: str) -> int:
        if (stream, consumer) not in self._positions:
            raise UnknownEntry(f"stream {stream!r} has no consumer {consumer!r} in this journal", WHERE)
        return self._positions[stream, consumer]
