"""The server of one simulated exchange: what every venue shares.

How to write a venue (see `jexkit.sim.binance_pm` for a complete one):

    class MyAccount(Account):                 # ledger.py: publish, native_status, starting_balances, credentials
        def publish(self, change): self.venue.push(self, "order", {...})

    class MyVenue(Venue[MyAccount]):
        exchange = "my"                       # its name in the truth log and in configurations
        main_wallet = "spot"                  # where deposits land
        account_class = MyAccount
        rules: MyRules                        # a dataclass derived from Rules: every lifetime, limit and switch
        def __init__(self, kernel):
            super().__init__(kernel, MyRules(), LISTING)
            self.routes.add("GET", "/orders/{id}", self.one_order)
        def handshake(self, call): ...        # None lets the socket in, an Answer refuses it
        def opened(self, connection): ...     # set connection.account and connection.names, start timers
        async def received(self, connection, text): ...   # the client said something; reply with self.deliver(...)
        def closed(self, connection): ...     # cancel on disconnect, ...
        def wants(self, connection, account, event, payload): ...   # text to send, or None: who hears what

Two places for faults: every outgoing text frame passes `deliver` (hook `on_frame`), every request passes `admit` before
(hook `on_call`) and `finish` after it was carried out (hook `on_answer`). The hooks are the user's; the named faults of
`jexkit.sim.faults` put theirs into `faults`, beside them.

May touch: the clock and the ledger; the sockets are in server.py. Everything runs on the simulator's loop.
"""

# ruff: noqa: ARG002 - the hooks name what overriders get
from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar, Generic, TypeVar

from jexkit.sim.actions import Action
from jexkit.sim.books import Order
from jexkit.sim.bounds import number
from jexkit.sim.calls import Answer, Call, Routes
from jexkit.sim.clock import Clock
from jexkit.sim.connection import Connection, Frame
from jexkit.sim.counters import Counters
from jexkit.sim.forwarder import Forwarder
from jexkit.sim.hooks import AnswerHook, CallHook, FrameHook, Hooks
from jexkit.sim.instruments import Instrument, Listing
from jexkit.sim.jsontext import encode
from jexkit.sim.ledger import Account, Moment
from jexkit.sim.loop import LoopThread, on_loop
from jexkit.sim.server import Server

AccountT = TypeVar("AccountT", bound=Account)


@dataclass
class Rules:
    """Lifetimes (seconds of exchange time), limits and switches that every venue has; each venue derives its own.

    Change them at any time, from any thread; `None` turns a rule off.
    """

    ping_every: float | None = None  # server ping frames
    pong_within: float | None = None  # drop the connection if a ping stays unanswered for so long
    connection_life: float | None = None  # cut every connection after so long
    engine_delay_ms: int = 3  # how much later an event is told than it happened
    stream_delay: float = 0.0  # frames leave so much later: REST answers first
    rest_lag: float = 0.0  # REST shows the books of so long ago; set it with Venue.lag_rest
    maker_fee: Decimal = Decimal("0.0002")
    taker_fee: Decimal = Decimal("0.0005")


@dataclass(frozen=True)
class Kernel:
    """What all venues of one simulator share."""

    loop: LoopThread
    clock: Clock
    seed: int
    host: str = "127.0.0.1"


