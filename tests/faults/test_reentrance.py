"""Callbacks that call back into jexkit, sleep, raise and stop at random, checked against the exchanges' ledgers."""

from __future__ import annotations

import itertools
import random
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from jexkit import Event, Fill, OrderUpdate, Overflow, Stream, StreamManager
from jexkit.errors import JexkitError, UsageError
from jexkit.journal.sqlite import SqliteJournal
from jexkit.sim import Simulator
from jexkit.sim.faults import ALL
from jexkit.testing import simulated
from tests.faults.watching import PATIENCE, SETTINGS, Watch, check_order, trade

SESSION_CALLS = {
    "binance_pm": "keepalive_listen_key",
    "jex": "keepalive_listen_key",
    "deribit": "get_cancel_on_disconnect",
    "poloniex": "list_subscriptions",
}


Told: TypeAlias = dict[str, list[Fill]]  # by stream


class Mine(Exception):
    """Raised by a callback on purpose."""


class Meddler:
    """A callback for everything on all streams, which does something else each time."""

    def __init__(self, seed: int, sim: Simulator, manager: StreamManager) -> None:
        self._dice = random.Random(seed)
        self._lock = threading.Lock()  # guards the dice: streams call at the same time
        self._sim = sim
        self._manager = manager
        self._names = itertools.count(1)
        self._never = threading.Event()
        self._registered: list[tuple[Any, type[Event], Callable[[Any], object]]] = []
        self.done: Counter[str] = Counter()
        self.faults: list[str] = []
        self._actions: list[Callable[[Stream], object]] = [
            self.look, self.register, self.unregister, self.wait_for_own, self.wait_for_other, self.wait_live,
            self.listen, self.add, self.remove, self.use_session, self.fail, self.sleep, self.join, self.start_again,
        ]  # fmt: skip

    def __call__(self, event: Event) -> None:
        with self._lock:
            action = self._dice.choice(self._actions) if self._dice.random() < 0.4 else None
        stream = self._manager.streams.get(event.stream)
        if action is None or stream is None:
            return
        self.done[action.__name__] += 1
        try:
            action(stream)
        except (JexkitError, Mine):
            raise
        except BaseException as fault:
            self.faults.append(f"{action.__name__}: {fault!r}")
            raise

    # What it may do; an error of jexkit's is an answer like any other

    def look(self, stream: Stream) -> None:
        self._manager.status()
        assert stream.name in repr(stream)
        assert len([*stream.orders, *stream.balances, *stream.positions]) >= 0

    def register(self, stream: Stream) -> None:
        place = self._pick([stream, self._manager])
        kind: type[Event] = self._pick([Event, Fill, OrderUpdate])

        def callback(event: Event) -> None:
            self.done["registered"] += isinstance(event, kind)

        place.on(kind, callback)
        self._registered.append((place, kind, callback))

    def unregister(self, stream: Stream) -> None:
        if self._registered:
            place, kind, callback = self._registered.pop()
            place.off(kind, callback)

    def wait_for_own(self, stream: Stream) -> None:
        with pytest.raises(UsageError):
            stream.wait_for(Fill)

    def wait_for_other(self, stream: Stream) -> None:
        """Any one, with or without an end; two may try to wait for each other."""
        other: Stream = self._pick([*self._manager.streams.values()])
        other.wait_for(Event, timeout=0.02)

    def wait_live(self, stream: Stream) -> None:
        stream.wait_live(0.02)

    def listen(self, stream: Stream) -> None:
        with (
            stream.events(Fill, timeout=0),
            self._pick([*self._manager.streams.values()]).events(timeout=0.01) as events,
        ):
            next(events)

    def add(self, stream: Stream) -> None:
        if len(self._manager.streams) < 7:
            exchange = self._pick([*ALL])
            guest = simulated.account(self._sim.venues[exchange].account("guest"), **SETTINGS[exchange])
            self._manager.add(guest, name=f"guest-{next(self._names)}")

    def remove(self, stream: Stream) -> None:
        """Its own one as well, if it is a guest's."""
        guests = [name for name in self._manager.streams if name.startswith("guest")]
        if guests:
            self._manager.remove(self._pick(guests))

    def use_session(self, stream: Stream) -> None:
        getattr(stream.session, SESSION_CALLS[stream.exchange])()

    def fail(self, stream: Stream) -> None:
        raise Mine("as any callback may")

    def sleep(self, stream: Stream) -> None:
        self._never.wait(0.03)

    def join(self, stream: Stream) -> None:
        with pytest.raises(UsageError):
            self._manager.join()

    def start_again(self, stream: Stream) -> None:
        with pytest.raises(UsageError):
            self._manager.start()

    def _pick(self, choices: list[Any]) -> Any:
        with self._lock:
            return self._dice.choice(choices)


