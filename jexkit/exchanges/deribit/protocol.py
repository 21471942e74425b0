"""Deribit: the session.

JSON-RPC over one websocket (docs.deribit.com, JSON-RPC over websocket). On the way in, in this order::

    public/hello              says who we are; its answer has the exchange's time, which client_signature needs
    public/auth               one of the grants; the answer has the tokens and how long they live
    public/set_heartbeat      from now on the exchange checks on us
    private/enable_cancel_on_disconnect   where the account asks for it
    private/subscribe         every channel in one call, since subscribing costs six times what other calls do

A channel that the answer leaves out was refused without a word (unknown, or outside the granted scope), so the answer
is compared with what was asked. ``test_request`` is answered with ``public/test``, or the exchange closes the
connection. Tokens are renewed on the open connection at four fifths of their life.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import attrs

from jexkit._version import __version__
from jexkit.accounts import Deribit
from jexkit.core import exact, fields
from jexkit.core.backoff import Backoff
from jexkit.core.lifecycle import Phase
from jexkit.core.overflowing import OverflowingMachine
from jexkit.core.protocol import Probe
from jexkit.core.values import Chance, Now, Outputs, Receipt, Send, sorted_by_use
from jexkit.core.waiting import OnError, OnResult
from jexkit.errors import AuthenticationError, JexkitError, RateLimited, SubscriptionRefused, TransportError
from jexkit.events import AccountNotice, BalanceUpdate, Event, NoticeKind, Origin, SuspendReason
from jexkit.exchanges.deribit import signing, wire
from jexkit.exchanges.deribit.portfolios import Waiting
from jexkit.exchanges.deribit.refusals import TOKEN_REFUSED, error_of
from jexkit.exchanges.deribit.rest import Rest

ANSWER_WITHIN = 10.0  # seconds; answers were seen to take 160 ms at the most
RENEW_AT = 0.8  # of a token's life
PORTFOLIOS_KEPT = 64  # of which a copy is recognised
LONGEST_TIMER = 7 * 86_400.0  # seconds; a token for a year is renewed every week all the same

EVERYTHING = ("user.orders.any.any.raw", "user.trades.any.any.raw", "user.changes.any.any.raw")
EXTRAS = ("user.lock", "user.liquidation")
"""Nice to have: where the exchange leaves one of these out, it is told and the stream goes on."""

Params: TypeAlias = Mapping[str, Any]
Command: TypeAlias = Callable[[int, Params, Now], Outputs]


@attrs.frozen
class _Request:
    """A request that waits for its answer."""

    method: str
    done: OnResult = attrs.field(repr=False)
    failed: OnError = attrs.field(repr=False)


class Session(OverflowingMachine):
    """The session of one Deribit account."""

    # With heartbeats on, something comes at least every interval; the probe asks when nothing did.
    probe = Probe(every=20.0, within=10.0)
    quiet_within = ANSWER_WITHIN  # commands are calls on the websocket

    def __init__(self, account: Deribit, stream: str, *, chance: Chance, backoff: Backoff | None = None) -> None:
        super().__init__(
            exchange=account.exchange,
            stream=stream,
            dialect=Rest(account, stream),
            chance=chance,
            backoff=backoff,
            probe=Probe.of(account, self.probe),
        )
        self._account = account
        self.heartbeat: float | None = account.heartbeat
        self.cancel_on_disconnect = account.cancel_on_disconnect
        self._wanted = account.channels or EVERYTHING + tuple(f"user.portfolio.{name}" for name in account.currencies)
        self._extras = () if account.channels else EXTRAS
        self._requests: dict[int, _Request] = {}
        self._steps: set[str] = set()
        self._portfolios = Waiting()
        self._said: deque[int] = deque(maxlen=PORTFOLIOS_KEPT)
        self._access_token = ""
        self._refresh_token = ""
        self._clock: tuple[int, float] | None = None  # what the exchange's said last, and when that was (monotonic)

    # --- the way in -------------------------------------------------------------------------------------------------

    def _prepare(self, now: Now) -> Outputs:
        del now
        return self._open(self._account.ws_url)

    def _enter(self, now: Now) -> Outputs:
        hello = {"client_name": "jexkit", "client_version": __version__}
        return self._request("public/hello", hello, self._greeted, lambda _, later: self._log_in(later), now)

    def _greeted(self, result: Any, now: Now) -> Outputs:
        del result
        return self._log_in(now)

    def _log_in(self, now: Now) -> Outputs:
        return self._request("public/auth", self._grant(now), self._logged_in, self._failed, now)

    def _grant(self, now: Now) -> Params:
        account = self._account
        grant: dict[str, Any] = {"grant_type": account.grant, "client_id": account.client_id}
        if account.scope:
            grant["scope"] = account.scope
        if account.grant == "client_credentials":
            return {**grant, "client_secret": account.client_secret}
        nonce = f"{int(self._chance() * 16**12):012x}"
        timestamp = self._exchange_ms(now)
        signature = signing.client_signature(account.client_secret, timestamp, nonce)
        return {**grant, "timestamp": timestamp, "nonce": nonce, "data": "", "signature": signature}

    def _exchange_ms(self, now: Now) -> int:
        """The exchange's time. Ours is not asked once an answer has told it: it can be set at any moment."""
        if self._clock is None:
            return now.wall_ms
        told_ms, monotonic = self._clock
        return told_ms + round((now.monotonic - monotonic) * 1000)

    def _logged_in(self, result: Any, now: Now) -> Outputs:
        self._keep_tokens(result, now)
        self.counters["logins"] += 1
        self._steps = {"heartbeat", "subscribe"}
        outputs = self._request(*self._heartbeat_wish(), self._step("heartbeat"), self._failed, now)
        scope = self.cancel_on_disconnect
        if scope is not None:
            self._steps.add("cancel_on_disconnect")
            outputs += self._private(
                "private/enable_cancel_on_disconnect",
                {"scope": scope},
                self._step("cancel_on_disconnect"),
                self._failed,
                now,
            )
        channels = [*self._wanted, *self._extras]
        return outputs + self._private("private/subscribe", {"channels": channels}, self._subscribed, self._failed, now)

    def _step(self, name: str) -> OnResult:
        """One of the things that must be answered before the stream is live."""

        def done(result: Any, now: Now) -> Outputs:
            del result
            self._steps.discard(name)
            if self._steps or self.phase is not Phase.ENTERING:
                return []
            return (self._let_portfolios_wait(now) if self.stands_by else []) + self._entered(now)

        return done

    def _subscribed(self, result: Any, now: Now) -> Outputs:
        granted = {str(name).lower() for name in result} if isinstance(result, list) else set()
        missing = tuple(name for name in self._wanted if name.lower() not in granted)
        if missing:
            return self._give_up(
                SubscriptionRefused(
                    f"Deribit left out {', '.join(missing)} without a word: unknown, or not allowed by the key's scope "
                    "(orders, trades and changes need trade:read, the portfolio needs account:read)",
                    missing,
                ),
                now,
            )
        outputs = self._step("subscribe")(result, now)
        for name in self._extras:
            if name.lower() not in granted:
                outputs += self._tell([self._not_granted(name, now)], now)
        return outputs

    def _not_granted(self, channel: str, now: Now) -> AccountNotice:
        return AccountNotice(
            exchange=self.exchange,
            account=self.stream,
            id=f"not granted:{channel}:{self.link}:{now.wall_ms}",
            time_ms=now.wall_ms,
            received_ms=now.wall_ms,
            kind=NoticeKind.ACCESS,
            native_kind=channel,
            level="subscription refused",
        )

    def stand_by_for(self, main: Any) -> None:
        super().stand_by_for(main)
        self.heartbeat = main.heartbeat
        self.cancel_on_disconnect = main.cancel_on_disconnect

    def _heartbeat_wish(self) -> tuple[str, Params]:
        if self.heartbeat is None:
            return "public/disable_heartbeat", {}
        return "public/set_heartbeat", {"interval": self.heartbeat}

    # --- tokens -----------------------------------------------------------------------------------------------------

    def _keep_tokens(self, result: Any, now: Now) -> None:
        tokens = result if isinstance(result, dict) else {}
        self._access_token = fields.text(tokens, "access_token")
        self._refresh_token = fields.text(tokens, "refresh_token")
        life = fields.decimal(tokens, "expires_in")
        wait = min(float(life) * RENEW_AT if life else 600.0, LONGEST_TIMER)
        self._at("token", now.monotonic + max(wait, 1.0), self._renew)

    def _renew(self, now: Now) -> Outputs:
        params = {"grant_type": "refresh_token", "refresh_token": self._refresh_token}
        return self._request("public/auth", params, self._renewed, self._not_renewed, now)

    def _renewed(self, result: Any, now: Now) -> Outputs:
        self._keep_tokens(result, now)
        self.counters["token_renewals"] += 1
        return []

    def _not_renewed(self, error: JexkitError, now: Now) -> Outputs:
        """The refresh token is no good: log in anew, on the same connection."""
        self.last_error = str(error)
        return self._request("public/auth", self._grant(now), self._renewed, self._failed, now)

    # --- what comes in ----------------------------------------------------------------------------------------------

    _events_in = staticmethod(wire.read_text)

    def _read(self, text: str, now: Now) -> Outputs:
        try:
            message = exact.decode(text)
        except exact.NotJson as error:
            return self._unreadable(text, str(error), now)
        if not isinstance(message, dict):
            return self._unreadable(text, "not a JSON-RPC message", now)
        if "id" in message:
            return self._answered(message, now)
        method = message.get("method")
        if method == "subscription":
            return self._notified(fields.section(message, "params"), Receipt(self.stream, now.wall_ms, text), now)
        if method == "heartbeat":
            return self._heartbeat_came(fields.section(message, "params"), now)
        if "error" in message:
            return self._complained(fields.section(message, "error"), now)
        return self._unreadable(text, "neither an answer nor a notification", now)

    def _notified(self, params: fields.Message, receipt: Receipt, now: Now) -> Outputs:
        return self._tell(wire.read(fields.text(params, "channel"), params.get("data"), receipt), now)

    def _live(self, now: Now) -> Outputs:
        outputs = self._let_portfolios_wait(now) if self.was_live else self._know(now)
        return outputs + super()._live(now)

    def _recovered(self, events: Sequence[Event], now: Now) -> Outputs:
        if self.stands_by:  # an answer to a question of before; the connection that has taken over asks as well
            events = [event for event in events if not isinstance(event, BalanceUpdate)]
        outputs = super()._recovered(events, now)
        if self.phase is Phase.LIVE and any(type(event) is BalanceUpdate for event in sorted_by_use(outputs)[0]):
            outputs += self._let_portfolios_wait(now)
        return outputs

    def _know(self, now: Now) -> Outputs:
        """Something came another way; see ``portfolios``."""
        self._portfolios.know(self._exchange_ms(now), now)
        return []

    def _let_portfolios_wait(self, now: Now) -> Outputs:
        self._know(now)
        question = self._portfolios.begin(now)
        self._plan_portfolios()

        def answered(_: object, later: Now) -> Outputs:
            self._portfolios.answered(question, later)
            return self._plan_portfolios()

        return self._request("public/test", {}, answered, answered, now)

    def _plan_portfolios(self) -> Outputs:
        if self._portfolios.until is not None:
            self._at("portfolios", self._portfolios.until, self._tell_portfolios)
        return []

    def _hold(self, events: Sequence[Event], now: Now) -> Outputs:
        """Of a connection that is to take over: until it does, the other one tells of balances as well."""
        if not self.stands_by:
            return super()._hold(events, now)
        self._portfolios.hold(events)
        return super()._hold([event for event in events if not isinstance(event, BalanceUpdate)], now)

    def _take(self, events: Sequence[Event], now: Now) -> Outputs:
        waiting = self._portfolios
        if now.monotonic < waiting.listens_until and waiting.heard(events, now):
            self._plan_portfolios()
        if waiting.until is None and not self.stands_by:
            return self._in_order(events)
        waiting.hold(events)
        return self._in_order([event for event in events if not isinstance(event, BalanceUpdate)])

    def _tell_portfolios(self, now: Now) -> Outputs:
        del now
        waited = self._portfolios.release()
        return [] if self.stands_by else self._in_order(waited)  # the other connection tells of balances

    def _in_order(self, events: Sequence[Event]) -> Outputs:
        """Each portfolio is compared with the one before it, which may be among those that came together."""
        outputs: Outputs = []
        begin = 0
        for number, event in enumerate(events):
            if type(event) is not BalanceUpdate:
                continue
            outputs += self._deliver(events[begin:number])
            is_repeated = self._is_repeated_portfolio(event)
            begin = number + is_repeated
            if not is_repeated and event.origin is Origin.STREAM and self._was_said(event):
                self._came_back(event)
        return outputs + self._deliver(events[begin:])

    def _came_back(self, event: Event) -> bool:
        """Portfolios are told in any case: their ids have the time of their arrival, in which several may come."""
        return super()._came_back(event) or isinstance(event, BalanceUpdate)

    def _was_said(self, portfolio: BalanceUpdate) -> bool:
        """Whether the same was told lately, word for word, and something else since.

        Nothing in a portfolio tells a late copy of the message from a balance that is again what it was. The last word
        is told, for the exchange promises the order within a channel, and then it is asked.
        """
        words = hash((portfolio.key, portfolio.raw))
        was_said = words in self._said
        if not was_said:
            self._said.append(words)
        return was_said

    def _is_repeated_portfolio(self, event: object) -> bool:
        """The portfolio comes whenever a mark price moves; only amounts that changed are news."""
        if not isinstance(event, BalanceUpdate):
            return False
        known = self.book.balances.get(event.key)
        return known is not None and wire.same_amounts(known, event)

    def _heartbeat_came(self, params: fields.Message, now: Now) -> Outputs:
        """``test_request`` wants ``public/test`` at once; it is due now, for whoever comes first to send it."""
        self._unreadable_in_a_row = 0
        if params.get("type") == "test_request":
            self._at("test_request", now.monotonic, self._answer_test_request)
        return []

    def _answer_test_request(self, now: Now) -> Outputs:
        self.counters["heartbeats_answered"] += 1
        return self._request("public/test", {}, _nothing, _nothing, now)

    def _answered(self, message: fields.Message, now: Now) -> Outputs:
        self._unreadable_in_a_row = 0
        out = fields.integer(message, "usOut")
        if out is not None:
            self._clock = (out // 1000, now.monotonic)
        number = fields.integer(message, "id")
        request = self._requests.pop(number, None) if number is not None else None
        if request is None:
            return []
        self._not_at(f"request {number}")
        if "error" not in message:
            return request.done(message.get("result"), now)
        error = error_of(fields.section(message, "error"), request.method, secrets=self._secrets())
        return self._refused_by(error, request, now)

    def _refused_by(self, error: JexkitError, request: _Request, now: Now) -> Outputs:
        """10028 ends the session, and 13009 says that it is over, whatever they answer; the rest is for whoever asked.

        A token that is not valid (any more) is no wrong key: a new login tells. At the login itself it is one.
        """
        if isinstance(error, RateLimited):
            return self._failed(error, now)
        if isinstance(error, AuthenticationError) and error.code == TOKEN_REFUSED and request.method != "public/auth":
            outputs = request.failed(error, now) if self.is_open else []
            return outputs + self._away(SuspendReason.KEY_EXPIRED, str(error), now)
        return request.failed(error, now)

    def _secrets(self) -> tuple[str, ...]:
        """What the exchange's words must not show again."""
        return (*self._account.secrets, self._access_token, self._refresh_token)

    def _complained(self, error: fields.Message, now: Now) -> Outputs:
        """An error without an id: about the connection, or about a frame that the exchange could not read."""
        found = error_of(error, "the connection", secrets=self._secrets())
        self.last_error = str(found)
        return self._failed(found, now) if isinstance(found, RateLimited) else []

    # --- requests ---------------------------------------------------------------------------------------------------

    def _request(self, method: str, params: Params, done: OnResult, failed: OnError, now: Now) -> Outputs:
        number = self._number()
        self._requests[number] = _Request(method, done, failed)
        self._at(f"request {number}", now.monotonic + ANSWER_WITHIN, lambda later: self._unanswered(number, later))
        frame = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        return [Send(self.link, exact.encode(frame))]

    def _private(self, method: str, params: Params, done: OnResult, failed: OnError, now: Now) -> Outputs:
        """A private call carries the token: only named sessions may leave it out, but all may send it."""
        return self._request(method, {**params, "access_token": self._access_token}, done, failed, now)

    def _unanswered(self, number: int, now: Now) -> Outputs:
        request = self._requests.pop(number, None)
        if request is None:
            return []
        return request.failed(TransportError(f"{request.method}: no answer within {ANSWER_WITHIN:g} seconds"), now)

    def _prove(self, now: Now) -> Outputs:
        self.counters["pings_sent"] += 1
        return self._request("public/test", {}, _nothing, _nothing, now)

    def _forget_unsettled(self) -> None:
        self._portfolios.forget()
        self._not_at("portfolios")

    def _left(self, now: Now) -> Outputs:
        del now
        self._forget_unsettled()
        self._requests.clear()
        self._steps.clear()
        self._access_token = self._refresh_token = ""
        return []

    # --- the program's commands -------------------------------------------------------------------------------------

    def _commands(self) -> Mapping[str, Callable[[int, Mapping[str, Any], Now], Outputs]]:
        return {
            "set_heartbeat": self._set_heartbeat,
            "disable_heartbeat": self._disable_heartbeat,
            "enable_cancel_on_disconnect": self._enable_cancel_on_disconnect,
            "disable_cancel_on_disconnect": self._disable_cancel_on_disconnect,
            "get_cancel_on_disconnect": self._plain("private/get_cancel_on_disconnect"),
        }

    def _set_heartbeat(self, ticket: int, arguments: Mapping[str, Any], now: Now) -> Outputs:
        interval = arguments["interval"]

        def done(result: Any, later: Now) -> Outputs:
            del later
            self.heartbeat = interval  # the next connection begins with it
            return self._answer(ticket, result)

        return self._on_command(ticket, "public/set_heartbeat", {"interval": interval}, done, now)

    def _disable_heartbeat(self, ticket: int, arguments: Mapping[str, Any], now: Now) -> Outputs:
        wish = functools.partial(setattr, self, "heartbeat", None)
        return self._remembering("public/disable_heartbeat", wish)(ticket, arguments, now)

    def _enable_cancel_on_disconnect(self, ticket: int, arguments: Mapping[str, Any], now: Now) -> Outputs:
        """By default it holds for this connection only; the next ones are to have it as well."""
        wish = functools.partial(setattr, self, "cancel_on_disconnect", arguments.get("scope"))
        return self._remembering("private/enable_cancel_on_disconnect", wish)(ticket, arguments, now)

    def _disable_cancel_on_disconnect(self, ticket: int, arguments: Mapping[str, Any], now: Now) -> Outputs:
        wish = functools.partial(setattr, self, "cancel_on_disconnect", None)
        return self._remembering("private/disable_cancel_on_disconnect", wish)(ticket, arguments, now)

    def _remembering(self, method: str, remember: Callable[[], None]) -> Command:
        """A command whose effect the next connection is to have as well."""

        def run(ticket: int, arguments: Mapping[str, Any], now: Now) -> Outputs:
            def done(result: Any, later: Now) -> Outputs:
                del later
                remember()
                return self._answer(ticket, result)

            return self._on_command(ticket, method, arguments, done, now)

        return run

    def _plain(self, method: str) -> Callable[[int, Mapping[str, Any], Now], Outputs]:
        def run(ticket: int, arguments: Mapping[str, Any], now: Now) -> Outputs:
            return self._on_command(ticket, method, arguments, lambda result, _: self._answer(ticket, result), now)

        return run

    def _on_command(self, ticket: int, method: str, params: Params, done: OnResult, now: Now) -> Outputs:
        if not self.is_open:
            error = TransportError(f"stream {self.stream!r} is {self.state}; {method} needs it live, try again then")
            return self._answer(ticket, error=error)
        ask = self._private if method.startswith("private/") else self._request
        return ask(method, params, done, lambda error, _: self._answer(ticket, error=error), now)


def _nothing(value: object, now: Now) -> Outputs:
    del value, now
    return []
