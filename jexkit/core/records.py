"""Events as they are kept: a type's name and JSON text, twenty times as fast as ``to_dict`` and back.

For files that jexkit itself reads again. What is meant for others goes through ``Event.to_dict``.
"""

from __future__ import annotations

from jexkit.core.exact import NotJson, pack, unpack
from jexkit.events import TYPES, Event


def write_event(event: Event) -> str:
    """All of the event as JSON text; the name of its type is to be kept beside it."""
    return pack(event)


def read_event(kind: str, text: str | bytes) -> Event:
    """The event that ``write_event`` wrote. Raises ValueError if it is not one."""
    known = TYPES.get(kind)
    if known is None:
        raise ValueError(f"{kind!r} is not a type of event that this version knows")
    try:
        event = unpack(text, known)
    except NotJson as error:
        raise ValueError(f"not a whole {kind}: {error}") from None
    return event
