"""Poloniex's pushes become the right events, and no message is ever lost or raises."""

from __future__ import annotations

import json
from decimal import Decimal
from fractions import Fraction
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
    Side,
    Unknown,
    from_dict,
)
from jexkit.exchanges.poloniex import wire
from tests.wire import corpus, strategies

GOLDEN = corpus.golden("poloniex")
MESSAGES = [
    message
    for message in corpus.recorded("poloniex")
    if isinstance(message.payload, dict) and isinstance(message.payload.get("data"), list)
    if "channel" in message.payload
]
PAYLOADS = [message.payload for message in MESSAGES]


def read(payload: Any) -> list[Event]:
    return wire.read(payload, corpus.RECEIPT)


def read_one(channel: str, event: str, **changes: Any) -> list[Event]:
    row = dict(corpus.the("poloniex", event)["data"][0], **changes)
    return wire.read({"channel": channel, "data": [row]}, corpus.RECEIPT)


def read_order(**changes: Any) -> OrderUpdate:
    (event,) = read_one("orders", "orders.place", **changes)
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


def test_a_placed_order() -> None:
    (event,) = wire.read(corpus.the("poloniex", "orders.place", 1), corpus.RECEIPT)
    assert event == OrderUpdate(
        exchange="poloniex",
        account="main",
        id="order:32471407854219264:NEW:0:47112.1:1",
        time_ms=1648708187469,
        received_ms=corpus.RECEIPT.received_ms,
        market=Market.SPOT,
        symbol="BTC_USDT",
        order_id="32471407854219264",
        key="32471407854219264",
        side=Side.BUY,
        status=OrderStatus.NEW,
        native_status="NEW",
        order_type=OrderType.LIMIT,
        native_type="LIMIT",
        execution="place",
        price=Decimal("47112.1"),
        quantity=Decimal(1),
        filled_quantity=Decimal(0),
        filled_quote=Decimal(0),
        created_ms=1648708186922,
    )


def test_match_role_may_be_absent() -> None:
    (event,) = wire.read(corpus.the("poloniex", "orders.place.no_matchRole"), corpus.RECEIPT)
    assert isinstance(event, OrderUpdate)
    assert (event.symbol, event.client_order_id, event.quantity) == ("LINK_USDC", "4436176", 10)


def test_a_trade_is_the_order_and_then_the_fill() -> None:
    order, fill = wire.read(corpus.the("poloniex", "orders.trade"), corpus.RECEIPT)
    assert isinstance(order, OrderUpdate)
    assert (order.status, order.order_type, order.price) == (OrderStatus.FILLED, OrderType.MARKET, None)
    assert (order.filled_quantity, order.filled_quote) == (Decimal(3), Decimal("1.13082"))
    assert fill == Fill(
        exchange="poloniex",
        account="main",
        id="fill:ADA_USDT:62036513",
        time_ms=1685371921908,
        received_ms=corpus.RECEIPT.received_ms,
        market=Market.SPOT,
        symbol="ADA_USDT",
        order_id="186250258089635840",
        trade_id="62036513",
        side=Side.SELL,
        quantity=Decimal(3),
        price=Decimal("0.37694"),
        quote_quantity=Decimal("1.13082"),
        fee=Decimal("0.00226164"),
        fee_asset="USDT",
        liquidity=Liquidity.TAKER,
    )


def test_a_fill_has_its_own_quantity_not_the_orders_sum() -> None:
    changes = {
        "state": "PARTIALLY_FILLED",
        "quantity": "9",
        "filledQuantity": "5",
        "tradeQty": "2",
        "matchRole": "MAKER",
    }
    order, fill = read_one("orders", "orders.trade", **changes)
    assert isinstance(order, OrderUpdate)
    assert isinstance(fill, Fill)
    assert (order.status, order.filled_quantity) == (OrderStatus.PARTIALLY_FILLED, 5)
    assert (fill.quantity, fill.liquidity) == (2, Liquidity.MAKER)


def test_two_trades_in_one_push() -> None:
    row = corpus.the("poloniex", "orders.trade")["data"][0]
    rows = [dict(row, tradeId="1", filledQuantity="1", state="PARTIALLY_FILLED"), dict(row, tradeId="2")]
    events = wire.read({"channel": "orders", "data": rows}, corpus.RECEIPT)
    assert [type(event) for event in events] == [OrderUpdate, Fill, OrderUpdate, Fill]


@pytest.mark.parametrize("trade_id", ["0", "", None, [], 0])
def test_a_trade_whose_id_is_missing_is_told_as_far_as_it_goes(trade_id: Any) -> None:
    order, rest = read_one("orders", "orders.trade", tradeId=trade_id)
    assert isinstance(order, OrderUpdate)
    assert isinstance(rest, Unknown)


def test_a_trade_whose_quantity_is_unreadable_is_told_as_far_as_it_goes() -> None:
    order, rest = read_one("orders", "orders.trade", tradeQty="much")
    assert isinstance(order, OrderUpdate)
    assert isinstance(rest, Unknown)
    assert "tradeQty" in rest.why


