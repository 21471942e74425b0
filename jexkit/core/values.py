"""The values that go into and come out of the pure half of jexkit: time, HTTP, and what a machine asks for.

A machine is told facts and answers with a list of outputs, in the order in which they are to be carried out. What an
output carries that is secret (a URL with a listen key, a frame with a signature) is kept out of its repr.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

import attrs

from jexkit.errors import JexkitError
from jexkit.events import Event, Origin

T = TypeVar("T")

Chance: TypeAlias = Callable[[], float]
"""A source of random numbers from 0 up to 1; handed in, so that a test can say what comes."""


@attrs.frozen
class Now:
    """One moment on both clocks: seconds that only go forward, and milliseconds since 1970 that may be set."""

    monotonic: float
    wall_ms: int


@attrs.define  # not frozen: made once for every message, and freezing costs twice as much as the rest
class Receipt:
    """How a message came to us: what all the events that are read from it have in common."""

    account: str
    received_ms: int
    raw: str = attrs.field(default="", repr=False)
    origin: Origin = Origin.STREAM


# --- HTTP -----------------------------------------------------------------------------------------------------------


class Security(enum.Enum):
    """What a request must carry."""

    NONE = "none"
    KEY = "key"  # the API key, no signature
    SIGNED = "signed"
    BEARER = "bearer"  # an access token


@attrs.frozen
class Ask:
    """One question to the exchange, before time and signature are put to it."""

    method: str
    path: str
    params: tuple[tuple[str, str], ...] = attrs.field(default=(), repr=False)
    security: Security = Security.NONE
    idempotent: bool = True  # asking twice does no more than asking once, so an unknown outcome may be retried
    weight: float = 1.0  # what it takes of the exchange's limit, in the unit of the dialect's pace


Flow: TypeAlias = Generator[Ask, Any, T]
"""A conversation in one or more questions: yields each, is sent the decoded answer, returns the result."""


@attrs.frozen
class HttpRequest:
    """A request as it goes on the wire, signature included; nothing in it is printed."""

    method: str
    url: str = attrs.field(repr=False)
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    body: bytes | None = attrs.field(default=None, repr=False)


@attrs.frozen
class HttpReply:
    """An answer; header names in lower case."""

    status: int
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    body: bytes = attrs.field(default=b"", repr=False)


# --- what a machine asks for ------------------------------------------------------------------------------------------


@attrs.frozen
class Open:
    """Open a websocket. ``link`` is the number by which its facts will be reported."""

    link: int
    url: str = attrs.field(repr=False)
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)


@attrs.frozen
class Send:
    """Send a text frame."""

    link: int
    text: str = attrs.field(repr=False)


@attrs.frozen
class Ping:
    """Send a websocket ping frame."""

    link: int


@attrs.frozen
class Drop:
    """Close the websocket; its ``closed`` need not be reported any more."""

    link: int
    why: str


@attrs.frozen
class Call:
    """Hold a conversation over HTTP and report ``replied`` or ``failed`` under ``call``."""

    call: int
    what: str
    flow: Callable[[], Flow[Any]] = attrs.field(repr=False)


@attrs.define  # not frozen: made once for every message
class Emit:
    """Tell the program, in this order."""

    events: Sequence[Event]


@attrs.frozen
class Answer:
    """Give the caller who waits with ``ticket`` the result, or raise the error there."""

    ticket: int
    result: Any = attrs.field(default=None, repr=False)
    error: JexkitError | None = None


@attrs.frozen
class GiveUp:
    """End the stream for good; the last output of a machine."""

    error: JexkitError


Output: TypeAlias = Open | Send | Ping | Drop | Call | Emit | Answer | GiveUp
Outputs: TypeAlias = list[Output]


def sorted_by_use(outputs: Iterable[Output]) -> tuple[list[Event], Outputs]:
    """What the program is told, and what is to be done."""
    events: list[Event] = []
    orders: Outputs = []
    for output in outputs:
        if isinstance(output, Emit):
            events += output.events
        else:
            orders.append(output)
    return events, orders
