"""How the streams are: rows of the site's database, written by the process that holds them and read by every other."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.utils import timezone

from jexkit.contrib.django.conf import Settings
from jexkit.contrib.django.connections import refresh, release
from jexkit.contrib.django.models import StreamState
from jexkit.contrib.states import Report, trouble_of, unheld
from jexkit.stream import Status

COMMAND = "python manage.py"


def reports(site: Settings, now: datetime | None = None) -> list[Report]:
    """All streams of the settings, in their order, those that nobody holds too."""
    rows = {row.name: row for row in StreamState.objects.using(site.database)}
    return [_report(name, rows.get(name), now or timezone.now()) for name in site.streams]


def _report(name: str, row: StreamState | None, now: datetime) -> Report:
    if row is None:
        return unheld(name, COMMAND)
    trouble = trouble_of(row.state, row.last_error, now - row.reported, COMMAND)
    return Report(name, row.state, trouble, row.last_proof, row.last_event, row.reported, row.holder)


def write_down(database: str, statuses: Iterable[Status], holder: str) -> None:
    """Keep how the streams are now; from whatever thread."""
    refresh()
    try:
        for status in statuses:
            row = {
                "exchange": status.exchange,
                "state": str(status.state),
                "last_proof": status.last_proof,
                "last_event": status.last_event,
                "last_error": status.last_error,
                "status": status.to_dict(),
                "holder": holder,
                "reported": timezone.now(),
            }
            StreamState.objects.using(database).update_or_create(name=status.stream, defaults=row)
    finally:
        release()
