"""The simulated Deribit: connections and who hears what on them. Methods are in the other files."""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from typing import Any

from jexkit.sim.amounts import Amount, exact
from jexkit.sim.calls import Answer, Call
from jexkit.sim.connection import Connection, Frame
from jexkit.sim.deribit import channels
from jexkit.sim.deribit.account import DeribitAccount
from jexkit.sim.deribit.actions import ACTIONS
from jexkit.sim.deribit.batches import Batches
from jexkit.sim.deribit.channels import Channel, Turn
from jexkit.sim.deribit.credits import Credits
from jexkit.sim.deribit.dispatch import PREFIX, Dispatcher
from jexkit.sim.deribit.errors import expired, unauthorized
from jexkit.sim.deribit.reads import Reads
from jexkit.sim.deribit.reference import Reference
from jexkit.sim.deribit.rules import DeribitRules
from jexkit.sim.deribit.session import Session, check_token
from jexkit.sim.deribit.symbols import COMBOS, DOLLARS, LISTING, WALLET, prefix
from jexkit.sim.deribit.tokens import ApiKey, Token, Tokens
from jexkit.sim.deribit.trading import Trading
from jexkit.sim.deribit.watch import Watch
from jexkit.sim.instruments import Instrument
from jexkit.sim.jsontext import encode
from jexkit.sim.ledger import Account
from jexkit.sim.loop import on_loop
from jexkit.sim.venue import Kernel, Venue

SOCKET_PATH = "/ws/api/v2"


