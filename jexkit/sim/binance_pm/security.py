"""API keys and the verification of requests: header, time window, signature over the exact bytes received.

Portfolio Margin general info: `totalParams` is the query string immediately followed by the body; HMAC-SHA256 in hex
compared without regard to case, RSASSA-PKCS1-v1_5 with SHA-256 or Ed25519 in base64.
"""

from __future__ import annotations

import base64
import binascii
import random
import re
import string
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from jexkit.sim.binance_pm import errors
from jexkit.sim.calls import Call
from jexkit.sim.signed_query import is_hmac, sent_signature, signed_bytes, time_fault

if TYPE_CHECKING:
    from jexkit.sim.binance_pm.account import BinanceAccount

KeyKind: TypeAlias = Literal["HMAC", "RSA", "ED25519"]
Verifier: TypeAlias = "str | rsa.RSAPublicKey | ed25519.Ed25519PublicKey"

_API_KEY = re.compile(r"[A-Za-z0-9]{64}")


def random_key(rng: random.Random) -> str:
    """64 letters and digits, the look of API keys, secrets and listen keys."""
    return "".join(rng.choices(string.ascii_letters + string.digits, k=64))


@dataclass(frozen=True)
class ApiKey:
    """One key of an account and what its signatures are verified with."""

    account: BinanceAccount
    verifier: Verifier


def public_verifier(kind: KeyKind, pem: str | bytes) -> Verifier:
    """Read a PEM public key. Raises ValueError if it is not of that kind."""
    key = load_pem_public_key(pem.encode() if isinstance(pem, str) else pem)
    if kind == "RSA" and isinstance(key, rsa.RSAPublicKey):
        return key
    if kind == "ED25519" and isinstance(key, ed25519.Ed25519PublicKey):
        return key
    raise ValueError(f"This PEM is not a public key of the kind {kind!r}; say RSA or ED25519.")


class Security:
    """All API keys of the venue."""

    def __init__(self) -> None:
        self._keys: dict[str, ApiKey] = {}

    def register(self, text: str, account: BinanceAccount, verifier: Verifier) -> None:
        """Let requests with this API key act for the account."""
        self._keys[text] = ApiKey(account, verifier)

    def revoke(self, text: str) -> None:
        """Forget an API key: from now on it is unknown."""
        self._keys.pop(text, None)

    def key_of(self, call: Call) -> ApiKey:
        """Whose request it is. USER_STREAM endpoints ask for no more than this."""
        text = call.headers.get("X-MBX-APIKEY", "")
        if not _API_KEY.fullmatch(text):
            raise errors.malformed_key()
        if text not in self._keys:
            raise errors.unknown_key()
        return self._keys[text]

    def verify(self, call: Call, now_ms: int) -> BinanceAccount:
        """Whose signed request it is (USER_DATA, TRADE). Raises the exchange's refusal."""
        key = self.key_of(call)
        signature = call.params.get("signature")
        if not call.params.get("timestamp"):
            raise errors.missing("timestamp")
        if not signature:
            raise errors.missing("signature")
        fault = time_fault(call, now_ms)
        if fault is not None:
            raise errors.wrong_time(fault)
        if not _is_signed(key.verifier, signed_bytes(call), sent_signature(call)):
            raise errors.bad_signature()
        return key.account


def _is_signed(verifier: Verifier, message: bytes, signature: str) -> bool:
    if isinstance(verifier, str):
        return is_hmac(verifier, message, signature)
    try:
        raw = base64.b64decode(signature, validate=True)
        if isinstance(verifier, rsa.RSAPublicKey):
            verifier.verify(raw, message, padding.PKCS1v15(), hashes.SHA256())
        else:
            verifier.verify(raw, message)
    except (InvalidSignature, binascii.Error):
        return False
    return True
