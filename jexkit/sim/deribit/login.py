"""Who is calling: `public/auth` with its three grants, and the three headers of HTTP requests.

https://docs.deribit.com, Authentication.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Any

from jexkit.sim.deribit import tokens
from jexkit.sim.deribit.errors import RpcError, invalid, unauthorized
from jexkit.sim.deribit.rpc import Request
from jexkit.sim.deribit.tokens import ApiKey, Token

if TYPE_CHECKING:
    from jexkit.sim.deribit.venue import Deribit

_NONCE = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_PAIR = re.compile(r"(\w+)=([^,\s]*)")


class Login:
    """Verification of everything that says who somebody is."""

    def __init__(self, venue: Deribit) -> None:
        self._venue = venue

    # public/auth and its relatives

    def auth(self, request: Request) -> Any:
        """One of the three grants."""
        grant = request.text("grant_type")
        if grant == "client_credentials":
            token = self._grant(request, self._by_secret(request.text("client_id"), request.text("client_secret")))
        elif grant == "client_signature":
            token = self._grant(request, self._by_signature(request))
        elif grant == "refresh_token":
            token = self._renewed(request)
        else:
            raise invalid("grant_type")
        answer = self._answer(token)
        if "state" in request.params:
            answer["state"] = request.text("state")
        return answer

    def fork(self, request: Request) -> Any:
        """A second named session from the refresh token of a first one."""
        token = self._refreshable(request)
        if token.session is None:
            raise RpcError(13021)
        words = [f"session:{request.text('session_name')}"]
        return self._answer(self._venue.tokens.give(token.key, words, None, granted=token.scope))

    def exchange(self, request: Request) -> Any:
        """Tokens for another account of the same owner; here every account of the venue is one."""
        token, subject = self._refreshable(request), request.whole("subject_id")
        other = next((one for one in self._venue.accounts.values() if one.user_id == subject), None)
        if other is None:
            raise RpcError(13020)
        words = request.text("scope", token.scope_text()).split()
        return self._answer(self._venue.tokens.give(other.main_key, words, self._number(request), granted=token.scope))

    def _grant(self, request: Request, key: ApiKey) -> Token:
        words = request.text("scope", "").split()
        granted = tokens.narrowed(words, key.scope)
        token = self._venue.tokens.give(key, words, self._number(request), granted=granted)
        self._log_in(request, token)
        return token

    def _renewed(self, request: Request) -> Token:
        token = self._refreshable(request)
        renewed = self._venue.tokens.renew(token, self._number(request))
        self._log_in(request, renewed)
        self._venue.counters.add("token_renewals")
        return renewed

    def _refreshable(self, request: Request) -> Token:
        token = self._venue.tokens.by_refresh(request.text("refresh_token"))
        if token is None:
            raise RpcError(13009, {"reason": "invalid_token", "param": "refresh_token"})
        return token

    def _log_in(self, request: Request, token: Token) -> None:
        self._venue.counters.add("logins")
        if request.connection is not None:
            self._venue.log_in(request.connection, token)

    def _number(self, request: Request) -> int | None:
        return None if request.connection is None else request.connection.number

    def _answer(self, token: Token) -> dict[str, Any]:
        answer: dict[str, Any] = {
            "token_type": "bearer",
            "scope": token.scope_text(),
            "refresh_token": token.refresh,
            "expires_in": token.life,
            "enabled_features": [],
            "access_token": token.access,
        }
        if token.session is not None:
            answer["sid"] = token.session
        return answer

    # Keys

    def _by_secret(self, client_id: str, secret: str) -> ApiKey:
        key = self._venue.key(client_id)
        if key is None or not tokens.same(key.client_secret, secret):
            raise self._refused()
        return key

    def _by_signature(self, request: Request) -> ApiKey:
        """`timestamp`, `nonce` and `data`, one per line, and nothing after the last."""
        key = self._venue.key(request.text("client_id"))
        timestamp, nonce = request.whole("timestamp"), request.text("nonce", "")
        if not _NONCE.fullmatch(nonce):
            raise invalid("nonce")
        text = f"{timestamp}\n{nonce}\n{request.text('data', '')}"
        return self._signed(key, timestamp, nonce, text, request.text("signature"))

    def _signed(self, key: ApiKey | None, timestamp: int, nonce: str, text: str, given: str) -> ApiKey:
        """Right signature, fresh time, new nonce. Raises 13004."""
        if key is None or not tokens.same(tokens.signature(key.client_secret, text), given):
            raise self._refused()
        if abs(self._venue.clock.now_ms() - timestamp) > self._venue.rules.timestamp_window_ms or nonce in key.nonces:
            raise self._refused()
        key.nonces.add(nonce)
        return key

    def _refused(self) -> RpcError:
        self._venue.counters.add("logins_refused")
        return RpcError(13004)

    # Headers

    def from_headers(self, request: Request) -> Token | None:
        """The caller of an HTTP request, None if it does not say. Raises 13009 or 13004."""
        kind, _, rest = request.call.headers.get("Authorization", "").partition(" ")
        if not kind:
            return None
        if kind.lower() == "bearer":
            return self._venue.token(rest.strip(), None)
        if kind.lower() == "basic":
            return self._passing(self._by_secret(*self._basic(rest)))
        if kind.lower() == "deri-hmac-sha256":
            return self._passing(self._by_header(request, rest))
        raise unauthorized()

    def _basic(self, text: str) -> tuple[str, str]:
        try:
            client_id, _, secret = base64.b64decode(text, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise self._refused() from None
        return client_id, secret

    def _by_header(self, request: Request, text: str) -> ApiKey:
        """`id=...,ts=...,sig=...,nonce=...`: time and nonce, then method, address and body, each with a line's end."""
        said = dict(_PAIR.findall(text))
        if not {"id", "ts", "sig", "nonce"} <= said.keys() or not said["ts"].isdigit():
            raise self._refused()
        call = request.call
        address = call.path + (f"?{call.query}" if call.query else "")
        parts = (said["ts"], said["nonce"], call.method, address, call.body.decode("utf-8", "replace"))
        signed = "".join(f"{part}\n" for part in parts)
        return self._signed(self._venue.key(said["id"]), int(said["ts"]), said["nonce"], signed, said["sig"])

    def _passing(self, key: ApiKey) -> Token:
        """The rights of a key for one request; it takes no session."""
        return Token("", "", key, key.scope, "http", None, 1, self._venue.clock.monotonic() + 1)
