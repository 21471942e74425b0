"""Deribit: the REST interface.

Every method is ``GET /api/v2/{method}`` with its parameters in the query (docs.deribit.com, JSON-RPC over HTTP). Reads
are signed one by one. The session methods go with an access token, as their own documents show them; the exchange takes
them only over the websocket and says so with error 10030.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import attrs

from jexkit.accounts import Deribit
from jexkit.core import exact, fields
from jexkit.core.dialect import Dialect, Pace, Places, Traces, just_before
from jexkit.core.fields import Message, Missing
from jexkit.core.reading import Reading
from jexkit.core.replies import not_the_exchange, retry_after
from jexkit.core.values import Ask, Flow, HttpReply, HttpRequest, Receipt, Security
from jexkit.errors import AuthenticationError, ProtocolError
from jexkit.events import BalanceUpdate, Event, Fill, OrderUpdate, Origin, PositionUpdate
from jexkit.exchanges.deribit import signing, wire
from jexkit.exchanges.deribit.refusals import TOKEN_REFUSED, error_of

API = "/api/v2/"
AUTH = API + "public/auth"

TRADED_IN = ("BTC", "ETH", "USDC", "USDT", "EURR")
"""The currencies that the lists of trades know. Others have balances, and their trades are under one of these."""
PAGE = 1000  # the most trades in one answer
RECENT_MS = 23 * 3_600_000  # without ``historical`` the last 24 hours are covered; the archive has the rest, and lags
RECENT_ORDERS_MS = 29 * 60_000  # the same for orders, which are recent for half an hour after they have ended
AHEAD_MS = 60_000  # the end of a list of trades: a little later than now, so that none is cut off
SESSION = "session:jexkit"  # without a session's name a token is of use on no other connection than its own
RENEW_AT = 0.8  # of a token's life

E = TypeVar("E", bound=Event)

__all__ = ["Reply", "Rest", "error_of"]


@attrs.frozen
class Reply:
    """A method's ``result``, when it came, and the exchange's time in it (milliseconds)."""

    result: Any = attrs.field(repr=False)
    received_ms: int
    time_ms: int


@attrs.frozen
class _Token:
    access: str = attrs.field(repr=False)
    refresh: str = attrs.field(repr=False)
    renew_ms: int


class Rest(Dialect):
    """The REST interface for one account; ``name`` is the stream's, for the events."""

    _nonces = itertools.count(1)  # of all accounts together: two may share a key, and a nonce is good once

    pace = Pace(per_second=15.0, burst=60.0)  # 500 credits each of 50 000, 10 000 more a second
    irrecoverable = ("account notices: locks, liquidations, market maker protection, access",)

    def __init__(self, account: Deribit, name: str) -> None:
        self._account = account
        self._name = name
        self._token: _Token | None = None
        self._seen_ms = 0

    # --- asking -----------------------------------------------------------------------------------------------------

    def prepare(self, ask: Ask, wall_ms: int) -> HttpRequest:
        params = ask.params
        if ask.path == AUTH:
            params += self._credentials(dict(params)["grant_type"], wall_ms)
        query = urlencode(params, quote_via=quote)
        uri = f"{ask.path}?{query}" if query else ask.path
        headers = {"Accept": "application/json", **self._authorization(ask, uri, wall_ms)}
        return HttpRequest(ask.method, self._account.rest_url + uri, headers)

    def _authorization(self, ask: Ask, uri: str, wall_ms: int) -> Mapping[str, str]:
        account = self._account
        if ask.path == AUTH or ask.security is Security.NONE:
            return {}
        if ask.security is Security.BEARER:
            return {"Authorization": f"Bearer {self._token.access if self._token else ''}"}
        nonce = self._nonce(wall_ms)
        signed = signing.authorization(account.client_id, account.client_secret, wall_ms, nonce, ask.method, uri)
        return {"Authorization": signed}

    def _credentials(self, grant: str, wall_ms: int) -> tuple[tuple[str, str], ...]:
        """What ``public/auth`` wants for a grant; put in here, so that no ``Ask`` holds a secret."""
        account = self._account
        if grant == "refresh_token":
            return (("refresh_token", self._token.refresh if self._token else ""),)
        if grant == "client_credentials":
            return (("client_id", account.client_id), ("client_secret", account.client_secret))
        nonce = self._nonce(wall_ms)
        signature = signing.client_signature(account.client_secret, wall_ms, nonce)
        return (
            ("client_id", account.client_id),
            ("timestamp", str(wall_ms)),
            ("nonce", nonce),
            ("signature", signature),
        )

    def _nonce(self, wall_ms: int) -> str:
        return f"{wall_ms:x}x{next(self._nonces):x}"

    def read(self, ask: Ask, reply: HttpReply, wall_ms: int) -> Reply:
        self._seen_ms = wall_ms
        what = ask.path.removeprefix(API)
        try:
            message = exact.decode(reply.body)
        except exact.NotJson:
            raise not_the_exchange("Deribit", what, reply, wall_ms) from None
        if not isinstance(message, dict) or not (message.get("error") or "result" in message):
            raise not_the_exchange("Deribit", what, reply, wall_ms)
        if message.get("error"):
            wait = retry_after(reply, wall_ms)
            raise error_of(message["error"], what, status=reply.status, wait=wait, secrets=self._secrets())
        microseconds = fields.integer(message, "usOut")
        return Reply(message["result"], wall_ms, wall_ms if microseconds is None else microseconds // 1000)

    def _secrets(self) -> tuple[str, ...]:
        token = self._token
        return self._account.secrets + ((token.access, token.refresh) if token else ())

    # --- reads ------------------------------------------------------------------------------------------------------

    def clock(self) -> Flow[int]:
        reply = yield _ask("public/get_time")
        time_ms = fields.time_ms({"now": reply.result}, "now")
        if time_ms is None:
            raise ProtocolError("Deribit: public/get_time: the answer is no time in milliseconds; check rest_url")
        return time_ms

    def open_orders(self, symbols: Sequence[str] = ()) -> Flow[list[OrderUpdate]]:
        """Open orders of all currencies, waiting trigger orders among them."""
        del symbols  # the exchange lists all of them
        reply = yield _signed("private/get_open_orders")
        return self._rows(reply, reply.result, "private/get_open_orders", wire.order)

    def order(self, order_id: str, *, symbol: str = "", market: str = "") -> Flow[OrderUpdate]:
        """One order. Closed ones are known for 30 minutes. Raises OrderUnknown."""
        del symbol, market
        reply = yield _signed("private/get_order_state", order_id=order_id)
        return self._rows(reply, [reply.result], "private/get_order_state", wire.order)[0]

    def fills(self, since_ms: int, *, symbols: Sequence[str] = ()) -> Flow[list[Fill]]:
        """Fills of all symbols since a time, oldest first; the lists are by currency, so ``symbols`` are not needed."""
        del symbols
        until_ms = (yield from self.clock()) + AHEAD_MS
        archived = until_ms - since_ms > RECENT_MS
        found: dict[str, Fill] = {}
        for currency in self._traded_in():
            for historical in (False, True) if archived else (False,):
                fills = yield from self._fills_of(currency, since_ms, until_ms, historical=historical)
                found.update(fills)
        return sorted(found.values(), key=lambda fill: (fill.time_ms, len(fill.trade_id), fill.trade_id))

    def _traded_in(self) -> tuple[str, ...]:
        wanted = tuple(currency.upper() for currency in self._account.currencies)
        return wanted if wanted and set(wanted) <= set(TRADED_IN) else TRADED_IN

    def _fills_of(self, currency: str, since_ms: int, until_ms: int, *, historical: bool) -> Flow[dict[str, Fill]]:
        """One list, page after page; each page begins at the time at which the one before ended."""
        what = "private/get_user_trades_by_currency_and_time"
        found: dict[str, Fill] = {}
        while True:
            reply = yield _signed(
                what,
                currency=currency,
                start_timestamp=str(since_ms),
                end_timestamp=str(until_ms),
                count=str(PAGE),
                sorting="asc",
                historical=str(historical).lower(),
            )
            result = reply.result if isinstance(reply.result, dict) else {}
            page = {fill.id: fill for fill in self._rows(reply, result.get("trades"), what, wire.fill)}
            fresh = page.keys() - found.keys()
            found.update(page)
            if not fields.flag(result, "has_more"):
                return found
            if not fresh:
                raise ProtocolError(f"Deribit: {what}: says that there is more and gives the same page again")
            since_ms = max(fill.time_ms for fill in page.values())

    # --- what has changed -------------------------------------------------------------------------------------------

    def places(self, traces: Traces) -> Flow[Places]:
        """The currencies: orders and trades are listed by them."""
        del traces
        yield from ()
        return Places(self._traded_in())

    def changes(
        self, since_ms: int, place: str, until_ms: int | None = None
    ) -> Flow[tuple[list[OrderUpdate], list[Fill]]]:
        """What was traded in one currency, and the orders that have ended since then, those without a fill too."""
        del until_ms  # orders are listed from the newest on
        end_ms = (yield from self.clock()) + AHEAD_MS
        fills: dict[str, Fill] = {}
        for historical in (False, True) if end_ms - since_ms > RECENT_MS else (False,):
            fills.update((yield from self._fills_of(place, since_ms, end_ms, historical=historical)))
        orders: dict[str, OrderUpdate] = {}
        for historical in (False, True) if end_ms - since_ms > RECENT_ORDERS_MS else (False,):
            orders.update((yield from self._ended(place, since_ms, historical=historical)))
        return list(orders.values()), list(fills.values())

    def _ended(self, currency: str, since_ms: int, *, historical: bool) -> Flow[dict[str, OrderUpdate]]:
        """The orders that ended since then. The list has the newest first and takes no time, so it is read until it
        comes to older ones; what ends meanwhile moves the pages on, and nothing falls between them."""
        what = "private/get_order_history_by_currency"
        found: dict[str, OrderUpdate] = {}
        offset = 0
        while True:
            reply = yield _signed(
                what,
                currency=currency,
                count=str(PAGE),
                offset=str(offset),
                include_unfilled="true",
                include_old="true",
                historical=str(historical).lower(),
            )
            page = self._rows(reply, reply.result, what, wire.order)
            fresh = [order for order in page if order.key not in found]
            found.update({order.key: order for order in page if order.time_ms >= since_ms})
            if len(page) < PAGE or not fresh or min(order.time_ms for order in page) < since_ms:
                return found
            offset += len(page)

    def balances(self) -> Flow[list[BalanceUpdate]]:
        """The portfolio of each currency of the account."""
        what = "private/get_account_summaries"
        reply = yield _signed(what)
        result = reply.result if isinstance(reply.result, dict) else {}
        found = self._rows(reply, result.get("summaries"), what, wire.balance)
        wanted = {currency.upper() for currency in self._account.currencies}
        return [balance for balance in found if "ANY" in wanted or balance.asset in wanted]

    def positions(self) -> Flow[list[PositionUpdate]]:
        what = "private/get_positions"
        reply = yield _signed(what, currency="any")
        time_ms = just_before(reply.time_ms)
        return self._rows(reply, reply.result, what, lambda row, reading: wire.position(row, reading, time_ms))

    def _rows(self, reply: Reply, rows: Any, what: str, read_row: Callable[[Message, Reading], E]) -> list[E]:
        """The events in a list of objects. Raises ProtocolError where one says nothing: a read must be whole."""
        if not isinstance(rows, list):
            raise ProtocolError(f"Deribit: {what}: the answer is not the documented list; check rest_url")
        events: list[E] = []
        for row in rows:
            receipt = Receipt(self._name, reply.received_ms, exact.encode(row), Origin.RECOVERED)
            try:
                events.append(read_row(row if isinstance(row, dict) else {}, Reading(wire.EXCHANGE, what, receipt)))
            except Missing as missing:
                raise ProtocolError(f"Deribit: {what}: {missing}") from None
        return events

    # --- session methods --------------------------------------------------------------------------------------------

    def calls(self) -> Mapping[str, Callable[..., Flow[Any]]]:
        return {
            "set_heartbeat": self.set_heartbeat,
            "disable_heartbeat": self.disable_heartbeat,
            "enable_cancel_on_disconnect": self.enable_cancel_on_disconnect,
            "disable_cancel_on_disconnect": self.disable_cancel_on_disconnect,
            "get_cancel_on_disconnect": self.get_cancel_on_disconnect,
        }

    def set_heartbeat(self, interval: float) -> Flow[Any]:
        return self._session_call("public/set_heartbeat", interval=f"{interval:.15g}")

    def disable_heartbeat(self) -> Flow[Any]:
        return self._session_call("public/disable_heartbeat")

    def enable_cancel_on_disconnect(self, scope: str = "connection") -> Flow[Any]:
        return self._session_call("private/enable_cancel_on_disconnect", scope=scope)

    def disable_cancel_on_disconnect(self, scope: str = "connection") -> Flow[Any]:
        return self._session_call("private/disable_cancel_on_disconnect", scope=scope)

    def get_cancel_on_disconnect(self, scope: str = "connection") -> Flow[Any]:
        return self._session_call("private/get_cancel_on_disconnect", scope=scope)

    def _session_call(self, method: str, **params: str) -> Flow[Any]:
        """A call with a token; one that the exchange does not take any more is replaced once."""
        ask = _ask(method, Security.BEARER, params.items())
        yield from self._have_token()
        try:
            reply = yield ask
        except AuthenticationError as error:
            if error.code != TOKEN_REFUSED:
                raise
            yield from self._get_token(self._account.grant)
            reply = yield ask
        return reply.result

    def _have_token(self) -> Flow[None]:
        if self._token is None:
            yield from self._get_token(self._account.grant)
        elif self._seen_ms >= self._token.renew_ms:
            try:
                yield from self._get_token("refresh_token")
            except AuthenticationError:
                yield from self._get_token(self._account.grant)

    def _get_token(self, grant: str) -> Flow[None]:
        params = [("grant_type", grant)]
        if grant != "refresh_token":  # which keeps scope and session of the token it renews
            params.append(("scope", self._scope()))
        security = Security.SIGNED if grant == "client_signature" else Security.KEY
        reply = yield Ask("GET", AUTH, tuple(params), security)
        result = reply.result if isinstance(reply.result, dict) else {}
        access, life = fields.text(result, "access_token"), fields.decimal(result, "expires_in")
        if not access:
            raise ProtocolError("Deribit: public/auth: the answer has no access_token; check rest_url")
        seconds = float(life) * RENEW_AT if life else 0.0
        self._token = _Token(access, fields.text(result, "refresh_token"), reply.received_ms + int(seconds * 1000))

    def _scope(self) -> str:
        words = self._account.scope.split()
        return " ".join(words if any(word.startswith("session:") for word in words) else [SESSION, *words])


def _ask(method: str, security: Security = Security.NONE, params: Iterable[tuple[str, str]] = ()) -> Ask:
    return Ask("GET", API + method, tuple(params), security)


def _signed(method: str, **params: str) -> Ask:
    return _ask(method, Security.SIGNED, params.items())
