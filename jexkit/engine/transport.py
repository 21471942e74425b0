"""One websocket connection, blocking. The only file that imports websocket-client.

``receive`` is for one thread; ``send``, ``ping``, ``close`` and ``abort`` may be called from any. The URL may hold a
listen key, so no error that leaves this file quotes it, nor what the server or a proxy said about it.
"""

from __future__ import annotations

import contextlib
import enum
import socket
import ssl
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import attrs
import websocket

from jexkit.accounts import Account
from jexkit.core.redaction import redact
from jexkit.core.replies import BAN_WAIT, FIREWALL_WAIT, retry_after
from jexkit.core.values import HttpReply
from jexkit.engine import patience, route, tunnel
from jexkit.engine.clock import Clock
from jexkit.engine.frames import Unread
from jexkit.errors import Banned, ExchangeDown, JexkitError, RateLimited, TransportError

try:
    from python_socks import ProxyConnectionError, ProxyError, ProxyTimeoutError
except ImportError:  # the extra is not installed; an account with a SOCKS proxy cannot be made then
    _PROXY_FAULTS: tuple[type[Exception], ...] = (tunnel.ProxyRefused,)
else:
    _PROXY_FAULTS = (tunnel.ProxyRefused, ProxyConnectionError, ProxyError, ProxyTimeoutError)

SWITCHING_PROTOCOLS = 101
TOO_MANY_REQUESTS = 429
BANNED = 418
FORBIDDEN = 403
LONGEST_HANDSHAKE = 3.0  # times the connect timeout: one that trickles in is given up
SOCKS_PORT = 1080
LONGEST_MESSAGE = 60.0  # seconds from a message's beginning to its end
LARGEST_MESSAGE = 32 * 1024 * 1024  # bytes; the largest message of an exchange is far below one mebibyte


class Kind(enum.Enum):
    TEXT = enum.auto()
    PING = enum.auto()
    PONG = enum.auto()
    CLOSED = enum.auto()


@attrs.define  # not frozen: one is made for each read of the socket
class Received:
    """What came: text messages, a ping (already answered), a pong, or the end of the connection."""

    kind: Kind
    texts: Sequence[bytes] = attrs.field(default=(), repr=False)
    detail: str = ""
    broken: bool = False


class _TooLarge(websocket.WebSocketProtocolException):
    """More was announced, or came in pieces, than memory is to be spent on."""


class _Frames(websocket.frame_buffer):
    """Reads frames; a frame says first how long it is."""

    def recv_strict(self, bufsize: int) -> bytes:
        if bufsize > LARGEST_MESSAGE:
            raise _TooLarge
        data: bytes = super().recv_strict(bufsize)
        return data

    @property
    def is_inside(self) -> bool:
        """Whether a frame has begun, and its end has not come."""
        return self.header is not None or any(self.recv_buffer)


class _Endless(websocket.WebSocketProtocolException):
    """A message has begun and does not end; empty fragments would never make it too large."""


class _Message(websocket.continuous_frame):
    """Puts the fragments of a message together."""

    def __init__(self) -> None:
        super().__init__(False, True)
        self._clock = Clock()
        self._began = 0.0

    def add(self, frame: Any) -> None:
        if not self.is_inside:
            self._began = self._clock.monotonic()
        super().add(frame)
        if self.cont_data is not None and len(self.cont_data[1]) > LARGEST_MESSAGE:
            raise _TooLarge
        self.check()

    def check(self) -> None:
        """Raise where the end of a message is overdue."""
        if self.is_inside and self._clock.monotonic() - self._began > LONGEST_MESSAGE:
            raise _Endless

    @property
    def is_inside(self) -> bool:
        """Whether a message has begun, and its last fragment has not come."""
        return self.recving_frames is not None


class _WebSocket(websocket.WebSocket):
    """Tells of its socket as soon as it has one, so that a handshake that never ends can be cut."""

    _sock: socket.socket | None = None

    @property
    def sock(self) -> socket.socket | None:
        return self._sock

    @sock.setter
    def sock(self, sock: socket.socket | None) -> None:
        self._sock = sock
        patience.watch(sock)


