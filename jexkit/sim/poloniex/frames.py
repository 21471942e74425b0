"""The JSON objects of Poloniex: elements of pushes, and of REST answers. Amounts are text, times are integers.

https://api-docs.poloniex.com/spot/websocket/order, /spot/websocket/balance, /spot/api/private/order
"""

from __future__ import annotations

from typing import Any

from jexkit.sim.amounts import ZERO, plain
from jexkit.sim.books import Balance, Fill, Order, Status

Element = dict[str, Any]

# Ids are snowflakes: 17 or 18 digits, growing with time
SNOWFLAKE_STEP = 4096
FIRST_ORDER_ID = 32471407854219264
FIRST_BALANCE_ID = 60018450912695040
FIRST_PAGE_ID = 30341456333942784
FIRST_TRADE_ID = 60000000

_STATES = {
    Status.NEW: "NEW",
    Status.PENDING: "NEW",
    Status.PARTIALLY_FILLED: "PARTIALLY_FILLED",
    Status.FILLED: "FILLED",
    Status.REJECTED: "REJECTED",
    Status.EXPIRED: "EXPIRED",
}


def state_of(order: Order) -> str:
    """Poloniex's word. What was filled in part before its cancellation is PARTIALLY_CANCELED, and that is final."""
    if order.status is Status.CANCELED:
        return "PARTIALLY_CANCELED" if order.filled else "CANCELED"
    if order.status is Status.REJECTED and order.native.get("failed"):
        return "FAILED"
    if not order.status.is_final and order.native.get("pending_cancel"):
        return "PENDING_CANCEL"
    return _STATES[order.status]


def quantity_of(order: Order) -> str:
    """Base units; a market order to buy for an amount of quote units has none."""
    return "0" if order.native.get("amount") else plain(order.quantity)


def order_element(order: Order, event: str, fill: Fill | None, ts: int, *, role: bool) -> Element:
    """One element of the channel `orders`. `role` adds matchRole to events that are no trades."""
    element: Element = {
        "symbol": order.symbol,
        "type": order.type.upper(),
        "quantity": quantity_of(order),
        "orderId": order.order_id,
        "tradeFee": plain(fill.fee) if fill else "0",
        "clientOrderId": order.client_order_id,
        "accountType": "SPOT",
        "feeCurrency": fill.fee_asset if fill else "",
        "eventType": event,
        "source": order.native.get("source", "API"),
        "side": order.side,
        "filledQuantity": plain(order.filled),
        "filledAmount": plain(order.quote_filled),
        "matchRole": "MAKER" if fill is None or fill.maker else "TAKER",
        "state": state_of(order),
        "tradeTime": fill.time_ms if fill else 0,
        "tradeAmount": plain(fill.quantity * fill.price) if fill else "0",
        "orderAmount": plain(order.native.get("amount", ZERO)),
        "createTime": order.created_ms,
        "price": plain(order.price),
        "tradeQty": plain(fill.quantity) if fill else "0",
        "tradePrice": plain(fill.price) if fill else "0",
        "tradeId": fill.trade_id if fill else "0",
        "ts": ts,
    }
    if fill is None and not role:
        del element["matchRole"]
    return element


def balance_element(
    balance: Balance, event: str, number: int, user_id: int, account_id: str, ts: int, *, typed: bool
) -> Element:
    """One element of the channel `balances`: the amounts after the change, of one currency."""
    element: Element = {
        "changeTime": balance.updated_ms,
        "accountId": account_id,
        "accountType": "SPOT",
        "eventType": event,
        "available": plain(balance.free),
        "currency": balance.asset,
        "id": number,
        "userId": user_id,
        "hold": plain(balance.locked),
        "ts": ts,
    }
    if not typed:
        del element["accountType"]
    return element


def rest_order(order: Order) -> Element:
    """An order as REST shows it: without the push time, with average price and time of the last change."""
    return {
        "id": order.order_id,
        "clientOrderId": order.client_order_id,
        "symbol": order.symbol,
        "state": state_of(order),
        "accountType": "SPOT",
        "side": order.side,
        "type": order.type.upper(),
        "timeInForce": order.time_in_force,
        "quantity": quantity_of(order),
        "price": plain(order.price),
        "avgPrice": plain(order.average_price.quantize(order.instrument.tick)),
        "amount": plain(order.native.get("amount", ZERO)),
        "filledQuantity": plain(order.filled),
        "filledAmount": plain(order.quote_filled),
        "createTime": order.created_ms,
        "updateTime": order.updated_ms,
        "orderSource": order.native.get("source", "API"),
        "loan": False,
        "cancelReason": order.native.get("cancel_reason", 0),
    }


def rest_trade(fill: Fill, order: Order) -> Element:
    """A trade as REST shows it. `id` is the websocket's tradeId; `pageId` serves paging only."""
    return {
        "id": fill.trade_id,
        "symbol": order.symbol,
        "accountType": "SPOT",
        "orderId": fill.order_id,
        "side": fill.side,
        "type": order.type.upper(),
        "matchRole": "MAKER" if fill.maker else "TAKER",
        "createTime": fill.time_ms,
        "price": plain(fill.price),
        "quantity": plain(fill.quantity),
        "amount": plain(fill.quantity * fill.price),
        "feeCurrency": fill.fee_asset,
        "feeAmount": plain(fill.fee),
        "pageId": str(page_id(fill)),
        "clientOrderId": order.client_order_id,
    }


def page_id(fill: Fill) -> int:
    """The snowflake that `from` of GET /trades takes."""
    return FIRST_PAGE_ID + (int(fill.trade_id) - FIRST_TRADE_ID) * SNOWFLAKE_STEP
