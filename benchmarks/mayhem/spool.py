"""What the callbacks got, kept on disk: the memory of the process is to be jexkit's, and not the measurement's."""

from __future__ import annotations

import pickle
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import attrs

from jexkit.cli.entries import Entry, delivered_entry
from jexkit.events import Event, Gap, Live, Lost, OrderUpdate, Origin, Suspended


@attrs.frozen
class Heard:
    """One event that was delivered. ``is_final``: an order after which nothing more can come."""

    id: str
    entry: Entry
    is_final: bool = False


def heard(event: Event) -> Heard | None:
    """The event as it is compared, None for what is not."""
    entry = delivered_entry(event)
    if entry is None:
        return None
    return Heard(event.id, entry, isinstance(event, OrderUpdate) and event.status.is_final)


class Spool:
    """A callback for all events of one stream, on its delivery thread. ``life`` are the events of its own life."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("wb", buffering=1 << 16)
        self._lock = threading.Lock()  # guards the file
        self.counts: Counter[str] = Counter()
        self.life: list[Live | Suspended | Lost | Gap] = []
        self.last = time.monotonic()

    def __call__(self, event: Event) -> None:
        self.last = time.monotonic()
        self.counts["events"] += 1
        self.counts[type(event).__name__] += 1
        self.counts["recovered"] += event.origin is Origin.RECOVERED
        if isinstance(event, (Live, Suspended, Lost, Gap)):
            self.life.append(event)
        found = heard(event)
        if found is not None:
            with self._lock:
                pickle.dump(found, self._file, pickle.HIGHEST_PROTOCOL)

    def begin(self) -> None:
        """Forget what came until now."""
        with self._lock:
            self._file.seek(0)
            self._file.truncate()
            self.counts.clear()
            self.life.clear()

    def read(self) -> Iterator[Heard]:
        """Everything up to now, in the order of delivery."""
        with self._lock:
            self._file.flush()
            size = self._path.stat().st_size
        with self._path.open("rb") as file:
            while file.tell() < size:
                yield pickle.load(file)

    def close(self) -> None:
        with self._lock:
            self._file.close()
