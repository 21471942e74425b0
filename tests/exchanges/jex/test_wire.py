"""JEX's messages become the right events, fills are derived exactly, and no message is ever lost or raises."""

from __future__ import annotations

import copy
import decimal
import json
from decimal import Decimal
from typing import Any, TypeVar

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jexkit.core import exact
from jexkit.core.book import Book
from jexkit.core.reading import Reading
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
    PositionSide,
    PositionUpdate,
    Side,
    Unknown,
    from_dict,
)
from jexkit.exchanges.jex import names, wire
from tests.wire import corpus, strategies

MESSAGES = [message for message in corpus.recorded("jex") if not message.event.startswith("REST")]
GOLDEN = corpus.golden("jex")
PAYLOADS = [message.payload for message in MESSAGES]
NAMES = sorted({name for inner in strategies.objects(PAYLOADS) for name in inner} | {"R", "x", "listenKey", "stream"})
KEY = "pqia91ma19a5s61cv6a81va65sdf19v8a65a1a5s61cv6a81va65sdf19v8a65a1"
REST = Reading("jex", "GET", corpus.RECEIPT)

E = TypeVar("E", bound=Event)


def read(payload: Any) -> list[Event]:
    return wire.read(payload, corpus.RECEIPT)


def one(kind: type[E], events: list[Event]) -> E:
    (event,) = events
    assert isinstance(event, kind)
    return event


def recorded(event: str, nth: int = 0, **changes: Any) -> Any:
    return {**copy.deepcopy(corpus.the("jex", event, nth)), **changes}


def order(event: str, nth: int = 0, **changes: Any) -> OrderUpdate:
    return one(OrderUpdate, read(recorded(event, nth, **changes)))


@pytest.mark.parametrize("message", MESSAGES, ids=str)
def test_a_recorded_message_becomes_what_the_golden_file_has(message: corpus.Recorded) -> None:
    written = corpus.written(read(message.payload))
    assert len(written) == len(GOLDEN[str(message)])
    for got, expected in zip(written, GOLDEN[str(message)], strict=True):
        assert got == expected


def test_every_golden_result_belongs_to_a_recorded_message() -> None:
    assert set(GOLDEN) == {str(message) for message in MESSAGES}


def test_every_recorded_message_is_modelled() -> None:
    assert not [event for payload in PAYLOADS for event in read(payload) if isinstance(event, Unknown)]


# --- orders -----------------------------------------------------------------------------------------------------------


def test_a_spot_order() -> None:
    assert order("execSpotReport") == OrderUpdate(
        exchange="jex",
        account="main",
        id="order:spot:4293153:new:0",
        time_ms=1499405658849,
        received_ms=1_800_000_000_000,
        market=Market.SPOT,
        symbol="JEXBTC",
        order_id="4293153",
        key="spot:4293153",
        side=Side.BUY,
        status=OrderStatus.NEW,
        native_status="NEW",
        price=Decimal("0.10264410"),
        quantity=Decimal("1.00000000"),
        filled_quantity=Decimal(0),
        filled_quote=Decimal(0),
        created_ms=1499405658657,
    )


def test_the_misspelt_end_of_a_partly_filled_order_is_final() -> None:
    update = order("execSpotReport", 2)
    assert (update.status, update.native_status) == (OrderStatus.CANCELLED, "CANCLEFILLED")
    assert update.filled_quantity == Decimal("0.4")


@pytest.mark.parametrize(
    ("native", "status"),
    [
        ("NEW", OrderStatus.NEW),
        ("PARTIALLY_FILLED", OrderStatus.PARTIALLY_FILLED),
        ("FILLED", OrderStatus.FILLED),
        ("CANCELED", OrderStatus.CANCELLED),
        ("CANCELFILLED", OrderStatus.CANCELLED),
        ("FAIL", OrderStatus.REJECTED),
        ("ENTRUSTING", OrderStatus.PENDING),
        ("ENTRUSTED", OrderStatus.NEW),
        ("entrusted", OrderStatus.NEW),
        ("PARTFILLED", OrderStatus.PARTIALLY_FILLED),
        ("CANCEL", OrderStatus.CANCELLED),
        ("CANCE", OrderStatus.CANCELLED),
        ("", OrderStatus.UNKNOWN),
        ("MELTED", OrderStatus.UNKNOWN),
    ],
)
def test_statuses(native: str, status: OrderStatus) -> None:
    update = order("execContractReport", 3, X=native)
    assert (update.status, update.native_status) == (status, native)


