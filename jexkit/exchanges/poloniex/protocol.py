"""Poloniex: the session.

One websocket at ``/ws/private`` (api-docs.poloniex.com, Spot, Websocket). First the ``auth`` channel, then the
subscriptions. Frames carry no request ids: an answer belongs to the command that was sent last, so one command is sent
at a time and the next one waits for its answer.

The client pings: a connection on which the client has sent nothing for 30 seconds is ended without a close frame, and
what the exchange sends does not count. The exchange answers each ping with a pong, and that is the proof of life.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from jexkit.accounts import Poloniex
from jexkit.core import exact, fields
from jexkit.core.backoff import Backoff
from jexkit.core.lifecycle import Phase
from jexkit.core.overflowing import OverflowingMachine
from jexkit.core.protocol import Probe
from jexkit.core.reading import Reading
from jexkit.core.redaction import redact
from jexkit.core.replies import said
from jexkit.core.values import Chance, Now, Outputs, Receipt, Send
from jexkit.core.waiting import OnError, OnResult
from jexkit.errors import AuthenticationError, ExchangeDown, JexkitError, SubscriptionRefused, TransportError
from jexkit.events import Event, OrderUpdate, SuspendReason
from jexkit.exchanges.poloniex import signing, wire
from jexkit.exchanges.poloniex.rest import USER_AGENT, Rest

ANSWER_WITHIN = 10.0  # seconds; answers were seen to take a tenth of a second
PING_EVERY = 10.0  # seconds, of the 30 that are allowed
CLOCK_IS_FRESH = 60.0  # seconds; a login refused with a clock older than this is tried once more with a new one
STEP = 1.0  # seconds that the wall clock moved against the monotonic one: it was set, or the machine slept
# What an error begins with when the same command would be refused again; everything else may pass.
LASTING = ("Invalid channel", "no valid symbols", "All symbols subscription", "Subscription failed", "Bad request")
# Of these, what says nothing of why. A user may have five connections subscribed to orders, and those of ours that have
# broken count until the exchange notices.
GENERIC = ("Subscription failed", "Bad request")
ANSWERS = ("subscribe", "unsubscribe", "unsubscribe_all")
MAINTENANCE = "Platform in maintenance mode"


@attrs.frozen
class _Command:
    """A command, sent or waiting for its turn. ``awaited`` are the channels that have not been answered."""

    name: str
    frame: str = attrs.field(repr=False)
    done: OnResult = attrs.field(repr=False)
    failed: OnError = attrs.field(repr=False)
    awaited: set[str] = attrs.field(factory=set)
    answered: list[str] = attrs.field(factory=list)


class Session(OverflowingMachine):
    """The session of one Poloniex account."""

    probe = Probe(every=PING_EVERY, within=10.0)

    def __init__(self, account: Poloniex, stream: str, *, chance: Chance, backoff: Backoff | None = None) -> None:
        super().__init__(
            exchange=account.exchange,
            stream=stream,
            dialect=Rest(account, stream),
            chance=chance,
            backoff=backoff,
            probe=Probe.of(account, self.probe),
        )
        self._account = account
        self.subscriptions = dict.fromkeys(account.channels, account.symbols)
        self._commands_waiting: deque[_Command] = deque()
        self._skew_ms = 0
        self._clock_read = -CLOCK_IS_FRESH
        self._clock_wanted = True
        self._apart = 0.0

    # --- the way in -------------------------------------------------------------------------------------------------

    def _prepare(self, now: Now) -> Outputs:
        """The login is signed with the time: read the exchange's clock before the first one, and after a refusal."""
        was_set = abs(_apart(now) - self._apart) > STEP
        if not self._clock_wanted and not was_set:
            return self._connect(now)
        return self._call("read the exchange's clock", self.dialect.clock, self._clock_came, self._no_clock, now)

    def _clock_came(self, server_ms: int, now: Now) -> Outputs:
        self._skew_ms = server_ms - now.wall_ms
        self._apart = _apart(now)
        self._clock_read = now.monotonic
        self._clock_wanted = False
        return self._connect(now)

    def _no_clock(self, error: JexkitError, now: Now) -> Outputs:
        """REST is away, which says nothing about the websocket: go on with the clock as it is known."""
        self.last_error = str(error)
        self._clock_read = now.monotonic  # as well as it can be: a refused login is not tried with it for ever
        return self._connect(now)

    def _connect(self, now: Now) -> Outputs:
        del now
        # The exchange's edge refuses requests, handshakes among them, that carry no User-Agent.
        return self._open(self._account.ws_url, {"User-Agent": USER_AGENT})

    def _enter(self, now: Now) -> Outputs:
        self._at("ping", now.monotonic + self.probe.every, self._ping)
        params = signing.websocket_auth(self._account.api_key, self._account.secret_key, now.wall_ms + self._skew_ms)
        frame = {"event": "subscribe", "channel": ["auth"], "params": params}
        command = _Command("auth", exact.encode(frame), self._logged_in, self._not_logged_in, {"auth"})
        return self._queue(command, now)

    def _logged_in(self, result: Any, now: Now) -> Outputs:
        del result
        self.counters["logins"] += 1
        outputs: Outputs = []
        groups: dict[tuple[str, ...], list[str]] = {}
        for channel, symbols in self.subscriptions.items():
            groups.setdefault(symbols, []).append(channel)
        for symbols, channels in groups.items():
            outputs += self._queue(
                self._subscription("subscribe", channels, symbols, self._subscribed, self._failed), now
            )
        return outputs if groups else self._entered(now)

    def _not_logged_in(self, error: JexkitError, now: Now) -> Outputs:
        if not isinstance(error, AuthenticationError):
            return self._failed(error, now)
        if now.monotonic - self._clock_read > CLOCK_IS_FRESH:
            self._clock_wanted = True
            return self._away(SuspendReason.REFUSED, f"{error}; reading the clock again", now)
        return self._give_up(error, now)

    def _subscribed(self, result: Any, now: Now) -> Outputs:
        del result
        if self.phase is Phase.ENTERING and not self._commands_waiting:
            return self._entered(now)
        return []

    def stand_by_for(self, main: Any) -> None:
        super().stand_by_for(main)
        self.subscriptions = main.subscriptions

    # --- what comes in ----------------------------------------------------------------------------------------------

    _events_in = staticmethod(wire.read_text)

    def _read(self, text: str, now: Now) -> Outputs:
        try:
            message = exact.decode(text)
        except exact.NotJson as error:
            return self._unreadable(text, str(error), now)
        if not isinstance(message, dict):
            return self._unreadable(text, "not an object", now)
        event = fields.text(message, "event").lower()
        channel = fields.text(message, "channel")
        if event == "pong":
            return self._pong_came()
        if event == "error" and self._commands_waiting:
            return self._complained(fields.text(message, "message"), now)
        if "subscriptions" in message:
            return self._listed(message, now)
        if event in ANSWERS:
            return self._acknowledged(event, channel, now)
        if event:
            return self._unasked(event, fields.text(message, "message"), Receipt(self.stream, now.wall_ms, text), now)
        if channel == "auth":
            return self._auth_answered(fields.section(message, "data"), now)
        return self._tell(wire.read(message, Receipt(self.stream, now.wall_ms, text)), now)

    def _unasked(self, event: str, words: str, receipt: Receipt, now: Now) -> Outputs:
        """Nobody asked for it, or this version does not know it: the program gets it whole."""
        if words == MAINTENANCE:
            return self._away(SuspendReason.MAINTENANCE, words, now)
        return self._tell([Reading(self.exchange, event, receipt).unknown("nothing was asked that this answers")], now)

    def _pong_came(self) -> Outputs:
        self._unreadable_in_a_row = 0
        self.counters["pongs"] += 1
        return []

    def _auth_answered(self, data: fields.Message, now: Now) -> Outputs:
        if fields.flag(data, "success"):
            return self._channel_answered("auth", now)
        words = self._said(fields.text(data, "message")) or "no reason given"
        return self._command_failed(
            AuthenticationError(f"Poloniex refused the login ({words}); check api_key and secret_key"), now
        )

    def _acknowledged(self, event: str, channel: str, now: Now) -> Outputs:
        """One answer a channel; "all" for unsubscribe_all. Old documents print the words in upper case."""
        self._unreadable_in_a_row = 0
        if not self._commands_waiting or self._commands_waiting[0].name != event:
            return []
        return self._channel_answered("all" if event == "unsubscribe_all" else channel, now)

    def _channel_answered(self, channel: str, now: Now) -> Outputs:
        if not self._commands_waiting:
            return []
        command = self._commands_waiting[0]
        if channel in command.awaited:
            command.awaited.discard(channel)
            command.answered.append(channel)
        return [] if command.awaited else self._command_done(tuple(command.answered), now)

    def _listed(self, message: fields.Message, now: Now) -> Outputs:
        if not self._commands_waiting or self._commands_waiting[0].name != "list_subscriptions":
            return []
        return self._command_done(tuple(str(name) for name in fields.rows(message, "subscriptions")), now)

    def _complained(self, words: str, now: Now) -> Outputs:
        """An error does not say what it is about; one command is under way at a time, so it is about that one."""
        words = self._said(words)
        if words == MAINTENANCE:
            return self._away(SuspendReason.MAINTENANCE, words, now)
        if not self._commands_waiting:
            self.last_error = words
            return []
        command = self._commands_waiting[0]
        channels = tuple(sorted(command.awaited))
        about = f"{command.name} {', '.join(channels)}".strip()
        refused = f"Poloniex refused {about}: {words}"
        may_pass = not words.startswith(LASTING) or (self.was_live and words.startswith(GENERIC))
        if self.phase is Phase.ENTERING and may_pass:
            return self._command_failed(ExchangeDown(refused), now)  # not for good: the way in is tried again
        return self._command_failed(SubscriptionRefused(refused, channels), now)

    def _said(self, words: str) -> str:
        """The exchange's words without anything of the account's in them."""
        return redact(said(words, self._account.secrets))

    # --- one command at a time --------------------------------------------------------------------------------------

    def _queue(self, command: _Command, now: Now) -> Outputs:
        self._commands_waiting.append(command)
        return self._send_next(now) if len(self._commands_waiting) == 1 else []

    def _send_next(self, now: Now) -> Outputs:
        if not self._commands_waiting:
            return []
        self._at("answer", now.monotonic + ANSWER_WITHIN, self._unanswered)
        return [Send(self.link, self._commands_waiting[0].frame)]

    def _command_done(self, result: Any, now: Now) -> Outputs:
        self._not_at("answer")
        command = self._commands_waiting.popleft()
        outputs = command.done(result, now)
        return outputs + self._after(command, now)

    def _command_failed(self, error: JexkitError, now: Now) -> Outputs:
        if not self._commands_waiting:
            return []
        self._not_at("answer")
        command = self._commands_waiting.popleft()
        outputs = command.failed(error, now)
        return outputs + self._after(command, now)

    def _after(self, command: _Command, now: Now) -> Outputs:
        """The next in the queue, unless ``done`` has queued and sent one itself or the connection is gone."""
        del command
        if self.phase not in (Phase.ENTERING, Phase.LIVE, Phase.BEHIND) or "answer" in self._timers:
            return []
        return self._send_next(now)

    def _unanswered(self, now: Now) -> Outputs:
        name = self._commands_waiting[0].name if self._commands_waiting else "command"
        return self._command_failed(TransportError(f"{name}: no answer within {ANSWER_WITHIN:g} seconds"), now)

    def _is_numbered(self, event: Event) -> bool:
        """Spot balances are ("id"), and orders cannot be amended. What the futures channels tell has times alone."""
        return isinstance(event, OrderUpdate) or wire.is_numbered(event)

    # --- life -------------------------------------------------------------------------------------------------------

    def _ping(self, now: Now) -> Outputs:
        self._at("ping", now.monotonic + self.probe.every, self._ping)
        if "silence" not in self._timers:
            self._at("silence", now.monotonic + self.probe.within, self._heard_nothing)
        return self._prove(now)

    def _prove(self, now: Now) -> Outputs:
        del now
        self.counters["pings_sent"] += 1
        return [Send(self.link, '{"event":"ping"}')]

    def _left(self, now: Now) -> Outputs:
        del now
        self._commands_waiting.clear()
        return []

    # --- the program's commands -------------------------------------------------------------------------------------

    def _commands(self) -> Mapping[str, Callable[[int, Mapping[str, Any], Now], Outputs]]:
        return {
            "subscribe": self._subscribe,
            "unsubscribe": self._unsubscribe,
            "list_subscriptions": self._list_subscriptions,
        }

    def _subscribe(self, ticket: int, arguments: Mapping[str, Any], now: Now) -> Outputs:
        channels, symbols = tuple(arguments["channels"]), tuple(arguments["symbols"])

        def done(result: Any, later: Now) -> Outputs:
            del later
            for channel in channels:
                together = dict.fromkeys((*self.subscriptions.get(channel, ()), *symbols))
                self.subscriptions[channel] = ("all",) if "all" in together else tuple(together)
            return self._answer(ticket, result)

        return self._on_command(ticket, "subscribe", channels, symbols, done, now)

    def _unsubscribe(self, ticket: int, arguments: Mapping[str, Any], now: Now) -> Outputs:
        channels, symbols = tuple(arguments["channels"]), tuple(arguments["symbols"])

        def done(result: Any, later: Now) -> Outputs:
            del later
            for channel in channels:
                left = tuple(name for name in self.subscriptions.get(channel, ()) if name not in symbols)
                if symbols and left:
                    self.subscriptions[channel] = left
                else:
                    self.subscriptions.pop(channel, None)
            return self._answer(ticket, result)

        return self._on_command(ticket, "unsubscribe", channels, symbols, done, now)

    def _list_subscriptions(self, ticket: int, arguments: Mapping[str, Any], now: Now) -> Outputs:
        del arguments
        return self._on_command(
            ticket, "list_subscriptions", (), (), lambda result, _: self._answer(ticket, result), now
        )

    def _on_command(
        self, ticket: int, name: str, channels: tuple[str, ...], symbols: tuple[str, ...], done: OnResult, now: Now
    ) -> Outputs:
        if not self.is_open:
            error = TransportError(f"stream {self.stream!r} is {self.state}; {name}() needs it live, try again then")
            return self._answer(ticket, error=error)

        def failed(error: JexkitError, later: Now) -> Outputs:
            del later
            return self._answer(ticket, error=error)

        return self._queue(self._subscription(name, channels, symbols, done, failed), now)

    def _subscription(
        self, event: str, channels: Any, symbols: tuple[str, ...], done: OnResult, failed: OnError
    ) -> _Command:
        frame: dict[str, Any] = {"event": event}
        if channels:
            frame["channel"] = list(channels)
            if symbols:
                frame["symbols"] = list(symbols)
        return _Command(event, exact.encode(frame), done, failed, set(channels))


def _apart(now: Now) -> float:
    return now.wall_ms / 1000 - now.monotonic
