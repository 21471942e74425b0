"""The way of a message through a session machine: from the frame that came to what the program is told of it.

Frames are read into events, and each event is either news or none: what was told before is a repeat, and what is older
than what was told is stale. Most of what a machine ever does is done here, once for each event.
"""

from __future__ import annotations

import abc
import itertools
from collections.abc import Iterable, Iterator, Sequence

import attrs

from jexkit.core.book import Book
from jexkit.core.counts import Counts
from jexkit.core.lifecycle import CONNECTED, Phase
from jexkit.core.memory import Memory
from jexkit.core.redaction import redact
from jexkit.core.values import Emit, Now, Output, Outputs, Receipt
from jexkit.core.waiting import WaitingMachine
from jexkit.events import Event, Fill, Origin, Unknown

UNREADABLE_KEPT = 1_000_000  # characters of a frame that is not what the exchange documents


class TellingMachine(WaitingMachine):
    """A machine that takes in what a connection brings, and knows what it has told."""

    def __init__(self, *, exchange: str, stream: str) -> None:
        super().__init__(exchange=exchange, stream=stream)
        self.link = 0
        self.memory = Memory()
        self.counters = Counts()
        self.is_behind = False
        self._unreadable_in_a_row = 0
        self._decided: list[Event] = []  # they are news, and taken for told from then on

    @property
    def book(self) -> Book:
        """The account's state as it was told."""
        return self.memory.book

    def remember(self, memory: Memory) -> None:
        """Begin, before ``started``, with what an earlier machine of the account knew."""
        self.memory = memory

    # --- reading ----------------------------------------------------------------------------------------------------

    def texts(self, link: int, frames: Iterable[bytes], now: Now) -> Iterator[Output]:
        """Text frames came, in this order; each is taken in when its turn comes, so that a fault costs no other.

        Nearly all tell of the account and of nothing else, and change nothing but what is known of it. Those that came
        together are read first and told together.
        """
        if self._is_current(link):
            self._heard(now)
        waiting = iter(frames)
        for frame in waiting:
            if not self._is_current(link):
                return
            events: list[Event] = []
            try:
                other = self._read_ahead(frame, waiting, events, now)
            except Exception:
                if events:
                    yield from self._tell(events, now)  # a fault of ours in one message does not undo those before it
                raise
            if events:
                yield from self._tell(events, now)
            if other is not None and self._is_current(link):
                yield from self._take_in(other, now)

    def _read_ahead(self, first: bytes, others: Iterator[bytes], events: list[Event], now: Now) -> bytes | None:
        """Read ``first`` and those behind it into ``events``, as long as they tell of the account alone.

        Returns the first that does not. Before the stream is live they are read one by one, since any of them can be
        one too many to hold.
        """
        receipt = Receipt(self.stream, now.wall_ms)  # one for all of them: each event copies what it has from there
        read, is_live = self._events_in, self.phase is Phase.LIVE
        frame: bytes | None = first
        count = 0
        try:
            while frame is not None:
                count += 1
                receipt.raw = text = frame.decode()
                found = read(text, receipt)
                if found is None:
                    return frame
                events += found
                frame = next(others, None) if is_live else None
        except UnicodeDecodeError:
            return frame
        finally:
            self.counters["messages"] += count
        return None

    def _take_in(self, frame: bytes, now: Now) -> Outputs:
        """A message that can change the session, or makes no sense."""
        try:
            text = frame.decode()
        except UnicodeDecodeError as error:
            return self._unreadable(frame.decode("utf-8", "replace"), str(error), now)
        return self._read(text, now)

    def _unreadable(self, raw: str, why: str, now: Now) -> Outputs:
        """A frame that makes no sense: told whole; a server that sends nothing else is left."""
        number = self._number()
        self._unreadable_in_a_row += 1
        self.counters["unreadable"] += 1
        event = Unknown(
            exchange=self.exchange,
            account=self.stream,
            id=f"unreadable:{now.wall_ms}:{number}",
            time_ms=now.wall_ms,
            received_ms=now.wall_ms,
            raw=redact(raw[:UNREADABLE_KEPT]),
            why=why,
        )
        return [Emit([event]), *self._leave_garbage(now)]

    def _is_current(self, link: int) -> bool:
        return link == self.link and self.phase in CONNECTED

    # --- deciding ---------------------------------------------------------------------------------------------------

    def _deliver(self, events: Sequence[Event]) -> Outputs:
        """Tell the program what is news: no repeats, and nothing that is older than what it was told before."""
        if events and type(events[0]) is not Unknown:
            self._unreadable_in_a_row = 0
        if self.is_behind:  # nothing is told, and so nothing is remembered as told
            return self._let_pass(events)
        self._decide_all(events)
        return self._tell_decided()

    def _decide_all(self, events: Sequence[Event]) -> None:
        decide = self._decide
        for event in events:
            decide(event)

    def _decide(self, event: Event) -> None:
        """Whether an event is news. What is older than what is known is told only if it ends an order: that comes once.

        It is called for each event of each stream, and so looks into what it could ask.
        """
        memory, identity = self.memory, event.id
        told, book = memory.repeats, memory.book
        seen = told.fills if type(event) is Fill else told.others
        if identity in seen:
            again = self._once_more(event)
            if again is None:
                self.counters["repeats"] += 1
                return
            event = again
        else:
            seen[identity] = None
        if book.apply(event):
            self._decided.append(event)
            return
        completed = book.completed(event)
        if completed is not None and book.apply(completed):
            self._decided.append(completed)
        else:
            self.counters["stale"] += 1
            self._kept_out(event)

    def _tell_decided(self) -> Outputs:
        news, self._decided = self._decided, []
        if not news:
            return []
        self.memory.repeats.tidy_up()
        self._note(news)
        return [Emit(news)]

    def _once_more(self, event: Event) -> Event | None:
        """What to make of an id that was told: a copy is no news, None; a state that was another since has come back.

        A balance that goes there and back within a millisecond has one id twice, where the exchange does not number its
        updates. On the stream a copy that is late looks just the same, so it is kept out and the exchange is asked. Its
        answer is no copy, for it was asked for later, and is told under an id of its own.
        """
        if not self.book.is_back(event) or self._is_numbered(event):
            return None
        if event.origin is Origin.STREAM and not self._came_back(event):
            return None
        is_new = self.memory.repeats.is_new
        tellings = (attrs.evolve(event, id=f"{event.id}:{number}") for number in itertools.count(2))
        return next(again for again in tellings if is_new(again))

    # --- hooks ------------------------------------------------------------------------------------------------------

    def _events_in(self, text: str, receipt: Receipt) -> list[Event] | None:
        """The events in a message that tells of the account alone, and is as the documents have it.

        None for all others, which ``_read`` takes in. It must change nothing: messages are read ahead.
        """
        del text, receipt
        return None

    @abc.abstractmethod
    def _read(self, text: str, now: Now) -> Outputs:
        """Any other text frame came on the current connection."""

    def _tell(self, events: Sequence[Event], now: Now) -> Outputs:
        """Events that the stream brought."""
        del now
        return self._deliver(events)

    def _let_pass(self, events: Sequence[Event]) -> Outputs:
        """Events that the program is not told, because it does not keep up."""
        del events
        return []

    def _note(self, news: Sequence[Event]) -> None:
        """Events are being told."""
        del news

    def _kept_out(self, event: Event) -> None:
        """An event is not told, since something newer was."""
        del event

    def _came_back(self, event: Event) -> bool:
        """The stream said again what it had told of this moment before something else: a late copy, or how it is.

        Whether it is told all the same.
        """
        del event
        return False

    def _is_numbered(self, event: Event) -> bool:
        """Whether the event's id names one update and no other: the exchange numbers them, or they never go back."""
        del event
        return False

    # --- what ``Machine`` fills -------------------------------------------------------------------------------------

    @abc.abstractmethod
    def _heard(self, now: Now) -> None:
        """The exchange has proven that this connection works."""

    @abc.abstractmethod
    def _leave_garbage(self, now: Now) -> Outputs:
        """A server of which nothing has been understood for so long has nothing to say."""
