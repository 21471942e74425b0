"""The SQL of dead letters."""

from __future__ import annotations

import sqlite3

import pytest

from jexkit.core.journal import Entry
from jexkit.errors import UnknownEntry
from jexkit.journal import letters
from jexkit.journal.schema import migrate
from jexkit.testing.conformance.journal import fill, letter


def test_a_number_is_given_once() -> None:
    """Whoever noted one does not get another letter by it."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection, 0)
    first = letters.add(connection, letter(Entry(1, fill(1))))
    letters.remove(connection, first.number, "here")
    second = letters.add(connection, letter(Entry(2, fill(2))))
    assert second.number == first.number + 1
    with pytest.raises(UnknownEntry, match="dead letter 1 in the journal here"):
        letters.want(connection, first.number, "here")
    assert [found.entry.position for found in letters.find(connection, False, 10)] == [2]
    connection.close()
