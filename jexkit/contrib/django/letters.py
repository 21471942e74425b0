"""The queries of dead letters."""

from __future__ import annotations

from jexkit.contrib.django import models
from jexkit.contrib.django.rows import event_of
from jexkit.contrib.django.trouble import where_of
from jexkit.core.journal import DeadLetter, Entry
from jexkit.core.records import write_event
from jexkit.errors import UnknownEntry

LONGEST_NAME = 255


def add(alias: str, letter: DeadLetter) -> DeadLetter:
    """Keep it. Returns it with its number."""
    event = letter.entry.event
    row = models.DeadLetter.objects.using(alias).create(
        position=letter.entry.position,
        stream=letter.entry.stream,
        event_id=event.id,
        type=type(event).__name__,
        event=write_event(event),
        consumer=letter.consumer,
        callback=letter.callback[:LONGEST_NAME],
        traceback=letter.traceback.replace("\0", "\\0"),  # which PostgreSQL takes in no text
        attempts=letter.attempts,
        failed_ms=letter.failed_ms,
    )
    return letter_of(row)


def letter_of(row: models.DeadLetter) -> DeadLetter:
    """The dead letter that a row holds."""
    entry = Entry(row.position, event_of(row.type, row.event))
    return DeadLetter(
        entry, row.consumer, row.callback, row.traceback, row.attempts, row.failed_ms, row.number, row.is_wanted
    )


def find(alias: str, wanted: bool, limit: int) -> list[DeadLetter]:
    found = models.DeadLetter.objects.using(alias).order_by("number")
    return [letter_of(row) for row in (found.filter(is_wanted=True) if wanted else found)[:limit]]


def count(alias: str) -> int:
    return int(models.DeadLetter.objects.using(alias).count())


def want(alias: str, number: int) -> None:
    """Have it delivered again. Raises UnknownEntry."""
    if not models.DeadLetter.objects.using(alias).filter(number=number).update(is_wanted=True):
        raise _unknown(alias, number)


def remove(alias: str, number: int) -> None:
    """Forget it. Raises UnknownEntry."""
    deleted, _ = models.DeadLetter.objects.using(alias).filter(number=number).delete()
    if not deleted:
        raise _unknown(alias, number)


def _unknown(alias: str, number: int) -> UnknownEntry:
    return UnknownEntry(f"there is no dead letter {number} in the journal", where_of(alias))
