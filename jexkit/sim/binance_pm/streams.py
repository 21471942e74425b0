"""The websocket side: which paths exist, whose events a connection hears, SUBSCRIBE and its relatives.

Portfolio Margin pages: `/pm/ws/<listenKey>` is raw, `/pm/stream?streams=<listenKey>` wraps each event with the name of
its stream. Both bases also take SUBSCRIBE messages with listen keys as stream names.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from jexkit.sim.calls import Call
from jexkit.sim.jsontext import decode, encode

RAW, COMBINED = "/pm/ws", "/pm/stream"


@dataclass
class Listener:
    """What the venue keeps per connection."""

    combined: bool
    heard_at: list[float] = field(default_factory=list)  # when the last messages of the client came


def asked_streams(call: Call) -> tuple[bool, list[str]] | None:
    """(combined, stream names) of a handshake, or None for a path that does not exist."""
    if call.path == RAW or call.path.startswith(f"{RAW}/"):
        return False, [name for name in call.path[len(RAW) + 1 :].split("/") if name]
    if call.path == COMBINED:
        names = parse_qs(call.query).get("streams", [""])[0].split("/")
        return True, [name for name in names if name]
    return None


@dataclass(frozen=True)
class Request:
    """A message of the client."""

    method: str
    params: list[Any]
    id: Any


class Unreadable(ValueError):
    """A message that is no request; `answer` is what the gateway says to it."""

    def __init__(self, answer: dict[str, Any]) -> None:
        super().__init__(encode(answer))
        self.answer = answer


METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")


def read_request(text: str) -> Request:
    """Read a message of the client. Raises Unreadable."""
    try:
        message = decode(text)
    except ValueError as error:
        raise Unreadable({"error": {"code": 3, "msg": f"Invalid JSON: {error}"}}) from None
    if not isinstance(message, dict) or message.get("method") not in METHODS:
        method = message.get("method") if isinstance(message, dict) else None
        expected = ", ".join(f"`{name}`" for name in METHODS)
        problem = f"Invalid request: unknown variant `{method}`, expected one of {expected}"
        raise Unreadable({"code": 2, "msg": problem})
    params = message.get("params", [])
    if not isinstance(params, list):
        raise Unreadable({"code": 2, "msg": "Invalid request: params must be an array"})
    return Request(message["method"], params, message.get("id"))
