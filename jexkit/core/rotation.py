"""A new connection before the old one is cut: two machines of one stream in turn, with an overlap.

Some exchanges end every connection after 24 hours. Rather than be cut and recover, a stream opens a second connection
shortly before, and goes over to it when it is logged in and subscribed. For a moment both are live: what was on its
way on the old one still arrives there, what comes by both is told once (they share one book and one memory of ids),
and then the old one is closed. The program hears nothing of it; if the new connection fails, nothing has changed.

``RotatingMachine`` looks to the engine like a single machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import attrs

from jexkit.core.book import Book
from jexkit.core.counts import Counts
from jexkit.core.dialect import Dialect
from jexkit.core.lifecycle import ENDED, Phase, State
from jexkit.core.memory import Memory
from jexkit.core.overflowing import OverflowingMachine
from jexkit.core.values import Chance, Now, Output, Outputs
from jexkit.core.waiting import NEVER
from jexkit.errors import JexkitError
from jexkit.events import Event

LINGER = 5.0  # seconds that the old connection is read on; what was on its way when the new one began comes within one
TRY_AGAIN_AFTER = 600.0  # seconds after a new connection that came to nothing
JITTER = 600.0  # seconds by which a chosen moment is moved, so that many streams do not rotate at once
BEFORE_THE_CUT = 1800.0  # seconds before the exchange's cut at which a rotation comes at the latest
SPREAD = 0.05  # the part of a connection's life by which that moment is moved forward
PUT_OFF = 10.0  # seconds by which a rotation waits for a look that is under way
MOST_PUT_OFF = 60  # times; then the look may be lost, since the cut comes nearer
DAY = 86_400.0


@attrs.frozen
class Schedule:
    """When to rotate: every day at a moment (seconds after midnight UTC), and before a connection's life ends."""

    lifetime: float | None = None
    moment: float | None = None

    @classmethod
    def of(cls, lifetime: float | None, rotate_at: str | None) -> Schedule:
        """From the exchange's limit and the program's wish, written like ``"04:00Z"``."""
        if rotate_at is None:
            return cls(lifetime)
        return cls(lifetime, int(rotate_at[:2]) * 3600.0 + int(rotate_at[3:5]) * 60.0)

    def next(self, now: Now, chance: Chance) -> float:
        """The monotonic time of the next rotation of a connection that is new now; infinity for never."""
        waits = [NEVER]
        if self.lifetime is not None:
            waits.append((self.lifetime - BEFORE_THE_CUT) * (1 - SPREAD * chance()))
        if self.moment is not None:
            to_go = (self.moment - now.wall_ms / 1000) % DAY
            waits.append((to_go if to_go > JITTER else to_go + DAY) + (chance() - 0.5) * JITTER)
        return now.monotonic + min(waits)


