"""Session management: one set of methods, over a live stream (``stream.session``) or over HTTP (``RestClient``).

Which of them an exchange has is the exchange's matter; a method that it lacks raises UsageError and says which it has.
"""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import Any

from jexkit.checks import as_whole
from jexkit.errors import ConfigurationError
from jexkit.names import check_poloniex_channels, check_poloniex_symbols

LEAST_HEARTBEAT = 10  # seconds; Deribit: "not less than 10"
MOST_HEARTBEAT = 600  # seconds; after ten minutes without anything Deribit takes a connection for dead anyhow
SCOPES = ("connection", "account")


class SessionMethods(abc.ABC):
    """The exchanges' own session methods. All of them block until the exchange has answered, and raise JexkitError.

    They may be called from any thread, from inside a callback too.
    """

    @abc.abstractmethod
    def _perform(self, method: str, **arguments: Any) -> Any:
        """Carry out ``method`` and return the exchange's result."""

    # --- Binance Portfolio Margin, JEX ------------------------------------------------------------------------------

    def create_listen_key(self) -> str:
        """Create a listen key, or get the account's active one with its 60 minutes starting again. It is a secret.

        Binance: ``POST /papi/v1/listenKey``. JEX: ``POST /api/v1/userDataStream``.
        """
        return str(self._perform("create_listen_key"))

    def keepalive_listen_key(self, listen_key: str = "") -> None:
        """Let the key's 60 minutes start again. Without ``listen_key``: the stream's, or the one created last.

        Binance: ``PUT /papi/v1/listenKey``. JEX: ``PUT /api/v1/userDataStream``. Raises ListenKeyUnknown (-1125) when
        the key has expired.
        """
        self._perform("keepalive_listen_key", listen_key=_checked_key(listen_key))

    def close_listen_key(self, listen_key: str = "") -> None:
        """Close the key, which ends the stream for everyone on it. A live stream of jexkit comes back with a new key.

        Binance: ``DELETE /papi/v1/listenKey``. JEX: ``DELETE /api/v1/userDataStream``.
        """
        self._perform("close_listen_key", listen_key=_checked_key(listen_key))

    # --- Deribit ----------------------------------------------------------------------------------------------------

    def set_heartbeat(self, interval: float) -> str:
        """Ask the exchange to check every ``interval`` seconds (10 to 600) that we are there; jexkit answers.

        Deribit: ``public/set_heartbeat``. Over HTTP the exchange refuses it: WebSocketRequired.
        """
        whole = as_whole(interval)
        is_number = isinstance(whole, int) and not isinstance(whole, bool)
        if not is_number or not LEAST_HEARTBEAT <= whole <= MOST_HEARTBEAT:
            raise ConfigurationError(
                f"interval is {interval!r}; give whole seconds from {LEAST_HEARTBEAT} to {MOST_HEARTBEAT}"
            )
        return str(self._perform("set_heartbeat", interval=whole))

    def disable_heartbeat(self) -> str:
        """Ask the exchange not to check on us any more. Deribit: ``public/disable_heartbeat``."""
        return str(self._perform("disable_heartbeat"))

    def enable_cancel_on_disconnect(self, scope: str = "connection") -> str:
        """Have the exchange cancel orders when a connection ends: those of this one, or by default for all new ones.

        ``scope`` is ``"connection"`` or ``"account"``. Deribit: ``private/enable_cancel_on_disconnect``.
        """
        return str(self._perform("enable_cancel_on_disconnect", scope=_checked_scope(scope)))

    def disable_cancel_on_disconnect(self, scope: str = "connection") -> str:
        """Have the exchange leave the orders alone when a connection ends; ``scope`` as for ``enable_...``.

        Deribit: ``private/disable_cancel_on_disconnect``.
        """
        return str(self._perform("disable_cancel_on_disconnect", scope=_checked_scope(scope)))

    def get_cancel_on_disconnect(self, scope: str = "connection") -> dict[str, Any]:
        """Whether it does that: ``{"scope": ..., "enabled": ...}``. Deribit: ``private/get_cancel_on_disconnect``."""
        return dict(self._perform("get_cancel_on_disconnect", scope=_checked_scope(scope)))

    # --- Poloniex ---------------------------------------------------------------------------------------------------

    def subscribe(self, channels: Sequence[str], symbols: Sequence[str] = ()) -> tuple[str, ...]:
        """Subscribe to ``"orders"``, ``"balances"`` or both; ``symbols`` such as ``["BTC_USDT"]`` or ``["all"]``.

        Balances have no symbols. Returns the channels that the exchange has confirmed, each by an answer of its own.
        The stream subscribes to them again after a reconnection. Raises SubscriptionRefused.
        """
        check_poloniex_channels("channels", _listed("channels", channels))
        check_poloniex_symbols("symbols", _listed("symbols", symbols, may_be_empty=True))
        return tuple(self._perform("subscribe", channels=tuple(channels), symbols=tuple(symbols)))

    def unsubscribe(self, channels: Sequence[str], symbols: Sequence[str] = ()) -> tuple[str, ...]:
        """The opposite of ``subscribe``; returns the channels that the exchange has confirmed."""
        check_poloniex_channels("channels", _listed("channels", channels))
        check_poloniex_symbols("symbols", _listed("symbols", symbols, may_be_empty=True))
        return tuple(self._perform("unsubscribe", channels=tuple(channels), symbols=tuple(symbols)))

    def list_subscriptions(self) -> tuple[str, ...]:
        """The channels that the exchange says are subscribed on this connection."""
        return tuple(self._perform("list_subscriptions"))


def _checked_key(listen_key: str) -> str:
    if not isinstance(listen_key, str):  # not repeated: it is a secret
        raise ConfigurationError(f"listen_key must be a text, not {type(listen_key).__name__}")
    return listen_key


def _checked_scope(scope: str) -> str:
    if scope not in SCOPES:
        raise ConfigurationError(f"scope is {scope!r}; use one of {', '.join(map(repr, SCOPES))}")
    return scope


def _listed(name: str, values: Sequence[str], *, may_be_empty: bool = False) -> Sequence[str]:
    if isinstance(values, str) or not isinstance(values, Sequence):
        raise ConfigurationError(f"{name} is {values!r}; give a list, such as ['orders']")
    if not values and not may_be_empty:
        raise ConfigurationError(f"{name} is empty; name at least one")
    return values
