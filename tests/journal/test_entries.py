"""The SQL of entries, where it does more than the conformance suite asks."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jexkit.core.journal import Append
from jexkit.errors import JournalCorrupt
from jexkit.events import Fill, Unknown
from jexkit.journal.entries import IDS_AT_ONCE, OLDEST, STREAMS_AT_ONCE, Appender, event_of, extent, read
from jexkit.journal.schema import migrate
from jexkit.testing.conformance.journal import LONG_AGO, fill, fills, one_of_each


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


def messages(connection: sqlite3.Connection) -> list[str | int]:
    return [raw for (raw,) in connection.execute("SELECT raw FROM entries ORDER BY position")]


def test_a_message_of_several_events_is_kept_once(connection: sqlite3.Connection) -> None:
    """With the last of them. Each is read with it, whichever others are read."""
    events = [fill(number, raw="of two" if number < 3 else "of one", received_ms=5) for number in (1, 2, 3)]
    Appender.of(connection).write(connection, [Append("main", events)], {})
    assert messages(connection) == [2, "of two", "of one"]
    assert [entry.event for entry in read(connection, 0, None, (), 1)] == events[:1]
    assert [entry.event for entry in read(connection, 1, "main", (Fill,), 10)] == events[1:]
    assert read(connection, 0, None, (Unknown,), 10) == []


def test_the_same_text_at_another_time_or_of_another_stream_is_another_message(connection: sqlite3.Connection) -> None:
    """What goes by age or by stream must not take with it what another event needs."""
    events = [fill(1, raw="text"), fill(2, raw="text", received_ms=fill(1).received_ms + 1)]
    appends = [Append("main", events), Append("other", [attrs.evolve(events[1], account="other")])]
    Appender.of(connection).write(connection, appends, {})
    assert messages(connection) == ["text", "text", "text"]


def test_a_message_stays_for_as_long_as_one_of_its_events(connection: sqlite3.Connection) -> None:
    """Whatever the number is that is removed at once, and up to wherever a consumer has come."""
    appender, events = Appender.of(connection), [fill(number, raw="of four", received_ms=5) for number in range(1, 5)]
    appender.write(connection, [Append("main", events)], {("main", "main"): 3})
    for left in (3, 2, 1):
        assert appender.prune(connection, 5, LONG_AGO, 1) == 1
        assert [entry.event for entry in read(connection, 0, None, (), 10)] == events[-left:]
    assert appender.prune(connection, 5, LONG_AGO, 1) == 0


def test_a_message_of_more_events_than_a_statement_takes_is_kept(connection: sqlite3.Connection) -> None:
    events = [fill(number, raw="of many", received_ms=5) for number in range(1, 251)]
    Appender.of(connection).write(connection, [Append("main", events)], {})
    assert [entry.event for entry in read(connection, 0, None, (), 1_000)] == events
    assert messages(connection) == [100] * 99 + ["of many"] + [200] * 99 + ["of many"] + [250] * 49 + ["of many"]


@given(raw=st.text())
def test_any_message_comes_back(raw: str) -> None:
    """Every character, none at all, and what looks like a position."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection, 0)
    for text in (raw, "", "1"):
        Appender.of(connection).write(connection, [Append("main", [fill(1, raw=text)])], {})
        assert read(connection, 0, None, (), 10)[-1].event.raw == text
        connection.execute("DELETE FROM entries")
    connection.close()


def test_half_a_character_does_not_stop_the_journal(connection: sqlite3.Connection) -> None:
    """No file can hold it; the rest of the message is kept."""
    Appender.of(connection).write(connection, [Append("main", [fill(1, raw="before \ud83d after")])], {})
    assert read(connection, 0, None, (), 10)[0].event.raw == "before ? after"


def test_each_type_has_its_form_though_an_event_is_known(connection: sqlite3.Connection) -> None:
    """What was inserted with one that is refused is taken back, and inserted again."""
    events = one_of_each()
    Appender.of(connection).write(connection, [Append("main", events[:1])], {})
    (entries,), refused = Appender.of(connection).write(connection, [Append("main", events)], {})
    assert ([entry.event for entry in entries], refused) == (events[1:], 1)
    assert read(connection, 1, None, (), 100) == entries
    ((forms,),) = connection.execute("SELECT COUNT(*) FROM forms").fetchall()
    assert forms <= len(events)


@pytest.mark.parametrize("damage", ["DELETE FROM forms", "DELETE FROM entries WHERE position = 2"])
def test_an_event_of_which_a_part_is_gone_is_damage(connection: sqlite3.Connection, damage: str) -> None:
    events = [fill(number, raw="of two", received_ms=5) for number in (1, 2)]
    Appender.of(connection).write(connection, [Append("main", events)], {})
    connection.execute(damage)
    with pytest.raises(JournalCorrupt, match="cannot be read"):
        read(connection, 0, None, (), 10)


def test_reading_one_stream_looks_at_no_other(connection: sqlite3.Connection) -> None:
    """By the index: a thousand other streams cost nothing."""
    plan = connection.execute(
        "EXPLAIN QUERY PLAN SELECT position FROM entries WHERE position > 5 AND stream = 3 ORDER BY position LIMIT 9"
    ).fetchall()
    assert any("entries_of_stream" in row[3] for row in plan)
    assert not any("TEMP B-TREE" in row[3] for row in plan)
