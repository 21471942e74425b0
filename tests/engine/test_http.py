"""HTTP, against servers that behave and servers that do not."""

from __future__ import annotations

import contextlib
import gzip
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jexkit.accounts import Jex
from jexkit.core.values import HttpReply, HttpRequest
from jexkit.engine import http
from jexkit.engine.http import HttpClient
from jexkit.errors import ProtocolError, TransportError, UnknownOutcome
from tests.engine.conftest import PROXY_PASSWORD
from tests.engine.servers import PATIENCE, Peer, Proxy, Server, nobody

Serve = Callable[..., Server]
Client = Callable[..., HttpClient]

SIGNED = "/api/v1/order?symbol=JEXBTC&timestamp=1&signature=5ec4e7"


@pytest.fixture
def client(account: Callable[..., Jex]) -> Iterator[Client]:
    made: list[HttpClient] = []

    def make(server: Server, **settings: object) -> HttpClient:
        made.append(HttpClient(account(server, **settings)))
        return made[-1]

    yield make
    for each in made:
        each.close()


def answering(
    status: int = 200, body: bytes | str = "{}", headers: dict[str, str] | None = None
) -> Callable[..., None]:
    """A server that gives the same answer to every request of a connection."""

    def script(peer: Peer) -> None:
        while peer.read_request():
            peer.answer(status, body, headers)

    return script


def get(server: Server, path: str = SIGNED) -> HttpRequest:
    return HttpRequest("GET", server.http_url + path)


# --- requests and answers ---------------------------------------------------------------------------------------------


def test_a_request_goes_out_as_it_was_signed(serve: Serve, client: Client) -> None:
    """Method, path, query, headers and body byte for byte: a signature covers them."""
    seen: list[tuple[str, dict[str, str], bytes]] = []

    def script(peer: Peer) -> None:
        peer.read_request()
        seen.append((peer.line, peer.headers, peer.body))
        peer.answer(200)

    server = serve(script)
    path = "/api/v1/order?b=1&a=%2F%2B%3D%20x&c=!*'()~-_.&d=%E2%82%BF&signature=ab%2Bcd%3D"
    client(server).send(HttpRequest("POST", server.http_url + path, {"X-JEX-APIKEY": "key"}, b"raw=body&x=1"))
    line, headers, body = seen[0]
    assert line == f"POST {path} HTTP/1.1"
    assert headers["x-jex-apikey"] == "key"
    assert headers["user-agent"].startswith("jexkit/")
    assert body == b"raw=body&x=1"


@pytest.mark.parametrize("status", [200, 201, 302, 400, 401, 403, 418, 429, 500, 503])
def test_every_status_is_an_answer(serve: Serve, client: Client, status: int) -> None:
    """What it means is the dialect's question."""
    page = "<html>said the proxy</html>"
    server = serve(answering(status, page, {"Retry-After": "5", "Location": "/elsewhere"}))
    reply = client(server).send(get(server))
    assert (reply.status, reply.body) == (status, page.encode())
    assert reply.headers["retry-after"] == "5"
    assert server.connections == 1


def test_a_packed_answer_is_unpacked(serve: Serve, client: Client) -> None:
    server = serve(answering(body=gzip.compress(b'{"a": 1}' * 1000), headers={"Content-Encoding": "gzip"}))
    assert client(server).send(get(server)).body == b'{"a": 1}' * 1000


def test_an_answer_in_pieces(serve: Serve, client: Client) -> None:
    """Chunked, and larger than one read."""

    def script(peer: Peer) -> None:
        peer.read_request()
        peer.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(50):
            peer.raw(b"1388\r\n" + b"x" * 5000 + b"\r\n")
        peer.raw(b"0\r\n\r\n")

    server = serve(script)
    assert client(server).send(get(server)).body == b"x" * 250_000


def test_connections_are_used_again(serve: Serve, client: Client) -> None:
    server = serve(answering())
    one = client(server)
    for _ in range(5):
        one.send(get(server))
    assert server.connections == 1


def test_cookies_are_not_kept(serve: Serve, client: Client) -> None:
    cookies: list[str | None] = []

    def script(peer: Peer) -> None:
        while peer.read_request():
            cookies.append(peer.headers.get("cookie"))
            peer.answer(200, headers={"Set-Cookie": "track=me; Path=/"})

    server = serve(script)
    one = client(server)
    for _ in range(2):
        one.send(get(server))
    assert cookies == [None, None]


