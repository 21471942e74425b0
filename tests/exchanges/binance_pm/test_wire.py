"""Binance Portfolio Margin's messages become the right events, and no message is ever lost or raises."""

from __future__ import annotations

import copy
import decimal
import json
from collections import Counter
from decimal import Decimal
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jexkit.core import exact
from jexkit.core.reading import Reading
from jexkit.core.values import Receipt
from jexkit.events import (
    AccountNotice,
    BalanceUpdate,
    Event,
    Fill,
    Liquidity,
    Market,
    NoticeKind,
    OrderStatus,
    OrderType,
    OrderUpdate,
    PositionSide,
    PositionUpdate,
    Side,
    TimeInForce,
    Unknown,
    from_dict,
)
from jexkit.exchanges.binance_pm import names, wire
from tests.wire import corpus, strategies

MESSAGES = [message for message in corpus.recorded("binance_pm") if not message.event.startswith("REST")]
GOLDEN = corpus.golden("binance_pm")
PAYLOADS = [message.payload for message in MESSAGES]
NAMES = sorted({name for inner in strategies.objects(PAYLOADS) for name in inner} | {"listenKey", "stream", "data"})
QUICK = {"ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE", "executionReport", "outboundAccountPosition"}
KEY = "pqia91ma19a5s61cv6a81va65sdf19v8a65a1a5s61cv6a81va65sdf19v8a65a1"

E = TypeVar("E", bound=Event)


def read(payload: Any) -> list[Event]:
    return wire.read(payload, corpus.RECEIPT)


def read_raw(payload: Any) -> list[Event]:
    """As it comes from the network, with the text of the message."""
    text = exact.encode(payload)
    return wire.read(exact.decode(text), Receipt("main", 1_800_000_000_000, text))


def one(kind: type[E], events: list[Event]) -> E:
    """The only event of that kind."""
    (event,) = [event for event in events if isinstance(event, kind)]
    return event


def recorded(event: str, nth: int = 0, **changes: Any) -> Any:
    """A recorded message, with changes inside its order, if it has one."""
    message = copy.deepcopy(corpus.the("binance_pm", event, nth))
    inner = next((message[name] for name in ("o", "so", "ao") if isinstance(message.get(name), dict)), message)
    inner.update(changes)
    return message


def order_with(execution: str) -> Any:
    """The first message of UM or CM in which that happened to an order."""
    return next(m for m in PAYLOADS if m.get("e") == "ORDER_TRADE_UPDATE" and m["o"]["x"] == execution)


def account_at(time_ms: int) -> Any:
    return copy.deepcopy(next(m for m in PAYLOADS if m.get("e") == "ACCOUNT_UPDATE" and m["T"] == time_ms))


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


# --- orders and fills of UM and CM ------------------------------------------------------------------------------------


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


# --- margin -----------------------------------------------------------------------------------------------------------


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


def test_margin_balances() -> None:
    bnb, usdt, wld = read(next(m for m in PAYLOADS if m.get("U") == 1495305193480))
    assert isinstance(usdt, BalanceUpdate)
    assert (usdt.key, usdt.market) == ("MARGIN:USDT", Market.MARGIN)
    assert (usdt.free, usdt.locked, usdt.total) == (Decimal("7227.52979396"), Decimal(0), Decimal("7227.52979396"))
    assert usdt.id == "balance:MARGIN:USDT:1495305193480:7227.52979396:0"
    assert [event.asset for event in (bnb, wld) if isinstance(event, BalanceUpdate)] == ["BNB", "WLD"]


def test_a_balance_update_is_a_difference_and_no_amount() -> None:
    balance = one(BalanceUpdate, read(recorded("balanceUpdate", 1)))
    assert (balance.change, balance.total, balance.free) == (Decimal("-0.01000000"), None, None)
    assert balance.id == "change:MARGIN:BNB:1495297874797:-0.01"


# --- balances and positions of UM and CM ------------------------------------------------------------------------------


def test_an_account_update_tells_balances_then_positions() -> None:
    usdt, bnb, position = read(account_at(1727350724672))
    assert isinstance(usdt, BalanceUpdate)
    assert (usdt.key, usdt.total, usdt.reason) == ("UM:USDT", Decimal("0.06372951"), "ORDER")
    assert usdt.change is None  # "0" leaves out what the trade itself changed
    assert isinstance(bnb, BalanceUpdate)
    assert isinstance(position, PositionUpdate)
    assert (position.key, position.quantity) == ("UM:BNBUSDT:BOTH", Decimal("-0.08"))
    assert position.break_even_price == Decimal("596.0726876")  # a JSON number
    assert (position.entry_price, position.unrealized_pnl) == (Decimal("596.18000000"), Decimal("-0.00000080"))


def test_a_transfer_says_by_how_much() -> None:
    (balance,) = read(account_at(1727320813983))
    assert isinstance(balance, BalanceUpdate)
    assert (balance.change, balance.total, balance.reason) == (Decimal("0.01000000"), Decimal("0.01000000"), "DEPOSIT")