def test_no_fill_comes_of_what_is_no_trade() -> None:
    for event in ("place", "canceled"):
        assert [type(found) for found in read_one("orders", "orders.trade", eventType=event)] == [OrderUpdate]


def test_a_trade_under_a_new_word_is_still_a_fill() -> None:
    found = read_one("orders", "orders.trade", eventType="liquidation_trade")
    assert [type(event) for event in found] == [OrderUpdate, Fill]


@pytest.mark.parametrize(
    ("native", "status", "final"),
    [
        ("NEW", OrderStatus.NEW, False),
        ("PARTIALLY_FILLED", OrderStatus.PARTIALLY_FILLED, False),
        ("FILLED", OrderStatus.FILLED, True),
        ("PENDING_CANCEL", OrderStatus.PENDING_CANCEL, False),
        ("PARTIALLY_CANCELED", OrderStatus.CANCELLED, True),
        ("CANCELED", OrderStatus.CANCELLED, True),
        ("REJECTED", OrderStatus.REJECTED, True),
        ("EXPIRED", OrderStatus.EXPIRED, True),
        ("FAILED", OrderStatus.REJECTED, True),
        ("SOMETHING_NEW", OrderStatus.UNKNOWN, False),
    ],
)
def test_every_state(native: str, status: OrderStatus, *, final: bool) -> None:
    event = read_order(state=native)
    assert (event.status, event.native_status, event.status.is_final) == (status, native, final)


@pytest.mark.parametrize(
    ("native", "order_type"),
    [
        ("MARKET", OrderType.MARKET),
        ("LIMIT", OrderType.LIMIT),
        ("LIMIT_MAKER", OrderType.POST_ONLY),
        ("STOP_LOSS_LIMIT", OrderType.STOP_LIMIT),
        ("TAKE_PROFIT_LIMIT", OrderType.TAKE_PROFIT_LIMIT),
        ("SMARTER", OrderType.UNKNOWN),
    ],
)
def test_every_type(native: str, order_type: OrderType) -> None:
    event = read_order(type=native)
    assert (event.order_type, event.native_type) == (order_type, native)


@pytest.mark.parametrize("source", ["WEB", "APP", "API", "SMART", "UNKNOWN", "NEWER", None])
@pytest.mark.parametrize("role", ["MAKER", "TAKER", "BOTH", None])
def test_every_source_and_role(source: str | None, role: str | None) -> None:
    assert read_order(source=source, matchRole=role).order_id == "32471407854219264"


def test_a_market_buy_has_an_amount_in_the_quote_currency() -> None:
    event = read_order(type="MARKET", price="0", quantity="0", orderAmount="25.50")
    assert (event.price, event.quantity, event.quote_quantity) == (None, None, Decimal("25.50"))


def test_a_cancelled_order() -> None:
    (event,) = wire.read(corpus.the("poloniex", "orders.canceled"), corpus.RECEIPT)
    assert isinstance(event, OrderUpdate)
    assert (event.status, event.execution, event.time_ms) == (OrderStatus.CANCELLED, "canceled", 1648708199000)


def test_an_order_id_may_be_a_number() -> None:
    assert read_order(orderId=205343650954092544).order_id == "205343650954092544"


@pytest.mark.parametrize("name", ["price", "quantity", "filledQuantity", "ts", "createTime", "side", "accountType"])
@pytest.mark.parametrize("value", [None, [], {"a": 1}, True, "odd", -1])
def test_an_odd_optional_field_never_loses_an_order(name: str, value: Any) -> None:
    assert read_order(**{name: value}).order_id == "32471407854219264"


def test_only_an_order_without_an_id_is_unknown() -> None:
    message = {"channel": "orders", "data": [{"symbol": "BTC_USDT"}, {"orderId": "1"}]}
    unknown, order = wire.read(message, Receipt("main", 5, raw="..."))
    assert isinstance(unknown, Unknown)
    assert (unknown.native_kind, unknown.raw) == ("orders", "...")
    assert isinstance(order, OrderUpdate)


# --- balances ---------------------------------------------------------------------------------------------------------


def test_a_balance() -> None:
    (event,) = wire.read(corpus.the("poloniex", "balances.place_order", 1), corpus.RECEIPT)
    assert event == BalanceUpdate(
        exchange="poloniex",
        account="main",
        id="balance:BTC:60018450912695040",
        time_ms=1657312008411,
        received_ms=corpus.RECEIPT.received_ms,
        market=Market.SPOT,
        asset="BTC",
        key="BTC",
        total=Decimal("10000000000.000"),
        free=Decimal("9999999983.668"),
        locked=Decimal("16.332"),
        reason="place_order",
    )


@pytest.mark.parametrize(
    "word",
    ["place_order", "canceled_order", "match_order", "transfer_in", "transfer_out", "deposit", "withdraw", "airdrop"],
)
def test_every_reason(word: str) -> None:
    (event,) = read_one("balances", "balances.place_order", eventType=word)
    assert isinstance(event, BalanceUpdate)
    assert event.reason == word