def follow(manager: StreamManager, sim: Simulator) -> list[Watch]:
    """The main account of each exchange."""
    watches = []
    for exchange in ALL:
        account = sim.venues[exchange].account("main")
        stream = manager.add(simulated.account(account, **SETTINGS[exchange]), name=exchange)
        watches.append(Watch(stream, account))
    return watches


@pytest.mark.parametrize("overflow", [Overflow.RECOVER, Overflow.BLOCK, Overflow.SPILL], ids=str)
@pytest.mark.parametrize("seed", [1, 2])
def test_callbacks_may_do_anything(
    threads: None, sim: Simulator, seed: int, overflow: Overflow, tmp_path: Path
) -> None:
    """Every stream is told everything, in order, as if they had done nothing; and all threads end."""
    journal = SqliteJournal(tmp_path / "jexkit.db") if overflow is Overflow.SPILL else None
    manager = StreamManager(journal=journal, overflow=overflow)
    watches = follow(manager, sim)
    meddler = Meddler(seed, sim, manager)
    with manager:
        for watch in watches:
            watch.stream.wait_live(30)
            watch.begin()
        manager.on(Event, meddler)
        for _ in range(4):
            for watch in watches:
                trade(watch.account)
        for watch in watches:
            watch.wait(watch.is_caught_up, f"{watch.stream.name} at the end")
    assert meddler.faults == []
    assert len(meddler.done) > 10, meddler.done
    for watch in watches:
        assert watch.missing() == []
        check_order(watch.events)
        assert watch.is_final()


class Erratic:
    """A callback that sleeps, raises and, at one event of all streams, stops the manager. It notes every fill."""

    def __init__(self, dice: random.Random, manager: StreamManager, stops_at: int | None, told: Told) -> None:
        self._dice = dice
        self._lock = threading.Lock()  # guards the dice and the number: streams call at the same time
        self._manager = manager
        self._stops_at = stops_at
        self._told = told
        self._number = 0
        self._never = threading.Event()

    def __call__(self, event: Event) -> None:
        with self._lock:
            self._number += 1
            number, chance = self._number, self._dice.random()
        if number == self._stops_at:
            self._manager.stop()
        if chance < 0.05:
            self._never.wait(0.02)
        elif chance < 0.1:
            raise Mine("as any callback may")
        if isinstance(event, Fill):
            self._told[event.stream].append(event)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_callbacks_may_sleep_raise_and_stop(threads: None, sim: Simulator, seed: int, tmp_path: Path) -> None:
    """Five lives of a program with a journal, each but the last ended from inside a callback at a random event.

    No fill is missing in the end, whenever it happened, and one that was told again has the same id.
    """
    dice = random.Random(seed)
    told: Told = {exchange: [] for exchange in ALL}
    begun: dict[str, int] = {}
    for life in range(5):
        manager = StreamManager(journal=SqliteJournal(tmp_path / "jexkit.db"))
        watches = follow(manager, sim)
        stops_at = dice.randrange(1, 80) + 50 * (not begun)  # the first life tells of what is there, first of all
        manager.on(Event, Erratic(dice, manager, stops_at if life < 4 else None, told))
        with manager:
            for watch in watches if not begun else ():
                watch.stream.wait_live(30)
            begun = begun or {watch.stream.name: len(watch.account.told) for watch in watches}
            for watch in watches:
                trade(watch.account)
            if life < 4:
                assert manager.join(PATIENCE)
            else:
                for watch in watches:
                    _wait_for_fills(watch, begun, told)
        for watch in watches:
            trade(watch.account)  # nobody is there


def _wait_for_fills(watch: Watch, begun: dict[str, int], told: Told) -> None:
    name = watch.stream.name
    happened = [record for record in list(watch.account.told)[begun[name] :] if record["kind"] == "fill"]
    sums = _sums((str(one["symbol"]), str(one["order_id"]), Decimal(one["quantity"])) for one in happened)
    watch.wait(lambda: _sums(_once(told[name])) == sums, f"all fills of {name}")
    trades = {(fill.symbol, fill.order_id, fill.trade_id, fill.id) for fill in told[name]}
    assert len(trades) == len({fill.id for fill in told[name]})


def _once(fills: list[Fill]) -> Iterator[tuple[str, str, Decimal]]:
    """One that was told again counts once."""
    for fill in {fill.id: fill for fill in list(fills)}.values():
        yield fill.symbol, fill.order_id, fill.quantity


def _sums(filled: Iterable[tuple[str, str, Decimal]]) -> dict[tuple[str, str], Decimal]:
    """What was filled of each order: JEX tells no more."""
    sums: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for symbol, order_id, quantity in filled:
        sums[symbol, order_id] += quantity
    return dict(sums)
