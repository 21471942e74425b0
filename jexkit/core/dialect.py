"""The seam that each exchange fills for its REST interface: how to ask, how to read, and what can be asked.

A dialect is pure. Its conversations are generators: they yield an ``Ask``, are sent the decoded answer, and return the
result, so that the same conversation serves a blocking client, a stream's recovery, and a test without any network.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from jexkit.core.values import Ask, Flow, HttpReply, HttpRequest
from jexkit.events import BalanceUpdate, Fill, OrderUpdate, PositionUpdate


@attrs.frozen
class Pace:
    """How often something may be asked for: so many at once, and so many a second after that, by ``Ask.weight``."""

    per_second: float = 10.0
    burst: float = 20.0


def just_before(time_ms: int) -> int:
    """The time of a state that was looked up at ``time_ms`` and has none of its own.

    What the stream tells of that same millisecond may have happened after the look, and counts as later. No more than
    that: a message that is late would take back what the answer had already.
    """
    return time_ms - 1


@attrs.frozen
class Traces:
    """What shows where something may have happened since ``since_ms``.

    ``symbols`` are those that orders were told of, with a family in front; ``orders`` those that were open or are;
    ``held`` the balances as they were told, ``balances`` and ``positions`` as the exchange has them now.
    """

    since_ms: int
    symbols: Sequence[str] = ()
    orders: Sequence[OrderUpdate] = ()
    held: Mapping[str, BalanceUpdate] = attrs.field(factory=dict)
    balances: Sequence[BalanceUpdate] = ()
    positions: Sequence[PositionUpdate] = ()


@attrs.frozen
class Places:
    """The names of the lists of changes that have to be read, and what cannot be found in any: what, and why."""

    names: Sequence[str]
    unknowable: Sequence[tuple[str, str]] = ()


class Dialect(abc.ABC):
    """One account's REST interface. Events that it reads are marked ``origin=RECOVERED``."""

    pace: Pace = Pace()
    """Below the exchange's limit for the dearest of the reads, so that a long recovery never runs into it."""
    irrecoverable: tuple[str, ...] = ()
    """What this exchange tells by its stream and keeps no readable record of; named in a ``Gap`` after each absence."""

    span_ms: int | None = None
    """A long time is read in spans of this length at first, where the lists have small pages and take an end: each span
    that was read is done with, however soon the next fault comes."""

    @abc.abstractmethod
    def prepare(self, ask: Ask, wall_ms: int) -> HttpRequest:
        """The request for ``ask``, signed for ``wall_ms`` (the exchange's clock, as well as it is known)."""

    @abc.abstractmethod
    def read(self, ask: Ask, reply: HttpReply, wall_ms: int) -> Any:
        """The decoded answer, or raise the fitting leaf of ``jexkit.errors``."""

    @abc.abstractmethod
    def clock(self) -> Flow[int]:
        """The exchange's time in milliseconds since 1970."""

    @abc.abstractmethod
    def open_orders(self, symbols: Sequence[str] = ()) -> Flow[list[OrderUpdate]]:
        """``symbols`` matter where the exchange lists open orders by symbol only."""

    @abc.abstractmethod
    def order(self, order_id: str, *, symbol: str = "", market: str = "") -> Flow[OrderUpdate]: ...

    @abc.abstractmethod
    def fills(self, since_ms: int, *, symbols: Sequence[str] = ()) -> Flow[list[Fill]]:
        """``symbols`` matter where the exchange lists fills by symbol only, with a family in front: ``UM:BTCUSDT``."""

    def places(self, traces: Traces) -> Flow[Places]:
        """Which lists a recovery has to read, by names of the exchange's own; one for everything where it has one."""
        del traces
        yield from ()
        return Places(("",))

    def changes(
        self, since_ms: int, place: str, until_ms: int | None = None
    ) -> Flow[tuple[list[OrderUpdate], list[Fill]]]:
        """What one of those lists tells of the time since then: fills, and orders that are not open any more.

        ``until_ms`` is only given where there is a ``span_ms``.
        """
        del place, until_ms
        return [], (yield from self.fills(since_ms))

    def orders(self, wanted: Sequence[OrderUpdate]) -> Flow[list[OrderUpdate]]:
        """Of these orders of one symbol those that a list tells, where that is cheaper than to ask one by one."""
        del wanted
        yield from ()
        return []

    @abc.abstractmethod
    def balances(self) -> Flow[list[BalanceUpdate]]: ...

    @abc.abstractmethod
    def positions(self) -> Flow[list[PositionUpdate]]: ...

    def calls(self) -> Mapping[str, Callable[..., Flow[Any]]]:
        """The session methods that this exchange takes over HTTP, by their name in ``jexkit.session``."""
        return {}
