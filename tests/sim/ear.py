"""A bare websocket client that listens to a simulated exchange."""

from __future__ import annotations

import json
from decimal import Decimal
from types import TracebackType
from typing import Any

import websocket

WAIT = 30.0


class ClosedByServer(Exception):
    """The server sent a close frame."""

    def __init__(self, code: int) -> None:
        super().__init__(f"closed by the server with {code}")
        self.code = code


class Ear:
    """One websocket connection. Answers pings only if `pongs` is true."""

    def __init__(self, url: str, *, pongs: bool = True) -> None:
        self.socket = websocket.create_connection(url, timeout=WAIT)
        self.pongs = pongs
        self.pings = 0

    def hear(self) -> Any:
        """The next message. Raises WebSocketConnectionClosedException when the server has closed."""
        while True:
            code, data = self._frame()
            if code == websocket.ABNF.OPCODE_TEXT:
                return json.loads(data, parse_float=Decimal)
            self._control(code, data)

    def events(self, count: int) -> list[Any]:
        """So many messages."""
        return [self.hear() for _ in range(count)]

    def so_far(self) -> list[Any]:
        """Everything that the server had to say until now: it writes in order, and answers our ping last."""
        self.socket.ping(b"that is all")
        heard: list[Any] = []
        while True:
            code, data = self._frame()
            if code == websocket.ABNF.OPCODE_PONG and data == b"that is all":
                return heard
            if code == websocket.ABNF.OPCODE_TEXT:
                heard.append(json.loads(data, parse_float=Decimal))
            else:
                self._control(code, data)

    def ask(self, message: Any) -> Any:
        """Send a message (text as it is, anything else as JSON) and return the next one."""
        self.socket.send(message if isinstance(message, str) else json.dumps(message))
        return self.hear()

    def end(self) -> int | None:
        """Wait for the server to end the connection: the close code, or None if TCP was just cut."""
        try:
            while True:
                self.hear()
        except ClosedByServer as closed:
            return closed.code
        except (websocket.WebSocketConnectionClosedException, OSError):
            return None

    def close(self) -> None:
        """Let go of the socket."""
        self.socket.shutdown()  # type: ignore[no-untyped-call]

    def _control(self, code: int, data: bytes) -> None:
        if code == websocket.ABNF.OPCODE_PING:
            self.pings += 1
            if self.pongs:
                self.socket.pong(data)
        elif code == websocket.ABNF.OPCODE_CLOSE:
            self.socket.send(data, websocket.ABNF.OPCODE_CLOSE)
            raise ClosedByServer(int.from_bytes(data[:2], "big"))

    def _frame(self) -> tuple[int, bytes]:
        frame = self.socket.recv_frame()  # type: ignore[no-untyped-call]  # unlike recv_data it does not answer pings by itself
        return frame.opcode, frame.data

    def __enter__(self) -> Ear:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
