"""Recorded messages of Binance Portfolio Margin for tests, and short ways to have them read."""

from __future__ import annotations

import copy
from typing import Any, TypeVar

from jexkit.core import exact
from jexkit.core.values import Receipt
from jexkit.events import (
    Event,
)
from jexkit.exchanges.binance_pm import wire
from tests.wire import corpus

MESSAGES = [message for message in corpus.recorded("binance_pm") if not message.event.startswith("REST")]
PAYLOADS = [message.payload for message in MESSAGES]

E = TypeVar("E", bound=Event)


def read(payload: Any) -> list[Event]:
    return wire.read(payload, corpus.RECEIPT)


def read_raw(payload: Any) -> list[Event]:
    """As it comes from the network, with the text of the message."""
    text = exact.encode(payload)
    return wire.read(exact.decode(text), Receipt("main", 1_800_000_000_000, text))


def one(kind: type[E], events: list[Event]) -> E:
    """The only event of that kind."""
    (event,) = [event for event in events if isinstance(event, kind)]
    return event


def recorded(event: str, nth: int = 0, **changes: Any) -> Any:
    """A recorded message, with changes inside its order, if it has one."""
    message = copy.deepcopy(corpus.the("binance_pm", event, nth))
    inner = next((message[name] for name in ("o", "so", "ao") if isinstance(message.get(name), dict)), message)
    inner.update(changes)
    return message


def order_with(execution: str) -> Any:
    """The first message of UM or CM in which that happened to an order."""
    return next(m for m in PAYLOADS if m.get("e") == "ORDER_TRADE_UPDATE" and m["o"]["x"] == execution)


def account_at(time_ms: int) -> Any:
    return copy.deepcopy(next(m for m in PAYLOADS if m.get("e") == "ACCOUNT_UPDATE" and m["T"] == time_ms))