def test_hedge_mode_has_two_positions_of_one_symbol() -> None:
    positions = [e for e in read(recorded("ACCOUNT_UPDATE")) if isinstance(e, PositionUpdate)]
    assert [position.key for position in positions] == ["UM:BTCUSDT:BOTH", "UM:BTCUSDT:LONG"]
    assert positions[1].side is PositionSide.LONG


def test_several_fills_of_one_match_give_states_with_ids_of_their_own() -> None:
    """Their T, E, reason and symbol are equal; only the values differ."""
    first, second = account_at(1727350724672), account_at(1727350724672)
    second["a"]["P"][0]["pa"] = "-0.16"
    second["a"]["B"][0]["wb"] = "0.07"
    ids = [event.id for event in read(first) + read(second)]
    assert len(set(ids)) == 5  # six events, of which the BNB balance is the same state twice


def test_an_unreadable_row_costs_none_of_the_others() -> None:
    message = recorded("ACCOUNT_UPDATE")
    message["a"]["B"][0]["wb"] = ["?"]
    message["a"]["P"][0] = 7
    kinds = [type(event).__name__ for event in read(message)]
    assert kinds == ["Unknown", "BalanceUpdate", "Unknown", "PositionUpdate"]


def test_a_coin_margined_position_can_be_short() -> None:
    position = one(PositionUpdate, read(recorded("ACCOUNT_UPDATE", -1)))
    assert (position.market, position.quantity) == (Market.COIN_FUTURES, Decimal(-1))
    assert position.break_even_price == Decimal("51090.31602036")


# --- conditional and algo orders --------------------------------------------------------------------------------------


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


# --- notices ----------------------------------------------------------------------------------------------------------


def test_leverage() -> None:
    notice = one(AccountNotice, read(recorded("ACCOUNT_CONFIG_UPDATE")))
    assert (notice.kind, notice.symbol, notice.value) == (NoticeKind.LEVERAGE, "BTCUSD_PERP", Decimal(25))
    assert notice.id == "leverage:UM:BTCUSD_PERP:1611646737476:25"


def test_the_t_of_a_liability_is_a_transaction_and_no_time() -> None:
    notice = one(AccountNotice, read(recorded("liabilityChange")))
    assert (notice.kind, notice.level, notice.asset) == (NoticeKind.LIABILITY, "BORROW", "BTC")
    assert notice.value == Decimal("1.03476851")
    assert notice.id == "liability:BTC:1352286576452864727"  # beyond what a float can hold
    assert notice.time_ms == 1573200697110


def test_open_order_loss_by_asset() -> None:
    losses = read(recorded("openOrderLoss"))
    told = [(loss.asset, loss.value) for loss in losses if isinstance(loss, AccountNotice)]
    assert told == [("BUSD", Decimal("-0.1232313")), ("BNB", Decimal("-12.1232313"))]


def test_the_risk_level_under_both_spellings() -> None:
    notices = [one(AccountNotice, read(recorded(name))) for name in ("riskLevelChange", "RISK_LEVEL_CHANGE")]
    assert {(notice.kind, notice.level, notice.value) for notice in notices} == {
        (NoticeKind.RISK_LEVEL, "MARGIN_CALL", Decimal("1.99999999"))
    }
    assert notices[0].id == notices[1].id


def test_an_order_list() -> None:
    notice = one(AccountNotice, read(recorded("listStatus")))
    assert (notice.kind, notice.symbol, notice.level) == (NoticeKind.ORDER_LIST, "ETHBTC", "EXECUTING")


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


# --- the same from REST -----------------------------------------------------------------------------------------------


def test_an_order_has_one_id_from_stream_and_rest() -> None:
    streamed = one(OrderUpdate, read(recorded("ORDER_TRADE_UPDATE", 1)))
    row = {
        "symbol": "WLDUSDT", "orderId": 8911717079, "clientOrderId": "c-11WLU7VP2rj4ss0i", "status": "NEW",
        "origQty": "10.0", "executedQty": "0.00", "price": "2.06230", "avgPrice": "0.00000", "side": "SELL",
        "type": "LIMIT", "timeInForce": "GTC", "positionSide": "BOTH", "updateTime": 1727321322389,
    }  # fmt: skip
    answered = wire.order(row, names.REST_FUTURES_ORDER, "UM", Reading("binance_pm", "GET", corpus.RECEIPT))
    assert (answered.id, answered.key, answered.status) == (streamed.id, streamed.key, streamed.status)


def test_a_fill_has_one_id_from_stream_and_rest() -> None:
    streamed = one(Fill, read(recorded("ORDER_TRADE_UPDATE", 2)))
    row = {"symbol": "WLDUSDT", "id": 648980369, "orderId": 8911717079, "side": "SELL", "price": "2.0623", "qty": "10"}
    answered = wire.fill(row, names.REST_UM_TRADE, "UM", Reading("binance_pm", "GET", corpus.RECEIPT))
    assert answered.id == streamed.id
