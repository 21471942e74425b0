"""Where a stream stands, and the moves it may make.

The program sees ``State``, which answers one question: may I act on what I hold? The machine keeps the finer ``Phase``.
``MOVES`` is the whole table; the picture in docs/lifecycle.md is printed from it.
"""

from __future__ import annotations

import enum

from jexkit.events import Word


class State(Word):
    """What the program may believe."""

    IDLE = "idle"  # not started
    STANDBY = "standby"  # another process holds the lock; this one takes over when that ends, dies or hangs
    CONNECTING = "connecting"  # on the way to its first Live
    LIVE = "live"  # everything is seen
    SUSPENDED = "suspended"  # was live, is away, comes back by itself
    LOST = "lost"  # ended for good by an error
    STOPPED = "stopped"  # ended by the program


class Phase(enum.Enum):
    """What the machine is doing."""

    IDLE = "idle"
    PREPARING = "preparing"  # asks over HTTP for what the connection needs (a listen key, the exchange's time)
    OPENING = "opening"  # the websocket handshake is under way
    ENTERING = "entering"  # connected; logging in and subscribing
    RECOVERING = "recovering"  # subscribed; finding out what was missed, and holding what comes meanwhile
    LIVE = "live"
    BEHIND = "behind"  # subscribed; the program's callbacks have to catch up, and what comes meanwhile is let pass
    WAITING = "waiting"  # between two attempts
    LOST = "lost"
    STOPPED = "stopped"

    __hash__ = object.__hash__  # that of Enum is a function in Python, and phases are looked up for every message


MOVES: dict[Phase, frozenset[Phase]] = {
    Phase.IDLE: frozenset({Phase.PREPARING, Phase.STOPPED}),
    Phase.PREPARING: frozenset({Phase.OPENING, Phase.WAITING, Phase.LOST, Phase.STOPPED}),
    Phase.OPENING: frozenset({Phase.ENTERING, Phase.WAITING, Phase.LOST, Phase.STOPPED}),
    Phase.ENTERING: frozenset({Phase.RECOVERING, Phase.BEHIND, Phase.WAITING, Phase.LOST, Phase.STOPPED}),
    Phase.RECOVERING: frozenset({Phase.LIVE, Phase.BEHIND, Phase.WAITING, Phase.LOST, Phase.STOPPED}),
    Phase.LIVE: frozenset({Phase.BEHIND, Phase.WAITING, Phase.LOST, Phase.STOPPED}),
    Phase.BEHIND: frozenset({Phase.RECOVERING, Phase.WAITING, Phase.LOST, Phase.STOPPED}),
    Phase.WAITING: frozenset({Phase.PREPARING, Phase.LOST, Phase.STOPPED}),
    Phase.LOST: frozenset({Phase.STOPPED}),
    Phase.STOPPED: frozenset(),
}

LET_IN = frozenset({Phase.RECOVERING, Phase.LIVE, Phase.BEHIND})  # the exchange has taken the subscription
CONNECTED = LET_IN | {Phase.ENTERING}
ENDED = frozenset({Phase.LOST, Phase.STOPPED})


def state_of(phase: Phase, *, was_live: bool) -> State:
    """The program's word for a phase; ``was_live`` says whether there has been a Live before."""
    if phase in (Phase.IDLE, Phase.LIVE, Phase.LOST, Phase.STOPPED):
        return State(phase.value)
    return State.SUSPENDED if was_live else State.CONNECTING
