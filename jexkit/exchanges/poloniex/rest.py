"""Poloniex: the spot REST interface.

https://api-docs.poloniex.com/spot/api/private. Every private request is signed by itself, with the time in a header.
Positions there are none: spot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import quote

import attrs

from jexkit.accounts import Poloniex
from jexkit.core import exact, fields
from jexkit.core.dialect import Dialect, Pace, Places, Traces, just_before
from jexkit.core.fields import Message, Missing
from jexkit.core.reading import Reading
from jexkit.core.replies import not_the_exchange, retry_after
from jexkit.core.values import Ask, Flow, HttpReply, HttpRequest, Receipt, Security
from jexkit.errors import BadRequest, ProtocolError
from jexkit.events import BalanceUpdate, Event, Fill, OrderUpdate, Origin, PositionUpdate
from jexkit.exchanges.poloniex import signing, wire
from jexkit.exchanges.poloniex.refusals import error_of

USER_AGENT = "jexkit"  # the edge (CloudFront) refuses requests that carry none

PAGE = 1000  # rows; the most of trades, by the exchange's documents
SMALL_PAGE = 100  # the most of all lists by its SDK's
TOO_MANY_ROWS = (601, 21344)  # "Invalid parameter", "Value of limit param is greater than max value of 100"
WINDOW_MS = 7 * 86_400_000 - 1  # of one list of trades; error 21355 speaks of 7 days, the documents of 180
BEGINNING_MS = 1_627_603_200_000  # 2021-07-30: the list of trades begins there
AHEAD_MS = 60_000  # the end of a list of trades: a little later than now, so that none is cut off
FILLS, ENDED = "fills", "ended orders"  # the lists of changes
SHORT = 10  # fewer rows than this end a list; a page with less than what was asked for may be the exchange's most
LIGHT = 0.2  # of a list's weight: single orders and balances are allowed five times as often
DIRECTIONS = ("NEXT", "PRE")

E = TypeVar("E", bound=Event)

__all__ = ["USER_AGENT", "Reply", "Rest", "error_of"]


@attrs.frozen
class Reply:
    """A decoded answer, and when it came."""

    content: Any = attrs.field(repr=False)
    received_ms: int


class Rest(Dialect):
    """The REST interface for one account; ``name`` is the stream's, for the events."""

    span_ms = 60_000  # lists may have no more than a hundred rows a page
    # By lists, the smaller of the numbers that are told: ten in any second, a burst and what grows back after it.
    pace = Pace(per_second=6.0, burst=3.0)

    def __init__(self, account: Poloniex, name: str) -> None:
        self._account = account
        self._name = name
        self._page = PAGE  # rows to ask for

    # --- asking -----------------------------------------------------------------------------------------------------

    def prepare(self, ask: Ask, wall_ms: int) -> HttpRequest:
        query = signing.query(ask.params)
        url = self._account.rest_url + ask.path + (f"?{query}" if query else "")
        headers = {"Accept": "application/json", "User-Agent": USER_AGENT}
        if ask.security is Security.SIGNED:
            headers |= {
                "key": self._account.api_key,
                "signTimestamp": str(wall_ms),
                "signature": signing.rest_signature(
                    self._account.secret_key, ask.method, ask.path, ask.params, wall_ms
                ),
                "signatureMethod": "hmacSHA256",
                "signatureVersion": "1",
            }
        return HttpRequest(ask.method, url, headers)

    def read(self, ask: Ask, reply: HttpReply, wall_ms: int) -> Reply:
        what = f"{ask.method} {ask.path}"
        try:
            content = exact.decode(reply.body)
        except exact.NotJson:
            raise not_the_exchange("Poloniex", what, reply, wall_ms) from None
        if isinstance(content, dict) and _is_error(content, reply.status):
            secrets = self._account.secrets
            raise error_of(content, what, status=reply.status, wait=retry_after(reply, wall_ms), secrets=secrets)
        if reply.status >= 300:
            raise not_the_exchange("Poloniex", what, reply, wall_ms)
        return Reply(content, wall_ms)

    # --- reads ------------------------------------------------------------------------------------------------------

    def clock(self) -> Flow[int]:
        reply = yield Ask("GET", "/timestamp")
        time_ms = fields.time_ms(reply.content, "serverTime") if isinstance(reply.content, dict) else None
        if time_ms is None:
            raise ProtocolError("Poloniex: GET /timestamp: the answer has no serverTime; check rest_url")
        return time_ms

    def open_orders(self, symbols: Sequence[str] = ()) -> Flow[list[OrderUpdate]]:
        del symbols  # the exchange lists all of them
        return (yield from self._pages("/orders", {}, "id", wire.order))

    def order(self, order_id: str, *, symbol: str = "", market: str = "") -> Flow[OrderUpdate]:
        """One order; ``cid:`` before the id makes it a client order id. Raises OrderUnknown."""
        del symbol, market
        path = f"/orders/{quote(order_id, safe=':')}"
        reply = yield Ask("GET", path, security=Security.SIGNED, weight=LIGHT)
        return self._rows(reply, [reply.content], path, wire.order)[0]

    def fills(self, since_ms: int, *, symbols: Sequence[str] = ()) -> Flow[list[Fill]]:
        """Fills of all symbols since a time, oldest first; the list is over all, so ``symbols`` are not needed."""
        del symbols
        return (yield from self._fills(since_ms, (yield from self.clock()) + AHEAD_MS))

    def _fills(self, since_ms: int, until_ms: int) -> Flow[list[Fill]]:
        found: list[Fill] = []
        for window in _windows(max(since_ms, BEGINNING_MS), until_ms):
            found += yield from self._pages("/trades", window, "pageId", wire.fill)
        return sorted(found, key=lambda fill: (fill.time_ms, len(fill.trade_id), fill.trade_id))

    def places(self, traces: Traces) -> Flow[Places]:
        """Two lists over everything."""
        del traces
        yield from ()
        return Places((FILLS, ENDED))

    def changes(
        self, since_ms: int, place: str, until_ms: int | None = None
    ) -> Flow[tuple[list[OrderUpdate], list[Fill]]]:
        """Fills, or the orders that have ended.

        In a list an id was seen as a JSON number, and rounded; such a row names no order, which is asked for by the id
        that its fill has.
        """
        if until_ms is None:
            until_ms = (yield from self.clock()) + AHEAD_MS
        if place == FILLS:
            return [], (yield from self._fills(since_ms, until_ms))
        orders: list[OrderUpdate] = []
        for window in _windows(max(since_ms, BEGINNING_MS), until_ms):
            orders += yield from self._pages("/orders/history", window, "id", wire.order, skip=_has_rounded_id)
        return orders, []

    def balances(self) -> Flow[list[BalanceUpdate]]:
        """All currencies. The answer has no time, and the exchange's clock is read before it is asked for: an update of
        the stream that is later than that counts as news, even where the answer has it already."""
        time_ms = just_before((yield from self.clock()))
        reply = yield _signed("/accounts/balances", {"accountType": "SPOT"}, LIGHT)
        accounts = self._list(reply.content, "/accounts/balances")
        rows = [row for account in accounts if isinstance(account, dict) for row in fields.rows(account, "balances")]
        return self._rows(reply, rows, "/accounts/balances", lambda row, reading: wire.balance(row, reading, time_ms))

    def positions(self) -> Flow[list[PositionUpdate]]:
        yield from ()
        return []

    def _pages(
        self,
        path: str,
        params: Mapping[str, str],
        cursor: str,
        read_row: Callable[[Message, Reading], E],
        *,
        skip: Callable[[Any], bool] | None = None,
    ) -> Flow[list[E]]:
        """A list, page after page: each begins ``from`` the last row of the page before.

        The documents call ``direction`` "before or after from" and do not say in what order rows come, so where NEXT
        brings nothing new PRE is tried too. Nor do they say of each list how much may be asked for: an exchange that
        refuses large pages is not asked for them again.
        """
        found: dict[str, E] = {}
        last = ""
        directions: tuple[str, ...] = DIRECTIONS
        while True:
            size = self._page
            page = {**params, "limit": str(size)} | ({"from": last, "direction": directions[0]} if last else {})
            try:
                reply = yield _signed(path, page)
            except BadRequest as error:
                if size <= SMALL_PAGE or error.code not in TOO_MANY_ROWS:
                    raise
                self._page = SMALL_PAGE
                continue
            rows = self._list(reply.content, path)
            readable = [row for row in rows if skip is None or not skip(row)]
            events = {event.id: event for event in self._rows(reply, readable, path, read_row)}
            fresh = events.keys() - found.keys()
            found.update(events)
            if last and not fresh:
                directions = directions[1:] if len(rows) > 1 else ()  # nothing but the row itself: this was the end
            if not directions or (len(rows) < SHORT and (fresh or not last)):
                return list(found.values())
            if fresh:
                last = fields.text(rows[-1], cursor) or fields.text(rows[-1], "id")

    def _list(self, content: Any, path: str) -> list[Any]:
        if not isinstance(content, list):
            raise ProtocolError(f"Poloniex: GET {path}: the answer is not the documented list; check rest_url")
        return content

    def _rows(self, reply: Reply, rows: list[Any], path: str, read_row: Callable[[Message, Reading], E]) -> list[E]:
        """The events in a list of objects. Raises ProtocolError where one says nothing: a read must be whole."""
        events: list[E] = []
        for row in rows:
            receipt = Receipt(self._name, reply.received_ms, exact.encode(row), Origin.RECOVERED)
            try:
                events.append(read_row(row if isinstance(row, dict) else {}, Reading(wire.EXCHANGE, path, receipt)))
            except Missing as missing:
                raise ProtocolError(f"Poloniex: GET {path}: {missing}") from None
        return events


def _windows(start_ms: int, until_ms: int) -> Iterator[dict[str, str]]:
    while start_ms <= until_ms:
        end_ms = min(start_ms + WINDOW_MS, until_ms)
        yield {"startTime": str(start_ms), "endTime": str(end_ms)}
        start_ms = end_ms + 1


def _has_rounded_id(row: Any) -> bool:
    return isinstance(row, dict) and not isinstance(row.get("id"), str)


def _signed(path: str, params: Mapping[str, str], weight: float = 1.0) -> Ask:
    return Ask("GET", path, tuple(params.items()), Security.SIGNED, weight=weight)


def _is_error(content: Message, status: int) -> bool:
    """An error has a code (200 is the code of success) or at least, with a status to match, a message."""
    if "code" in content:
        return fields.integer(content, "code") != 200
    return status >= 400 and "message" in content
