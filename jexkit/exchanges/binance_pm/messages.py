"""Binance Portfolio Margin: what the messages of the stream have around what they tell: their times, an object inside.

Of those that are read as decoded objects; those that come often have a shape, see ``names``.
"""

from __future__ import annotations

from jexkit.core import fields
from jexkit.core.fields import Message, Missing
from jexkit.core.reading import Reading


def sent(message: Message) -> int | None:
    """``E``, when the exchange sent the message."""
    return fields.time_ms(message, "E")


def happened(message: Message) -> int | None:
    """``T``, when the engine did what the message tells."""
    return fields.time_ms(message, "T") or sent(message)


def moment(time_ms: int | None, reading: Reading) -> str:
    """The time in an id. A message that has none is told apart from a later one like it by the time of receipt."""
    return str(time_ms or reading.receipt.received_ms)


def inside(message: Message, *names: str) -> Message:
    """The object under the first of ``names``."""
    for name in names:
        inner = message.get(name)
        if isinstance(inner, dict):
            return inner
    raise Missing(f"the message has no object {' or '.join(names)}")
