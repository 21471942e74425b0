"""The exchanges' REST interfaces, blocking, without a stream."""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from typing import Any

from jexkit.accounts import Account
from jexkit.arguments import check_order_id, texts
from jexkit.core.dialect import Dialect
from jexkit.engine.caller import Caller
from jexkit.engine.clock import Clock
from jexkit.engine.http import HttpClient
from jexkit.engine.process import OwnLock
from jexkit.errors import ConfigurationError, UsageError
from jexkit.events import BalanceUpdate, Fill, OrderUpdate, PositionUpdate
from jexkit.session import SessionMethods


class RestClient(SessionMethods):
    """Session management over HTTP, where the exchange has it, and the reads that a recovery uses.

    Reads return the same event types as a stream, marked ``origin=RECOVERED``, with the same ids. Every method blocks
    within the account's timeouts, may be called from any thread and in a forked child, and raises a leaf of
    ``jexkit.errors``::

        with RestClient(account) as client:
            for order in client.open_orders():
                ...
    """

    def __init__(self, account: Account, name: str | None = None) -> None:
        if not isinstance(account, Account):
            raise ConfigurationError(f"RestClient takes an account, such as jexkit.Deribit(...), not {account!r}")
        self._account = account
        self._dialect: Dialect = importlib.import_module(f"jexkit.exchanges.{account.exchange}.rest").Rest(
            account, name or account.exchange
        )
        self._callers: dict[int, Caller] = {}  # by process: a child must not speak on its parent's connections
        self._is_closed = False
        self._listen_key = ""
        self._key_lock = OwnLock()  # guards _listen_key

    def open_orders(self) -> list[OrderUpdate]:
        """All open orders. JEX: those of the account's ``symbols``."""
        return self._caller.hold(self._dialect.open_orders())

    def order(self, order_id: str, *, symbol: str = "", market: str = "") -> OrderUpdate:
        """One order, by ``OrderUpdate.key``, or by the exchange's id with ``symbol`` and ``market`` if it needs them.

        Raises OrderUnknown.
        """
        check_order_id(order_id)
        return self._caller.hold(self._dialect.order(str(order_id), symbol=symbol, market=market))

    def fills(self, since_ms: int, *, symbols: Sequence[str] = ()) -> list[Fill]:
        """Fills since ``since_ms`` (milliseconds since 1970), oldest first; ``symbols`` completes the search."""
        if isinstance(since_ms, bool) or not isinstance(since_ms, int) or since_ms < 0:
            raise ConfigurationError(f"since_ms is {since_ms!r}; give milliseconds since 1970")
        return self._caller.hold(self._dialect.fills(since_ms, symbols=texts("symbols", symbols)))

    def balances(self) -> list[BalanceUpdate]:
        """The balances of every wallet."""
        return self._caller.hold(self._dialect.balances())

    def positions(self) -> list[PositionUpdate]:
        """The positions. Empty on an exchange that has none."""
        return self._caller.hold(self._dialect.positions())

    def clock_skew_ms(self) -> int:
        """Ask the exchange for its time; how far it is ahead of this machine's clock, in milliseconds."""
        return self._caller.measure_clock()

    @property
    def _caller(self) -> Caller:
        if self._is_closed:
            raise UsageError("the client has been closed; make a new RestClient")
        here = os.getpid()
        if here not in self._callers:  # setdefault is one step: two threads get the same one
            self._callers.setdefault(here, Caller(self._dialect, HttpClient(self._account), Clock()))
        return self._callers[here]

    def close(self) -> None:
        """Close the connections. Closing twice does no harm; every other method raises UsageError from then on."""
        if not self._is_closed:
            caller, self._is_closed = self._caller, True
            caller.stop()

    def __enter__(self) -> RestClient:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _perform(self, method: str, **arguments: Any) -> Any:
        calls = self._dialect.calls()
        if method not in calls:
            known = ", ".join(f"{name}()" for name in sorted(calls)) or "none"
            raise UsageError(f"{self._account.exchange} has no {method}() over HTTP; what it has there: {known}")
        if "listen_key" in arguments and not arguments["listen_key"]:
            with self._key_lock:
                arguments["listen_key"] = self._listen_key
        result = self._caller.hold(calls[method](**arguments))
        if method == "create_listen_key":
            with self._key_lock:
                self._listen_key = result
        return result
