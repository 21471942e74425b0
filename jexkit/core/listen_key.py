"""The machine of streams that are opened with a listen key (Binance Portfolio Margin, JEX).

A listen key is asked for over REST, lives 60 minutes, and is put into the websocket's URL. Renewing it is the stream's
life: an expired key leaves the socket open and silent. So

* it is renewed every ``keepalive`` seconds (30 minutes unless told otherwise) with jitter, never at the 60 minutes at
  which it dies, whatever a document recommends;
* a renewal that fails for a while is tried again with growing waits; when the key's hour runs out first, a new one is
  asked for;
* "no such listen key" (-1125), the exchange's notice of expiry and a refused renewal all lead to the same place: a new
  key and a new connection, once, however often they are said.
"""

from __future__ import annotations

import abc
import functools
from collections.abc import Callable, Mapping
from typing import Any

from jexkit.core import exact
from jexkit.core.backoff import Backoff
from jexkit.core.dialect import Dialect
from jexkit.core.lifecycle import CONNECTED
from jexkit.core.overflowing import OverflowingMachine
from jexkit.core.protocol import Probe
from jexkit.core.values import Call, Chance, Flow, Now, Outputs, Ping, Receipt
from jexkit.errors import AuthenticationError, JexkitError, ListenKeyUnknown, PermissionDenied
from jexkit.events import Event, SuspendReason

KEY_LIFE = 3600.0  # seconds; both exchanges document 60 minutes after creation or renewal
KEY_JITTER = 0.2  # a renewal comes up to this part earlier, so that a hundred streams do not renew at once
KEY_MARGIN = 60.0  # seconds before the end of the key's life at which hope for a renewal ends


class ListenKeyDialect(Dialect):
    """A REST interface that has listen keys."""

    @abc.abstractmethod
    def create_listen_key(self) -> Flow[str]: ...

    @abc.abstractmethod
    def keepalive_listen_key(self, listen_key: str = "") -> Flow[None]: ...

    @abc.abstractmethod
    def close_listen_key(self, listen_key: str = "") -> Flow[None]: ...


