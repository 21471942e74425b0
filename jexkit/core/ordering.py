"""Once, and in order: which events were told before, and a short wait for those that overtook each other."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable
from decimal import Decimal
from itertools import islice
from typing import Any, TypeAlias

from jexkit.events import Event, Fill

LISTED = 512  # of what is remembered: so many are found out together to be the oldest

Rank: TypeAlias = tuple[int, Decimal]
"""The place of an event among those of equal time."""


class Repeats:
    """Remembers by their ids which events were told.

    Fills apart from the others, and more of them: of a fill nothing but its id says that it was told. A state is known
    by its id only for as long as copies of it may come; later the book sees that it is late.
    """

    def __init__(
        self, fills: Iterable[str] = (), others: Iterable[str] = (), *, limit: int = 65_536, of_others: int = 16_384
    ) -> None:
        self.fills = Ids(fills, limit)
        self.others = Ids(others, of_others)

    def is_new(self, event: Event) -> bool:
        """Whether this event was not told before; it counts as told from now on."""
        ids = self._of(event)
        if event.id in ids:
            return False
        ids[event.id] = None
        ids.tidy_up()
        return True

    def tidy_up(self) -> None:
        """Whoever puts ids into ``fills`` and ``others`` himself calls this afterwards."""
        self.fills.tidy_up()
        self.others.tidy_up()

    def copy(self) -> Repeats:
        """One of its own that remembers the same."""
        return Repeats(self.fills, self.others, limit=self.fills.limit, of_others=self.others.limit)

    def forget(self, event: Event) -> None:
        """It was not told after all."""
        self._of(event).forget(event.id)

    def _of(self, event: Event) -> Ids:
        return self.fills if type(event) is Fill else self.others


class Ids(dict[str, None]):
    """The last ``limit`` ids, the oldest first, and more until it tidies up."""

    def __init__(self, ids: Iterable[str], limit: int) -> None:
        super().__init__(ids if isinstance(ids, Ids) else dict.fromkeys(ids))
        self.limit = limit
        self._oldest = Oldest(limit)

    def tidy_up(self) -> None:
        if len(self) > self.limit:
            self._oldest.forget(self)

    def forget(self, identity: str) -> None:
        """It may come again, and is a new one then."""
        self.pop(identity, None)
        self._oldest.look_again()


class Oldest:
    """Keeps a dictionary to its last ``limit`` keys: what is to be forgotten next.

    The first key of a dictionary has to be looked for behind the places of all that were taken out before it, which
    takes a while; so it is done once for many. Taking many out at once would keep the next messages waiting.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._keys: list[str] = []  # the last one is the oldest

    def forget(self, known: dict[str, Any]) -> None:
        """Forget what is too much."""
        while len(known) > self._limit:
            if not self._keys:
                self._keys = list(islice(known, LISTED))
                self._keys.reverse()
            known.pop(self._keys.pop(), None)

    def look_again(self) -> None:
        """A key was taken out of its place, and may come back at the end."""
        self._keys.clear()


_Held: TypeAlias = list[Any]
"""Time, rank, arrival, event: compared in this order. The event is None once it has left."""


class Window:
    """A reorder window: each event waits ``seconds``, and those that wait leave by the exchange's time.

    For exchanges that do not promise order (JEX: "order your updates using E"). An event that comes later than its
    window is let through at once; whether it is still news is then the book's question.
    """

    def __init__(self, seconds: float, limit: int = 10_000) -> None:
        self._seconds = seconds
        self._limit = limit
        self._by_time: list[_Held] = []  # a heap
        self._by_arrival: deque[tuple[float, _Held]] = deque()  # with the moment at which each must leave
        self._arrivals = 0

    @property
    def holds(self) -> bool:
        """Whether anything has to wait at all."""
        return self._seconds > 0

    @property
    def due(self) -> float | None:
        """When the first event must leave, None if nothing waits."""
        return self._by_arrival[0][0] if self._by_arrival else None

    def put(self, events: Iterable[tuple[Event, Rank]], monotonic: float) -> None:
        """Hold events; the tuple ranks those of equal time."""
        for event, rank in events:
            self._arrivals += 1
            held = [event.time_ms, rank, self._arrivals, event]
            heapq.heappush(self._by_time, held)
            self._by_arrival.append((monotonic + self._seconds, held))

    def take(self, monotonic: float) -> list[Event]:
        """What may leave now, in order: everything up to the last event whose wait is over."""
        released: list[Event] = []
        waiting = self._by_arrival
        while waiting and (waiting[0][0] <= monotonic or len(self._by_time) > self._limit):
            held = heapq.heappop(self._by_time)
            released.append(held[-1])
            held[-1] = None
            while waiting and waiting[0][1][-1] is None:
                waiting.popleft()
        return released

    def clear(self) -> list[Event]:
        """Everything that waits, in order; the connection is gone and nothing more will come before it."""
        released = [held[-1] for held in sorted(self._by_time)]
        self._by_time.clear()
        self._by_arrival.clear()
        return released
