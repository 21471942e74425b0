"""Algo and conditional orders over REST."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jexkit.sim.amounts import fixed, plain
from jexkit.sim.binance_pm import errors, frames, parameters
from jexkit.sim.books import Order
from jexkit.sim.calls import Call

if TYPE_CHECKING:
    from jexkit.sim.binance_pm.account import BinanceAccount

Row = dict[str, Any]


def algo_row(order: Order) -> Row:
    """One algo order as um/algo/algoOrder answers it."""
    native = order.native
    born = native.get("born")
    return {
        "algoId": int(order.order_id),
        "clientAlgoId": order.client_order_id,
        "algoType": "CONDITIONAL",
        "orderType": frames.type_word(order),
        "symbol": order.symbol,
        "side": order.side,
        "positionSide": order.position_side,
        "timeInForce": order.time_in_force,
        "quantity": plain(order.quantity),
        "algoStatus": native["word"],
        "actualOrderId": born.order_id if born else "",
        "actualPrice": fixed(born.average_price, 5) if born else "0.00000",
        "triggerPrice": plain(native["stop_price"]),
        "price": plain(order.price),
        "selfTradePreventionMode": "EXPIRE_MAKER",
        "workingType": native["working_type"],
        "priceMatch": "NONE",
        "closePosition": native["close_position"],
        "priceProtect": False,
        "reduceOnly": order.reduce_only,
        "createTime": order.created_ms,
        "updateTime": order.updated_ms,
        "triggerTime": native["triggered_ms"],
        "goodTillDate": 0,
    }


def strategy_row(order: Order) -> Row:
    """One conditional order as cm/conditional/openOrders lists it."""
    native = order.native
    row: Row = {
        "newClientStrategyId": order.client_order_id,
        "strategyId": int(order.order_id),
        "strategyStatus": native["word"],
        "strategyType": frames.type_word(order),
        "origQty": plain(order.quantity),
        "price": plain(order.price),
        "reduceOnly": order.reduce_only,
        "side": order.side,
        "positionSide": order.position_side,
        "stopPrice": plain(native["stop_price"]),
        "symbol": order.symbol,
        "bookTime": order.created_ms,
        "updateTime": order.updated_ms,
        "timeInForce": order.time_in_force,
        "selfTradePreventionMode": "NONE",
        "goodTillDate": 0,
        "priceMatch": "NONE",
    }
    if order.type == "trailing_stop_market":
        row.update(activatePrice=plain(native["activation_price"]), priceRate=plain(native["callback_rate"]))
    if native.get("born"):
        row.update(orderId=int(native["born"].order_id), status=frames.status_word(native["born"]))
    return row


def conditional_row(order: Order) -> Row:
    """One order in the shape of its family."""
    return algo_row(order) if order.native["family"] == "algo" else strategy_row(order)


def open_conditional(account: BinanceAccount, call: Call, market: str, family: str) -> list[Row]:
    """openAlgoOrders and conditional/openOrders: those still waiting for their price."""
    wanted = parameters.scope(call, account.venue.listing, market, mandatory=False)
    number = call.params.get("algoId")
    return [
        conditional_row(order)
        for order in account.books_for_rest().open.values()
        if order.instrument in wanted and order.native.get("family") == family and number in (None, order.order_id)
    ]


def one_algo_order(account: BinanceAccount, call: Call) -> Row:
    """algoOrder: by `algoId` or `clientAlgoId`. Raises -2013."""
    order = find_conditional(account, call, "algo", "algoId", "clientAlgoId")
    if order is None:
        raise errors.no_such_order()
    return algo_row(order)


def all_conditional(account: BinanceAccount, call: Call, market: str, family: str) -> list[Row]:
    """allAlgoOrders and conditional/allOrders: living and ended ones."""
    wanted = parameters.scope(call, account.venue.listing, market, mandatory=family == "algo")
    rows = parameters.limit(call, 500, 1000)
    span = parameters.span(call, 7 * 24, account.venue.clock.now_ms())
    first = parameters.whole(call, "algoId" if family == "algo" else "strategyId") or 0
    found = [
        order
        for order in account.books_for_rest().orders.values()
        if order.instrument in wanted
        and order.native.get("family") == family
        and int(order.order_id) >= first
        and (bool(first) or span.holds(order.created_ms))
    ]
    found.sort(key=lambda order: int(order.order_id))
    chosen = found[:rows] if first or span.is_asked else found[-rows:]
    return [conditional_row(order) for order in chosen]


def find_conditional(
    account: BinanceAccount, call: Call, family: str, id_name: str, client_id_name: str
) -> Order | None:
    """The conditional order that the parameters name. Raises -1102."""
    number, client_id = call.params.get(id_name), call.params.get(client_id_name)
    if not number and not client_id:
        raise errors.missing(id_name)
    for order in reversed(list(account.books_for_rest().orders.values())):
        named = order.order_id == number if number else order.client_order_id == client_id
        if named and order.native.get("family") == family:
            return order
    return None
