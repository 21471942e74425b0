"""JSON-RPC: requests, envelopes, parameters, and the table of methods.

https://docs.deribit.com, JSON-RPC. Success is `result`, failure `error`; both carry usIn, usOut and usDiff in
microseconds. HTTP answers a failure with status 400, and has no `id` for GET.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeAlias

from jexkit.sim.amounts import exact
from jexkit.sim.calls import Call
from jexkit.sim.connection import Connection
from jexkit.sim.deribit.account import DeribitAccount
from jexkit.sim.deribit.credits import Cost
from jexkit.sim.deribit.errors import RpcError, invalid, unauthorized
from jexkit.sim.deribit.tokens import Token

NO_ANSWER = object()
"""The result of a method that is not answered."""


@dataclass
class Request:
    """One call of a method, by websocket (`connection`) or by HTTP (`call` alone)."""

    method: str
    params: Mapping[str, Any]
    call: Call
    connection: Connection | None = None
    token: Token | None = None  # set by the dispatcher before the method runs
    caller: DeribitAccount | None = None
    after: list[Callable[[], None]] = field(default_factory=list)  # what happens once the answer is sent

    @property
    def account(self) -> DeribitAccount:
        """Whose request it is. Raises 13009 without a login."""
        if self.caller is None:
            raise unauthorized()
        return self.caller

    @property
    def socket(self) -> Connection:
        """The websocket. Raises 10030 over HTTP."""
        if self.connection is None:
            raise RpcError(10030)
        return self.connection

    def text(self, name: str, default: str | None = None) -> str:
        """A text parameter. Raises -32602 if it is missing and has no default."""
        value = self.params.get(name, default)
        if value is None:
            raise invalid(name, "value required")
        if not isinstance(value, str):
            raise invalid(name, "value must be a string")
        return value

    def whole(self, name: str, default: int | None = None) -> int:
        """A whole number, also as text."""
        value = self.params.get(name, default)
        if value is None:
            raise invalid(name, "value required")
        if isinstance(value, bool) or not str(value).lstrip("-").isdigit():
            raise invalid(name, "value must be an integer")
        return int(value)

    def amount(self, name: str) -> Decimal | None:
        """An amount, as a number or as text; None if it is not there."""
        value = self.params.get(name)
        if value is None or value == "":
            return None
        try:
            return exact(value)
        except (ValueError, TypeError):
            raise invalid(name, "value must be a number") from None

    def flag(self, name: str, *, default: bool = False) -> bool:
        """True or false, also as text."""
        value = self.params.get(name, default)
        if value in (True, "true"):
            return True
        if value in (False, "false", None):
            return False
        raise invalid(name, "value must be a boolean")

    def texts(self, name: str) -> list[str]:
        """A list of texts."""
        value = self.params.get(name)
        if value is None:
            raise invalid(name, "value required")
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise invalid(name, "value must be a list")
        return value


Handler: TypeAlias = Callable[[Request], Any]


@dataclass(frozen=True)
class Method:
    """A method and what it takes to call it."""

    run: Handler
    scope: str = ""  # permission, of private methods
    cost: Cost = "call"


Methods: TypeAlias = "dict[str, Method]"


def envelope(request_id: Any, outcome: Mapping[str, Any], begun_us: int, ended_us: int, **more: Any) -> dict[str, Any]:
    """The whole answer; `outcome` is `result` or `error`. `id` is there if the request had one."""
    head = {"jsonrpc": "2.0"} | ({} if request_id is None else {"id": request_id})
    return {**head, **outcome, "usIn": begun_us, "usOut": ended_us, "usDiff": ended_us - begun_us, **more}
