"""Faults of websocket connections that are open: their end, their silence, and bytes that are no frames."""

from __future__ import annotations

import random
from typing import Any

from jexkit.sim.breaking.mending import Mend, remover, until_used
from jexkit.sim.breaking.requests import hang, unavailable
from jexkit.sim.clock import Timer
from jexkit.sim.connection import OPCODES, Connection, Frame, frame_bytes, frame_head
from jexkit.sim.deribit import Deribit
from jexkit.sim.hooks import Planned
from jexkit.sim.poloniex import Poloniex
from jexkit.sim.venue import Venue

WRONG_SHAPES = ("{}", "[]", "null", "5", '"text"', '{"a":{"b":[1]}}', '{"data":[{}]}', "[[]]")
CONTINUATION, BINARY = 0x0, 0x2
FRAGMENT = 4 << 20  # bytes
MOST_GARBAGE = 20  # pieces that wait for a client that does not read as fast
RESERVED = b"\xf1\x02{}"  # a text frame with all three reserved bits set, which nobody has negotiated (RFC 6455, 5.2)


def connections(venue: Venue[Any], account: str) -> list[Connection]:
    """The open connections of one account, or all."""
    everyone = venue.open_connections.values()
    return [one for one in everyone if not account or (one.account is not None and one.account.name == account)]


def drop(venue: Venue[Any], *, code: int, reason: str, account: str) -> None:
    """End the connections with a close frame."""
    venue.drop(account or None, code=code, reason=reason)


def cut(venue: Venue[Any], *, account: str) -> None:
    """End the connections without one."""
    venue.drop(account or None, close_frame=False)


def half_open(venue: Venue[Any], *, account: str) -> None:
    """Leave the connections open, and read and write nothing on them any more."""
    for connection in connections(venue, account):
        connection.half_open()


def silence(venue: Venue[Any], *, account: str) -> None:
    """Read what the client says, and say nothing any more, not even pongs."""
    venue.silence(account or None)


def deaf(venue: Venue[Any], *, account: str) -> Mend:
    """Read nothing any more, and answer no handshake, as a server whose process hangs behind its sockets.

    What happens is told all the same on the connections that are open.
    """
    broken = connections(venue, account)
    for connection in broken:
        connection.deafen()
    answer_handshakes = hang(venue, sockets=True, path="")

    def mend() -> None:
        answer_handshakes()
        for connection in broken:
            connection.undeafen()

    return mend


def stall(venue: Venue[Any], *, pause: float, account: str) -> None:
    """Hold back everything that is to be written for a while."""
    for connection in connections(venue, account):
        connection.stall(pause / venue.clock.speed)


def trickle(venue: Venue[Any], *, size: int, pause: float, account: str) -> Mend:
    """Write a few bytes at a time."""
    broken = connections(venue, account)
    for connection in broken:
        connection.trickle = (size, pause / venue.clock.speed)

    def mend() -> None:
        for connection in broken:
            connection.trickle = None

    return mend


