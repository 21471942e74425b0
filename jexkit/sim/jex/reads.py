"""Snapshots over REST, after rest-api.md and its samples, with their drifting types."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from jexkit.sim.amounts import ZERO, fixed, plain
from jexkit.sim.books import Balance, Fill, Order, Position
from jexkit.sim.calls import Call
from jexkit.sim.instruments import Instrument
from jexkit.sim.jex import errors, frames, margin
from jexkit.sim.jex.symbols import CONTRACT, MARKETS, OPTION, SPOT
from jexkit.sim.jsontext import decode
from jexkit.sim.settlement import unrealised

if TYPE_CHECKING:
    from jexkit.sim.jex.account import JexAccount

Row = dict[str, Any]
CHINA = timezone(timedelta(hours=8))
SHOWN_AT_ONCE = {"openOrders": 500, "historyOrders": 500, "trades": 1000, "bill": 100}


def instrument(account: JexAccount, call: Call, market: str) -> Instrument:
    """The instrument named by the mandatory parameter `symbol`."""
    name = call.params.get("symbol")
    if not name:
        raise errors.missing("symbol")
    try:
        return account.venue.instrument(name, market)
    except ValueError:
        raise errors.unknown_symbol() from None


def whole(call: Call, name: str) -> int | None:
    """An integer parameter, None if it was not sent."""
    text = call.params.get(name)
    if text is not None and not text.isdecimal():
        raise errors.malformed(name)
    return None if text is None else int(text)


def account(account: JexAccount) -> Row:
    """account: the balances of all wallets. The contract wallet writes its assets in lower case."""
    books = account.books_for_rest()
    row: Row = {"updateTime": account.venue.clock.now_ms()}
    for market in (CONTRACT, OPTION, SPOT):
        mine = [one for one in books.balances.values() if one.wallet == market]
        row[f"{market}Balances"] = [_balance(account, one) for one in mine]
    return row


def _balance(account: JexAccount, balance: Balance) -> Row:
    held = sum(margin.margins(account.books_for_rest(), balance), ZERO)
    on_chain = balance.wallet == SPOT
    return {
        "asset": balance.asset.lower() if balance.wallet == CONTRACT else balance.asset,
        "canDeposit": on_chain,
        "canTrade": True,
        "canWithdraw": on_chain,
        "free": plain(balance.free - held),
        "locked": plain(balance.locked + held),
    }


def spot_row(account: JexAccount, order: Order) -> Row:
    """A spot or option order."""
    places = 8 if order.market == SPOT else 2
    return {
        "symbol": order.symbol,
        "orderId": order.order_id,
        "price": fixed(order.price, places),
        "origQty": fixed(order.quantity, places),
        "executedQty": fixed(order.filled, places),
        "cummulativeQuoteQty": fixed(order.quote_filled, places),
        "status": account.native_status(order),
        "timeInForce": "GTC",
        "type": order.type.upper(),
        "side": order.side,
        "time": order.created_ms,
        "updateTime": order.updated_ms,
        "working": not order.status.is_final,
    }


def contract_row(account: JexAccount, order: Order) -> Row:
    """A contract order; sells have negative quantities, missing values are null."""
    rules = account.venue.rules
    word = account.native_status(order)
    return {
        "symbol": order.symbol,
        "orderId": order.order_id,
        "updateTime": order.updated_ms,
        "side": order.side,
        "origQty": fixed(frames.signed_quantity(order, order.quantity, rules), 4),
        "executedQty": fixed(frames.signed_quantity(order, order.filled, rules), 4),
        "price": plain(order.price),
        "executedPrice": plain(order.average_price.quantize(order.instrument.tick)) if order.filled else None,
        "status": "" if rules.empty_contract_status else word,
        "time": order.created_ms,
        "reject": order.native.get("reason") or None,
        "type": order.type.upper(),
    }


def order_row(account: JexAccount, order: Order) -> Row:
    """One order in the shape of its market."""
    return contract_row(account, order) if order.market == CONTRACT else spot_row(account, order)


def open_orders(account: JexAccount, call: Call, market: str) -> list[Row]:
    """openOrders of one symbol; a contract order that is still being placed is not among them."""
    wanted = instrument(account, call, market)
    living = account.books_for_rest().open.values()
    found = [one for one in living if one.instrument == wanted and one.status.name != "PENDING"]
    like_spot = account.venue.rules.contract_open_orders_like_spot
    row = spot_row if like_spot else order_row
    return [row(account, one) for one in _filtered(found, call)]


def history_orders(account: JexAccount, call: Call, market: str) -> list[Row]:
    """historyOrders of one symbol: those that have ended."""
    wanted = instrument(account, call, market)
    orders = account.books_for_rest().orders.values()
    ended = [one for one in orders if one.instrument == wanted and one.status.is_final]
    return [order_row(account, one) for one in _filtered(ended, call)]


def _filtered(orders: list[Order], call: Call) -> list[Order]:
    after = whole(call, "orderId")
    start, end = whole(call, "startTime") or 0, whole(call, "endTime") or 1 << 62
    limit = min(whole(call, "limit") or 500, SHOWN_AT_ONCE["openOrders"])
    kept = [one for one in orders if start <= one.created_ms <= end and (after is None or int(one.order_id) > after)]
    return kept[:limit] if after is not None or "startTime" in call.params else kept[-limit:]


def one_order(account: JexAccount, call: Call, market: str) -> Row:
    """order: by symbol and `orderId`. Raises -2013."""
    return order_row(account, find_order(account, call, market))


def find_order(account: JexAccount, call: Call, market: str) -> Order:
    """The order that the parameters name. Raises -1102 or -2013."""
    wanted = instrument(account, call, market)
    number = call.params.get("orderId")
    if not number:
        raise errors.missing("orderId")
    order = account.books_for_rest().orders.get((market, wanted.symbol, number))
    if order is None:
        raise errors.no_such_order()
    return order


def batch_order(account: JexAccount, call: Call) -> list[Row]:
    """contract/batchOrder: answers line up with the request, errors inline, words in lower case."""
    text = call.params.get("ordersJsonArray")
    try:
        asked = decode(text or "")
    except ValueError:
        raise errors.missing("ordersJsonArray") from None
    return [_batch_row(account, str(item.get("orderId"))) for item in asked[:100]]


def _batch_row(account: JexAccount, number: str) -> Row:
    for order in account.books_for_rest().orders.values():
        if order.market == CONTRACT and order.order_id == number:
            row = contract_row(account, order)
            row.pop("reject")
            return {**row, "status": row["status"].lower(), "side": row["side"].lower(), "type": row["type"].lower()}
    return {"msg": "Order does not exist.", "code": -2013}


def contract_positions(account: JexAccount, call: Call) -> list[Row]:
    """contract/position."""
    symbol = call.params.get("symbol")
    held = account.books_for_rest().positions.values()
    return [_position(account, one) for one in held if one.quantity and symbol in (None, one.instrument.symbol)]


def _position(account: JexAccount, position: Position) -> Row:
    books, symbol = account.books_for_rest(), position.instrument.symbol
    cost, own = margin.position_cost(position), margin.position_margin(books, position)
    profit = unrealised(position, account.venue.price(position.instrument))
    return {
        "symbol": symbol,
        "direction": "longs" if position.quantity > 0 else "shorts",
        "leverage": f"{margin.leverage(books, symbol)}.00",
        "currentQuantity": fixed(abs(position.quantity), 4),
        "positionMargin": fixed(own, 4),
        "positionCost": fixed(cost, 4),
        "costPrice": fixed(position.entry_price, 8),
        "liquidationPrice": "0.0000",
        "profit": fixed(profit, 4),
        "profitRate": fixed(profit / own if own else ZERO, 10),
        "risk": None,
        "initialMargin": "0.1000",
        "maintenanceMargin": "0.0050",
        "buyOrderCost": fixed(margin.order_worth(books, symbol, "BUY"), 4),
        "sellOrderCost": fixed(margin.order_worth(books, symbol, "SELL"), 4),
        "position": None,
    }


def option_positions(account: JexAccount, call: Call) -> list[Row]:
    """option/position: the options held, which are balances of the option wallet. `execrPrice` is JEX's spelling."""
    symbol = call.params.get("symbol")
    books = account.books_for_rest()
    options = {one.symbol: one for one in account.venue.listing.of(OPTION)}
    rows = []
    for index, balance in enumerate(one for one in books.balances.values() if one.asset in options and one.total):
        if symbol not in (None, balance.asset):
            continue
        named = {"name": balance.asset, "amount": plain(balance.total), "availAmount": plain(balance.free)}
        worth = {"profit": "0", "profitRate": "0", "cost": plain(options[balance.asset].price)}
        kind = {"type": "PUT" if "PUT" in balance.asset else "CALL", "execTime": 1553763600000, "execrPrice": "5.00"}
        rows.append({**named, **worth, **kind, "orderIndex": index})
    return rows


