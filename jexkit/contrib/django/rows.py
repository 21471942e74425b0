"""The queries of events, consumers and memories. Each works within the transaction of its caller, if there is one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
from django.db import connections
from django.db.models import Count, Max, Min, Q, QuerySet

from jexkit.contrib.django.models import JournalAttempt, JournalConsumer, JournalEvent, JournalHead, JournalMemory
from jexkit.core.journal import Append, Attempt, Entry, Memory, Progress
from jexkit.core.records import read_event, write_event
from jexkit.errors import JournalCorrupt
from jexkit.events import TYPES, Event

AT_ONCE = 500  # values in one statement; SQLite's bound is 999
NOWHERE = -1  # where a consumer stands that is made known, until the same transaction says where: before every position


def events(alias: str) -> QuerySet[JournalEvent]:
    return JournalEvent.objects.using(alias)


def append(alias: str, append: Append, last: int) -> list[Entry]:
    """Write the events of one stream that are new, numbered on after ``last``."""
    known = _known(alias, append)
    entries: list[Entry] = []
    for event in append.events:
        if event.id not in known:
            known.add(event.id)
            entries.append(Entry(last + len(entries) + 1, event))
    events(alias).bulk_create(map(_row, entries), batch_size=AT_ONCE)
    return entries


def _known(alias: str, append: Append) -> set[str]:
    ids = [event.id for event in append.events]
    found: set[str] = set()
    for start in range(0, len(ids), AT_ONCE):
        wanted = events(alias).filter(stream=append.stream, event_id__in=ids[start : start + AT_ONCE])
        found.update(wanted.values_list("event_id", flat=True))
    return found


def _row(entry: Entry) -> JournalEvent:
    event = entry.event
    return JournalEvent(
        position=entry.position,
        stream=entry.stream,
        event_id=event.id,
        type=type(event).__name__,
        received_ms=event.received_ms,
        event=write_event(event),
    )


def event_of(kind: str, text: str) -> Event:
    """The event that a row holds. Raises JournalCorrupt."""
    try:
        return read_event(kind, text)
    except ValueError as error:
        raise JournalCorrupt(f"an event of the journal cannot be read: {error}") from None


def read(alias: str, after: int, stream: str | None, types: Sequence[type[Event]], limit: int) -> list[Entry]:
    found = events(alias).filter(position__gt=after).order_by("position")
    if stream is not None:
        found = found.filter(stream=stream)
    if types:
        found = found.filter(type__in=[name for name, kind in TYPES.items() if issubclass(kind, tuple(types))])
    return [
        Entry(at, event_of(kind, text)) for at, kind, text in found.values_list("position", "type", "event")[:limit]
    ]


def remember(alias: str, stream: str, position: int, value: str) -> None:
    """Keep the memory of a stream with the position that it belongs to."""
    kept = {"position": position, "value": value}
    JournalMemory.objects.using(alias).update_or_create(stream=stream, defaults=kept)


def recall(alias: str, stream: str) -> Memory | None:
    row = JournalMemory.objects.using(alias).filter(stream=stream).first()
    return None if row is None else Memory(row.position, row.value)


# --- consumers --------------------------------------------------------------------------------------------------------


def acknowledge(alias: str, stream: str, consumer: str, position: int) -> bool:
    """Move a consumer on to ``position``, making it known if it is not; False if it stands there or further on.

    Of several who make it known at the same time the database lets one, and the others wait for the end of that one.
    """
    consumers = JournalConsumer.objects.using(alias)
    behind = consumers.filter(stream=stream, consumer=consumer, position__lt=position)
    if behind.update(position=position):
        return True
    known = JournalConsumer(stream=stream, consumer=consumer, position=NOWHERE)
    consumers.bulk_create([known], ignore_conflicts=True)
    return bool(behind.update(position=position))


def position(alias: str, stream: str, consumer: str) -> int | None:
    """None for a consumer that is not known."""
    row = JournalConsumer.objects.using(alias).filter(stream=stream, consumer=consumer).first()
    return None if row is None else int(row.position)


def set_position(alias: str, stream: str, consumer: str, position: int | None) -> None:
    """Have a known consumer stand elsewhere; None makes it unknown."""
    found = JournalConsumer.objects.using(alias).filter(stream=stream, consumer=consumer)
    if position is None:
        found.delete()
    else:
        found.update(position=position)


def progress(alias: str) -> tuple[Progress, ...]:
    found = JournalConsumer.objects.using(alias).order_by("stream", "consumer")
    return tuple(
        Progress(row.stream, row.consumer, row.position, behind(alias, row.stream, row.position)) for row in found
    )


def behind(alias: str, stream: str, position: int) -> int:
    """How many events of a stream come after a position."""
    return int(events(alias).filter(stream=stream, position__gt=position).count())


# --- attempts ---------------------------------------------------------------------------------------------------------


def begin(alias: str, attempt: Attempt) -> None:
    JournalAttempt.objects.using(alias).update_or_create(**_key(attempt), defaults={"count": attempt.count})


def finish(alias: str, attempt: Attempt) -> None:
    JournalAttempt.objects.using(alias).filter(**_key(attempt)).delete()


def unfinished(alias: str, stream: str) -> list[Attempt]:
    found = JournalAttempt.objects.using(alias).filter(stream=stream).order_by("position")
    return [Attempt(row.stream, row.position, row.consumer, row.callback, row.count) for row in found]


def forget(alias: str, stream: str, consumer: str) -> None:
    """The consumer is no more."""
    set_position(alias, stream, consumer, None)
    JournalAttempt.objects.using(alias).filter(stream=stream, consumer=consumer).delete()


def _key(attempt: Attempt) -> dict[str, Any]:
    return attrs.asdict(attempt, filter=lambda field, _: field.name != "count")


# --- all of it --------------------------------------------------------------------------------------------------------


def extent(alias: str) -> tuple[int, int, int]:
    """How many events there are, the first position and the last."""
    found = events(alias).aggregate(count=Count("*"), first=Min("position"), last=Max("position"))
    return found["count"], found["first"] or 0, found["last"] or 0


def size(alias: str) -> int:
    """The bytes of the events on disk, 0 where the database does not tell."""
    connection = connections[alias]
    if connection.vendor != "postgresql":
        return 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_total_relation_size(%s)", [JournalEvent._meta.db_table])  # noqa: SLF001 - Django's own way
        return int(cursor.fetchone()[0])


def prune(alias: str, first_kept: int, oldest_ms: float, limit: int) -> int:
    """Remove up to ``limit`` events that nobody needs: acknowledged by all, and too many or too old."""
    removed = 0
    for stream, floor in sorted(_floors(alias).items()):
        idle = events(alias).filter(stream=stream, position__lte=floor)
        idle = idle.filter(Q(position__lt=first_kept) | Q(received_ms__lt=oldest_ms))
        removed += _remove(alias, list(idle.order_by("position").values_list("position", flat=True)[: limit - removed]))
        if removed >= limit:
            break
    return removed


def _remove(alias: str, positions: list[int]) -> int:
    for start in range(0, len(positions), AT_ONCE):
        events(alias).filter(position__in=positions[start : start + AT_ONCE]).delete()
    return len(positions)


def _floors(alias: str) -> dict[str, int]:
    """For each stream the position up to which neither a consumer nor its memory needs its events."""
    last = JournalHead.objects.using(alias).get(pk=1).last
    floors = dict.fromkeys(events(alias).values_list("stream", flat=True).distinct(), last)
    needed = [
        *JournalConsumer.objects.using(alias).values_list("stream", "position"),
        *JournalMemory.objects.using(alias).values_list("stream", "position"),
    ]
    for stream, at in needed:
        floors[stream] = min(floors.get(stream, last), at)
    return floors