def test_event_names_are_compared_without_case() -> None:
    assert one(BalanceUpdate, read(recorded("accountOptionInfo", e="accountoptionInfo"))).key == "option:BTCCALLM"
    assert order("execSpotReport", e="EXECSPOTREPORT").key == "spot:4293153"


def test_a_refusal_has_a_reason_and_neither_symbol_nor_amounts() -> None:
    update = order("execContractReport", 1)
    assert (update.status, update.reason) == (OrderStatus.REJECTED, "insufficient Available")
    assert (update.symbol, update.order_id, update.filled_quote) == ("", "4612616205276108403", None)
    assert update.id == "order:contract:4612616205276108403:rejected:0"
    assert order("execContractReport", -1).reason == "reach risk limit"  # under R
    assert order("execContractReport").reason == ""  # "NONE"
    assert order("execContractReport", r="NONE", R="reach risk limit").reason == "reach risk limit"


def test_the_state_may_be_called_x() -> None:
    message = recorded("execContractReport", 3)
    message["x"] = message.pop("X")
    assert one(OrderUpdate, read(message)).status is OrderStatus.NEW


def test_an_order_id_is_text_whether_it_came_as_a_number_or_not() -> None:
    assert order("execContractReport", 1).order_id == "4612616205276108403"
    number = one(OrderUpdate, read(recorded("execContractReport", 1, i=4612616205276108403)))
    assert number == order("execContractReport", 1)


def test_a_contract_sell_has_negative_quantities() -> None:
    update = order("execContractReport", -2)
    assert (update.side, update.quantity) == (Side.SELL, Decimal("2.0000"))
    assert (update.filled_quantity, update.filled_quote) == (Decimal("0.5000"), Decimal(1900))


def test_a_contract_order_does_not_tell_its_side() -> None:
    update = order("execContractReport", 4)
    assert (update.side, update.price, update.quantity) == (Side.UNKNOWN, None, None)
    assert update.filled_quantity == Decimal("0.4")


@pytest.mark.parametrize("missing", ["i", "s"])
def test_a_spot_order_without_id_or_symbol_is_unknown(missing: str) -> None:
    message = recorded("execSpotReport")
    del message[missing]
    assert missing in one(Unknown, read(message)).why


# --- what an update lacks, and what it was filled by ------------------------------------------------------------------


def from_rest(**changes: Any) -> OrderUpdate:
    row = {**corpus.the("jex", "REST GET /api/v1/contract/order"), "orderId": "4613019726031880199", **changes}
    return wire.order(row, names.REST_ORDER, wire.CONTRACT, REST)


def test_an_update_is_completed_from_what_is_known() -> None:
    known = from_rest()
    update = wire.completed(order("execContractReport", 4), known)
    assert (update.symbol, update.side, update.order_type) == ("BTCUSDT", Side.BUY, OrderType.LIMIT)
    assert (update.price, update.quantity) == (Decimal(3800), Decimal("1.0000"))
    assert (update.filled_quantity, update.filled_quote) == (Decimal("0.4"), Decimal(1520))
    assert update.created_ms == known.created_ms
    assert wire.completed(update, None) is update


def test_a_refusal_does_not_take_back_what_was_filled() -> None:
    filled = wire.completed(order("execContractReport", 4), from_rest())
    refusal = order("execContractReport", 1, i="4613019726031880199")
    update = wire.completed(refusal, filled)
    assert (update.status, update.symbol) == (OrderStatus.REJECTED, "BTCUSDT")
    assert (update.filled_quantity, update.filled_quote) == (Decimal("0.4"), Decimal(1520))
    assert update.id == "order:contract:4613019726031880199:rejected:0.4"
    assert wire.derived_fill(filled, update) is None


