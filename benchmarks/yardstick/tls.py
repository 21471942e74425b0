"""TLS in front of a simulated exchange: the simulator itself speaks plain TCP."""

from __future__ import annotations

import asyncio
import ssl
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import trustme

from jexkit.sim import Simulator

CHUNK = 1 << 16


class TlsDoors:
    """A port with TLS for each exchange that is asked for; all on the simulator's loop."""

    def __init__(self, sim: Simulator) -> None:
        self._sim = sim
        self._tasks: set[asyncio.Task[None]] = set()
        self._folder = tempfile.TemporaryDirectory(prefix="jexkit-benchmark-")

    def open(self, exchange: str) -> dict[str, Any]:
        """Begin to listen; answers the port, and a file with the authority to trust."""
        authority = trustme.CA()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(*(f"127.0.0.{number}" for number in range(1, 64))).configure_cert(context)
        bundle = Path(self._folder.name) / "authority.pem"
        authority.cert_pem.write_to_path(str(bundle))
        port = self._sim.loop.run(self._listen(context, self._sim.venues[exchange].port))
        return {"port": port, "ca_bundle": str(bundle)}

    async def _listen(self, context: ssl.SSLContext, target: int) -> int:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", target)
            back = asyncio.ensure_future(_carry(inner_reader, writer))
            self._tasks.add(back)
            back.add_done_callback(self._tasks.discard)
            await _carry(reader, inner_writer)

        server = await asyncio.start_server(serve, "0.0.0.0", 0, ssl=context)
        port: int = server.sockets[0].getsockname()[1]
        return port


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
    writer.close()
