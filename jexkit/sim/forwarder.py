"""A small TCP forwarder: in front of a server it does what a server cannot do to its own socket.

    with Forwarder(simulator.deribit.ws_url) as line:
        account = Deribit(..., ws_url=line.url(simulator.deribit.ws_url), rest_url=simulator.deribit.rest_url)
        ...
        line.half_open()        # the cable is out: nothing is forwarded, and nobody is told
        line.resume()           # new connections work; those from before stay dead

Works in front of anything that speaks TCP. Runs on a thread of its own; every method may be called from any thread.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from jexkit.sim.bounds import number, shown, whole
from jexkit.sim.listening import listen_later, listen_no_more, port_of
from jexkit.sim.loop import LoopThread, on_loop

MOST_BYTES = 1 << 40
CHUNK = 1 << 16  # bytes read at a time
PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}


class _Line:
    """One connection through the forwarder: the client's side and the server's."""

    def __init__(self, *writers: asyncio.StreamWriter) -> None:
        self.writers = writers
        self.is_dead = False  # open on both sides, and nothing goes through any more
        self.left: int | None = None  # bytes for the client before it is cut; None: as many as there are
        self.cut = asyncio.Event()

    def abort(self) -> None:
        self.cut.set()
        for writer in self.writers:
            writer.transport.abort()


class Forwarder:
    """Listens on `host` and forwards to `target`, which is an address such as `ws://127.0.0.1:8080` or `host:port`."""

    def __init__(self, target: str, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self._target = _place(target)
        self._host = host
        self.port = whole("port", port, 0, 65_535)
        self.loop = LoopThread("jexkit-forwarder")
        self._server: asyncio.Server | None = None
        self._kept: list[socket.socket] = []  # the port, while it refuses
        self._lines: set[_Line] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._flows: asyncio.Event | None = None  # clear while stalled
        self._vanished = False
        self._trickle: tuple[int, float] | None = None

    # Life

    def start(self) -> Forwarder:
        """Listen; port zero has become a real one when this returns."""
        self.loop.start()
        try:
            self.loop.run(self._start())
        except BaseException:
            self.loop.stop()
            raise
        return self

    def stop(self) -> None:
        """Cut every connection, stop listening, end the thread. Safe to call twice."""
        if self.loop.is_running:
            self.loop.run(self._stop())
        self.loop.stop()

    @property
    def address(self) -> str:
        """`host:port`, where it listens."""
        return f"{self._host}:{self.port}"

    def url(self, url: str) -> str:
        """The same URL, through here."""
        return urlsplit(url)._replace(netloc=self.address).geturl()

    # What it does to connections

    @property
    def connections(self) -> int:
        """How many go through it now."""
        return self.loop.call(lambda: len(self._lines))

    @on_loop
    def cut(self) -> int:
        """Reset every connection, without a goodbye; returns how many. New ones are forwarded."""
        lines = list(self._lines)
        for line in lines:
            line.abort()
        return len(lines)

    @on_loop
    def cut_after(self, size: int) -> int:
        """Reset every connection after so many bytes more for the client, as inside a frame; returns how many."""
        whole("size", size, 1, MOST_BYTES)
        lines = list(self._lines)
        for line in lines:
            line.left = size
        return len(lines)

    @on_loop
    def stall(self) -> None:
        """Hold everything back, both ways, until `resume`, and lose nothing."""
        self._gate().clear()

    @on_loop
    def half_open(self) -> None:
        """Forward nothing any more and close nothing, as when a cable is pulled. New connections are accepted too."""
        self._vanished = True
        for line in self._lines:
            line.is_dead = True

    @on_loop
    def trickle(self, size: int, pause: float = 0.001) -> None:
        """Forward so many bytes at a time, with so many seconds in between."""
        whole("size", size, 1, MOST_BYTES)
        number("pause", pause)
        self._trickle = (size, pause)

    def refuse(self) -> None:
        """Refuse new connections, as a host on which nothing listens. Those that are open go on."""
        self.loop.run(self._refuse())

    @on_loop
    def end_stall(self) -> None:
        """End `stall` alone: what was held back goes on."""
        self._gate().set()

    @on_loop
    def end_half_open(self) -> None:
        """End `half_open` alone; see `resume`."""
        self._vanished = False

    @on_loop
    def end_trickle(self) -> None:
        """End `trickle` alone."""
        self._trickle = None

    def accept(self) -> None:
        """End `refuse` alone."""
        self.loop.run(self._listen())

    def resume(self) -> None:
        """End whatever was begun. A connection that was half open stays so: its other end may be gone for long."""
        self.loop.run(self._resume())

    # Inside

    async def _start(self) -> None:
        self._gate().set()
        await self._listen()

    async def _listen(self) -> None:
        if self._server is None:
            self._let_go()
            self._server = await asyncio.start_server(self._forward, self._host, self.port)
            self.port = port_of(self._server)

    async def _refuse(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            self._kept = await listen_later(server)

    def _let_go(self) -> None:
        for sock in self._kept:
            sock.close()
        self._kept.clear()

    async def _resume(self) -> None:
        self._vanished, self._trickle = False, None
        self._gate().set()
        await self._listen()

    async def _stop(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            await listen_no_more(server)
        self._let_go()
        tasks = list(self._tasks)
        for line in list(self._lines):
            line.abort()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _gate(self) -> asyncio.Event:
        if self._flows is None:
            self._flows = asyncio.Event()
        return self._flows

    async def _forward(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
        try:
            await self._join(client, to_client)
        except asyncio.CancelledError:  # stopped; asyncio would log it as an error
            pass
        finally:
            to_client.transport.abort()
            if task is not None:
                self._tasks.discard(task)

    async def _join(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        try:
            server, to_server = await asyncio.open_connection(*self._target)
        except OSError:
            return
        line = _Line(to_client, to_server)
        line.is_dead = self._vanished
        self._lines.add(line)
        both = asyncio.gather(self._pump(client, to_server, line), self._pump(server, to_client, line, for_client=True))
        cut = asyncio.ensure_future(line.cut.wait())
        try:
            ends: set[asyncio.Future[Any]] = {both, cut}
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            both.cancel()
            cut.cancel()
            await asyncio.gather(both, cut, return_exceptions=True)
            line.abort()
            self._lines.discard(line)

    async def _pump(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, line: _Line, *, for_client: bool = False
    ) -> None:
        """Forward one direction until its end. Of a dead line even the end is not told, except to those who cut it."""
        try:
            while data := await source.read(CHUNK):
                await self._gate().wait()
                if not line.is_dead:
                    await self._write(sink, data[: line.left] if for_client else data)
                if for_client and line.left is not None:
                    line.left -= len(data)
                    if line.left <= 0:
                        return line.abort()
        except ConnectionError:
            return line.abort()
        if line.is_dead:
            await line.cut.wait()
        if sink.can_write_eof() and not sink.is_closing():
            sink.write_eof()
        return None

    async def _write(self, sink: asyncio.StreamWriter, data: bytes) -> None:
        size, pause = self._trickle or (len(data), 0.0)
        for begin in range(0, len(data), size):
            sink.write(data[begin : begin + size])
            await sink.drain()
            if pause:
                await asyncio.sleep(pause)

    def __enter__(self) -> Forwarder:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _place(target: object) -> tuple[str, int]:
    """Host and port of an address."""
    host, port = None, None
    if isinstance(target, str):
        with suppress(ValueError):
            parts = urlsplit(target if "//" in target else f"//{target}")
            host, port = parts.hostname, parts.port or PORTS.get(parts.scheme)
    if not host or port is None:
        raise ValueError(f"target must be an address with a port, such as 127.0.0.1:8080, not {shown(target)}.")
    return host, port