def test_fills_are_what_the_cumulative_amounts_have_grown_by() -> None:
    before, after = order("execContractReport", 4), order("execContractReport", 5)
    first = wire.derived_fill(order("execContractReport", 3), before)
    second = wire.derived_fill(before, after)
    assert first is not None
    assert second is not None
    assert [fill.quantity for fill in (first, second)] == [Decimal("0.4"), Decimal("0.6")]
    assert [fill.quote_quantity for fill in (first, second)] == [Decimal(1520), Decimal(2280)]
    assert [fill.price for fill in (first, second)] == [Decimal(3800), Decimal(3800)]
    assert [fill.id for fill in (first, second)] == [
        "fill:contract:4613019726031880199:0-0.4",
        "fill:contract:4613019726031880199:0.4-1",
    ]
    assert second.derived
    assert (second.trade_id, second.time_ms, second.symbol) == ("", after.time_ms, "BTCUSDT")


def test_no_growth_is_no_fill() -> None:
    partial, end = order("execSpotReport", 1), order("execSpotReport", 2)
    assert wire.derived_fill(partial, end) is None
    assert wire.derived_fill(end, order("execSpotReport")) is None  # a late word


def test_a_fill_of_unknown_worth_has_no_price() -> None:
    before, after = order("execContractReport", 3), order("execContractReport", 4, Z=None)
    fill = wire.derived_fill(before, after)
    assert fill is not None
    assert (fill.quantity, fill.price, fill.quote_quantity) == (Decimal("0.4"), None, None)
    shrunk = wire.derived_fill(attrs.evolve(before, filled_quote=Decimal(5000)), order("execContractReport", 4))
    assert shrunk is not None
    assert (shrunk.price, shrunk.quote_quantity) == (None, None)  # it cannot have cost less than before


def test_rest_tells_the_average_price_of_a_contract_order_instead_of_its_worth() -> None:
    answered = from_rest(executedQty="0.5000", executedPrice="3790", status="")
    fill = wire.derived_fill(order("execContractReport", 4), answered)
    assert fill is not None
    assert (fill.quantity, fill.quote_quantity, fill.price) == (Decimal("0.1"), Decimal(375), Decimal(3750))


GROWTHS = st.lists(
    st.tuples(
        st.decimals("0.00000001", 10**6, places=8), st.decimals("0.00000001", 10**6, places=8)
    ),
    min_size=1, max_size=6,
)  # fmt: skip


@given(GROWTHS, st.sets(st.integers(0, 5)))
def test_fills_add_up_to_the_order_whatever_updates_are_missed(growths: list[Any], missed: set[int]) -> None:
    """Through the book, which drops what comes late: quantities and amounts of the fills are the order's, exactly."""
    book, fills = Book(), []
    filled = quote = Decimal(0)
    for number, (quantity, price) in enumerate(growths):
        filled, quote = exact.add(filled, quantity), exact.add(quote, exact.multiply(quantity, price))
        if number in missed and number < len(growths) - 1:
            continue
        update = order("execSpotReport", X="PARTIALLY_FILLED", z=str(filled), Z=str(quote), E=1499405658849 + number)
        before = book.order(update.key)
        assert book.apply(update)
        fill = wire.derived_fill(before, update)
        assert fill is not None
        fills.append(fill)
    assert sum((fill.quantity for fill in fills), Decimal(0)) == filled
    total = Decimal(0)
    for fill in fills:
        assert fill.quote_quantity is not None
        total = exact.add(total, fill.quote_quantity)
    assert total == quote
    assert len({fill.id for fill in fills}) == len(fills)


# --- balances and positions -------------------------------------------------------------------------------------------


def test_balances_by_wallet() -> None:
    ltc, btc, _ = read(recorded("accountSpotInfo"))
    assert isinstance(btc, BalanceUpdate)
    assert (btc.key, btc.free, btc.locked) == ("spot:BTC", Decimal("10537.85314051"), Decimal("2.19464093"))
    assert btc.total == Decimal("10540.04778144")
    assert btc.time_ms == 1499405658848  # u, when the account changed
    assert btc.id == "balance:spot:BTC:1499405658848:10537.85314051:2.19464093:1499405658849"
    assert wire.sent_ms(btc) == 1499405658849
    contract = one(BalanceUpdate, read(recorded("accountContractInfo")))
    assert (contract.key, contract.market, contract.total) == ("contract:USDT", Market.FUTURES, Decimal("9999.3700"))
    assert isinstance(ltc, BalanceUpdate)


