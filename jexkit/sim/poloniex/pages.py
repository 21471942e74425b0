"""The lists of the REST API that come in pages: open orders, finished orders, trades. All are newest first.

`from` is the id (for trades: the pageId) at which the query begins, 0 or nothing at first; `direction` NEXT goes on to
older ones, PRE to newer ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from jexkit.sim.books import Fill, Order
from jexkit.sim.calls import Call
from jexkit.sim.clock import Clock
from jexkit.sim.poloniex import errors, frames
from jexkit.sim.poloniex.account import PoloniexAccount
from jexkit.sim.poloniex.frames import rest_order, rest_trade, state_of
from jexkit.sim.poloniex.rules import PoloniexRules

Item = TypeVar("Item")

DAY_MS = 86_400_000


class Pages:
    """The three lists."""

    def __init__(self, rules: PoloniexRules, clock: Clock) -> None:
        self._rules = rules
        self._clock = clock

    def open_orders(self, account: PoloniexAccount, call: Call) -> Any:
        """GET /orders."""
        found = _newest_first(_chosen(list(account.books_for_rest().open.values()), call), _order_number)
        page = self._cut(found, _order_number, call, self._rules.open_orders_page, self._rules.open_orders_most)
        return [rest_order(order) for order in page]

    def history(self, account: PoloniexAccount, call: Call) -> Any:
        """GET /orders/history."""
        begin, end = self._span(call)
        ended = [order for order in account.books_for_rest().orders.values() if order.status.is_final]
        found = [order for order in _chosen(ended, call) if begin <= order.created_ms <= end]
        found = [order for order in found if _is_asked_for(order, call)]
        newest = _newest_first(found, _order_number)
        page = self._cut(newest, _order_number, call, self._rules.page, self._rules.page_most)
        rows = [rest_order(order) for order in page]
        if self._rules.numeric_history_ids:
            rows = [{**row, "id": int(row["id"])} for row in rows]
        return rows

    def trades(self, account: PoloniexAccount, call: Call) -> Any:
        """GET /trades."""
        begin, end = self._span(call)
        books = account.books_for_rest()
        symbols = _list(call, "symbols")
        found = [fill for fill in books.fills if begin <= fill.time_ms <= end]
        found = [fill for fill in found if not symbols or fill.instrument.symbol in symbols]
        newest = _newest_first(found, frames.page_id)
        page = self._cut(newest, frames.page_id, call, self._rules.page, self._rules.page_most)
        return [rest_trade(fill, _order_of(fill, books.orders)) for fill in page]

    def _span(self, call: Call) -> tuple[int, int]:
        """From and to, the last days if none is given. Raises Refused for a longer time than is allowed."""
        longest = self._rules.history_span_days * DAY_MS
        end = _whole(call, "endTime") or self._clock.now_ms()
        begin = _whole(call, "startTime")
        begin = end - longest if begin is None else begin
        if end - begin > longest:
            raise errors.span_too_long()
        return begin, end

    def _cut(
        self, found: Sequence[Item], number: Callable[[Item], int], call: Call, usual: int, most: int
    ) -> Sequence[Item]:
        limit = _whole(call, "limit")
        limit = usual if limit is None else limit
        if limit < 1:
            raise errors.refused(21345, "Value of limit param value must be greater than 0")
        limit, start = min(limit, most), _whole(call, "from")
        if not start:
            return found[:limit]
        included = self._rules.from_is_included
        if call.params.get("direction", "NEXT") == "PRE":
            newer = [item for item in found if number(item) > start or (included and number(item) == start)]
            return newer[-limit:]
        older = [item for item in found if number(item) < start or (included and number(item) == start)]
        return older[:limit]


def _newest_first(items: Sequence[Item], number: Callable[[Item], int]) -> list[Item]:
    return sorted(items, key=number, reverse=True)


def _order_number(order: Order) -> int:
    return int(order.order_id)


def _order_of(fill: Fill, orders: dict[tuple[str, str, str], Order]) -> Order:
    return orders[fill.instrument.market, fill.instrument.symbol, fill.order_id]


def _chosen(orders: Sequence[Order], call: Call) -> list[Order]:
    symbol, side = call.params.get("symbol"), call.params.get("side")
    return [order for order in orders if symbol in (None, order.symbol) and side in (None, order.side)]


def _is_asked_for(order: Order, call: Call) -> bool:
    states, types = _list(call, "states"), _list(call, "types") or _list(call, "type")
    if call.params.get("hideCancel", "false").lower() == "true" and state_of(order) == "CANCELED":
        return False
    return (not states or state_of(order) in states) and (not types or order.type.upper() in types)


def _list(call: Call, name: str) -> list[str]:
    return [part for part in call.params.get(name, "").split(",") if part]


def _whole(call: Call, name: str) -> int | None:
    text = call.params.get(name, "")
    if not text:
        return None
    if not text.lstrip("-").isdigit():
        raise errors.invalid_parameter(name)
    return int(text)
