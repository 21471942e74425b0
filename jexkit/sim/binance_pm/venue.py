"""Binance Portfolio Margin, served on loopback.

REST under `rest_url` (`/papi/v1/...`), websockets under `ws_url`, which ends in `/pm` as at the real host.
"""

# ruff: noqa: ARG002 - the hooks name what every venue gets
from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

from jexkit.sim.amounts import ZERO, rounded
from jexkit.sim.binance_pm import errors
from jexkit.sim.binance_pm.account import BinanceAccount
from jexkit.sim.binance_pm.actions import ACTIONS
from jexkit.sim.binance_pm.listen_key import ListenKey, ListenKeys
from jexkit.sim.binance_pm.routes import add_routes
from jexkit.sim.binance_pm.rules import BinanceRules
from jexkit.sim.binance_pm.security import Security
from jexkit.sim.binance_pm.streams import Listener, Request, Unreadable, asked_streams, read_request
from jexkit.sim.binance_pm.symbols import CM, LISTING, MARGIN, UM
from jexkit.sim.books import Order
from jexkit.sim.calls import Answer, Call
from jexkit.sim.connection import Connection, Frame
from jexkit.sim.instruments import Instrument
from jexkit.sim.jsontext import encode
from jexkit.sim.ledger import Account, Moment
from jexkit.sim.settlement import Refusal
from jexkit.sim.venue import Kernel, Venue
from jexkit.sim.weights import Weights

FIRST_IDS = {UM: 270905906796, CM: 124512345678, MARGIN: 1454455423}
FIRST_TRADES = {UM: 648980369, CM: 900000001, MARGIN: 107694836}
BNB_PRICE = Decimal(600)


