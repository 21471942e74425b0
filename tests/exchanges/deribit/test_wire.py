"""Deribit's notifications become the right events, and no message is ever lost or raises."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jexkit.core import exact
from jexkit.core.values import Receipt
from jexkit.events import (
    BalanceUpdate,
    Event,
    Fill,
    Liquidity,
    Market,
    OrderStatus,
    OrderType,
    OrderUpdate,
    Origin,
    PositionUpdate,
    Side,
    TimeInForce,
    Unknown,
    from_dict,
)
from jexkit.exchanges.deribit import wire
from tests.wire import corpus, strategies

MESSAGES = [message for message in corpus.recorded("deribit") if message.event.startswith("notification.")]
GOLDEN = corpus.golden("deribit")
QUICK = {
    message.event
    for message in MESSAGES
    if message.event.split(".")[2:3]
    and message.event.split(".")[2] in ("orders", "trades", "changes", "portfolio")
    and message.event != "notification.user.orders.untriggered"  # its price is a text
}
PAYLOADS = [message.payload["params"] for message in MESSAGES]


def read(payload: Any) -> list[Event]:
    return wire.read(payload["params"]["channel"], payload["params"]["data"], corpus.RECEIPT)


def read_event(event: str, nth: int = 0) -> list[Event]:
    return read(corpus.the("deribit", event, nth))


def read_order(**changes: Any) -> OrderUpdate:
    data = dict(corpus.the("deribit", "notification.user.orders.any.any.raw")["params"]["data"], **changes)
    (event,) = wire.read("user.orders.any.any.raw", data, corpus.RECEIPT)
    assert isinstance(event, OrderUpdate)
    return event


@pytest.mark.parametrize("message", MESSAGES, ids=str)
def test_a_recorded_message_becomes_what_the_golden_file_has(message: corpus.Recorded) -> None:
    written = corpus.written(read(message.payload))
    assert len(written) == len(GOLDEN[str(message)])
    for got, expected in zip(written, GOLDEN[str(message)], strict=True):
        assert got == expected


def test_every_golden_result_belongs_to_a_recorded_message() -> None:
    assert set(GOLDEN) == {str(message) for message in MESSAGES}


# --- orders -----------------------------------------------------------------------------------------------------------


def test_an_open_order() -> None:
    (event,) = read_event("notification.user.orders.any.any.raw")
    assert event == OrderUpdate(
        exchange="deribit",
        account="main",
        id="order:46094375191:open:0:50000:10:1655401625037",
        time_ms=1655401625037,
        received_ms=corpus.RECEIPT.received_ms,
        market=Market.FUTURES,
        symbol="BTC-PERPETUAL",
        order_id="46094375191",
        key="46094375191",
        side=Side.SELL,
        status=OrderStatus.NEW,
        native_status="open",
        order_type=OrderType.LIMIT,
        native_type="limit",
        time_in_force=TimeInForce.GTC,
        price=Decimal(50000),
        quantity=Decimal(10),
        filled_quantity=Decimal(0),
        created_ms=1655401625037,
    )


def test_a_batched_channel_has_a_list_and_a_raw_one_an_object() -> None:
    data = corpus.the("deribit", "notification.user.orders.any.any.raw")["params"]["data"]
    one = wire.read("user.orders.any.any.raw", data, corpus.RECEIPT)
    many = wire.read("user.orders.any.any.100ms", [data, dict(data, order_id="2")], corpus.RECEIPT)
    wrapped = wire.read("user.orders.any.any.raw", {"order": data}, corpus.RECEIPT)
    assert one == wrapped == many[:1]
    assert [event.order_id for event in many if isinstance(event, OrderUpdate)] == ["46094375191", "2"]


def test_an_open_order_with_fills_is_partially_filled_and_exponents_are_exact() -> None:
    (event,) = read_event("notification.user.orders.partially_filled")
    assert isinstance(event, OrderUpdate)
    assert event.status is OrderStatus.PARTIALLY_FILLED
    assert (event.price, event.quantity, event.filled_quantity) == (Decimal("0.0028"), Decimal(10), Decimal("2.5"))
    assert event.average_price == Decimal("0.0028")
    assert event.market is Market.OPTIONS
    assert event.order_type is OrderType.POST_ONLY
    assert event.time_in_force is TimeInForce.GTD
    assert event.client_order_id == "fooBar"


def test_a_waiting_trigger_order_has_no_filled_amount_and_no_number_for_a_price() -> None:
    (event,) = read_event("notification.user.orders.untriggered")
    assert isinstance(event, OrderUpdate)
    assert event.status is OrderStatus.UNTRIGGERED
    assert event.conditional
    assert event.price is None
    assert event.stop_price == Decimal("2950.25")
    assert event.filled_quantity == 0
    assert event.order_type is OrderType.STOP_MARKET
    assert event.reduce_only


def test_the_order_that_a_trigger_made_names_the_trigger_order() -> None:
    (event,) = read_event("notification.user.orders.triggered_child")
    assert isinstance(event, OrderUpdate)
    assert event.linked_order_id == "USDC-SLMB-19641"
    assert not event.conditional
    assert event.status is OrderStatus.FILLED


def test_a_cancelled_order_says_why() -> None:
    (event,) = read_event("notification.user.orders.cancelled")
    assert isinstance(event, OrderUpdate)
    assert event.status is OrderStatus.CANCELLED
    assert event.reason == "user_request"
    assert event.created_ms == 1767978363493
    assert event.time_ms == 1767978373490
    assert read_order(order_state="rejected", reject_reason="no").reason == "no"


@pytest.mark.parametrize(
    ("native", "status"),
    [
        ("open", OrderStatus.NEW),
        ("filled", OrderStatus.FILLED),
        ("rejected", OrderStatus.REJECTED),
        ("cancelled", OrderStatus.CANCELLED),
        ("untriggered", OrderStatus.UNTRIGGERED),
        ("triggered", OrderStatus.TRIGGERED),
        ("archive", OrderStatus.UNKNOWN),
        ("", OrderStatus.UNKNOWN),
    ],
)
def test_every_state_has_its_word_and_keeps_the_native_one(native: str, status: OrderStatus) -> None:
    event = read_order(order_state=native)
    assert (event.status, event.native_status) == (status, native)


@pytest.mark.parametrize(
    ("native", "order_type"),
    [
        ("market", OrderType.MARKET),
        ("limit", OrderType.LIMIT),
        ("stop_market", OrderType.STOP_MARKET),
        ("stop_limit", OrderType.STOP_LIMIT),
        ("take_market", OrderType.TAKE_PROFIT_MARKET),
        ("take_limit", OrderType.TAKE_PROFIT_LIMIT),
        ("trailing_stop", OrderType.TRAILING_STOP),
        ("liquidation", OrderType.LIQUIDATION),
        ("something_new", OrderType.UNKNOWN),
    ],
)
def test_every_type_has_its_word_and_keeps_the_native_one(native: str, order_type: OrderType) -> None:
    event = read_order(order_type=native)
    assert (event.order_type, event.native_type) == (order_type, native)


@pytest.mark.parametrize(
    ("native", "word"),
    [
        ("good_til_cancelled", TimeInForce.GTC),
        ("good_til_day", TimeInForce.GTD),
        ("fill_or_kill", TimeInForce.FOK),
        ("immediate_or_cancel", TimeInForce.IOC),
        ("forever", TimeInForce.UNKNOWN),
    ],
)
def test_every_time_in_force(native: str, word: TimeInForce) -> None:
    assert read_order(time_in_force=native).time_in_force is word


@pytest.mark.parametrize(
    ("instrument", "market"),
    [
        ("BTC-PERPETUAL", Market.FUTURES),
        ("ETH_USDC-PERPETUAL", Market.FUTURES),
        ("BTC-25SEP20", Market.FUTURES),
        ("BTCDVOL_USDC-28AUG24", Market.FUTURES),
        ("BTC-27MAY20-8750-C", Market.OPTIONS),
        ("XRP_USDC-27DEC24-2d1-P", Market.OPTIONS),
        ("BTC_USDC", Market.SPOT),
        ("BTC-FS-2SEP22_PERP", Market.COMBO),
        ("ETH-STRD-22JAN21-1800", Market.COMBO),
        ("BTC-CSR13-25MAR22-40000_50000", Market.COMBO),
        ("BTC", Market.UNKNOWN),
        ("", Market.UNKNOWN),
    ],
)
def test_the_market_is_in_the_instruments_name(instrument: str, market: Market) -> None:
    assert wire.market_of(instrument) is market


@pytest.mark.parametrize("name", ["price", "amount", "filled_amount", "average_price", "label", "direction"])
@pytest.mark.parametrize("value", [None, [], {"a": 1}, True, "odd", 10**30])
def test_an_odd_optional_field_never_loses_an_order(name: str, value: Any) -> None:
    assert read_order(**{name: value}).order_id == "46094375191"


def test_only_an_order_without_an_id_is_unknown() -> None:
    (event,) = wire.read("user.orders.any.any.raw", {"price": 1}, Receipt("main", 5, raw="{...}"))
    assert isinstance(event, Unknown)
    assert event.why == "the message has no order_id"
    assert event.native_kind == "user.orders.any.any.raw"
    assert event.raw == "{...}"


def test_an_edit_is_another_state_and_a_repeat_is_not() -> None:
    before = read_order()
    assert read_order().id == before.id
    assert read_order(amount=exact.decode("10.0")).id == before.id
    assert read_order(price=50001, last_update_timestamp=1655401625038).id != before.id
    assert read_order(last_update_timestamp=1655401625038).id != before.id


# --- trades -----------------------------------------------------------------------------------------------------------


def test_a_fill() -> None:
    (event,) = read_event("notification.user.trades.any.any.raw")
    assert event == Fill(
        exchange="deribit",
        account="main",
        id="fill:BTC-PERPETUAL:219381310",
        time_ms=1655421193564,
        received_ms=corpus.RECEIPT.received_ms,
        market=Market.FUTURES,
        symbol="BTC-PERPETUAL",
        order_id="46108941243",
        trade_id="219381310",
        side=Side.BUY,
        quantity=Decimal(10),
        price=Decimal("20236.5"),
        fee=Decimal("2.5e-7"),
        fee_asset="BTC",
        liquidity=Liquidity.TAKER,
        realized_pnl=Decimal(0),
    )


def test_several_fills_of_one_order_in_one_message() -> None:
    events = read_event("notification.user.trades.BTC-PERPETUAL.raw")
    assert [(event.trade_id, event.order_id) for event in events if isinstance(event, Fill)] == [
        ("48079254", "4008965646"),
        ("48079255", "4008965646"),
    ]


def test_a_makers_rebate_is_a_negative_fee() -> None:
    trade = dict(corpus.the("deribit", "notification.user.trades.any.any.raw")["params"]["data"][0])
    trade.update(fee=exact.decode("-2.5e-8"), liquidity="M", label="mine", profit_loss=None)
    (event,) = wire.read("user.trades.any.any.raw", [trade], corpus.RECEIPT)
    assert isinstance(event, Fill)
    assert event.fee == Decimal("-0.000000025")
    assert event.liquidity is Liquidity.MAKER
    assert event.client_order_id == "mine"
    assert event.realized_pnl is None


def test_an_unreadable_trade_costs_none_of_the_others() -> None:
    trades = list(corpus.the("deribit", "notification.user.trades.BTC-PERPETUAL.raw")["params"]["data"])
    trades[1:1] = [{"trade_id": "7"}, "nonsense"]
    events = wire.read("user.trades.any.any.raw", trades, corpus.RECEIPT)
    assert [type(event) for event in events] == [Fill, Unknown, Unknown, Fill]
    assert len({event.id for event in events}) == 4


def test_a_combo_is_told_with_its_legs() -> None:
    combo, first, second = read_event("notification.user.combo_trades.raw")
    assert isinstance(combo, Fill)
    assert isinstance(first, Fill)
    assert isinstance(second, Fill)
    assert (combo.id, combo.market, combo.fee) == ("fill:BTC-FS-2SEP22_PERP:1154", Market.COMBO, 0)
    assert (first.id, first.side, first.price) == ("fill:BTC-PERPETUAL:1156", Side.BUY, Decimal("20008.5"))
    assert (second.id, second.side, second.price) == ("fill:BTC-2SEP22:1155", Side.SELL, Decimal("21200.32"))


def test_a_leg_that_comes_by_user_trades_has_the_same_id() -> None:
    data = corpus.the("deribit", "notification.user.combo_trades.raw")["params"]["data"]
    legs = wire.read("user.trades.any.any.raw", data[0]["legs"], corpus.RECEIPT)
    assert legs == read_event("notification.user.combo_trades.raw")[1:]


def test_the_legs_of_an_unreadable_combo_are_told() -> None:
    data = corpus.the("deribit", "notification.user.combo_trades.raw")["params"]["data"]
    events = wire.read("user.combo_trades.any.BTC.raw", [dict(data[0], trade_id=None)], corpus.RECEIPT)
    assert [type(event) for event in events] == [Unknown, Fill, Fill]


# --- changes ----------------------------------------------------------------------------------------------------------


def test_a_change_tells_order_then_fill_then_position() -> None:
    order, fill, position = read_event("notification.user.changes.BTC-PERPETUAL.raw")
    assert isinstance(order, OrderUpdate)
    assert isinstance(fill, Fill)
    assert order.status is OrderStatus.FILLED
    assert (fill.order_id, fill.side, fill.realized_pnl) == (order.order_id, Side.SELL, Decimal("0.00004898"))
    assert position == PositionUpdate(
        exchange="deribit",
        account="main",
        id="position:BTC-PERPETUAL:185160:15000:0.012454598:1605780344032",
        time_ms=1605780344032,
        received_ms=corpus.RECEIPT.received_ms,
        market=Market.FUTURES,
        symbol="BTC-PERPETUAL",
        key="BTC-PERPETUAL",
        quantity=Decimal(185160),
        entry_price=Decimal(15000),
        mark_price=Decimal(17391),
        unrealized_pnl=Decimal("0.906961435"),
        realized_pnl=Decimal("0.012454598"),
        margin=Decimal("0.319750953"),
        leverage=Decimal(33),
    )


@pytest.mark.parametrize(
    ("direction", "size", "quantity"),
    [("buy", 5, 5), ("sell", 5, -5), ("sell", -5, -5), ("zero", 0, 0), ("sell", 0, 0), ("odd", -3, -3)],
)
def test_the_sign_of_a_position_is_its_direction(direction: str, size: int, quantity: int) -> None:
    row = {"instrument_name": "BTC-PERPETUAL", "direction": direction, "size": size}
    (event,) = wire.read("user.changes.any.any.raw", {"positions": [row]}, corpus.RECEIPT)
    assert isinstance(event, PositionUpdate)
    assert event.quantity == quantity
    assert event.time_ms == corpus.RECEIPT.received_ms


def test_a_position_keeps_every_digit() -> None:
    size = exact.decode("1234567890123456789012345678.90123456789")
    row = {"instrument_name": "ETH-PERPETUAL", "direction": "sell", "size": size}
    (event,) = wire.read("user.changes.any.any.raw", {"positions": [row]}, corpus.RECEIPT)
    assert isinstance(event, PositionUpdate)
    assert str(event.quantity) == "-1234567890123456789012345678.90123456789"


def test_a_change_in_an_odd_shape_is_read_as_far_as_it_goes() -> None:
    row = {"instrument_name": "BTC-PERPETUAL", "direction": "buy", "size": 1}
    data = {"orders": {"order_id": "1"}, "trades": "odd", "position": [row]}
    events = wire.read("user.changes.any.any.raw", data, corpus.RECEIPT)
    assert [type(event) for event in events] == [OrderUpdate, Unknown, PositionUpdate]


# --- balances ---------------------------------------------------------------------------------------------------------


def test_a_portfolio() -> None:
    (event,) = read_event("notification.user.portfolio.BTC")
    assert event == BalanceUpdate(
        exchange="deribit",
        account="main",
        id=f"balance:BTC:302.60065765:301.38036328::302.6188592:{corpus.RECEIPT.received_ms}",
        time_ms=corpus.RECEIPT.received_ms,
        received_ms=corpus.RECEIPT.received_ms,
        market=Market.ACCOUNT,
        asset="BTC",
        key="BTC",
        total=Decimal("302.60065765"),
        free=Decimal("301.38036328"),
        equity=Decimal("302.6188592"),
    )


def test_under_cross_margin_what_is_free_is_the_currencys_own() -> None:
    (event,) = read_event("notification.user.portfolio.any.cross_margin")
    assert isinstance(event, BalanceUpdate)
    assert event.free == Decimal("54.968257")
    assert event.locked == 0


def test_repeats_of_a_portfolio_are_recognised() -> None:
    data = {"currency": "btc", "balance": exact.decode("1.50"), "equity": 2}
    (one,) = wire.read("USER.PORTFOLIO.btc", data, Receipt("main", 1))
    (same,) = wire.read("user.portfolio.BTC", dict(data, balance=exact.decode("1.5")), Receipt("main", 2))
    (other,) = wire.read("user.portfolio.any", dict(data, equity=3), Receipt("main", 2))
    assert isinstance(one, BalanceUpdate)
    assert isinstance(same, BalanceUpdate)
    assert isinstance(other, BalanceUpdate)
    assert one.key == same.key == other.key == "BTC"
    assert wire.same_amounts(one, same)
    assert not wire.same_amounts(one, other)
    assert one.id != same.id


# --- whatever comes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channel", ["user.position_lock", "user.isolated.orders", "ticker.BTC-PERPETUAL.raw", "", "."])
def test_an_unmodelled_channel_is_told_whole(channel: str) -> None:
    (event,) = wire.read(channel, {"a": 1}, Receipt("main", 5, raw='{"a":1}'))
    assert isinstance(event, Unknown)
    assert (event.native_kind, event.raw) == (channel, '{"a":1}')


@pytest.mark.parametrize("data", [None, [], {}, "", 0, True, [None], [[]]])
@pytest.mark.parametrize("channel", [*wire.CHANNELS, "user.new"])
def test_an_empty_or_odd_message_is_unknown(channel: str, data: Any) -> None:
    assert [type(event) for event in wire.read(channel, data, corpus.RECEIPT)] == [Unknown]


def test_what_is_read_over_rest_is_marked_so() -> None:
    data = corpus.the("deribit", "notification.user.orders.any.any.raw")["params"]["data"]
    (event,) = wire.read("user.orders.any.any.raw", data, Receipt("main", 5, raw="{}", origin=Origin.RECOVERED))
    assert (event.origin, event.received_ms, event.raw) == (Origin.RECOVERED, 5, "{}")


NAMES = sorted({name for payload in PAYLOADS for row in strategies.objects(payload) for name in row})


@given(st.sampled_from([*wire.CHANNELS, "user.new", "x"]), strategies.json_values(NAMES))
def test_any_json_value_becomes_at_least_one_event(channel: str, data: Any) -> None:
    assert_sound(wire.read(channel, data, corpus.RECEIPT))


@given(strategies.mutated(PAYLOADS, NAMES))
def test_a_damaged_message_becomes_at_least_one_event(params: Any) -> None:
    channel = params.get("channel")
    assert_sound(wire.read(channel if isinstance(channel, str) else "", params.get("data"), corpus.RECEIPT))


def read_both_ways(payload: Any) -> tuple[list[Event] | None, list[Event]]:
    """By the decoders of the channels that tell most, None if they leave it alone; and from the decoded object."""
    text = exact.encode(payload)
    receipt, params = Receipt("main", 1_800_000_000_000, text), exact.decode(text)["params"]
    channel = params.get("channel")
    return wire.read_text(text, receipt), wire.read(
        channel if isinstance(channel, str) else "", params.get("data"), receipt
    )


@pytest.mark.parametrize("message", MESSAGES, ids=str)
def test_the_quick_way_tells_the_same(message: corpus.Recorded) -> None:
    """Whether a message is decoded into its shape or into a dictionary; and those of the great channels are."""
    quick, slow = read_both_ways(message.payload)
    assert quick in (None, slow)
    assert (quick is None) is (message.event not in QUICK)


@given(strategies.mutated([message.payload for message in MESSAGES if message.event in QUICK], NAMES))
@settings(max_examples=300)
def test_a_damaged_message_is_told_the_same_or_left_to_the_slow_way(message: Any) -> None:
    if isinstance(message.get("params"), dict):
        quick, slow = read_both_ways(message)
        assert quick in (None, slow)


def test_other_scripts_digits_are_no_amount_either_way() -> None:
    """``Decimal`` takes them, and an exchange that sends them means something else."""
    message = corpus.the("deribit", "notification.user.orders.any.any.raw")
    message["params"]["data"]["price"] = "١٢"
    quick, slow = read_both_ways(message)
    assert quick in (None, slow)
    assert all(event.price is None for event in slow if isinstance(event, OrderUpdate))


@pytest.mark.parametrize("change", [{"id": 5}, {"id": None, "method": "heartbeat"}, {"params": None}, {"method": 5}])
def test_what_is_no_notification_is_left_alone(change: dict[str, Any]) -> None:
    message = {**corpus.the("deribit", "notification.user.orders.any.any.raw"), **change}
    assert wire.read_text(exact.encode(message), corpus.RECEIPT) is None


def assert_sound(events: list[Event]) -> None:
    """At least one event, and all of them go through JSON and come back the same."""
    assert events
    for event in events:
        assert from_dict(json.loads(json.dumps(event.to_dict()))) == event
        assert event.time.tzinfo is not None


@given(st.decimals(min_value=-(10**25), max_value=10**25, places=20))
def test_an_amount_is_exactly_its_digits(amount: Decimal) -> None:
    assert read_order(price=exact.decode(str(amount))).price == amount
