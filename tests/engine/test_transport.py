"""One websocket connection, against servers that behave and servers that do not."""

from __future__ import annotations

import errno
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from jexkit.accounts import Jex
from jexkit.engine import transport as transport_module
from jexkit.engine.transport import BAN_WAIT, FIREWALL_WAIT, Kind, Received, Transport
from jexkit.errors import Banned, ExchangeDown, JexkitError, RateLimited, TransportError
from tests.engine.conftest import PROXY_PASSWORD
from tests.engine.servers import BINARY, CLOSE, PATIENCE, PING, PONG, TEXT, Peer, Proxy, Server, frame, nobody

Serve = Callable[..., Server]
MakeAccount = Callable[..., Jex]

KEY = "ListenKey" * 7


@pytest.fixture
def connect(account: MakeAccount) -> Iterator[Callable[..., Transport]]:
    """Connect to a server; closed at the end."""
    opened: list[Transport] = []

    def open_it(server: Server, path: str = f"/ws/{KEY}", **settings: object) -> Transport:
        opened.append(Transport(account(server, **settings), server.ws_url + path, {"User-Agent": "jexkit-test"}))
        opened[-1].connect()
        return opened[-1]

    yield open_it
    for transport in opened:
        transport.close()


def next_of(transport: Transport) -> Received:
    received = transport.receive(PATIENCE)
    assert received is not None
    return received


# --- handshakes -------------------------------------------------------------------------------------------------------


def test_a_handshake_and_a_message(serve: Serve, connect: Callable[..., Transport]) -> None:
    """The path and our headers arrive; no Origin is sent."""
    seen: list[Peer] = []

    def script(peer: Peer) -> None:
        peer.accept()
        seen.append(peer)
        peer.frame(TEXT, '{"a": 1}')
        peer.wait_gone()

    transport = connect(serve(script))
    assert next_of(transport) == Received(Kind.TEXT, [b'{"a": 1}'])
    assert seen[0].line == f"GET /ws/{KEY} HTTP/1.1"
    assert seen[0].headers["user-agent"] == "jexkit-test"
    assert "origin" not in seen[0].headers


DATE = "Wed, 21 Oct 2015 07:28:00 GMT"


@pytest.mark.parametrize(
    ("status", "headers", "kind", "wait"),
    [
        (400, {}, ExchangeDown, None),
        (401, {}, ExchangeDown, None),
        (403, {}, RateLimited, FIREWALL_WAIT),
        (403, {"Retry-After": "7"}, RateLimited, 7.0),
        (418, {}, Banned, BAN_WAIT),
        (418, {"Retry-After": "3600"}, Banned, 3600.0),
        (429, {}, RateLimited, FIREWALL_WAIT),
        (429, {"Retry-After": "11"}, RateLimited, 11.0),
        (429, {"Retry-After": "Wed, 21 Oct 2015 07:28:09 GMT", "Date": DATE}, RateLimited, 9.0),
        (429, {"Retry-After": "soon"}, RateLimited, FIREWALL_WAIT),
        (503, {}, ExchangeDown, None),
        (503, {"Retry-After": "20"}, ExchangeDown, 20.0),
    ],
)
def test_a_refused_handshake_says_when_to_come_back(
    serve: Serve,
    connect: Callable[..., Transport],
    status: int,
    headers: dict[str, str],
    kind: type[JexkitError],
    wait: float | None,
) -> None:
    """Every refusal is worth another attempt, and none quotes the page or the address."""
    page = f"<html>no /ws/{KEY} for you</html>"

    def script(peer: Peer) -> None:
        peer.read_request()
        peer.answer(status, page, {"Content-Type": "text/html", **headers})

    with pytest.raises(JexkitError) as caught:
        connect(serve(script))
    assert type(caught.value) is kind
    assert caught.value.retryable
    assert getattr(caught.value, "retry_after", 0.0) == (wait or 0.0)
    assert str(status) in str(caught.value)
    assert KEY not in str(caught.value)
    assert "html" not in str(caught.value)


def test_a_redirection_is_not_followed(serve: Serve, connect: Callable[..., Transport]) -> None:
    """The address holds a key that is nobody else's."""
    elsewhere = serve(lambda peer: peer.accept())

    def script(peer: Peer) -> None:
        peer.read_request()
        peer.answer(302, headers={"Location": elsewhere.ws_url})

    with pytest.raises(TransportError):
        connect(serve(script))
    assert elsewhere.connections == 0


