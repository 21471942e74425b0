"""A toy exchange whose whole truth is known, a machine that follows it, and all that may happen between the two."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import attrs
from hypothesis import strategies as st

from jexkit.core.dialect import Dialect, Places, Traces
from jexkit.core.memory import Memory
from jexkit.core.recovering import BEFORE_THIS, FIRST_LOOK, RecoveringMachine
from jexkit.core.values import Ask, Flow, HttpReply, HttpRequest, Now, Outputs, Ping
from jexkit.errors import JexkitError, OrderUnknown, TransportError
from jexkit.events import (
    BalanceUpdate,
    Event,
    Fill,
    Gap,
    Live,
    Market,
    OrderStatus,
    OrderUpdate,
    Origin,
    PositionUpdate,
    Side,
    Suspended,
)
from jexkit.testing.clock import START_MS, ManualClock
from jexkit.testing.driver import Driver

ABOUT: dict[str, Any] = {"exchange": "toy", "account": "main", "received_ms": START_MS, "market": Market.SPOT}
NEW, PART, FILLED, CANCELLED = OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED, OrderStatus.FILLED, OrderStatus.CANCELLED
STEPS = {None: OrderStatus.PENDING, OrderStatus.PENDING: NEW, NEW: OrderStatus.PENDING_CANCEL}
TOLD_AFTER_MS = 3  # of an order's change; the stream dates it by when it tells, REST by when it happened


@attrs.frozen
class Moment:
    """The exchange's whole truth after one thing has happened, and what its stream said of it."""

    time_ms: int
    orders: dict[str, OrderUpdate]
    fills: tuple[Fill, ...]
    balance: BalanceUpdate
    position: PositionUpdate
    said: tuple[Event, ...] = ()


def order(key: str, status: OrderStatus, filled: int, time_ms: int) -> OrderUpdate:
    return OrderUpdate(
        id=f"order:{key}:{status}:{filled}", time_ms=time_ms, symbol="X", order_id=key, key=key, side=Side.BUY,
        status=status, native_status=str(status), quantity=Decimal(3), filled_quantity=Decimal(filled), **ABOUT,
    )  # fmt: skip


def balance(amount: int, time_ms: int) -> BalanceUpdate:
    return BalanceUpdate(
        id=f"balance:{time_ms}:{amount}", time_ms=time_ms, asset="B", key="B", total=Decimal(amount), **ABOUT
    )


def position(amount: int, time_ms: int) -> PositionUpdate:
    return PositionUpdate(
        id=f"position:{time_ms}:{amount}", time_ms=time_ms, symbol="X", key="X", quantity=Decimal(amount), **ABOUT
    )


