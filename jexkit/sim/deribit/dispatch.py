"""From a message to a method and back: who may call what, at what price.

https://docs.deribit.com, JSON-RPC. Used by the websocket and by HTTP alike.
"""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from jexkit.sim.calls import Answer, Call
from jexkit.sim.connection import Connection, Frame
from jexkit.sim.deribit.errors import RpcError, expired, from_ledger, unauthorized
from jexkit.sim.deribit.login import Login
from jexkit.sim.deribit.rpc import NO_ANSWER, Method, Methods, Request, envelope
from jexkit.sim.jsontext import decode, encode

if TYPE_CHECKING:
    from jexkit.sim.deribit.tokens import Token
    from jexkit.sim.deribit.venue import Deribit

PREFIX = "/api/v2"


class Dispatcher:
    """The table of methods and the way through it."""

    def __init__(self, venue: Deribit, methods: Methods) -> None:
        self._venue = venue
        self._methods = methods
        self._login = Login(venue)
        self.failures: dict[str, deque[int]] = {}  # method -> codes that its next calls fail with

    # Websocket

    def frame(self, connection: Connection, text: str) -> None:
        """Answer one frame. What is no JSON is answered without an id, and the socket stays open."""
        begun = self._venue.clock.now_us()
        if len(text.encode()) > self._venue.rules.largest_request:
            return self._reply(connection, None, {"error": RpcError(-32600).as_json()}, begun)
        try:
            said = decode(text)
        except ValueError:
            return self._reply(connection, None, {"error": RpcError(11050, "invalid json").as_json()}, begun)
        if not isinstance(said, dict) or not isinstance(said.get("method"), str):
            error = RpcError(-32600, message="Invalid Request")
            return self._reply(connection, said.get("id") if isinstance(said, dict) else None, _failed(error), begun)
        self._venue.watch.heard(connection, said["method"])
        request = Request(said["method"], said.get("params") or {}, connection.call, connection)
        outcome = self._outcome(request)
        if outcome is not None:
            self._reply(connection, said.get("id"), outcome, begun)
        for action in request.after:
            action()
        if outcome is not None and outcome.get("error", {}).get("code") == 10028:
            connection.close(self._venue.rules.close_code_without_credits, "too_many_requests")
        return None

    def _reply(self, connection: Connection, request_id: Any, outcome: Mapping[str, Any], begun: int) -> None:
        self._venue.deliver(connection, Frame(encode(self._envelope(request_id, outcome, begun))))

    # HTTP

    def http(self, call: Call) -> Answer:
        """Answer one HTTP request: the method is in the path, or in a JSON-RPC object in the body of a POST."""
        begun = self._venue.clock.now_us()
        request_id: Any = None
        try:
            method, params, request_id = self._read_http(call)
            outcome = self._outcome(Request(method, params, call))
        except RpcError as error:
            outcome = _failed(error)
        status = 400 if outcome is None or "error" in outcome else 200
        return Answer(self._envelope(request_id, outcome or {"result": "ok"}, begun), status=status)

    def _read_http(self, call: Call) -> tuple[str, Mapping[str, Any], Any]:
        if len(call.body) > self._venue.rules.largest_request:
            raise RpcError(-32600)
        method = call.path.removeprefix(PREFIX).strip("/")
        params: Mapping[str, Any] = query_params(call.query)
        try:
            said = call.json()
        except ValueError:
            raise RpcError(11050, "invalid json") from None
        if said is None:
            return method, params, None
        if not isinstance(said, dict):
            raise RpcError(-32600, message="Invalid Request")
        if "params" not in said and "method" not in said:  # the parameters themselves
            return method, {**params, **said}, None
        return str(said.get("method", method)), {**params, **(said.get("params") or {})}, said.get("id")

    # Both

    def _outcome(self, request: Request) -> dict[str, Any] | None:
        """`result` or `error`, or None for what is not answered."""
        try:
            result = self._call(request)
        except RpcError as error:
            self._venue.counters.add("errors")
            return _failed(error)
        except ValueError as error:
            return _failed(from_ledger(error))
        return None if result is NO_ANSWER else {"result": result}

    def _call(self, request: Request) -> Any:
        method = self._methods.get(request.method)
        if method is None:
            raise RpcError(-32601)
        if not isinstance(request.params, dict):
            raise RpcError(-32602, {"reason": "params must be an object", "param": "params"})
        request.token = self._token(request)
        if request.token is not None:
            request.caller = request.token.account
        self._admit(request, method)
        waiting = self.failures.get(request.method)
        if waiting:
            raise RpcError(waiting.popleft())
        self._venue.counters.add(request.method)
        result = method.run(request)
        if inspect.isawaitable(result):
            raise TypeError(f"{request.method} must not wait.")
        return result

    def _admit(self, request: Request, method: Method) -> None:
        who = request.token.account.name if request.token is not None else f"ip {request.call.remote}"
        self._venue.credits.spend(who, method.cost)
        if not method.scope:
            return
        if request.token is None:
            raise unauthorized()
        if method.scope != "any" and not request.token.may(method.scope):
            raise RpcError(13021, {"reason": f"scope {method.scope} is needed"})

    def _token(self, request: Request) -> Token | None:
        """The caller's token: named in the parameters, or of the connection, or in a header of HTTP."""
        is_private = request.method.startswith("private/")
        try:
            return self._find_token(request)
        except RpcError:
            if is_private or request.connection is None:
                raise
            return None  # public methods are for everybody

    def _find_token(self, request: Request) -> Token | None:
        number = None if request.connection is None else request.connection.number
        named = request.params.get("access_token")
        if named is not None:
            return self._venue.token(str(named), number)
        if request.connection is None:
            return self._login.from_headers(request)
        token: Token | None = request.connection.native.get("token")
        if token is None:
            return None
        if self._venue.tokens.is_expired(token):
            raise expired()
        if not token.alive:
            raise unauthorized()
        return token

    def _envelope(self, request_id: Any, outcome: Mapping[str, Any], begun: int) -> dict[str, Any]:
        rules, ended = self._venue.rules, self._venue.clock.now_us()
        whole = envelope(request_id, outcome, begun, ended, testnet=rules.testnet)
        if rules.times_as_text:
            whole |= {name: str(whole[name]) for name in ("usIn", "usOut")}
        return whole


def _failed(error: RpcError) -> dict[str, Any]:
    return {"error": error.as_json()}


def query_params(query: str) -> dict[str, Any]:
    """Parameters of a query. `name[]=a&name[]=b` is a list; a name that merely repeats is one value, the last."""
    params: dict[str, Any] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name.endswith("[]"):
            params.setdefault(name[:-2], []).append(value)
        else:
            params[name] = value
    return params