@pytest.mark.parametrize(
    "words",
    [b"", b"SSH-2.0-OpenSSH_9\r\n", b"HTTP/1.1 101 Switching Protocols\r\n\r\n", b"\x00\x01\x02\x03" * 10],
    ids=["nothing", "another protocol", "no key", "bytes"],
)
def test_a_server_that_is_no_websocket_server(serve: Serve, connect: Callable[..., Transport], words: bytes) -> None:
    def script(peer: Peer) -> None:
        peer.read_request()
        peer.raw(words)

    with pytest.raises(TransportError) as caught:
        connect(serve(script))
    assert KEY not in str(caught.value)


def test_nobody_listens(account: MakeAccount) -> None:
    with nobody() as port:
        transport = Transport(account(), f"ws://127.0.0.1:{port}/ws/{KEY}", {})
        with pytest.raises(TransportError, match="refused") as caught:
            transport.connect()
    assert KEY not in str(caught.value)


def test_a_name_that_does_not_exist(account: MakeAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*args: object, **named: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(TransportError, match="could not be resolved"):
        Transport(account(), f"wss://no.such.host/ws/{KEY}", {}).connect()


def test_a_handshake_that_is_not_answered_is_given_up(serve: Serve, connect: Callable[..., Transport]) -> None:
    """After ``connect_timeout`` seconds."""
    with pytest.raises(TransportError, match=r"no handshake within 0\.2 seconds"):
        connect(serve(lambda peer: peer.wait_gone()), connect_timeout=0.2)


@pytest.mark.parametrize("through", ["directly", "by a proxy"])
def test_a_handshake_that_trickles_ends(
    serve: Serve, connect: Callable[..., Transport], monkeypatch: pytest.MonkeyPatch, through: str
) -> None:
    """Each byte comes in time, and the whole never: it has a limit of its own."""
    monkeypatch.setattr(transport_module, "LONGEST_HANDSHAKE", 0.5 / PATIENCE)
    ended = threading.Event()

    def script(peer: Peer) -> None:
        peer.read_request()
        try:
            peer.raw(b"HTTP/1.1 101 Switching Protocols\r\nX: ")
            while not ended.wait(0.02):
                peer.raw(b"x")
        except OSError:
            ended.set()

    server = serve(script)
    settings = {"proxy": f"http://127.0.0.1:{server.port}"} if through == "by a proxy" else {}
    with pytest.raises(TransportError, match=r"not over after 0\.5 seconds"):
        connect(server, connect_timeout=PATIENCE, **settings)
    assert ended.wait(PATIENCE)


def test_a_handshake_can_be_aborted(serve: Serve, account: MakeAccount) -> None:
    """A stop does not wait for a server that says nothing."""
    asked = threading.Event()

    def script(peer: Peer) -> None:
        peer.read_request()
        asked.set()
        peer.wait_gone()

    server = serve(script)
    transport = Transport(account(server, connect_timeout=120.0), server.ws_url, {})
    failed: list[BaseException] = []

    def connect() -> None:
        try:
            transport.connect()
        except TransportError as error:
            failed.append(error)

    thread = threading.Thread(target=connect)
    thread.start()
    assert asked.wait(PATIENCE)
    transport.abort()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert len(failed) == 1
    transport.close()


# --- frames -----------------------------------------------------------------------------------------------------------


def test_a_timeout_inside_a_frame_loses_nothing(serve: Serve, connect: Callable[..., Transport]) -> None:
    """However the bytes come: the frame is whole in the end, and so is the one behind it."""
    first, second = '{"first": "' + "x" * 300 + '"}', '{"second": 2}'
    data = frame(TEXT, first) + frame(TEXT, second)
    go_on = threading.Semaphore(0)

    def script(peer: Peer) -> None:
        peer.accept()
        for begin in range(0, len(data), 40):
            peer.raw(data[begin : begin + 40])
            go_on.acquire(timeout=PATIENCE)
        peer.wait_gone()

    transport = connect(serve(script))
    received, timeouts = [], 0
    while len(received) < 2:
        each = transport.receive(0.02)
        if each is None:
            timeouts += 1
            go_on.release()
        else:
            received.extend(text.decode() for text in each.texts)
    go_on.release()
    assert received == [first, second]
    assert timeouts > 5


def test_during_a_burst_the_wait_is_only_made_shorter(serve: Serve, connect: Callable[..., Transport]) -> None:
    """And anything else than messages, an end of the wait as well, lets it be set again."""
    go_on, is_over = threading.Semaphore(0), threading.Event()

    def script(peer: Peer) -> None:
        peer.accept()
        while go_on.acquire(timeout=PATIENCE) and not is_over.is_set():
            peer.frame(TEXT, "{}")

    transport = connect(serve(script))
    waits: list[float] = []
    set_wait = transport._socket.settimeout
    transport._socket.settimeout = lambda seconds: (waits.append(seconds), set_wait(seconds))

    def receive(seconds: float) -> bool:
        go_on.release()
        return transport.receive(seconds) is not None

    assert receive(PATIENCE)
    assert receive(PATIENCE)
    assert receive(2 * PATIENCE)
    assert waits == [PATIENCE]
    assert receive(PATIENCE / 2)
    assert receive(PATIENCE)
    assert waits == [PATIENCE, PATIENCE / 2]
    assert transport.receive(0.02) is None
    assert receive(PATIENCE)
    assert waits == [PATIENCE, PATIENCE / 2, 0.02, PATIENCE]
    is_over.set()
    go_on.release()


def test_fragments_are_one_message(serve: Serve, connect: Callable[..., Transport]) -> None:
    """With a ping in between, which is allowed."""

    def script(peer: Peer) -> None:
        peer.accept()
        peer.frame(TEXT, '{"a":', fin=False)
        peer.frame(PING, "now")
        peer.frame(0, " 1", fin=False)
        peer.frame(0, "}")
        peer.wait_gone()

    transport = connect(serve(script))
    assert next_of(transport).kind is Kind.PING
    assert next_of(transport) == Received(Kind.TEXT, [b'{"a": 1}'])


def test_a_ping_is_answered_with_its_payload(serve: Serve, connect: Callable[..., Transport]) -> None:
    """Exchanges compare it."""
    pongs: list[tuple[int, bytes]] = []
    answered = threading.Event()

    def script(peer: Peer) -> None:
        peer.accept()
        peer.frame(PING, b"1736996475556")
        pongs.append(peer.read_frame())
        answered.set()
        peer.wait_gone()

    transport = connect(serve(script))
    assert next_of(transport) == Received(Kind.PING)
    assert answered.wait(PATIENCE)
    assert pongs == [(PONG, b"1736996475556")]


def test_our_ping_and_its_answer(serve: Serve, connect: Callable[..., Transport]) -> None:
    def script(peer: Peer) -> None:
        peer.accept()
        opcode, payload = peer.read_frame()
        assert opcode == PING
        peer.frame(PONG, payload)
        peer.wait_gone()

    transport = connect(serve(script))
    transport.ping()
    assert next_of(transport) == Received(Kind.PONG)


def test_text_is_sent_as_text(serve: Serve, connect: Callable[..., Transport]) -> None:
    """Beyond ASCII too, and of any size."""
    said = ["{}", "größer ₿", "x" * 200_000]
    heard: list[tuple[int, bytes]] = []
    done = threading.Event()

    def script(peer: Peer) -> None:
        peer.accept()
        heard.extend(peer.read_frame() for _ in said)
        done.set()
        peer.wait_gone()

    transport = connect(serve(script))
    for text in said:
        transport.send(text)
    assert done.wait(PATIENCE)
    assert heard == [(TEXT, text.encode()) for text in said]


@pytest.mark.parametrize("payload", ["x" * 125, "x" * 126, "x" * 65_535, "x" * 65_536, "x" * 3_000_000])
def test_frames_of_every_size(serve: Serve, connect: Callable[..., Transport], payload: str) -> None:
    def script(peer: Peer) -> None:
        peer.accept()
        peer.frame(BINARY, payload)
        peer.wait_gone()

    assert next_of(connect(serve(script))).texts == [payload.encode()]


# --- the end ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("payload", "detail"),
    [
        (b"", "the exchange closed the connection"),
        (b"\x03\xe8", "the exchange closed the connection (1000)"),
        (b"\x03\xe9server closes", "the exchange closed the connection (1001 server closes)"),
        (b"\x03\xf0\xff\xfe", "the exchange closed the connection (1008 \ufffd\ufffd)"),
    ],
)
def test_a_close_frame_says_why(serve: Serve, connect: Callable[..., Transport], payload: bytes, detail: str) -> None:
    def script(peer: Peer) -> None:
        peer.accept()
        peer.frame(CLOSE, payload)
        peer.wait_gone()

    assert next_of(connect(serve(script))) == Received(Kind.CLOSED, detail=detail)


