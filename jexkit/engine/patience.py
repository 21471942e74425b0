"""An end for calls that trickle in: every single read comes within its timeout, and the whole never ends.

Timeouts of sockets are for one read each. ``Patience`` bounds a call over HTTP, or a websocket's handshake: when it is
over, the socket that the call uses is shut down, and whoever reads from it gets an error.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Any

_here = threading.local()  # .patience is that of the call which this thread makes


class Patience:
    """``with Patience(seconds) as patience:`` around one call on this thread; ``is_over`` says that it was cut."""

    def __init__(self, seconds: float) -> None:
        self.is_over = False
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()  # guards both
        self._timer = threading.Timer(seconds, self._end)
        self._timer.name = "jexkit-patience"
        self._timer.daemon = True

    def __enter__(self) -> Patience:
        with contextlib.suppress(RuntimeError):  # the interpreter is on its way out and starts no thread any more
            self._timer.start()
        _here.patience = self
        return self

    def __exit__(self, *exc: object) -> None:
        _here.patience = None
        self._timer.cancel()
        if self._timer.is_alive():
            self._timer.join()  # it ends at once; whoever counts threads after a stop must find none of ours

    def watch(self, sock: socket.socket | None) -> None:
        """The call uses this socket now."""
        with self._lock:
            self._socket = sock
            if self.is_over:
                self._cut()

    def _end(self) -> None:
        with self._lock:
            self.is_over = True
            self._cut()

    def _cut(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):
                # Not SSLSocket.shutdown, which takes the TLS state away from the thread that is reading.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


def watch(sock: socket.socket | None) -> None:
    """The call of this thread uses this socket now; nothing where nobody bounds it."""
    patience: Patience | None = getattr(_here, "patience", None)
    if patience is not None:
        patience.watch(sock)


class _Watched:
    """Mixed into the connections of a pool: tells the patience of the calling thread which socket is used."""

    sock: socket.socket | None

    def request(self, *args: Any, **named: Any) -> None:
        super().request(*args, **named)  # type: ignore[misc]  # connects first, where it has to
        watch(self.sock)


def watch_connections(manager: Any) -> Any:
    """Have all connections of urllib3's pool manager watched, those through a proxy too. Returns the manager."""
    manager.pool_classes_by_scheme = {
        scheme: pool if issubclass(pool.ConnectionCls, _Watched) else _watched(pool)
        for scheme, pool in manager.pool_classes_by_scheme.items()
    }
    return manager


def _watched(pool: Any) -> Any:
    connection = type(f"Watched{pool.ConnectionCls.__name__}", (_Watched, pool.ConnectionCls), {})
    return type(f"Watched{pool.__name__}", (pool,), {"ConnectionCls": connection})