class Venue(Generic[AccountT]):
    """One exchange on its own port of the loopback interface. Public methods may be called from any thread."""

    exchange: ClassVar[str]
    main_wallet: ClassVar[str]
    account_class: ClassVar[type[Account]]
    actions: ClassVar[tuple[Action, ...]] = ()  # what the market script may do here
    largest_message: ClassVar[int] = 1 << 20  # bytes of a frame or body; the server cuts larger ones off by itself

    def __init__(self, kernel: Kernel, rules: Rules, listing: Listing) -> None:
        self.kernel = kernel
        self.clock = kernel.clock
        self.rules = rules
        self.listing = listing
        self.routes = Routes()
        self.counters = Counters()
        self.accounts: dict[str, AccountT] = {}
        self.random = random.Random(f"{kernel.seed}:{self.exchange}")
        self.on_frame: FrameHook | None = None
        self.on_call: CallHook | None = None
        self.on_answer: AnswerHook | None = None
        self.faults = Hooks()
        self.open_connections: dict[int, Connection] = {}
        self._ids: dict[str, int] = {}
        self._changes: set[asyncio.Task[None]] = set()
        self._prices: dict[tuple[str, str], Decimal] = {}
        self.line: Forwarder | None = None  # what clients connect to instead, if there is one
        self._server = Server(self)

    # Addresses and accounts

    @property
    def loop(self) -> LoopThread:
        """The simulator's loop."""
        return self.kernel.loop

    @property
    def port(self) -> int:
        """The port that clients connect to, zero while stopped."""
        return self._server.port if self.line is None else self.line.port

    @property
    def rest_url(self) -> str:
        """Origin of the REST API."""
        return f"http://{self.kernel.host}:{self.port}"

    @property
    def ws_url(self) -> str:
        """Base address of the websocket; a venue appends its path if clients expect it in the address."""
        return f"ws://{self.kernel.host}:{self.port}"

    @on_loop
    def account(self, name: str = "main") -> AccountT:
        """The account of that name, made on first use: same seed, same credentials, and money to trade with."""
        if name not in self.accounts:
            self.accounts[name] = self.make_account(name)
        return self.accounts[name]

    def make_account(self, name: str) -> AccountT:
        """Make an account; called once per name, on the loop."""
        rng = random.Random(f"{self.kernel.seed}:{self.exchange}:{name}")
        return self.account_class(self, name, rng)  # type: ignore[return-value]  # the venue names its own class

    # Ids, prices, fees: what the ledger asks the venue

    def instrument(self, symbol: str, market: str | None = None) -> Instrument:
        """Look an instrument up. Raises ValueError for an unknown one."""
        return self.listing.find(symbol, market)

    def next_id(self, series: str, first: int = 1) -> int:
        """The next number of a series that starts at `first`."""
        self._ids[series] = self._ids.get(series, first - 1) + 1
        return self._ids[series]

    def next_order_id(self, instrument: Instrument) -> str:
        """A fresh order id, as text. Override for the exchange's own look."""
        return str(self.next_id("order", 1000))

    def next_trade_id(self, instrument: Instrument) -> str:
        """A fresh trade id, as text. Override for the exchange's own look and scope."""
        return str(self.next_id("trade", 5000))

    def next_client_order_id(self, instrument: Instrument) -> str:
        """The client order id of an order that came without one."""
        return f"sim-{self.next_id('client order')}"

    def next_moment(self) -> Moment:
        """The times and the update id of one turn of the matching engine."""
        now_us = self.clock.now_us()
        now_ms = now_us // 1000
        return Moment(now_ms - self.rules.engine_delay_ms, now_ms, now_us, self.next_id("update", 1495305193480))

    def price(self, instrument: Instrument) -> Decimal:
        """The last traded price."""
        return self._prices.get((instrument.market, instrument.symbol), instrument.price)

    def traded(self, instrument: Instrument, price: Decimal) -> None:
        """Remember the last traded price."""
        self._prices[instrument.market, instrument.symbol] = price

    def fee(self, order: Order, quantity: Decimal, price: Decimal, *, maker: bool) -> tuple[Decimal, str]:
        """Commission of a fill and its asset. Default: a rate of the value, paid in quote or settle asset."""
        rate = self.rules.maker_fee if maker else self.rules.taker_fee
        worth = order.instrument.notional(quantity, price) * rate
        return worth.quantize(Decimal("0.00000001")), order.instrument.settle

    # The stream

    def wants(self, connection: Connection, account: Account, event: str, payload: Any) -> str | None:
        """The text that this connection hears of the account's event, or None. Override for channels and envelopes."""
        return encode(payload) if connection.account is account else None

    def push(self, account: Account, event: str, payload: Any) -> None:
        """Tell an account's event to every connection that wants it, in the order of the ledger's operations."""
        for connection in list(self.open_connections.values()):
            text = self.wants(connection, account, event, payload)
            if text is not None:
                self.deliver(connection, Frame(text, event, account))

    def deliver(self, connection: Connection, frame: Frame) -> None:
        """The one way out for text frames. The hook `on_frame` may turn a frame into any number of delayed frames."""
        self.counters.add("frames")
        planned = [(0.0, frame)] if self.on_frame is None else self.on_frame(connection, frame)
        delay_for_all = self.rules.stream_delay if frame.event else 0.0
        for own_delay, item in self.faults.frames_for(connection, planned):
            if own_delay:
                self.clock.call_later(own_delay + delay_for_all, _sender(connection, item.text))
            elif delay_for_all or (frame.event and connection.late):
                connection.late.append(item.text)
                self.clock.call_later(delay_for_all, connection.send_late)
            else:
                connection.send(item.text)

    def answer_ping(self, connection: Connection, payload: bytes) -> None:
        """The client sent a ping frame."""
        delay = self.faults.pong_delay
        if delay:
            self.clock.call_later(delay, lambda: connection.pong(payload))
        else:
            connection.pong(payload)

    def listeners(self, account: Account) -> int:
        """How many open connections belong to the account."""
        return sum(connection.account is account for connection in self.open_connections.values())

    @on_loop
    def connections(self, account: Account | str | None = None) -> int:
        """How many connections are open, of one account or at all."""
        return len(self._of(account))

    @on_loop
    def drop(
        self,
        account: Account | str | None = None,
        close_frame: bool = True,
        code: int = 1001,
        reason: str = "server closes",
    ) -> int:
        """Kick the sockets of one account, or all, and say how many; without `close_frame` TCP is just cut."""
        gone = self._of(account)
        for connection in gone:
            if close_frame:
                connection.close(code, reason)
            else:
                connection.abort()
        return len(gone)

    @on_loop
    def silence(self, account: Account | str | None = None) -> int:
        """Leave the sockets open but never write to them again, not even pongs. Returns how many."""
        muted = self._of(account)
        for connection in muted:
            connection.silent = True
        return len(muted)

    @on_loop
    def lag_rest(self, seconds: float) -> None:
        """From now on REST shows the books of so many exchange seconds ago; zero ends it."""
        self.rules.rest_lag = number("seconds", seconds)
        for account in self.accounts.values():
            account.remember()

    def debtors(self) -> list[Connection]:
        """The connections on which an answer to a ping is owed, and may still come. For the loop's thread."""
        everyone = self.open_connections.values()
        living = (one for one in everyone if not one.silent and not one.closing and not one.mute)
        return [one for one in living if self.owes_answer(one)]

    def owes_answer(self, connection: Connection) -> bool:
        """Whether the client has been asked for a sign of life, and has not given it."""
        return connection.unanswered_ping_since is not None

    def time_slice(self) -> float:
        """How many exchange seconds may pass at once without doing wrong to clients that answer within them."""
        return 60.0

    def _of(self, account: Account | str | None) -> list[Connection]:
        name = account.name if isinstance(account, Account) else account
        everyone = list(self.open_connections.values())
        return [one for one in everyone if name is None or (one.account is not None and one.account.name == name)]

    # What a venue overrides for its websocket

    def handshake(self, call: Call) -> Answer | None:
        """Refuse a websocket handshake with an answer, or let it in with None."""
        return None

    def opened(self, connection: Connection) -> None:
        """A socket was opened: say whose it is, start its timers."""

    async def received(self, connection: Connection, text: str) -> None:
        """The client sent a text frame."""

    def closed(self, connection: Connection) -> None:
        """The socket is gone."""

    # What a venue overrides for its REST API

    async def admit(self, call: Call) -> Answer | None:
        """Before a request (or handshake) is carried out: an answer refuses it. Override for rate limits."""
        self.counters.add("requests")
        answer = await self.on_call(call) if self.on_call is not None else None
        return await self.faults.answer_to(call) if answer is None else answer

    async def finish(self, call: Call, answer: Answer) -> Answer:
        """After a request was carried out: override to add headers. The hook may still replace the answer."""
        answer = await self.on_answer(call, answer) if self.on_answer is not None else answer
        return await self.faults.answer_instead(call, answer)

    def not_found(self, call: Call) -> Answer:
        """The answer to a path that the exchange does not have."""
        return Answer(status=404, text="<html><body><h2>404 Not found</h2></body></html>", content_type="text/html")

    def failed(self, call: Call, error: ValueError) -> Answer:
        """The answer when the ledger refuses (a `Refusal`), or a parameter makes no sense (a ValueError)."""
        return Answer({"error": str(error)}, status=400)

    # The server

    async def start(self, port: int = 0) -> None:
        """Listen; port zero lets the system choose. Called by the simulator."""
        await self._server.start(port)

    def close_port(self) -> None:
        """Let the system refuse new connections. For the loop's thread, which does it in its next turns."""
        self._settle(self._server.close_port())

    def open_port(self) -> None:
        """Accept connections again, likewise."""
        self._settle(self._server.open_port())

    def _settle(self, change: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(change)
        self._changes.add(task)
        task.add_done_callback(self._changes.discard)

    def lay_line(self, port: int = 0) -> None:
        """Put a forwarder in front; called by the simulator once the venue listens."""
        self.line = Forwarder(f"{self.kernel.host}:{self._server.port}", host=self.kernel.host, port=port).start()

    def take_line_away(self) -> None:
        """Stop the forwarder, if there is one."""
        line, self.line = self.line, None
        if line is not None:
            line.stop()

    async def stop(self) -> None:
        """Cut every connection and stop listening. Called by the simulator."""
        await self._server.stop()


def _sender(connection: Connection, text: str) -> Callable[[], None]:
    return lambda: connection.send(text)
