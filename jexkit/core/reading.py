"""Reading a message row by row, so that an unreadable row is told as ``Unknown`` and costs none of the others."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import attrs

from jexkit.core.exact import Shape
from jexkit.core.fields import Missing
from jexkit.core.redaction import redact
from jexkit.core.values import Receipt
from jexkit.events import Event, Unknown

NOT_MODELLED = "this version does not model the "
"""How ``why`` begins where a message is whole and of a kind that is yet to come, or not of interest."""


def says_nothing(events: Sequence[Event]) -> bool:
    """Whether these events of one message are all Unknown, and not for being of a kind that is not modelled."""
    if not events or type(events[0]) is not Unknown:  # nearly always
        return False
    return all(
        isinstance(event, Unknown) and not (event.native_kind and event.why.startswith(NOT_MODELLED))
        for event in events
    )


RowReader: TypeAlias = Callable[..., Event]
"""Reads a row; what the rows of its message have in common follows it."""
Rows: TypeAlias = Callable[..., list[Event]]
"""What a reader makes of each row, ``Reading.each`` or ``whole``: given the rows, their reader, and what is common."""


def whole(rows: Sequence[Any], read_row: RowReader, *common: Any) -> list[Event]:
    """What ``read_row`` makes of each of ``rows``; the first that cannot be read raises Missing, for all of them."""
    events = []
    for row in rows:  # nearly always one or two, for which a comprehension takes longer
        events.append(read_row(row, *common))  # noqa: PERF401
    return events


@attrs.define  # not frozen: made once for every message, and freezing costs twice as much as the rest
class Reading:
    """One message on its way to events: whose it is, what the exchange calls it, and how it came."""

    exchange: str
    kind: str
    receipt: Receipt

    def about(self, identity: str, time_ms: int | None) -> dict[str, Any]:
        """The fields that all events have; the time of receipt where the message has no time of its own."""
        receipt = self.receipt
        return {
            "exchange": self.exchange,
            "account": receipt.account,
            "id": identity,
            "time_ms": receipt.received_ms if time_ms is None else time_ms,
            "received_ms": receipt.received_ms,
            "origin": receipt.origin,
            "raw": receipt.raw,
        }

    def unknown(self, why: str) -> Unknown:
        """The whole message as one event. Its id has a digest in it: two messages of one moment are both told.

        Nobody knows what a message that is not known quotes: what looks like a key is left out of it.
        """
        digest = hashlib.sha256(f"{why}\n{self.receipt.raw}".encode("utf-8", "replace")).hexdigest()[:16]
        identity = f"unknown:{self.kind}:{self.receipt.received_ms}:{digest}"
        about = {**self.about(identity, None), "raw": redact(self.receipt.raw)}
        return Unknown(native_kind=self.kind, why=why, **about)

    def rows(self, value: Any, read_row: Callable[[Any], Iterable[Event]]) -> list[Event]:
        """What ``read_row`` makes of each object or shape in ``value``, a list or a single one."""
        many = isinstance(value, (list, tuple))
        events: list[Event] = []
        for number, row in enumerate(value if many else [value]):
            where = f"row {number}: " if many else ""
            if not isinstance(row, (dict, Shape)):
                events.append(self.unknown(f"{where}not an object"))
                continue
            try:
                for event in read_row(row):
                    events.append(event)  # noqa: PERF402 - what was read of a row before it failed is told
            except Missing as missing:
                events.append(self.unknown(f"{where}{missing}"))
        return events

    def each(self, rows: Sequence[Any], read_row: RowReader, *common: Any) -> list[Event]:
        """The same where each row is one event."""
        return self.rows(rows, lambda row: (read_row(row, *common),))
