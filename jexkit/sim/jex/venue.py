# ruff: noqa: ARG002 - the hooks name what every venue gets
"""JEX as it was documented in December 2019, served on loopback.

REST under `rest_url` (`/api/v1/...`), websockets under `ws_url` (`/ws/<listenKey>`, `/stream?streams=...`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar
from urllib.parse import parse_qs

from jexkit.sim.calls import Answer, Call
from jexkit.sim.connection import Connection
from jexkit.sim.instruments import Instrument
from jexkit.sim.jex import errors, reads, trading
from jexkit.sim.jex.account import JexAccount
from jexkit.sim.jex.actions import ACTIONS
from jexkit.sim.jex.keys import ApiKeys
from jexkit.sim.jex.listen_key import ListenKey, ListenKeys
from jexkit.sim.jex.reordering import Shuffler
from jexkit.sim.jex.rules import JexRules
from jexkit.sim.jex.symbols import CONTRACT, LISTING, MARKETS, OPTION, SPOT
from jexkit.sim.jsontext import encode
from jexkit.sim.ledger import Account, Moment
from jexkit.sim.settlement import Refusal
from jexkit.sim.venue import Kernel, Venue
from jexkit.sim.weights import Weights

FIRST_IDS = {SPOT: 4293153, OPTION: 61292, CONTRACT: 4612616205276108403}  # contract ids are above 2^53
Signed = Callable[[JexAccount, Call], Any]


class Jex(Venue[JexAccount]):
    """The venue; see `JexRules` for its lifetimes, limits and switches.

    Counters besides the common ones: `listen_keys_created`, `listen_keys_prolonged`, `keepalives`,
    `keepalives_refused`, `listen_keys_closed`, `listen_keys_expired`, `subscriptions`.
    """

    exchange: ClassVar[str] = "jex"
    main_wallet: ClassVar[str] = SPOT
    account_class = JexAccount
    actions = ACTIONS
    rules: JexRules

    def __init__(self, kernel: Kernel) -> None:
        super().__init__(kernel, JexRules(), LISTING)
        self.api_keys = ApiKeys()
        self.weights = Weights(self.rules, self.clock, errors.LIMIT_TEXTS)
        self.listen_keys = ListenKeys(self.rules, self.clock, self._key_expired)
        self.shuffler = Shuffler(self.rules, self.clock, super().push)
        self._last_event_ms = 0
        self._add_routes()

    def next_order_id(self, instrument: Instrument) -> str:
        """Small numbers for spot and options, 19 digits for contracts."""
        return str(self.next_id(f"order {instrument.market}", FIRST_IDS[instrument.market]))

    def next_trade_id(self, instrument: Instrument) -> str:
        """Known to REST only."""
        return str(self.next_id(f"trade {instrument.market}", 854797))

    def next_moment(self) -> Moment:
        """No two turns of the engine share an `E`, which is all that clients can sort by."""
        moment = super().next_moment()
        self._last_event_ms = max(moment.event_ms, self._last_event_ms + 1)
        return replace(moment, event_ms=self._last_event_ms)

    # Listen keys

    def create_listen_key(self, call: Call) -> Answer:
        """POST."""
        account = self.api_keys.owner(call)
        known = len(self.listen_keys.of(account))
        key = self.listen_keys.create(account)
        fresh = len(self.listen_keys.of(account)) > known
        self._count("listen_keys_created" if fresh else "listen_keys_prolonged", account)
        return Answer({"listenKey": key.text})

    def keep_listen_key(self, call: Call) -> Answer:
        """PUT: must name the key."""
        account = self.api_keys.owner(call)
        try:
            self.listen_keys.keep_alive(account, self._named_key(call))
        except Exception:
            self._count("keepalives_refused", account)
            raise
        self._count("keepalives", account)
        return Answer({})

    def close_listen_key(self, call: Call) -> Answer:
        """DELETE: must name the key; closes the stream."""
        account = self.api_keys.owner(call)
        key = self.listen_keys.close(account, self._named_key(call))
        self._count("listen_keys_closed", account)
        self._close_sockets(key)
        return Answer({})

    def _named_key(self, call: Call) -> str:
        text = call.params.get("listenKey")
        if not text:
            raise errors.missing("listenKey")
        return text

    def _key_expired(self, key: ListenKey) -> None:
        self.counters.add("listen_keys_expired")
        key.account.counters.add("listen_keys_expired")
        if self.rules.expiry_closes_sockets:
            self._close_sockets(key)

    def _close_sockets(self, key: ListenKey) -> None:
        for connection in self.open_connections.values():
            if key.text in connection.names:
                connection.close(1000, "")

    def _count(self, name: str, account: Account) -> None:
        self.counters.add(name)
        account.counters.add(name)

    # Streams

    def handshake(self, call: Call) -> Answer | None:
        """101 for `/ws/<key>` and `/stream?streams=...`; a dead key gets silence, or a refusal by the rules."""
        asked = _asked_streams(call)
        if asked is None or len(asked[1]) > self.rules.streams_per_connection:
            return Answer(status=404 if asked is None else 400, text="", content_type="text/plain")
        known = all(self.listen_keys.find(name) for name in asked[1])
        if not known and self.rules.unknown_key_status is not None:
            return Answer(status=self.rules.unknown_key_status, text="", content_type="text/plain")
        return None

    def opened(self, connection: Connection) -> None:
        """Listen to the keys that the address names."""
        combined, names = _asked_streams(connection.call) or (False, [])
        connection.native["combined"] = combined
        connection.names.update(names)
        for key in filter(None, map(self.listen_keys.find, names)):
            connection.account = connection.account or key.account
            self.counters.add("subscriptions")
            key.account.counters.add("subscriptions")

    def push(self, account: Account, event: str, payload: Any) -> None:
        """Tell an event, unless it is held back for a while."""
        self.shuffler.passes(account, event, payload)

    def wants(self, connection: Connection, account: Account, event: str, payload: Any) -> str | None:
        """A connection hears an account through each of the account's living keys that it named."""
        heard = [key.text for key in self.listen_keys.of(account) if key.text in connection.names]
        if not heard:
            return None
        return encode({"stream": heard[0], "data": payload} if connection.native["combined"] else payload)

    def listeners(self, account: Account) -> int:
        """How many connections hear the account now."""
        keys = {key.text for key in self.listen_keys.of(account)}
        return sum(bool(keys & connection.names) for connection in self.open_connections.values())

    # REST

    async def finish(self, call: Call, answer: Answer) -> Answer:
        """Every answer tells the weight used so far; the headers kept Binance's prefix."""
        used = str(self.weights.used(call))
        answer.headers.setdefault("X-MBX-USED-WEIGHT-1M", used)
        answer.headers.setdefault("X-MBX-USED-WEIGHT", used)
        return await super().finish(call, answer)

    def failed(self, call: Call, error: ValueError) -> Answer:
        """What the ledger refuses, in JEX's codes."""
        reason = error.reason if isinstance(error, Refusal) else ""
        code, text = errors.LEDGER_REFUSALS.get(reason, (-1000, "An unknown error occurred."))
        return Answer({"code": code, "msg": text}, status=400)

    def _add_routes(self) -> None:
        self._plain("GET", "ping", lambda _: Answer({}))
        self._plain("GET", "time", lambda _: Answer({"serverTime": self.clock.now_ms()}))
        self._plain("GET", "exchangeInfo", lambda _: Answer(reads.exchange_info(self.clock.now_ms(), list(LISTING))))
        self._plain("POST", "userDataStream", self.create_listen_key)
        self._plain("PUT", "userDataStream", self.keep_listen_key)
        self._plain("DELETE", "userDataStream", self.close_listen_key)
        self._signed("GET", "account", 1, lambda account, _: reads.account(account))
        self._signed("GET", "contract/batchOrder", 1, reads.batch_order)
        self._signed("GET", "contract/position", 2, reads.contract_positions)
        self._signed("GET", "option/position", 2, reads.option_positions)
        self._signed("GET", "contract/userHistoricalTrades", 1, reads.contract_trades)
        self._signed("GET", "contract/bill", 1, reads.contract_bill)
        for market in MARKETS:
            self._add_market(market)

    def _add_market(self, market: str) -> None:
        self._signed("GET", f"{market}/openOrders", 5, lambda account, call: reads.open_orders(account, call, market))
        self._signed(
            "GET", f"{market}/historyOrders", 5, lambda account, call: reads.history_orders(account, call, market)
        )
        self._signed("GET", f"{market}/order", 1, lambda account, call: reads.one_order(account, call, market))
        self._signed("POST", f"{market}/order", 1, lambda account, call: trading.place(account, call, market))
        self._signed("DELETE", f"{market}/order", 1, lambda account, call: trading.cancel(account, call, market))

    def _plain(self, method: str, path: str, handler: Callable[[Call], Answer]) -> None:
        def weighed(call: Call) -> Answer:
            self.weights.charge(call, 1)
            return handler(call)

        self.routes.add(method, f"/api/v1/{path}", weighed)

    def _signed(self, method: str, path: str, weight: int, handler: Signed) -> None:
        def verified(call: Call) -> Answer:
            self.weights.charge(call, weight)
            said = handler(self.api_keys.verify(call, self.clock.now_ms()), call)
            return said if isinstance(said, Answer) else Answer(said)

        self.routes.add(method, f"/api/v1/{path}", verified)


def _asked_streams(call: Call) -> tuple[bool, list[str]] | None:
    if call.path.startswith("/ws/"):
        return False, [call.path[len("/ws/") :]]
    if call.path == "/stream":
        names = parse_qs(call.query).get("streams", [""])[0].split("/")
        return True, [name for name in names if name]
    return None
