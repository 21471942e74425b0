"""Poloniex: which names the exchange gives to what, in the pushes of its spot account and in the answers of REST.

https://api-docs.poloniex.com/spot/websocket/order and .../balance. Amounts are decimal text.
"""

from __future__ import annotations

from collections.abc import Sequence

from jexkit.core.exact import Amount, Shape, Time
from jexkit.core.shapes import Id, Text, TextOrNull, named


class OrderRow(Shape):
    """An order, pushed or read over REST; a push also holds the trade that it tells of."""

    symbol: Text = ""
    order_type: Text = ""
    quantity: Amount = ""
    order_id: Text = ""
    trade_fee: Amount = ""
    client_order_id: TextOrNull = ""
    account_type: Text = ""
    fee_currency: TextOrNull = ""
    event_type: Text = ""
    side: Text = ""
    filled_quantity: Amount = ""
    filled_amount: Amount = ""
    match_role: TextOrNull = ""
    state: Text = ""
    traded: Time = 0
    trade_amount: Amount = ""
    quote_quantity: Amount = ""
    created: Time = 0
    price: Amount = ""
    trade_quantity: Amount = ""
    trade_price: Amount = ""
    trade_id: Id = ""
    pushed: Time = 0
    id_over_rest: Id = ""
    time_in_force: TextOrNull = ""
    quote_quantity_over_rest: Amount = ""
    average_price: Amount = ""
    cancel_reason: Id = ""
    updated: Time = 0


ORDER = named(
    OrderRow, order_id="orderId", id_over_rest="id", symbol="symbol", account_type="accountType", side="side",
    state="state", order_type="type", event_type="eventType", client_order_id="clientOrderId",
    time_in_force="timeInForce", price="price", quantity="quantity", quote_quantity="orderAmount",
    quote_quantity_over_rest="amount", filled_quantity="filledQuantity", filled_amount="filledAmount",
    average_price="avgPrice", cancel_reason="cancelReason", pushed="ts", updated="updateTime", traded="tradeTime",
    created="createTime", trade_id="tradeId", trade_quantity="tradeQty", trade_price="tradePrice",
    trade_amount="tradeAmount", trade_fee="tradeFee", fee_currency="feeCurrency", match_role="matchRole",
)  # fmt: skip


class BalanceRow(Shape):
    """One currency. A push has the id of the update, which grows with time; REST has neither id nor time."""

    changed: Time = 0
    account_type: Text = ""
    event_type: Text = ""
    free: Amount = ""
    asset: Text = ""
    update: Id = ""
    locked: Amount = ""
    pushed: Time = 0


BALANCE = named(
    BalanceRow, asset="currency", account_type="accountType", free="available", locked="hold", update="id",
    event_type="eventType", changed="changeTime", pushed="ts",
)  # fmt: skip


class OrdersPush(Shape):
    """What the channel ``orders`` tells."""

    event: TextOrNull = ""
    orders: Sequence[OrderRow] = ()


class BalancesPush(Shape):
    """What the channel ``balances`` tells."""

    event: TextOrNull = ""
    balances: Sequence[BalanceRow] = ()


ORDERS = named(OrdersPush, ("channel", "orders"), event="event", orders=("data", list[ORDER]))  # type: ignore[valid-type]
BALANCES = named(BalancesPush, ("channel", "balances"), event="event", balances=("data", list[BALANCE]))  # type: ignore[valid-type]
