"""Binance Portfolio Margin's messages become the right events, and no message is ever lost or raises."""

from __future__ import annotations

import copy
import decimal
import json
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jexkit.core import exact
from jexkit.core.values import Receipt
from jexkit.events import (
    Event,
    Fill,
    OrderUpdate,
    PositionUpdate,
    Unknown,
    from_dict,
)
from jexkit.exchanges.binance_pm import wire
from tests.exchanges.binance_pm.samples import MESSAGES, PAYLOADS, one, read, read_raw, recorded
from tests.wire import corpus, strategies

GOLDEN = corpus.golden("binance_pm")
NAMES = sorted({name for inner in strategies.objects(PAYLOADS) for name in inner} | {"listenKey", "stream", "data"})
QUICK = {"ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE", "executionReport", "outboundAccountPosition"}
KEY = "pqia91ma19a5s61cv6a81va65sdf19v8a65a1a5s61cv6a81va65sdf19v8a65a1"


@pytest.mark.parametrize("message", MESSAGES, ids=str)
def test_a_recorded_message_becomes_what_the_golden_file_has(message: corpus.Recorded) -> None:
    written = corpus.written(read(message.payload))
    assert len(written) == len(GOLDEN[str(message)])
    for got, expected in zip(written, GOLDEN[str(message)], strict=True):
        assert got == expected


def test_every_golden_result_belongs_to_a_recorded_message() -> None:
    assert set(GOLDEN) == {str(message) for message in MESSAGES}


def test_only_the_notice_of_expiry_is_no_event() -> None:
    silent = {message.event for message in MESSAGES if not read(message.payload)}
    assert silent == {"listenKeyExpired"}
    assert not [event for message in MESSAGES for event in read(message.payload) if isinstance(event, Unknown)]


def test_no_two_recorded_orders_fills_or_transfers_have_one_id() -> None:
    told = [event for payload in PAYLOADS if payload.get("e") for event in read(payload)]
    ids = [event.id for event in told if isinstance(event, (OrderUpdate, Fill)) or event.id.startswith("change:")]
    twice = [identity for identity, count in Counter(ids).items() if count > 1]
    assert twice == ["order:UM:NOTUSDT:4968510801:NEW:0:0.008483:5488:1727352962757"]  # one frame, published twice


# --- envelopes, control frames, secrets -------------------------------------------------------------------------------


def test_the_envelope_is_opened_and_the_listen_key_is_not_kept() -> None:
    message = recorded("ORDER_TRADE_UPDATE", 2)
    bare, wrapped = read_raw(message), read_raw({"stream": KEY, "data": message})
    assert [event.id for event in bare] == [event.id for event in wrapped]
    for event in wrapped:
        assert KEY not in event.raw
        assert json.loads(event.raw) == json.loads(exact.encode(message))


@pytest.mark.parametrize(
    "message",
    [
        {"stream": KEY, "data": 5},
        {"stream": KEY, "data": [KEY]},
        {"stream": KEY, "data": {"e": "newEvent", "listenKey": KEY}},
        {"e": "newEvent", "listenKey": KEY},
        {"error": {"code": 2, "msg": f"Invalid request: no stream {KEY}"}, "id": 1},
        {"code": 2, "msg": f"Invalid request: no stream {KEY}"},
        {"id": 1, "method": "SUBSCRIBE", "params": [KEY]},
    ],
)
def test_no_listen_key_is_kept_from_what_is_unknown(message: Any) -> None:
    (event,) = read_raw(message)
    assert isinstance(event, Unknown)
    assert event.raw
    assert KEY not in json.dumps(event.to_dict())


def test_control_frames() -> None:
    assert read({"result": None, "id": 1}) == []
    assert read({"result": [KEY], "id": 3}) == []
    (complaint,) = read({"error": {"code": 2, "msg": "no"}})
    assert isinstance(complaint, Unknown)
    assert complaint.native_kind == "error"
    (complaint,) = read({"code": 2, "msg": "no"})
    assert isinstance(complaint, Unknown)
    assert complaint.native_kind == "code"


def test_an_event_that_is_not_modelled_arrives_whole() -> None:
    message = {"e": "strategyUpdate", "E": 1, "x": [1, "2", {"deep": None}]}
    (event,) = read_raw(message)
    assert isinstance(event, Unknown)
    assert event.native_kind == "strategyUpdate"
    assert json.loads(event.raw) == message


@pytest.mark.parametrize("event", sorted({m["e"] for m in PAYLOADS if "e" in m} - {"listenKeyExpired"}))
def test_a_message_with_nothing_but_its_name_is_unknown(event: str) -> None:
    (unknown,) = read({"e": event})
    assert isinstance(unknown, Unknown)
    assert unknown.why


@pytest.mark.parametrize("message", [None, True, 5, Decimal("1.5"), "text", [], {}, [{"e": "balanceUpdate"}]])
def test_what_is_no_event_at_all_is_unknown(message: Any) -> None:
    (unknown,) = read(message)
    assert isinstance(unknown, Unknown)


# --- never raises, always exact ---------------------------------------------------------------------------------------