class Deribit(Venue[DeribitAccount]):
    """Deribit on one port; see `DeribitRules` for its lifetimes, limits and switches.

    Counters besides the common ones: every method by its name, `logins`, `logins_refused`, `token_renewals`,
    `subscriptions`, `test_requests`, `test_requests_answered`, `heartbeat_closes`, `idle_cuts`, `errors`,
    `canceled_on_disconnect`, `sessions_evicted`.
    """

    exchange = "deribit"
    main_wallet = WALLET
    largest_message = 1 << 26  # whatever is too large gets an answer that says so
    account_class = DeribitAccount
    actions = ACTIONS
    rules: DeribitRules

    def __init__(self, kernel: Kernel) -> None:
        super().__init__(kernel, DeribitRules(), LISTING)
        self.tokens = Tokens(self.rules, self.clock, self.random)
        self.tokens.evicted = self._evicted
        self.credits = Credits(self.rules, self.clock)
        self.watch = Watch(self)
        self._batches = Batches(self, self._send)
        self._marks: dict[str, Decimal] = {}
        self._ticks: dict[str, tuple[Decimal, int]] = {}
        self._is_stopping = False
        tables = (Session(self), Reads(self), Trading(self), Reference(self))
        self._dispatcher = Dispatcher(
            self, {name: method for table in tables for name, method in table.methods().items()}
        )
        for verb in ("GET", "POST"):
            self.routes.add(verb, PREFIX, self._dispatcher.http)
            self.routes.add(verb, f"{PREFIX}/{{scope}}/{{name}}", self._dispatcher.http)

    @property
    def ws_url(self) -> str:
        """Address of the websocket."""
        return super().ws_url + SOCKET_PATH

    # Ids and prices

    def instrument(self, symbol: str, market: str | None = None) -> Instrument:
        """Look an instrument up, combos too."""
        if any(item.symbol == symbol for item in COMBOS):
            return COMBOS.find(symbol, market)
        return super().instrument(symbol, market)

    def id_prefix(self, instrument: Instrument) -> str:
        """What its order and trade ids begin with."""
        return prefix(instrument)

    def next_order_id(self, instrument: Instrument) -> str:
        """A number of the settlement currency."""
        head = prefix(instrument)
        return f"{head}{self.next_id(f'order {head}', 46_094_375_191)}"

    def next_trade_id(self, instrument: Instrument) -> str:
        """Unique within its settlement currency only."""
        head = prefix(instrument)
        return f"{head}{self.next_id(f'trade {head}', 219_381_310)}"

    def next_client_order_id(self, instrument: Instrument) -> str:  # noqa: ARG002 - the same for all
        """Orders without a label have an empty one."""
        return ""

    def mark(self, instrument: Instrument) -> Decimal:
        """The mark price, which stays where it is until `set_mark`."""
        return self._marks.get(instrument.symbol, instrument.price)

    @on_loop
    def set_mark(self, symbol: str, price: Amount) -> None:
        """Move a mark price: whoever has a position there hears of its portfolio."""
        instrument = self.instrument(symbol)
        self._marks[symbol] = exact(price)
        for account in self.accounts.values():
            if account.books.position(instrument).quantity:
                account.refresh()

    def tick_direction(self, instrument: Instrument, price: Decimal) -> int:
        """0 plus, 1 zero-plus, 2 minus, 3 zero-minus, compared with the trade before."""
        before, direction = self._ticks.get(instrument.symbol, (instrument.price, 0))
        if price == before:
            direction |= 1
        else:
            direction = 0 if price > before else 2
        self._ticks[instrument.symbol] = (price, direction)
        return direction

    # Trouble on purpose

    @on_loop
    def fail_next(self, method: str, code: int, times: int = 1) -> None:
        """Let the next calls of a method fail with this code: 10028, 10040, 10041, 11051, 13028, ..."""
        self._dispatcher.failures.setdefault(method, deque()).extend([code] * times)

    @on_loop
    def expire_tokens(self, account: DeribitAccount) -> int:
        """Let the time of all tokens of an account be over; returns how many there were."""
        return self.tokens.expire(account)

    @on_loop
    def announce_maintenance(self) -> None:
        """Tell `platform_state` that a break begins."""
        self._announce("platform_state", {"maintenance": True})

    @on_loop
    def lock_platform(self, index: str = "btc_usd", *, locked: bool = True) -> None:
        """Tell `platform_state` that the markets of an index are locked, or no longer."""
        self._announce("platform_state", {"locked": locked, "price_index": index, "reasons": []})

    def _announce(self, name: str, data: Any) -> None:
        for connection in list(self.open_connections.values()):
            if name in connection.names:
                self._send(connection, Channel(name, name), data)

    # Who is who

    def key(self, client_id: str) -> ApiKey | None:
        """The API key with this id."""
        keys = (key for account in self.accounts.values() for key in account.keys)
        return next((key for key in keys if key.client_id == client_id), None)

    def token(self, text: str, number: int | None) -> Token:
        """A living token that may be used on this connection (None: over HTTP). Raises 13009."""
        token = self.tokens.by_access(text)
        if token is None:
            raise unauthorized()
        if self.tokens.is_expired(token):
            raise expired()
        check_token(token, number)
        return token

    def log_in(self, connection: Connection, token: Token) -> None:
        """The connection belongs to the token's account from now on."""
        if connection.account is not token.account:
            connection.native["cod"] = token.account.cod_by_default
        connection.native["token"] = token
        self.listen(connection, token)

    def listen(self, connection: Connection, token: Token) -> None:
        """By the rights of this token the connection hears what happens to the account."""
        connection.account, connection.native["listens_by"] = token.account, token

    def _evicted(self, token: Token) -> None:
        self.counters.add("sessions_evicted")
        for connection in list(self.open_connections.values()):
            if connection.native.get("token") is token and self.rules.eviction_closes:
                connection.close(1000, "session evicted")

    # The websocket

    def handshake(self, call: Call) -> Answer | None:
        """32 connections per address."""
        if call.path != SOCKET_PATH:
            return self.not_found(call)
        limit = self.rules.connections_per_ip
        present = sum(one.call.remote == call.remote for one in self.open_connections.values())
        if limit is not None and present >= limit:
            return Answer({"error": "too many connections"}, status=429)
        return None

    def opened(self, connection: Connection) -> None:
        """Begin to watch it."""
        self.watch.opened(connection)

    async def received(self, connection: Connection, text: str) -> None:
        """A request."""
        self._dispatcher.frame(connection, text)

    def closed(self, connection: Connection) -> None:
        """The tokens of the connection end with it, and its orders if cancel on disconnect is on."""
        self.watch.closed(connection)
        self._batches.forget(connection, list(connection.names))
        self.tokens.kill(lambda token: token.session is None and token.connection == connection.number)
        account = connection.account
        if isinstance(account, DeribitAccount) and connection.native.get("cod") and not self._is_stopping:
            mine = [one for one in account.books.open.values() if one.native.get("connection") == connection.number]
            for order in mine:
                account.cancel(order, reason="cancel_on_disconnect")
                self.counters.add("canceled_on_disconnect")

    def deliver(self, connection: Connection, frame: Frame) -> None:
        """The one way out; what is said counts as activity."""
        self.watch.said(connection)
        super().deliver(connection, frame)

    def listeners(self, account: Account) -> int:
        """Connections of the account that hear its events."""
        return sum(self._hears(one, account) for one in self.open_connections.values())

    def owes_answer(self, connection: Connection) -> bool:
        """To a test_request, too."""
        return super().owes_answer(connection) or self.watch.owes_answer(connection)

    def time_slice(self) -> float:
        """Heartbeats come often: clients need the chance to answer each, before the time for that is over."""
        shortest = self.watch.shortest_interval()
        if shortest is None:
            return super().time_slice()
        return min(super().time_slice(), shortest / 2, self.rules.answer_within)

    def _hears(self, connection: Connection, account: Account) -> bool:
        if connection.account is not account or not any(map(channels.is_user_channel, connection.names)):
            return False
        token: Token = connection.native["listens_by"]
        is_valid = token.alive and not self.tokens.is_expired(token)
        return is_valid or not self.rules.expired_token_stops_stream

    # Channels

    def tell(self, account: DeribitAccount, turn: Turn) -> None:
        """Send what a turn of the matching engine did to every channel that has to do with it."""
        for connection in list(self.open_connections.values()):
            if not self._hears(connection, account):
                continue
            for channel in _user_channels(connection):
                self._tell_channel(connection, channel, channel.messages(turn))

    def greet(self, connection: Connection, names: list[str]) -> None:
        """What some channels say at once."""
        for name in names:
            channel = channels.read(name)
            if channel is not None and channel.what == "portfolio" and self.rules.portfolio_at_once:
                account: DeribitAccount = connection.native["listens_by"].account
                rows = {code: account.portfolio_row(code) for code in DOLLARS}
                for row in channel.messages(Turn(portfolios=rows)):
                    self._send(connection, channel, row)

    def forget_batches(self, connection: Connection, names: list[str]) -> None:
        """Drop what waits in channels that are not subscribed any more."""
        self._batches.forget(connection, names)

    def _tell_channel(self, connection: Connection, channel: Channel, messages: list[Any]) -> None:
        if messages and channel.interval != "raw":
            self._batches.add(connection, channel, messages)
            return
        for data in messages:
            self._send(connection, channel, data)

    def _send(self, connection: Connection, channel: Channel, data: Any) -> None:
        params: dict[str, Any] = {"channel": channel.name, "data": data}
        label = connection.native.get("labels", {}).get(channel.name)
        if label is not None:
            params["label"] = label
        message = {"jsonrpc": "2.0", "method": "subscription", "params": params}
        self.deliver(connection, Frame(encode(message), channel.name, connection.account))

    # HTTP

    def not_found(self, call: Call) -> Answer:  # noqa: ARG002 - the same for every path
        """A path that is not there."""
        return Answer({"error": "not found"}, status=404)

    async def stop(self) -> None:
        """Stop; this is no disconnect that cancels orders."""
        self._is_stopping = True
        try:
            await super().stop()
        finally:
            self._is_stopping = False


ORDER_OF_CHANNELS = ("orders", "trades", "combo_trades", "changes", "portfolio")


def _user_channels(connection: Connection) -> list[Channel]:
    """What the connection subscribed to, in the order in which one event is told on several channels."""
    read = [channels.read(name) for name in sorted(connection.names)]
    found = [channel for channel in read if channel is not None]
    rank = {what: place for place, what in enumerate(ORDER_OF_CHANNELS)}
    return sorted(found, key=lambda channel: rank.get(channel.what, len(rank)))
