"""The SQL of entries, consumers and memories. Each function works on a connection that its caller has to itself."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import attrs

from jexkit.core.exact import storable
from jexkit.core.journal import Append, Entry, Memory, Progress, Reader
from jexkit.core.records import Form, read_event, read_row
from jexkit.errors import JournalCorrupt
from jexkit.events import TYPES, Event
from jexkit.journal.schema import FORMS

IDS_AT_ONCE = 500  # SQLite takes 999 values in one statement everywhere
OLDEST = 100  # entries of a stream; where none of these has to go, none behind them is looked at
STREAMS_AT_ONCE = 50  # looked at in one call of prune

# Rows in one statement. Python gives other threads their turn at each statement that SQLite runs, and a busy one takes
# long: with a hundred rows at a time that matters little. SQLite takes 999 values everywhere. OR FAIL: what a statement
# did before its fault is taken back with the rest; else SQLite would write down, for each statement, all pages that it
# touches as they were before, which is more than the entries themselves.
ROWS, COLUMNS = 100, 8
_ROW = f"({', '.join('?' * COLUMNS)})"
_INSERT = "INSERT OR FAIL INTO entries (position, stream, id, type, form, received_ms, event, raw) VALUES"
INSERTS = {size: f"{_INSERT} {', '.join([_ROW] * size)}" for size in (ROWS, 10, 1)}
ACKNOWLEDGE = """INSERT INTO consumers VALUES (?, ?, ?)
    ON CONFLICT DO UPDATE SET position = MAX(position, excluded.position)"""


@attrs.define
class Appender:
    """What the writer knows by heart: the last position, and the numbers of streams and forms."""

    last: int
    streams: dict[str, int]
    forms: dict[type[Event], tuple[Form, int]] = attrs.field(factory=dict)
    pruned_upto: int = 0  # the number of the stream at which prune goes on

    @classmethod
    def of(cls, connection: sqlite3.Connection) -> Appender:
        (noted,) = connection.execute("SELECT value FROM facts WHERE name = 'last'").fetchone()
        (found,) = connection.execute("SELECT COALESCE(MAX(position), 0) FROM entries").fetchone()
        return cls(max(noted, found), dict(connection.execute("SELECT name, number FROM streams")))

    def write(
        self, connection: sqlite3.Connection, appends: Sequence[Append], acknowledgements: Mapping[Reader, int]
    ) -> tuple[list[list[Entry]], int]:
        """All of it, inside the caller's transaction; returns what was written, and how many events were refused.

        The caller forgets this object if the transaction is taken back.
        """
        for stream in {append.stream for append in appends} | {stream for stream, _ in acknowledgements}:
            self._number_of(connection, stream)
        for kind in set(map(type, chain.from_iterable(append.events for append in appends))):
            self._form_of(connection, kind)
        written, refused = self._insert(connection, [list(append.events) for append in appends], appends), 0
        if written is None:
            news, refused = self._news(connection, appends)
            written = self._insert(connection, news, appends)
            if written is None:
                raise JournalCorrupt("an event is known and cannot be found; the index of the journal is damaged")
        self._remember(connection, appends, written)
        connection.executemany(
            ACKNOWLEDGE,
            [(self.streams[stream], name, position) for (stream, name), position in acknowledgements.items()],
        )
        return written, refused

    def _number_of(self, connection: sqlite3.Connection, stream: str) -> None:
        if stream not in self.streams:
            connection.execute("INSERT OR IGNORE INTO streams (name) VALUES (?)", (stream,))
            (number,) = connection.execute("SELECT number FROM streams WHERE name = ?", (stream,)).fetchone()
            self.streams[stream] = number

    def _form_of(self, connection: sqlite3.Connection, kind: type[Event]) -> None:
        if kind not in self.forms:
            form = Form(kind)
            fields = " ".join(form.fields)
            connection.execute("INSERT OR IGNORE INTO forms (fields) VALUES (?)", (fields,))
            (number,) = connection.execute("SELECT number FROM forms WHERE fields = ?", (fields,)).fetchone()
            self.forms[kind] = form, number

    def _insert(
        self, connection: sqlite3.Connection, events: Sequence[Sequence[Event]], appends: Sequence[Append]
    ) -> list[list[Entry]] | None:
        """Insert as if all were news, which they nearly always are; None, and nothing done, if one is not."""
        position = self.last
        written: list[list[Entry]] = []
        numbers: list[int] = []
        for append, news in zip(appends, events, strict=True):
            written.append(list(map(Entry, range(position + 1, position + 1 + len(news)), news)))
            numbers += [self.streams[append.stream]] * len(news)
            position += len(news)
        connection.execute("SAVEPOINT news")
        try:
            self._insert_rows(connection, numbers, list(chain.from_iterable(written)))
        except sqlite3.IntegrityError:
            connection.execute("ROLLBACK TO news")
            return None
        finally:
            if connection.in_transaction:  # a full disk takes all of it back, this mark too
                connection.execute("RELEASE news")
        if position != self.last:
            connection.execute("UPDATE facts SET value = ? WHERE name = 'last'", (position,))
            self.last = position
        return written

    def _insert_rows(self, connection: sqlite3.Connection, numbers: Sequence[int], entries: Sequence[Entry]) -> None:
        """The entries, each with the number of its stream.

        An event becomes text just before it is inserted: the texts of all of them would not stay in the processor's
        cache until it is their turn.
        """
        for start in range(0, len(entries), ROWS):
            values = self._values(numbers[start : start + ROWS], entries[start : start + ROWS])
            at = 0
            for size, statement in INSERTS.items():
                while len(values) - at >= size * COLUMNS:
                    connection.execute(statement, values[at : at + size * COLUMNS])
                    at += size * COLUMNS

    def _values(self, numbers: Sequence[int], entries: Sequence[Entry]) -> list[object]:
        values: list[object] = []
        for number, entry, raw in zip(numbers, entries, _messages(numbers, entries), strict=True):
            event = entry.event
            kind = type(event)
            form, known_as = self.forms[kind]
            text = form.write(event)
            values += (entry.position, number, event.id, kind.__name__, known_as, event.received_ms, text, raw)
        return values

    def _news(self, connection: sqlite3.Connection, appends: Sequence[Append]) -> tuple[list[list[Event]], int]:
        """The events of each append whose ids are not known, and how many of all are."""
        ids: dict[str, list[str]] = {}
        for append in appends:
            ids.setdefault(append.stream, []).extend(event.id for event in append.events)
        known = {stream: _known_ids(connection, self.streams[stream], some) for stream, some in ids.items()}
        news: list[list[Event]] = []
        for append in appends:
            mine: list[Event] = []
            for event in append.events:
                if event.id not in known[append.stream]:
                    known[append.stream].add(event.id)
                    mine.append(event)
            news.append(mine)
        return news, sum(len(append.events) for append in appends) - sum(map(len, news))

    def _remember(
        self, connection: sqlite3.Connection, appends: Sequence[Append], written: Sequence[Sequence[Entry]]
    ) -> None:
        position = self.last - sum(map(len, written))
        for append, entries in zip(appends, written, strict=True):
            position += len(entries)
            if append.memory is not None:
                values = (self.streams[append.stream], position, append.memory)
                connection.execute("INSERT OR REPLACE INTO memories VALUES (?, ?, ?)", values)

    def prune(self, connection: sqlite3.Connection, first_kept: int, oldest_ms: float, limit: int) -> int:
        """Of some streams, in turn: what everybody is done with and is too old or too much; the oldest of it."""
        numbers = sorted(self.streams.values())
        numbers = [n for n in numbers if n > self.pruned_upto] + [n for n in numbers if n <= self.pruned_upto]
        removed = 0
        for number in numbers[:STREAMS_AT_ONCE]:
            if removed >= limit:
                break
            removed += _prune_stream(connection, number, first_kept, oldest_ms, limit - removed)
            self.pruned_upto = number
        return removed


def _messages(numbers: Sequence[int], entries: Sequence[Entry]) -> list[str | int]:
    """For each entry its message, or, where the next ones have the same, the position of the last of them.

    Not of the first: entries are removed from the oldest on, and so the message goes with the last that needs it.
    """
    found: list[str | int] = []
    position, stream, received_ms, raw = 0, 0, 0, ""
    for number, entry in zip(reversed(numbers), reversed(entries), strict=True):
        event = entry.event
        if position and event.raw == raw and event.received_ms == received_ms and number == stream:
            found.append(position)
        else:
            position, stream, received_ms, raw = entry.position, number, event.received_ms, event.raw
            found.append(raw if raw.isascii() else storable(raw))
    found.reverse()
    return found


def _known_ids(connection: sqlite3.Connection, number: int, ids: Sequence[str]) -> set[str]:
    known: set[str] = set()
    for start in range(0, len(ids), IDS_AT_ONCE):
        some = ids[start : start + IDS_AT_ONCE]
        marks = ", ".join("?" * len(some))
        query = f"SELECT id FROM entries WHERE stream = ? AND id IN ({marks})"  # noqa: S608 - question marks only
        known |= {found for (found,) in connection.execute(query, (number, *some))}
    return known


def _prune_stream(connection: sqlite3.Connection, number: int, first_kept: int, oldest_ms: float, limit: int) -> int:
    query = """SELECT MIN(position) FROM (
        SELECT position FROM consumers WHERE stream = :stream
        UNION ALL SELECT position FROM memories WHERE stream = :stream
    )"""
    (floor,) = connection.execute(query, {"stream": number}).fetchone()
    # The inner part is cut before anything is looked at: however much a consumer holds back, the look is a short one.
    doomed = """SELECT position FROM (
        SELECT position, received_ms FROM entries
        WHERE stream = :stream AND position <= COALESCE(:floor, position) ORDER BY position LIMIT :limit
    ) WHERE position < :first_kept OR received_ms < :oldest_ms"""
    values = {"stream": number, "floor": floor, "first_kept": first_kept, "oldest_ms": oldest_ms}
    # It is asked after each large write, and nearly always there is nothing.
    if connection.execute(f"{doomed} LIMIT 1", {**values, "limit": min(limit, OLDEST)}).fetchone() is None:
        return 0
    statement = f"DELETE FROM entries WHERE position IN ({doomed})"  # noqa: S608 - the text above
    return connection.execute(statement, {**values, "limit": limit}).rowcount


# --- reading ----------------------------------------------------------------------------------------------------------


def read(
    connection: sqlite3.Connection, after: int, stream: str | None, types: Sequence[type[Event]], limit: int
) -> list[Entry]:
    conditions, values = ["position > ?"], [after]
    if stream is not None:
        conditions.append("stream = (SELECT number FROM streams WHERE name = ?)")
        values.append(stream)  # type: ignore[arg-type]
    if types:
        names = [name for name, kind in TYPES.items() if issubclass(kind, tuple(types))]
        conditions.append(f"type IN ({', '.join('?' * len(names))})")
        values += names  # type: ignore[arg-type]
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    columns, forms = (_COLUMNS, _forms(connection)) if version >= FORMS else (_COLUMNS_BEFORE, {})
    query = f"SELECT {columns} FROM entries WHERE {' AND '.join(conditions)} ORDER BY position LIMIT ?"  # noqa: S608 - built of the texts above
    rows = connection.execute(query, (*values, limit)).fetchall()
    return [Entry(at, event_of(kind, text, forms.get(form), apart)) for at, kind, text, form, *apart in rows]


_COLUMNS_BEFORE = "position, type, event, NULL"  # whoever only reads does not bring a file to today's shape
_COLUMNS = """position, type, event, form, id, received_ms, CASE TYPEOF(raw)
    WHEN 'integer' THEN (SELECT raw FROM entries AS later WHERE later.position = entries.raw) ELSE raw END"""


def _forms(connection: sqlite3.Connection) -> dict[int | None, tuple[str, ...]]:
    return {number: tuple(fields.split()) for number, fields in connection.execute("SELECT number, fields FROM forms")}


def event_of(kind: str, text: str, fields: tuple[str, ...] | None = None, apart: Sequence[Any] = ()) -> Event:
    """The event of a row, or of a text that is all of it where there are no fields. Raises JournalCorrupt."""
    try:
        return read_event(kind, text) if fields is None else read_row(kind, fields, text, apart)
    except ValueError as error:
        raise JournalCorrupt(f"an event of the journal cannot be read: {error}") from None


def position(connection: sqlite3.Connection, stream: str, consumer: str) -> int | None:
    """None for a consumer that is not known."""
    query = """SELECT position FROM consumers JOIN streams ON number = stream WHERE name = ? AND consumer = ?"""
    row = connection.execute(query, (stream, consumer)).fetchone()
    return None if row is None else int(row[0])


def set_position(connection: sqlite3.Connection, stream: str, consumer: str, position: int | None) -> None:
    """Put a consumer somewhere, or remove it where that is None."""
    where = "stream = (SELECT number FROM streams WHERE name = ?) AND consumer = ?"
    if position is None:
        connection.execute(f"DELETE FROM consumers WHERE {where}", (stream, consumer))  # noqa: S608 - the text above
    else:
        connection.execute(f"UPDATE consumers SET position = ? WHERE {where}", (position, stream, consumer))  # noqa: S608 - the text above


def recall(connection: sqlite3.Connection, stream: str) -> Memory | None:
    query = "SELECT position, memory FROM memories JOIN streams ON number = stream WHERE name = ?"
    row = connection.execute(query, (stream,)).fetchone()
    return None if row is None else Memory(row[0], row[1])


def progress(connection: sqlite3.Connection) -> tuple[Progress, ...]:
    query = """SELECT name, consumer, c.position, (
            SELECT COUNT(*) FROM entries AS e WHERE e.stream = c.stream AND e.position > c.position
        ) FROM consumers AS c JOIN streams ON number = stream ORDER BY name, consumer"""
    return tuple(Progress(*row) for row in connection.execute(query))


def oldest(connection: sqlite3.Connection) -> tuple[int, Progress | None]:
    """The first position that is kept, and the consumer that stands before all others; without counting anything."""
    (first,) = connection.execute("SELECT COALESCE(MIN(position), 0) FROM entries").fetchone()
    query = "SELECT name, consumer, position FROM consumers JOIN streams ON number = stream ORDER BY position LIMIT 1"
    row = connection.execute(query).fetchone()
    return first, None if row is None else Progress(row[0], row[1], row[2], behind=0)


def last(connection: sqlite3.Connection) -> int:
    """The last position that was ever given."""
    return int(connection.execute("SELECT value FROM facts WHERE name = 'last'").fetchone()[0])


def extent(connection: sqlite3.Connection) -> tuple[int, int, int]:
    """How many entries there are, the first position, and the last that was ever given."""
    query = (
        """SELECT COUNT(*), COALESCE(MIN(position), 0), (SELECT value FROM facts WHERE name = 'last') FROM entries"""
    )
    count, first, last = connection.execute(query).fetchone()
    return count, first, last
