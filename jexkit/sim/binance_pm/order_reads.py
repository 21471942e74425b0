"""Order and fill snapshots over REST, for the three families. All read the books that REST may see."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from jexkit.sim.amounts import fixed, plain, rounded
from jexkit.sim.binance_pm import errors, frames, parameters
from jexkit.sim.binance_pm.symbols import CM, MARGIN, UM
from jexkit.sim.books import Fill, Order, Status
from jexkit.sim.calls import Call

if TYPE_CHECKING:
    from jexkit.sim.binance_pm.account import BinanceAccount

DAY_MS = 24 * parameters.HOUR_MS
Row = dict[str, Any]


def futures_order(order: Order) -> Row:
    """One order as um/order and cm/order answer it."""
    quote = order.quote_filled * order.instrument.contract_size
    row: Row = {
        "avgPrice": fixed(order.average_price, 5),
        "clientOrderId": order.client_order_id,
        "executedQty": plain(order.filled),
        "orderId": int(order.order_id),
        "origQty": plain(order.quantity),
        "origType": frames.type_word(order),
        "price": plain(order.price),
        "reduceOnly": order.reduce_only,
        "side": order.side,
        "positionSide": order.position_side,
        "status": frames.status_word(order),
        "symbol": order.symbol,
        "time": order.created_ms,
        "timeInForce": order.time_in_force,
        "type": frames.type_word(order),
        "updateTime": order.updated_ms,
        "selfTradePreventionMode": "NONE",
        "goodTillDate": 0,
        "priceMatch": "NONE",
    }
    if order.market == CM:
        base = sum((order.instrument.notional(fill.quantity, fill.price) for fill in order.fills), Decimal(0))
        return {**row, "cumBase": fixed(base, 8), "pair": order.symbol.partition("_")[0]}
    return {**row, "cumQuote": plain(rounded(quote))}


def margin_order(order: Order, account_id: int) -> Row:
    """One order as margin/order answers it. `cummulativeQuoteQty` is Binance's spelling."""
    return {
        "clientOrderId": order.client_order_id,
        "cummulativeQuoteQty": fixed(order.quote_filled, 8),
        "executedQty": fixed(order.filled, 8),
        "icebergQty": "0.00000000",
        "isWorking": not order.status.is_final,
        "orderId": int(order.order_id),
        "origQty": fixed(order.quantity, 8),
        "price": fixed(order.price, 8),
        "side": order.side,
        "status": frames.status_word(order),
        "stopPrice": "0.00000000",
        "symbol": order.symbol,
        "time": order.created_ms,
        "timeInForce": order.time_in_force,
        "type": frames.type_word(order),
        "updateTime": order.updated_ms,
        "accountId": account_id,
        "selfTradePreventionMode": "EXPIRE_MAKER",
        "preventedMatchId": None,
        "preventedQuantity": None,
    }


def order_row(account: BinanceAccount, order: Order) -> Row:
    """One order in the shape of its family."""
    return margin_order(order, account.number) if order.market == MARGIN else futures_order(order)


def futures_trade(fill: Fill, sign: int) -> Row:
    """One fill as um/userTrades and cm/userTrades answer it."""
    row: Row = {
        "symbol": fill.instrument.symbol,
        "id": int(fill.trade_id),
        "orderId": int(fill.order_id),
        "side": fill.side,
        "price": plain(fill.price),
        "qty": plain(fill.quantity),
        "realizedPnl": fixed(fill.realised, 8),
        "commission": fixed(fill.fee * sign, 8),
        "commissionAsset": fill.fee_asset,
        "time": fill.time_ms,
        "buyer": fill.side == "BUY",
        "maker": fill.maker,
        "positionSide": fill.position_side,
    }
    worth = fill.instrument.notional(fill.quantity, fill.price)
    if fill.instrument.market == CM:
        pair = fill.instrument.symbol.partition("_")[0]
        return {**row, "pair": pair, "marginAsset": fill.instrument.settle, "baseQty": fixed(worth, 8)}
    return {**row, "quoteQty": plain(worth)}


def margin_trade(fill: Fill) -> Row:
    """One fill as margin/myTrades answers it."""
    return {
        "commission": fixed(fill.fee, 8),
        "commissionAsset": fill.fee_asset,
        "id": int(fill.trade_id),
        "isBestMatch": True,
        "isBuyer": fill.side == "BUY",
        "isMaker": fill.maker,
        "orderId": int(fill.order_id),
        "price": fixed(fill.price, 8),
        "qty": fixed(fill.quantity, 8),
        "symbol": fill.instrument.symbol,
        "time": fill.time_ms,
    }