def test_assets_are_one_in_upper_and_lower_case() -> None:
    row = {"asset": "usdt", "free": "8144.0412", "locked": "1855.3288"}
    answered = wire.balance(row, names.REST_BALANCE, wire.CONTRACT, REST, 1523093528000)
    streamed = one(BalanceUpdate, read(recorded("accountContractInfo")))
    assert (answered.key, answered.asset) == (streamed.key, "USDT")
    assert (f"{answered.id}:{wire.sent_ms(streamed)}", wire.sent_ms(answered)) == (streamed.id, 0)


def test_a_long_and_a_short_position() -> None:
    long = one(PositionUpdate, read(recorded("contractPositions")))
    assert (long.key, long.quantity, long.side) == ("contract:EOSUSDT", Decimal("3.0000"), PositionSide.LONG)
    assert (long.entry_price, long.liquidation_price) == (Decimal("1301.33020000"), Decimal("-49.9759"))
    assert (long.margin, long.leverage) == (Decimal("4088.0779300000"), Decimal("20.00"))
    short = one(PositionUpdate, read(recorded("contractPositions", 1)))
    assert (short.quantity, short.side) == (Decimal("-0.2000"), PositionSide.SHORT)


def test_a_direction_that_is_not_known_keeps_the_quantity_as_it_came() -> None:
    message = recorded("contractPositions")
    message["p"][0].update(d="sideways", q="-3")
    position = one(PositionUpdate, read(message))
    assert (position.quantity, position.side) == (Decimal(-3), PositionSide.UNKNOWN)


def test_an_unreadable_row_costs_none_of_the_others() -> None:
    message = recorded("accountSpotInfo")
    message["B"][1] = {"a": "BTC", "f": None}
    assert [type(event).__name__ for event in read(message)] == ["BalanceUpdate", "Unknown", "BalanceUpdate"]


def test_a_trade_of_a_contract() -> None:
    row = corpus.the("jex", "REST GET /api/v1/contract/userHistoricalTrades")[0]
    fill = wire.trade("BTCUSDT", row, REST)
    assert (fill.id, fill.side, fill.quantity) == ("fill:contract:BTCUSDT:854797", Side.SELL, Decimal("0.1000"))
    assert (fill.price, fill.liquidity, fill.derived) == (Decimal("10000.0"), Liquidity.MAKER, False)
    bought = wire.trade("BTCUSDT", {**row, "qty": "0.1", "buyerMaker": True}, REST)
    assert (bought.side, bought.liquidity) == (Side.BUY, Liquidity.MAKER)
    assert wire.trade("BTCUSDT", {**row, "buyerMaker": None}, REST).liquidity is Liquidity.UNKNOWN


# --- envelopes and secrets --------------------------------------------------------------------------------------------


def test_the_envelope_is_opened_and_the_listen_key_is_not_kept() -> None:
    message = recorded("execSpotReport")
    text = exact.encode({"stream": KEY, "data": message})
    (event,) = wire.read(exact.decode(text), Receipt("main", 1, text))
    assert KEY not in event.raw
    assert json.loads(event.raw) == message
    assert event.id == order("execSpotReport").id


@pytest.mark.parametrize(
    "message",
    [{"stream": KEY, "data": 5}, {"e": "newEvent", "listenKey": KEY}, {"code": -1, "msg": f"no key {KEY}"}],
)
def test_no_listen_key_is_kept_from_what_is_unknown(message: Any) -> None:
    text = exact.encode(message)
    event = one(Unknown, wire.read(exact.decode(text), Receipt("main", 1, text)))
    assert event.raw
    assert KEY not in json.dumps(event.to_dict())


def test_what_is_no_event() -> None:
    assert read({"e": "listenKeyExpired", "E": 1}) == []
    assert read({"result": None, "id": 1}) == []
    for message in (None, 1, "text", [], {}, {"e": "outboundAccountInfo"}):
        assert one(Unknown, read(message)).why


# --- never raises, always exact ---------------------------------------------------------------------------------------


