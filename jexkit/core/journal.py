"""The seam of the journal: where every event is kept before a callback sees it, until its callbacks have returned.

A journal holds *entries*: events, each with its *position*, a number that grows by one from entry to entry across all
streams of the journal. A *consumer* is a name under which callbacks are registered (``"main"`` unless the program says
otherwise); for each stream it has a position of its own, the last one that it is done with.

What every journal keeps, and ``jexkit.testing.conformance.journal`` tests of each:

* What ``write`` was given is durable when it returns: a new process that opens the journal finds it. One call is one
  transaction, whatever it holds.
* An event whose id the journal holds already for that stream is refused, counted and told to nobody: what recovery
  finds again after a crash is one event.
* A position never goes back but by ``rewind``. A consumer nobody has heard of stands at 0, before the first entry, so a
  new one reads from the start.
* ``memory`` is what a stream's recovery needs, as text. It is kept with the position that it belongs to:
  the memory, and the entries after that position, give the state at the moment of the crash.
* An attempt that was begun and not finished is found by the next process, whatever ended this one.
* ``prune`` removes what is older or more than the journal is to keep, a bounded number at a time, and never an entry
  that a known consumer has not acknowledged, nor one that a memory needs.

How the engine uses it: ``engine.journaling.Writer`` is the one caller of ``write``. It gathers what all streams hand in
while the transaction before it runs, and acknowledgements ride along. The deliveries read (``read``, ``position``), put
``handling`` and ``replaying`` around callbacks, note attempts at what was unacknowledged at the start, and set dead
letters aside.

Any thread may call any method. After ``open`` the journal is its path's one writer until ``close``; a second one is
refused. Whoever only reads need not open it, and may live in another process. Every method raises ``JournalError``, or
one of its leaves, when the journal cannot be read or written.
"""

from __future__ import annotations

import abc
import functools
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, TypeAlias

import attrs

from jexkit.arguments import check_consumer, check_kinds, check_name, check_number
from jexkit.core.exact import Shape
from jexkit.core.retention import Retention
from jexkit.events import Event

MAIN = "main"
"""The consumer of callbacks that were registered without one."""
READ_LIMIT = 1_000
PRUNE_LIMIT = 1_000

Reader: TypeAlias = tuple[str, str]
"""A stream and a consumer of it."""


class Entry(Shape, frozen=True):  # type: ignore[misc]  # of a shape that is not, which msgspec allows
    """One event and its place in the journal. A shape, so that the garbage collector does not look at each."""

    position: int
    event: Event

    @property
    def stream(self) -> str:
        return self.event.account


@attrs.frozen
class Append:
    """Events of one stream, in order, and what its recovery has to remember once they were told (None: as before)."""

    stream: str
    events: Sequence[Event]
    memory: str | None = attrs.field(default=None, repr=False)


@attrs.frozen
class Memory:
    """What ``recall`` finds: the memory of a stream, and the last position that it has taken in."""

    position: int
    text: str = attrs.field(repr=False)


@attrs.frozen
class DeadLetter:
    """An event that one callback kept failing on. ``number`` names it in this journal.

    ``is_wanted``: it was asked to be delivered again, and has not been yet. ``failed_ms`` is the time of the last
    attempt, in milliseconds since 1970.
    """

    entry: Entry
    consumer: str
    callback: str
    traceback: str = attrs.field(repr=False)
    attempts: int
    failed_ms: int
    number: int = 0
    is_wanted: bool = False


@attrs.frozen
class Attempt:
    """A callback was called with an entry and has not returned, as far as the journal knows: the process ended in it.

    ``callback`` is its name, or "" for all callbacks of the consumer as one. ``count`` is how often that has been so.
    """

    stream: str
    position: int
    consumer: str
    callback: str
    count: int = 1


@attrs.frozen
class Progress:
    """How far a consumer of a stream has come, and how many entries of the stream are before it."""

    stream: str
    consumer: str
    position: int
    behind: int


@attrs.frozen
class JournalStatus:
    """What is in a journal. ``first`` and ``last`` are positions, 0 in an empty one.

    ``refused`` counts events that were known already, since the journal was opened. ``set_aside`` is where a corrupt
    file was moved to when the journal was opened, else "". ``bytes`` is its size on disk.
    """

    where: str
    entries: int
    first: int
    last: int
    bytes: int
    refused: int
    dead_letters: int
    consumers: tuple[Progress, ...]
    set_aside: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {**attrs.asdict(self), "consumers": [attrs.asdict(each) for each in self.consumers]}


def _check_reading(after: Any = 0, *, stream: Any = None, types: Any = (), limit: Any = READ_LIMIT) -> None:
    check_number("after", after)
    check_number("limit", limit, least=1)
    check_kinds("types", types)
    if stream is not None:
        check_name(stream)


def _check_rewinding(stream: Any, consumer: Any, position: Any) -> None:
    check_name(stream)
    check_consumer(consumer)
    check_number("position", position)


def _check_consumer_of(stream: Any, consumer: Any = MAIN) -> None:
    check_name(stream)
    check_consumer(consumer)


def _check_letters(*, wanted: Any = False, limit: Any = READ_LIMIT) -> None:
    del wanted
    check_number("limit", limit, least=1)


def _check_letter(number: Any) -> None:
    check_number("number", number)


_CHECKS: dict[str, Callable[..., None]] = {
    "read": _check_reading,
    "position": _check_consumer_of,
    "rewind": _check_rewinding,
    "forget": _check_consumer_of,
    "dead_letters": _check_letters,
    "replay": _check_letter,
    "discard": _check_letter,
}