class RotatingMachine:
    """One stream's machine, and at times a second one beside it. Has the facts and answers of ``protocol.Machine``."""

    def __init__(
        self,
        make: Callable[[], OverflowingMachine],
        schedule: Schedule,
        chance: Chance,
        remembering: str | None = None,
    ) -> None:
        """``remembering`` is what ``memory.pack()`` gave before: this start is then one more time away.

        Raises ConfigurationError where it cannot be read.
        """
        self._make = make
        self._schedule = schedule
        self._chance = chance
        self._main = make()
        if remembering is not None:
            self._main.remember(Memory.unpack(remembering))
        self._beside: OverflowingMachine | None = None  # on its way to take over, or on its way out
        self._rotate_at = NEVER
        self._leave_at = NEVER
        self._put_off = 0
        self._known_link = 0

    def remember(self, memory: Memory) -> None:
        """Before ``started``: begin with what an earlier machine of the account knew."""
        self._main.remember(memory)

    # --- what the engine asks ---------------------------------------------------------------------------------------

    @property
    def due(self) -> float:
        beside = self._beside.due if self._beside is not None else NEVER
        return min(self._main.due, beside, self._rotate_at, self._leave_at)

    @property
    def is_quiet(self) -> bool:
        return self._beside is None and self._main.is_quiet

    @property
    def quiet_within(self) -> float:
        return self._main.quiet_within

    @property
    def state(self) -> State:
        return self._main.state

    @property
    def phase(self) -> Phase:
        return self._main.phase

    @property
    def link(self) -> int:
        return self._main.link

    @property
    def dialect(self) -> Dialect:
        return self._main.dialect

    @property
    def book(self) -> Book:
        return self._main.book

    @property
    def memory(self) -> Memory:
        """What the next start has to know."""
        return self._main.memory

    @property
    def counters(self) -> Counts:
        return self._main.counters

    @property
    def last_proof_ms(self) -> int | None:
        return self._main.last_proof_ms

    @property
    def last_error(self) -> str:
        return self._main.last_error

    # --- facts ------------------------------------------------------------------------------------------------------

    def started(self, now: Now) -> Outputs:
        return self._settled(self._main.started(now), now)

    def opened(self, link: int, now: Now) -> Outputs:
        return self._settled(self._of(link).opened(link, now), now)

    def refused(self, link: int, error: JexkitError, now: Now) -> Outputs:
        return self._settled(self._of(link).refused(link, error, now), now)

    def texts(self, link: int, frames: Iterable[bytes], now: Now) -> Iterator[Output]:
        yield from self._of(link).texts(link, frames, now)
        yield from self._settled([], now)

    def pinged(self, link: int, now: Now) -> Outputs:
        return self._of(link).pinged(link, now)

    def ponged(self, link: int, now: Now) -> Outputs:
        return self._of(link).ponged(link, now)

    def closed(self, link: int, detail: str, now: Now, *, broken: bool = False) -> Outputs:
        return self._settled(self._of(link).closed(link, detail, now, broken=broken), now)

    def faulted(self, detail: str, now: Now) -> Outputs:
        return self._settled(self._leave(now) + self._main.faulted(detail, now), now)

    def replied(self, call: int, result: Any, now: Now) -> Outputs:
        outputs = self._main.replied(call, result, now)
        if self._beside is not None:
            outputs += self._beside.replied(call, result, now)
        return self._settled(outputs, now)

    def failed(self, call: int, error: JexkitError, now: Now) -> Outputs:
        outputs = self._main.failed(call, error, now)
        if self._beside is not None:
            outputs += self._beside.failed(call, error, now)
        return self._settled(outputs, now)

    def asked(self, ticket: int, command: str, arguments: Mapping[str, Any], now: Now) -> Outputs:
        return self._settled(self._main.asked(ticket, command, arguments, now), now)

    def flooded(self, why: str, now: Now) -> Outputs:
        return self._settled(self._main.flooded(why, now), now)

    def took_back(self, events: Sequence[Event], told: Book, now: Now) -> Outputs:
        return self._settled(self._main.took_back(events, told, now), now)

    def caught_up(self, now: Now) -> Outputs:
        return self._settled(self._main.caught_up(now), now)

    def ticked(self, now: Now) -> Outputs:
        outputs = self._main.ticked(now)
        if self._beside is not None:
            outputs += self._beside.ticked(now)
        if self._leave_at <= now.monotonic:
            outputs += self._leave(now)
        if self._rotate_at <= now.monotonic:
            outputs += self._rotate(now)
        return self._settled(outputs, now)

    def stopped(self, now: Now) -> Outputs:
        outputs = self._leave(now)
        self._rotate_at = NEVER
        return outputs + self._main.stopped(now)

    def superseded(self, detail: str, now: Now) -> Outputs:
        outputs = self._leave(now)
        self._rotate_at = NEVER
        return outputs + self._main.superseded(detail, now)

    # --- rotation ---------------------------------------------------------------------------------------------------

    def _of(self, link: int) -> OverflowingMachine:
        """The machine that a connection belongs to; the main one for those that nobody knows any more."""
        beside = self._beside
        return beside if beside is not None and link == beside.link and link != self._main.link else self._main

    def _rotate(self, now: Now) -> Outputs:
        """Time for a new connection. A stream that is not live gets one anyway, and a look is let come to its end."""
        self._rotate_at = now.monotonic + TRY_AGAIN_AFTER if self._main.phase is Phase.BEHIND else NEVER
        if self._main.phase is Phase.LIVE and self._main.is_looking and self._put_off < MOST_PUT_OFF:
            self._put_off += 1
            self._rotate_at = now.monotonic + PUT_OFF
            return []
        self._put_off = 0
        if self._main.phase is not Phase.LIVE or self._beside is not None:
            return []
        heir = self._make()
        heir.stand_by_for(self._main)
        self._beside = heir
        return heir.started(now)

    def _settled(self, outputs: Outputs, now: Now) -> Outputs:
        """After each fact: go over to a new connection that is live, and forget one that came to nothing."""
        beside, main = self._beside, self._main
        if beside is not None and beside.phase in ENDED:
            self._beside, self._leave_at = None, NEVER
            if beside.link > main.link or self._rotate_at == NEVER:
                self._rotate_at = min(self._rotate_at, now.monotonic + TRY_AGAIN_AFTER)
                outputs = outputs + main.doubted(now)
        elif beside is not None and main.phase is not Phase.LIVE:
            outputs = outputs + beside.bow_out("the stream itself lost its connection", now)
            self._beside, self._leave_at = None, NEVER
        elif beside is not None and beside.link > main.link and beside.phase is Phase.LIVE:
            self._go_over(main, beside, now)
        if self._main.phase is Phase.LIVE and self._main.link != self._known_link:
            self._known_link = self._main.link
            self._rotate_at = self._schedule.next(now, self._chance)
        return outputs

    def _go_over(self, old: OverflowingMachine, new: OverflowingMachine, now: Now) -> None:
        new.stands_by, old.stands_by = False, True
        new.took_over(now)
        self._main, self._beside = new, old
        self._leave_at = now.monotonic + LINGER
        self.counters["rotations"] += 1

    def _leave(self, now: Now) -> Outputs:
        """The connection beside the main one has nothing more to say."""
        self._leave_at = NEVER
        beside, self._beside = self._beside, None
        return beside.bow_out("not needed any more", now) if beside is not None and beside.phase not in ENDED else []