@given(strategies.json_values(NAMES))
def test_reading_never_raises(message: Any) -> None:
    for event in read(message):
        assert from_dict(json.loads(json.dumps(event.to_dict()))) == event


def read_both_ways(payload: Any) -> tuple[list[Event] | None, list[Event]]:
    """By the decoder of the known messages, None if it leaves this one alone; and from the decoded object."""
    text = exact.encode(payload)
    receipt = Receipt("main", 1_800_000_000_000, text)
    return wire.read_text(text, receipt), wire.read(exact.decode(text), receipt)


@pytest.mark.parametrize("message", MESSAGES, ids=str)
def test_the_quick_way_tells_the_same(message: corpus.Recorded) -> None:
    """Whether a message is decoded into its shape or into a dictionary; and all are but what is in an envelope."""
    quick, slow = read_both_ways(message.payload)
    assert quick == (slow if "e" in message.payload else None)


@given(strategies.mutated(PAYLOADS, NAMES))
@settings(max_examples=300)
def test_a_damaged_message_is_told_the_same_or_left_to_the_slow_way(message: Any) -> None:
    quick, slow = read_both_ways(message)
    assert quick in (None, slow)


def test_a_listen_key_is_never_kept() -> None:
    """The quick way goes past the place where they are taken out, so whatever has one is left alone."""
    quick, slow = read_both_ways({**PAYLOADS[0], "listenKey": "k" * 60})
    assert quick is None
    assert all("k" * 60 not in event.raw for event in slow)


@given(strategies.mutated(PAYLOADS, NAMES), strategies.mutated(PAYLOADS, NAMES))
def test_a_damaged_message_is_never_lost(message: Any, other: Any) -> None:
    events = read(message)
    assert events or (isinstance(message, dict) and (message.get("e") == "listenKeyExpired" or "result" in message))
    for event in events:
        assert from_dict(json.loads(json.dumps(event.to_dict()))) == event
    known = next((event for event in read(other) if isinstance(event, OrderUpdate)), None)
    for event in events:
        if isinstance(event, OrderUpdate):
            update = wire.completed(event, known)
            fill = wire.derived_fill(known, update)
            assert not isinstance(fill, Fill) or fill.quantity > 0


@given(st.decimals(0, 10**20, places=12), st.booleans())
def test_amounts_keep_every_digit(amount: Decimal, as_number: bool) -> None:
    digits = format(amount, "f")
    text = exact.encode(recorded("execSpotReport", p="P")).replace('"P"', digits if as_number else f'"{digits}"')
    update = one(OrderUpdate, wire.read(exact.decode(text), corpus.RECEIPT))
    assert update.price == amount


def test_the_programs_decimal_context_has_no_say() -> None:
    usual = [read(payload) for payload in PAYLOADS]
    with decimal.localcontext() as context:
        context.prec = 2
        context.traps = dict.fromkeys(context.traps, True)
        unusual = [read(payload) for payload in PAYLOADS]
    assert [corpus.written(events) for events in unusual] == [corpus.written(events) for events in usual]


# --- the same from REST -----------------------------------------------------------------------------------------------


def test_an_order_has_one_id_from_stream_and_rest() -> None:
    """Words, times, prices and quantities differ or are missing; status and filled quantity do not."""
    streamed = order("execContractReport", 3)  # ENTRUSTED
    answered = from_rest(status="new", executedQty="0.0000")
    assert (answered.id, answered.key) == (streamed.id, streamed.key)
    done = from_rest(status="filled", executedQty="1.0000", executedPrice="3800")
    assert done.id == order("execContractReport", 5).id


def test_a_rest_order_of_a_spot_symbol() -> None:
    update = wire.order(corpus.the("jex", "REST GET /api/v1/spot/order"), names.REST_ORDER, wire.SPOT, REST)
    assert (update.key, update.status, update.side) == ("spot:2208", OrderStatus.FILLED, Side.BUY)
    assert (update.filled_quantity, update.filled_quote) == (Decimal("1.00000000"), Decimal("0.00001464"))
    assert (update.time_ms, update.created_ms) == (1551184037000, 1551184037000)


def test_an_empty_status_is_unknown() -> None:
    assert (from_rest().status, from_rest().average_price) == (OrderStatus.UNKNOWN, None)
