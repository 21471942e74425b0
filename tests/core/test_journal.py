"""The seam of the journal; the promises themselves are in the conformance suite."""

from __future__ import annotations

import json

from jexkit.core.journal import MAIN, DeadLetter, Entry, JournalStatus, Memory, Progress
from jexkit.journal.memory import MemoryJournal
from jexkit.testing.conformance.journal import fill, fills


def test_an_entry_belongs_to_the_stream_of_its_event() -> None:
    assert Entry(3, fill(1, "desk")).stream == "desk"


def test_appending_and_acknowledging_are_writing() -> None:
    """A journal fills ``write``, and has both of them by that."""
    journal = MemoryJournal()
    journal.open()
    entries = journal.append("main", fills(1, 2), "the memory")
    journal.acknowledge("main", MAIN, 1)
    assert [entry.position for entry in entries] == [1, 2]
    assert (journal.position("main"), journal.recall("main")) == (1, Memory(2, "the memory"))


def test_nothing_goes_around_the_callbacks_unless_a_journal_says_so() -> None:
    """The engine acknowledges then."""
    assert MemoryJournal().handling(Entry(1, fill(1)), MAIN) is None
    assert MemoryJournal().replaying(DeadLetter(Entry(1, fill(1)), MAIN, "f", "", attempts=1, failed_ms=1)) is None


def test_the_status_is_plain_json() -> None:
    status = JournalStatus("memory", 1, 1, 1, 0, 0, 0, (Progress("main", MAIN, 0, 1),), "aside")
    assert json.loads(json.dumps(status.to_dict())) == status.to_dict()


def test_reprs_are_short() -> None:
    """A memory and a traceback can be long."""
    shown = repr(Memory(1, {"x": "long" * 100})) + repr(
        DeadLetter(Entry(1, fill(1)), MAIN, "f", "long" * 100, attempts=1, failed_ms=1)
    )
    assert "longlong" not in shown
