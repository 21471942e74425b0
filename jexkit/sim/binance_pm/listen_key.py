"""The life of listen keys, as the pages Start-, Keepalive- and Close-User-Data-Stream tell it.

A key belongs to the account, not to the API key that asked for it: one POST answers the account's active key, so two
programs on one account share it, and a DELETE by one silences the other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from jexkit.sim.binance_pm import errors
from jexkit.sim.binance_pm.rules import BinanceRules
from jexkit.sim.binance_pm.security import random_key
from jexkit.sim.clock import Clock, Timer
from jexkit.sim.ledger import Account


@dataclass
class ListenKey:
    """One key while it lives."""

    text: str
    account: Account
    timer: Timer


class ListenKeys:
    """Every living listen key. `expired` is told about a key whose time is up, just before it dies."""

    def __init__(self, rules: BinanceRules, clock: Clock, expired: Callable[[ListenKey, int], None]) -> None:
        self._rules = rules
        self._clock = clock
        self._expired = expired
        self._by_account: dict[str, ListenKey] = {}
        self._by_text: dict[str, ListenKey] = {}

    def create(self, account: Account) -> ListenKey:
        """POST: the account's key with another sixty minutes, or a first one."""
        key = self._by_account.get(account.name)
        if key is not None and not self._rules.new_key_on_every_post:
            self._prolong(key)
            return key
        if key is not None:
            self._kill(key)
        text = random_key(account.random)
        key = ListenKey(text, account, self._plan_end(account.name))
        self._by_account[account.name] = self._by_text[text] = key
        return key

    def keep_alive(self, account: Account) -> None:
        """PUT: another sixty minutes. Raises -1125 without a living key."""
        key = self._by_account.get(account.name)
        if key is None:
            raise errors.no_listen_key()
        self._prolong(key)

    def close(self, account: Account) -> ListenKey | None:
        """DELETE: the key is dead at once. Returns it, or None if there was none."""
        key = self._by_account.get(account.name)
        if key is not None:
            self._kill(key)
        elif self._rules.delete_needs_key:
            raise errors.no_listen_key()
        return key

    def of(self, account: Account) -> ListenKey | None:
        """The account's living key."""
        return self._by_account.get(account.name)

    def find(self, text: str) -> ListenKey | None:
        """The living key with this text."""
        return self._by_text.get(text)

    def expire(self, account: Account, events: int | None = None) -> None:
        """End the account's key now, with so many listenKeyExpired events (as the rules say if not given)."""
        key = self._by_account.get(account.name)
        if key is not None:
            self._expired(key, self._rules.expired_events if events is None else events)
            self._kill(key)

    def _prolong(self, key: ListenKey) -> None:
        key.timer.cancel()
        key.timer = self._plan_end(key.account.name)

    def _plan_end(self, name: str) -> Timer:
        def end() -> None:
            self.expire(self._by_account[name].account)

        return self._clock.call_later(self._rules.listen_key_life, end)

    def _kill(self, key: ListenKey) -> None:
        key.timer.cancel()
        self._by_account.pop(key.account.name, None)
        self._by_text.pop(key.text, None)
