"""The recorded messages, one JSON object a line (``exchange``, ``event``, ``source``, ``payload``), and what they say.

``golden/<exchange>.json`` has for each message of a stream the events that it must become, as ``to_dict`` writes them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attrs

from jexkit.core import exact
from jexkit.core.exact import Shape
from jexkit.core.values import Receipt
from jexkit.events import Event

HERE = Path(__file__).parent
RECEIPT = Receipt("main", received_ms=1_800_000_000_000)


@attrs.frozen
class Recorded:
    """One line: its number in the file, the name of its event, and the message as the library's decoder reads it."""

    number: int
    event: str
    payload: Any = attrs.field(repr=False)

    def __str__(self) -> str:
        return f"{self.number}-{self.event}"


def recorded(exchange: str) -> list[Recorded]:
    lines = (HERE / f"{exchange}.jsonl").read_text("utf-8").splitlines()
    messages = [exact.decode(line) for line in lines]
    return [
        Recorded(number, message["event"], message["payload"])
        for number, message in enumerate(messages, start=1)
        if message["exchange"] == exchange
    ]


def the(exchange: str, event: str, nth: int = 0) -> Any:
    """The payload of the ``nth`` message of that event."""
    return [message.payload for message in recorded(exchange) if message.event == event][nth]


def out_of_order(shape: type[Shape], row: dict[str, Any]) -> list[str]:
    """The names in a recorded object that the shape has before one that stands before them: see ``shapes``."""
    places = {written: place for place, written in enumerate(shape.__struct_encode_fields__)}
    said = [name for name in row if name in places]
    return [name for name, before in zip(said[1:], said, strict=False) if places[name] < places[before]]


def golden(exchange: str) -> dict[str, list[dict[str, Any]]]:
    """By ``str`` of the recorded message: the events that it must become."""
    found: dict[str, list[dict[str, Any]]] = json.loads((HERE / "golden" / f"{exchange}.json").read_text("utf-8"))
    return found


def written(events: list[Event]) -> list[dict[str, Any]]:
    """The events as the golden files have them: through JSON and back."""
    loaded: list[dict[str, Any]] = json.loads(json.dumps([event.to_dict() for event in events]))
    return loaded