@given(strategies.json_values(NAMES))
def test_reading_never_raises(message: Any) -> None:
    for event in read(message):
        assert from_dict(json.loads(json.dumps(event.to_dict()))) == event


@given(strategies.mutated(PAYLOADS, NAMES))
def test_a_damaged_message_is_never_lost(message: Any) -> None:
    events = read(message)
    gone = isinstance(message, dict) and (message.get("e") == "listenKeyExpired" or "result" in message)
    assert events or gone
    for event in events:
        assert from_dict(json.loads(json.dumps(event.to_dict()))) == event


def read_both_ways(payload: Any) -> tuple[list[Event] | None, list[Event]]:
    """By the decoder of the messages that come often, None if it leaves this one alone; and from the decoded object."""
    text = exact.encode(payload)
    receipt = Receipt("main", 1_800_000_000_000, text)
    return wire.read_text(text, receipt), wire.read(exact.decode(text), receipt)


@pytest.mark.parametrize("message", MESSAGES, ids=str)
def test_the_quick_way_tells_the_same(message: corpus.Recorded) -> None:
    """Whether a message is decoded into its shape or into a dictionary; and the ones that come often are."""
    quick, slow = read_both_ways(message.payload)
    assert quick == (slow if message.payload.get("e") in QUICK else None)


@given(strategies.mutated([payload for payload in PAYLOADS if payload.get("e") in QUICK], NAMES))
@settings(max_examples=300)
def test_a_damaged_message_is_told_the_same_or_left_to_the_slow_way(message: Any) -> None:
    quick, slow = read_both_ways(message)
    assert quick in (None, slow)


def test_other_scripts_digits_are_no_amount_either_way() -> None:
    """A break-even price is the one number that may come with quotes or without; there are Chinese symbols as well."""
    message = copy.deepcopy(next(each for each in PAYLOADS if each.get("e") == "ACCOUNT_UPDATE" and each["a"]["P"]))
    message["a"]["P"][0]["bep"] = "١٢"
    quick, slow = read_both_ways(message)
    assert quick in (None, slow)
    assert next(event.break_even_price for event in slow if isinstance(event, PositionUpdate)) is None


@pytest.mark.parametrize("where", ["envelope", "message"])
def test_a_listen_key_is_never_kept(where: str) -> None:
    """What comes often goes past the place where they are taken out, so whatever has one is left alone."""
    message = recorded("ORDER_TRADE_UPDATE", 1)
    message = {"stream": KEY, "data": message} if where == "envelope" else {**message, "listenKey": KEY}
    quick, slow = read_both_ways(message)
    assert quick is None
    assert [type(event) for event in slow] == [OrderUpdate]
    assert all(KEY not in event.raw for event in slow)


OPTIONAL = sorted(set(recorded("ORDER_TRADE_UPDATE", 2)["o"]) - {"s", "i", "t"})


@given(st.sampled_from(OPTIONAL), st.one_of(st.none(), st.booleans(), st.lists(st.integers(), max_size=2)))
def test_a_wrong_type_in_an_optional_field_costs_nothing_else(name: str, value: Any) -> None:
    update = one(OrderUpdate, read(recorded("ORDER_TRADE_UPDATE", 2, **{name: value})))
    assert update.key == "UM:WLDUSDT:8911717079"
    absent = recorded("ORDER_TRADE_UPDATE", 2)
    del absent["o"][name]
    assert one(OrderUpdate, read(absent)).key == update.key


def test_extra_fields_change_nothing() -> None:
    for payload in PAYLOADS:
        if "e" in payload:
            assert [e.id for e in read({**payload, "new": {"in": "2027"}})] == [e.id for e in read(payload)]


AMOUNTS = st.decimals(-(10**20), 10**20, places=12) | st.decimals(allow_nan=False, min_value=0, max_value=1, places=20)


@given(AMOUNTS, AMOUNTS, st.booleans())
def test_amounts_keep_every_digit(price: Decimal, quantity: Decimal, as_number: bool) -> None:
    """As text or as a JSON number, with zeros at the end: what comes is what was sent."""
    digits = {"p": format(price, "f"), "q": format(quantity, "f")}
    text = exact.encode(recorded("ORDER_TRADE_UPDATE", 1, p="P", q="Q"))
    for name, value in digits.items():
        text = text.replace(f'"{name.upper()}"', value if as_number else f'"{value}"', 1)
    message = exact.decode(text)
    update = one(OrderUpdate, wire.read(message, corpus.RECEIPT))
    assert (update.price, update.quantity) == (price, quantity)
    if not as_number:
        assert (str(update.price), str(update.quantity)) == (str(Decimal(digits["p"])), str(Decimal(digits["q"])))


def test_the_programs_decimal_context_has_no_say() -> None:
    usual = [read(payload) for payload in PAYLOADS]
    with decimal.localcontext() as context:
        context.prec = 2
        context.traps = dict.fromkeys(context.traps, True)
        unusual = [read(payload) for payload in PAYLOADS]
    assert [corpus.written(events) for events in unusual] == [corpus.written(events) for events in usual]
