"""API keys, tokens, sessions and permissions.

https://docs.deribit.com, Authentication and Access scope. A token of the scope `connection` lives and dies with the
connection that asked for it; one of `session:NAME` is good on every connection and over HTTP, and an API key has
sixteen sessions, of which a seventeenth evicts the oldest.
"""

from __future__ import annotations

import hashlib
import hmac
import random
import string
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jexkit.sim.clock import Clock
from jexkit.sim.deribit.rules import DeribitRules

if TYPE_CHECKING:
    from jexkit.sim.deribit.account import DeribitAccount

EVERYTHING = frozenset(
    f"{area}:read_write" for area in ("account", "block_rfq", "block_trade", "custody", "trade", "wallet")
)
AREAS = frozenset(word.partition(":")[0] for word in EVERYTHING)


@dataclass(eq=False)
class ApiKey:
    """One key and what it may do."""

    client_id: str
    client_secret: str
    account: DeribitAccount
    name: str
    scope: frozenset[str] = EVERYTHING
    nonces: set[str] = field(default_factory=set)  # that were used already


def new_key(account: DeribitAccount, rng: random.Random, name: str, scope: frozenset[str] = EVERYTHING) -> ApiKey:
    """Make a key: an id of 8, a secret of 43 letters and digits."""
    letters = string.ascii_letters + string.digits
    texts = ["".join(rng.choices(letters, k=length)) for length in (8, 43)]
    return ApiKey(texts[0], texts[1], account, name, scope)


@dataclass(eq=False)
class Token:
    """One access token with its refresh token."""

    access: str
    refresh: str
    key: ApiKey
    scope: frozenset[str]  # what it may do
    session: str | None  # its name, or None for a token of one connection
    connection: int | None  # the number of that connection
    life: int
    expires_at: float  # exchange seconds
    alive: bool = True

    @property
    def account(self) -> DeribitAccount:
        """Whose it is."""
        return self.key.account

    def may(self, needed: str) -> bool:
        """Whether the scope includes `area:read` or `area:read_write`."""
        return allows(self.scope, needed)

    def scope_text(self) -> str:
        """The member `scope` of the answer: what was granted, with the words that the server adds."""
        home = "connection" if self.session is None else f"session:{self.session}"
        return " ".join(sorted({*self.scope, home, "mainaccount", f"name:{self.key.name}"}))


def allows(scope: Iterable[str], needed: str) -> bool:
    """Whether these words include a permission; read_write includes read."""
    area, _, level = needed.partition(":")
    granted = set(scope)
    return f"{area}:read_write" in granted or (level == "read" and f"{area}:read" in granted)


def narrowed(asked: Iterable[str], key_scope: frozenset[str]) -> frozenset[str]:
    """What a key grants of what was asked for; everything that it has if nothing was."""
    wanted = {word for word in asked if word.partition(":")[0] in AREAS}
    if not wanted:
        return key_scope
    granted = set()
    for word in wanted:
        area = word.partition(":")[0]
        if allows(key_scope, word):
            granted.add(word)
        elif allows(key_scope, f"{area}:read") and word.endswith(":read_write"):
            granted.add(f"{area}:read")
    return frozenset(granted)


def signature(secret: str, text: str) -> str:
    """What a client that knows the secret makes of the text: lowercase hex."""
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def same(one: str, other: str) -> bool:
    """Compare without telling by the time it takes."""
    return hmac.compare_digest(one.encode(), other.encode())


class Tokens:
    """Every token that was given out and is not dead."""

    def __init__(self, rules: DeribitRules, clock: Clock, rng: random.Random) -> None:
        self._rules = rules
        self._clock = clock
        self._random = rng
        self._all: list[Token] = []
        self.evicted: Callable[[Token], None] = lambda _token: None

    def give(self, key: ApiKey, words: list[str], connection: int | None, *, granted: frozenset[str]) -> Token:
        """A new token. `words` is the scope that was asked for."""
        session = next((word.partition(":")[2] for word in words if word.startswith("session:")), None)
        lives = [int(word[8:]) for word in words if word.startswith("expires:") and word[8:].isdigit()]
        life = lives[0] if lives else self._rules.token_life
        if session is not None:
            self.kill(lambda token: token.key is key and token.session == session)
        elif connection is not None:
            self.kill(lambda token: token.connection == connection)
        token = Token(
            access=self._text(),
            refresh=self._text(),
            key=key,
            scope=granted,
            session=session,
            connection=connection if session is None else None,
            life=life,
            expires_at=self._clock.monotonic() + life,
        )
        self._all.append(token)
        self._evict(key)
        return token

    def renew(self, token: Token, connection: int | None) -> Token:
        """A new pair for a refresh token: the session goes on, the old pair dies."""
        words = [] if token.session is None else [f"session:{token.session}"]
        token.alive = False
        self._all.remove(token)
        return self.give(token.key, [*words, f"expires:{token.life}"], connection, granted=token.scope)

    def by_access(self, text: str) -> Token | None:
        """The token with this access_token."""
        return next((token for token in self._all if token.access == text), None)

    def by_refresh(self, text: str) -> Token | None:
        """The token with this refresh_token."""
        return next((token for token in self._all if token.refresh == text), None)

    def is_expired(self, token: Token) -> bool:
        """Whether its time is over."""
        return self._clock.monotonic() >= token.expires_at

    def kill(self, condemned: Callable[[Token], bool]) -> None:
        """End the tokens for which this is true."""
        for token in [token for token in self._all if condemned(token)]:
            token.alive = False
            self._all.remove(token)

    def expire(self, account: DeribitAccount) -> int:
        """Let the time of all tokens of an account be over, and say how many."""
        mine = [token for token in self._all if token.account is account]
        for token in mine:
            token.expires_at = self._clock.monotonic()
        return len(mine)

    def _evict(self, key: ApiKey) -> None:
        mine = [token for token in self._all if token.key is key]
        for token in mine[: max(0, len(mine) - self._rules.sessions_per_key)]:
            token.alive = False
            self._all.remove(token)
            self.evicted(token)

    def _text(self) -> str:
        tail = "".join(self._random.choices(string.ascii_letters + string.digits + "-_", k=40))
        return f"{self._clock.now_ms()}.{tail}"