def open_orders(account: BinanceAccount, call: Call, market: str) -> list[Row]:
    """openOrders of a family; without a symbol, of all symbols."""
    wanted = parameters.scope(call, account.venue.listing, market, mandatory=False)
    living = account.books_for_rest().open.values()
    return [order_row(account, one) for one in living if one.instrument in wanted and "family" not in one.native]


def one_order(account: BinanceAccount, call: Call, market: str, *, only_open: bool = False) -> Row:
    """order and openOrder: by `orderId` or `origClientOrderId`. Raises -2013."""
    order = find_order(account, call, market)
    if order is None or (only_open and order.status.is_final) or _is_forgotten(account, order):
        raise errors.no_such_order()
    return order_row(account, order)


def find_order(account: BinanceAccount, call: Call, market: str) -> Order | None:
    """The order that the parameters name, the newest if a client order id was used again. Raises -1102."""
    instrument = parameters.instrument(call, account.venue.listing, market)
    order_id, client_id = parameters.whole(call, "orderId"), call.params.get("origClientOrderId")
    if order_id is None and not client_id:
        raise errors.missing("orderId")
    orders = account.books_for_rest().orders
    if order_id is not None:
        found = [orders.get((market, instrument.symbol, str(order_id)))]
    else:
        found = [one for one in orders.values() if one.instrument == instrument and one.client_order_id == client_id]
    regular = [one for one in found if one is not None and "family" not in one.native]
    return regular[-1] if regular else None


def all_orders(account: BinanceAccount, call: Call, market: str) -> list[Row]:
    """allOrders: living and ended ones, by `orderId` (that one and later) or by time."""
    wanted = parameters.scope(call, account.venue.listing, market)
    usual, most = {UM: (500, 1000), CM: (50, 100), MARGIN: (500, 500)}[market]
    rows = parameters.limit(call, usual, most)
    hours = 24 if market == MARGIN else 7 * 24
    span = parameters.span(call, hours, account.venue.clock.now_ms())
    first = parameters.whole(call, "orderId")
    found = [
        order
        for order in account.books_for_rest().orders.values()
        if order.instrument in wanted
        and "family" not in order.native
        and not _is_forgotten(account, order)
        and (first is None or int(order.order_id) >= first)
        and (first is not None or span.holds(order.created_ms))
    ]
    chosen = _page(found, rows, from_start=first is not None or span.is_asked, key=lambda one: int(one.order_id))
    return [order_row(account, order) for order in chosen]


def trades(account: BinanceAccount, call: Call, market: str) -> list[Row]:
    """userTrades and myTrades: by `fromId` (that one and later) or by time."""
    wanted = parameters.scope(call, account.venue.listing, market)
    first, order_id = parameters.whole(call, "fromId"), parameters.whole(call, "orderId")
    timed = "startTime" in call.params or "endTime" in call.params
    if first is not None and (timed or "pair" in call.params) and market != MARGIN:
        raise errors.odd_combination()
    rows = parameters.limit(call, 50 if market == CM else 500, 1000)
    hours = account.venue.rules.trades_window_hours if market == UM else 24
    span = parameters.span(call, hours, account.venue.clock.now_ms())
    found = [
        fill
        for fill in account.books_for_rest().fills
        if fill.instrument in wanted
        and (order_id is None or fill.order_id == str(order_id))
        and (first is None or int(fill.trade_id) >= first)
        and ((not timed and (first is not None or order_id is not None)) or span.holds(fill.time_ms))
    ]
    chosen = _page(found, rows, from_start=first is not None or span.is_asked, key=lambda one: int(one.trade_id))
    sign = account.venue.rules.commission_sign
    return [margin_trade(one) if market == MARGIN else futures_trade(one, sign) for one in chosen]


def force_orders(account: BinanceAccount, call: Call, market: str) -> list[Row]:
    """forceOrders: liquidations and auto-deleveraging."""
    wanted = parameters.scope(call, account.venue.listing, market, mandatory=False)
    kind = call.params.get("autoCloseType")
    orders = account.books_for_rest().orders.values()
    forced = [one for one in orders if one.instrument in wanted and one.native.get("forced")]
    return [order_row(account, one) for one in forced if kind in (None, one.native["forced"])]


def _page(found: Iterable[Any], rows: int, *, from_start: bool, key: Callable[[Any], int]) -> list[Any]:
    in_order = sorted(found, key=key)
    return in_order[:rows] if from_start else in_order[-rows:]


def _is_forgotten(account: BinanceAccount, order: Order) -> bool:
    """Orders that ended without a fill cannot be asked for after three days."""
    empty = order.status in {Status.CANCELED, Status.EXPIRED} and not order.filled
    age = account.venue.clock.now_ms() - order.updated_ms
    return empty and age > account.venue.rules.forget_unfilled_after_days * DAY_MS
