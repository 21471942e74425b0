"""A program that books events from a journal, and is killed: started by ``crash.py`` again and again.

It books each event in a table of its own database, once for the consumer ``main`` and once for ``ledger``. Where
``point`` is not ``"outside"`` it kills itself with SIGKILL the ``after``-th time that it comes by that point.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parents[2])]

from jexkit import Event, Live, SqliteJournal, StreamManager  # noqa: E402
from jexkit.accounts import ACCOUNTS  # noqa: E402
from jexkit.core.journal import Append, Entry, Reader  # noqa: E402

POINTS = ("outside", "before writing", "after writing", "before booking", "after booking")


class Fuse:
    """Ends the process by SIGKILL when it comes by ``point`` for the ``left``-th time."""

    def __init__(self, point: str, left: int) -> None:
        self._point = point
        self._left = left

    def passes(self, point: str) -> None:
        if point == self._point:
            self._left -= 1
            if self._left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)


class Mortal(SqliteJournal):
    """A journal in a process that can end at any write."""

    def __init__(self, path: str, fuse: Fuse, **settings: Any) -> None:
        super().__init__(path, **settings)
        self._fuse = fuse

    def write(
        self, appends: Sequence[Append], acknowledgements: Mapping[Reader, int] | None = None
    ) -> list[list[Entry]]:
        self._fuse.passes("before writing")
        written = super().write(appends, acknowledgements)
        self._fuse.passes("after writing")
        return written


class Books:
    """The application's database: a row for each time that a callback was called."""

    def __init__(self, path: str, run: int, fuse: Fuse) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS booked (number INTEGER PRIMARY KEY, run INTEGER, consumer TEXT, id TEXT)"
        )
        self._run = run
        self._fuse = fuse

    def book(self, consumer: str, event: Event) -> None:
        self._fuse.passes("before booking")
        row = (self._run, consumer, event.id)
        self._connection.execute("INSERT INTO booked (run, consumer, id) VALUES (?, ?, ?)", row)
        self._fuse.passes("after booking")


def main() -> None:
    """Run until standard input ends, or until something ends us. Says "live" on standard output."""
    asked: dict[str, Any] = json.loads(sys.argv[1])
    fuse = Fuse(asked["point"], asked["after"])
    books = Books(asked["books"], asked["run"], fuse)
    manager = StreamManager(journal=Mortal(asked["journal"], fuse, synchronous=asked["synchronous"]))
    manager.on(Event, lambda event: books.book("main", event))
    manager.on(Event, lambda event: books.book("ledger", event), consumer="ledger")
    manager.on(Live, lambda _: print("live", flush=True))
    kind = ACCOUNTS[asked["exchange"]]
    manager.add(kind(**asked["account"]), "main")
    with manager:
        sys.stdin.read()


if __name__ == "__main__":
    main()
