"""The intervals `100ms` and `agg2`: what a channel gathers until its time comes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from jexkit.sim.connection import Connection
from jexkit.sim.deribit.channels import Channel

if TYPE_CHECKING:
    from jexkit.sim.deribit.venue import Deribit


class Batches:
    """What waits, by connection and channel."""

    def __init__(self, venue: Deribit, send: Callable[[Connection, Channel, Any], None]) -> None:
        self._venue = venue
        self._send = send
        self._waiting: dict[tuple[int, str], list[Any]] = {}

    def add(self, connection: Connection, channel: Channel, messages: list[Any]) -> None:
        """Keep messages for the end of the channel's interval, which begins with the first."""
        key = (connection.number, channel.name)
        if key not in self._waiting:
            self._waiting[key] = []
            rules = self._venue.rules
            wait = rules.batch_every if channel.interval == "100ms" else rules.aggregate_every
            self._venue.clock.call_later(wait, lambda: self._flush(connection, channel))
        self._waiting[key] += messages

    def forget(self, connection: Connection, names: Iterable[str]) -> None:
        """Drop what waits in these channels."""
        for name in names:
            self._waiting.pop((connection.number, name), None)

    def _flush(self, connection: Connection, channel: Channel) -> None:
        messages = self._waiting.pop((connection.number, channel.name), [])
        for data in channel.merge(messages):
            self._send(connection, channel, data)
