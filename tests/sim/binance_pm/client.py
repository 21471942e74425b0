"""A bare client of Portfolio Margin: `requests`, its own HMAC, and nothing else."""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import Any

import requests

from jexkit.sim import Simulator
from jexkit.sim.binance_pm import BinanceAccount
from tests.sim.ear import Ear

WAIT = 30


def now_ms() -> int:
    """The client's clock."""
    return int(time.time() * 1000)


def signature(secret: str, message: str) -> str:
    """HMAC-SHA256 in hex."""
    return hmac.new(secret.encode(), message.encode(), hashlib.sha256).hexdigest()


class Client:
    """One account's client."""

    def __init__(self, sim: Simulator, account: BinanceAccount) -> None:
        self.venue = sim.binance_pm
        self.account = account
        self.headers = {"X-MBX-APIKEY": account.api_key}

    def plain(self, method: str, path: str, **params: Any) -> requests.Response:
        """A request with the API key only."""
        url = f"{self.venue.rest_url}{path}"
        return requests.request(method, url, params=params, headers=self.headers, timeout=WAIT)

    def signed(self, method: str, path: str, **params: Any) -> requests.Response:
        """A signed request, everything in the query but what is None. It may be on its way for the longest window."""
        wanted = {"recvWindow": 60_000, **params, "timestamp": params.get("timestamp", now_ms())}
        sent = {key: value for key, value in wanted.items() if value is not None}
        query = "&".join(f"{name}={value}" for name, value in sent.items())
        url = f"{self.venue.rest_url}{path}?{query}&signature={signature(self.account.secret_key, query)}"
        return requests.request(method, url, headers=self.headers, timeout=WAIT)

    def read(self, path: str, **params: Any) -> Any:
        """The JSON of a signed GET that must succeed."""
        answer = self.signed("GET", path, **params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def code(self, path: str, **params: Any) -> tuple[int, int]:
        """(HTTP status, code) of a signed GET that must be refused."""
        answer = self.signed("GET", path, **params)
        return answer.status_code, answer.json()["code"]

    def listen_key(self) -> str:
        """POST listenKey."""
        return str(self.plain("POST", "/papi/v1/listenKey").json()["listenKey"])

    def listen(self, **options: Any) -> Ear:
        """The raw stream of a fresh or prolonged key, open on both sides."""
        before = self.venue.counters["subscriptions"]
        ear = Ear(f"{self.venue.ws_url}/ws/{self.listen_key()}", **options)
        self.venue.counters.wait("subscriptions", before + 1)
        return ear
