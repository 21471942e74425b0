"""Events as they are kept."""

from __future__ import annotations

import json
from decimal import Decimal

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jexkit.core.records import Form, read_event, read_row, write_event
from jexkit.events import Event
from jexkit.testing.conformance.journal import fill, one_of_each


@pytest.mark.parametrize("event", one_of_each(), ids=lambda event: type(event).__name__)
def test_every_type_is_read_as_it_was_written(event: Event) -> None:
    """Equal, and of the same spelling: 1.50 stays 1.50."""
    again = read_event(type(event).__name__, write_event(event))
    assert again == event
    assert str(again.to_dict()) == str(event.to_dict())


@given(amount=st.decimals(allow_nan=False, allow_infinity=False), raw=st.text())
def test_any_amount_and_text_come_back(amount: Decimal, raw: str) -> None:
    """Digits, exponents and signs of zero, and every character."""
    event = fill(1, quantity=amount, raw=raw)
    again = read_event("Fill", write_event(event))
    assert (str(again.quantity), again.raw) == (str(amount), raw)  # type: ignore[attr-defined]


def test_half_a_character_does_not_stop_the_journal() -> None:
    """No file can hold it; the rest of the message is kept."""
    event = fill(1, raw="before \ud83d after")
    assert read_event("Fill", write_event(event)) == attrs.evolve(event, raw="before ? after")


def test_it_is_json_with_amounts_as_text() -> None:
    """Whoever looks into the file can read it."""
    record = json.loads(write_event(fill(1)))
    assert (record["price"], record["side"], record["symbol"]) == ("65000.10", "buy", "BTCUSDT")


@pytest.mark.parametrize(
    ("kind", "text"),
    [("Fill", "{}"), ("Fill", "nonsense"), ("Fill", "[1]"), ("Trade", "{}"), ("Fill", '{"quantity": "much"}')],
)
def test_what_is_no_event_is_refused(kind: str, text: str) -> None:
    with pytest.raises(ValueError, match=kind):
        read_event(kind, text)


def apart(event: Event) -> tuple[str, int, str]:
    return event.id, event.received_ms, event.raw


@pytest.mark.parametrize("event", one_of_each(), ids=lambda event: type(event).__name__)
def test_every_type_is_read_of_a_row(event: Event) -> None:
    """Equal, and of the same spelling, with what the row has columns for."""
    form = Form(type(event))
    again = read_row(type(event).__name__, form.fields, form.write(event), apart(event))
    assert again == event
    assert str(again.to_dict()) == str(event.to_dict())


def test_a_row_repeats_nothing_that_is_kept_beside_it() -> None:
    """Neither names nor the message."""
    event = fill(1, raw="the message")
    values = json.loads(Form(type(event)).write(event))
    assert ("65000.10" in values, event.id in values, "the message" in values) == (True, False, False)


def test_a_row_of_a_version_with_other_fields_is_read() -> None:
    """By their names: one that was not there yet has its default, one that is not there any more is left out."""
    event = fill(1, derived=True)
    form = Form(type(event))
    values = json.loads(form.write(event))
    at = form.fields.index("derived")
    fields = ("gone", *form.fields[:at], *form.fields[at + 1 :])
    row = json.dumps(["was here", *values[:at], *values[at + 1 :]])
    assert read_row("Fill", fields, row, apart(event)) == attrs.evolve(event, derived=False)


@pytest.mark.parametrize(("kind", "text"), [("Fill", "[]"), ("Fill", "nonsense"), ("Fill", "{}"), ("Trade", "[]")])
def test_what_is_no_row_of_an_event_is_refused(kind: str, text: str) -> None:
    event = fill(1)
    with pytest.raises(ValueError, match=kind):
        read_row(kind, Form(type(event)).fields, text, apart(event))
