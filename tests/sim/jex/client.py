"""A bare client of JEX: `requests`, its own HMAC, and nothing else."""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import Any
from urllib.parse import quote

import requests

from jexkit.sim import Simulator
from jexkit.sim.jex import JexAccount
from tests.sim.ear import Ear

WAIT = 30


def now_ms() -> int:
    """The client's clock."""
    return int(time.time() * 1000)


class Client:
    """One account's client."""

    def __init__(self, sim: Simulator, account: JexAccount) -> None:
        self.venue = sim.jex
        self.account = account
        self.headers = {"X-JEX-APIKEY": account.api_key}

    def plain(self, method: str, name: str, **params: Any) -> requests.Response:
        """A request with the API key only."""
        url = f"{self.venue.rest_url}/api/v1/{name}"
        return requests.request(method, url, params=params, headers=self.headers, timeout=WAIT)

    def signed(self, method: str, name: str, *, secret: str | None = None, **params: Any) -> requests.Response:
        """A signed request, everything in the query but what is None. It may be on its way for the longest window."""
        wanted = {"recvWindow": 60_000, **params, "timestamp": params.get("timestamp", now_ms())}
        sent = {key: value for key, value in wanted.items() if value is not None}
        query = "&".join(f"{key}={quote(str(value))}" for key, value in sent.items())
        key = (secret or self.account.secret_key).encode()
        signature = hmac.new(key, query.encode(), hashlib.sha256).hexdigest()
        url = f"{self.venue.rest_url}/api/v1/{name}?{query}&signature={signature}"
        return requests.request(method, url, headers=self.headers, timeout=WAIT)

    def read(self, name: str, **params: Any) -> Any:
        """The JSON of a signed GET that must succeed."""
        answer = self.signed("GET", name, **params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def code(self, name: str, method: str = "GET", **params: Any) -> tuple[int, int]:
        """(HTTP status, code) of a signed request that must be refused."""
        answer = self.signed(method, name, **params)
        return answer.status_code, answer.json()["code"]

    def listen_key(self) -> str:
        """POST userDataStream."""
        return str(self.plain("POST", "userDataStream").json()["listenKey"])

    def listen(self, key: str | None = None) -> Ear:
        """The raw stream of a key, open on both sides."""
        before = self.venue.counters["subscriptions"]
        ear = Ear(f"{self.venue.ws_url}/ws/{key or self.listen_key()}")
        self.venue.counters.wait("subscriptions", before + 1)
        return ear
