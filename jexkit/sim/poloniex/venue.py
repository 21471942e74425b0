"""The simulated Poloniex: who may connect, who hears what, and when a silent client is cut off."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from jexkit.sim.amounts import rounded
from jexkit.sim.books import Order
from jexkit.sim.calls import Answer, Call, Refused
from jexkit.sim.clock import Timer
from jexkit.sim.connection import Connection
from jexkit.sim.instruments import Instrument
from jexkit.sim.jsontext import encode
from jexkit.sim.ledger import Account
from jexkit.sim.poloniex import actions, desk, errors, frames, signing
from jexkit.sim.poloniex.account import PoloniexAccount
from jexkit.sim.poloniex.routes import RestApi
from jexkit.sim.poloniex.rules import PoloniexRules
from jexkit.sim.poloniex.socket import Commands
from jexkit.sim.poloniex.symbols import LISTING, SPOT
from jexkit.sim.venue import Kernel, Venue

PATHS = {"/ws/private": True, "/ws/public": False}  # and whether it has the private channels

NO_USER_AGENT = Answer(
    status=403,
    text="<HTML><HEAD><TITLE>ERROR: The request could not be satisfied</TITLE></HEAD></HTML>",
    content_type="text/html",
    headers={"Server": "CloudFront"},
)


class Poloniex(Venue[PoloniexAccount]):
    """Poloniex spot on one port; see `PoloniexRules` for its lifetimes, limits and switches.

    Counters besides the common ones: `logins`, `logins_refused`, `subscriptions`, `event_pings`, `errors`,
    `cut_for_silence`, `bad_signatures`, `rate_limited`, `refused_without_user_agent`.
    """

    exchange = "poloniex"
    main_wallet = SPOT
    account_class = PoloniexAccount
    actions = actions.ACTIONS
    rules: PoloniexRules

    def __init__(self, kernel: Kernel) -> None:
        super().__init__(kernel, PoloniexRules(), LISTING)
        self._commands = Commands(self)
        self._rest = RestApi(self)

    @property
    def ws_url(self) -> str:
        """Address of the private websocket."""
        return f"{super().ws_url}/ws/private"

    # Ids and fees

    def next_order_id(self, instrument: Instrument) -> str:  # noqa: ARG002 - one series for all
        """A snowflake."""
        return str(frames.FIRST_ORDER_ID + self.next_id("order") * frames.SNOWFLAKE_STEP)

    def next_trade_id(self, instrument: Instrument) -> str:  # noqa: ARG002 - one series for all
        """Eight digits."""
        return str(self.next_id("trade", frames.FIRST_TRADE_ID + 1))

    def next_client_order_id(self, instrument: Instrument) -> str:  # noqa: ARG002 - the same for all
        """Orders without one have an empty text."""
        return ""

    def fee(self, order: Order, quantity: Decimal, price: Decimal, *, maker: bool) -> tuple[Decimal, str]:
        """A share of what the order receives, and taken from that."""
        rate = self.rules.maker_fee if maker else self.rules.taker_fee
        if order.side == "BUY":
            return rounded(quantity * rate), order.instrument.base
        return rounded(quantity * price * rate), order.instrument.quote

    # Who is who

    def account_of(self, params: Mapping[str, Any]) -> PoloniexAccount | None:
        """Whose auth frame it is, if key, time and signature are right."""
        timestamp, given = params.get("signTimestamp"), params.get("signature")
        if isinstance(timestamp, bool) or not isinstance(timestamp, (int, str)) or not isinstance(given, str):
            return None
        account = self.owner_of_key(params.get("key"))
        if account is None or not signing.is_time(str(timestamp)):
            return None
        window = self.rules.auth_window_ms
        if window is not None and abs(self.clock.now_ms() - int(timestamp)) > window:
            return None
        right = signing.is_right(account.secret_key, signing.socket_text(str(timestamp)), given)
        return account if right else None

    def owner_of_key(self, key: object) -> PoloniexAccount | None:
        """The account with this API key."""
        return next((account for account in self.accounts.values() if account.api_key == key), None)

    def owner(self, connection: Connection) -> PoloniexAccount:
        """The account that is logged in on the connection. Raises Refused."""
        if not isinstance(connection.account, PoloniexAccount):
            raise errors.not_authenticated()
        return connection.account

    def lists(self, symbol: object) -> bool:
        """True for a symbol that is traded here."""
        return any(item.symbol == symbol for item in self.listing)

    # The websocket

    def handshake(self, call: Call) -> Answer | None:
        """Two endpoints; the rest is not there."""
        return None if call.path in PATHS else self.not_found(call)

    def opened(self, connection: Connection) -> None:
        """No greeting; the client has to speak."""
        connection.native["private"] = PATHS[connection.call.path]
        self._restart_silence(connection)

    async def received(self, connection: Connection, text: str) -> None:
        """Whatever the client says keeps the connection, even nonsense; what the server says does not."""
        self._restart_silence(connection)
        self._commands.carry_out(connection, text)

    def wants(self, connection: Connection, account: Account, event: str, payload: Any) -> str | None:
        """The elements of a channel that the connection subscribed to, of its symbols."""
        if connection.account is not account or event not in connection.names:
            return None
        heard = connection.native["symbols"][event]
        all_of_them = event == "balances" or "all" in heard  # balances know no symbols
        elements = [element for element in payload if all_of_them or element["symbol"] in heard]
        return encode({"channel": event, "data": elements}) if elements else None

    def listeners(self, account: Account) -> int:
        """Connections of the account that are subscribed to anything."""
        return sum(one.account is account and bool(one.names) for one in self.open_connections.values())

    def _restart_silence(self, connection: Connection) -> None:
        running: Timer | None = connection.native.get("silence")
        if running is not None:
            running.cancel()
        connection.timers[:] = [timer for timer in connection.timers if timer.action is not None]
        if self.rules.silence_limit is not None:
            timer = self.clock.call_later(self.rules.silence_limit, lambda: self._cut(connection))
            connection.native["silence"] = timer
            connection.timers.append(timer)

    def _cut(self, connection: Connection) -> None:
        self.counters.add("cut_for_silence")
        connection.abort()

    # Commands on several orders, of both ways in

    def cancel_by_ids(self, account: PoloniexAccount, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Cancel each order that is named by its id or its client order id. Raises Refused for what is no list."""
        names = [*desk.texts(params, "orderIds"), *(f"cid:{item}" for item in desk.texts(params, "clientOrderIds"))]
        outcomes = []
        for name in names:
            try:
                outcomes.append(desk.outcome(desk.cancel(account, desk.find(account, name))))
            except Refused as refused:
                outcomes.append(desk.failure(refused))
        return outcomes

    # REST

    async def admit(self, call: Call) -> Answer | None:
        """The edge looks at the headers first."""
        if self.rules.user_agent_required and not call.headers.get("User-Agent"):
            self.counters.add("refused_without_user_agent")
            return NO_USER_AGENT
        return await super().admit(call)

    def not_found(self, call: Call) -> Answer:  # noqa: ARG002 - the same for every path
        """A path that is not there."""
        return Answer({"code": 404, "message": "Not Found"}, status=404)

    def failed(self, call: Call, error: ValueError) -> Answer:  # noqa: ARG002 - the same for every path
        """A refusal of the ledger."""
        return errors.from_ledger(error).answer
