"""Small servers for the engine's tests: raw sockets on loopback, one thread a connection, driven by a script.

A script is a function of the ``Peer`` on the other end. It may do what no proper server would: stop in the middle of a
frame, answer a handshake with HTML, or say nothing at all.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

PATIENCE = 30.0  # seconds for what should take none
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class Peer:
    """One connection, seen from the server."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.file = sock.makefile("rb")
        self.line = ""
        self.headers: dict[str, str] = {}
        self.body = b""

    def read_request(self) -> bool:
        """Read one HTTP request; False if the client is gone."""
        self.line = self.file.readline().decode("latin-1").strip()
        self.headers = {}
        while line := self.file.readline().decode("latin-1").strip():
            name, _, value = line.partition(":")
            self.headers[name.strip().lower()] = value.strip()
        self.body = self.file.read(int(self.headers.get("content-length", 0)))
        return bool(self.line)

    def answer(self, status: int, body: bytes | str = b"", headers: Mapping[str, str] | None = None) -> None:
        """A whole HTTP answer."""
        payload = body.encode() if isinstance(body, str) else body
        lines = {"Content-Length": str(len(payload)), **(headers or {})}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        self.raw(f"HTTP/1.1 {status} Status\r\n{head}\r\n".encode() + payload)

    def accept(self) -> None:
        """Read the handshake and agree to it."""
        self.read_request()
        digest = hashlib.sha1((self.headers["sec-websocket-key"] + GUID).encode()).digest()
        self.raw(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n\r\n"
        )

    def raw(self, data: bytes) -> None:
        self.sock.sendall(data)

    def frame(self, opcode: int, payload: bytes | str = b"", *, fin: bool = True) -> None:
        self.raw(frame(opcode, payload, fin=fin))

    def read_frame(self) -> tuple[int, bytes]:
        """The client's next frame. Raises EOFError when it is gone."""
        head = self._exactly(2)
        size = head[1] & 127
        if size == 126:
            (size,) = struct.unpack("!H", self._exactly(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", self._exactly(8))
        mask = self._exactly(4)
        payload = bytes(byte ^ mask[index % 4] for index, byte in enumerate(self._exactly(size)))
        return head[0] & 15, payload

    def _exactly(self, size: int) -> bytes:
        data = self.file.read(size)
        if len(data) < size:
            raise EOFError("the client is gone")
        return data

    def wait_gone(self) -> None:
        """Wait until the client has closed."""
        with contextlib.suppress(OSError):
            while self.file.read1(65_536):
                pass


def frame(opcode: int, payload: bytes | str = b"", *, fin: bool = True) -> bytes:
    """A server's frame (not masked)."""
    data = payload.encode() if isinstance(payload, str) else payload
    first = opcode | (128 if fin else 0)
    if len(data) < 126:
        return bytes([first, len(data)]) + data
    if len(data) < 65_536:
        return bytes([first, 126]) + struct.pack("!H", len(data)) + data
    return bytes([first, 127]) + struct.pack("!Q", len(data)) + data


Script: TypeAlias = Callable[[Peer], object]


class Server:
    """Listens on a port of its own and runs ``script`` for each connection, until ``stop``."""

    def __init__(self, script: Script, tls: ssl.SSLContext | None = None) -> None:
        self._script = script
        self._tls = tls
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._stopping = threading.Event()
        self.port: int = self._listening.getsockname()[1]
        self.connections = 0
        self.faults: list[BaseException] = []
        self._start(self._listen, "listener")

    @property
    def http_url(self) -> str:
        return f"http{'s' if self._tls else ''}://127.0.0.1:{self.port}"

    @property
    def ws_url(self) -> str:
        return f"ws{'s' if self._tls else ''}://127.0.0.1:{self.port}"

    def stop(self) -> None:
        """Cut everything and wait for the threads."""
        self._stopping.set()
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for sock in list(self._open):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in list(self._threads):
            thread.join(PATIENCE)
            assert not thread.is_alive(), f"{thread.name} did not end"

    def _start(self, target: Callable[..., None], what: str, *args: object) -> None:
        thread = threading.Thread(target=target, args=args, name=f"server-{what}-{self.port}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _listen(self) -> None:
        while not self._stopping.is_set():
            try:
                sock, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(sock)
            self._start(self._serve, "connection", sock)

    def _serve(self, plain: socket.socket) -> None:
        sock = plain
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                sock = self._tls.wrap_socket(plain, server_side=True)
                self._open.append(sock)
            peer = Peer(sock)
            with contextlib.closing(peer.file):
                self._script(peer)
        except (OSError, EOFError):
            pass  # the client went away
        except Exception as fault:  # noqa: BLE001 - for the test that started it
            self.faults.append(fault)
        finally:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()


@contextlib.contextmanager
def nobody() -> Iterator[int]:
    """A port on which nobody listens, kept so that neither another server nor the client itself is given it."""
    with socket.socket() as kept:
        kept.bind(("127.0.0.1", 0))
        yield kept.getsockname()[1]


# --- proxies ----------------------------------------------------------------------------------------------------------


class Proxy:
    """What an HTTP or SOCKS5 proxy saw, and the login that it wants."""

    def __init__(self, login: tuple[str, str] | None = None) -> None:
        self.login = login
        self.targets: list[str] = []
        self.refused = 0

    def http(self, peer: Peer) -> None:
        """CONNECT, and plain requests with a whole URL."""
        peer.read_request()
        if self.login is not None:
            wanted = "Basic " + base64.b64encode(":".join(self.login).encode()).decode()
            if peer.headers.get("proxy-authorization") != wanted:
                self.refused += 1
                peer.answer(407, "who are you?", {"Proxy-Authenticate": "Basic"})
                return
        method, target, _ = peer.line.split(" ")
        if method == "CONNECT":
            self.targets.append(target)
            host, _, port = target.rpartition(":")
            with socket.create_connection((host, int(port))) as onward:
                peer.raw(b"HTTP/1.1 200 Connection established\r\n\r\n")
                pump(peer.sock, onward)
            return
        address, _, path = target.removeprefix("http://").partition("/")
        self.targets.append(address)
        host, _, port = address.partition(":")
        with socket.create_connection((host, int(port))) as onward:
            # One request a connection: the next one on it would go to another path, or another host.
            kept = {name: value for name, value in peer.headers.items() if "connection" not in name}
            head = "".join(f"{name}: {value}\r\n" for name, value in kept.items() if "proxy" not in name)
            onward.sendall(f"{method} /{path} HTTP/1.1\r\nConnection: close\r\n{head}\r\n".encode() + peer.body)
            pump(peer.sock, onward)

    def socks5(self, peer: Peer) -> None:
        """RFC 1928, with names resolved here, and RFC 1929 for the login."""
        _, count = peer._exactly(2)
        offered = peer._exactly(count)
        method = 2 if self.login is not None else 0
        if method not in offered:
            self.refused += 1
            peer.raw(b"\x05\xff")
            return
        peer.raw(bytes([5, method]))
        if self.login is not None:
            peer._exactly(1)
            name = peer._exactly(peer._exactly(1)[0]).decode()
            password = peer._exactly(peer._exactly(1)[0]).decode()
            if (name, password) != self.login:
                self.refused += 1
                peer.raw(b"\x01\x01")
                return
            peer.raw(b"\x01\x00")
        kind = peer._exactly(4)[3]
        host = socket.inet_ntoa(peer._exactly(4)) if kind == 1 else peer._exactly(peer._exactly(1)[0]).decode()
        (port,) = struct.unpack("!H", peer._exactly(2))
        self.targets.append(f"{host}:{port}")
        with socket.create_connection((host, port)) as onward:
            peer.raw(b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x00")
            pump(peer.sock, onward)


def pump(left: socket.socket, right: socket.socket) -> None:
    """Carry bytes both ways until one side ends."""
    back = threading.Thread(target=_carry, args=(right, left), name="server-pump", daemon=True)
    back.start()
    _carry(left, right)
    back.join(PATIENCE)


def _carry(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
    for sock in (source, target):
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
