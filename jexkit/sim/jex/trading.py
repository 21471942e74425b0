"""Orders over REST: place and cancel in the three markets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jexkit.sim.amounts import ZERO, exact, plain
from jexkit.sim.books import Order
from jexkit.sim.calls import Answer, Call
from jexkit.sim.jex import errors, frames
from jexkit.sim.jex.reads import find_order, instrument
from jexkit.sim.jex.symbols import CONTRACT

if TYPE_CHECKING:
    from jexkit.sim.jex.account import JexAccount

DAY = 24 * 3600.0


def place(account: JexAccount, call: Call, market: str) -> Answer:
    """POST order. `newOrderRespType` ACK answers ids only, RESULT the order; contracts answer `entrusting`."""
    wanted = instrument(account, call, market)
    for name in ("side", "type", "quantity"):
        if not call.params.get(name):
            raise errors.missing(name)
    kind, side = call.params["type"].upper(), call.params["side"].upper()
    if kind not in {"LIMIT", "MARKET"}:
        raise errors.refused(-1116, "Invalid orderType.")
    if kind == "LIMIT" and not call.params.get("price"):
        raise errors.missing("price")
    rules = account.venue.rules
    if sum(one.instrument is wanted for one in account.books.open.values()) >= rules.open_orders_limit:
        raise errors.refused(-2019, f"has reach max order number {rules.open_orders_limit}")
    headers = _count(account)
    price = exact(call.params["price"]) if kind == "LIMIT" else None
    order = account.place(wanted.symbol, side, abs(exact(call.params["quantity"])), price, kind, market=market)
    if kind == "MARKET" and not order.status.is_final and order.status.name != "PENDING":
        account.fill(order, maker=False)
    return Answer(_acknowledged(account, order, call), headers=headers)


def _count(account: JexAccount) -> dict[str, str]:
    rules, weights = account.venue.rules, account.venue.weights
    second = weights.count_order(account.name, rules.orders_per_second, 1.0)
    day = weights.count_order(account.name, rules.orders_per_day, DAY)
    return {"X-MBX-ORDER-COUNT-1S": str(second), "X-MBX-ORDER-COUNT-1D": str(day)}


def _acknowledged(account: JexAccount, order: Order, call: Call) -> dict[str, Any]:
    if order.market == CONTRACT:
        quantity = frames.signed_quantity(order, order.quantity, account.venue.rules)
        return {
            "symbol": order.symbol,
            "orderId": order.order_id,
            "side": order.side.lower(),
            "origQty": f"{quantity:.4f}",
            "executedQty": "0",
            "price": plain(order.price),
            "status": "entrusting",
            "type": order.type,
        }
    short = {"symbol": order.symbol, "orderId": int(order.order_id), "transactTime": order.created_ms}
    if call.params.get("newOrderRespType", "ACK").upper() != "RESULT":
        return short
    return {
        **short,
        "price": plain(order.price),
        "origQty": plain(order.quantity),
        "executedQty": plain(order.filled),
        "cummulativeQuoteQty": f"{order.quote_filled or ZERO:.8f}",
        "status": account.native_status(order),
        "timeInForce": "GTC",
        "type": order.type.upper(),
        "side": order.side,
    }


def cancel(account: JexAccount, call: Call, market: str) -> dict[str, Any]:
    """DELETE order. Raises -2013 for an unknown order and -2011 for one that has ended."""
    order = find_order(account, call, market)
    living = account.books.orders[order.market, order.symbol, order.order_id]
    account.cancel(living)
    return {"symbol": living.symbol, "orderId": living.order_id}
