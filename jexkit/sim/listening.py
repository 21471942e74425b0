"""Sockets that listen, and how to end them without losing sight of a connection that is on its way in.

From the accept of a connection to the moment at which its handler can be told to end, asyncio's loop takes several
turns. A server that is closed within them forgets the connection: nobody has it, and nobody closes it.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress

TURNS = 5  # accept, make a transport, tell the protocol, begin its task: each takes the loop one turn


async def listen(factory: Callable[[], asyncio.Protocol], host: str, port: int) -> asyncio.Server:
    """Serve each connection by a protocol of its own; port zero lets the system choose."""
    return await asyncio.get_running_loop().create_server(factory, host, port)


def port_of(server: asyncio.Server) -> int:
    """Where it listens."""
    port: int = server.sockets[0].getsockname()[1]
    return port


async def listen_no_more(server: asyncio.Server) -> None:
    """Accept nothing more, and stop listening when whoever was accepted has a handler."""
    for sock in server.sockets:
        asyncio.get_running_loop().remove_reader(sock)
    await settled()
    server.close()


async def listen_later(server: asyncio.Server) -> list[socket.socket]:
    """The same for a while: what is returned keeps the port until it is closed. Connections are refused meanwhile."""
    places = [(sock.family, sock.getsockname()) for sock in server.sockets]
    await listen_no_more(server)
    kept = []
    for family, place in places:
        keeper = socket.socket(family, socket.SOCK_STREAM)
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections from before may go on
        kept.append(keeper)
        with suppress(OSError):  # somebody else was quicker
            keeper.bind(place)
    return kept


async def settled() -> None:
    """Let what has begun take hold: handlers of accepted connections, tasks just made, sockets just aborted."""
    for _ in range(TURNS):
        await asyncio.sleep(0)
