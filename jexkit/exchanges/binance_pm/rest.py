"""Binance Portfolio Margin: the REST interface.

https://developers.binance.com/docs/derivatives/portfolio-margin, pages "User Data Streams", "Account" and "Trade". The
listen-key calls need the API key and no signature (the table on the general page says otherwise, their own pages and
every connector do not sign them); everything else is signed.

``/papi/v1/time`` is not documented and has always been there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from jexkit.accounts import BinancePortfolioMargin
from jexkit.core import exact, fields
from jexkit.core.dialect import Pace, Places, Traces
from jexkit.core.fields import Message, Missing
from jexkit.core.listen_key import ListenKeyDialect
from jexkit.core.reading import Reading
from jexkit.core.values import Ask, Flow, HttpReply, HttpRequest, Receipt, Security
from jexkit.errors import BadRequest, ConfigurationError, OrderUnknown, ProtocolError
from jexkit.events import BalanceUpdate, Fill, OrderUpdate, Origin, PositionUpdate
from jexkit.exchanges.binance_pm import holdings, lists, names, signing, trades
from jexkit.exchanges.binance_pm.names import MARGIN
from jexkit.exchanges.binance_pm.orders import fill, order
from jexkit.exchanges.binance_pm.refusals import refusal

T = TypeVar("T")

LISTEN_KEY = "/papi/v1/listenKey"
TIME = "/papi/v1/time"
BALANCE = "/papi/v1/balance"
ALGO_ORDER = "/papi/v1/um/algo/algoOrder"
CONDITIONAL_ORDERS = ("/papi/v1/cm/conditional/openOrders", "/papi/v1/cm/conditional/allOrders")

# All without a symbol. UM's conditional orders are algo orders since 28 April 2026, and their old paths answer 404.
OPEN_ORDERS = (
    ("/papi/v1/um/openOrders", "UM", names.REST_FUTURES_ORDER),
    ("/papi/v1/cm/openOrders", "CM", names.REST_FUTURES_ORDER),
    ("/papi/v1/margin/openOrders", MARGIN, names.REST_MARGIN_ORDER),
    ("/papi/v1/um/algo/openAlgoOrders", "UM", names.REST_ALGO_ORDER),
    (CONDITIONAL_ORDERS[0], "CM", names.REST_CONDITIONAL_ORDER),
)
ORDER = {
    "UM": ("/papi/v1/um/order", names.REST_FUTURES_ORDER),
    "CM": ("/papi/v1/cm/order", names.REST_FUTURES_ORDER),
    MARGIN: ("/papi/v1/margin/order", names.REST_MARGIN_ORDER),
}
POSITIONS = {"UM": "/papi/v1/um/positionRisk", "CM": "/papi/v1/cm/positionRisk"}
WALLETS = {"UM": "umWalletBalance", "CM": "cmWalletBalance"}
FAMILIES = {market.value: family for family, market in names.MARKETS.items()}

LONGEST_MS = 366 * trades.DAY_MS
NO_SUCH_SYMBOL = -1121


class Rest(ListenKeyDialect):
    """The REST interface for one account; ``name`` is the stream's, for the events."""

    pace = Pace(per_second=75.0, burst=1200.0)  # by weight, of which 6000 a minute are allowed
    irrecoverable = (
        "account notices: leverage, liabilities, order loss, risk level",
        "orders without a fill that came and went, of margin and of symbols that are not in `symbols`",
    )

    def __init__(self, account: BinancePortfolioMargin, name: str) -> None:
        self._account = account
        self._name = name
        self._seen_ms = 0  # when the last answer came
        self._unknown: set[lists.Place] = set()  # what the exchange knows no such symbol of

    # --- asking -----------------------------------------------------------------------------------------------------

    def prepare(self, ask: Ask, wall_ms: int) -> HttpRequest:
        query = self._signed(ask, wall_ms) if ask.security is Security.SIGNED else signing.query(ask.params)
        url = f"{self._account.rest_url.rstrip('/')}{ask.path}{'?' + query if query else ''}"
        headers = {"Accept": "application/json"}
        if ask.security is not Security.NONE:
            headers["X-MBX-APIKEY"] = self._account.api_key
        return HttpRequest(ask.method, url, headers)

    def _signed(self, ask: Ask, wall_ms: int) -> str:
        key = self._account.key
        if key is None:
            raise ConfigurationError(
                f"BinancePortfolioMargin: {ask.method} {ask.path} has to be signed and the account has nothing to sign "
                "with; give secret_key or private_key"
            )
        return signing.signed_query(ask.params, key, recv_window=self._account.recv_window, timestamp=wall_ms)

    def read(self, ask: Ask, reply: HttpReply, wall_ms: int) -> Any:
        self._seen_ms = wall_ms
        try:
            answer = exact.decode(reply.body)
        except exact.NotJson:
            answer = None
        code = fields.integer(answer, "code") if isinstance(answer, dict) else None
        if answer is None or not 200 <= reply.status < 300 or (code is not None and code < 0):
            raise refusal(f"{ask.method} {ask.path}", reply, answer, wall_ms, self._account.secrets)
        return answer

    # --- the listen key ---------------------------------------------------------------------------------------------

    def calls(self) -> Mapping[str, Callable[..., Flow[Any]]]:
        return {
            "create_listen_key": self.create_listen_key,
            "keepalive_listen_key": self.keepalive_listen_key,
            "close_listen_key": self.close_listen_key,
        }

    def create_listen_key(self) -> Flow[str]:
        """A listen key; while the account has an active one the exchange answers with that, its hour starting again."""
        answer = yield Ask("POST", LISTEN_KEY, security=Security.KEY)
        key = fields.text(answer, "listenKey") if isinstance(answer, dict) else ""
        if not key:
            raise ProtocolError(f"Binance: POST {LISTEN_KEY}: there is no listenKey in the answer; check rest_url")
        return key

    def keepalive_listen_key(self, listen_key: str = "") -> Flow[None]:
        """Start the account's key's hour again. The exchange takes no parameter: there is one key for an account."""
        del listen_key
        yield Ask("PUT", LISTEN_KEY, security=Security.KEY)

    def close_listen_key(self, listen_key: str = "") -> Flow[None]:
        """Close the account's key. The exchange takes no parameter."""
        del listen_key
        yield Ask("DELETE", LISTEN_KEY, security=Security.KEY)

    # --- reads ------------------------------------------------------------------------------------------------------

    def clock(self) -> Flow[int]:
        answer = yield Ask("GET", TIME)
        time_ms = fields.time_ms(answer, "serverTime") if isinstance(answer, dict) else None
        if time_ms is None:
            raise ProtocolError(f"Binance: GET {TIME}: there is no serverTime in the answer; check rest_url")
        return time_ms

    def open_orders(self, symbols: Sequence[str] = ()) -> Flow[list[OrderUpdate]]:
        """The open orders of all three families, algo and conditional orders included.

        An order that is missing here need not have ended: ask for it.
        """
        del symbols  # the exchange lists all of them
        orders: list[OrderUpdate] = []
        for path, family, sort in OPEN_ORDERS:
            rows = yield from self._list(path)
            orders += [self._order(path, row, sort, family) for row in rows]
        return orders

    def order(self, order_id: str, *, symbol: str = "", market: str = "") -> Flow[OrderUpdate]:
        """One order by its key, or by id, symbol and market ("usd_futures", "coin_futures", "margin").

        The exchange forgets orders that were cancelled or expired without a fill after three days.
        """
        parts = order_id.split(":")
        if len(parts) == 3 and parts[1] == "algo":
            answer = yield self._question(ALGO_ORDER, algoId=parts[2])
            return self._order(ALGO_ORDER, _object(ALGO_ORDER, answer), names.REST_ALGO_ORDER, parts[0])
        if len(parts) == 4 and parts[1] == "conditional":
            return (yield from self._conditional_order(order_id, parts[2]))
        if len(parts) == 3:
            market, symbol, order_id = parts
        family = _family(symbol, market)
        if family not in ORDER or not symbol or not order_id:
            raise ConfigurationError(
                "BinancePortfolioMargin: an order is found by its key (OrderUpdate.key), or by its id together with "
                "symbol= and market='usd_futures', 'coin_futures' or 'margin'"
            )
        path, sort = ORDER[family]
        answer = yield self._question(path, symbol=symbol, orderId=order_id)
        return self._order(path, _object(path, answer), sort, family)

    def _conditional_order(self, key: str, symbol: str) -> Flow[OrderUpdate]:
        for path in CONDITIONAL_ORDERS:
            for row in (yield from self._list(path, symbol=symbol)):
                update = self._order(path, row, names.REST_CONDITIONAL_ORDER, "CM")
                if update.key == key:
                    return update
        raise OrderUnknown("Binance: the conditional order is neither open nor one of the last seven days'")

    def balances(self) -> Flow[list[BalanceUpdate]]:
        """Every asset of the three wallets: margin, UM and CM."""
        balances: list[BalanceUpdate] = []
        for row in (yield from self._list(BALANCE)):
            balances += self._read(BALANCE, row, _wallets)
        return balances

    def positions(self) -> Flow[list[PositionUpdate]]:
        """The positions of UM and CM, also flat ones that once were not."""
        positions: list[PositionUpdate] = []
        for family, path in POSITIONS.items():
            for row in (yield from self._list(path)):
                position = self._read(path, row, partial(_position, family))
                if position.quantity or fields.time_ms(row, "updateTime"):  # others were never held
                    positions.append(position)
        return positions

    # --- fills ------------------------------------------------------------------------------------------------------

    def fills(self, since_ms: int, *, symbols: Sequence[str] = ()) -> Flow[list[Fill]]:
        """The fills since ``since_ms``, oldest first.

        The exchange lists them by symbol only. Asked are: ``symbols`` and those of the account (with the family in
        front, "UM:BTCUSDT", only there), those with a position or an open order, and those with a fee or a profit in
        the ledgers of UM and CM. Margin has no such ledger: a margin symbol without an open order has to be named.
        """
        until_ms = yield from self.clock()
        if until_ms - since_ms > LONGEST_MS:
            raise ConfigurationError("BinancePortfolioMargin: fills are asked for day by day; ask for a year at most")
        named = {name: trades.places(name) for name in (*self._account.symbols, *symbols)}
        active = yield from self._active(since_ms, until_ms)
        found: dict[str, Fill] = {}
        unknown: set[tuple[str, str]] = set()
        for place in sorted(active.union(*named.values())):
            fills = yield from self._fills_at(place, since_ms, until_ms)
            if fills is None:
                unknown.add(place)
            found.update({fill.id: fill for fill in fills or ()})
        for name, its_places in named.items():
            if unknown.issuperset(its_places):
                raise ConfigurationError(f"BinancePortfolioMargin: the exchange knows no symbol {name!r}; correct it")
        return sorted(found.values(), key=lambda fill: (fill.time_ms, fill.symbol, trades.number(fill.trade_id)))

    def _active(self, since_ms: int, until_ms: int) -> Flow[set[lists.Place]]:
        """Family and symbol of what shows a trace of trading."""
        orders = yield from self.open_orders()
        positions = yield from self.positions()
        return lists.traced(Traces(since_ms, (), orders, {}, (), positions)) | (
            yield from self._with_income(since_ms, until_ms)
        )

    def _with_income(self, since_ms: int, until_ms: int) -> Flow[set[lists.Place]]:
        found: set[lists.Place] = set()
        for family in trades.INCOME:
            symbols = yield from trades.symbols_with_income(self._list, family, since_ms, until_ms)
            found.update((family, symbol) for symbol in symbols)
        return found

    # --- what has changed -------------------------------------------------------------------------------------------

    def places(self, traces: Traces) -> Flow[Places]:
        """Every symbol that is named or was told of, that has an open order, a position that changed, or a fee or
        profit in the ledgers; and those margin symbols whose assets have both changed.

        Raises ConfigurationError where the time is too long.
        """
        until_ms = yield from self.clock()
        if until_ms - traces.since_ms > LONGEST_MS:
            raise ConfigurationError("BinancePortfolioMargin: lists are read day by day, for a year at most")
        found = lists.traced(traces) | (yield from self._with_income(traces.since_ms, until_ms))
        found.update(place for name in (*self._account.symbols, *traces.symbols) for place in trades.places(name))
        guessed = [place for place in lists.guessed(traces, found) if place not in self._unknown]
        unknowable = []
        if len(guessed) > lists.MOST_GUESSED:
            why = "too many assets have changed to try all of their pairs, and margin has no list over all symbols"
            unknowable.append(("fills of margin symbols that are not in `symbols`", why))
            guessed = []
        names = sorted(f"{family}:{symbol}" for family, symbol in found.union(guessed) if family in trades.TRADES)
        return Places(names, unknowable)

    def changes(
        self, since_ms: int, place: str, until_ms: int | None = None
    ) -> Flow[tuple[list[OrderUpdate], list[Fill]]]:
        """Fills of one symbol, and its orders that were placed since then.

        Margin's list of orders weighs as much as ten single ones: it is read where more than that have a fill.
        """
        family, _, symbol = place.partition(":")
        now_ms = yield from self.clock()
        until_ms = now_ms if until_ms is None else min(until_ms, now_ms)
        fills = yield from self._fills_at((family, symbol), since_ms, until_ms)
        if fills is None:
            self._note_unknown((family, symbol))
            return [], []
        orders: list[OrderUpdate] = []
        if family != MARGIN or len({fill.order_id for fill in fills}) > lists.ORDERS[MARGIN].singly:
            for table in (lists.ORDERS, lists.CONDITIONAL):
                if family in table:
                    of = table[family]
                    rows = yield from lists.since(self._list, of, symbol, since_ms, until_ms)
                    orders += [self._order(of.path, row, of.sort, family) for row in rows]
        return orders, fills

    def _note_unknown(self, place: lists.Place) -> None:
        """Raises ConfigurationError where the program names a symbol that is in no family."""
        self._unknown.add(place)
        for name in self._account.symbols:
            its_places = trades.places(name)
            if place in its_places and self._unknown.issuperset(its_places):
                raise ConfigurationError(f"BinancePortfolioMargin: the exchange knows no symbol {name!r}; correct it")

    def orders(self, wanted: Sequence[OrderUpdate]) -> Flow[list[OrderUpdate]]:
        """Those orders of one symbol that cost less in a list."""
        family = wanted[0].key.partition(":")[0]
        found: list[OrderUpdate] = []
        for table, conditional in ((lists.ORDERS, False), (lists.CONDITIONAL, True)):
            some = [order for order in wanted if order.conditional is conditional]
            if family in table and some:
                of = table[family]
                rows = yield from lists.these(self._list, of, some[0].symbol, lists.ids(some))
                found += [self._order(of.path, row, of.sort, family) for row in rows]
        keys = {order.key for order in wanted}
        return [order for order in found if order.key in keys]

    def _fills_at(self, place: lists.Place, since_ms: int, until_ms: int) -> Flow[list[Fill] | None]:
        """The fills of one symbol in one family, None if there is no such symbol in it."""
        family, symbol = place
        if family not in trades.TRADES:
            raise ConfigurationError(
                f"BinancePortfolioMargin: {family}:{symbol} is in no family; write UM:, CM: or MARGIN: in front"
            )
        path, shape = trades.TRADES[family]
        try:
            rows = yield from trades.trades(self._list, family, symbol, since_ms, until_ms)
        except BadRequest as error:
            if error.code != NO_SUCH_SYMBOL:
                raise
            return None
        return [self._read(path, row, lambda row, reading: fill(row, shape, family, reading)) for row in rows]

    # --- inner ------------------------------------------------------------------------------------------------------

    def _question(self, path: str, **params: str | int) -> Ask:
        given = tuple((name, str(value)) for name, value in params.items())
        weight = lists.weight(path, has_symbol="symbol" in params)
        return Ask("GET", path, given, Security.SIGNED, weight=weight)

    def _list(self, path: str, **params: str | int) -> Flow[list[Message]]:
        answer = yield self._question(path, **params)
        if not isinstance(answer, list) or not all(isinstance(row, dict) for row in answer):
            raise ProtocolError(f"Binance: GET {path}: the answer is no list of objects; check rest_url")
        return answer

    def _order(self, path: str, row: Message, sort: names.Order, family: str) -> OrderUpdate:
        return self._read(path, row, lambda row, reading: order(row, sort, family, reading))

    def _read(self, path: str, row: Message, make: Callable[[Message, Reading], T]) -> T:
        """What ``make`` reads from a row. A row that cannot be read spoils the answer: it would be missing unseen."""
        receipt = Receipt(self._name, self._seen_ms, exact.encode(row), Origin.RECOVERED)
        try:
            return make(row, Reading(names.EXCHANGE, path, receipt))
        except Missing as missing:
            raise ProtocolError(f"Binance: GET {path}: {missing}; this version cannot read the answer") from None