class Exchange(Dialect):
    """A toy exchange: a history of moments, and a REST interface that answers as of any of them."""

    irrecoverable = ("notices",)

    def __init__(self) -> None:
        self.history = [Moment(START_MS, {}, (), balance(100, START_MS), position(0, START_MS))]
        self.sent: list[int] = []  # the moments that the stream has told of
        self.as_of = -1  # the moment that REST knows; -1 is now
        self.asked: list[tuple[str, int]] = []  # the lists of changes that were read, and since when
        self.tells_ended = "ac"  # the orders whose list tells when they have ended

    @property
    def now(self) -> Moment:
        return self.history[-1]

    def happen(self, what: str, key: str) -> tuple[Event, ...]:
        """Place an order, fill one unit of it, cancel it, or let it take a step; returns what the stream says.

        Steps lead from being placed to being on the book, and from there to being cancelled.
        """
        now, time_ms = self.now, self.now.time_ms + 1
        known = now.orders.get(key)
        orders, fills, held = dict(now.orders), now.fills, now.balance.total or Decimal(0)
        if what == "step":
            step = STEPS.get(known.status if known else None)
            if step is None:
                return ()
            orders[key] = order(key, step, 0, time_ms)
        elif known is None:
            orders[key] = order(key, NEW, 0, time_ms)
        elif known.status.is_final:
            return ()
        elif what == "cancel":
            orders[key] = order(key, CANCELLED, int(known.filled_quantity), time_ms)
        else:
            filled = int(known.filled_quantity) + 1
            orders[key] = order(key, FILLED if filled == 3 else PART, filled, time_ms)
            fill = Fill(
                id=f"fill:X:{len(fills)}", time_ms=time_ms, symbol="X", order_id=key, trade_id=str(len(fills)),
                side=Side.BUY, quantity=Decimal(1), price=Decimal(7), **ABOUT,
            )  # fmt: skip
            fills = (*fills, fill)
        said: list[Event] = [attrs.evolve(orders[key], time_ms=time_ms + TOLD_AFTER_MS), *fills[len(now.fills) :]]
        has = balance(int(held) - 7 * (len(fills) - len(now.fills)), time_ms)
        holds = position(len(fills), time_ms)
        if len(fills) > len(now.fills):
            said += [has, holds]
        self.history.append(Moment(time_ms, orders, fills, has, holds, tuple(said)))
        return tuple(said)

    # --- REST -------------------------------------------------------------------------------------------------------

    @property
    def seen(self) -> Moment:
        return self.history[self.as_of]

    def prepare(self, ask: Ask, wall_ms: int) -> HttpRequest:
        raise AssertionError("the toy asks nothing over HTTP")

    def read(self, ask: Ask, reply: HttpReply, wall_ms: int) -> Any:
        raise AssertionError("the toy asks nothing over HTTP")

    def clock(self) -> Flow[int]:
        yield from ()
        return self.now.time_ms

    def open_orders(self, symbols: Sequence[str] = ()) -> Flow[list[OrderUpdate]]:
        yield from ()
        return [recovered(each) for each in self.seen.orders.values() if not each.status.is_final]

    def order(self, order_id: str, *, symbol: str = "", market: str = "") -> Flow[OrderUpdate]:
        yield from ()
        if order_id not in self.seen.orders:
            raise OrderUnknown("no such order")
        return recovered(self.seen.orders[order_id])

    def fills(self, since_ms: int, *, symbols: Sequence[str] = ()) -> Flow[list[Fill]]:
        yield from ()
        return [recovered(fill) for fill in self.seen.fills if fill.time_ms >= since_ms]

    def places(self, traces: Traces) -> Flow[Places]:
        """A list for each order."""
        yield from ()
        return Places(sorted({fill.order_id for fill in self.now.fills}))

    def changes(
        self, since_ms: int, place: str, until_ms: int | None = None
    ) -> Flow[tuple[list[OrderUpdate], list[Fill]]]:
        """The fills of one order, and the order if it has ended and its list tells ended ones."""
        self.asked.append((place, since_ms))
        until_ms = self.now.time_ms if until_ms is None else until_ms
        fills = [fill for fill in (yield from self.fills(since_ms)) if fill.order_id == place]
        fills = [fill for fill in fills if fill.time_ms <= until_ms]
        known = self.seen.orders.get(place)
        ended = [recovered(known)] if known and known.status.is_final and place in self.tells_ended else []
        return [order for order in ended if order.time_ms >= since_ms], fills

    def orders(self, wanted: Sequence[OrderUpdate]) -> Flow[list[OrderUpdate]]:
        """All but the first of them."""
        yield from ()
        return [recovered(self.seen.orders[order.key]) for order in wanted[1:] if order.key in self.seen.orders]

    def balances(self) -> Flow[list[BalanceUpdate]]:
        yield from ()
        return [recovered(self.seen.balance)]

    def positions(self) -> Flow[list[PositionUpdate]]:
        yield from ()
        return [recovered(self.seen.position)] if self.seen.position.quantity else []


def recovered(event: Any) -> Any:
    return attrs.evolve(event, origin=Origin.RECOVERED)


class Toy(RecoveringMachine):
    """A machine whose stream says the number of a moment, and tells what happened then."""

    def __init__(self, exchange: Exchange) -> None:
        super().__init__(exchange="toy", stream="main", dialect=exchange, chance=lambda: 0.5)
        self.truth = exchange

    def _prepare(self, now: Now) -> Outputs:
        return self._open("ws://toy")

    def _enter(self, now: Now) -> Outputs:
        return self._entered(now)

    def _read(self, text: bytes | str, now: Now) -> Outputs:
        return self._tell(self.truth.history[int(text)].said, now)

    def _prove(self, now: Now) -> Outputs:
        return [Ping(self.link)]

    def _commands(self) -> dict[str, Any]:
        return {}


def answer_stage(driver: Driver, exchange: Exchange, as_of: int) -> None:
    """Let the question that is under way be answered by a REST interface that knows the moment ``as_of``."""
    exchange.as_of = as_of
    try:
        next(driver.calls[0].flow())
    except StopIteration as end:
        driver.reply(end.value)
    except JexkitError as error:
        driver.fail(error)
    exchange.as_of = -1


def answer(driver: Driver, exchange: Exchange, as_of: int) -> None:
    """Let the oldest look be answered to its end."""
    stale = len(driver.calls) > 1
    while driver.calls:
        answer_stage(driver, exchange, as_of)
        if stale:  # of a look that nobody waits for any more
            return


def connect(driver: Driver) -> None:
    """Let the retry come, and the websocket open."""
    if driver.machine.phase.value == "waiting":
        driver.advance(61)
    driver.open()


def settle(driver: Driver, exchange: Exchange) -> None:
    """A quiet moment: connected, and every question answered by the truth of now."""
    for _ in range(12):
        if driver.machine.phase.value in ("waiting", "opening"):
            connect(driver)
        while driver.calls:
            answer(driver, exchange, -1)
        driver.advance(6)


TRAILS = 4  # moments that REST is behind at the most when it is asked at once; a second look is late enough
KEYS = "abcdefgh"

