"""Methods about the session: login, heartbeats, cancel on disconnect, subscriptions.

https://docs.deribit.com, Authentication, Session management, Supporting, Subscription management.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jexkit.sim.deribit import channels, tokens
from jexkit.sim.deribit.errors import RpcError, invalid, unauthorized
from jexkit.sim.deribit.login import Login
from jexkit.sim.deribit.rpc import NO_ANSWER, Method, Methods, Request

if TYPE_CHECKING:
    from jexkit.sim.deribit.venue import Deribit

VERSION = "1.2.26"


class Session:
    """The methods. What they know of a connection is in its `native`, see `watch.py`."""

    def __init__(self, venue: Deribit) -> None:
        self._venue = venue
        self._login = Login(venue)

    def methods(self) -> Methods:
        """The table."""
        subscribe, unsubscribe = self._subscribe, self._unsubscribe
        return {
            "public/auth": Method(self._login.auth),
            "public/fork_token": Method(self._login.fork),
            "public/exchange_token": Method(self._login.exchange),
            "public/hello": Method(self._hello),
            "public/test": Method(self._test),
            "public/get_time": Method(lambda _: self._venue.clock.now_ms()),
            "public/status": Method(lambda _: {"locked": False, "locked_indices": []}),
            "public/set_heartbeat": Method(self._set_heartbeat),
            "public/disable_heartbeat": Method(self._disable_heartbeat),
            "public/subscribe": Method(subscribe, cost="subscribe"),
            "public/unsubscribe": Method(unsubscribe, cost="subscribe"),
            "public/unsubscribe_all": Method(self._unsubscribe_all),
            "private/subscribe": Method(subscribe, "any", "subscribe"),
            "private/unsubscribe": Method(unsubscribe, "any", "subscribe"),
            "private/unsubscribe_all": Method(self._unsubscribe_all, "any"),
            "private/logout": Method(self._logout, "any"),
            "private/enable_cancel_on_disconnect": Method(self._enable_cod, "account:read_write"),
            "private/disable_cancel_on_disconnect": Method(self._disable_cod, "account:read_write"),
            "private/get_cancel_on_disconnect": Method(self._get_cod, "account:read"),
        }

    # Saying hello and goodbye

    def _hello(self, request: Request) -> Any:
        connection = request.socket
        connection.native["client"] = (request.text("client_name"), request.text("client_version"))
        return {"version": VERSION}

    def _test(self, request: Request) -> Any:
        if request.params.get("expected_result") == "exception":
            raise RpcError(10001)
        return {"version": VERSION}

    def _logout(self, request: Request) -> Any:
        """No answer: the socket is closed. Orders stay, also with cancel on disconnect."""
        connection, token = request.socket, request.token
        if request.flag("invalidate_token", default=True) and token is not None:
            self._venue.tokens.kill(lambda one: one is token)
        connection.native["cod"] = False
        connection.close(1000, "logout")
        return NO_ANSWER

    # Heartbeats

    def _set_heartbeat(self, request: Request) -> Any:
        connection, least = request.socket, self._venue.rules.least_heartbeat
        interval = request.whole("interval")
        if interval < least:
            raise invalid("interval", f"must be at least {least}")
        self._venue.watch.set_heartbeat(connection, interval)
        return "ok"

    def _disable_heartbeat(self, request: Request) -> Any:
        self._venue.watch.disable_heartbeat(request.socket)
        return "ok"

    # Cancel on disconnect

    def _enable_cod(self, request: Request) -> Any:
        error = self._venue.rules.cod_error
        scope = self._cod_scope(request)
        if error is not None:
            raise RpcError(error)
        return self._set_cod(request, scope, on=True)

    def _disable_cod(self, request: Request) -> Any:
        scope = self._cod_scope(request)
        if self._venue.rules.cod_must_be_on and not self._cod(request, scope):
            raise RpcError(13042)
        return self._set_cod(request, scope, on=False)

    def _get_cod(self, request: Request) -> Any:
        scope = self._cod_scope(request, reading=True)
        return {"scope": scope, "enabled": self._cod(request, scope)}

    def _cod_scope(self, request: Request, *, reading: bool = False) -> str:
        scope = request.text("scope", "connection")
        if scope not in ("connection", "account"):
            raise invalid("scope")
        http_is_fine = scope == "account" and (reading or self._venue.rules.cod_account_over_http)
        if request.connection is None and not http_is_fine:
            raise RpcError(10030)
        return scope

    def _cod(self, request: Request, scope: str) -> bool:
        if scope == "account":
            return request.account.cod_by_default
        return bool(request.socket.native.get("cod", False))

    def _set_cod(self, request: Request, scope: str, *, on: bool) -> Any:
        """`account` is for connections that are opened from now on; this one keeps what it has."""
        if scope == "account":
            request.account.cod_by_default = on
        else:
            request.socket.native["cod"] = on
        return "ok"

    # Subscriptions

    def _subscribe(self, request: Request) -> Any:
        connection, asked = request.socket, request.texts("channels")
        label = request.params.get("label")
        if label is not None and (not isinstance(label, str) or len(label) > self._venue.rules.label_length):
            raise invalid("label", "value too long")
        if request.token is None and any(self._needs_login(name) for name in asked):
            raise RpcError(13778)
        granted = [name for name in dict.fromkeys(asked) if self._may_hear(request, name)]
        new = [name for name in granted if name not in connection.names]
        if request.token is not None and "token" not in connection.native:
            self._venue.listen(connection, request.token)  # a token of a session, named in the request
        connection.names.update(granted)
        labels: dict[str, str | None] = connection.native.setdefault("labels", {})
        labels.update(dict.fromkeys(granted, label))
        self._venue.watch.subscribed(connection)
        self._venue.counters.add("subscriptions", len(new))
        request.after.append(lambda: self._venue.greet(connection, new))
        return self._shuffled(granted)

    def _needs_login(self, name: str) -> bool:
        """`.raw` channels are for those who are logged in, public ones too."""
        return name.endswith(".raw")

    def _may_hear(self, request: Request, name: str) -> bool:
        """Unknown names and missing permissions are left out of the answer, without an error."""
        if name in self._venue.rules.silently_refused:
            return False
        if not channels.is_user_channel(name):
            return channels.is_public_channel(name)
        channel = channels.read(name)
        return channel is not None and request.token is not None and request.token.may(channel.scope)

    def _shuffled(self, names: list[str]) -> list[str]:
        """The answer lists the channels in another order than the request."""
        mixed = list(names)
        self._venue.random.shuffle(mixed)
        return mixed if mixed != names else names[::-1]

    def _unsubscribe(self, request: Request) -> Any:
        connection, asked = request.socket, request.texts("channels")
        gone = [name for name in dict.fromkeys(asked) if name in connection.names]
        connection.names.difference_update(gone)
        self._venue.forget_batches(connection, gone)
        return self._shuffled(gone)

    def _unsubscribe_all(self, request: Request) -> Any:
        connection = request.socket
        self._venue.forget_batches(connection, list(connection.names))
        connection.names.clear()
        return "ok"


def check_token(token: tokens.Token, number: int | None) -> None:
    """A token of one connection is worth nothing on another. Raises 13009."""
    if token.session is None and token.connection != number:
        raise unauthorized()
