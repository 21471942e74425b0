"""A bare JSON-RPC client: `websocket-client`, its own HMAC, and nothing else."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import time
from typing import Any

import websocket

from jexkit.sim.deribit import DeribitAccount

WAIT = 30.0


def now_ms() -> int:
    """The client's clock."""
    return int(time.time() * 1000)


def sign(secret: str, text: str) -> str:
    """HMAC-SHA256 in hex."""
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


class Client:
    """One websocket."""

    def __init__(self, url: str) -> None:
        self.socket = websocket.create_connection(url, timeout=WAIT)
        self.numbers = itertools.count(1)
        self.heard: list[Any] = []  # what came while an answer was awaited

    def send(self, method: str, params: Any = None) -> int:
        """Send a request and return its number."""
        number = next(self.numbers)
        self.socket.send(json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params or {}}))
        return number

    def receive(self) -> Any:
        """The next message."""
        return json.loads(self.socket.recv())

    def call(self, method: str, **params: Any) -> Any:
        """The whole answer."""
        number = self.send(method, params)
        while True:
            message = self.receive()
            if message.get("id") == number:
                return message
            self.heard.append(message)

    def result(self, method: str, **params: Any) -> Any:
        """The result of a call that succeeds."""
        answer = self.call(method, **params)
        assert "result" in answer, answer
        return answer["result"]

    def error(self, method: str, **params: Any) -> Any:
        """The error of a call that fails."""
        answer = self.call(method, **params)
        assert "error" in answer, answer
        return answer["error"]

    def log_in(self, account: DeribitAccount, **more: Any) -> Any:
        """Authenticate with id and secret."""
        return self.result("public/auth", grant_type="client_credentials", **account.credentials(), **more)

    def subscribe(self, *channels: str, **more: Any) -> Any:
        """Subscribe and return what was granted."""
        return self.result("private/subscribe", channels=list(channels), **more)

    def messages(self) -> list[Any]:
        """Every notification up to now, whole."""
        self.call("public/get_time")
        heard, self.heard = self.heard, []
        return heard

    def told(self) -> list[tuple[str, Any]]:
        """What was said on channels up to now, as (channel, data)."""
        said = [one["params"] for one in self.messages() if one["method"] == "subscription"]
        return [(params["channel"], params["data"]) for params in said]

    def end(self) -> tuple[int, str] | None:
        """Wait for the server to end the connection: code and reason, or None if TCP was just cut."""
        try:
            while True:
                opcode, data = self.socket.recv_data(control_frame=True)
                if opcode == websocket.ABNF.OPCODE_CLOSE:
                    return int.from_bytes(data[:2], "big"), data[2:].decode()
        except (websocket.WebSocketConnectionClosedException, OSError):
            return None