def _object(path: str, answer: Any) -> Message:
    if not isinstance(answer, dict):
        raise ProtocolError(f"Binance: GET {path}: the answer is no object; check rest_url")
    return answer


def _wallets(row: Message, reading: Reading) -> list[BalanceUpdate]:
    """A row of /papi/v1/balance: one asset in up to three wallets. "" stands for an amount that is not known."""
    asset, time_ms = fields.need(row, "asset"), fields.time_ms(row, "updateTime")
    balances: list[BalanceUpdate] = []
    free = fields.decimal(row, "crossMarginFree")
    if free is not None:
        locked, update = fields.decimal(row, "crossMarginLocked"), str(time_ms or reading.receipt.received_ms)
        # Net of what is borrowed and its interest; the stream's amounts are not.
        equity = fields.decimal(row, "crossMarginAsset")
        balances.append(holdings.margin_balance(asset, free, locked, update, reading, time_ms, equity=equity))
    for family, name in WALLETS.items():
        total = fields.decimal(row, name)
        if total is not None:
            balances.append(holdings.futures_balance(family, asset, total, reading.receipt, time_ms or 0))
    return balances


def _position(family: str, row: Message, reading: Reading) -> PositionUpdate:
    return holdings.position(row, family, reading, fields.time_ms(row, "updateTime") or 0)


def _family(symbol: str, market: str) -> str:
    """The family that ``market`` names, by our word or the exchange's; without one, if the symbol leaves no doubt."""
    if market:
        return FAMILIES.get(market.lower(), market.upper())
    families = [family for family, _ in trades.places(symbol)]
    return families[0] if len(families) == 1 else ""
