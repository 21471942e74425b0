"""The HTTP and websocket server of one venue.

It reads requests and frames, asks the venue what to do, and keeps the timers that every socket has: server pings, the
pong deadline, the longest life of a connection.
"""

from __future__ import annotations

import asyncio
import inspect
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from aiohttp import web

from jexkit.sim.calls import Answer, Call, Refused
from jexkit.sim.connection import PING, PONG, TEXT, Connection
from jexkit.sim.site import Site

if TYPE_CHECKING:
    from jexkit.sim.venue import Venue


GOODBYE = 1.0  # real seconds that a client has to answer a close frame


class Server:
    """One port of the loopback interface. Everything runs on the simulator's loop."""

    def __init__(self, venue: Venue[Any]) -> None:
        self._venue = venue
        self._site = Site()
        self._sockets_seen = 0

    @property
    def port(self) -> int:
        """Where it listens; zero while it does not."""
        return self._site.port

    async def start(self, port: int = 0) -> None:
        """Listen; port zero lets the system choose."""
        app = web.Application(client_max_size=self._venue.largest_message)
        app.router.add_route("*", "/{path:.*}", self._serve)
        await self._site.start(app, self._venue.kernel.host, port)

    async def close_port(self) -> None:
        """Accept no connection any more; those that are open go on."""
        await self._site.pause()

    async def open_port(self) -> None:
        """Accept connections again, at the port from before."""
        await self._site.resume()

    async def stop(self) -> None:
        """Stop listening and cut every connection."""
        await self._site.stop(self._cut)

    def _cut(self) -> None:
        for connection in list(self._venue.open_connections.values()):
            connection.abort()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        path, _, query = request.raw_path.partition("?")
        call = Call(
            method=request.method,
            path=path,
            query=query,
            body=await request.read(),
            headers=request.headers,
            remote=request.remote or "",
            is_socket=request.headers.get("Upgrade", "").lower() == "websocket",
        )
        answer = await self._venue.admit(call)
        if answer is None and call.is_socket:
            answer = self._venue.handshake(call)
            if answer is None:
                return await self._talk(request, call)
        elif answer is None:
            answer = await self._carry_out(call)
        answer = await self._venue.finish(call, answer)
        if answer.abort and request.transport is not None:
            request.transport.abort()
        return web.Response(
            text=answer.body(), status=answer.status, headers=answer.headers, content_type=answer.content_type
        )

    async def _carry_out(self, call: Call) -> Answer:
        found = self._venue.routes.find(call.method, call.path)
        if found is None:
            return self._venue.not_found(call)
        handler, in_path = found
        call = replace(call, in_path=in_path)
        try:
            answer = handler(call)
            return await answer if inspect.isawaitable(answer) else answer
        except Refused as refused:
            return refused.answer
        except ValueError as error:
            return self._venue.failed(call, error)

    async def _talk(self, request: web.Request, call: Call) -> web.StreamResponse:
        socket = web.WebSocketResponse(
            autoping=False, compress=False, max_msg_size=self._venue.largest_message, timeout=GOODBYE
        )
        await socket.prepare(request)
        self._sockets_seen += 1
        transport = request.transport
        connection = Connection(
            number=self._sockets_seen,
            call=call,
            socket=socket,
            transport=transport,
            opened_at=self._venue.clock.monotonic(),
        )
        self._venue.open_connections[connection.number] = connection
        try:
            self._start_timers(connection)
            self._venue.opened(connection)
            self._venue.counters.add("sockets_opened")
            await self._converse(connection)
        finally:
            self._venue.open_connections.pop(connection.number, None)
            connection.closing = True
            connection.close_at(None, self._venue.clock)
            for timer in connection.timers:
                timer.cancel()
            self._venue.closed(connection)
            self._venue.counters.add("sockets_closed")
        return socket

    async def _converse(self, connection: Connection) -> None:
        """Listen and write until one of the two ends."""
        writer = asyncio.ensure_future(connection.write())
        listener = asyncio.ensure_future(self._listen(connection))
        try:
            await asyncio.wait({writer, listener}, return_when=asyncio.FIRST_COMPLETED)
            if writer.done() and writer.result():
                self._venue.open_connections.pop(connection.number, None)
                await asyncio.wait({listener}, timeout=GOODBYE)
        finally:
            for task in (writer, listener):
                task.cancel()
            ended = await asyncio.gather(writer, listener, return_exceptions=True)
        for outcome in ended:
            if isinstance(outcome, Exception):
                raise outcome

    async def _listen(self, connection: Connection) -> None:
        async for message in connection.socket:
            if message.type is TEXT:
                self._venue.counters.add("texts")
                if not self._venue.faults.takes(connection, message.data):
                    await self._venue.received(connection, message.data)
            elif message.type is PING:
                self._venue.counters.add("client_pings")
                self._venue.answer_ping(connection, message.data)
            elif message.type is PONG:
                self._venue.counters.add("pongs")
                connection.unanswered_ping_since, connection.mute = None, False

    def _start_timers(self, connection: Connection) -> None:
        connection.close_at(self._venue.rules.connection_life, self._venue.clock)
        self._plan_ping(connection)

    def _plan_ping(self, connection: Connection) -> None:
        if self._venue.rules.ping_every is not None:
            connection.timers.append(
                self._venue.clock.call_later(self._venue.rules.ping_every, lambda: self._ping(connection))
            )

    def _ping(self, connection: Connection) -> None:
        now = self._venue.clock.monotonic()
        if connection.unanswered_ping_since is None:
            connection.unanswered_ping_since = now
            if self._venue.rules.pong_within is not None:
                connection.timers.append(
                    self._venue.clock.call_later(
                        self._venue.rules.pong_within, lambda: self._drop_mute(connection, now)
                    )
                )
        self._venue.counters.add("pings")
        connection.ping(str(self._venue.clock.now_ms()).encode())
        connection.timers[:] = [timer for timer in connection.timers if timer.action is not None]
        self._plan_ping(connection)

    def _drop_mute(self, connection: Connection, since: float) -> None:
        if connection.unanswered_ping_since == since:
            self._venue.counters.add("dropped_without_pong")
            connection.abort()