def _checked(method: Callable[..., Any], check: Callable[..., None]) -> Callable[..., Any]:
    @functools.wraps(method)
    def checked(self: Journal, *arguments: Any, **named: Any) -> Any:
        check(*arguments, **named)
        return method(self, *arguments, **named)

    return checked


class Journal(abc.ABC):
    """Base of all journals; see the module's text for what each promises.

    What programs call by hand is checked here for every journal: arguments that make no sense are refused with a
    ConfigurationError before its own method sees them.
    """

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        for name, check in _CHECKS.items():
            if name in vars(cls):
                setattr(cls, name, _checked(vars(cls)[name], check))

    retention: Retention = Retention()
    """What ``prune`` goes by. Where few entries are kept, what recovery needs is written anew more often."""

    # --- life -------------------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Raise ConfigurationError for what ``open`` could never work with, without opening anything."""
        return

    @abc.abstractmethod
    def open(self) -> None:
        """Become the writer. Raises JournalTaken if there is one already, this object included."""

    def take_over(self) -> None:
        """``open``, though another process may have it: the caller holds the lock, and that process hangs.

        When it wakes, what it writes must be refused. Here it is the same as ``open``, which is refused instead.
        """
        self.open()

    @abc.abstractmethod
    def close(self) -> None:
        """Give up writing and let go of everything held. It can be opened again. Closing twice does no harm."""

    # --- the writer's -----------------------------------------------------------------------------------------------

    @abc.abstractmethod
    def write(
        self, appends: Sequence[Append], acknowledgements: Mapping[Reader, int] | None = None
    ) -> list[list[Entry]]:
        """One transaction. Returns, for each of ``appends``, its entries without the events that were refused.

        An acknowledgement of position 0 makes a consumer known, so that nothing that it has yet to see is pruned.
        """

    def append(self, stream: str, events: Sequence[Event], memory: str | None = None) -> list[Entry]:
        """``write`` for the events of one stream."""
        return self.write([Append(stream, events, memory)])[0]

    def acknowledge(self, stream: str, consumer: str, position: int) -> None:
        """``write`` for one consumer that is done with everything up to ``position``."""
        self.write([], {(stream, consumer): position})

    @abc.abstractmethod
    def prune(self, now_ms: int, limit: int = PRUNE_LIMIT) -> int:
        """Remove up to ``limit`` entries that need not be kept; returns how many they were."""

    def handling(self, entry: Entry, consumer: str) -> AbstractContextManager[object] | None:
        """What goes around the callbacks of one consumer for one entry.

        None, as here: nothing does, and the engine acknowledges with the next transaction after they returned. A
        journal in the program's own database returns a transaction whose clean end acknowledges, so that what the
        callbacks wrote and the acknowledgement are kept or lost together; an exception takes all of it back.
        """
        del entry, consumer
        return None

    def replaying(self, letter: DeadLetter) -> AbstractContextManager[object] | None:
        """The same around the callback that is given a dead letter again; its clean end forgets the letter.

        Raises UnknownEntry when it is entered and the letter is gone by then.
        """
        del letter
        return None

    # --- attempts ---------------------------------------------------------------------------------------------------

    @abc.abstractmethod
    def begin(self, attempt: Attempt) -> None:
        """Note that a callback is about to be called, for the ``count``-th time. The note survives the end of the
        process, for that is what it is for; a power cut may take it back, so it need not cost a flush to the disk."""

    @abc.abstractmethod
    def finish(self, attempt: Attempt) -> None:
        """It has returned, or will not be called any more. Does no harm where there is no note of it."""

    @abc.abstractmethod
    def unfinished(self, stream: str) -> list[Attempt]:
        """What was begun and not finished."""

    # --- anybody's --------------------------------------------------------------------------------------------------

    @abc.abstractmethod
    def last(self) -> int:
        """The last position that was given to an entry, 0 if none was."""

    @abc.abstractmethod
    def read(
        self,
        after: int = 0,
        *,
        stream: str | None = None,
        types: Sequence[type[Event]] = (),
        limit: int = READ_LIMIT,
    ) -> list[Entry]:
        """Up to ``limit`` entries after a position, in order; of one stream, of some types (subclasses included)."""

    @abc.abstractmethod
    def position(self, stream: str, consumer: str = MAIN) -> int:
        """The last position that a consumer of a stream is done with; 0 for one that is not known."""

    @abc.abstractmethod
    def recall(self, stream: str) -> Memory | None:
        """What the stream's recovery has to remember, None for a new stream."""

    @abc.abstractmethod
    def status(self) -> JournalStatus:
        """What is in it now."""

    # --- dead letters -----------------------------------------------------------------------------------------------

    @abc.abstractmethod
    def set_aside(self, letter: DeadLetter) -> DeadLetter:
        """Keep a dead letter, with a copy of its event. Returns it with its number."""

    @abc.abstractmethod
    def dead_letters(self, *, wanted: bool = False, limit: int = READ_LIMIT) -> list[DeadLetter]:
        """The oldest dead letters; only those that are to be delivered again if ``wanted``."""

    @abc.abstractmethod
    def replay(self, number: int) -> None:
        """Have a dead letter delivered again, to its consumer. Raises UnknownEntry if there is none of this number."""

    @abc.abstractmethod
    def discard(self, number: int) -> None:
        """Forget a dead letter. Raises UnknownEntry if there is none of this number."""

    # --- consumers --------------------------------------------------------------------------------------------------

    @abc.abstractmethod
    def rewind(self, stream: str, consumer: str, position: int) -> None:
        """Have a consumer see everything after ``position`` again when its stream next starts.

        Raises UnknownEntry for a consumer that is not known, and one that is not yet there.
        """

    @abc.abstractmethod
    def forget(self, stream: str, consumer: str) -> None:
        """A consumer is no more: nothing is kept for it. Raises UnknownEntry for one that is not known."""
