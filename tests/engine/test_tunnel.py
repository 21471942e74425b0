"""The way through an HTTP proxy."""

from __future__ import annotations

import base64
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

from jexkit.engine.patience import Patience
from jexkit.engine.tunnel import LARGEST_ANSWER, ProxyRefused, through
from tests.engine.servers import PATIENCE, Peer, Server, nobody

Serve = Callable[..., Server]


def test_what_comes_after_the_answer_is_the_other_ends(serve: Serve) -> None:
    """The name is resolved by the proxy, and a login is taken out of its percent encoding."""
    seen: list[tuple[str, str | None]] = []

    def proxy(peer: Peer) -> None:
        peer.read_request()
        seen.append((peer.line, peer.headers.get("proxy-authorization")))
        peer.raw(b"HTTP/1.1 200 Connection established\r\nVia: here\r\n")
        peer.raw(b"\r\n")
        peer.raw(peer.sock.recv(5).upper())

    url = urlsplit(f"http://me:a%40b@127.0.0.1:{serve(proxy).port}")
    with through(url, "exchange.example", 443, PATIENCE) as sock:
        sock.sendall(b"hello")
        assert sock.recv(5) == b"HELLO"
    login = "Basic " + base64.b64encode(b"me:a@b").decode()
    assert seen == [("CONNECT exchange.example:443 HTTP/1.1", login)]


def test_an_address_of_the_new_sort_is_put_in_brackets(serve: Serve) -> None:
    seen: list[str] = []

    def proxy(peer: Peer) -> None:
        peer.read_request()
        seen.append(peer.line)
        peer.raw(b"HTTP/1.0 200 OK\r\n\r\n")
        peer.wait_gone()

    through(urlsplit(f"http://127.0.0.1:{serve(proxy).port}"), "::1", 80, PATIENCE).close()
    assert seen == ["CONNECT [::1]:80 HTTP/1.1"]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
        b"HTTP/1.1 502 Bad Gateway\r\n\r\n",
        b"HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 yes\r\n\r\n",
        b"SSH-2.0 200 hello\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n",
        b"",
        b"x" * (LARGEST_ANSWER + 1),
    ],
    ids=["login", "gateway", "no status", "a word", "not HTTP", "cut short", "nothing", "endless"],
)
def test_an_answer_that_is_none(serve: Serve, answer: bytes) -> None:
    """It is read up to a bound, and the socket is closed."""

    def proxy(peer: Peer) -> None:
        peer.read_request()
        peer.raw(answer)

    with pytest.raises(ProxyRefused):
        through(urlsplit(f"http://127.0.0.1:{serve(proxy).port}"), "exchange.example", 443, PATIENCE)


def test_nobody_is_there() -> None:
    with nobody() as port, pytest.raises(ProxyRefused):
        through(urlsplit(f"http://127.0.0.1:{port}"), "exchange.example", 443, PATIENCE)


def test_whoever_bounds_the_call_can_end_it(serve: Serve) -> None:
    """The proxy takes the request, and its answer never comes."""
    server = serve(lambda peer: peer.wait_gone())
    with Patience(0.05) as limit, pytest.raises(ProxyRefused):
        through(urlsplit(f"http://127.0.0.1:{server.port}"), "exchange.example", 443, PATIENCE)
    assert limit.is_over
