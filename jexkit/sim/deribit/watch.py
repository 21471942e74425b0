"""Timers of a connection: heartbeats, idleness, and the end of those who do not answer.

https://docs.deribit.com, public/set_heartbeat. As measured: with heartbeats on, a `test_request` comes every interval
and a bit; on an otherwise silent connection each is accompanied by a `heartbeat`. Only public/test answers; ten seconds
after the first that was not answered the connection is closed with 4000. A connection without heartbeats and without
subscriptions on which nothing is said is cut after a minute.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jexkit.sim.clock import Timer
from jexkit.sim.connection import Connection, Frame
from jexkit.sim.jsontext import encode

if TYPE_CHECKING:
    from jexkit.sim.deribit.venue import Deribit

HEARTBEAT_CLOSE = 4000


@dataclass(eq=False)
class Vigil:
    """What is watched of one connection."""

    client_at: float  # when the client said something
    server_at: float  # when the server did
    interval: int = 0  # of heartbeats, 0 without
    beat: Timer | None = None
    deadline: Timer | None = None  # of the answer to a test_request
    beats: int = 0


class Watch:
    """The timers of every connection."""

    def __init__(self, venue: Deribit) -> None:
        self._venue = venue
        self._vigils: dict[int, Vigil] = {}

    def opened(self, connection: Connection) -> None:
        """Begin."""
        now = self._venue.clock.monotonic()
        self._vigils[connection.number] = Vigil(now, now)
        self._plan_idle_check(connection)

    def closed(self, connection: Connection) -> None:
        """End; the timers of the connection are canceled by the server."""
        self._vigils.pop(connection.number, None)

    def owes_answer(self, connection: Connection) -> bool:
        """Whether there is a test_request that the client has not answered."""
        vigil = self._vigils.get(connection.number)
        return vigil is not None and vigil.deadline is not None

    def shortest_interval(self) -> int | None:
        """The shortest heartbeat interval that somebody asked for."""
        return min((vigil.interval for vigil in self._vigils.values() if vigil.interval), default=None)

    def heard(self, connection: Connection, method: str) -> None:
        """The client said something."""
        vigil = self._vigils[connection.number]
        vigil.client_at = self._venue.clock.monotonic()
        if vigil.deadline is not None and (method == "public/test" or self._venue.rules.any_request_answers):
            vigil.deadline.cancel()
            vigil.deadline, connection.mute = None, False
            self._venue.counters.add("test_requests_answered")

    def said(self, connection: Connection) -> None:
        """The server said something."""
        vigil = self._vigils.get(connection.number)
        if vigil is not None:
            vigil.server_at = self._venue.clock.monotonic()

    def subscribed(self, connection: Connection) -> None:
        """A subscription keeps the connection from being idle, for a longer while."""
        self.said(connection)

    # Heartbeats

    def set_heartbeat(self, connection: Connection, interval: int) -> None:
        """Begin heartbeats, or change their interval."""
        vigil = self._vigils[connection.number]
        vigil.interval = interval
        if vigil.beat is not None:
            vigil.beat.cancel()
        self._plan_beat(connection, vigil)

    def disable_heartbeat(self, connection: Connection) -> None:
        """No more of them."""
        vigil = self._vigils[connection.number]
        vigil.interval = 0
        for timer in (vigil.beat, vigil.deadline):
            if timer is not None:
                timer.cancel()
        vigil.beat = vigil.deadline = None

    def _plan_beat(self, connection: Connection, vigil: Vigil) -> None:
        delay = vigil.interval + self._venue.rules.heartbeat_delay
        vigil.beat = self._later(connection, delay, lambda: self._beat(connection, vigil))

    def _beat(self, connection: Connection, vigil: Vigil) -> None:
        now = self._venue.clock.monotonic()
        was_silent = now - vigil.server_at >= vigil.interval
        if vigil.deadline is None:
            within = self._venue.rules.answer_within
            vigil.deadline = self._later(connection, within, lambda: self._give_up(connection))
        if was_silent and vigil.beats:
            self._send(connection, "heartbeat")
        self._send(connection, "test_request")
        vigil.beats += 1
        self._venue.counters.add("test_requests")
        self._plan_beat(connection, vigil)

    def _send(self, connection: Connection, kind: str) -> None:
        said = {"params": {"type": kind}, "method": "heartbeat", "jsonrpc": "2.0"}
        self._venue.deliver(connection, Frame(encode(said)))

    def _give_up(self, connection: Connection) -> None:
        self._venue.counters.add("heartbeat_closes")
        connection.close(HEARTBEAT_CLOSE, "heartbeat close")

    # Idleness

    def _plan_idle_check(self, connection: Connection) -> None:
        """Look again when the connection may have been quiet for one of the two limits."""
        limits = [limit for limit in (self._venue.rules.idle_limit, self._venue.rules.inactivity_limit) if limit]
        quiet = self._quiet(self._vigils[connection.number])
        waits = [limit - quiet for limit in limits if limit > quiet] or limits
        if waits:
            self._later(connection, min(waits), lambda: self._check_idle(connection))

    def _check_idle(self, connection: Connection) -> None:
        vigil = self._vigils.get(connection.number)
        if vigil is None:
            return
        rules, quiet = self._venue.rules, self._quiet(vigil)
        is_bare = not connection.names and not vigil.interval
        idle = is_bare and rules.idle_limit is not None and quiet >= rules.idle_limit
        if idle or (rules.inactivity_limit is not None and quiet >= rules.inactivity_limit):
            self._venue.counters.add("idle_cuts")
            connection.abort()
            return
        self._plan_idle_check(connection)

    def _quiet(self, vigil: Vigil) -> float:
        """For how long nothing has been said by either side."""
        return self._venue.clock.monotonic() - max(vigil.client_at, vigil.server_at)

    def _later(self, connection: Connection, seconds: float, action: Callable[[], None]) -> Timer:
        connection.timers[:] = [timer for timer in connection.timers if timer.action is not None]
        timer = self._venue.clock.call_later(seconds, action)
        connection.timers.append(timer)
        return timer
