"""Private keys for signing: HMAC secrets, and RSA or Ed25519 keys in PEM form. The only file that imports cryptography.

Whoever holds a ``SigningKey`` can sign with it and learn its kind; the key itself is in no repr.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs

from jexkit.errors import ConfigurationError, MissingExtra

_PEM = "-----BEGIN "


@attrs.frozen
class SigningKey:
    """Something to sign with. ``kind`` is ``"HMAC"``, ``"RSA"`` or ``"Ed25519"``."""

    kind: str
    _sign: Callable[[bytes], bytes] = attrs.field(repr=False, eq=False)

    def hex(self, message: bytes) -> str:
        """The signature in lower-case hexadecimal digits."""
        return self._sign(message).hex()

    def base64(self, message: bytes) -> str:
        """The signature in base64, on one line."""
        return base64.b64encode(self._sign(message)).decode()


def hmac_key(secret: str) -> SigningKey:
    """HMAC-SHA256 with a shared secret."""
    key = secret.encode()
    return SigningKey("HMAC", lambda message: hmac.new(key, message, hashlib.sha256).digest())


def pem_key(pem: str | Path, passphrase: str | None = None) -> SigningKey:
    """An RSA or Ed25519 key from PEM text or from a file with it; the kind is detected.

    RSA signs with PKCS#1 v1.5 and SHA-256, Ed25519 plainly. Raises ConfigurationError for anything else, and
    MissingExtra where cryptography is not installed.
    """
    if passphrase is not None and not isinstance(passphrase, str):
        raise ConfigurationError(f"passphrase must be a text, not {_kind(passphrase)}", setting="passphrase")
    text = _read(pem)
    serialization, padding, hashes, rsa, ed25519, unsupported = _cryptography()
    try:
        key = serialization.load_pem_private_key(text.encode(), passphrase.encode() if passphrase else None)
    except TypeError:
        if passphrase:
            raise _refusal("is not encrypted; leave passphrase out") from None
        raise _refusal("is encrypted; give its passphrase=") from None
    except unsupported:
        raise _refusal("is of a kind or cipher that is not supported; make an RSA or Ed25519 key in PKCS#8") from None
    except ValueError:
        what = "is no private key in PEM form"
        raise _refusal(f"{what}, or the passphrase is wrong" if passphrase else what) from None
    if isinstance(key, rsa.RSAPrivateKey):
        return SigningKey("RSA", lambda message: bytes(key.sign(message, padding.PKCS1v15(), hashes.SHA256())))
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return SigningKey("Ed25519", lambda message: bytes(key.sign(message)))
    raise _refusal(f"is no RSA or Ed25519 key but {type(key).__name__}")


def _refusal(what: str) -> ConfigurationError:
    return ConfigurationError(f"private_key {what}", setting="private_key")


def _kind(value: object) -> str:
    """The type, and not the value: it may be the key."""
    return type(value).__name__


def _read(pem: Any) -> str:
    if not isinstance(pem, (str, Path)):
        hint = "; decode it first" if isinstance(pem, (bytes, bytearray)) else ""
        raise _refusal(f"must be PEM text or the path of a file with it, not {_kind(pem)}{hint}")
    if isinstance(pem, str) and _PEM in pem:
        return pem
    if isinstance(pem, str) and not pem.strip():
        raise _refusal("is empty; give PEM text or the path of a file with it")
    try:
        text = Path(pem).expanduser().read_text("utf-8")
    except (OSError, ValueError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or "not text"
        raise _refusal(f"is neither PEM text nor a readable file with it: {reason}") from None
    if _PEM not in text:
        raise _refusal("names a file that has no line '-----BEGIN ... PRIVATE KEY-----'")
    return text


def _cryptography() -> tuple[Any, Any, Any, Any, Any, Any]:
    try:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
    except ImportError:
        raise MissingExtra("an RSA or Ed25519 key", "crypto", setting="private_key") from None
    return serialization, padding, hashes, rsa, ed25519, UnsupportedAlgorithm