@pytest.mark.parametrize("inside", [False, True], ids=["between frames", "inside a frame"])
def test_a_cut_connection_is_broken(serve: Serve, connect: Callable[..., Transport], inside: bool) -> None:
    def script(peer: Peer) -> None:
        peer.accept()
        peer.raw(frame(TEXT, "x" * 100)[:50] if inside else b"")

    received = next_of(connect(serve(script)))
    assert (received.kind, received.broken) == (Kind.CLOSED, True)
    assert "broke" in received.detail


@pytest.mark.parametrize(
    "nonsense", [b"\xff\xff\xff\xff", b"\x83\x00", b"\x81\xff" + b"\x00" * 8, frame(TEXT, b"x")[:1] + b"\x85abcd"]
)
def test_nonsense_on_the_wire_breaks_the_connection(
    serve: Serve, connect: Callable[..., Transport], nonsense: bytes
) -> None:
    """Reserved bits, unknown opcodes, masked frames, endless lengths: never an exception of another kind."""

    def script(peer: Peer) -> None:
        peer.accept()
        peer.raw(nonsense + b"\x00" * 20)

    transport = connect(serve(script))
    received = next_of(transport)
    while received.kind is not Kind.CLOSED:
        received = next_of(transport)
    assert received.broken


@pytest.mark.parametrize("pieces", [[b"\x81\x7f" + (1 << 40).to_bytes(8, "big")], [b"\x01\x05aaaaa", b"\x00\x05bbbbb"]])
def test_a_message_that_is_too_large_breaks_the_connection(
    serve: Serve, connect: Callable[..., Transport], monkeypatch: pytest.MonkeyPatch, pieces: list[bytes]
) -> None:
    """One that says so, before anything of it is read, and one that grows piece by piece."""
    if len(pieces) > 1:
        monkeypatch.setattr("jexkit.engine.transport.LARGEST_MESSAGE", 8)

    def script(peer: Peer) -> None:
        peer.accept()
        peer.raw(b"".join(pieces))
        peer.wait_gone()

    received = next_of(connect(serve(script)))
    assert (received.kind, received.broken) == (Kind.CLOSED, True)
    assert "larger than" in received.detail


