"""JEX: the REST interface.

https://github.com/JexApi/jex-official-api-docs, rest-api.md. The listen-key calls need the API key and no signature;
reads are signed, with their parameters in the documented order. Orders and trades are listed by family and symbol only,
so what is read is what the account's ``symbols`` name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from jexkit.accounts import Jex
from jexkit.core import exact, fields
from jexkit.core.dialect import Pace, Places, Traces, just_before
from jexkit.core.fields import Message, Missing
from jexkit.core.listen_key import ListenKeyDialect
from jexkit.core.reading import Reading
from jexkit.core.values import Ask, Flow, HttpReply, HttpRequest, Receipt, Security
from jexkit.errors import BadRequest, ConfigurationError, OrderUnknown, ProtocolError
from jexkit.events import BalanceUpdate, Fill, OrderUpdate, Origin, PositionUpdate
from jexkit.exchanges.jex import names, signing, wire
from jexkit.exchanges.jex.refusals import refusal
from jexkit.exchanges.jex.wire import CONTRACT, OPTION, SPOT

T = TypeVar("T")

LISTEN_KEY = "/api/v1/userDataStream"
TIME = "/api/v1/time"
ACCOUNT = "/api/v1/account"
POSITIONS = "/api/v1/contract/position"
CONTRACT_TRADES = "/api/v1/contract/userHistoricalTrades"

WALLETS = {SPOT: "spotBalances", OPTION: "optionBalances", CONTRACT: "contractBalances"}
FAMILIES = {market.value: family for family, market in wire.MARKETS.items()}

MOST_GUESSED = 20  # symbols to look into because their assets have moved
NO_SUCH_SYMBOL = -1121
HOW_TO_NAME = "Jex: write symbols with spot:, option: or contract: in front"
LIST_WEIGHT = 5  # of openOrders and historyOrders; a single order weighs 1
ORDERS_PAGE = 500  # the most orders in one answer
TRADES_PAGE = 1000


class Rest(ListenKeyDialect):
    """The REST interface for one account; ``name`` is the stream's, for the events."""

    pace = Pace(per_second=15.0, burst=250.0)  # by weight, of which 1200 a minute are allowed
    irrecoverable = ("orders without a fill, of symbols that are not in `symbols`, placed meanwhile",)

    def __init__(self, account: Jex, name: str) -> None:
        self._account = account
        self._name = name
        self._asked_ms = 0  # when the last question was put, by the exchange's clock
        self._seen_ms = 0  # when the last answer came
        self._unknown: set[str] = set()  # guessed symbols that are none

    # --- asking -----------------------------------------------------------------------------------------------------

    def prepare(self, ask: Ask, wall_ms: int) -> HttpRequest:
        self._asked_ms = wall_ms
        query = self._signed(ask, wall_ms) if ask.security is Security.SIGNED else signing.query(ask.params)
        url = f"{self._account.rest_url.rstrip('/')}{ask.path}{'?' + query if query else ''}"
        headers = {"Accept": "application/json"}
        if ask.security is not Security.NONE:
            headers["X-JEX-APIKEY"] = self._account.api_key
        return HttpRequest(ask.method, url, headers)

    def _signed(self, ask: Ask, wall_ms: int) -> str:
        key = self._account.key
        if key is None:
            raise ConfigurationError(
                f"Jex: {ask.method} {ask.path} has to be signed and the account has nothing to sign with; "
                "give secret_key"
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
        """A listen key. Whether it is a new one while an older one lives is not documented: the last one counts."""
        answer = yield Ask("POST", LISTEN_KEY, security=Security.KEY)
        key = fields.text(answer, "listenKey") if isinstance(answer, dict) else ""
        if not key:
            raise ProtocolError(f"JEX: POST {LISTEN_KEY}: there is no listenKey in the answer; check rest_url")
        return key

    def keepalive_listen_key(self, listen_key: str = "") -> Flow[None]:
        """Start the key's hour again."""
        yield Ask("PUT", LISTEN_KEY, _named_key(listen_key, "keepalive_listen_key"), Security.KEY)

    def close_listen_key(self, listen_key: str = "") -> Flow[None]:
        """Close the key."""
        yield Ask("DELETE", LISTEN_KEY, _named_key(listen_key, "close_listen_key"), Security.KEY)

    # --- reads ------------------------------------------------------------------------------------------------------

    def clock(self) -> Flow[int]:
        answer = yield Ask("GET", TIME)
        time_ms = fields.time_ms(answer, "serverTime") if isinstance(answer, dict) else None
        if time_ms is None:
            raise ProtocolError(f"JEX: GET {TIME}: there is no serverTime in the answer; check rest_url")
        return time_ms

    def open_orders(self, symbols: Sequence[str] = ()) -> Flow[list[OrderUpdate]]:
        """The open orders of ``symbols`` and the account's. A contract order that is being placed is not among them."""
        orders: list[OrderUpdate] = []
        for family, symbol in self._places(symbols):
            orders += yield from self._orders(family, symbol, "openOrders")
        return orders

    def order(self, order_id: str, *, symbol: str = "", market: str = "") -> Flow[OrderUpdate]:
        """One order by its key ("spot:4293153"), or by id and market ("spot", "options", "futures").

        The exchange wants the symbol as well; without it, the account's symbols of that family are tried.
        """
        family, colon, number = order_id.partition(":")
        if not colon:
            family, number = FAMILIES.get(market.lower(), market.lower()), order_id
        of_symbol, colon, bare = symbol.partition(":")
        if colon:
            family, symbol = family or of_symbol, bare
        symbols = [symbol] if symbol else [name for one, name in self._places(()) if one == family]
        if family not in wire.MARKETS or not number or not symbols:
            raise ConfigurationError(
                "Jex: an order is found by its key (OrderUpdate.key), or by its id and market='spot', 'options' or "
                "'futures', together with its symbol= or one among the account's symbols"
            )
        for candidate in symbols[:-1]:
            update = yield from self._order_if_known(family, candidate, number)
            if update is not None:
                return update
        return (yield from self._one_order(family, symbols[-1], number))

    def balances(self) -> Flow[list[BalanceUpdate]]:
        """Every asset of the three wallets."""
        answer = yield self._question(ACCOUNT)
        if not isinstance(answer, dict) or not any(isinstance(answer.get(name), list) for name in WALLETS.values()):
            raise ProtocolError(f"JEX: GET {ACCOUNT}: there are no balances in the answer; check rest_url")
        # One time for all assets, and no document says of what: no more than that of the question is taken from it.
        updated_ms = fields.time_ms(answer, "updateTime")
        time_ms = None if updated_ms is None else just_before(updated_ms)
        balances: list[BalanceUpdate] = []
        for family, name in WALLETS.items():
            rows = _objects(ACCOUNT, answer.get(name) or [])
            balances += [self._read(ACCOUNT, row, partial(_balance, family, time_ms)) for row in rows]
        return balances

    def positions(self) -> Flow[list[PositionUpdate]]:
        """The contract positions. Option holdings are balances here as in the stream.

        The rows carry no time: they are as old as the question, so that an event that the answer overtook still counts.
        """
        answer = yield self._question(POSITIONS)
        asked_ms = just_before(self._asked_ms) if self._asked_ms else None
        return [
            self._read(POSITIONS, row, lambda row, reading: wire.position(row, names.REST_POSITION, reading, asked_ms))
            for row in _objects(POSITIONS, answer)
        ]

    def fills(self, since_ms: int, *, symbols: Sequence[str] = ()) -> Flow[list[Fill]]:
        """The fills since ``since_ms``, oldest first, of the account's symbols and ``symbols``, written alike.

        JEX lists trades of contracts. For spot and options there are only orders: one that was filled and has changed
        since then gives one derived fill for all that it was ever filled.
        """
        found: dict[str, Fill] = {}
        for family, symbol in self._places(symbols):
            if family == CONTRACT:
                fills = yield from self._trades(symbol, since_ms)
            else:
                orders = yield from self._orders(family, symbol, "historyOrders", startTime=since_ms)
                orders += yield from self._orders(family, symbol, "openOrders")
                fills = [fill for fill in (wire.derived_fill(None, order) for order in orders) if fill]
            found.update({fill.id: fill for fill in fills if fill.time_ms >= since_ms})
        return sorted(found.values(), key=lambda fill: (fill.time_ms, fill.symbol, _number(fill.trade_id)))

    # --- what has changed -------------------------------------------------------------------------------------------

    def places(self, traces: Traces) -> Flow[Places]:
        """The account's symbols, those that were told of, and those of which balances and positions show a trade."""
        yield from ()
        named = dict.fromkeys((*self._account.symbols, *traces.symbols))
        guessed = [name for name in _traded(traces) if name not in named and name not in self._unknown]
        if len(guessed) <= MOST_GUESSED:
            return Places([*named, *guessed])
        why = "too many assets have changed to try all of their pairs, and JEX has no list over all symbols"
        return Places([*named], [("orders and fills of symbols that are not in `symbols`", why)])

    def changes(
        self, since_ms: int, place: str, until_ms: int | None = None
    ) -> Flow[tuple[list[OrderUpdate], list[Fill]]]:
        """The ended orders of one symbol, and no fills: the session derives those from the orders' growth.

        The trades that JEX lists for contracts would be the same fills once more, under other names.
        """
        del until_ms
        family, _, symbol = place.partition(":")
        if family not in wire.MARKETS or not symbol:
            raise ConfigurationError(HOW_TO_NAME)
        try:
            return (yield from self._orders(family, symbol, "historyOrders", startTime=since_ms)), []
        except BadRequest as error:
            if error.code != NO_SUCH_SYMBOL or place in self._account.symbols:
                raise
            self._unknown.add(place)
            return [], []

    def orders(self, wanted: Sequence[OrderUpdate]) -> Flow[list[OrderUpdate]]:
        """Those orders of one symbol that the list of ended ones has, as long as that is cheaper."""
        family, symbol = wanted[0].key.partition(":")[0], wanted[0].symbol
        missing, path = sorted(_number(order.order_id) for order in wanted), f"/api/v1/{family}/historyOrders"
        found: dict[int, OrderUpdate] = {}
        while len(missing) > LIST_WEIGHT and missing[0] > 0:
            first = missing[0] - 1  # asks for those after it
            rows = _objects(path, (yield self._question(path, symbol=symbol, orderId=first, limit=ORDERS_PAGE)))
            page = {
                _number(order.order_id): order for order in (self._order(path, row, family, symbol) for row in rows)
            }
            here = {number: page[number] for number in missing if number in page}
            found.update(here)
            if len(here) <= LIST_WEIGHT or len(rows) < ORDERS_PAGE:
                break
            missing = [number for number in missing if number > max(page)]
        return list(found.values())

    # --- inner ------------------------------------------------------------------------------------------------------

    def _places(self, symbols: Sequence[str]) -> list[tuple[str, str]]:
        """Family and symbol of everything that is named."""
        names = dict.fromkeys((*self._account.symbols, *symbols))
        if not names:
            raise ConfigurationError(
                "Jex: the exchange lists orders by symbol only; give symbols, such as 'spot:JEXBTC'"
            )
        places = [(family, symbol) for family, _, symbol in (name.partition(":") for name in names)]
        for family, symbol in places:
            if family not in wire.MARKETS or not symbol:
                raise ConfigurationError(HOW_TO_NAME)
        return places

    def _orders(self, family: str, symbol: str, which: str, **params: int) -> Flow[list[OrderUpdate]]:
        """All orders of one symbol. ``orderId`` asks for those after it, so the last one leads to the next page."""
        path = f"/api/v1/{family}/{which}"
        orders: dict[str, OrderUpdate] = {}
        after: dict[str, str] = {}
        while True:
            rows = _objects(path, (yield self._question(path, symbol=symbol, **after, **params, limit=ORDERS_PAGE)))
            page = {order.key: order for order in (self._order(path, row, family, symbol) for row in rows)}
            fresh = page.keys() - orders.keys()
            orders.update(page)
            if len(rows) < ORDERS_PAGE or not fresh:
                return list(orders.values())
            after = {"orderId": max((order.order_id for order in page.values()), key=_number)}

    def _order_if_known(self, family: str, symbol: str, number: str) -> Flow[OrderUpdate | None]:
        try:
            return (yield from self._one_order(family, symbol, number))
        except OrderUnknown:
            return None

    def _one_order(self, family: str, symbol: str, number: str) -> Flow[OrderUpdate]:
        path = f"/api/v1/{family}/order"
        answer = yield self._question(path, symbol=symbol, orderId=number)
        if not isinstance(answer, dict):
            raise ProtocolError(f"JEX: GET {path}: the answer is no object; check rest_url")
        return self._order(path, answer, family, symbol)

    def _trades(self, symbol: str, since_ms: int) -> Flow[list[Fill]]:
        """The trades of a contract, the newest first.

        The English text says that ``endId`` asks for trades after an id, the Chinese for those before it, as the name
        has it: an answer with nothing older in it ends the search either way.
        """
        fills: dict[str, Fill] = {}
        end: dict[str, str] = {}
        while True:
            answer = yield self._question(CONTRACT_TRADES, symbol=symbol, **end, limit=TRADES_PAGE)
            rows = _objects(CONTRACT_TRADES, answer)
            page = [self._read(CONTRACT_TRADES, row, partial(wire.trade, symbol)) for row in rows]
            fresh = [fill for fill in page if fill.id not in fills]
            fills.update({fill.id: fill for fill in fresh})
            if len(rows) < TRADES_PAGE or not fresh or min(fill.time_ms for fill in fresh) < since_ms:
                return list(fills.values())
            end = {"endId": min((fill.trade_id for fill in fresh), key=_number)}

    def _question(self, path: str, **params: str | int) -> Ask:
        given = tuple((name, str(value)) for name, value in params.items())
        return Ask("GET", path, given, Security.SIGNED, weight=LIST_WEIGHT if path.endswith("Orders") else 1)

    def _order(self, path: str, row: Message, family: str, symbol: str) -> OrderUpdate:
        return self._read(path, row, lambda row, reading: wire.order(row, names.REST_ORDER, family, reading, symbol))

    def _read(self, path: str, row: Message, make: Callable[[Message, Reading], T]) -> T:
        """What ``make`` reads from a row. A row that cannot be read spoils the answer: it would be missing unseen."""
        receipt = Receipt(self._name, self._seen_ms, exact.encode(row), Origin.RECOVERED)
        try:
            return make(row, Reading(wire.EXCHANGE, path, receipt))
        except Missing as missing:
            raise ProtocolError(f"JEX: GET {path}: {missing}; this version cannot read the answer") from None


def _balance(family: str, time_ms: int | None, row: Message, reading: Reading) -> BalanceUpdate:
    return wire.balance(row, names.REST_BALANCE, family, reading, time_ms)


def _traded(traces: Traces) -> list[str]:
    """The symbols of which balances or positions show a trade: on spot both assets of a pair have moved, options are
    assets themselves, and contracts have positions."""
    moved: dict[str, list[str]] = {SPOT: [], OPTION: [], CONTRACT: []}
    for balance in traces.balances:
        family, _, asset = balance.key.partition(":")
        held = traces.held.get(balance.key)
        if ((held.total if held else None) or 0) != (balance.total or 0):
            moved[family].append(asset)
    pairs = [f"{SPOT}:{base}{quote}" for base in moved[SPOT] for quote in moved[SPOT] if base != quote]
    held_ones = [position.key for position in traces.positions if position.quantity]
    return [*pairs, *(f"{OPTION}:{asset}" for asset in moved[OPTION]), *held_ones]


def _named_key(listen_key: str, method: str) -> tuple[tuple[str, str], ...]:
    """The parameter without which JEX does not know which key is meant: -1102."""
    if not listen_key:
        raise ConfigurationError(f"Jex: {method}() needs the listen key; create one first, or give listen_key=")
    return (("listenKey", listen_key),)


def _objects(path: str, answer: Any) -> list[Message]:
    if not isinstance(answer, list) or not all(isinstance(row, dict) for row in answer):
        raise ProtocolError(f"JEX: GET {path}: the answer is no list of objects; check rest_url")
    return answer


def _number(text: str) -> int:
    """An id to sort by; longer than a float can hold."""
    return int(text) if text.isdecimal() else -1
