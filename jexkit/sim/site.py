"""An aiohttp application on a port of its own."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from aiohttp import web

from jexkit.sim.listening import listen, listen_later, listen_no_more, port_of

GRACE = 1.0  # real seconds that handlers have to end by themselves


class Site:
    """One application, served on the simulator's loop; `port` is zero while it is not."""

    def __init__(self) -> None:
        self._runner: web.AppRunner | None = None
        self._listening: asyncio.Server | None = None
        self._serve: web.Server | None = None
        self._host = ""
        self._kept: list[socket.socket] = []  # the port, while nothing listens there
        self._changing = asyncio.Lock()  # a change takes some turns of the loop, and the next one waits for it
        self.port = 0

    async def start(self, app: web.Application, host: str, port: int) -> None:
        """Listen; port zero lets the system choose. Raises OSError where that is not possible."""
        self._changing = asyncio.Lock()  # the loop may be another one than the last time
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=GRACE)
        await self._runner.setup()
        serve = self._runner.server
        if serve is None:
            raise AssertionError("an application without a server")
        self._serve, self._host = serve, host
        self._listening = await listen(serve, host, port)
        self.port = port_of(self._listening)

    async def pause(self) -> None:
        """Let the system refuse new connections, as where nothing listens. Twice does no harm."""
        async with self._changing:
            listening, self._listening = self._listening, None
            if listening is not None:
                self._kept = await listen_later(listening)

    async def resume(self) -> None:
        """Listen at the same port again. Does nothing where it listens, or was stopped."""
        async with self._changing:
            if self._listening is None and self._runner is not None and self._serve is not None:
                self._let_go()
                self._listening = await listen(self._serve, self._host, self.port)

    async def stop(self, cut: Callable[[], None] = lambda: None) -> None:
        """Accept nothing more, `cut` what is open, and end all handlers. Safe to call twice."""
        async with self._changing:
            listening, self._listening = self._listening, None
            runner, self._runner = self._runner, None
            self._let_go()
            if listening is not None:
                await listen_no_more(listening)
        cut()
        if runner is not None:
            await runner.cleanup()
        self.port = 0

    def _let_go(self) -> None:
        for sock in self._kept:
            sock.close()
        self._kept.clear()
