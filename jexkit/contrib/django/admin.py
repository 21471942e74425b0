"""Admin pages: what came, what failed, and how the streams are. Nothing here can be written but a wish to replay."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.utils.html import format_html

from jexkit.contrib.django.models import DeadLetter, JournalEvent, StreamState
from jexkit.contrib.django.rows import event_of
from jexkit.events import moment


class ReadOnly(admin.ModelAdmin):
    """To be looked at, not to be edited: the rows belong to the process that holds the streams."""

    def has_add_permission(self, *_: Any) -> bool:
        return False

    def has_change_permission(self, *_: Any) -> bool:
        return False

    def has_delete_permission(self, *_: Any) -> bool:
        return False


class WithEvent(ReadOnly):
    """A page of rows that hold an event as JSON text."""

    list_filter: tuple[str, ...] = ("stream", "type")
    search_fields: tuple[str, ...] = ("event_id", "event")
    show_full_result_count = False  # counting a million rows takes longer than showing a hundred

    @admin.display(description="event")
    def pretty(self, row: JournalEvent | DeadLetter) -> str:
        return _as_written(json.dumps(event_of(row.type, row.event).to_dict(), indent=2, ensure_ascii=False))


@admin.register(JournalEvent)
class EventAdmin(WithEvent):
    """What the journal holds, the newest first."""

    list_display = ("position", "stream", "type", "event_id", "received")
    fields = ("position", "stream", "type", "event_id", "received", "pretty")
    ordering = ("-position",)

    @admin.display(ordering="received_ms")
    def received(self, row: JournalEvent) -> datetime:
        return moment(row.received_ms)


@admin.register(DeadLetter)
class DeadLetterAdmin(WithEvent):
    """Events that a handler kept failing on, with its traceback, and the action to have them delivered again."""

    list_display = ("number", "stream", "type", "event_id", "callback", "attempts", "failed", "is_wanted")
    list_filter = ("stream", "type", "callback", "is_wanted")
    search_fields = ("event_id", "event", "callback", "traceback")
    fields = ("number", "stream", "consumer", "callback", "attempts", "failed", "is_wanted", "failure", "pretty")
    ordering = ("-number",)
    actions = ("replay",)

    @admin.display(ordering="failed_ms")
    def failed(self, row: DeadLetter) -> datetime:
        return moment(row.failed_ms)

    @admin.display(description="traceback")
    def failure(self, row: DeadLetter) -> str:
        return _as_written(row.traceback)

    @admin.action(description="Deliver the selected dead letters again", permissions=["view"])
    def replay(self, request: Any, chosen: QuerySet[DeadLetter]) -> None:
        count = chosen.update(is_wanted=True)
        said = f"{count} to be delivered again by the process that holds the streams."
        self.message_user(request, said, messages.SUCCESS)


@admin.register(StreamState)
class StreamAdmin(ReadOnly):
    """How each stream is, as its holder wrote it down last."""

    list_display = ("name", "exchange", "state", "last_proof", "last_event", "last_error", "holder", "reported")
    search_fields = ("name", "exchange", "last_error", "holder")
    list_filter = ("state", "exchange")
    fields = (*list_display, "counted")

    @admin.display(description="counters")
    def counted(self, row: StreamState) -> str:
        return _as_written(json.dumps(row.status, indent=2))


def _as_written(text: str) -> str:
    """With its line breaks and indentation."""
    shown: str = format_html("<pre>{}</pre>", text)
    return shown
