"""What came over a connection and was not read yet. One job: to spare websocket-client the plain frames of a burst.

websocket-client reads every frame in three small reads and takes it apart in Python, five times the work of what
follows. During a burst nearly all that comes are whole text frames of less than 64 KiB, one after the other in what a
single read of the socket brings. ``texts`` cuts these out. Everything else it leaves where it is, and websocket-client
reads it from here as it would from the socket: control frames, fragments, long, masked and broken frames, and a frame
of which the end has not come.
"""

from __future__ import annotations

from collections.abc import Callable

READ = 64 * 1024  # bytes asked of the socket at once
TEXT = 0x81  # the first byte of a final text frame without extensions (RFC 6455, 5.2)
SHORT = 125  # the longest length that stands in the second byte itself
MEDIUM = 126  # says that the length stands in the two bytes after it; with a mask the second byte is 128 at least


class Unread:
    """Bytes between the socket and websocket-client. ``read`` reads the socket, and raises where that cannot be."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self._data = b""
        self._at = 0

    def __len__(self) -> int:
        return len(self._data) - self._at

    def _fill(self) -> None:
        """Read the socket once. For when nothing is left."""
        self._data, self._at = self._read(READ), 0

    def recv(self, size: int) -> bytes:
        """The next bytes, ``size`` at most: what websocket-client calls in place of the socket's ``recv``."""
        if not self._data:
            self._fill()
        begin = self._at
        taken = self._data[begin : begin + size]
        self._leave(begin + len(taken))
        return taken

    def texts(self) -> list[bytes]:
        """The payloads of the whole text frames up to the first byte of anything else. Only between two messages.

        Reads the socket first where nothing is left. One loop without a call in it, since it runs once for every
        message of every stream.
        """
        if not self._data:
            self._fill()
        data, at, end = self._data, self._at, len(self._data)
        found = []
        while end - at > 1 and data[at] == TEXT:
            size, begin = data[at + 1], at + 2
            if size > SHORT:
                if size != MEDIUM or end - at < 4:
                    break
                size, begin = data[at + 2] << 8 | data[at + 3], at + 4
            if begin + size > end:
                break
            at = begin + size
            found.append(data[begin:at])
        self._leave(at)
        return found

    def _leave(self, at: int) -> None:
        """Everything before ``at`` is read; a stream that waits keeps no buffer."""
        self._data, self._at = (self._data, at) if at < len(self._data) else (b"", 0)