def cut_inside_frame(venue: Venue[Any], *, times: int, account: str) -> Mend:
    """Write half of the next event's frame, and cut TCP."""

    def halve(connection: Connection, frame: Frame) -> list[Planned] | None:
        if not frame.event or (account and connection not in connections(venue, account)):
            return None
        whole = frame_bytes("text", frame.text)
        connection.write_raw(whole[: len(whole) // 2])
        connection.cut()
        connection.silent = True  # what comes after it in the same turn is lost as well
        return []

    return until_used(venue.faults.frames, halve, times)


def oversized_frame(venue: Venue[Any], *, size: int, account: str) -> None:
    """Begin a frame that says it has so many bytes; all that is written later would be part of it."""
    for connection in connections(venue, account):
        connection.write_raw(frame_head(OPCODES["text"], size) + b'{"e":"')


def malformed_frame(venue: Venue[Any], *, account: str) -> None:
    """Write a frame that breaks the websocket protocol."""
    for connection in connections(venue, account):
        connection.write_raw(RESERVED)


def garbage(venue: Venue[Any], *, text: str, times: int, account: str) -> None:
    """Write text frames that are no message of the exchange."""
    for connection in connections(venue, account):
        for _ in range(times):
            connection.send(text)


def nothing_but_garbage(venue: Venue[Any], *, kind: str, every: float) -> Mend:
    """Write what is no message of the exchange on every connection, new ones included, again and again.

    What is asked is answered all the same, in between; inside a message without an end there is no room for it.
    """
    rng = random.Random(venue.kernel.seed)
    begun: set[int] = set()
    timers: list[Timer] = []

    def write() -> None:
        for connection in connections(venue, ""):
            if connection.outbox.qsize() < MOST_GARBAGE:
                connection.write_raw(_garbage(kind, rng, is_first=connection.number not in begun))
                begun.add(connection.number)
        timers[:] = [venue.clock.call_later(every, write)]

    def room(connection: Connection, frame: Frame) -> list[Planned]:
        return [] if "fragments" in kind and connection.number in begun else [(0.0, frame)]

    write()
    venue.faults.frames.append(room)
    remove = remover(venue.faults.frames, room)

    def mend() -> None:
        timers[0].cancel()
        remove()
        for connection in connections(venue, "") if "fragments" in kind else ():
            connection.abort()  # what has no end cannot go on with anything else

    return mend


def _garbage(kind: str, rng: random.Random, *, is_first: bool) -> bytes:
    """Some frames, or some part of one."""
    noise = rng.randbytes(200)
    if kind == "fragments":  # of one message, which has no end
        return frame_head(OPCODES["text"] if is_first else CONTINUATION, FRAGMENT, is_final=False) + bytes(FRAGMENT)
    if kind == "empty_fragments":
        first = frame_head(OPCODES["text"], 0, is_final=False) if is_first else b""
        return first + frame_head(CONTINUATION, 0, is_final=False) * 100
    if kind == "huge":
        return frame_bytes("text", "x" * (1 << 20))
    if kind == "json":
        return b"".join(frame_bytes("text", text) for text in WRONG_SHAPES)
    opcode = BINARY if kind == "binary" else OPCODES["text"]
    return (frame_head(opcode, len(noise)) + noise) * 10


def missed_heartbeat(venue: Venue[Any], *, account: str) -> None:
    """End the connections in the way of an exchange that waited for a sign of the client in vain.

    Deribit closes with 4000, Poloniex cuts after 30 seconds without a word, Binance and JEX after ten minutes without
    a pong.
    """
    is_told = venue.exchange == "deribit"
    for connection in connections(venue, account):
        if is_told:
            connection.close(4000, "heartbeat close")
        else:
            connection.abort()


def late_answers(venue: Deribit | Poloniex, *, delay: float, cut: bool) -> Mend:
    """Let every answer to a command be late, so that what happens meanwhile is told before it.

    `cut` ends the open connections, so that there are commands.
    """

    def later(_connection: Connection, frame: Frame) -> list[Planned]:
        return [(0.0 if frame.event else delay, frame)]

    venue.faults.frames.append(later)
    if cut:
        venue.drop(close_frame=False)
    return remover(venue.faults.frames, later)


def late_pongs(venue: Venue[Any], *, delay: float) -> Mend:
    """Let every answer to a client's ping be late: pong frames, Poloniex's `pong`, Deribit's answer to public/test."""
    before, venue.faults.pong_delay = venue.faults.pong_delay, delay

    def later(_connection: Connection, frame: Frame) -> list[Planned]:
        is_answer = not frame.event and ('"event":"pong"' in frame.text or '"result":{"version"' in frame.text)
        return [(delay if is_answer else 0.0, frame)]

    venue.faults.frames.append(later)

    def mend() -> None:
        venue.faults.pong_delay = before
        venue.faults.frames.remove(later)

    return mend


def day_cut(venue: Venue[Any], *, life: float) -> Mend:
    """End every connection so many seconds from now or, if it begins later, when it is so old, as after the 24 hours
    that Binance and JEX document."""
    before, venue.rules.connection_life = venue.rules.connection_life, life
    for connection in connections(venue, ""):
        connection.close_at(venue.clock.monotonic() - connection.opened_at + life, venue.clock)

    def mend() -> None:
        venue.rules.connection_life = before
        for connection in connections(venue, ""):
            connection.close_at(before, venue.clock)

    return mend


def maintenance(venue: Venue[Any], *, retry_after: int) -> Mend:
    """Close everything, and answer 503 to every request and handshake.

    Poloniex keeps its sockets and answers every command with "Platform in maintenance mode".
    """
    mends = [unavailable(venue, retry_after, sockets=not isinstance(venue, Poloniex))]
    if isinstance(venue, Poloniex):
        mends.append(_poloniex_maintenance(venue))
    else:
        venue.drop(code=1012)

    def mend() -> None:
        for each in mends:
            each()

    return mend


def _poloniex_maintenance(venue: Poloniex) -> Mend:
    venue.rules.maintenance = True
    for connection in connections(venue, ""):
        venue.deliver(connection, Frame('{"message":"Platform in maintenance mode","event":"error"}'))

    def mend() -> None:
        venue.rules.maintenance = False

    return mend
