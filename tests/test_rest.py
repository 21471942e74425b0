"""RestClient, against the simulated exchanges: session management and reads over HTTP, without a stream."""

from __future__ import annotations

import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from jexkit import BinancePortfolioMargin, RestClient
from jexkit.errors import (
    AuthenticationError,
    ConfigurationError,
    ListenKeyUnknown,
    OrderUnknown,
    TransportError,
    UsageError,
    WebSocketRequired,
)
from jexkit.events import OrderStatus, Origin
from jexkit.testing import simulated

pytest.importorskip("aiohttp", reason="the simulator needs the extra sim")

EXCHANGES = ("binance_pm", "deribit", "poloniex", "jex")
WRONG = {"secret_key": "w" * 64, "client_secret": "w" * 43}


def client_of(account: Any, **settings: Any) -> RestClient:
    return RestClient(simulated.account(account, **settings))


@pytest.mark.parametrize("exchange", ["binance_pm", "jex"])
def test_a_listen_key_lives_and_dies(simulator: Any, exchange: str) -> None:
    """Created, the same again while it lives, renewed, closed; then there is none to renew."""
    with client_of(simulator.venues[exchange].account("a")) as client:
        key = client.create_listen_key()
        assert client.create_listen_key() == key
        client.keepalive_listen_key()
        client.keepalive_listen_key(key)
        client.close_listen_key()
        with pytest.raises(ListenKeyUnknown):
            client.keepalive_listen_key()


def test_the_session_methods_of_deribit_want_the_websocket(simulator: Any) -> None:
    """The server's 10030 is an error that names the way that works."""
    with client_of(simulator.deribit.account("a")) as client:
        for call in (
            lambda: client.set_heartbeat(30),
            client.disable_heartbeat,
            client.enable_cancel_on_disconnect,
            client.disable_cancel_on_disconnect,
        ):
            with pytest.raises(WebSocketRequired, match=r"stream\.session"):
                call()


def test_what_an_exchange_has_not_over_http_is_said(simulator: Any) -> None:
    """With what it has there."""
    with (
        client_of(simulator.poloniex.account("a")) as client,
        pytest.raises(UsageError, match="poloniex has no subscribe"),
    ):
        client.subscribe(["orders"])
    with client_of(simulator.jex.account("a")) as client, pytest.raises(UsageError, match="create_listen_key"):
        client.set_heartbeat(30)


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_the_reads_agree_with_the_exchange(simulator: Any, exchange: str) -> None:
    """An order that is open, one that is filled, and the balances, as the simulator's ledger has them."""
    venue = simulator.venues[exchange]
    account = venue.account("a")
    symbol, market, price, size = {
        "binance_pm": ("BTCUSDT", "UM", "20000", "0.010"),
        "deribit": ("BTC-PERPETUAL", None, "20000", "100"),
        "poloniex": ("BTC_USDT", None, "20000", "0.010"),
        "jex": ("JEXBTC", "spot", "0.00001464", "10"),
    }[exchange]
    began = int(time.time() * 1000) - 60_000
    where = {"market": market} if market else {}
    filled = account.place(symbol, "BUY", size, price=price, **where)
    account.fill(filled)
    resting = account.place(symbol, "BUY", size, price=price, **where)
    with client_of(account) as client:
        (order,) = client.open_orders()
        assert (order.symbol, order.status, order.quantity) == (symbol, OrderStatus.NEW, Decimal(size))
        assert order.origin is Origin.RECOVERED
        assert client.order(order.key, symbol=symbol).status is OrderStatus.NEW
        account.cancel(resting)
        assert client.open_orders() == []
        assert client.order(order.key, symbol=symbol).status is OrderStatus.CANCELLED
        fills = client.fills(began, symbols=["spot:JEXBTC"] if exchange == "jex" else ())
        assert [(fill.symbol, fill.quantity) for fill in fills] == [(symbol, Decimal(size))]
        assert {balance.asset for balance in client.balances() if balance.total} >= {"BTC"}
        assert bool(client.positions()) == (exchange in ("binance_pm", "deribit"))
        assert abs(client.clock_skew_ms()) < 5_000


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_an_order_that_is_not_there(simulator: Any, exchange: str) -> None:
    """Is OrderUnknown, whatever the exchange calls it."""
    key, symbol = {
        "binance_pm": ("UM:BTCUSDT:1", "BTCUSDT"),
        "deribit": ("1", "BTC-PERPETUAL"),
        "poloniex": ("1", "BTC_USDT"),
        "jex": ("spot:1", "JEXBTC"),
    }[exchange]
    with client_of(simulator.venues[exchange].account("a")) as client, pytest.raises(OrderUnknown):
        client.order(key, symbol=symbol)


