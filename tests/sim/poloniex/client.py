"""Bare clients: `websocket-client` and `requests` with signatures of their own, and nothing else."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, urlencode

import requests
import websocket

from jexkit.sim.poloniex import PoloniexAccount

WAIT = 30.0
USER_AGENT = ("User-Agent: test",)


def now_ms() -> int:
    """The client's clock."""
    return int(time.time() * 1000)


def signature(secret: str, text: str) -> str:
    """HMAC-SHA256 in base64."""
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()).decode()


class Socket:
    """A websocket that speaks JSON."""

    def __init__(self, url: str, header: Sequence[str] = USER_AGENT) -> None:
        self.socket = websocket.create_connection(url, timeout=WAIT, header=list(header))

    def say(self, **message: Any) -> None:
        """Send."""
        self.socket.send(json.dumps(message))

    def hear(self) -> Any:
        """The next message."""
        return json.loads(self.socket.recv())

    def ask(self, **message: Any) -> Any:
        """Send, and return the next message."""
        self.say(**message)
        return self.hear()

    def log_in(
        self, account: PoloniexAccount, timestamp: int | str | None = None, secret: str | None = None, **extra: Any
    ) -> Any:
        """The auth frame and its answer."""
        timestamp = now_ms() if timestamp is None else timestamp
        signed = signature(secret or account.secret_key, f"GET\n/ws\nsignTimestamp={timestamp}")
        params = {"key": account.api_key, "signTimestamp": timestamp, "signature": signed}
        return self.ask(event="subscribe", channel=["auth"], params={**params, **extra})

    def so_far(self) -> list[Any]:
        """Everything that the server has sent up to now: it writes in order, and answers our ping last."""
        self.say(event="ping")
        heard: list[Any] = []
        while (message := self.hear()) != {"event": "pong"}:
            heard.append(message)
        return heard


class Rest:
    """REST with signed requests."""

    def __init__(self, url: str, account: PoloniexAccount) -> None:
        self.url, self.key, self.secret = url, account.api_key, account.secret_key
        self.session = requests.Session()

    def call(
        self, method: str, path: str, params: Any = None, body: Any = None, lead_ms: int = 0, **headers: str
    ) -> requests.Response:
        """A signed request; the client's clock is so much ahead."""
        timestamp, text = str(now_ms() + lead_ms), "" if body is None else json.dumps(body)
        if method == "GET":
            pairs = sorted({**(params or {}), "signTimestamp": timestamp}.items())
            signed = "&".join(f"{name}={quote(str(value), safe='')}" for name, value in pairs)
        else:
            signed = (f"requestBody={text}&" if text else "") + f"signTimestamp={timestamp}"
        made = {
            "key": self.key,
            "signTimestamp": timestamp,
            "signature": signature(self.secret, f"{method}\n{path}\n{signed}"),
        }
        if text:
            made["Content-Type"] = "application/json"
        url = self.url + path + ("?" + urlencode(params) if params else "")
        return self.session.request(method, url, data=text or None, headers={**made, **headers}, timeout=WAIT)

    def get(self, path: str, **params: Any) -> Any:
        """What a GET that succeeds answers; `since` stands for `from`."""
        answer = self.call(
            "GET", path, {("from" if name == "since" else name): value for name, value in params.items()}
        )
        assert answer.status_code == 200, answer.text
        return answer.json()
