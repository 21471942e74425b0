"""The reader threads of one stream: they connect, receive, tell the conductor, and send what they are handed.

A stream has one reader, which lives as long as the stream. Between two connections it waits for the next order to open
one; while it waits, as while it receives, it looks at the time as often as the conductor wants (the second line behind
the scheduler). It does no HTTP and runs no code of the program.

While a stream changes its connection there are two readers, one for each; whichever has no connection any more leaves.
"""

from __future__ import annotations

import functools
import itertools
import queue
import threading
import time
from collections import deque

from jexkit import logs
from jexkit.accounts import Account
from jexkit.core.dialect import Pace
from jexkit.core.values import Open
from jexkit.engine.clock import Clock
from jexkit.engine.conductor import LOOK_EVERY, Conductor
from jexkit.engine.delivery import Delivery
from jexkit.engine.governor import Governor
from jexkit.engine.governor import shared as governor_of_the_process
from jexkit.engine.transport import Kind, Received, Transport
from jexkit.errors import JexkitError

logger = logs.of(__name__)

LINKS_REMEMBERED = 64  # of those that were dropped
CONNECT_PACE = Pace(per_second=10.0, burst=30.0)  # connections; Deribit allows 32 for an address in all
LATE_AT_MOST = 5.0  # seconds that a reader lets its socket wait for slow callbacks
CATCHES_UP = 5.0  # times as fast as messages come, a reader reads what has come already


class Readers:
    """The readers of one stream; what the conductor asks for reaches the one whose connection it is about."""

    def __init__(
        self,
        account: Account,
        conductor: Conductor,
        delivery: Delivery,
        clock: Clock,
        governor: Governor = governor_of_the_process,
    ) -> None:
        self._make = functools.partial(_Reader, self, account, conductor, delivery, clock, governor)
        self._conductor = conductor
        self._lock = threading.Lock()  # guards the replacing of _readers and who is busy
        self._numbers = itertools.count(1)
        self._dropped: deque[int] = deque(maxlen=LINKS_REMEMBERED)
        self._readers: tuple[_Reader, ...] = (self._make(self._name()),)

    def start(self) -> None:
        for reader in self._readers:
            reader.start()

    def join(self, timeout: float) -> bool:
        """Wait for the end of all threads; False if it has not come within ``timeout`` seconds."""
        deadline = time.monotonic() + timeout
        ended = [reader.join(deadline - time.monotonic()) for reader in self._readers]
        return all(ended)

    # --- what the conductor asks; from any thread -------------------------------------------------------------------

    def open(self, order: Open) -> None:
        """Have an idle reader open the connection, or a new one if all are busy."""
        with self._lock:
            reader = next((reader for reader in self._readers if not reader.is_busy), None)
            is_new = reader is None
            if reader is None:
                reader = self._make(self._name())
                self._readers = (*self._readers, reader)
            reader.is_busy = True
            reader.orders.put(order)  # here, or a reader that looks whether it may leave would not see it
        if is_new:
            reader.start()

    def send(self, link: int, text: str) -> None:
        transport = self._transport(link)
        if transport is not None:
            transport.send(text)

    def ping(self, link: int) -> None:
        transport = self._transport(link)
        if transport is not None:
            transport.ping()

    def drop(self, link: int) -> None:
        self._dropped.append(link)
        self.wake()

    def wake(self) -> None:
        """Make the threads look up from what they wait for."""
        for reader in self._readers:
            reader.wake()

    def _transport(self, link: int) -> Transport | None:
        return next((reader.transport for reader in self._readers if reader.link == link), None)

    def _name(self) -> str:
        number = next(self._numbers)
        return f"jexkit-{self._conductor.name}-reader" + (f"-{number}" if number > 1 else "")

    # --- for the readers --------------------------------------------------------------------------------------------

    def is_dropped(self, link: int) -> bool:
        return link in self._dropped

    def may_leave(self, reader: _Reader) -> bool:
        """A reader has no connection any more: it stays if it is the only one."""
        with self._lock:
            reader.is_busy = not reader.orders.empty()
            if reader.is_busy or len(self._readers) == 1:
                return False
            self._readers = tuple(other for other in self._readers if other is not reader)
            return True


