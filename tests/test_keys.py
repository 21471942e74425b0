"""Keys sign, tell their kind, and show nothing of themselves."""

from __future__ import annotations

import base64
import builtins
import hashlib
import hmac
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from jexkit.errors import ConfigurationError, MissingExtra
from jexkit.keys import SigningKey, hmac_key, pem_key

RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ED25519 = ed25519.Ed25519PrivateKey.generate()
PASSPHRASE = "correct horse"
MESSAGE = b"symbol=BTCUSDT&timestamp=1700000000000"


def pem(key: Any, passphrase: str | None = None, *, form: Any = serialization.PrivateFormat.PKCS8) -> str:
    lock: Any = serialization.NoEncryption()
    if passphrase:
        lock = serialization.BestAvailableEncryption(passphrase.encode())
    text: bytes = key.private_bytes(serialization.Encoding.PEM, form, lock)
    return text.decode()


def assert_rsa(key: SigningKey) -> None:
    assert key.kind == "RSA"
    signature = base64.b64decode(key.base64(MESSAGE), validate=True)
    RSA.public_key().verify(signature, MESSAGE, padding.PKCS1v15(), hashes.SHA256())


def test_an_hmac_key() -> None:
    key = hmac_key("secret")
    digest = hmac.new(b"secret", MESSAGE, hashlib.sha256)
    assert key.kind == "HMAC"
    assert key.hex(MESSAGE) == digest.hexdigest()
    assert key.base64(MESSAGE) == base64.b64encode(digest.digest()).decode()


def test_an_rsa_key_from_text() -> None:
    assert_rsa(pem_key(pem(RSA)))
    assert_rsa(pem_key(pem(RSA, form=serialization.PrivateFormat.TraditionalOpenSSL)))


def test_an_ed25519_key_from_text() -> None:
    key = pem_key(pem(ED25519))
    assert key.kind == "Ed25519"
    ED25519.public_key().verify(base64.b64decode(key.base64(MESSAGE)), MESSAGE)
    ED25519.public_key().verify(bytes.fromhex(key.hex(MESSAGE)), MESSAGE)


def test_a_key_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_text(pem(RSA))
    assert_rsa(pem_key(path))
    assert_rsa(pem_key(str(path)))


def test_an_encrypted_key_needs_its_passphrase() -> None:
    locked = pem(RSA, PASSPHRASE)
    assert_rsa(pem_key(locked, PASSPHRASE))
    with pytest.raises(ConfigurationError, match="give its passphrase="):
        pem_key(locked)
    with pytest.raises(ConfigurationError, match="passphrase is wrong"):
        pem_key(locked, "battery staple")
    with pytest.raises(ConfigurationError, match="leave passphrase out"):
        pem_key(pem(RSA), PASSPHRASE)


@pytest.mark.parametrize(
    "text", ["-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "-----BEGIN PRIVATE KEY-----"]
)
def test_damaged_text_is_no_key(text: str) -> None:
    with pytest.raises(ConfigurationError, match="no private key in PEM form"):
        pem_key(text)


def test_a_public_key_is_no_private_one() -> None:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    public = RSA.public_key().public_bytes(serialization.Encoding.PEM, form).decode()
    with pytest.raises(ConfigurationError, match="no private key"):
        pem_key(public)


def test_other_kinds_of_key_are_refused_by_name() -> None:
    with pytest.raises(ConfigurationError, match="is no RSA or Ed25519 key but"):
        pem_key(pem(ec.generate_private_key(ec.SECP256R1())))


def test_a_file_that_is_missing_or_holds_something_else(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file"):
        pem_key(tmp_path / "none.pem")
    other = tmp_path / "notes.txt"
    other.write_text("api key: abc")
    with pytest.raises(ConfigurationError, match="no line '-----BEGIN") as caught:
        pem_key(other)
    assert "abc" not in str(caught.value)
    other.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigurationError, match="not text"):
        pem_key(other)


@pytest.mark.parametrize(
    ("key", "told"),
    [
        (5, "not int"),
        (b"-----BEGIN PRIVATE KEY-----", "not bytes; decode it first"),
        (" ", "is empty"),
        ("~nobody-of-this-name/key.pem", "neither PEM text nor a readable file"),
        ("key\x00.pem", "neither PEM text nor a readable file"),
        ("k" * 5000, "neither PEM text nor a readable file"),
    ],
)
def test_what_is_neither_pem_nor_a_path(key: Any, told: str) -> None:
    """Whatever it is, the error names the setting, and no raw error comes through."""
    with pytest.raises(ConfigurationError, match=f"^private_key .*{told}") as caught:
        pem_key(key)
    assert caught.value.setting == "private_key"


def test_a_passphrase_that_is_no_text() -> None:
    bad: Any = b"correct horse"
    with pytest.raises(ConfigurationError, match="passphrase must be a text, not bytes"):
        pem_key(pem(RSA, PASSPHRASE), bad)


def test_no_key_is_in_a_repr_or_in_an_error() -> None:
    for key in (hmac_key("the-secret"), pem_key(pem(RSA)), pem_key(pem(ED25519))):
        assert repr(key) == f"SigningKey(kind='{key.kind}')"
    with pytest.raises(ConfigurationError) as caught:
        pem_key("-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----", "pass-word")
    assert "c2VjcmV0" not in str(caught.value)
    assert "pass-word" not in str(caught.value)


def test_without_cryptography_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    text = pem(RSA)
    really = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("cryptography"):
            raise ImportError(name)
        return really(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtra, match=r"jexkit\[crypto\]"):
        pem_key(text)