@pytest.mark.parametrize("kind", ["RSA", "ED25519"])
@pytest.mark.parametrize("passphrase", [None, "p\u00e4ss word"], ids=["open", "encrypted"])
def test_binance_takes_what_a_private_key_has_signed(
    simulator: Any, tmp_path: Path, kind: str, passphrase: str | None
) -> None:
    """From the text or from a file; the exchange checks with the public key alone."""
    private: Any = rsa.generate_private_key(65537, 2048) if kind == "RSA" else ed25519.Ed25519PrivateKey.generate()
    lock: Any = serialization.NoEncryption()
    if passphrase:
        lock = serialization.BestAvailableEncryption(passphrase.encode())
    pem = private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock).decode()
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    (tmp_path / "key.pem").write_text(pem)
    api_key = simulator.binance_pm.account("a").add_public_key(kind, public)
    where = {"rest_url": simulator.binance_pm.rest_url, "ws_url": simulator.binance_pm.ws_url}
    for key in (pem, tmp_path / "key.pem", str(tmp_path / "key.pem")):
        account = BinancePortfolioMargin(api_key=api_key, private_key=key, passphrase=passphrase, **where)
        with RestClient(account) as client:
            assert client.balances()


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_a_wrong_secret_is_said(simulator: Any, exchange: str) -> None:
    """At the first signed question, and the secret is not in the words."""
    account = simulator.venues[exchange].account("a")
    name = "client_secret" if exchange == "deribit" else "secret_key"
    with client_of(account, **{name: WRONG[name]}) as client, pytest.raises(AuthenticationError) as refused:
        client.balances()
    assert WRONG[name] not in str(refused.value)


def test_a_clock_that_is_off_is_corrected(simulator: Any) -> None:
    """Signed questions are asked in the exchange's time, minutes ahead of ours."""
    simulator.clock.skew_ms = 240_000
    for exchange in EXCHANGES:
        with client_of(simulator.venues[exchange].account("a")) as client:
            assert client.balances()
            assert 235_000 < client.clock_skew_ms() < 245_000


@pytest.mark.parametrize("wrong", [-1, 1.5, "yesterday", True])
def test_fills_are_asked_for_since_a_time(simulator: Any, wrong: Any) -> None:
    """In milliseconds, and nothing else."""
    with client_of(simulator.poloniex.account("a")) as client, pytest.raises(ConfigurationError, match="milliseconds"):
        client.fills(wrong)


def test_only_accounts_have_clients() -> None:
    """Anything else is refused in words."""
    with pytest.raises(ConfigurationError, match="takes an account"):
        RestClient("deribit")  # type: ignore[arg-type]


def test_a_closed_client_says_so(simulator: Any) -> None:
    """Whatever is asked of it; closing it once more does no harm."""
    client = client_of(simulator.jex.account("a"))
    client.close()
    client.close()
    for call in (client.create_listen_key, client.balances, client.clock_skew_ms):
        with pytest.raises(UsageError, match="has been closed; make a new RestClient"):
            call()


def test_a_host_that_cannot_be_reached(simulator: Any) -> None:
    client = client_of(simulator.jex.account("a"), rest_url="http://127.0.0.1:9")
    with client, pytest.raises(TransportError):
        client.create_listen_key()


@pytest.mark.parametrize("symbols", ["BTC_USDT", b"BTC_USDT", 5, [5]])
def test_symbols_are_a_list(simulator: Any, symbols: Any) -> None:
    """One text would be a list of letters."""
    with client_of(simulator.poloniex.account("a")) as client, pytest.raises(ConfigurationError, match="list of texts"):
        client.fills(0, symbols=symbols)


@pytest.mark.parametrize("order_id", ["", " ", None, True, 1.5])
def test_an_order_has_an_id(simulator: Any, order_id: Any) -> None:
    with client_of(simulator.deribit.account("a")) as client, pytest.raises(ConfigurationError, match="order_id is"):
        client.order(order_id)