class _Reader:
    """One thread and its one connection at a time."""

    def __init__(
        self,
        readers: Readers,
        account: Account,
        conductor: Conductor,
        delivery: Delivery,
        clock: Clock,
        governor: Governor,
        name: str,
    ) -> None:
        self._readers = readers
        self._account = account
        self._conductor = conductor
        self._logger = logs.about(logger, conductor.name)
        self._delivery = delivery
        self._clock = clock
        self._governor = governor
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._may_be_late = min(LATE_AT_MOST, account.probe_within / 2)
        self._late = self._waited = 0.0
        self.orders: queue.SimpleQueue[Open | None] = queue.SimpleQueue()
        self.transport: Transport | None = None
        self.link = 0
        self.is_busy = False

    def start(self) -> None:
        self._thread.start()

    def join(self, timeout: float) -> bool:
        if not self._thread.is_alive() or threading.current_thread() is self._thread:
            return True
        self._thread.join(max(0.0, timeout))
        return not self._thread.is_alive()

    def wake(self) -> None:
        """From any thread: look up from what you wait for."""
        self.orders.put(None)
        transport = self.transport
        if transport is None or threading.current_thread() is self._thread:
            return
        if self._conductor.stopping.is_set() or self._readers.is_dropped(self.link):
            transport.abort()

    # --- the thread -------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._conductor.stopping.is_set():
            order = self._next_order()
            try:
                if order is not None:
                    self._serve(order)
                self._conductor.second_line()
            except Exception as error:
                # A fault of ours must cost a connection at the most, never the thread: the stream would be dead and
                # look alive.
                self._logger.exception("a fault in jexkit; connecting anew")
                self._report(f"a fault in jexkit: {type(error).__name__}")
            if self._readers.may_leave(self):
                return

    def _report(self, fault: str) -> None:
        try:
            self._conductor.closed(self.link, fault, broken=True)
        except Exception:
            self._logger.exception("a fault in jexkit while connecting anew")

    def _next_order(self) -> Open | None:
        try:
            return self.orders.get(timeout=self._conductor.patience)
        except queue.Empty:
            return None

    def _serve(self, order: Open) -> None:
        """One connection, from its handshake to its end."""
        wait = self._governor.reserve(order.url, CONNECT_PACE)
        if self._conductor.stopping.wait(wait) or self._readers.is_dropped(order.link):
            return
        transport = Transport(self._account, order.url, order.headers)
        self.link, self.transport = order.link, transport
        try:
            transport.connect()
        except JexkitError as error:
            self.transport = None
            transport.close()
            # The exchange counts by address: where it names a pause, all streams of this process wait.
            self._governor.close(order.url, float(getattr(error, "retry_after", 0.0)))
            self._conductor.refused(order.link, error)
            return
        try:
            self._conductor.opened(order.link)
            self._receive(order.link, transport)
        finally:
            self.transport = None
            transport.close()

    def _receive(self, link: int, transport: Transport) -> None:
        conductor = self._conductor
        looked = self._clock.monotonic()
        while not self._readers.is_dropped(link) and not conductor.stopping.is_set():
            received = transport.receive(conductor.patience)
            if received is not None:
                self._tell(link, received)
                if received.kind is Kind.CLOSED:
                    return
                if self._delivery.holds_up:
                    self._wait_for_room()
            if received is None or self._clock.monotonic() - looked >= LOOK_EVERY:
                looked = self._clock.monotonic()
                conductor.second_line()

    def _wait_for_room(self) -> None:
        """The callbacks do not keep up, and this thread is to wait for them: not longer than the connection bears.

        What the exchange asks meanwhile is read late, or not at all: Deribit leaves a connection on which a
        ``test_request`` has no answer for ten seconds, and our own probes count as unanswered. So after a few seconds
        in all the machine is told instead, lets pass what comes, and answers what is asked. A thread that has waited
        catches up with its socket much faster than it fell behind.
        """
        now = self._clock.monotonic()
        self._late = max(0.0, self._late - CATCHES_UP * (now - self._waited))
        has_room = self._delivery.wait_for_room(self._may_be_late - self._late, self._conductor.stopping)
        self._waited = self._clock.monotonic()
        self._late += self._waited - now
        if not has_room:
            self._conductor.flooded()

    def _tell(self, link: int, received: Received) -> None:
        if received.kind is Kind.TEXT:
            self._conductor.texts(link, received.texts)
        elif received.kind is Kind.PING:
            self._conductor.pinged(link)
        elif received.kind is Kind.PONG:
            self._conductor.ponged(link)
        else:
            self._conductor.closed(link, received.detail, broken=received.broken)
