"""One websocket connection, seen from the server: a queue of what is to be written, pings, and ways to end it."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import WSMsgType, web

from jexkit.sim.calls import Call
from jexkit.sim.clock import Clock, Timer

if TYPE_CHECKING:
    from jexkit.sim.ledger import Account


MOST_UNREAD = 100_000  # frames kept for a client that does not read; then it is cut off


@dataclass
class Frame:
    """One outgoing text message, as it passes the fault hook.

    `event` is the exchange's own name of the event (`""` for control traffic such as acknowledgements), `account` whose
    event it is.
    """

    text: str
    event: str = ""
    account: Account | None = None


@dataclass(eq=False)
class Connection:
    """What the venue knows about one socket.

    `account` is who it belongs to (None before a login), `names` what it subscribed to, `native` anything else that the
    venue wants to remember. `silent` makes the server a dead one with an open socket: nothing is written any more, not
    even pongs. All methods are for the loop's thread.
    """

    number: int
    call: Call  # the request of the handshake
    socket: web.WebSocketResponse
    transport: asyncio.Transport | None
    opened_at: float  # exchange seconds
    account: Account | None = None
    names: set[str] = field(default_factory=set)
    native: dict[str, Any] = field(default_factory=dict)
    silent: bool = False
    closing: bool = False
    mute: bool = False  # the client was waited for, and gave no sign of life
    trickle: tuple[int, float] | None = None  # write so many bytes at a time, so many real seconds apart
    unanswered_ping_since: float | None = None
    timers: list[Timer] = field(default_factory=list)
    cut_off: Timer | None = None  # its end by age
    late: deque[str] = field(default_factory=deque)  # what is told late, in its order
    outbox: asyncio.Queue[tuple[str, Any]] = field(default_factory=asyncio.Queue)

    def send(self, text: str) -> None:
        """Write a text frame after what is queued already. Goes past the fault hook: see `Venue.deliver`."""
        self._queue("text", text)

    def send_late(self) -> None:
        """Send the first of what is told late: nothing overtakes it, even where the delay has become shorter."""
        self.send(self.late.popleft())

    def ping(self, payload: bytes = b"") -> None:
        """Write a ping frame."""
        self._queue("ping", payload)

    def pong(self, payload: bytes) -> None:
        """Answer a ping of the client."""
        self._queue("pong", payload)

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Write what is queued, then a close frame, then close."""
        self._queue("close", (code, reason))

    def close_at(self, age: float | None, clock: Clock) -> None:
        """Close when it is so many exchange seconds old and not, as was said before, at another age; None for never."""
        if self.cut_off is not None:
            self.cut_off.cancel()
        self.cut_off = None if age is None else clock.call_later(self.opened_at + age - clock.monotonic(), self.close)

    def abort(self) -> None:
        """Cut the TCP connection without a close frame."""
        self.closing = True
        if self.transport is not None:
            self.transport.abort()

    def write_raw(self, data: bytes) -> None:
        """Write these bytes as they are after what is queued already: a frame that is none, or half of one."""
        self._queue("raw", data)

    def cut(self) -> None:
        """Write what is queued, then cut the TCP connection without a close frame."""
        self._queue("cut", None)

    def stall(self, seconds: float) -> None:
        """Write what is queued, then nothing for so many real seconds, then go on."""
        self._queue("stall", seconds)

    def half_open(self) -> None:
        """Neither read nor write any more, as a host that has vanished; the socket stays open."""
        self.silent = True
        if self.transport is not None:
            self.transport.pause_reading()

    def deafen(self) -> None:
        """Read nothing any more; what is to be written is."""
        if self.transport is not None:
            self.transport.pause_reading()

    def undeafen(self) -> None:
        """Read again, first of all what has come meanwhile."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.resume_reading()

    def _queue(self, kind: str, item: Any) -> None:
        if self.silent or self.closing:
            return
        if self.outbox.qsize() >= MOST_UNREAD:
            self.abort()
        else:
            self.outbox.put_nowait((kind, item))

    async def write(self) -> bool:
        """Write the outbox to the socket, as the connection's own task.

        Returns True after a close frame, False when the client is gone.
        """
        while True:
            kind, item = await self.outbox.get()
            try:
                if kind == "close":
                    await self._say_goodbye(*item)
                    return True
                await self._write_item(kind, item)
            except (ConnectionError, RuntimeError):  # the client went away: the reading side ends the connection
                return False

    async def _write_item(self, kind: str, item: Any) -> None:
        if kind == "stall":
            await asyncio.sleep(item)
        elif kind == "cut":
            self.abort()
        elif kind == "raw" or self.trickle is not None:
            await self._write_bytes(item if kind == "raw" else frame_bytes(kind, item))
        elif kind == "text":
            await self.socket.send_str(item)
        elif kind == "ping":
            await self.socket.ping(item)
        else:
            await self.socket.pong(item)

    async def _write_bytes(self, data: bytes) -> None:
        size, pause = self.trickle or (len(data), 0.0)
        for begin in range(0, len(data), size):
            if self.transport is not None and not self.transport.is_closing():
                self.transport.write(data[begin : begin + size])
            if pause:
                await asyncio.sleep(pause)

    async def _say_goodbye(self, code: int, reason: str) -> None:
        """Write a close frame and nothing else.

        aiohttp's own `close` would cut TCP under frames that the client is still sending, and the reset would take our
        close frame along: some versions do so when somebody listens, others when nobody does.
        """
        self.closing = True
        writer = self.socket._writer  # noqa: SLF001 - the same in every version, and there is no public way
        if writer is not None:
            await writer.close(code, reason.encode())


OPCODES = {"text": 0x1, "ping": 0x9, "pong": 0xA}
SMALL, MEDIUM = 126, 1 << 16  # from these lengths on a frame tells its length in more bytes (RFC 6455, 5.2)


def frame_bytes(kind: str, payload: str | bytes) -> bytes:
    """A whole frame as a server writes it: final, not masked."""
    data = payload.encode() if isinstance(payload, str) else payload
    return frame_head(OPCODES[kind], len(data)) + data


def frame_head(opcode: int, length: int, *, is_final: bool = True) -> bytes:
    """The first bytes of a frame that has, or claims to have, a payload of this length."""
    first = bytes([(0x80 if is_final else 0) | opcode])
    if length < SMALL:
        return first + bytes([length])
    if length < MEDIUM:
        return first + bytes([126]) + length.to_bytes(2, "big")
    return first + bytes([127]) + length.to_bytes(8, "big")


PING, PONG, TEXT = WSMsgType.PING, WSMsgType.PONG, WSMsgType.TEXT
