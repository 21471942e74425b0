"""Faults of the line in front of an exchange: what no server can do to its own socket, done by a `Forwarder`.

REST goes through the same line, and is broken with it.
"""

from __future__ import annotations

from typing import Any

from jexkit.sim.breaking.mending import Mend
from jexkit.sim.forwarder import Forwarder
from jexkit.sim.venue import Venue


def line_of(venue: Venue[Any]) -> Forwarder:
    """What is in front of the exchange; the table sees to it that there is one."""
    if venue.line is None:
        raise AssertionError(f"no line in front of {venue.exchange}")
    return venue.line


def line_cut(venue: Venue[Any]) -> None:
    """Reset every connection."""
    line_of(venue).cut()


def line_cut_after(venue: Venue[Any], *, size: int) -> None:
    """Reset every connection in the middle of what the client is being sent."""
    line_of(venue).cut_after(size)


def line_half_open(venue: Venue[Any]) -> Mend:
    """Pull the cable: nothing comes through and nobody is told, on new connections neither."""
    line = line_of(venue)
    line.half_open()
    return line.end_half_open


def line_stall(venue: Venue[Any]) -> Mend:
    """Hold everything back, and lose nothing."""
    line = line_of(venue)
    line.stall()
    return line.end_stall


def line_trickle(venue: Venue[Any], *, size: int, pause: float) -> Mend:
    """Let a few bytes through at a time, both ways."""
    line = line_of(venue)
    line.trickle(size, pause / venue.clock.speed)
    return line.end_trickle


def line_refused(venue: Venue[Any], *, cut: bool) -> Mend:
    """Let nothing listen at the address."""
    line = line_of(venue)
    line.refuse()
    if cut:
        line.cut()
    return line.accept
