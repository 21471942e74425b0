"""The TCP forwarder: what it does to connections through it."""

from __future__ import annotations

import contextlib
import gc
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from jexkit.sim import Forwarder, Simulator
from tests.sim.ear import Ear
from tests.sim.held import connect_while_it_stops, is_taken

WAIT = 30.0


@pytest.fixture
def echo() -> Iterator[str]:
    """The address of a server that sends back what it gets, and ends when the client does."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve(peer: socket.socket) -> None:
        with peer, contextlib.suppress(OSError):
            while data := peer.recv(4096):
                peer.sendall(data)

    def listen() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listening.accept()[0],), daemon=True).start()

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    yield f"127.0.0.1:{listening.getsockname()[1]}"
    with contextlib.suppress(OSError):
        listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    thread.join(WAIT)


@pytest.fixture
def line(echo: str) -> Iterator[Forwarder]:
    """A forwarder to the echo."""
    with Forwarder(echo) as forwarder:
        yield forwarder


def call(line: Forwarder) -> socket.socket:
    """A connection through it."""
    return socket.create_connection(("127.0.0.1", line.port), timeout=WAIT)


def hear(peer: socket.socket, size: int) -> bytes:
    """So many bytes."""
    data = b""
    while len(data) < size and (more := peer.recv(size - len(data))):
        data += more
    return data


def wait_for(line: Forwarder, connections: int) -> None:
    """Until so many go through it: the other side learns of a connection a little later than who makes it."""
    deadline = time.monotonic() + WAIT
    while line.connections != connections:
        assert time.monotonic() < deadline, line.connections


def test_it_forwards_both_ways(line: Forwarder) -> None:
    """And knows how many connections there are."""
    with call(line) as peer:
        peer.sendall(b"hello")
        assert hear(peer, 5) == b"hello"
        assert line.connections == 1


def test_an_end_is_forwarded(line: Forwarder) -> None:
    """In both directions, each by itself."""
    with call(line) as peer:
        peer.sendall(b"bye")
        peer.shutdown(socket.SHUT_WR)
        assert hear(peer, 10) == b"bye"


def test_a_cut_ends_what_is_open_and_nothing_else(line: Forwarder) -> None:
    with call(line) as peer:
        peer.sendall(b"a")
        assert hear(peer, 1) == b"a"
        assert line.cut() == 1
        with contextlib.suppress(ConnectionError):
            assert peer.recv(1) == b""
    with call(line) as peer:
        peer.sendall(b"b")
        assert hear(peer, 1) == b"b"


def test_a_stall_holds_back_and_loses_nothing(line: Forwarder) -> None:
    with call(line) as peer:
        line.stall()
        peer.sendall(b"later")
        peer.settimeout(0.1)
        with pytest.raises(TimeoutError):
            peer.recv(1)
        peer.settimeout(WAIT)
        line.resume()
        assert hear(peer, 5) == b"later"


def test_half_open_connections_are_accepted_and_dead(line: Forwarder) -> None:
    """Also those that are made meanwhile, and after it is over; only new ones work then."""
    with call(line) as before:
        before.sendall(b"a")
        assert hear(before, 1) == b"a"
        line.half_open()
        with call(line) as meanwhile:
            wait_for(line, 2)
            line.resume()
            with call(line) as after:
                for peer in (before, meanwhile, after):
                    peer.sendall(b"b")
                assert hear(after, 1) == b"b"
            for peer in (before, meanwhile):
                peer.settimeout(0.1)
                with pytest.raises(TimeoutError):
                    peer.recv(1)


def test_a_trickle_comes_in_small_pieces(line: Forwarder) -> None:
    with call(line) as peer:
        line.trickle(2, 0.001)
        peer.sendall(b"abcdefg")
        assert hear(peer, 7) == b"abcdefg"


def test_refusing_and_listening_again_on_the_same_port(line: Forwarder) -> None:
    port = line.port
    line.refuse()
    with pytest.raises(ConnectionRefusedError):
        call(line)
    assert is_taken(port)
    line.resume()
    assert line.port == port
    call(line).close()


def test_nobody_behind_it() -> None:
    """The connection is made and ends."""
    with socket.create_server(("127.0.0.1", 0)) as unused:
        address = unused.getsockname()
    with Forwarder(f"127.0.0.1:{address[1]}") as line, call(line) as peer, contextlib.suppress(ConnectionError):
        assert peer.recv(1) == b""


def test_cut_inside_what_is_sent(line: Forwarder) -> None:
    """So many bytes come, then a reset. What the client sends does not count; a new connection is whole."""
    with call(line) as peer:
        peer.sendall(b"abc")
        assert hear(peer, 3) == b"abc"
        assert line.cut_after(4) == 1
        peer.sendall(b"def")
        assert hear(peer, 3) == b"def"
        peer.sendall(b"ghijk")
        heard = b""
        with contextlib.suppress(ConnectionError):  # the reset may take the last byte along
            heard = hear(peer, 2)
        assert heard in (b"", b"g")
    with call(line) as peer:
        peer.sendall(b"abcdefg")
        assert hear(peer, 7) == b"abcdefg"


def test_each_trouble_is_ended_by_itself(line: Forwarder) -> None:
    """The others last."""
    line.refuse()
    line.stall()
    line.accept()
    with call(line) as peer:
        peer.sendall(b"abc")
        peer.settimeout(0.1)
        with pytest.raises(TimeoutError):
            peer.recv(1)
        peer.settimeout(WAIT)
        line.half_open()
        line.end_stall()
        line.end_half_open()
    line.trickle(1, 0.001)
    line.end_trickle()
    with call(line) as peer:
        peer.sendall(b"abc")
        assert hear(peer, 3) == b"abc"


@pytest.mark.parametrize("target", ["", "127.0.0.1", "http://", ":80", "a:99999", "a:x", None, 80, b"a:80", ["a", 80]])
def test_a_target_that_is_none(target: Any) -> None:
    with pytest.raises(ValueError, match="target must be an address"):
        Forwarder(target)


@pytest.mark.parametrize("port", [-1, 65_536, "80", None, True, 1.5])
def test_a_port_that_is_none(port: Any) -> None:
    with pytest.raises(ValueError, match="port must be a whole number, from 0 to 65535"):
        Forwarder("a:80", port=port)


@pytest.mark.parametrize(
    ("size", "pause"), [(0, 0.1), (1, -1.0), (1.5, 0), (True, 0), ("1", 0), (1, float("nan")), (1, True), (1, "1")]
)
def test_a_trickle_that_makes_no_sense(line: Forwarder, size: Any, pause: Any) -> None:
    with pytest.raises(ValueError, match=r"(size|pause) must be a "):
        line.trickle(size, pause)
    with call(line) as peer:
        peer.sendall(b"abc")
        assert hear(peer, 3) == b"abc"


def test_a_websocket_goes_through_it(sim: Simulator) -> None:
    """The URL is the venue's, with another address."""
    sim.poloniex.rules.user_agent_required = False
    with Forwarder(sim.poloniex.ws_url) as line:
        url = line.url(sim.poloniex.ws_url)
        assert url == f"ws://{line.address}/ws/private"
        with Ear(url) as ear:
            assert ear.ask({"event": "ping"}) == {"event": "pong"}
            line.cut()
            assert ear.end() is None


def test_no_thread_is_left() -> None:
    """However many connections there are, and stopping twice does no harm."""
    before = set(threading.enumerate())
    line = Forwarder("127.0.0.1:1").start()
    peers = [call(line) for _ in range(3)]
    line.half_open()
    line.stop()
    line.stop()
    for peer in peers:
        peer.close()
    assert set(threading.enumerate()) == before


def test_connections_of_the_last_instant_are_closed() -> None:
    """Accepted while it stops, and known to nobody yet: no socket is left for the garbage collector."""
    line = Forwarder("127.0.0.1:1").start()
    assert all(not heard for heard in connect_while_it_stops(line.loop, line.stop, [line.port] * 10))
    gc.collect()