ACTION = st.one_of(
    st.tuples(st.just("trade"), st.sampled_from(KEYS), st.sampled_from(["fill", "fill", "step", "cancel"])),
    st.tuples(st.just("repeat"), st.integers(0, 30)),
    st.tuples(st.just("late"), st.integers(1, 3)),
    st.tuples(st.just("break")),
    st.tuples(st.just("connect")),
    st.tuples(st.just("cut_short"), st.lists(st.sampled_from(KEYS), min_size=8, max_size=16), st.integers(1, 12)),
    st.tuples(st.just("stages"), st.integers(1, TRAILS), st.integers(1, 9)),
    st.tuples(st.just("answer"), st.integers(1, TRAILS)),
    st.tuples(st.just("fail")),
    st.tuples(st.just("wait"), st.sampled_from([1, 6, 31])),
    st.tuples(st.just("restart")),
)


class Play:
    """A stream, its exchange, and what may happen between them. Everything that was told is in ``told``."""

    kind: type[Toy] = Toy

    def __init__(self) -> None:
        self.exchange = Exchange()
        self.driver = Driver(self.kind(self.exchange), ManualClock())
        self.told: list[Event] = []
        self.is_exact = False  # all answers on this connection were true when they were given
        self.driver.start()
        self.driver.open()
        answer(self.driver, self.exchange, -1)

    def act(self, action: tuple[Any, ...]) -> None:
        """Do one thing, if it can be done now."""
        perform = getattr(self, f"_{action[0]}")
        perform(*action[1:])
        went_on_without = [gap for gap in self.driver.told(Gap) if gap.what == BEFORE_THIS]
        if self.driver.told(Live) and self.is_exact and not self.driver.told(Suspended) and not went_on_without:
            self.check()
        self.told += self.driver.events
        self.driver.forget()

    def check(self) -> None:
        """The stream holds what the exchange holds."""
        book, now = self.driver.machine.book, self.exchange.now
        truth = {key: each for key, each in now.orders.items() if not each.status.is_final}
        assert {key: (each.status, each.filled_quantity) for key, each in book.orders.items()} == {
            key: (each.status, each.filled_quantity) for key, each in truth.items()
        }
        assert (book.balances["B"].total if "B" in book.balances else Decimal(100)) == now.balance.total
        held = book.positions["X"].quantity if "X" in book.positions else Decimal(0)
        assert held == now.position.quantity

    @property
    def is_connected(self) -> bool:
        return self.driver.machine.phase.value in ("recovering", "live", "behind")

    def _tell(self, moment: int) -> None:
        self.exchange.sent.append(moment)
        self.driver.text(str(moment))

    def _trade(self, key: str, what: str) -> None:
        if self.exchange.happen(what, key) and self.is_connected:
            self._tell(len(self.exchange.history) - 1)

    def _cut_short(self, keys: list[str], count: int) -> None:
        """An absence in which more happens than the lists are read back for, and a recovery that does not get far."""
        self._break()
        for key in keys:
            self._trade(key, "fill")
        self._connect()
        self._stages(1, count)
        self._break()

    def _late(self, number: int) -> None:
        """Several things happen, and the stream tells them in another order, as an exchange that promises none."""
        first = len(self.exchange.history)
        for key in KEYS[:number]:
            self.exchange.happen("fill", key)
        if self.is_connected:
            for moment in reversed(range(first, len(self.exchange.history))):
                self._tell(moment)

    def _repeat(self, number: int) -> None:
        if self.is_connected and self.exchange.sent:
            self.driver.text(str(self.exchange.sent[number % len(self.exchange.sent)]))

    def _break(self) -> None:
        if self.is_connected:
            self.driver.close("gone", broken=True)

    def _connect(self) -> None:
        if self.driver.machine.phase.value in ("waiting", "opening"):
            connect(self.driver)
            self.is_exact = True

    def _trailing(self, number: int) -> int:
        trails = self.driver.calls[0].what == FIRST_LOOK
        return max(-number, -len(self.exchange.history)) if trails else -1

    def _stages(self, number: int, count: int) -> None:
        for _ in range(count):
            if self.driver.calls:
                self.is_exact = self.is_exact and self._trailing(number) == -1
                answer_stage(self.driver, self.exchange, self._trailing(number))

    def _answer(self, number: int) -> None:
        while self.driver.calls:
            self._stages(number, 1)

    def _fail(self) -> None:
        if self.driver.calls:
            self.driver.fail(TransportError("REST is away"))

    def _wait(self, seconds: float) -> None:
        self.driver.advance(seconds)

    def _restart(self) -> None:
        """The process ends, and the next one begins with what this one knew."""
        self.driver.stop()
        self.told += self.driver.events
        memory = Memory.unpack(self.driver.machine.memory.pack())
        self.driver = Driver(self.kind(self.exchange), self.driver.clock)
        self.driver.machine.remember(memory)
        self.driver.start()
        self.driver.open()

    def settle(self) -> None:
        settle(self.driver, self.exchange)
        self.told += self.driver.events
