"""Requests are signed as Binance wants it, with each of the three kinds of key."""

from __future__ import annotations

import base64
from urllib.parse import parse_qsl, unquote

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

from jexkit.exchanges.binance_pm import signing
from jexkit.keys import hmac_key, pem_key

FUTURES_SECRET = "2b5eb11e18796d12d88f13dc27dbbd02c2cc51ff7059765ed9821957d82bb4d9"
SECRET = "YtP1BudNOWZE1ag5uzCkh4hIC7qSmQOu797r5EJBFGhxBYivjj8HIX0iiiPof5yG"


def pem(key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey) -> str:
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, plain).decode()


# The first is printed in the USD-M document and right. The portfolio-margin page prints another one for the second,
# copied from a page on options.
@pytest.mark.parametrize(
    ("secret", "message", "expected"),
    [
        (
            FUTURES_SECRET,
            (
                "symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=9000&timeInForce=GTC&recvWindow=5000"
                "&timestamp=1591702613943"
            ),
            "3c661234138461fcc7a7d8746c6558c9842d4e10870d2ecbedf7777cad694af9",
        ),
        (
            SECRET,
            (
                "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=2000&recvWindow=5000"
                "&timestamp=1611825601400"
            ),
            "4c633cd74726176f44d7a81ac9c86ffd6045169b3fadac568b577285ac95ca45",
        ),
        (SECRET, "timestamp=1700000000000", "38d3db1cb7bfe07a49e89f4744d604ba512b270dd696a3a025cbd09fac602e6a"),
        (
            SECRET,
            "recvWindow=5000&timestamp=1700000000000",
            "28902072f5e04a564933395d5ecf6e7745264df186fa9186b0d58c3c25d83176",
        ),
        (
            SECRET,
            "symbol=BTCUSDT&recvWindow=5000&timestamp=1700000000000",
            "e6df02a73124f9b5b31a7212f961269831fb5a931ad65819a58c898d1880384a",
        ),
    ],
)
def test_hmac_vectors(secret: str, message: str, expected: str) -> None:
    assert signing.signature(message, hmac_key(secret)) == expected


def test_a_signed_query_ends_with_window_time_and_signature() -> None:
    query = signing.signed_query(
        [("symbol", "BTCUSDT")], hmac_key(SECRET), recv_window=5000, timestamp=1_700_000_000_000
    )
    assert query == (
        "symbol=BTCUSDT&recvWindow=5000&timestamp=1700000000000"
        "&signature=e6df02a73124f9b5b31a7212f961269831fb5a931ad65819a58c898d1880384a"
    )


def test_values_are_encoded_before_they_are_signed_and_sent_as_signed() -> None:
    params = [("symbol", "币安人生USDT"), ("note", "a b&c=d/e+f")]
    query = signing.signed_query(params, hmac_key(SECRET), recv_window=5000, timestamp=1)
    signed, _, signature = query.rpartition("&signature=")
    assert signature == signing.signature(signed, hmac_key(SECRET))
    assert " " not in query
    assert "/" not in query
    assert "+" not in query
    assert dict(parse_qsl(query))["note"] == "a b&c=d/e+f"


def test_an_rsa_signature_is_base64_encoded_for_the_query() -> None:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    query = signing.signed_query([], pem_key(pem(private)), recv_window=5000, timestamp=1_700_000_000_000)
    signed, _, signature = query.rpartition("&signature=")
    assert not set("+/=") & set(signature)
    sent = base64.b64decode(unquote(signature), validate=True)
    private.public_key().verify(sent, signed.encode(), padding.PKCS1v15(), hashes.SHA256())


def test_an_ed25519_signature_is_base64_encoded_for_the_query() -> None:
    private = ed25519.Ed25519PrivateKey.generate()
    query = signing.signed_query([("asset", "BNB")], pem_key(pem(private)), recv_window=9000, timestamp=1)
    signed, _, signature = query.rpartition("&signature=")
    assert signed == "asset=BNB&recvWindow=9000&timestamp=1"
    private.public_key().verify(base64.b64decode(unquote(signature), validate=True), signed.encode())
