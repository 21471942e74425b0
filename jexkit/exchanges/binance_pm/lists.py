"""Binance Portfolio Margin: lists of orders and trades. The exchange has them by family and symbol, a page at a time.

https://developers.binance.com/docs/derivatives/portfolio-margin/trade, "All ... Orders", "... Trade List", and account,
"... Income History". The weights are those of the official connector.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeAlias

import attrs

from jexkit.core import fields
from jexkit.core.dialect import Traces
from jexkit.core.fields import Message
from jexkit.core.values import Flow
from jexkit.events import OrderUpdate
from jexkit.exchanges.binance_pm import names, trades
from jexkit.exchanges.binance_pm.names import MARGIN

AskList: TypeAlias = Callable[..., Flow[list[Message]]]
"""Asks a path, with parameters, for a list of objects."""
Place: TypeAlias = tuple[str, str]
"""Family and symbol."""

MOST_GUESSED = 30  # margin symbols to look into because their assets have moved


@attrs.frozen
class OrderList:
    """A list of the orders of one symbol, ended ones among them."""

    path: str
    sort: names.Order
    number: str  # under which name a row has the id by which the list goes on; the parameter is called alike
    page: int  # the most rows in one answer
    singly: int  # so many orders cost less when they are asked for one by one


ORDERS = {
    "UM": OrderList("/papi/v1/um/allOrders", names.REST_FUTURES_ORDER, "orderId", 1000, 5),
    "CM": OrderList("/papi/v1/cm/allOrders", names.REST_FUTURES_ORDER, "orderId", 100, 20),
    MARGIN: OrderList("/papi/v1/margin/allOrders", names.REST_MARGIN_ORDER, "orderId", 500, 10),
}
CONDITIONAL = {
    "UM": OrderList("/papi/v1/um/algo/allAlgoOrders", names.REST_ALGO_ORDER, "algoId", 1000, 5),
    "CM": OrderList("/papi/v1/cm/conditional/allOrders", names.REST_CONDITIONAL_ORDER, "strategyId", 500, 1),
}
WEIGHTS = {  # with a symbol, and without
    "/papi/v1/balance": (20, 20),
    "/papi/v1/um/openOrders": (1, 40),
    "/papi/v1/cm/openOrders": (1, 40),
    "/papi/v1/margin/openOrders": (5, 50),  # without a symbol "charged as many requests as there are symbols"
    "/papi/v1/um/algo/openAlgoOrders": (1, 40),
    "/papi/v1/cm/conditional/openOrders": (1, 40),
    "/papi/v1/cm/conditional/allOrders": (1, 40),
    "/papi/v1/margin/order": (10, 10),
    "/papi/v1/um/positionRisk": (5, 5),
    "/papi/v1/um/income": (30, 30),
    "/papi/v1/cm/income": (30, 30),
    "/papi/v1/um/userTrades": (5, 5),
    "/papi/v1/cm/userTrades": (20, 40),
    "/papi/v1/margin/myTrades": (5, 5),
    "/papi/v1/um/allOrders": (5, 5),
    "/papi/v1/cm/allOrders": (20, 40),
    "/papi/v1/margin/allOrders": (100, 100),
    "/papi/v1/um/algo/allAlgoOrders": (5, 5),
}


def weight(path: str, *, has_symbol: bool) -> float:
    """What a question takes of the 6000 a minute."""
    scoped, whole = WEIGHTS.get(path, (1, 1))
    return float(scoped if has_symbol else whole)


def since(ask: AskList, of: OrderList, symbol: str, since_ms: int, until_ms: int) -> Flow[list[Message]]:
    """The orders of a symbol that were placed since then, a day at a time; the windows of the three families differ."""
    found: list[Message] = []
    for start_ms in range(since_ms, until_ms + 1, trades.DAY_MS):
        end_ms = min(start_ms + trades.DAY_MS - 1, until_ms)
        page = yield from ask(of.path, symbol=symbol, startTime=start_ms, endTime=end_ms, limit=of.page)
        found += page
        if len(page) >= of.page:  # more than fits: go on by id from here to now
            found += yield from _later(ask, of, symbol, page)
            break
    return found


def _later(ask: AskList, of: OrderList, symbol: str, page: Sequence[Message]) -> Flow[list[Message]]:
    """The orders after those of a full page; the id to begin with is inclusive."""
    later: list[Message] = []
    while len(page) >= of.page:
        last = max(_number(row, of) for row in page)
        page = yield from ask(of.path, **{"symbol": symbol, of.number: last + 1, "limit": of.page})
        page = [row for row in page if _number(row, of) > last]
        later += page
    return later


def these(ask: AskList, of: OrderList, symbol: str, ids: Iterable[int]) -> Flow[list[Message]]:
    """Those of the orders of a symbol that are cheaper in lists than one by one; the rest is left out."""
    missing, found = sorted(ids), list[Message]()
    while len(missing) > of.singly:
        page = yield from ask(of.path, **{"symbol": symbol, of.number: missing[0], "limit": of.page})
        wanted = set(missing)
        here = [row for row in page if _number(row, of) in wanted]
        found += here
        if len(here) <= of.singly or len(page) < of.page:
            break
        last = max(_number(row, of) for row in page)
        missing = [number for number in missing if number > last]
    return found


def _number(row: Message, of: OrderList) -> int:
    return trades.number(fields.text(row, of.number))


# --- where to look ----------------------------------------------------------------------------------------------------


def traced(traces: Traces) -> set[Place]:
    """Where an order was or is open, and where a position has changed."""
    found = {(order.key.split(":")[0], order.symbol) for order in traces.orders}
    for position in traces.positions:
        if position.quantity or position.time_ms >= traces.since_ms:
            found.add((position.key.split(":")[0], position.symbol))
    return found


def guessed(traces: Traces, known: Iterable[Place]) -> list[Place]:
    """The margin symbols that could be made of the assets whose amounts have changed, beside those that are known.

    Margin has no list over all symbols and no ledger of fees: what moved is the only trace of a trade.
    """
    moved = list(_moved_assets(traces))
    pairs = {(MARGIN, base + quote) for base in moved for quote in moved if base != quote}
    return sorted(pairs - set(known))


def _moved_assets(traces: Traces) -> Iterator[str]:
    for balance in traces.balances:
        family, _, asset = balance.key.partition(":")
        if family == MARGIN:
            held = traces.held.get(balance.key)
            before = held.total if held is not None else None
            if (before or 0) != (balance.total or 0):
                yield asset


def ids(orders: Iterable[OrderUpdate]) -> list[int]:
    """The numbers of orders, as far as they are numbers."""
    return [number for number in (trades.number(order.order_id) for order in orders) if number >= 0]
