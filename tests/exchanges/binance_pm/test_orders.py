"""Orders and fills are told once each, in the words of jexkit, with one id wherever they come from."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from jexkit.core.reading import Reading
from jexkit.events import (
    Fill,
    Liquidity,
    Market,
    OrderStatus,
    OrderType,
    OrderUpdate,
    PositionSide,
    Side,
    TimeInForce,
    Unknown,
)
from jexkit.exchanges.binance_pm import names, orders
from tests.exchanges.binance_pm.samples import PAYLOADS, one, order_with, read, recorded
from tests.wire import corpus


def test_a_placed_order() -> None:
    (event,) = read(recorded("ORDER_TRADE_UPDATE", 1))
    assert event == OrderUpdate(
        exchange="binance_pm",
        account="main",
        id="order:UM:WLDUSDT:8911717079:NEW:0:2.0623:10:1727321322389",
        time_ms=1727321322389,
        received_ms=1_800_000_000_000,
        market=Market.USD_FUTURES,
        symbol="WLDUSDT",
        order_id="8911717079",
        key="UM:WLDUSDT:8911717079",
        side=Side.SELL,
        status=OrderStatus.NEW,
        native_status="NEW",
        order_type=OrderType.LIMIT,
        native_type="LIMIT",
        execution="NEW",
        client_order_id="c-11WLU7VP2rj4ss0i",
        time_in_force=TimeInForce.GTC,
        price=Decimal("2.0623000"),
        quantity=Decimal(10),
        filled_quantity=Decimal(0),
        average_price=Decimal(0),
    )


def test_a_maker_fill_comes_after_its_order() -> None:
    update, fill = read(recorded("ORDER_TRADE_UPDATE", 2))
    assert isinstance(update, OrderUpdate)
    assert (update.status, update.filled_quantity) == (OrderStatus.FILLED, Decimal(10))
    assert fill == Fill(
        exchange="binance_pm",
        account="main",
        id="fill:UM:WLDUSDT:648980369",
        time_ms=1727321324094,
        received_ms=1_800_000_000_000,
        market=Market.USD_FUTURES,
        symbol="WLDUSDT",
        order_id="8911717079",
        trade_id="648980369",
        side=Side.SELL,
        quantity=Decimal(10),
        price=Decimal("2.0623000"),
        client_order_id="c-11WLU7VP2rj4ss0i",
        fee=Decimal(0),
        fee_asset="USDT",
        liquidity=Liquidity.MAKER,
        realized_pnl=Decimal(0),
    )


def test_a_taker_pays_its_fee_in_another_asset() -> None:
    fill = one(Fill, read(recorded("ORDER_TRADE_UPDATE", 6)))
    assert (fill.fee, fill.fee_asset, fill.liquidity) == (Decimal("0.00001440"), "BNB", Liquidity.TAKER)


def test_new_and_trade_of_a_market_order_share_their_times_and_not_their_ids() -> None:
    new, traded = recorded("ORDER_TRADE_UPDATE", 5), recorded("ORDER_TRADE_UPDATE", 6)
    assert (new["T"], new["E"]) == (traded["T"], traded["E"])
    ids = [event.id for event in read(new) + read(traded)]
    assert len(set(ids)) == len(ids) == 3


def test_an_amendment_is_a_new_state_of_the_same_order() -> None:
    (placed,) = read(recorded("combined-envelope"))
    amended = one(OrderUpdate, read(order_with("AMENDMENT")))
    assert isinstance(placed, OrderUpdate)
    assert placed.key == amended.key == "UM:BTCUSDT:270905906796"
    assert placed.id != amended.id
    assert (amended.price, amended.status, amended.execution) == (Decimal(31990), OrderStatus.NEW, "AMENDMENT")


def test_a_liquidation_is_a_fill() -> None:
    events = read(order_with("CALCULATED"))
    assert one(OrderUpdate, events).order_type is OrderType.LIQUIDATION
    fill = one(Fill, events)
    assert (fill.trade_id, fill.price, fill.realized_pnl) == ("5000000001", Decimal("50010.1"), Decimal("-5.67"))


def test_a_trade_under_an_unheard_of_word_is_a_fill_too() -> None:
    assert one(Fill, read(recorded("ORDER_TRADE_UPDATE", 2, x="MATCHED"))).trade_id == "648980369"


def test_a_trade_without_an_id_is_told_as_unknown_beside_its_order() -> None:
    update, unknown = read(recorded("ORDER_TRADE_UPDATE", 2, t=0))
    assert isinstance(update, OrderUpdate)
    assert isinstance(unknown, Unknown)
    assert "trade id" in unknown.why


@pytest.mark.parametrize("quantity", [None, "much", "", [], True])
def test_a_trade_whose_quantity_cannot_be_read_is_told_as_unknown_beside_its_order(quantity: Any) -> None:
    """A fill does not go missing in silence; what was no trade is none for that."""
    update, unknown = read(recorded("ORDER_TRADE_UPDATE", 2, l=quantity))
    assert isinstance(update, OrderUpdate)
    assert isinstance(unknown, Unknown)
    assert "quantity" in unknown.why
    (placed,) = read(recorded("ORDER_TRADE_UPDATE", 1, l=quantity))
    assert isinstance(placed, OrderUpdate)


def test_a_coin_margined_order_is_another_order_than_one_of_the_same_number() -> None:
    message = next(m for m in PAYLOADS if m.get("fs") == "CM" and "o" in m)
    update = one(OrderUpdate, read(message))
    assert (update.market, update.key) == (Market.COIN_FUTURES, "CM:BTCUSD_PERP:124512345678")
    fill = one(Fill, read(message))
    assert (fill.id, fill.fee, fill.fee_asset) == ("fill:CM:BTCUSD_PERP:900000001", Decimal("0.00000039"), "BTC")


@pytest.mark.parametrize(
    ("native", "status"),
    [
        ("NEW", OrderStatus.NEW),
        ("PARTIALLY_FILLED", OrderStatus.PARTIALLY_FILLED),
        ("FILLED", OrderStatus.FILLED),
        ("CANCELED", OrderStatus.CANCELLED),
        ("REJECTED", OrderStatus.REJECTED),
        ("EXPIRED", OrderStatus.EXPIRED),
        ("EXPIRED_IN_MATCH", OrderStatus.EXPIRED),
        ("NEW_ADL", OrderStatus.NEW),
        ("NEW_INSURANCE", OrderStatus.NEW),
        ("EATEN", OrderStatus.UNKNOWN),
    ],
)
def test_statuses(native: str, status: OrderStatus) -> None:
    update = one(OrderUpdate, read(recorded("ORDER_TRADE_UPDATE", 1, X=native)))
    assert (update.status, update.native_status) == (status, native)


@pytest.mark.parametrize(
    ("native", "order_type"),
    [
        ("MARKET", OrderType.MARKET),
        ("STOP", OrderType.STOP_LIMIT),
        ("STOP_MARKET", OrderType.STOP_MARKET),
        ("TAKE_PROFIT", OrderType.TAKE_PROFIT_LIMIT),
        ("TAKE_PROFIT_MARKET", OrderType.TAKE_PROFIT_MARKET),
        ("TRAILING_STOP_MARKET", OrderType.TRAILING_STOP),
        ("SOMETHING", OrderType.UNKNOWN),
    ],
)
def test_types_of_futures_orders(native: str, order_type: OrderType) -> None:
    update = one(OrderUpdate, read(recorded("ORDER_TRADE_UPDATE", 1, o=native)))
    assert (update.order_type, update.native_type) == (order_type, native)


def test_post_only_hedge_mode_and_reduce_only() -> None:
    update = one(OrderUpdate, read(recorded("ORDER_TRADE_UPDATE", 1, f="GTX", ps="SHORT", R=True)))
    assert update.time_in_force is TimeInForce.POST_ONLY
    assert update.position_side is PositionSide.SHORT
    assert update.reduce_only


def test_two_margin_fills_of_one_match_differ_by_their_trade_ids_only() -> None:
    reports = [m for m in PAYLOADS if m.get("e") == "executionReport" and m["i"] == 1454455423]
    events = [event for report in reports for event in read(report)]
    assert [type(event).__name__ for event in events] == [
        "OrderUpdate",
        "OrderUpdate",
        "Fill",
        "OrderUpdate",
        "Fill",
    ]
    assert len({event.id for event in events}) == 5
    fills = [event for event in events if isinstance(event, Fill)]
    assert [fill.id for fill in fills] == ["fill:MARGIN:WLDUSDT:107694836", "fill:MARGIN:WLDUSDT:107694837"]
    assert [fill.quantity for fill in fills] == [Decimal("0.70000000"), Decimal("9.30000000")]
    assert [fill.quote_quantity for fill in fills] == [Decimal("1.44340000"), Decimal("19.17660000")]
    assert [fill.fee for fill in fills] == [Decimal("0.00000050"), Decimal("0.00000674")]
    assert {fill.market for fill in fills} == {Market.MARGIN}


def test_a_cancelled_margin_order_keeps_its_own_client_id() -> None:
    cancel = next(m for m in PAYLOADS if m.get("e") == "executionReport" and m["x"] == "CANCELED")
    assert (cancel["c"], cancel["C"]) == ("cancel-77", "mg-0001")
    update = one(OrderUpdate, read(cancel))
    assert (update.client_order_id, update.status) == ("mg-0001", OrderStatus.CANCELLED)
    assert update.created_ms == 1727353990000
    (update,) = read({**cancel, "C": ""})
    assert isinstance(update, OrderUpdate)
    assert update.client_order_id == "cancel-77"


def test_take_profit_is_a_market_order_on_margin() -> None:
    update = one(OrderUpdate, read(recorded("executionReport", 0, o="TAKE_PROFIT", P="1.5")))
    assert (update.order_type, update.stop_price) == (OrderType.TAKE_PROFIT_MARKET, Decimal("1.5"))


def test_reasons_of_refusal_and_expiry() -> None:
    assert one(OrderUpdate, read(recorded("executionReport", 0, r="NONE"))).reason == ""
    assert one(OrderUpdate, read(recorded("executionReport", 0, r="UNKNOWN_ORDER"))).reason == "UNKNOWN_ORDER"
    assert one(OrderUpdate, read(recorded("executionReport", 0, r="NONE", eR="2"))).reason == "2"


def test_a_conditional_order_waits_and_ignores_its_stop_price_where_it_trails() -> None:
    update = one(OrderUpdate, read(recorded("CONDITIONAL_ORDER_TRADE_UPDATE")))
    assert (update.status, update.conditional) == (OrderStatus.UNTRIGGERED, True)
    assert (update.order_type, update.stop_price) == (OrderType.TRAILING_STOP, None)
    assert update.key == "UM:conditional:BTCUSDT:176057039"
    assert (update.created_ms, update.time_ms) == (1568879465650, 1669262908216)
    assert update.linked_order_id == ""  # the document shows an id that means nothing yet


def test_a_triggered_conditional_order_names_the_order_that_it_became() -> None:
    update = one(OrderUpdate, read(recorded("CONDITIONAL_ORDER_TRADE_UPDATE", 1)))
    assert (update.status, update.linked_order_id) == (OrderStatus.TRIGGERED, "8886774")
    assert update.stop_price == Decimal("51000.5")
    finished = one(OrderUpdate, read(recorded("CONDITIONAL_ORDER_TRADE_UPDATE", 1, os="FINISHED")))
    assert finished.status is OrderStatus.FILLED


def test_the_life_of_an_algo_order() -> None:
    life = [m for m in PAYLOADS if m.get("e") == "ALGO_UPDATE" and m["ao"]["aid"] == 1000000033225453]
    updates = [one(OrderUpdate, read(message)) for message in life]
    assert [update.status for update in updates] == [
        OrderStatus.UNTRIGGERED,
        OrderStatus.TRIGGERED,
        OrderStatus.TRIGGERED,
        OrderStatus.FILLED,
    ]
    assert {update.key for update in updates} == {"UM:algo:1000000033225453"}
    assert len({update.id for update in updates}) == 4
    assert [update.linked_order_id for update in updates] == ["", "", "88937381063", "88937381063"]
    assert (updates[-1].filled_quantity, updates[-1].average_price) == (Decimal(38), Decimal("0.13856"))
    assert updates[0].stop_price == Decimal("0.13855")


@pytest.mark.parametrize(
    ("executed", "quantity", "status"),
    [
        ("38", "38", OrderStatus.FILLED),
        ("12", "38", OrderStatus.CANCELLED),
        ("0", "38", OrderStatus.CANCELLED),
        ("12", "0", OrderStatus.FILLED),  # closes a position and has no quantity of its own
        ("0", "0", OrderStatus.CANCELLED),
    ],
)
def test_a_finished_algo_order_was_filled_if_all_of_it_was(executed: str, quantity: str, status: OrderStatus) -> None:
    finished = one(OrderUpdate, read(recorded("ALGO_UPDATE", -1, aq=executed, q=quantity)))
    assert (finished.status, finished.native_status) == (status, "FINISHED")


def test_a_trailing_order_is_new_twice() -> None:
    before, after = (one(OrderUpdate, read(recorded("ALGO_UPDATE", nth))) for nth in (1, 2))
    assert before.status is after.status is OrderStatus.UNTRIGGERED
    same_moment = recorded("ALGO_UPDATE", 2)
    same_moment["T"] = before.time_ms
    assert one(OrderUpdate, read(same_moment)).id != before.id


def test_an_algo_order_under_the_usd_m_name_is_read_as_well() -> None:
    message = recorded("ALGO_UPDATE")
    other = {("o" if name == "ao" else name): value for name, value in message.items()}
    assert read(other) == read(message)
    assert one(OrderUpdate, read(message)).reason == "Reduce Only reject"


def test_an_order_has_one_id_from_stream_and_rest() -> None:
    streamed = one(OrderUpdate, read(recorded("ORDER_TRADE_UPDATE", 1)))
    row = {
        "symbol": "WLDUSDT", "orderId": 8911717079, "clientOrderId": "c-11WLU7VP2rj4ss0i", "status": "NEW",
        "origQty": "10.0", "executedQty": "0.00", "price": "2.06230", "avgPrice": "0.00000", "side": "SELL",
        "type": "LIMIT", "timeInForce": "GTC", "positionSide": "BOTH", "updateTime": 1727321322389,
    }  # fmt: skip
    answered = orders.order(row, names.REST_FUTURES_ORDER, "UM", Reading("binance_pm", "GET", corpus.RECEIPT))
    assert (answered.id, answered.key, answered.status) == (streamed.id, streamed.key, streamed.status)


def test_a_fill_has_one_id_from_stream_and_rest() -> None:
    streamed = one(Fill, read(recorded("ORDER_TRADE_UPDATE", 2)))
    row = {"symbol": "WLDUSDT", "id": 648980369, "orderId": 8911717079, "side": "SELL", "price": "2.0623", "qty": "10"}
    answered = orders.fill(row, names.REST_UM_TRADE, "UM", Reading("binance_pm", "GET", corpus.RECEIPT))
    assert answered.id == streamed.id