def contract_trades(account: JexAccount, call: Call) -> list[Row]:
    """contract/userHistoricalTrades: newest first; some ids are numbers and some are texts."""
    wanted = instrument(account, call, CONTRACT)
    limit = min(whole(call, "limit") or 100, SHOWN_AT_ONCE["trades"])
    end = whole(call, "endId")
    back = account.venue.rules.end_id_goes_back
    fills = [one for one in account.books_for_rest().fills if one.instrument == wanted]
    if end is not None:
        fills = [one for one in fills if (int(one.trade_id) < end if back else int(one.trade_id) > end)]
        fills = fills[-limit:] if back else fills[:limit]
    return [_trade(account, one) for one in reversed(fills[-limit:])]


def _trade(account: JexAccount, fill: Fill) -> Row:
    number = int(fill.trade_id)
    negative = fill.side == "SELL" and account.venue.rules.negative_sells
    return {
        "id": number if number % 2 == 0 else fill.trade_id,
        "orderId": fill.order_id,
        "price": plain(fill.price),
        "qty": fixed(-fill.quantity if negative else fill.quantity, 4),
        "time": fill.time_ms,
        "feeRate": "0.00000" if fill.maker else fixed(account.venue.rules.taker_fee, 5),
        "buyerMaker": fill.maker == (fill.side == "BUY"),
    }