def test_a_message_that_does_not_end_breaks_the_connection(
    serve: Serve, connect: Callable[..., Transport], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However little comes of it, and whatever else does in between."""
    more = threading.Event()

    def script(peer: Peer) -> None:
        peer.accept()
        peer.frame(TEXT, "", fin=False)
        peer.frame(PING, "")
        assert more.wait(PATIENCE)
        peer.frame(0, "", fin=False)
        peer.wait_gone()

    transport = connect(serve(script))
    assert next_of(transport).kind is Kind.PING
    monkeypatch.setattr("jexkit.engine.transport.LONGEST_MESSAGE", 0.0)
    more.set()
    received = next_of(transport)
    assert (received.kind, received.broken) == (Kind.CLOSED, True)
    assert received.detail == "the connection broke: a message did not end within 0 seconds"


def test_abort_ends_a_receive_in_another_thread(serve: Serve, connect: Callable[..., Transport]) -> None:
    """At once, and not after the receive's own timeout."""

    def script(peer: Peer) -> None:
        peer.accept()
        peer.wait_gone()

    transport = connect(serve(script))
    begun = threading.Event()
    received: list[Received | None] = []

    def receive() -> None:
        begun.set()
        received.append(transport.receive(10 * PATIENCE))

    thread = threading.Thread(target=receive)
    thread.start()
    assert begun.wait(PATIENCE)
    time.sleep(0.05)  # so that it most likely waits in the socket; the outcome is the same if not
    transport.abort()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert received[0] is not None
    assert received[0].kind is Kind.CLOSED


def test_closing_says_goodbye_and_does_not_wait(serve: Serve, connect: Callable[..., Transport]) -> None:
    """A server that never answers a close frame holds nobody up."""
    heard: list[tuple[int, bytes]] = []
    done = threading.Event()

    def script(peer: Peer) -> None:
        peer.accept()
        heard.append(peer.read_frame())
        done.set()

    transport = connect(serve(script))
    transport.close()
    assert done.wait(PATIENCE)
    assert heard[0][0] == CLOSE


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "TLS"])
def test_aborting_says_goodbye_once(
    serve: Serve, connect: Callable[..., Transport], tls: ssl.SSLContext, ca_bundle: str, secure: bool
) -> None:
    """Another thread may end a connection, and the exchange hears of it as it should."""
    heard: list[tuple[int, bytes]] = []
    done = threading.Event()

    def script(peer: Peer) -> None:
        peer.accept()
        heard.append(peer.read_frame())
        peer.wait_gone()
        done.set()

    transport = connect(serve(script, tls=tls), ca_bundle=ca_bundle) if secure else connect(serve(script))
    transport.abort()
    transport.close()
    assert done.wait(PATIENCE)
    assert [opcode for opcode, _ in heard] == [CLOSE]