class ListenKeyMachine(OverflowingMachine):
    """A stream on a listen key. An exchange says how the URL is made and how messages are read."""

    def __init__(
        self,
        *,
        exchange: str,
        stream: str,
        chance: Chance,
        rest: ListenKeyDialect,
        keepalive: float,
        close_key_on_stop: bool,
        backoff: Backoff | None = None,
        probe: Probe | None = None,
    ) -> None:
        super().__init__(exchange=exchange, stream=stream, dialect=rest, chance=chance, backoff=backoff, probe=probe)
        self._rest = rest
        self._keepalive_every = keepalive
        self._close_key_on_stop = close_key_on_stop
        self._key = ""
        self._key_dies = 0.0
        self._keepalive_backoff = Backoff(first=5.0, longest=60.0)

    # --- the connection ---------------------------------------------------------------------------------------------

    @property
    def listen_key(self) -> str:
        return self._key

    def stand_by_for(self, main: Any) -> None:
        super().stand_by_for(main)
        self._key = main.listen_key
        self._rest = main.dialect

    def _prepare(self, now: Now) -> Outputs:
        """A listen key; a connection that stands by shares the one that is there.

        To ask for one could end the first (users have seen it), and would hide that the first is dead already.
        """
        if self.stands_by:
            key = self._key
            return self._call("renew the listen key", lambda: self._renewal(key), self._key_shared, self._failed, now)
        return self._call("create the listen key", self._rest.create_listen_key, self._key_made, self._failed, now)

    def _key_shared(self, key: str, now: Now) -> Outputs:
        if key != self._key:
            return self.bow_out("the exchange has given out another listen key", now)
        self._key_dies = now.monotonic + KEY_LIFE
        return self._open(self._address(key))

    def _key_made(self, key: str, now: Now) -> Outputs:
        self._key = key
        self._key_dies = now.monotonic + KEY_LIFE
        self.counters["listen_keys"] += 1
        return self._open(self._address(key))

    def _enter(self, now: Now) -> Outputs:
        """The key in the URL is login and subscription in one; the ping brings the first proof."""
        self._schedule_keepalive(now)
        return [*self._entered(now), *self._ask_for_proof(now)]

    def _prove(self, now: Now) -> Outputs:
        del now
        self.counters["pings_sent"] += 1
        return [Ping(self.link)]

    def _read(self, text: str, now: Now) -> Outputs:
        try:
            message = exact.decode(text)
        except exact.NotJson as error:
            return self._unreadable(text, str(error), now)
        if not isinstance(message, dict):
            return self._unreadable(text, "not an object", now)
        if self._says_expired(message):
            self.counters["key_expiries"] += 1
            return self._away(SuspendReason.KEY_EXPIRED, "the exchange says that the listen key has expired", now)
        return self._tell(self._events(message, Receipt(self.stream, now.wall_ms, text)), now)

    # --- the key ----------------------------------------------------------------------------------------------------

    def _schedule_keepalive(self, now: Now) -> None:
        wait = self._keepalive_every * (1 - KEY_JITTER * self._chance())
        self._at("keepalive", now.monotonic + wait, self._renew)

    def _renew(self, now: Now) -> Outputs:
        key = self._key
        return self._call("renew the listen key", lambda: self._renewal(key), self._confirmed, self._not_renewed, now)

    def _renewal(self, key: str) -> Flow[str]:
        """Renew the key; returns the one that is valid now."""
        yield from self._rest.keepalive_listen_key(key)
        return key

    def _confirmed(self, key: str, now: Now) -> Outputs:
        if key != self._key:
            return self._away(SuspendReason.KEY_EXPIRED, "the exchange has given out another listen key", now)
        return self._renewed(None, now)

    def _doubt(self, now: Now) -> Outputs:
        """Hours may have passed in a minute of ours, and the key's life with them."""
        return super()._doubt(now) + self._renew(now)

    def _renewed(self, result: Any, now: Now) -> Outputs:
        del result
        self.counters["keepalives"] += 1
        self.last_proof_ms = now.wall_ms
        self._key_dies = now.monotonic + KEY_LIFE
        self._keepalive_backoff = self._keepalive_backoff.reset()
        self._schedule_keepalive(now)
        return []

    def _not_renewed(self, error: JexkitError, now: Now) -> Outputs:
        self.counters["keepalive_failures"] += 1
        self.last_error = str(error)
        if isinstance(error, (AuthenticationError, PermissionDenied)):
            return self._give_up(error, now)
        wait, self._keepalive_backoff = self._keepalive_backoff.next(self._chance)
        wait = max(wait, float(getattr(error, "retry_after", 0.0)))
        hopeless = now.monotonic + wait > self._key_dies - KEY_MARGIN
        if isinstance(error, ListenKeyUnknown) or not error.retryable or hopeless:
            return self._away(SuspendReason.KEY_EXPIRED, f"the listen key could not be renewed: {error}", now)
        self._at("keepalive", now.monotonic + wait, self._renew)
        return []

    # --- the program's commands -------------------------------------------------------------------------------------

    def _commands(self) -> Mapping[str, Callable[[int, Mapping[str, Any], Now], Outputs]]:
        return {
            "create_listen_key": self._create_on_command,
            "keepalive_listen_key": self._keepalive_on_command,
            "close_listen_key": self._close_on_command,
        }

    def _create_on_command(self, ticket: int, arguments: Mapping[str, Any], now: Now) -> Outputs:
        del arguments

        def done(key: str, later: Now) -> Outputs:
            outputs = self._answer(ticket, key)
            if key != self._key and self.is_open:
                return outputs + self._away(
                    SuspendReason.KEY_EXPIRED, "the exchange gave out another listen key", later
                )
            return outputs + self._renewed_by_command(key, later)

        return self._command(ticket, "create the listen key", self._rest.create_listen_key, done, now)

    def _keepalive_on_command(self, ticket: int, arguments: Mapping[str, Any], now: Now) -> Outputs:
        key = str(arguments.get("listen_key") or self._key)

        def done(result: Any, later: Now) -> Outputs:
            return self._answer(ticket, result) + self._renewed_by_command(key, later)

        def failed(error: JexkitError, later: Now) -> Outputs:
            outputs = self._answer(ticket, error=error)
            if isinstance(error, ListenKeyUnknown) and key == self._key and self.is_open:
                outputs += self._away(SuspendReason.KEY_EXPIRED, f"the listen key could not be renewed: {error}", later)
            return outputs

        flow = functools.partial(self._rest.keepalive_listen_key, key)
        return self._call("renew the listen key", flow, done, failed, now, ticket=ticket)

    def _renewed_by_command(self, key: str, now: Now) -> Outputs:
        """The answer may be late: it is about the connection of that key, and there need not be one any more."""
        return self._renewed(None, now) if key == self._key and self.phase in CONNECTED else []

    def _close_on_command(self, ticket: int, arguments: Mapping[str, Any], now: Now) -> Outputs:
        key, link = str(arguments.get("listen_key") or self._key), self.link

        def done(result: Any, later: Now) -> Outputs:
            outputs = self._answer(ticket, result)
            if self.is_open and self.link == link:
                outputs += self._away(SuspendReason.REQUESTED, "the program closed the listen key", later)
            return outputs

        return self._command(ticket, "close the listen key", lambda: self._rest.close_listen_key(key), done, now)

    def _command(
        self, ticket: int, what: str, flow: Callable[[], Flow[Any]], done: Callable[[Any, Now], Outputs], now: Now
    ) -> Outputs:
        return self._call(what, flow, done, lambda error, _: self._answer(ticket, error=error), now, ticket=ticket)

    def _farewell(self) -> Outputs:
        if not self._close_key_on_stop or not self._key:
            return []
        key = self._key
        return [Call(self._number(), "close the listen key", lambda: self._rest.close_listen_key(key))]

    # --- hooks ------------------------------------------------------------------------------------------------------

    @abc.abstractmethod
    def _address(self, key: str) -> str:
        """The websocket's URL."""

    @abc.abstractmethod
    def _says_expired(self, message: Any) -> bool:
        """Whether the message is the exchange's notice that the key has expired."""

    @abc.abstractmethod
    def _events(self, message: Any, receipt: Receipt) -> list[Event]:
        """The events in a decoded message."""
