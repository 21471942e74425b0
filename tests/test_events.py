"""Events are frozen records that go through JSON and come back the same."""

from __future__ import annotations

import json
import pickle
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, get_args, get_type_hints

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jexkit import events
from jexkit.events import (
    BalanceUpdate,
    Event,
    Fill,
    Gap,
    Live,
    Market,
    OrderStatus,
    OrderUpdate,
    Origin,
    Side,
    Suspended,
    SuspendReason,
    Word,
    from_dict,
    moment,
)

KINDS = sorted(events.TYPES.values(), key=lambda kind: kind.__name__)
ABOUT = {
    "exchange": "jex",
    "account": "main",
    "id": "x:1",
    "time_ms": 1_700_000_000_123,
    "received_ms": 1_700_000_000_200,
}
FILL = Fill(
    **ABOUT,
    market=Market.SPOT,
    symbol="BTC_USDT",
    order_id="7",
    trade_id="9",
    side=Side.BUY,
    quantity=Decimal("0.00000001"),
    price=Decimal("1E+5"),
    fee=Decimal("-0.10"),
    raw='{"a":1}',
)


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Values of a field's type."""
    parts = get_args(hint) or (hint,)
    one_of = {
        str: st.text(max_size=5),
        int: st.integers(1, 10**14 - 1),
        bool: st.booleans(),
        Decimal: st.decimals(-(10**20), 10**20, places=12),
        type(None): st.none(),
    }
    return st.one_of(*(st.sampled_from(part) if issubclass(part, Word) else one_of[part] for part in parts))


@st.composite
def any_event(draw: st.DrawFn) -> Event:
    kind = draw(st.sampled_from(KINDS))
    hints = get_type_hints(kind)
    return kind(**{field.name: draw(values(hints[field.name])) for field in attrs.fields(kind)})


@given(any_event())
def test_every_event_goes_through_json_and_comes_back(event: Event) -> None:
    record = json.loads(json.dumps(event.to_dict()))
    assert from_dict(record) == event
    assert from_dict(record).to_dict() == record


@given(any_event())
def test_every_event_can_be_handed_to_another_process(event: Event) -> None:
    assert pickle.loads(pickle.dumps(event)) == event


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_event_is_frozen_and_slotted(kind: type[Event]) -> None:
    assert attrs.has(kind)
    assert "__dict__" not in dir(kind)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        FILL.price = Decimal(1)  # type: ignore[misc]


def test_a_record_is_plain_json() -> None:
    assert FILL.to_dict() == {
        "type": "Fill",
        **ABOUT,
        "origin": "stream",
        "raw": '{"a":1}',
        "market": "spot",
        "symbol": "BTC_USDT",
        "order_id": "7",
        "trade_id": "9",
        "side": "buy",
        "quantity": "0.00000001",  # no exponent, which not every reader takes
        "price": "100000",
        "client_order_id": "",
        "quote_quantity": None,
        "fee": "-0.10",
        "fee_asset": "",
        "liquidity": "unknown",
        "realized_pnl": None,
        "position_side": "both",
        "derived": False,
    }


def test_a_record_may_have_more_in_it_than_this_version_knows() -> None:
    assert from_dict({**FILL.to_dict(), "tax": "0.1"}) == FILL


@pytest.mark.parametrize(
    "change",
    [
        {"type": "Order"},
        {"type": None},
        {"quantity": "much"},
        {"quantity": [1]},
        {"quantity": {}},
        {"side": "left"},
        {"market": 5},
        {"type": ["Fill"]},
        {"type": b"Fill"},
        {"quantity": None},
        {"quantity": True},
        {"quantity": 0.5},
        {"quantity": "NaN"},
        {"quantity": "-Infinity"},
        {"quantity": ""},
        {"id": 5},
        {"id": None},
        {"time_ms": "1700000000123"},
        {"time_ms": 1.5},
        {"time_ms": True},
        {"derived": "yes"},
        {"raw": {}},
    ],
)
def test_what_is_no_record_of_an_event(change: dict[str, Any]) -> None:
    """One error for all of it, which names the field."""
    with pytest.raises(ValueError, match=r"not an? ") as caught:
        from_dict({**FILL.to_dict(), **change})
    assert next(iter(change)) in str(caught.value)


@pytest.mark.parametrize(
    "record", [None, 5, "Fill", b"Fill", [], [("type", "Fill")], FILL, {}, {5: 6}, {"type": "Fill"}]
)
def test_what_is_no_record_at_all(record: Any) -> None:
    with pytest.raises(
        ValueError, match=r"^not an event of jexkit: .*give what to_dict\(\) returned$|not a whole Fill"
    ):
        from_dict(record)


def test_a_record_may_have_names_that_are_none() -> None:
    assert from_dict({**FILL.to_dict(), 5: 6}) == FILL  # type: ignore[dict-item]


def test_a_record_that_lacks_something_is_no_event() -> None:
    record = FILL.to_dict()
    del record["symbol"]
    with pytest.raises(ValueError, match="not a whole Fill"):
        from_dict(record)


def test_times_are_aware() -> None:
    assert FILL.time == datetime(2023, 11, 14, 22, 13, 20, 123_000, tzinfo=timezone.utc)
    assert FILL.received - FILL.time == timedelta(milliseconds=77)
    assert moment(0).isoformat() == "1970-01-01T00:00:00+00:00"


def test_an_event_knows_its_stream() -> None:
    assert FILL.stream == FILL.account == "main"
    assert FILL.origin is Origin.STREAM


def test_the_raw_message_is_not_in_the_repr() -> None:
    assert '{"a":1}' not in repr(FILL)
    assert "BTC_USDT" in repr(FILL)


def test_words_compare_print_and_format_as_their_text() -> None:
    assert Side.BUY == "buy"
    assert f"{Side.BUY} {OrderStatus.NEW!s}" == "buy new"
    assert json.dumps([Market.SPOT]) == '["spot"]'
    assert {Side.BUY: 1}["buy"] == 1  # type: ignore[index]


def test_four_statuses_are_final() -> None:
    final = {status for status in OrderStatus if status.is_final}
    assert final == {OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.REJECTED, OrderStatus.EXPIRED}


def test_what_was_not_sent_is_none() -> None:
    balance = BalanceUpdate(**ABOUT, market=Market.SPOT, asset="BTC", key="BTC")
    assert (balance.total, balance.free, balance.locked, balance.change) == (None, None, None, None)
    order = OrderUpdate(
        **ABOUT,
        market=Market.SPOT,
        symbol="BTC_USDT",
        order_id="7",
        key="7",
        side=Side.UNKNOWN,
        status=OrderStatus.UNKNOWN,
        native_status="odd",
    )
    assert (order.price, order.quantity, order.filled_quantity) == (None, None, 0)


def test_the_stream_speaks_of_itself_in_events_too() -> None:
    assert from_dict(Live(**ABOUT).to_dict()) == Live(**ABOUT)
    suspended = Suspended(**ABOUT, reason=SuspendReason.SILENT)
    assert suspended.to_dict()["reason"] == "silent"
    gap = Gap(**ABOUT, since_ms=None, until_ms=5, what="fills", why="too old")
    assert from_dict(gap.to_dict()) == gap