def contract_bill(account: JexAccount, call: Call) -> list[Row]:
    """contract/bill: amounts are JSON numbers, dates texts without a zone (China's, presumably)."""
    first = whole(call, "fromId") or 0
    start, end = whole(call, "startTime") or 0, whole(call, "endTime") or 1 << 62
    limit = min(whole(call, "limit") or 100, SHOWN_AT_ONCE["bill"])
    fills = [one for one in account.books_for_rest().fills if one.instrument.market == CONTRACT]
    rows = [
        {
            "id": int(one.trade_id),
            "amount": one.quantity,
            "createdDate": datetime.fromtimestamp(one.time_ms / 1000, CHINA).strftime("%Y-%m-%d %H:%M:%S"),
            "symbol": one.instrument.symbol,
            "type": "positionSize",
        }
        for one in fills
        if int(one.trade_id) >= first and start <= one.time_ms <= end
    ]
    return rows[:limit]


def exchange_info(now_ms: int, listed: list[Instrument]) -> Row:
    """exchangeInfo: rate limits and the symbols of the three markets."""
    limits = [("requestsWeight", "MINUTE", 1, 1200), ("orders", "SECOND", 1, 10), ("orders", "DAY", 1, 100000)]
    row: Row = {
        "timezone": "UTC",
        "serverTime": now_ms,
        "rateLimits": [
            {"rateLimitType": kind, "interval": unit, "intervalNum": number, "limit": limit}
            for kind, unit, number, limit in limits
        ],
    }
    for market in MARKETS:
        row[f"{market}Symbols"] = [_symbol(one) for one in listed if one.market == market]
    return row


def _symbol(item: Instrument) -> Row:
    steps = {"tickSize": plain(item.tick), "stepSize": plain(item.step)}
    return {"symbol": item.symbol, "status": "TRADING", "baseAsset": item.base, "quoteAsset": item.quote, **steps}
