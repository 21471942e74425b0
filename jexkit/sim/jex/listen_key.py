"""The life of JEX listen keys: 60 minutes, PUT and DELETE must name the key, and nothing announces the end.

rest-api.md says what POST, PUT and DELETE do; it is silent about a second POST, so there is a switch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from jexkit.sim.clock import Clock, Timer
from jexkit.sim.jex import errors
from jexkit.sim.jex.keys import random_key
from jexkit.sim.jex.rules import JexRules
from jexkit.sim.ledger import Account


@dataclass
class ListenKey:
    """One key while it lives."""

    text: str
    account: Account
    timer: Timer


class ListenKeys:
    """Every living listen key; an account may have several. `expired` hears about a key whose time is up."""

    def __init__(self, rules: JexRules, clock: Clock, expired: Callable[[ListenKey], None]) -> None:
        self._rules = rules
        self._clock = clock
        self._expired = expired
        self._by_text: dict[str, ListenKey] = {}

    def create(self, account: Account) -> ListenKey:
        """POST."""
        living = self.of(account)
        if living and not self._rules.new_key_on_every_post:
            self._prolong(living[-1])
            return living[-1]
        text = random_key(account.random)
        self._by_text[text] = ListenKey(text, account, self._plan_end(text))
        return self._by_text[text]

    def keep_alive(self, account: Account, text: str) -> None:
        """PUT: another sixty minutes. Raises -1125 for a key that is not a living one of the account."""
        self._prolong(self._own(account, text))

    def close(self, account: Account, text: str) -> ListenKey:
        """DELETE. Raises -1125 for a key that is not a living one of the account."""
        key = self._own(account, text)
        self._kill(key)
        return key

    def find(self, text: str) -> ListenKey | None:
        """The living key with this text."""
        return self._by_text.get(text)

    def of(self, account: Account) -> list[ListenKey]:
        """The account's living keys, oldest first."""
        return [key for key in self._by_text.values() if key.account is account]

    def expire(self, text: str) -> None:
        """End a key as if its time were up."""
        key = self._by_text.get(text)
        if key is not None:
            self._kill(key)
            self._expired(key)

    def _own(self, account: Account, text: str) -> ListenKey:
        key = self._by_text.get(text)
        if key is None or key.account is not account:
            raise errors.no_listen_key()
        return key

    def _prolong(self, key: ListenKey) -> None:
        key.timer.cancel()
        key.timer = self._plan_end(key.text)

    def _plan_end(self, text: str) -> Timer:
        return self._clock.call_later(self._rules.listen_key_life, lambda: self.expire(text))

    def _kill(self, key: ListenKey) -> None:
        key.timer.cancel()
        self._by_text.pop(key.text, None)