def test_everything_may_be_called_on_a_closed_connection(serve: Serve, connect: Callable[..., Transport]) -> None:
    """Sending says that it failed, in our own words; closing and aborting do nothing."""

    def script(peer: Peer) -> None:
        peer.accept()
        peer.wait_gone()

    transport = connect(serve(script))
    for _ in range(2):
        transport.close()
        transport.abort()
    received = transport.receive(0.1)
    assert received is not None
    assert received.broken
    with pytest.raises(TransportError):
        transport.send("text")
    with pytest.raises(TransportError):
        transport.ping()


def test_sending_into_a_dead_connection_fails(serve: Serve, connect: Callable[..., Transport]) -> None:
    gone = threading.Event()

    def script(peer: Peer) -> None:
        peer.accept()
        peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        peer.file.close()
        peer.sock.close()  # a reset
        gone.set()

    transport = connect(serve(script))
    assert gone.wait(PATIENCE)

    def send_for_ever() -> None:
        while True:
            transport.send("x" * 1000)

    with pytest.raises(TransportError, match="broke"):
        send_for_ever()


def test_operating_system_errors_are_told_in_their_words(account: MakeAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*args: object, **named: object) -> None:
        raise OSError(errno.ENETUNREACH, "Network is unreachable")

    monkeypatch.setattr("websocket._core.connect", unreachable)
    with pytest.raises(TransportError, match="Network is unreachable"):
        Transport(account(), "ws://127.0.0.1:1", {}).connect()


# --- TLS --------------------------------------------------------------------------------------------------------------


def hello(peer: Peer) -> None:
    peer.accept()
    peer.frame(TEXT, "hello")
    peer.wait_gone()


def test_tls_with_an_authority_of_our_own(
    serve: Serve, connect: Callable[..., Transport], tls: ssl.SSLContext, ca_bundle: str
) -> None:
    assert next_of(connect(serve(hello, tls), ca_bundle=ca_bundle)).texts == [b"hello"]


def test_a_certificate_that_is_not_trusted(
    serve: Serve, connect: Callable[..., Transport], tls: ssl.SSLContext
) -> None:
    """The error says so, and what to set."""
    with pytest.raises(TransportError, match=r"certificate is not trusted.*ca_bundle"):
        connect(serve(hello, tls))


def test_a_certificate_of_another_host(serve: Serve, account: MakeAccount, authority: object, ca_bundle: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("elsewhere.example").configure_cert(context)  # type: ignore[attr-defined]
    server = serve(hello, context)
    transport = Transport(account(server, ca_bundle=ca_bundle), server.ws_url, {})
    with pytest.raises(TransportError, match="certificate is not trusted"):
        transport.connect()
    transport.close()


# --- proxies ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("secure", [False, True], ids=["ws", "wss"])
def test_through_a_proxy(
    serve: Serve,
    connect: Callable[..., Transport],
    proxy: tuple[str, Proxy],
    secure: bool,
    tls: ssl.SSLContext,
    ca_bundle: str,
) -> None:
    """HTTP and SOCKS5, with and without password, plain and with TLS inside."""
    address, seen = proxy
    server = serve(hello, tls if secure else None)
    transport = connect(server, proxy=address, ca_bundle=ca_bundle)
    assert next_of(transport).texts == [b"hello"]
    assert seen.targets == [f"127.0.0.1:{server.port}"]


@pytest.mark.parametrize("scheme", ["http", "socks5h"])
def test_a_proxy_that_refuses_the_password(serve: Serve, connect: Callable[..., Transport], scheme: str) -> None:
    """The error says that it is the proxy, and does not repeat the password."""
    seen = Proxy(("user", "another password"))
    through = serve(seen.http if scheme == "http" else seen.socks5)
    with pytest.raises(TransportError, match="proxy") as caught:
        connect(serve(hello), proxy=f"{scheme}://user:{PROXY_PASSWORD}@127.0.0.1:{through.port}")
    assert PROXY_PASSWORD not in str(caught.value)
    assert seen.refused == 1


def test_a_proxy_of_the_environment(
    serve: Serve, connect: Callable[..., Transport], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = Proxy()
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{serve(seen.http).port}")
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{serve(seen.http).port}")
    assert next_of(connect(serve(hello))).texts == [b"hello"]
    assert len(seen.targets) == 1
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert next_of(connect(serve(hello))).texts == [b"hello"]
    assert len(seen.targets) == 1
