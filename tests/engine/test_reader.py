"""The reader threads: connections are opened, read and left as the conductor says."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from jexkit.accounts import Jex
from jexkit.core.overflow import Overflow
from jexkit.core.values import Open
from jexkit.engine import reader as reader_module
from jexkit.engine.clock import Clock
from jexkit.engine.delivery import Delivery
from jexkit.engine.governor import Governor
from jexkit.engine.reader import Readers
from jexkit.engine.registry import Registry
from jexkit.engine.runner import Runner
from jexkit.errors import JexkitError
from jexkit.events import Live
from tests.engine.servers import CLOSE, PATIENCE, PING, PONG, TEXT, Peer, Server

Serve = Callable[..., Server]


class FakeConductor:
    """Notes the facts; may be told to fail."""

    name = "t"
    delivery: Delivery

    def __init__(self) -> None:
        self.facts: list[str] = []
        self.stopping = threading.Event()
        self.patience = 0.05
        self.looks = 0
        self.fault_on = ""
        self._came = threading.Condition()

    def _note(self, fact: str) -> None:
        with self._came:
            self.facts.append(fact)
            self._came.notify_all()
        if self.fault_on and fact.startswith(self.fault_on):
            self.fault_on = ""
            raise ZeroDivisionError("a fault of ours")

    def opened(self, link: int) -> None:
        self._note(f"opened {link}")

    def flooded(self) -> None:
        self._note("flooded")
        self.delivery.flood([])

    def refused(self, link: int, error: JexkitError) -> None:
        self._note(f"refused {link} {type(error).__name__}")

    def texts(self, link: int, texts: Sequence[bytes]) -> None:
        for text in texts:
            self._note(f"text {link} {text.decode()}")

    def pinged(self, link: int) -> None:
        self._note(f"pinged {link}")

    def ponged(self, link: int) -> None:
        self._note(f"ponged {link}")

    def closed(self, link: int, detail: str, *, broken: bool) -> None:
        self._note(f"closed {link} {'broken' if broken else 'said'} {detail}")

    def second_line(self) -> None:
        with self._came:
            self.looks += 1
            self._came.notify_all()

    def wait_for(self, wanted: Callable[[], bool]) -> None:
        with self._came:
            assert self._came.wait_for(wanted, PATIENCE), self.facts

    def wait_fact(self, fact: str) -> None:
        self.wait_for(lambda: any(each.startswith(fact) for each in self.facts))

    def wait_free(self) -> None:
        """Until the reader that has reported the end of its connection is through with it, and waits for another.

        It looks at the time once on its way there, and again and again while it waits.
        """
        looks = self.looks
        self.wait_for(lambda: self.looks >= looks + 2)


@pytest.fixture
def conductor() -> FakeConductor:
    return FakeConductor()


@pytest.fixture
def start(account: Callable[..., Jex], conductor: FakeConductor) -> Iterator[Callable[..., Readers]]:
    """Make and start readers; they end when the conductor stops."""
    made: list[Readers] = []

    def make(server: Server | None = None, governor: Governor | None = None, **queue: Any) -> Readers:
        clock = Clock()
        delivery = Delivery("t", Registry(), Registry(), runner=Runner("t", clock=clock), clock=clock, **queue)
        conductor.delivery = delivery
        readers = Readers(account(server), conductor, delivery, Clock(), governor or Governor())  # type: ignore[arg-type]
        made.append(readers)
        readers.start()
        return readers

    yield make
    conductor.stopping.set()
    for readers in made:
        readers.wake()
        assert readers.join(PATIENCE)
    assert ours() == []


def ours() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("jexkit-t-reader")]


def chatter(*frames: tuple[int, str | bytes]) -> Callable[[Peer], None]:
    """A server that sends these frames and then waits until the client goes."""

    def script(peer: Peer) -> None:
        peer.accept()
        for opcode, payload in frames:
            peer.frame(opcode, payload)
        peer.wait_gone()

    return script


def test_what_comes_is_reported(serve: Serve, conductor: FakeConductor, start: Callable[..., Readers]) -> None:
    """In order, under the number of the connection, with the end and its reason."""
    server = serve(chatter((TEXT, "one"), (PING, ""), (PONG, ""), (TEXT, "two"), (CLOSE, b"\x03\xe9bye")))
    start(server).open(Open(1, server.ws_url))
    conductor.wait_fact("closed")
    assert conductor.facts[:5] == ["opened 1", "text 1 one", "pinged 1", "ponged 1", "text 1 two"]
    assert conductor.facts[5].startswith("closed 1 said")


def test_a_refusal_is_reported_and_the_thread_goes_on(
    serve: Serve, conductor: FakeConductor, start: Callable[..., Readers]
) -> None:
    refusing = serve(lambda peer: peer.read_request() and peer.answer(503))
    server = serve(chatter((TEXT, "hello")))
    readers = start(server)
    readers.open(Open(1, refusing.ws_url))
    conductor.wait_fact("refused 1 ExchangeDown")
    conductor.wait_free()
    readers.open(Open(2, server.ws_url))
    conductor.wait_fact("text 2 hello")
    assert ours() == ["jexkit-t-reader"]


def test_what_is_sent_reaches_its_connection_and_no_other(
    serve: Serve, conductor: FakeConductor, start: Callable[..., Readers]
) -> None:
    heard: list[Any] = []
    done = threading.Event()

    def script(peer: Peer) -> None:
        peer.accept()
        heard.extend([peer.read_frame(), peer.read_frame()])
        done.set()
        peer.wait_gone()

    server = serve(script)
    readers = start(server)
    readers.open(Open(5, server.ws_url))
    conductor.wait_fact("opened 5")
    readers.send(4, "for an old one")
    readers.ping(6)
    readers.send(5, "for this one")
    readers.ping(5)
    assert done.wait(PATIENCE)
    assert heard == [(TEXT, b"for this one"), (PING, b"jexkit")]


def test_a_dropped_connection_is_left_at_once(
    serve: Serve, conductor: FakeConductor, start: Callable[..., Readers]
) -> None:
    """Although it says nothing; and the next one is opened."""
    server = serve(chatter((TEXT, "hello")))
    readers = start(server)
    readers.open(Open(1, server.ws_url))
    conductor.wait_fact("text 1")
    readers.drop(1)
    readers.open(Open(2, server.ws_url))
    conductor.wait_fact("text 2")
    assert "opened 2" in conductor.facts


def test_an_order_that_was_dropped_is_not_opened(
    serve: Serve, conductor: FakeConductor, start: Callable[..., Readers]
) -> None:
    server = serve(chatter())
    readers = start(server)
    readers.drop(1)
    readers.open(Open(1, server.ws_url))
    readers.open(Open(2, server.ws_url))
    conductor.wait_fact("opened 2")
    assert "opened 1" not in conductor.facts


def test_two_connections_have_two_threads(
    serve: Serve, conductor: FakeConductor, start: Callable[..., Readers]
) -> None:
    """For the moment of a rotation; afterwards there is one again."""
    server = serve(chatter((TEXT, "hello")))
    readers = start(server)
    readers.open(Open(1, server.ws_url))
    conductor.wait_fact("text 1")
    readers.open(Open(2, server.ws_url))
    conductor.wait_fact("text 2")
    assert ours() == ["jexkit-t-reader", "jexkit-t-reader-2"]
    (first,) = [thread for thread in threading.enumerate() if thread.name == "jexkit-t-reader"]
    readers.drop(1)
    first.join(PATIENCE)
    assert ours() == ["jexkit-t-reader-2"]
    readers.drop(2)
    readers.open(Open(3, server.ws_url))
    conductor.wait_fact("text 3")


def test_drops_without_end_leave_one_thread(
    serve: Serve, conductor: FakeConductor, start: Callable[..., Readers]
) -> None:
    """A reader that was left by the conductor is free for the next connection, or ends."""
    server = serve(chatter((TEXT, "hello")))
    readers = start(server)
    for link in range(1, 25):
        readers.open(Open(link, server.ws_url))
        conductor.wait_fact(f"text {link} ")
        readers.drop(link)
    for thread in threading.enumerate():
        if thread.name in ours()[:-1]:
            thread.join(PATIENCE)
    assert len(ours()) == 1


@pytest.mark.parametrize("fact", ["text", "opened", "pinged"])
def test_a_fault_of_ours_does_not_end_the_thread(
    serve: Serve,
    conductor: FakeConductor,
    start: Callable[..., Readers],
    caplog: pytest.LogCaptureFixture,
    fact: str,
) -> None:
    """It costs the connection, which is reported as broken, and the traceback is in the log."""
    server = serve(chatter((PING, ""), (TEXT, "hello")))
    readers = start(server)
    conductor.fault_on = fact
    readers.open(Open(1, server.ws_url))
    conductor.wait_fact("closed 1 broken")
    assert "ZeroDivisionError" in caplog.text
    conductor.wait_free()
    readers.open(Open(2, server.ws_url))
    conductor.wait_fact("text 2 hello")
    assert len(ours()) == 1


def test_a_fault_in_reporting_a_fault_does_not_end_the_thread(
    serve: Serve, conductor: FakeConductor, start: Callable[..., Readers]
) -> None:
    server = serve(chatter((TEXT, "hello")))
    readers = start(server)
    conductor.fault_on = "text"
    original = conductor.closed

    def closed(link: int, detail: str, *, broken: bool) -> None:
        original(link, detail, broken=broken)
        raise ZeroDivisionError("and another one")

    conductor.closed = closed  # type: ignore[method-assign]
    readers.open(Open(1, server.ws_url))
    conductor.wait_fact("closed 1 broken")
    readers.open(Open(2, server.ws_url))
    conductor.wait_fact("text 2 hello")


# --- the second line --------------------------------------------------------------------------------------------------


def test_the_time_is_looked_at_while_nothing_comes(
    serve: Serve, conductor: FakeConductor, start: Callable[..., Readers]
) -> None:
    """Connected and not, as often as the conductor wants."""
    server = serve(chatter())
    readers = start(server)
    conductor.wait_for(lambda: conductor.looks >= 1)
    readers.open(Open(1, server.ws_url))
    conductor.wait_fact("opened")
    looks = conductor.looks
    conductor.wait_for(lambda: conductor.looks >= looks + 2)


def test_the_time_is_looked_at_while_much_comes(
    serve: Serve, conductor: FakeConductor, start: Callable[..., Readers]
) -> None:
    """A flood of messages is no excuse."""
    ended = threading.Event()

    def script(peer: Peer) -> None:
        peer.accept()
        while not ended.is_set():
            peer.frame(TEXT, "x")

    server = serve(script)
    start(server).open(Open(1, server.ws_url))
    conductor.wait_fact("text")
    looks = conductor.looks
    conductor.wait_for(lambda: conductor.looks >= looks + 2)
    ended.set()


@pytest.mark.parametrize("status", [429, 503])
def test_a_refused_handshake_that_names_a_pause_holds_up_all_streams(
    serve: Serve, conductor: FakeConductor, start: Callable[..., Readers], status: int
) -> None:
    """No stream of this process comes back to the host before that."""

    def refuse(peer: Peer) -> None:
        peer.read_request()
        peer.answer(status, "", {"Retry-After": "300"})

    server, governor = serve(refuse), Governor()
    start(server, governor).open(Open(1, server.ws_url))
    conductor.wait_fact("refused 1")
    assert 200 < governor.closed_for(server.ws_url) <= 300


# --- the end ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("when", ["idle", "handshake", "connected", "waiting for its turn"])
def test_stop_ends_the_thread_whatever_it_waits_for(
    serve: Serve, conductor: FakeConductor, start: Callable[..., Readers], when: str
) -> None:
    asked = threading.Event()

    def silent(peer: Peer) -> None:
        peer.read_request()
        asked.set()
        peer.wait_gone()

    server = serve(silent if when == "handshake" else chatter((TEXT, "hello")))
    governor = Governor()
    if when == "waiting for its turn":
        governor.close(server.ws_url, 600.0)
    readers = start(server, governor)
    if when != "idle":
        readers.open(Open(1, server.ws_url))
    if when == "handshake":
        assert asked.wait(PATIENCE)
    if when == "connected":
        conductor.wait_fact("text")
    conductor.stopping.set()
    readers.wake()
    assert readers.join(PATIENCE)
    assert ours() == []


def test_joining_from_the_thread_itself_does_not_wait(
    serve: Serve, conductor: FakeConductor, start: Callable[..., Readers]
) -> None:
    joined: list[bool] = []
    server = serve(chatter((TEXT, "hello")))
    readers = start(server)
    original = conductor.texts

    def texts(link: int, texts: Sequence[bytes]) -> None:
        joined.append(readers.join(PATIENCE))
        original(link, texts)

    conductor.texts = texts  # type: ignore[method-assign]
    readers.open(Open(1, server.ws_url))
    conductor.wait_fact("text")
    assert joined == [True]


# --- a program that does not keep up ----------------------------------------------------------------------------------


def test_a_reader_waits_for_slow_callbacks_no_longer_than_the_connection_bears(
    serve: Serve, conductor: FakeConductor, start: Callable[..., Readers], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then the machine is told, and what the exchange asks is read again."""
    monkeypatch.setattr(reader_module, "LATE_AT_MOST", 0.2)
    server = serve(chatter((TEXT, "one"), (TEXT, "two"), (PING, "")))
    readers = start(server, overflow=Overflow.BLOCK, queue_size=2)
    for _ in range(4):
        conductor.delivery.put([Live(exchange="toy", account="t", id="e", time_ms=1, received_ms=1)])
    readers.open(Open(1, server.ws_url))
    conductor.wait_fact("pinged")
    assert sorted(conductor.facts) == ["flooded", "opened 1", "pinged 1", "text 1 one", "text 1 two"]
    assert conductor.facts.index("flooded") < conductor.facts.index("pinged 1")


def test_a_reader_under_another_policy_never_waits(
    serve: Serve, conductor: FakeConductor, start: Callable[..., Readers]
) -> None:
    server = serve(chatter((TEXT, "one"), (TEXT, "two")))
    readers = start(server, queue_size=2)
    for _ in range(4):
        conductor.delivery.put([Live(exchange="toy", account="t", id="e", time_ms=1, received_ms=1)])
    readers.open(Open(1, server.ws_url))
    conductor.wait_fact("text 1 two")
    assert "flooded" not in conductor.facts
