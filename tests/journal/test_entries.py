"""The SQL of entries, where it does more than the conformance suite asks."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator

import pytest

from jexkit.core.journal import Append
from jexkit.errors import JournalCorrupt
from jexkit.journal.entries import IDS_AT_ONCE, OLDEST, STREAMS_AT_ONCE, Appender, event_of, extent, read
from jexkit.journal.schema import migrate
from jexkit.testing.conformance.journal import LONG_AGO, fill, fills


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection, 0)
    yield connection
    connection.close()


def test_any_number_of_events_can_be_known(connection: sqlite3.Connection) -> None:
    """More than one statement takes values."""
    appender = Appender.of(connection)
    appender.write(connection, [Append("main", fills(1, 3 * IDS_AT_ONCE))], {})
    written, refused = appender.write(connection, [Append("main", fills(1, 3 * IDS_AT_ONCE + 1))], {})
    assert ([entry.position for entry in written[0]], refused) == ([3 * IDS_AT_ONCE + 1], 3 * IDS_AT_ONCE)


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 99, 100, 101, 111, 250])
def test_any_number_of_rows_is_written(connection: sqlite3.Connection, count: int) -> None:
    """However they are put into statements."""
    events = fills(1, count)
    (entries,), _ = Appender.of(connection).write(connection, [Append("main", events)], {})
    assert read(connection, 0, None, (), 1_000) == entries
    assert [entry.event for entry in entries] == events


def test_every_stream_has_its_turn_with_pruning(connection: sqlite3.Connection) -> None:
    """Also where there are more of them than one call looks at."""
    count = 2 * STREAMS_AT_ONCE + 1
    appender = Appender.of(connection)
    names = [f"stream {number}" for number in range(count)]
    appender.write(connection, [Append(name, [fill(1, name)]) for name in names], {})
    removed = [appender.prune(connection, 0, LONG_AGO, 1_000) for _ in range(3)]
    assert removed == [STREAMS_AT_ONCE, STREAMS_AT_ONCE, 1]
    assert extent(connection) == (0, 0, count)


def test_a_look_for_what_has_to_go_is_short_where_nothing_has_to(connection: sqlite3.Connection) -> None:
    """It comes after each large write, however many entries it might remove."""
    appender = Appender.of(connection)
    appender.write(connection, [Append("main", fills(1, 20 * OLDEST))], {})
    looks = itertools.count()
    connection.set_progress_handler(lambda: next(looks) and None, 10)  # after each ten steps of SQLite's machine
    assert appender.prune(connection, 0, 0, 20 * OLDEST) == 0
    connection.set_progress_handler(None, 0)
    assert 10 * next(looks) < 20 * OLDEST, "more steps than entries that need not be looked at"
    assert appender.prune(connection, 3 * OLDEST, 0, 20 * OLDEST) == 3 * OLDEST - 1


def test_numbering_goes_on_after_the_highest_position(connection: sqlite3.Connection) -> None:
    """Whatever a note of it says."""
    Appender.of(connection).write(connection, [Append("main", fills(1, 3))], {})
    connection.execute("UPDATE facts SET value = 1 WHERE name = 'last'")
    assert Appender.of(connection).last == 3


def test_an_event_that_makes_no_sense_is_damage(connection: sqlite3.Connection) -> None:
    Appender.of(connection).write(connection, [Append("main", fills(1, 1))], {})
    connection.execute("UPDATE entries SET event = '{'")
    with pytest.raises(JournalCorrupt, match="cannot be read"):
        read(connection, 0, None, (), 10)
    with pytest.raises(JournalCorrupt, match="NoSuchType"):
        event_of("NoSuchType", "{}")


def test_reading_one_stream_looks_at_no_other(connection: sqlite3.Connection) -> None:
    """By the index: a thousand other streams cost nothing."""
    plan = connection.execute(
        "EXPLAIN QUERY PLAN SELECT position FROM entries WHERE position > 5 AND stream = 3 ORDER BY position LIMIT 9"
    ).fetchall()
    assert any("entries_of_stream" in row[3] for row in plan)
    assert not any("TEMP B-TREE" in row[3] for row in plan)
