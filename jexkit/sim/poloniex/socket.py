"""The private websocket's commands: auth, subscriptions, pings, orders.

https://api-docs.poloniex.com/spot/websocket/. Frames carry no request ids, except those of order commands. An error
says what is wrong, not which command it answers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from jexkit.sim.calls import Refused
from jexkit.sim.connection import Connection, Frame
from jexkit.sim.jsontext import decode, encode
from jexkit.sim.poloniex import desk, errors

if TYPE_CHECKING:
    from jexkit.sim.poloniex.venue import Poloniex

Command = Callable[[Connection, dict[str, Any]], None]

PRIVATE_CHANNELS = ("orders", "balances")
PUBLIC_CHANNELS = ("symbols", "currencies", "exchange", "trades", "ticker", "book", "book_lv2")
MAINTENANCE = "Platform in maintenance mode"


class Commands:
    """What clients may say. One object serves all connections; what it knows of one is in `connection.native`."""

    def __init__(self, venue: Poloniex) -> None:
        self._venue = venue
        self._by_event: dict[str, Command] = {
            "ping": self._ping,
            "subscribe": self._subscribe,
            "unsubscribe": self._unsubscribe,
            "unsubscribe_all": self._unsubscribe_all,
            "list_subscriptions": self._list_subscriptions,
            "createOrder": self._order_command(self._create),
            "cancelOrders": self._order_command(self._cancel),
            "cancelAllOrders": self._order_command(self._cancel_all),
        }

    def carry_out(self, connection: Connection, text: str) -> None:
        """Answer one frame of the client."""
        if text == "ping":
            return self._ping(connection, {})  # a bare word is understood as well
        try:
            said = decode(text)
        except ValueError:
            return self._error(connection, f"Not JSON string：{text}")
        command = self._by_event.get(str(said.get("event"))) if isinstance(said, dict) else None
        if command is None:
            return self._error(connection, "Bad request")
        if self._venue.rules.maintenance and command != self._ping:
            return self._error(connection, MAINTENANCE)
        return command(connection, said)

    # Answers

    def _say(self, connection: Connection, message: dict[str, Any]) -> None:
        self._venue.deliver(connection, Frame(encode(message)))

    def _error(self, connection: Connection, message: str) -> None:
        self._venue.counters.add("errors")
        self._say(connection, {"message": message, "event": "error"})

    def _acknowledge(self, connection: Connection, event: str, channel: str, symbols: list[str] | None = None) -> None:
        rules = self._venue.rules
        if not rules.acknowledges:
            return
        if rules.upper_case_words and event != "subscribe":
            event, channel = event.upper(), channel.upper() if channel == "all" else channel
        answer: dict[str, Any] = {"channel": channel, "event": event}
        echoes = {"orders": channel == "orders", "always": True, "never": False}[rules.echo_symbols]
        if symbols and (echoes or channel in PUBLIC_CHANNELS):
            answer["symbols"] = symbols
        self._say(connection, answer)

    # Pings and the login

    def _ping(self, connection: Connection, _said: dict[str, Any]) -> None:
        self._venue.counters.add("event_pings")
        if self._venue.rules.answers_pings:
            self._say(connection, {"event": "pong"})

    def _authenticate(self, connection: Connection, said: dict[str, Any]) -> None:
        now = self._venue.clock.now_ms()
        params = said.get("params")
        account = self._venue.account_of(params) if isinstance(params, dict) else None
        if account is None:
            self._venue.counters.add("logins_refused")
            failed = {"success": False, "message": "Authentication failed!", "ts": now}
            self._say(connection, {"data": failed, "channel": "auth"})
            return
        connection.account = account
        self._venue.counters.add("logins")
        self._say(connection, {"data": {"success": True, "ts": now}, "channel": "auth"})

    # Subscriptions

    def _subscribe(self, connection: Connection, said: dict[str, Any]) -> None:
        channels = self._channels(connection, said)
        if channels == ["auth"]:
            return self._authenticate(connection, said)
        if channels is None:
            return None
        symbols = said.get("symbols") or []
        refusal = self._why_not(connection, channels, symbols)
        if refusal:
            return self._error(connection, refusal)
        for channel in channels:
            connection.names.add(channel)
            heard = connection.native.setdefault("symbols", {}).setdefault(channel, set())
            heard.update(symbols or ["all"])
            self._venue.counters.add("subscriptions")
            self._acknowledge(connection, "subscribe", channel, symbols)
        return None

    def _channels(self, connection: Connection, said: dict[str, Any]) -> list[str] | None:
        """The channels of the command if this endpoint has them; else the client is told and it is None."""
        channels = said.get("channel")
        symbols = said.get("symbols") or []
        are_texts = isinstance(symbols, list) and all(isinstance(name, str) for name in symbols)
        if not isinstance(channels, list) or not channels or not are_texts:
            self._error(connection, "Bad request")
            return None
        private = connection.native["private"]
        known = (*PRIVATE_CHANNELS, "auth") if private else PUBLIC_CHANNELS
        bad = [name for name in channels if name not in known and (private or not str(name).startswith("candles_"))]
        if bad:
            self._error(connection, f"Invalid channel value {encode(bad)}")
            return None
        return channels

    def _why_not(self, connection: Connection, channels: list[str], symbols: list[str]) -> str:
        """Why a subscription fails, or nothing."""
        if connection.native["private"] and connection.account is None:
            return "Subscription failed"
        if "orders" in channels:
            if not any(name == "all" or self._venue.lists(name) for name in symbols):
                return "no valid symbols"
            if self._orders_connections(connection) >= self._venue.rules.orders_connections:
                return "Subscription failed"
        if self._venue.rules.refuse_repeats and connection.names.intersection(channels):
            return "Already subscribed"
        return ""

    def _orders_connections(self, asking: Connection) -> int:
        """How many other connections of the same user are subscribed to orders."""
        others = (one for one in self._venue.open_connections.values() if one is not asking)
        return sum(one.account is asking.account and "orders" in one.names for one in others)

    def _unsubscribe(self, connection: Connection, said: dict[str, Any]) -> None:
        channels = self._channels(connection, said)
        if channels is None:
            return
        if self._venue.rules.refuse_repeats and not connection.names.issuperset(channels):
            self._error(connection, "Not subscribed")
            return
        symbols = said.get("symbols") or ["all"]
        for channel in channels:
            heard = connection.native.get("symbols", {}).get(channel, set())
            heard.difference_update(symbols)
            if "all" in symbols or not heard:
                heard.clear()
                connection.names.discard(channel)
            self._acknowledge(connection, "unsubscribe", channel, said.get("symbols"))

    def _unsubscribe_all(self, connection: Connection, _said: dict[str, Any]) -> None:
        connection.names.clear()
        connection.native["symbols"] = {}
        self._acknowledge(connection, "unsubscribe_all", "all")

    def _list_subscriptions(self, connection: Connection, _said: dict[str, Any]) -> None:
        self._say(connection, {"subscriptions": [name for name in PRIVATE_CHANNELS if name in connection.names]})

    # Orders

    def _order_command(self, action: Callable[[Connection, dict[str, Any]], list[dict[str, Any]]]) -> Command:
        def run(connection: Connection, said: dict[str, Any]) -> None:
            params = said.get("params")
            try:
                if connection.account is None or not connection.native["private"]:
                    raise errors.not_authenticated()
                outcomes = action(connection, params if isinstance(params, dict) else {})
            except Refused as refused:
                outcomes = [desk.failure(refused)]
            for outcome in outcomes:
                outcome["orderId"] = int(outcome["orderId"])  # a JSON number here, unlike everywhere else
            self._say(connection, {"id": said.get("id"), "data": outcomes})

        return run

    def _create(self, connection: Connection, params: dict[str, Any]) -> list[dict[str, Any]]:
        return [desk.outcome(desk.create(self._venue.owner(connection), params))]

    def _cancel(self, connection: Connection, params: dict[str, Any]) -> list[dict[str, Any]]:
        return self._venue.cancel_by_ids(self._venue.owner(connection), params)

    def _cancel_all(self, connection: Connection, params: dict[str, Any]) -> list[dict[str, Any]]:
        account = self._venue.owner(connection)
        found = desk.open_orders(account, desk.texts(params, "symbols"))
        return [desk.outcome(desk.cancel(account, order)) for order in found]
