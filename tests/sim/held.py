"""A loop that is kept from turning, so that what comes meanwhile comes in one instant; a port that is kept."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from jexkit.sim.loop import LoopThread

WAIT = 30.0


@contextmanager
def held(loop: LoopThread) -> Iterator[None]:
    """Nothing runs on the loop inside of the block."""
    stands, goes_on = threading.Event(), threading.Event()

    def stand() -> None:
        stands.set()
        goes_on.wait(WAIT)

    holder = threading.Thread(target=loop.call, args=(stand,))
    holder.start()
    assert stands.wait(WAIT)
    try:
        yield
    finally:
        goes_on.set()
        holder.join(WAIT)


def connect_while_it_stops(loop: LoopThread, stop: Callable[[], None], ports: list[int]) -> list[bytes | None]:
    """Connect to each port in the instant of the stop, and say what each connection was told: b"" or None, an end."""
    with held(loop):
        peers = [socket.create_connection(("127.0.0.1", port), timeout=WAIT) for port in ports]
        stopper = threading.Thread(target=stop)
        stopper.start()
    stopper.join(WAIT)
    heard = [_heard(peer) for peer in peers]
    for peer in peers:
        peer.close()
    return heard


def is_taken(port: int) -> bool:
    """Whether no other program could listen there."""
    with socket.socket() as other:
        try:
            other.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def _heard(peer: socket.socket) -> bytes | None:
    try:
        return peer.recv(1)
    except ConnectionError:
        return None
