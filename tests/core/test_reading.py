"""An unreadable row is told as Unknown and costs none of the others."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from jexkit.core import fields
from jexkit.core.fields import Message, Missing
from jexkit.core.reading import NOT_MODELLED, Reading, says_nothing, whole
from jexkit.core.values import Receipt
from jexkit.events import Event, Live, Origin, Unknown

RECEIPT = Receipt("main", 1_700_000_000_000, raw='{"a":1}', origin=Origin.RECOVERED)
READING = Reading("somewhere", "orders", RECEIPT)


def live(row: Message) -> Iterator[Event]:
    """A row becomes an event without any fields of its own, twice where it is asked for; ``name`` must be there."""
    name = fields.need(row, "name")
    yield Live(**READING.about(name, fields.time_ms(row, "time")))
    if "again" in row:
        yield Live(**READING.about(fields.need(row, "again"), None))


def test_every_event_has_what_is_known_of_the_message() -> None:
    (event,) = READING.rows({"name": "x", "time": 5}, live)
    assert event == Live(
        exchange="somewhere",
        account="main",
        id="x",
        time_ms=5,
        received_ms=1_700_000_000_000,
        origin=Origin.RECOVERED,
        raw='{"a":1}',
    )


def test_without_a_time_of_its_own_an_event_has_the_time_of_receipt() -> None:
    (event,) = READING.rows([{"name": "x"}], live)
    assert event.time_ms == 1_700_000_000_000


def test_each_unreadable_row_is_told_in_its_place() -> None:
    events = list(READING.rows([{"name": "a"}, {}, 5, {"name": "b"}], live))
    assert [type(event) for event in events] == [Live, Unknown, Unknown, Live]
    whys = [event.why for event in events if isinstance(event, Unknown)]
    assert whys == ["row 1: the message has no name", "row 2: not an object"]


def test_what_was_read_of_a_row_before_it_failed_is_told() -> None:
    events = list(READING.rows([{"name": "a", "again": None}], live))
    assert [type(event) for event in events] == [Live, Unknown]


def test_one_object_is_not_counted() -> None:
    (event,) = READING.rows("odd", live)
    assert isinstance(event, Unknown)
    assert event.why == "not an object"


def test_unknown_has_the_message_whole_and_an_id_for_each_message_and_reason() -> None:
    event = READING.unknown("no idea")
    assert (event.native_kind, event.why, event.raw) == ("orders", "no idea", '{"a":1}')
    assert event.id == READING.unknown("no idea").id
    others = [
        READING.unknown("another reason"),
        Reading("somewhere", "orders", Receipt("main", 1_700_000_000_000, raw="{}")).unknown("no idea"),
        Reading("somewhere", "orders", Receipt("main", 1_700_000_000_001, raw='{"a":1}')).unknown("no idea"),
        Reading("somewhere", "trades", RECEIPT).unknown("no idea"),
    ]
    assert len({event.id, *(other.id for other in others)}) == 5


def test_text_that_is_no_unicode_has_an_id_too() -> None:
    assert Reading("somewhere", "x", Receipt("main", 5, raw="\ud800")).unknown("odd").id


def test_unknown_quotes_no_key() -> None:
    """Nobody knows what such a message says; its id is that of the message as it came."""
    key = "k3y" * 20
    quoting = Reading("somewhere", "x", Receipt("main", 5, raw=f'{{"why": "{key} is not known"}}')).unknown("odd")
    assert quoting.raw == '{"why": "*** is not known"}'
    assert quoting.id != Reading("somewhere", "x", Receipt("main", 5, raw=quoting.raw)).unknown("odd").id


def test_what_is_of_a_kind_that_is_yet_to_come_says_something() -> None:
    """What is of no kind, or lacks what it is about, says nothing; one event that is read says something."""
    new, odd = READING.unknown(f"{NOT_MODELLED}event"), READING.unknown("no id")
    nameless = Reading("somewhere", "", RECEIPT).unknown(f"{NOT_MODELLED}channel")
    read = Live(**READING.about("live", 1))
    assert [says_nothing(events) for events in ([odd], [nameless], [odd, nameless])] == [True] * 3
    assert [says_nothing(events) for events in ([], [new], [read], [odd, new], [odd, read])] == [False] * 5


def one(row: Message) -> Event:
    return next(live(row))


def test_where_each_row_is_one_event() -> None:
    """A reader of rows is told how: every row for itself, or all of them or none."""
    rows = [{"name": "a"}, {"name": "b"}]
    assert READING.each(rows, one) == whole(rows, one) == READING.rows(rows, live)
    assert [type(event) for event in READING.each([{"name": "a"}, {}], one)] == [Live, Unknown]
    with pytest.raises(Missing):
        whole([{"name": "a"}, {}], one)
