"""Binance Portfolio Margin: which names the exchange gives to what, in each sort of object.

https://developers.binance.com/docs/derivatives/portfolio-margin/user-data-streams, pages "Event ...", and the pages of
the reads over REST. The stream's names are single letters that mean one thing in one object and another in the next;
REST has long names for the same things.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from jexkit.core.exact import Amount, Shape, Time
from jexkit.core.shapes import Flag, Id, Number, Text, TextOrNull, Truth, named
from jexkit.events import Market, OrderType, PositionSide

EXCHANGE = "binance_pm"
MARGIN = "MARGIN"  # our word for the family that has none: margin events carry no ``fs``

MARKETS = {"UM": Market.USD_FUTURES, "CM": Market.COIN_FUTURES, MARGIN: Market.MARGIN}
POSITION_SIDES = {
    "": PositionSide.BOTH,
    "BOTH": PositionSide.BOTH,
    "LONG": PositionSide.LONG,
    "SHORT": PositionSide.SHORT,
}
# Members of enums are slow to look up, and these are needed for nearly every event.
UNKNOWN_MARKET, UNKNOWN_POSITION_SIDE = Market.UNKNOWN, PositionSide.UNKNOWN
FUTURES_TYPES = {
    "MARKET": OrderType.MARKET,
    "LIMIT": OrderType.LIMIT,
    "LIQUIDATION": OrderType.LIQUIDATION,
    "STOP": OrderType.STOP_LIMIT,
    "STOP_MARKET": OrderType.STOP_MARKET,
    "TAKE_PROFIT": OrderType.TAKE_PROFIT_LIMIT,
    "TAKE_PROFIT_MARKET": OrderType.TAKE_PROFIT_MARKET,
    "TRAILING_STOP_MARKET": OrderType.TRAILING_STOP,
}
MARGIN_TYPES = {  # the same words as on spot, where TAKE_PROFIT is a market order
    "MARKET": OrderType.MARKET,
    "LIMIT": OrderType.LIMIT,
    "LIMIT_MAKER": OrderType.POST_ONLY,
    "STOP_LOSS": OrderType.STOP_MARKET,
    "STOP_LOSS_LIMIT": OrderType.STOP_LIMIT,
    "TAKE_PROFIT": OrderType.TAKE_PROFIT_MARKET,
    "TAKE_PROFIT_LIMIT": OrderType.TAKE_PROFIT_LIMIT,
}


# --- orders and trades ------------------------------------------------------------------------------------------------


class OrderRow(Shape):
    """What is said about an order, and in the stream about the trade that changed it; over REST, about a trade."""

    symbol: Text = ""
    client_order_id: Text = ""
    side: Text = ""
    order_type: Text = ""
    time_in_force: Text = ""
    quantity: Amount = ""
    price: Amount = ""
    average_price: Amount = ""
    stop_price: Amount = ""
    own_client_order_id: Text = ""  # goes before ``client_order_id`` where it is not empty
    execution: Text = ""
    status: Text = ""
    order_id: Id = ""
    trade_quantity: Amount = ""
    filled: Amount = ""
    trade_price: Amount = ""
    fee: Amount = ""
    fee_asset: TextOrNull = ""
    time: Time = 0
    trade_id: Id = ""
    maker: Truth = None
    buyer: Truth = None  # in place of ``side``
    reduce_only: Flag = False
    position_side: Text = ""
    realized_pnl: Amount = ""
    created: Time = 0
    filled_quote: Amount = ""
    trade_quote: Amount = ""
    quote_quantity: Amount = ""
    reason: Text = ""
    other_reason: Text = ""
    activated: Flag = False
    linked_order_id: Id = ""


@attrs.frozen(kw_only=True)
class Order:
    """One sort of order: its row, the words for its types, and what sets its ids apart from those of real orders."""

    row: type[OrderRow]
    types: Mapping[str, OrderType]
    conditional: str = ""  # "algo" or "conditional"
    tells_filled: bool = True


FUTURES_ORDER = Order(types=FUTURES_TYPES, row=named(
    OrderRow, symbol="s", order_id="i", client_order_id="c", side="S", order_type="o", time_in_force="f", quantity="q",
    price="p", average_price="ap", execution="x", status="X", filled="z", reduce_only="R", position_side="ps",
    reason="er", time="T", trade_id="t", trade_quantity="l", trade_price="L", fee="n", fee_asset="N", maker="m",
    realized_pnl="rp",
))  # fmt: skip
# On a cancel ``c`` is the id of the cancel request and ``C`` the order's own; ``P`` is what futures call ``sp``.
MARGIN_NAMES = {
    "symbol": "s", "order_id": "i", "client_order_id": "c", "own_client_order_id": "C", "side": "S",
    "order_type": "o", "time_in_force": "f", "quantity": "q", "price": "p", "stop_price": "P", "execution": "x",
    "status": "X", "filled": "z", "filled_quote": "Z", "quote_quantity": "Q", "reason": "r", "other_reason": "eR",
    "created": "O", "time": "T", "trade_id": "t", "trade_quantity": "l", "trade_price": "L", "trade_quote": "Y",
    "fee": "n", "fee_asset": "N", "maker": "m",
}  # fmt: skip
MARGIN_ORDER = Order(types=MARGIN_TYPES, row=named(OrderRow, **MARGIN_NAMES))
CONDITIONAL_ORDER = Order(types=FUTURES_TYPES, conditional="conditional", tells_filled=False, row=named(
    OrderRow, symbol="s", order_id="si", client_order_id="c", side="S", order_type="st", time_in_force="f",
    quantity="q", price="p", stop_price="sp", status="os", position_side="ps", reduce_only="R", linked_order_id="i",
    created="T", time="ut", activated="ia",
))  # fmt: skip
ALGO_ORDER = Order(types=FUTURES_TYPES, conditional="algo", row=named(
    OrderRow, symbol="s", order_id="aid", client_order_id="caid", side="S", order_type="o", time_in_force="f",
    quantity="q", price="p", stop_price="tp", status="X", filled="aq", average_price="ap", position_side="ps",
    reduce_only="R", reason="rm", linked_order_id="ai", activated="ia",
))  # fmt: skip
REST_FUTURES_ORDER = Order(types=FUTURES_TYPES, row=named(
    OrderRow, symbol="symbol", order_id="orderId", client_order_id="clientOrderId", side="side", order_type="type",
    time_in_force="timeInForce", quantity="origQty", price="price", average_price="avgPrice", status="status",
    filled="executedQty", filled_quote="cumQuote", position_side="positionSide", reduce_only="reduceOnly",
    created="time", time="updateTime",
))  # fmt: skip
REST_MARGIN_ORDER = Order(types=MARGIN_TYPES, row=named(
    OrderRow, symbol="symbol", order_id="orderId", client_order_id="clientOrderId", side="side", order_type="type",
    time_in_force="timeInForce", quantity="origQty", price="price", stop_price="stopPrice", status="status",
    filled="executedQty", filled_quote="cummulativeQuoteQty", created="time", time="updateTime",
))  # fmt: skip
REST_CONDITIONAL_ORDER = Order(types=FUTURES_TYPES, conditional="conditional", tells_filled=False, row=named(
    OrderRow, symbol="symbol", order_id="strategyId", client_order_id="newClientStrategyId", side="side",
    order_type="strategyType", time_in_force="timeInForce", quantity="origQty", price="price", stop_price="stopPrice",
    status="strategyStatus", position_side="positionSide", reduce_only="reduceOnly", linked_order_id="orderId",
    created="bookTime", time="updateTime",
))  # fmt: skip
REST_ALGO_ORDER = Order(types=FUTURES_TYPES, conditional="algo", row=named(
    OrderRow, symbol="symbol", order_id="algoId", client_order_id="clientAlgoId", side="side", order_type="orderType",
    time_in_force="timeInForce", quantity="quantity", price="price", stop_price="triggerPrice", status="algoStatus",
    filled="actualQty", average_price="actualPrice", position_side="positionSide", reduce_only="reduceOnly",
    linked_order_id="actualOrderId", created="createTime", time="updateTime",
))  # fmt: skip


NEEDED_OF_A_TRADE = ("symbol", "trade_id", "order_id", "trade_quantity")
REST_TRADE = {
    "symbol": "symbol", "order_id": "orderId", "trade_id": "id", "trade_quantity": "qty", "trade_price": "price",
    "fee": "commission", "fee_asset": "commissionAsset", "time": "time",
}  # fmt: skip
REST_UM_TRADE = named(
    OrderRow, **REST_TRADE, side="side", trade_quote="quoteQty", maker="maker", realized_pnl="realizedPnl",
    position_side="positionSide",
)  # fmt: skip
REST_CM_TRADE = named(
    OrderRow, **REST_TRADE, side="side", maker="maker", realized_pnl="realizedPnl", position_side="positionSide",
)  # fmt: skip
REST_MARGIN_TRADE = named(OrderRow, **REST_TRADE, buyer="isBuyer", maker="isMaker")


# --- balances and positions -------------------------------------------------------------------------------------------


class BalanceRow(Shape):
    """One asset: of a futures wallet with ``total``, of the margin wallet with ``free``."""

    asset: Text = ""
    total: Amount = ""
    change: Amount = ""
    free: Amount = ""
    locked: Amount = ""


FUTURES_BALANCE = named(BalanceRow, asset="a", total="wb", change="bc")
MARGIN_BALANCE = named(BalanceRow, asset="a", free="f", locked="l")


class PositionRow(Shape):
    """One position."""

    symbol: Text = ""
    quantity: Amount = ""
    entry_price: Amount = ""
    realized_pnl: Amount = ""
    unrealized_pnl: Amount = ""
    side: Text = ""
    break_even_price: Number = None  # documented as text, and a JSON number on the wire
    mark_price: Amount = ""
    liquidation_price: Amount = ""
    leverage: Amount = ""


POSITION = named(  # no mark or liquidation price in the stream
    PositionRow, symbol="s", side="ps", quantity="pa", entry_price="ep", break_even_price="bep", unrealized_pnl="up",
    realized_pnl="cr",
)  # fmt: skip
REST_POSITION = named(
    PositionRow, symbol="symbol", side="positionSide", quantity="positionAmt", entry_price="entryPrice",
    break_even_price="breakEvenPrice", mark_price="markPrice", liquidation_price="liquidationPrice",
    unrealized_pnl="unRealizedProfit", leverage="leverage",
)  # fmt: skip


# --- the messages that come often -------------------------------------------------------------------------------------


class OrderMessage(Shape):
    """An order of UM or CM was created, changed or traded."""

    happened: Time = 0
    sent: Time = 0
    family: Text = ""
    order: OrderRow | None = None


class WalletChange(Shape):
    """What a fill, funding, transfer or the like did to a futures wallet."""

    reason: Text = ""
    balances: Sequence[BalanceRow] = ()
    positions: Sequence[PositionRow] = ()


class AccountMessage(Shape):
    """A futures wallet changed."""

    happened: Time = 0
    sent: Time = 0
    family: Text = ""
    account: WalletChange | None = None


class MarginMessage(OrderRow):
    """The same as ``OrderMessage`` for a margin order, flat and without a family."""

    sent: Time = 0


class MarginWallet(Shape):
    """Assets of the margin wallet that changed or may have; those not listed did not change."""

    sent: Time = 0
    changed: Time = 0
    update: Id = ""
    balances: Sequence[BalanceRow] = ()


MOMENTS = {"sent": "E", "happened": "T"}
ORDER_TRADE_UPDATE = named(
    OrderMessage, ("e", "ORDER_TRADE_UPDATE"), family="fs", **MOMENTS, order=("o", FUTURES_ORDER.row)
)
ACCOUNT_UPDATE = named(
    AccountMessage,
    ("e", "ACCOUNT_UPDATE"),
    family="fs",
    **MOMENTS,
    account=(
        "a",
        named(WalletChange, reason="m", balances=("B", list[FUTURES_BALANCE]), positions=("P", list[POSITION])),  # type: ignore[valid-type]
    ),
)
EXECUTION_REPORT = named(MarginMessage, ("e", "executionReport"), **MARGIN_NAMES, sent="E")
OUTBOUND_ACCOUNT_POSITION = named(
    MarginWallet,
    ("e", "outboundAccountPosition"),
    sent="E",
    changed="u",
    update="U",
    balances=("B", list[MARGIN_BALANCE]),  # type: ignore[valid-type]
)