class Transport:
    """A websocket to ``url``. Make it, ``connect`` it, ``receive`` until CLOSED."""

    def __init__(self, account: Account, url: str, headers: Mapping[str, str]) -> None:
        self._account = account
        self._url = url
        self._headers = dict(headers)
        self._unread = Unread(self._read)
        self._frames = _Frames(self._unread.recv, True)
        self._message = _Message()
        self._socket = self._make()
        self._has_said_goodbye = False
        self._timeout = float("inf")  # seconds, of the socket
        self._is_busy = False  # whether the last look brought plain texts
        self._is_inside = False  # whether websocket-client is in the middle of a frame or a message

    def _make(self) -> Any:
        options: dict[str, Any] = {}
        if self._url.startswith("wss:"):
            options["context"] = route.ssl_context(route.ca_bundle(self._account))
        # The JSON decoder checks UTF-8 itself; websocket-client's own check, in Python, would cost more than all else.
        made = _WebSocket(
            enable_multithread=True,
            skip_utf8_validation=True,
            sslopt=options,
            sockopt=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        )
        made.frame_buffer = self._frames
        made.cont_frame = self._message
        return made

    def connect(self) -> None:
        """Shake hands. Raises a JexkitError that says whether it is of use to come back, and when."""
        longest = self._account.connect_timeout * LONGEST_HANDSHAKE
        with patience.Patience(longest) as limit:
            try:
                self._connect()
            except JexkitError:
                if not limit.is_over:
                    raise
            if limit.is_over:
                raise TransportError(f"the handshake was not over after {longest:g} seconds")

    def _connect(self) -> None:
        self._socket.settimeout(self._account.connect_timeout)
        try:
            self._socket.connect(
                self._url,
                header=self._headers,
                timeout=self._account.connect_timeout,
                suppress_origin=True,
                redirect_limit=0,
                **self._proxy(),
            )
        except websocket.WebSocketBadStatusException as error:
            raise _refusal(error) from None
        except websocket.WebSocketTimeoutException:
            raise TransportError(f"no handshake within {self._account.connect_timeout:g} seconds") from None
        except _PROXY_FAULTS:
            raise TransportError("the proxy did not let us through; check proxy and its password") from None
        except (websocket.WebSocketException, OSError, ValueError, IndexError) as error:
            raise TransportError(f"the websocket could not be opened: {_words(error)}") from None
        if self._socket.getstatus() != SWITCHING_PROTOCOLS:  # websocket-client before 1.9.1 lets a redirection pass
            raise TransportError(f"the websocket could not be opened: the answer was HTTP {self._socket.getstatus()}")

    def receive(self, timeout: float) -> Received | None:
        """What comes next within ``timeout`` seconds, or None. A timeout inside a frame loses nothing.

        Text messages that have come together are told together. During a burst the wait can be shorter than that: it
        is made longer again when nothing has come.
        """
        try:
            # Each change is a call of the operating system, for which Python lets other threads run and then waits for
            # its turn again: not between any two messages.
            if timeout < self._timeout or not self._is_busy:
                self._timeout = timeout
                self._socket.settimeout(timeout)
            self._is_busy = False
            if self._is_inside:
                self._message.check()
            elif texts := self._unread.texts():  # what websocket-client need not look at
                self._is_busy = True
                return Received(Kind.TEXT, texts)
            opcode, frame = self._whole_frame()
        except websocket.WebSocketTimeoutException:
            return None
        except (websocket.WebSocketException, OSError, AttributeError, ValueError) as error:
            return Received(Kind.CLOSED, detail=f"the connection broke: {_words(error)}", broken=True)
        if opcode in (websocket.ABNF.OPCODE_TEXT, websocket.ABNF.OPCODE_BINARY):
            return Received(Kind.TEXT, [frame.data])
        if opcode == websocket.ABNF.OPCODE_PING:
            return Received(Kind.PING)
        if opcode == websocket.ABNF.OPCODE_PONG:
            return Received(Kind.PONG)
        return Received(Kind.CLOSED, detail=_close_reason(frame.data))

    def _whole_frame(self) -> Any:
        """What websocket-client makes of what comes next; a timeout can leave it in the middle of it."""
        try:
            return self._socket.recv_data_frame(control_frame=True)
        finally:
            self._is_inside = self._frames.is_inside or self._message.is_inside

    def _read(self, size: int) -> bytes:
        """One read of the socket, with the errors and timeouts of websocket-client."""
        data: bytes = self._socket._recv(size)  # noqa: SLF001 - what its own frame buffer is given
        return data

    def send(self, text: str) -> None:
        """Send a text frame. Raises TransportError."""
        self._write(lambda: self._socket.send(text))

    def ping(self) -> None:
        """Send a ping frame. Raises TransportError."""
        self._write(lambda: self._socket.ping("jexkit"))

    def _write(self, action: Any) -> None:
        try:
            action()
        except (websocket.WebSocketException, OSError, AttributeError) as error:
            raise TransportError(f"the connection broke while sending: {_words(error)}") from None

    def close(self) -> None:
        """Say goodbye without waiting for the answer, and close. For the receiving thread."""
        self._say_goodbye()
        self._socket.shutdown()

    def _say_goodbye(self) -> None:
        """Send a close frame, once, and only where there is a websocket already; a second is enough for it."""
        if self._has_said_goodbye or not self._socket.connected:
            return
        self._has_said_goodbye = True
        with contextlib.suppress(websocket.WebSocketException, OSError, AttributeError, ValueError):
            self._socket.settimeout(1.0)
            self._socket.send_close()

    def abort(self) -> None:
        """Say goodbye, and make a ``receive`` or a handshake that is waiting in another thread return at once."""
        self._say_goodbye()
        sock = self._socket.sock  # WebSocket.abort() does nothing before the handshake is over
        with contextlib.suppress(OSError, AttributeError):  # it is gone already, or was never made
            sock.shutdown(socket.SHUT_RDWR)

    def _proxy(self) -> dict[str, Any]:
        """The way there, in the words of websocket-client, which must not look at the environment once more."""
        proxy = route.proxy_for(self._account, self._url)
        if proxy is None:
            return {"http_no_proxy": ["*"]}
        if proxy.scheme == "http":
            return {"socket": self._tunnel(proxy)}
        options: dict[str, Any] = {
            "http_proxy_host": proxy.hostname,
            "http_proxy_port": proxy.port or SOCKS_PORT,
            "proxy_type": proxy.scheme,
            "http_proxy_timeout": self._account.connect_timeout,
            "http_no_proxy": [""],
        }
        if proxy.username:
            options["http_proxy_auth"] = (unquote(proxy.username), unquote(proxy.password or ""))
        return options

    def _tunnel(self, proxy: SplitResult) -> socket.socket:
        parts = urlsplit(self._url)
        is_secure = parts.scheme == "wss"
        host, port = parts.hostname or "", parts.port or (443 if is_secure else 80)
        sock = tunnel.through(proxy, host, port, self._account.connect_timeout)
        if not is_secure:
            return sock
        try:
            return route.ssl_context(route.ca_bundle(self._account)).wrap_socket(sock, server_hostname=host)
        except BaseException:
            sock.close()
            raise


