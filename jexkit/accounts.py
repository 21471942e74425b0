"""The accounts that can be followed: frozen descriptions, checked when they are made, with no secret in their repr.

What they have in common stands at ``Account``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

import attrs

from jexkit import checks, names
from jexkit.keys import SigningKey, hmac_key, pem_key


def _default_host(which: int) -> Any:
    def find(account: Account) -> str:
        hosts = type(account).hosts
        if account.testnet not in hosts:
            raise checks.refusal(account, "testnet", "has no meaning: there is no test system; give both addresses")
        return hosts[account.testnet][which]

    return attrs.Factory(find, takes_self=True)


_SECRET_FIELDS = ("api_key", "secret_key", "passphrase", "client_id", "client_secret")


@attrs.frozen(kw_only=True)
class Account:
    """What all accounts have. Make a ``BinancePortfolioMargin``, ``Deribit``, ``Poloniex`` or ``Jex``.

    Making one reads a key file at most; nothing is sent anywhere. A setting that makes no sense, and one that is
    missing, raises ConfigurationError. All have in common

    ``rest_url``, ``ws_url``
        where the exchange is; the real one unless given. ``testnet=True`` picks the exchange's test system where it
        has one.
    ``proxy``
        ``http://``, ``socks5://`` or ``socks5h://`` with optional ``user:password@``, for REST and websocket alike;
        ``None`` goes by the environment (``HTTPS_PROXY``, ``NO_PROXY``), ``""`` uses none.
    ``ca_bundle``
        a PEM file of certificate authorities to trust instead of the usual ones, for REST and websocket alike.
    ``connect_timeout``, ``read_timeout``
        seconds, for each step of an HTTP request and of the websocket's handshake; the whole may take three or four
        times as long, and no longer.
    ``probe_every``, ``probe_within``
        a connection on which the exchange has said nothing for ``probe_every`` seconds (None: a fitting time for the
        exchange, 10 to 30) is asked for a sign of life, and left if none comes within ``probe_within`` seconds: a dead
        one is found after their sum at the latest.
    ``rotate_at``
        a time of day in UTC such as ``"04:00Z"`` at which the connection is replaced by a new one, with an overlap,
        give or take some minutes. Where the exchange cuts connections after 24 hours that happens in any case, before
        the cut.
    """

    exchange: ClassVar[str] = ""
    """The name of the exchange's folder under ``jexkit/exchanges``, and of its events."""
    hosts: ClassVar[Mapping[bool, tuple[str, str]]] = {}
    """REST and websocket address, by ``testnet``."""

    testnet: bool = attrs.field(default=False, converter=checks.as_testnet)
    rest_url: str = attrs.field(
        default=_default_host(0), converter=checks.as_address, validator=checks.url("http", "https")
    )
    ws_url: str = attrs.field(default=_default_host(1), converter=checks.as_address, validator=checks.url("ws", "wss"))
    proxy: str | None = attrs.field(default=None, repr=False, validator=checks.proxy)
    ca_bundle: str | None = attrs.field(
        default=None, converter=attrs.converters.optional(str), validator=checks.ca_bundle
    )
    connect_timeout: float = attrs.field(default=10.0, validator=checks.seconds(0.1, 120))
    read_timeout: float = attrs.field(default=10.0, validator=checks.seconds(0.1, 120))
    probe_every: float | None = attrs.field(default=None, validator=attrs.validators.optional(checks.seconds(1, 3600)))
    probe_within: float = attrs.field(default=10.0, validator=checks.seconds(0.1, 600))
    rotate_at: str | None = attrs.field(default=None, validator=checks.moment)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Everything about this account that must appear in no log, repr, file or message."""
        found = [value for value in (getattr(self, name, None) for name in _SECRET_FIELDS) if value]
        password = urlsplit(self.proxy or "").password
        return tuple(found + ([password] if password else []))


@checks.told_in_words
@attrs.frozen(kw_only=True)
class BinancePortfolioMargin(Account):
    """A Binance Portfolio Margin account: USD-M and COIN-M futures and margin orders on one stream.

    The settings that all accounts have stand at ``jexkit.Account``.

    Sign with ``secret_key`` (HMAC) or ``private_key`` (RSA or Ed25519: PEM text or a path, with ``passphrase`` where it
    is encrypted). The stream alone needs only ``api_key``; the reads over REST are signed.

    ``symbols`` are those whose fills a recovery must look for even if it finds no other trace of them; Binance has no
    list of fills over all symbols. "UM:BTCUSDT", "CM:..." and "MARGIN:..." say in which family; without it all that
    can be meant are asked. ``keepalive`` is the time between two renewals of the listen key in seconds,
    jittered downwards; a listen key lives 60 minutes, so at most 50. ``close_key_on_stop`` closes the listen key when
    the stream is stopped, which ends it for every other program on the same account too.

    https://developers.binance.com/docs/derivatives/portfolio-margin/user-data-streams
    """

    exchange: ClassVar[str] = "binance_pm"
    hosts: ClassVar[Mapping[bool, tuple[str, str]]] = {
        False: ("https://papi.binance.com", "wss://fstream.binance.com/pm"),
    }

    api_key: str = attrs.field(repr=False, validator=checks.credential)
    secret_key: str | None = attrs.field(default=None, repr=False, validator=checks.optional_credential)
    private_key: str | Path | None = attrs.field(default=None, repr=False)
    passphrase: str | None = attrs.field(default=None, repr=False)
    symbols: tuple[str, ...] = attrs.field(
        default=(), converter=checks.as_texts, validator=checks.named(names.check_binance_symbols)
    )
    keepalive: float = attrs.field(default=1800.0, validator=checks.seconds(1, 3000))
    recv_window: int = attrs.field(default=5000, validator=checks.milliseconds)
    close_key_on_stop: bool = attrs.field(default=False, validator=checks.flag)
    key: SigningKey | None = attrs.field(init=False, repr=False)

    @key.default
    def _load_key(self) -> SigningKey | None:
        if self.secret_key is not None and self.private_key is not None:
            raise checks.refusal(self, "private_key", "and secret_key are both given; give one of the two")
        if self.passphrase is not None and self.private_key is None:
            raise checks.refusal(self, "passphrase", "belongs to private_key, which is not given")
        if self.private_key is not None:
            return pem_key(self.private_key, self.passphrase)
        return _shared_secret(self, self.secret_key)


@checks.told_in_words
@attrs.frozen(kw_only=True)
class Deribit(Account):
    """A Deribit account. The settings that all accounts have stand at ``jexkit.Account``.

    ``currencies`` are those whose portfolio (balance) and fills are followed; orders and positions come for all.
    ``channels`` subscribes to these channels instead, for example ``["user.orders.BTC-PERPETUAL.raw"]``.

    ``grant`` is ``"client_credentials"`` or ``"client_signature"`` (the secret is not sent, only a signature with it).
    ``scope`` asks for less than the key allows, for example ``"account:read trade:read"``, or names a session
    (``"session:desk"``). ``heartbeat`` is the interval in seconds at which the exchange checks that the program is
    there. ``cancel_on_disconnect`` is ``None`` (leave it as it is), ``"connection"`` or ``"account"``.

    https://docs.deribit.com/#authentication and https://docs.deribit.com/#session-management
    """

    exchange: ClassVar[str] = "deribit"
    hosts: ClassVar[Mapping[bool, tuple[str, str]]] = {
        False: ("https://www.deribit.com", "wss://www.deribit.com/ws/api/v2"),
        True: ("https://test.deribit.com", "wss://test.deribit.com/ws/api/v2"),
    }

    client_id: str = attrs.field(repr=False, validator=checks.credential)
    client_secret: str = attrs.field(repr=False, validator=checks.credential)
    currencies: tuple[str, ...] = attrs.field(
        default=("any",), converter=checks.as_texts, validator=checks.named(names.check_deribit_currencies)
    )
    channels: tuple[str, ...] = attrs.field(
        default=(), converter=checks.as_texts, validator=checks.named(names.check_deribit_channels)
    )
    grant: str = attrs.field(
        default="client_credentials", validator=checks.one_of("client_credentials", "client_signature")
    )
    scope: str = attrs.field(default="", validator=checks.text)
    heartbeat: int = attrs.field(default=30, converter=checks.as_whole, validator=checks.whole_seconds(10, 600))
    cancel_on_disconnect: str | None = attrs.field(default=None, validator=checks.one_of(None, "connection", "account"))

    def __attrs_post_init__(self) -> None:
        checks.differ(self, "client_id", "client_secret")
        checks.not_swapped(self, "client_id", "client_secret")  # ids have 8 characters or so, secrets 40 and more
        if not self.currencies and not self.channels:
            raise checks.refusal(self, "currencies", "is empty; name at least one currency, or 'any'")


@checks.told_in_words
@attrs.frozen(kw_only=True)
class Poloniex(Account):
    """A Poloniex spot account. The stream subscribes to ``channels`` and ``symbols``, of which ``"all"`` is every one.

    The settings that all accounts have stand at ``jexkit.Account``.

    https://api-docs.poloniex.com/spot/websocket/authentication
    """

    exchange: ClassVar[str] = "poloniex"
    hosts: ClassVar[Mapping[bool, tuple[str, str]]] = {
        False: ("https://api.poloniex.com", "wss://ws.poloniex.com/ws/private"),
    }

    api_key: str = attrs.field(repr=False, validator=checks.credential)
    secret_key: str = attrs.field(repr=False, validator=checks.credential)
    channels: tuple[str, ...] = attrs.field(
        default=("orders", "balances"), converter=checks.as_texts, validator=checks.named(names.check_poloniex_channels)
    )
    symbols: tuple[str, ...] = attrs.field(
        default=("all",), converter=checks.as_texts, validator=checks.named(names.check_poloniex_symbols)
    )

    def __attrs_post_init__(self) -> None:
        checks.differ(self, "api_key", "secret_key")
        checks.not_swapped(self, "api_key", "secret_key")  # keys have 35 characters, secrets 128
        for setting in ("channels", "symbols"):
            if not getattr(self, setting):
                raise checks.refusal(self, setting, "is empty; name at least one, or leave it out for all")
        if self.probe_every is not None and self.probe_every > 25:
            raise checks.refusal(self, "probe_every", "must be 25 at most; a client silent for 30 seconds is cut")


@checks.told_in_words
@attrs.frozen(kw_only=True)
class Jex(Account):
    """A JEX account. JEX ended its service in December 2021; this speaks its documented protocol to any host given.

    The settings that all accounts have stand at ``jexkit.Account``.

    ``symbols`` are those whose orders a recovery asks for, since JEX lists open orders by symbol only; write them as
    ``"spot:JEXBTC"``, ``"option:BTCCALLM"`` or ``"contract:BTCUSDT"``. ``reorder_window`` is how long in seconds an
    update waits for one that it may have overtaken; 0 turns the waiting off. ``keepalive`` and ``close_key_on_stop``
    are as for Binance.

    https://github.com/JexApi/jex-official-api-docs
    """

    exchange: ClassVar[str] = "jex"
    hosts: ClassVar[Mapping[bool, tuple[str, str]]] = {
        False: ("https://www.jex.com", "wss://ws.jex.com"),
        True: ("https://testnet.jex.com", "wss://testnetws.jex.com"),
    }

    api_key: str = attrs.field(repr=False, validator=checks.credential)
    secret_key: str | None = attrs.field(default=None, repr=False, validator=checks.optional_credential)
    symbols: tuple[str, ...] = attrs.field(
        default=(), converter=checks.as_texts, validator=checks.named(names.check_jex_symbols)
    )
    keepalive: float = attrs.field(default=1800.0, validator=checks.seconds(1, 3000))
    recv_window: int = attrs.field(default=5000, validator=checks.milliseconds)
    reorder_window: float = attrs.field(default=0.25, validator=checks.seconds(0, 10))
    close_key_on_stop: bool = attrs.field(default=False, validator=checks.flag)
    key: SigningKey | None = attrs.field(init=False, repr=False)

    @key.default
    def _load_key(self) -> SigningKey | None:
        return _shared_secret(self, self.secret_key)


def _shared_secret(account: Account, secret: str | None) -> SigningKey | None:
    """The key of an HMAC secret. What is no text is refused after this, by the check of its field."""
    if not isinstance(secret, str):
        return None
    checks.differ(account, "api_key", "secret_key")
    return hmac_key(secret)


ACCOUNTS: Mapping[str, type[Account]] = {
    kind.exchange: kind for kind in (BinancePortfolioMargin, Deribit, Poloniex, Jex)
}