def test_netrc_is_not_read(serve: Serve, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A login for the host in ``.netrc`` must not get onto an exchange's request."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    authorizations: list[str | None] = []

    def script(peer: Peer) -> None:
        peer.read_request()
        authorizations.append(peer.headers.get("authorization"))
        peer.answer(200)

    server = serve(script)
    client(server).send(get(server))
    assert authorizations == [None]


def test_threads_may_share_a_client(serve: Serve, client: Client) -> None:
    def script(peer: Peer) -> None:
        while peer.read_request():
            peer.answer(200, peer.line)

    server = serve(script)
    one = client(server)
    replies: dict[int, HttpReply] = {}

    def ask(number: int) -> None:
        replies[number] = one.send(get(server, f"/?n={number}"))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert all(replies[number].body == f"GET /?n={number} HTTP/1.1".encode() for number in range(20))


# --- what goes wrong --------------------------------------------------------------------------------------------------


def check(error: TransportError) -> None:
    """What holds for every error: it can be tried again, and quotes nothing of the request."""
    assert error.retryable
    assert "5ec4e7" not in str(error)
    assert error.__cause__ is None
    assert error.__suppress_context__


def test_nobody_listens(client: Client, serve: Serve) -> None:
    """Nothing was sent, and the error says so."""
    with nobody() as port, pytest.raises(TransportError, match="could not be reached") as caught:
        client(serve(answering())).send(HttpRequest("GET", f"http://127.0.0.1:{port}{SIGNED}"))
    assert type(caught.value) is TransportError
    check(caught.value)


def test_no_answer_in_time(serve: Serve, client: Client) -> None:
    """It may have happened: the outcome is unknown."""
    server = serve(lambda peer: peer.wait_gone())
    with pytest.raises(UnknownOutcome, match=r"within 0\.2 seconds") as caught:
        client(server, read_timeout=0.2).send(get(server))
    check(caught.value)


@pytest.mark.parametrize(
    "words",
    [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", b"garbage\r\n\r\n"],
    ids=["nothing", "inside the body", "no HTTP"],
)
def test_an_answer_that_breaks_off(serve: Serve, client: Client, words: bytes) -> None:
    def script(peer: Peer) -> None:
        peer.read_request()
        peer.raw(words)

    server = serve(script)
    with pytest.raises(UnknownOutcome) as caught:
        client(server).send(get(server))
    check(caught.value)


def test_a_body_that_trickles_is_given_up(serve: Serve, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte now and then keeps every single read within its timeout; the whole has a limit of its own."""
    ended = threading.Event()

    def script(peer: Peer) -> None:
        peer.read_request()
        peer.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        while not ended.wait(0.02):
            peer.raw(b"x")

    server = serve(script)
    monkeypatch.setattr(http, "LONGEST_CALL", 0.3 / PATIENCE)
    begin = time.monotonic()
    with pytest.raises(UnknownOutcome, match="slowly") as caught:
        client(server, read_timeout=PATIENCE, connect_timeout=0.5).send(get(server))
    ended.set()
    check(caught.value)
    assert time.monotonic() - begin < PATIENCE / 2


def test_a_head_that_trickles_is_given_up(serve: Serve, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "LONGEST_CALL", 0.3 / PATIENCE)
    ended = threading.Event()

    def script(peer: Peer) -> None:
        peer.read_request()
        peer.raw(b"HTTP/1.1 200 OK\r\nX: ")
        for _ in range(60_000):
            if ended.wait(0.02):
                return
            peer.raw(b"x")

    server = serve(script)
    failed: list[BaseException] = []

    def ask() -> None:
        try:
            client(server, read_timeout=PATIENCE, connect_timeout=0.5).send(get(server))
        except UnknownOutcome as error:
            failed.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join(PATIENCE / 2)
    is_over = not thread.is_alive()
    ended.set()
    thread.join(PATIENCE)
    assert is_over
    assert len(failed) == 1


def test_an_endless_body_is_given_up(serve: Serve, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "LARGEST_BODY", 1 << 20)

    def script(peer: Peer) -> None:
        peer.read_request()
        peer.raw(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            peer.raw(b"x" * 65_536)

    server = serve(script)
    with pytest.raises(ProtocolError, match="larger"):
        client(server).send(get(server))


def test_a_packed_bomb_is_given_up(serve: Serve, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is on what comes out."""
    monkeypatch.setattr(http, "LARGEST_BODY", 1 << 20)
    server = serve(answering(body=gzip.compress(b"0" * (4 << 20)), headers={"Content-Encoding": "gzip"}))
    with pytest.raises(ProtocolError, match="larger"):
        client(server).send(get(server))


def test_a_connection_that_died_while_idle_is_replaced(serve: Serve, client: Client) -> None:
    """Exchanges close idle connections; the next request goes out on a new one."""

    def script(peer: Peer) -> None:
        peer.read_request()
        peer.answer(200)

    server = serve(script)
    one = client(server)
    one.send(get(server))
    deadline = time.monotonic() + PATIENCE
    while server.connections < 2 and time.monotonic() < deadline:
        with contextlib.suppress(UnknownOutcome):  # it was closed at this very moment
            one.send(get(server))
    assert server.connections >= 2


# --- TLS and proxies --------------------------------------------------------------------------------------------------


def test_tls_with_an_authority_of_our_own(serve: Serve, client: Client, tls: ssl.SSLContext, ca_bundle: str) -> None:
    server = serve(answering(body="hello"), tls)
    assert client(server, ca_bundle=ca_bundle).send(get(server)).body == b"hello"


def test_a_certificate_that_is_not_trusted(serve: Serve, client: Client, tls: ssl.SSLContext) -> None:
    """The error says what to set; nothing was sent."""
    server = serve(answering(), tls)
    with pytest.raises(TransportError, match=r"certificate.*ca_bundle") as caught:
        client(server).send(get(server))
    assert type(caught.value) is TransportError


@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
def test_through_a_proxy(
    serve: Serve, client: Client, proxy: tuple[str, Proxy], secure: bool, tls: ssl.SSLContext, ca_bundle: str
) -> None:
    """HTTP and SOCKS5, with and without password, plain and with TLS inside."""
    address, seen = proxy
    server = serve(answering(body="hello"), tls if secure else None)
    assert client(server, proxy=address, ca_bundle=ca_bundle).send(get(server)).body == b"hello"
    assert seen.targets == [f"127.0.0.1:{server.port}"]


@pytest.mark.parametrize("scheme", ["http", "socks5h"])
@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
def test_a_proxy_that_refuses_the_password(
    serve: Serve, client: Client, scheme: str, secure: bool, tls: ssl.SSLContext, ca_bundle: str
) -> None:
    """Its password is in no error."""
    seen = Proxy(("user", "another password"))
    through = serve(seen.http if scheme == "http" else seen.socks5)
    server = serve(answering(), tls if secure else None)
    settings = {"proxy": f"{scheme}://user:{PROXY_PASSWORD}@127.0.0.1:{through.port}", "ca_bundle": ca_bundle}
    if scheme == "http" and not secure:
        # A plain request is answered by the proxy itself: that is an answer, with its status.
        assert client(server, **settings).send(get(server)).status == 407
    else:
        with pytest.raises(TransportError, match="could not be reached") as caught:
            client(server, **settings).send(get(server))
        assert PROXY_PASSWORD not in str(caught.value)
    assert seen.refused == 1
    assert server.connections == 0


def test_a_proxy_of_the_environment(serve: Serve, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Proxy()
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{serve(seen.http).port}")
    server = serve(answering())
    client(server).send(get(server))
    assert len(seen.targets) == 1
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    client(server).send(get(server))
    client(server, proxy="").send(get(server))
    assert len(seen.targets) == 1


# --- secrets ----------------------------------------------------------------------------------------------------------


def test_no_log_has_a_query_in_it(serve: Serve, client: Client, caplog: pytest.LogCaptureFixture) -> None:
    """At DEBUG the HTTP library logs each request with its address."""
    caplog.set_level(logging.DEBUG)
    server = serve(answering())
    one = client(server)
    one.send(get(server))
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("urllib3")]
    assert any("/api/v1/order" in line for line in lines)
    assert not any("5ec4e7" in line for line in lines)


def test_no_warning_has_a_query_in_it(serve: Serve, client: Client, caplog: pytest.LogCaptureFixture) -> None:
    """An answer whose head is cut off or odd is warned of with the address of the request."""

    def script(peer: Peer) -> None:
        peer.read_request()
        peer.raw(b"HTTP/1.1 200 OK\r\nContent-Le")

    server = serve(script)
    assert client(server).send(get(server)).body == b""
    assert any("Failed to parse headers" in record.getMessage() for record in caplog.records)
    assert "5ec4e7" not in caplog.text


def test_what_others_log_is_left_alone(caplog: pytest.LogCaptureFixture, client: Client, serve: Serve) -> None:
    """The filter changes text with a question mark and nothing else."""
    client(serve(answering()))
    caplog.set_level(logging.DEBUG)
    logging.getLogger("urllib3.connectionpool").debug("%s:%d %r", "host", 443, None)
    assert caplog.records[-1].getMessage() == "host:443 None"


def test_nothing_is_opened_before_the_first_request(
    account: Callable[..., Jex], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Making a client touches no network."""

    def forbidden(*args: object, **named: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket, "create_connection", forbidden)
    HttpClient(account()).close()