def _refusal(error: Any) -> JexkitError:
    status = int(error.status_code)
    headers = {str(name).lower(): str(value) for name, value in (error.resp_headers or {}).items()}
    message = f"the websocket handshake was refused with HTTP {status}"
    wait = retry_after(HttpReply(status, headers), Clock().now().wall_ms) or 0.0
    if status == BANNED:
        return Banned(f"{message}: this address is banned", retry_after=wait or BAN_WAIT, status=status)
    if status == TOO_MANY_REQUESTS:
        return RateLimited(f"{message}: too many requests", retry_after=wait or FIREWALL_WAIT, status=status)
    if status == FORBIDDEN:
        return RateLimited(f"{message}: a firewall says no", retry_after=wait or FIREWALL_WAIT, status=status)
    return ExchangeDown(message, status=status, retry_after=wait)


def _close_reason(data: bytes) -> str:
    if len(data) < 2:
        return "the exchange closed the connection"
    code = int.from_bytes(data[:2], "big")
    reason = redact(data[2:].decode("utf-8", "replace"))
    return f"the exchange closed the connection ({code} {reason})".replace(" )", ")")


def _words(error: BaseException) -> str:
    """What happened, without what was being sent or whereto."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not trusted ({error.verify_message}); check ca_bundle"
    if isinstance(error, (socket.gaierror, websocket.WebSocketAddressException)):
        return "the host name could not be resolved"
    if isinstance(error, websocket.WebSocketConnectionClosedException):
        return "it ended without a close frame"
    if isinstance(error, _TooLarge):
        return f"a message was larger than {LARGEST_MESSAGE >> 20} MiB"
    if isinstance(error, _Endless):
        return f"a message did not end within {LONGEST_MESSAGE:g} seconds"
    if isinstance(error, websocket.WebSocketProtocolException):
        return "a frame was malformed"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__
