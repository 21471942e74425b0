"""The end of calls that trickle."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
import urllib3
from urllib3.contrib.socks import SOCKSProxyManager

from jexkit.engine.patience import Patience, watch_connections
from tests.engine.servers import PATIENCE


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    left, right = socket.socketpair()
    yield left, right
    left.close()
    right.close()


def test_a_read_ends_when_patience_is_over(pair: tuple[socket.socket, socket.socket]) -> None:
    """Although the other side keeps the connection open."""
    with Patience(0.05) as patience:
        patience.watch(pair[0])
        assert pair[0].recv(1) == b""
        assert patience.is_over


def test_a_socket_that_comes_too_late_is_cut_at_once(pair: tuple[socket.socket, socket.socket]) -> None:
    """The connection was made when patience was over already."""
    with Patience(0.0) as patience:
        patience._timer.join(PATIENCE)
        assert patience.is_over
        patience.watch(pair[0])
        assert pair[0].recv(1) == b""


def test_a_call_in_time_is_left_alone(pair: tuple[socket.socket, socket.socket]) -> None:
    """Afterwards, too; and its thread has ended with it."""
    with Patience(60.0) as patience:
        patience.watch(pair[0])
    assert not patience._timer.is_alive()
    assert not patience.is_over
    pair[1].send(b"x")
    assert pair[0].recv(1) == b"x"


def test_without_a_socket_it_only_notes_the_time() -> None:
    with Patience(0.0) as patience:
        patience._timer.join(PATIENCE)
        patience.watch(None)
        assert patience.is_over


@pytest.mark.parametrize("proxy", [None, "http://127.0.0.1:1", "socks5h://127.0.0.1:1"])
def test_every_kind_of_connection_is_watched(proxy: str | None) -> None:
    """Plain and TLS, direct and through both kinds of proxy; doing it twice changes nothing."""
    manager: urllib3.PoolManager = urllib3.PoolManager()
    if proxy is not None:
        manager = SOCKSProxyManager(proxy) if proxy.startswith("socks") else urllib3.ProxyManager(proxy)
    for _ in range(2):
        watch_connections(manager)
        for scheme in ("http", "https"):
            pool = manager.connection_from_host("127.0.0.1", 1, scheme)
            names = [kind.__name__ for kind in pool.ConnectionCls.__mro__]
            assert names.count("_Watched") == 1
    manager.clear()


def test_threads_have_patience_of_their_own(pair: tuple[socket.socket, socket.socket]) -> None:
    """One call that is cut takes no other along."""
    short = threading.Event()

    def impatient() -> None:
        with Patience(0.0) as patience:
            patience._timer.join(PATIENCE)
            short.set()

    with Patience(60.0) as patience:
        patience.watch(pair[0])
        thread = threading.Thread(target=impatient)
        thread.start()
        thread.join(PATIENCE)
        assert short.is_set()
        pair[1].send(b"x")
        assert pair[0].recv(1) == b"x"
        assert not patience.is_over