class BinancePm(Venue[BinanceAccount]):
    """The venue; see `BinanceRules` for its lifetimes, limits and switches.

    Counters besides the common ones: `listen_keys_created`, `listen_keys_prolonged`, `keepalives`,
    `keepalives_refused`, `listen_keys_closed`, `listen_keys_expired`, `subscriptions`.
    """

    exchange: ClassVar[str] = "binance_pm"
    main_wallet: ClassVar[str] = UM
    account_class = BinanceAccount
    actions = ACTIONS
    rules: BinanceRules

    def __init__(self, kernel: Kernel) -> None:
        super().__init__(kernel, BinanceRules(), LISTING)
        self.security = Security()
        self.limits = Weights(self.rules, self.clock, errors.LIMIT_TEXTS)
        self.listen_keys = ListenKeys(self.rules, self.clock, self._key_expired)
        self.income: dict[str, list[dict[str, str | int]]] = {}
        add_routes(self)

    @property
    def ws_url(self) -> str:
        """The websocket base, `/pm` included; clients append `/ws/<listenKey>`."""
        return f"{super().ws_url}/pm"

    # Ids, fees, values

    def next_order_id(self, instrument: Instrument) -> str:
        """Unique per family."""
        return str(self.next_id(f"order {instrument.market}", FIRST_IDS[instrument.market]))

    def next_trade_id(self, instrument: Instrument) -> str:
        """Unique per family and symbol only: two symbols of a family do use the same numbers."""
        series = f"trade {instrument.market} {instrument.symbol}"
        return str(self.next_id(series, FIRST_TRADES[instrument.market]))

    def next_client_order_id(self, instrument: Instrument) -> str:
        """At most 32 characters, as papi allows."""
        return f"{instrument.market.lower()}-{self.next_id('client order')}"

    def fee(self, order: Order, quantity: Decimal, price: Decimal, *, maker: bool) -> tuple[Decimal, str]:
        """Makers of futures pay `0 USDT`, takers and margin pay in BNB, COIN-M pays in its own coin."""
        rate = self.rules.maker_fee if maker else self.rules.taker_fee
        worth = order.instrument.notional(quantity, price) * rate
        if order.market == CM or not self.rules.fees_in_bnb or (maker and order.market == UM):
            return rounded(worth), order.instrument.settle
        in_usdt = worth * Decimal(20000) if order.instrument.quote == "BTC" else worth
        return rounded(in_usdt / BNB_PRICE), "BNB"

    def equity(self, account: BinanceAccount) -> Decimal:
        """What the account is worth, roughly: its dollars."""
        balances = account.books_for_rest().balances.values()
        return sum((one.total for one in balances if one.asset == "USDT"), ZERO)

    def book_income(
        self, account: BinanceAccount, instrument: Instrument, kind: str, amount: Decimal, now: Moment
    ) -> None:
        """Keep a row for um/income."""
        row: dict[str, str | int] = {
            "symbol": instrument.symbol,
            "incomeType": kind,
            "income": format(amount, "f"),
            "asset": instrument.settle,
            "info": kind,
            "time": now.engine_ms,
            "tranId": str(self.next_id("income", 9689322392)),
            "tradeId": "",
        }
        self.income.setdefault(account.name, []).append(row)

    # Listen keys

    def create_listen_key(self, call: Call) -> Answer:
        """POST: the account's key, for another sixty minutes."""
        account = self.security.key_of(call).account
        known = self.listen_keys.of(account)
        key = self.listen_keys.create(account)
        self._count("listen_keys_prolonged" if key is known else "listen_keys_created", account)
        return Answer({"listenKey": key.text})

    def keep_listen_key(self, call: Call) -> Answer:
        """PUT: another sixty minutes for the account's key."""
        account = self.security.key_of(call).account
        try:
            self._check_key_parameter(call, account)
            self.listen_keys.keep_alive(account)
        except Exception:
            self._count("keepalives_refused", account)
            raise
        self._count("keepalives", account)
        return Answer({})

    def close_listen_key(self, call: Call) -> Answer:
        """DELETE: the key is dead and its stream ends."""
        account = self.security.key_of(call).account
        self._check_key_parameter(call, account)
        key = self.listen_keys.close(account)
        if key is not None:
            self._count("listen_keys_closed", account)
            for connection in self._hearing(key.text) if self.rules.delete_closes_sockets else ():
                connection.close(1000, "")
        return Answer({})

    def _check_key_parameter(self, call: Call, account: BinanceAccount) -> None:
        sent, key = call.params.get("listenKey"), self.listen_keys.of(account)
        if self.rules.check_key_parameter and sent is not None and (key is None or key.text != sent):
            raise errors.no_listen_key()

    def _key_expired(self, key: ListenKey, events: int) -> None:
        self.counters.add("listen_keys_expired")
        key.account.counters.add("listen_keys_expired")
        for _ in range(events):
            payload = {"e": "listenKeyExpired", "E": self.clock.now_ms(), "listenKey": key.text}
            self.push(key.account, "listenKeyExpired", payload)

    def _count(self, name: str, account: BinanceAccount) -> None:
        self.counters.add(name)
        account.counters.add(name)

    # Streams

    def handshake(self, call: Call) -> Answer | None:
        """101 for every path of the grammar; a dead key gets silence, or a refusal if the rules say so."""
        asked = asked_streams(call)
        if asked is None:
            return Answer(status=404, text="", content_type="text/plain")
        known = all(self.listen_keys.find(name) for name in asked[1])
        if not known and self.rules.unknown_key_status is not None:
            return Answer(status=self.rules.unknown_key_status, text="", content_type="text/plain")
        return None

    def opened(self, connection: Connection) -> None:
        """Subscribe to what the address names."""
        combined, names = asked_streams(connection.call) or (False, [])
        connection.native["listener"] = Listener(combined)
        self._subscribe(connection, names)

    def wants(self, connection: Connection, account: Account, event: str, payload: object) -> str | None:
        """A connection hears an account if it subscribed to the account's living key."""
        key = self.listen_keys.of(account)
        if key is None or key.text not in connection.names:
            return None
        combined = connection.native["listener"].combined
        return encode({"stream": key.text, "data": payload} if combined else payload)

    def listeners(self, account: Account) -> int:
        """How many connections hear the account now."""
        key = self.listen_keys.of(account)
        return 0 if key is None else len(self._hearing(key.text))

    async def received(self, connection: Connection, text: str) -> None:
        """SUBSCRIBE, UNSUBSCRIBE, LIST_SUBSCRIPTIONS and the `combined` property."""
        if self._is_too_fast(connection):
            connection.close(1008, "Too many requests")
            return
        try:
            request = read_request(text)
        except Unreadable as error:
            self.deliver(connection, Frame(encode(error.answer)))
            return
        reply = {"result": self._carry_out(connection, request), "id": request.id}
        self.deliver(connection, Frame(encode(reply)))

    def _carry_out(self, connection: Connection, request: Request) -> object:
        listener: Listener = connection.native["listener"]
        names = [name for name in request.params if isinstance(name, str)]
        if request.method == "SUBSCRIBE":
            self._subscribe(connection, names)
        elif request.method == "UNSUBSCRIBE":
            connection.names.difference_update(names)
        elif request.method == "LIST_SUBSCRIPTIONS":
            return sorted(connection.names)
        elif request.method == "GET_PROPERTY":
            return listener.combined
        elif len(request.params) == 2 and request.params[0] == "combined":
            listener.combined = bool(request.params[1])
        return None

    def _subscribe(self, connection: Connection, names: list[str]) -> None:
        connection.names.update(names[: self.rules.streams_per_connection - len(connection.names)])
        for name in names:
            key = self.listen_keys.find(name)
            if key is not None:
                connection.account = connection.account or key.account
                self.counters.add("subscriptions")
                key.account.counters.add("subscriptions")

    def _is_too_fast(self, connection: Connection) -> bool:
        heard_at: list[float] = connection.native["listener"].heard_at
        heard_at.append(self.clock.monotonic())
        del heard_at[: -self.rules.messages_per_second - 1]
        return len(heard_at) > self.rules.messages_per_second and heard_at[-1] - heard_at[0] < 1.0

    def _hearing(self, key: str) -> list[Connection]:
        return [connection for connection in self.open_connections.values() if key in connection.names]

    # REST

    async def finish(self, call: Call, answer: Answer) -> Answer:
        """Every answer tells the weight used so far in this minute."""
        answer.headers.setdefault("X-MBX-USED-WEIGHT-1M", str(self.limits.used(call)))
        return await super().finish(call, answer)

    def failed(self, call: Call, error: ValueError) -> Answer:
        """What the ledger refuses, in Binance's codes."""
        reason = error.reason if isinstance(error, Refusal) else ""
        code, text = errors.LEDGER_REFUSALS.get(
            reason, (-1000, "An unknown error occurred while processing the request.")
        )
        return Answer({"code": code, "msg": text}, status=400)
