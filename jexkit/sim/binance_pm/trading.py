"""Orders over REST, so that any client of Portfolio Margin can trade here: place, cancel, amend."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from jexkit.sim.binance_pm import errors, parameters
from jexkit.sim.binance_pm.conditional_reads import conditional_row, find_conditional
from jexkit.sim.binance_pm.order_reads import find_order, order_row
from jexkit.sim.binance_pm.symbols import MARGIN, UM
from jexkit.sim.books import Order
from jexkit.sim.calls import Answer, Call
from jexkit.sim.instruments import Instrument

if TYPE_CHECKING:
    from jexkit.sim.binance_pm.account import BinanceAccount

SIDES, MARKET_TYPES, LIMIT_TYPES = ("BUY", "SELL"), ("MARKET",), ("LIMIT", "LIMIT_MAKER")


def place(account: BinanceAccount, call: Call, market: str) -> Answer:
    """POST order. A market order, or a limit order across the last price, is executed before the answer is written."""
    instrument = parameters.instrument(call, account.venue.listing, market)
    kind, side = parameters.needed(call, "type"), parameters.needed(call, "side")
    if kind not in (*MARKET_TYPES, *LIMIT_TYPES):
        raise errors.refused(-1116, "Invalid orderType.")
    if side not in SIDES:
        raise errors.refused(-1117, "Invalid side.")
    last = account.venue.price(instrument)
    price = _limit_price(call) if kind in LIMIT_TYPES else None
    crosses = kind in MARKET_TYPES or (price is not None and (price >= last if side == "BUY" else price <= last))
    time_in_force = call.params.get("timeInForce", "GTC")
    if crosses and kind not in MARKET_TYPES and (kind == "LIMIT_MAKER" or time_in_force == "GTX"):
        raise errors.refused(-5022, "Due to the order could not be executed as maker, the Post Only order is rejected.")
    count = account.venue.limits.count_order(account.name, account.venue.rules.orders_per_minute)
    with account.moment():
        order = account.place(
            instrument.symbol,
            side,
            _quantity(call, last),
            price,
            kind,
            market=market,
            client_order_id=call.params.get("newClientOrderId"),
            time_in_force=time_in_force,
            reduce_only=parameters.is_true(call, "reduceOnly"),
            position_side=call.params.get("positionSide", "BOTH"),
        )
        if crosses and (kind in MARKET_TYPES or account.venue.rules.match_marketable):
            account.fill(order, price=last, maker=False)
        elif time_in_force in {"IOC", "FOK"}:
            account.expire(order)
    return Answer(_acknowledged(account, order), headers={"X-MBX-ORDER-COUNT-1M": str(count)})


def _limit_price(call: Call) -> Decimal:
    parameters.needed(call, "price")
    price = parameters.amount(call, "price")
    if price is None or price <= 0:
        raise errors.malformed("price")
    return price


def _quantity(call: Call, last: Decimal) -> Decimal:
    quote = parameters.amount(call, "quoteOrderQty")
    if quote is not None:
        return (quote / last).quantize(Decimal("0.00001"))
    parameters.needed(call, "quantity")
    return parameters.amount(call, "quantity") or Decimal(0)


def cancel(account: BinanceAccount, call: Call, market: str) -> dict[str, Any]:
    """DELETE order. Raises -2011 for an order that is not open."""
    order = find_order(account, call, market)
    if order is None or order.status.is_final:
        raise errors.cancel_rejected()
    living = account.books.orders[order.market, order.symbol, order.order_id]
    account.cancel(living, cancel_id=call.params.get("newClientOrderId", f"cancel-{living.order_id}"))
    return _acknowledged(account, living)


def cancel_all(account: BinanceAccount, call: Call, market: str) -> Any:
    """DELETE allOpenOrders: futures answer with code 200, margin with the cancelled orders."""
    instrument = parameters.instrument(call, account.venue.listing, market)
    living = [one for one in account.books.open.values() if one.instrument is instrument and "family" not in one.native]
    for order in living:
        account.cancel(order)
    if market == MARGIN:
        if not living:
            raise errors.cancel_rejected()
        return [_acknowledged(account, order) for order in living]
    return {"code": 200, "msg": "The operation of cancel all open order is done."}


def amend(account: BinanceAccount, call: Call, market: str) -> dict[str, Any]:
    """PUT order: another price and quantity, in place."""
    order = find_order(account, call, market)
    if order is None or order.status.is_final:
        raise errors.no_such_order()
    living = account.books.orders[order.market, order.symbol, order.order_id]
    price, quantity = parameters.amount(call, "price"), parameters.amount(call, "quantity")
    account.amend(living, price=price, quantity=quantity, modify_id=call.params.get("modifyId"))
    return _acknowledged(account, living)


def _acknowledged(account: BinanceAccount, order: Order) -> dict[str, Any]:
    row = order_row(account, order)
    if order.market == MARGIN:
        return {**row, "transactTime": order.updated_ms, "fills": []}
    for name in ("avgPrice", "cumQuote"):  # gone from acknowledgements since summer 2026
        row.pop(name, None)
    return row


def place_conditional(account: BinanceAccount, call: Call, market: str) -> Answer:
    """POST algo/order (USDS-M) and conditional/order (COIN-M)."""
    instrument: Instrument = parameters.instrument(call, account.venue.listing, market)
    algo = call.path.endswith("/algo/order")
    kind = parameters.needed(call, "type" if algo else "strategyType").lower()
    trailing = kind == "trailing_stop_market"
    stop = None if trailing else parameters.needed(call, "triggerPrice" if algo else "stopPrice")
    count = account.venue.limits.count_order(account.name, account.venue.rules.orders_per_minute)
    order = account.place_conditional(
        instrument.symbol,
        parameters.needed(call, "side"),
        parameters.needed(call, "quantity"),
        stop or "0",
        kind,
        market=market,
        algo=algo,
        price=parameters.amount(call, "price"),
        client_order_id=call.params.get("clientAlgoId" if algo else "newClientStrategyId"),
        reduce_only=parameters.is_true(call, "reduceOnly"),
        position_side=call.params.get("positionSide", "BOTH"),
        activation_price=parameters.amount(call, "activationPrice") or 0,
        callback_rate=parameters.amount(call, "callbackRate") or 0,
    )
    return Answer(conditional_row(order), headers={"X-MBX-ORDER-COUNT-1M": str(count)})


def cancel_conditional(account: BinanceAccount, call: Call, market: str) -> dict[str, Any]:
    """DELETE algo/order and conditional/order."""
    if market == UM and call.path.endswith("/algo/order"):
        order = find_conditional(account, call, "algo", "algoId", "clientAlgoId")
    else:
        order = find_conditional(account, call, "conditional", "strategyId", "newClientStrategyId")
    if order is None or order.status.is_final:
        raise errors.cancel_rejected()
    living = account.books.orders[order.market, order.symbol, order.order_id]
    account.cancel(living)
    if living.native["family"] == "algo":
        named = {"algoId": int(living.order_id), "clientAlgoId": living.client_order_id}
        return {**named, "code": "200", "msg": "success"}
    return conditional_row(living)