def test_updates_of_one_moment_leave_by_their_ids() -> None:
    row = corpus.the("poloniex", "balances.place_order")["data"][0]
    ids = [60018450912695042, 60018450912695041, 60018450912695040]
    message = {"channel": "balances", "data": [dict(row, id=number) for number in ids]}
    told = [event.id for event in wire.read(message, corpus.RECEIPT)]
    assert told == [f"balance:BTC:{number}" for number in sorted(ids)]


def test_a_balance_without_its_id_is_told() -> None:
    (event,) = read_one("balances", "balances.place_order", id=None, hold=None)
    assert isinstance(event, BalanceUpdate)
    assert event.id == "balance:BTC:9999999983.668::1657312008411"
    assert (event.total, event.locked) == (None, None)


def test_a_balance_of_another_account_has_a_key_of_its_own() -> None:
    (event,) = read_one("balances", "balances.place_order", accountType="FUTURES")
    assert isinstance(event, BalanceUpdate)
    assert (event.key, event.market) == ("FUTURES:BTC", Market.UNKNOWN)


def test_a_balance_without_a_currency_is_unknown() -> None:
    assert [type(event) for event in read_one("balances", "balances.place_order", currency=None)] == [Unknown]


# --- whatever comes ---------------------------------------------------------------------------------------------------


def test_an_unmodelled_channel_is_told_whole() -> None:
    (event,) = wire.read(corpus.the("poloniex", "exchange.state"), Receipt("main", 5, raw="{...}"))
    assert isinstance(event, Unknown)
    assert (event.native_kind, event.raw) == ("exchange", "{...}")


@pytest.mark.parametrize("data", [None, [], {}, "", 0, True, [None], [[]]])
@pytest.mark.parametrize("channel", [*wire.CHANNELS, "new", "", None, 5])
def test_an_empty_or_odd_push_is_unknown(channel: Any, data: Any) -> None:
    events = wire.read({"channel": channel, "data": data}, corpus.RECEIPT)
    assert [type(event) for event in events] == [Unknown]


NAMES = sorted({name for payload in PAYLOADS for row in strategies.objects(payload) for name in row})


@given(strategies.json_values(NAMES))
def test_any_json_value_becomes_at_least_one_event(message: Any) -> None:
    assert_sound(wire.read(message, corpus.RECEIPT))


@given(st.sampled_from(sorted(wire.CHANNELS)), strategies.json_values(NAMES))
def test_any_data_becomes_at_least_one_event(channel: str, data: Any) -> None:
    assert_sound(wire.read({"channel": channel, "data": data}, corpus.RECEIPT))


def read_both_ways(payload: Any) -> tuple[list[Event] | None, list[Event]]:
    """By the decoder of the spot account's pushes, None if it leaves this one alone; and from the decoded object."""
    text = exact.encode(payload)
    receipt = Receipt("main", 1_800_000_000_000, text)
    return wire.read_text(text, receipt), wire.read(exact.decode(text), receipt)


@pytest.mark.parametrize("message", MESSAGES, ids=str)
def test_the_quick_way_tells_the_same(message: corpus.Recorded) -> None:
    """Whether a push is decoded into its shape or into a dictionary; and those of the spot account are."""
    quick, slow = read_both_ways(message.payload)
    assert quick == (slow if message.event.startswith(("orders.", "balances.")) else None)


@given(strategies.mutated([m.payload for m in MESSAGES if m.event.startswith(("orders.", "balances."))], NAMES))
@settings(max_examples=300)
def test_a_damaged_message_is_told_the_same_or_left_to_the_slow_way(message: Any) -> None:
    quick, slow = read_both_ways(message)
    assert quick in (None, slow)


@pytest.mark.parametrize(
    "message",
    [
        {"channel": "orders", "event": "subscribe", "symbols": ["all"]},
        {"channel": "balances", "event": "unsubscribe", "data": []},
        {"event": "pong"},
        {"channel": "auth", "data": {"success": True}},
        {"channel": "orders", "data": []},
    ],
)
def test_what_is_no_push_is_left_to_the_machine(message: Any) -> None:
    assert wire.read_text(exact.encode(message), corpus.RECEIPT) is None


@given(strategies.mutated(PAYLOADS, NAMES))
def test_a_damaged_message_becomes_at_least_one_event(message: Any) -> None:
    assert_sound(wire.read(message, corpus.RECEIPT))


def assert_sound(events: list[Event]) -> None:
    """At least one event, and all of them go through JSON and come back the same."""
    assert events
    for event in events:
        assert from_dict(json.loads(json.dumps(event.to_dict()))) == event
        assert event.time.tzinfo is not None


@given(st.decimals(min_value=0, max_value=10**25, places=20))
def test_an_amount_is_exactly_its_digits(amount: Decimal) -> None:
    (event,) = read_one("balances", "balances.place_order", available=str(amount), hold="0.1")
    assert isinstance(event, BalanceUpdate)
    assert event.free == amount
    assert event.total is not None
    assert Fraction(event.total) == Fraction(amount) + Fraction("0.1")
