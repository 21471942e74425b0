"""API keys of JEX and the verification of requests: header X-JEX-APIKEY, HMAC-SHA256 over the bytes received."""

from __future__ import annotations

import random
import re
import string
from typing import TYPE_CHECKING

from jexkit.sim.calls import Call
from jexkit.sim.jex import errors
from jexkit.sim.signed_query import is_hmac, sent_signature, signed_bytes, time_fault

if TYPE_CHECKING:
    from jexkit.sim.jex.account import JexAccount

_API_KEY = re.compile(r"[A-Za-z0-9]{64}")


def random_key(rng: random.Random) -> str:
    """64 letters and digits, the look of API keys, secrets and listen keys."""
    return "".join(rng.choices(string.ascii_letters + string.digits, k=64))


class ApiKeys:
    """All API keys of the venue."""

    def __init__(self) -> None:
        self._accounts: dict[str, JexAccount] = {}

    def register(self, text: str, account: JexAccount) -> None:
        """Let requests with this API key act for the account."""
        self._accounts[text] = account

    def revoke(self, text: str) -> None:
        """Forget an API key: from now on it is unknown."""
        self._accounts.pop(text, None)

    def owner(self, call: Call) -> JexAccount:
        """Whose request it is. USER_STREAM endpoints ask for no more than this."""
        text = call.headers.get("X-JEX-APIKEY", "")
        if not _API_KEY.fullmatch(text):
            raise errors.malformed_key()
        if text not in self._accounts:
            raise errors.unknown_key()
        return self._accounts[text]

    def verify(self, call: Call, now_ms: int) -> JexAccount:
        """Whose signed request it is (USER_DATA, TRADE). Raises the exchange's refusal."""
        account = self.owner(call)
        for name in ("timestamp", "signature"):
            if not call.params.get(name):
                raise errors.missing(name)
        fault = time_fault(call, now_ms)
        if fault is not None:
            raise errors.wrong_time(fault)
        if not is_hmac(account.secret_key, signed_bytes(call), sent_signature(call)):
            raise errors.bad_signature()
        return account
