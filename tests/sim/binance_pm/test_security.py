"""Who may ask: API keys, the window of time, signatures of all three kinds over the bytes received."""

from __future__ import annotations

import base64
from urllib.parse import quote

import pytest
import requests
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

from jexkit.sim import Simulator
from jexkit.sim.binance_pm import BinanceAccount
from jexkit.sim.calls import Call
from jexkit.sim.signed_query import is_hmac, signed_bytes
from tests.sim.binance_pm.client import WAIT, Client, signature

BALANCE = "/papi/v1/balance"


def pem(key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    """The public half."""
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize(("key", "code"), [("", -2014), ("short", -2014), ("-" * 64, -2014), ("A" * 64, -2015)])
def test_keys_that_are_malformed_or_unknown_get_401(client: Client, key: str, code: int) -> None:
    """-2014 for what is not 64 letters and digits, -2015 for what is unknown."""
    client.headers = {"X-MBX-APIKEY": key} if key else {}
    for answer in (client.plain("POST", "/papi/v1/listenKey"), client.signed("GET", BALANCE)):
        assert (answer.status_code, answer.json()["code"]) == (401, code)


def test_a_revoked_key_is_unknown(client: Client) -> None:
    """From one request to the next."""
    assert client.plain("POST", "/papi/v1/listenKey").status_code == 200
    client.account.revoke()
    assert client.plain("POST", "/papi/v1/listenKey").json()["code"] == -2015


@pytest.mark.parametrize(
    ("offset", "window", "accepted"),
    [
        *((-5000, 5000, True), (-5001, 5000, False), (-10_000, 10_000, True), (999, 5000, True), (1000, 5000, False)),
        *((-5000, None, True), (-5001, None, False)),
    ],
)
def test_timestamps_must_be_within_the_window(
    client: Client, stopped_ms: int, offset: int, window: int | None, accepted: bool
) -> None:
    """Not older than recvWindow (5000 if not said), and less than a second ahead."""
    answer = client.signed("GET", BALANCE, recvWindow=window, timestamp=stopped_ms + offset)
    assert (answer.status_code == 200) == accepted
    assert accepted or answer.json()["code"] == -1021


def test_a_skewed_exchange_refuses_a_true_clock(sim: Simulator, client: Client) -> None:
    """Which is how a client's clock being wrong looks."""
    sim.clock.skew_ms = 3_600_000
    assert client.code(BALANCE) == (400, -1021)


@pytest.mark.parametrize("params", [{"recvWindow": 60_001}, {"recvWindow": "x"}])
def test_windows_have_a_limit(client: Client, params: dict[str, object]) -> None:
    """A minute at most."""
    assert client.code(BALANCE, **params) == (400, -1130)


def test_signed_requests_need_timestamp_and_signature(client: Client, stopped_ms: int) -> None:
    """-1102 names what is missing."""
    assert "timestamp" in client.plain("GET", BALANCE).json()["msg"]
    answer = client.plain("GET", BALANCE, timestamp=stopped_ms)
    assert (answer.json()["code"], "signature" in answer.json()["msg"]) == (-1102, True)


def test_a_wrong_signature_is_1022(client: Client, account: BinanceAccount, stopped_ms: int) -> None:
    """Signed with another secret, or over other bytes."""
    query = f"timestamp={stopped_ms}"
    right = signature(account.secret_key, query)
    url = f"{client.venue.rest_url}{BALANCE}"
    for tried in (f"{query}&signature={signature('other', query)}", f"asset=BNB&{query}&signature={right}"):
        answer = requests.get(f"{url}?{tried}", headers=client.headers, timeout=WAIT)
        assert (answer.status_code, answer.json()["code"]) == (400, -1022)
    upper = requests.get(f"{url}?{query}&signature={right.upper()}", headers=client.headers, timeout=WAIT)
    assert upper.status_code == 200


def test_query_and_body_are_signed_together_with_nothing_between(
    client: Client, account: BinanceAccount, stopped_ms: int
) -> None:
    """A form body follows the query immediately; the query wins where both name a parameter."""
    query, body = "symbol=BTCUSDT&side=BUY&type=LIMIT", f"price=10&symbol=ETHUSDT&quantity=1&timestamp={stopped_ms}"
    signed = f"{body}&signature={signature(account.secret_key, query + body)}"
    headers = {**client.headers, "Content-Type": "application/x-www-form-urlencoded"}
    url = f"{client.venue.rest_url}/papi/v1/um/order?{query}"
    answer = requests.post(url, data=signed, headers=headers, timeout=WAIT)
    assert (answer.status_code, answer.json()["symbol"]) == (200, "BTCUSDT")


def test_rsa_and_ed25519_keys(client: Client, account: BinanceAccount, stopped_ms: int) -> None:
    """Base64, percent-encoded; each key only with its own signature."""
    private_rsa = rsa.generate_private_key(65537, 2048)
    private_ed = ed25519.Ed25519PrivateKey.generate()
    keys = {
        account.add_public_key("RSA", pem(private_rsa)): lambda message: private_rsa.sign(
            message, padding.PKCS1v15(), hashes.SHA256()
        ),
        account.add_public_key("ED25519", pem(private_ed).decode()): private_ed.sign,
    }
    for api_key, sign in keys.items():
        query = f"timestamp={stopped_ms}"
        for message, status in ((query, 200), (query + "0", 400)):
            encoded = quote(base64.b64encode(sign(message.encode())).decode(), safe="")
            url = f"{client.venue.rest_url}{BALANCE}?{query}&signature={encoded}"
            answer = requests.get(url, headers={"X-MBX-APIKEY": api_key}, timeout=WAIT)
            assert answer.status_code == status, answer.text
    with pytest.raises(ValueError, match="not a public key of the kind"):
        account.add_public_key("RSA", pem(private_ed))


def test_the_published_example_verifies() -> None:
    """The signature that the USDS-M documentation prints and that is right."""
    secret = "2b5eb11e18796d12d88f13dc27dbbd02c2cc51ff7059765ed9821957d82bb4d9"
    message = (
        "symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=9000&timeInForce=GTC&recvWindow=5000"
        "&timestamp=1591702613943"
    )
    printed = "3c661234138461fcc7a7d8746c6558c9842d4e10870d2ecbedf7777cad694af9"
    call = Call("POST", "/", f"{message}&signature={printed}", b"", {}, "")
    assert is_hmac(secret, signed_bytes(call), printed)
    assert not is_hmac(secret + "0", signed_bytes(call), printed)
