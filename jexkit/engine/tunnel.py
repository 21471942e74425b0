"""A way through an HTTP proxy for a websocket: CONNECT, and the bytes after it are the exchange's.

websocket-client has a tunnel of its own, which reads a proxy's answer for as long as the proxy writes. This one reads
no more than an answer can be long, and its socket is known to whoever may lose patience with it.
"""

from __future__ import annotations

import base64
import socket
from urllib.parse import SplitResult, unquote

from jexkit.engine import patience

LARGEST_ANSWER = 64 * 1024  # bytes
OK = range(200, 300)


class ProxyRefused(OSError):
    """There is no way through the proxy: it cannot be reached, it will not, or it talks nonsense."""


def through(proxy: SplitResult, host: str, port: int, timeout: float) -> socket.socket:
    """A connection to ``host`` by way of ``proxy``; ``timeout`` is in seconds, for each step. Raises ProxyRefused."""
    try:
        sock = socket.create_connection((proxy.hostname or "", proxy.port or 80), timeout)
    except OSError as error:
        raise ProxyRefused(str(error)) from error
    try:
        patience.watch(sock)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.sendall(_request(proxy, host, port))
        status = _status(_answer(sock))
        if status not in OK:
            raise ProxyRefused(f"HTTP {status}")
    except OSError as error:
        sock.close()
        raise ProxyRefused(str(error)) from error
    return sock


def _request(proxy: SplitResult, host: str, port: int) -> bytes:
    target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
    if proxy.username:
        login = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
        lines.append(f"Proxy-Authorization: Basic {base64.b64encode(login.encode()).decode()}")
    return "\r\n".join([*lines, "", ""]).encode()


def _answer(sock: socket.socket) -> bytes:
    """Its head, up to the empty line. Nothing comes after that before we have spoken."""
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        more = sock.recv(4096)
        answer += more
        if not more or len(answer) > LARGEST_ANSWER:
            raise ProxyRefused("no answer that makes sense")
    return answer


def _status(answer: bytes) -> int:
    words = answer.split(b" ", 2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
        raise ProxyRefused("no answer that makes sense")
    return int(words[1])
