"""Two days in the life of four streams over real sockets: 48 hours of the exchanges' time and of our own, ending equal.

The clocks of both sides stand still and are moved on together, by so much at a time as no deadline minds, and again
when all that this brought has been answered: pings, heartbeats, keys, tokens, checks. So nothing here depends on how
fast a machine is. (To let time run faster by a factor instead would not do: with two days in half a minute, Poloniex
cuts after five milliseconds of silence.) ``test_day.py`` lives through the same without sockets, and counts the chores.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from jexkit import Gap, Live, Lost, StreamManager, Suspended
from jexkit.core import recovering
from jexkit.core.lifecycle import Phase
from jexkit.core.values import Now
from jexkit.engine.clock import Clock
from jexkit.testing import simulated

pytest.importorskip("aiohttp", reason="the simulator needs the extra sim")

from jexkit.sim import Simulator
from jexkit.sim.faults import ALL
from tests.faults.watching import PATIENCE, SETTINGS, TRADED, Watch, check_life, check_order

HOURS = 48
HOUR = 3600
STEP = 25  # seconds; Poloniex cuts after 30 without a word
ABSENCES = 3  # of each stream
LOOK_EVERY = 4  # hours; the comparison of all that was ever told takes its time
AT_REST = frozenset({Phase.LIVE, Phase.RECOVERING, Phase.WAITING})  # where nothing is expected but the time
ALMOST_STILL = 1e-6  # seconds of the exchanges' time in one of ours
NO_LIMITS = {
    "binance_pm": {"weight_per_minute": 10**9},
    "deribit": {"credits_pool": 10**9, "credits_refill": 10**9},
    "poloniex": {"light_per_second": None, "heavy_per_second": None, "public_per_second": None},
    "jex": {"weight_per_minute": 10**9},
}
"""All that is asked in a step comes in one second of a clock that stands still, at whatever pace it is asked."""


class Days:
    """The time of both sides, and four streams."""

    def __init__(self, sim: Simulator, manager: StreamManager) -> None:
        self.sim = sim
        self.random = random.Random(48)
        self._now = Now(time.monotonic(), time.time_ns() // 1_000_000)
        self.watches = {name: self._watch(manager, name) for name in ALL}

    def _watch(self, manager: StreamManager, exchange: str) -> Watch:
        account = self.sim.venues[exchange].account("main")
        symbols = {"symbols": SETTINGS[exchange]["symbols"]} if "symbols" in SETTINGS[exchange] else {}
        return Watch(manager.add(simulated.account(account, rotate_at="04:00Z", **symbols)), account)

    def now(self) -> Now:
        return self._now

    def pass_hour(self) -> None:
        for _ in range(HOUR // STEP):
            self.step()

    def step(self) -> None:
        """Let some seconds pass on both sides, and wait until all that they brought is answered."""
        later = Now(self._now.monotonic + STEP, self._now.wall_ms + STEP * 1000)
        self.sim.loop.run(self._let_pass(later.wall_ms))
        self._now = later  # after the other side: what we say because of our time is said in its time as well
        for watch in self.watches.values():
            watch.stream._conductor.tick_if_due()
        for watch in self.watches.values():
            _wait_for_rest(watch)

    async def _let_pass(self, wall_ms: int) -> None:
        self.sim.clock.skew_ms = wall_ms - time.time_ns() // 1_000_000
        await self.sim.pass_time(STEP)

    def trade(self, exchange: str) -> None:
        """Something is cancelled, something bought in parts and sold again, something left open."""
        account = self.watches[exchange].account
        for order in account.loop.call(lambda: list(account.books.open.values())):
            if self.random.random() < 0.7:
                account.cancel(order)
        for market, symbol, quantity, price in TRADED[exchange]:
            third = Decimal(quantity) / 3
            for side in ("BUY", "SELL"):
                order = account.place(symbol, side, quantity, price, market=market)
                account.fill(order, third)
                account.match(order, [(third, None), (third, None)])
            account.place(symbol, "BUY", third, price, market=market)

    def be_away(self, exchange: str) -> None:
        """The connection breaks, the next ones are refused, and life goes on meanwhile."""
        self.sim.break_(exchange, "refuse_handshake", status=503, times=self.random.randrange(1, 5))
        self.watches[exchange].wait(lambda: self.watches[exchange].stream.state != "live", f"{exchange} is away")
        for _ in range(3):
            self.trade(exchange)
            self.step()


def _wait_for_rest(watch: Watch) -> None:
    deadline, pause = time.monotonic() + PATIENCE, threading.Event()
    while not _is_at_rest(watch.stream):
        assert time.monotonic() < deadline, watch.describe()
        pause.wait(0.0005)


def _is_at_rest(stream: Any) -> bool:
    """Nothing was asked that is not answered, over HTTP or on a socket; nor is anything that was told on its way."""
    rotating = stream._conductor._machine
    machines = [rotating._main, *([rotating._beside] if rotating._beside is not None else [])]
    is_waiting = any(one.phase not in AT_REST or one._calls or "silence" in one._timers for one in machines)
    return not is_waiting and rotating.due > stream._conductor._clock.monotonic()


@pytest.fixture
def days(monkeypatch: pytest.MonkeyPatch) -> Iterator[Days]:
    """All four are live, and from now on everything counts."""
    monkeypatch.setattr(recovering, "CHECK_EVERY", 3.0 * HOUR)  # one is many requests, and like the next
    with Simulator(seed=48, speed=ALMOST_STILL) as sim, StreamManager() as manager:
        for exchange, rules in NO_LIMITS.items():
            for rule, value in rules.items():
                setattr(sim.venues[exchange].rules, rule, value)
        days = Days(sim, manager)
        monkeypatch.setattr(Clock, "now", lambda _: days.now())
        monkeypatch.setattr(Clock, "monotonic", lambda _: days.now().monotonic)
        for watch in days.watches.values():
            watch.stream.wait_live(PATIENCE)
            watch.begin()
        yield days


def test_two_days_on_four_exchanges_end_equal(days: Days) -> None:
    """Each fill once, nothing backwards, and orders, balances and positions are the exchange's whenever one looks.

    Between the absences nobody notices anything: the keys, tokens and connections of two days are changed in silence.
    """
    absences = {name: set(days.random.sample(range(HOURS), ABSENCES)) for name in ALL}
    for hour in range(HOURS):
        for exchange in ALL:
            for _ in range(days.random.choice((0, 0, 1, 5))):
                days.trade(exchange)
            if hour in absences[exchange]:
                days.be_away(exchange)
        days.pass_hour()
        if hour % LOOK_EVERY == LOOK_EVERY - 1:
            for exchange, watch in days.watches.items():
                watch.wait(watch.is_caught_up, f"{exchange} in hour {hour}")
    for exchange, watch in days.watches.items():
        check_order(watch.events)
        check_life(watch.events)
        assert watch.is_final()
        assert (len(watch.of(Suspended)), len(watch.of(Live)), watch.of(Lost)) == (ABSENCES, ABSENCES, []), exchange
        always = watch.stream._conductor._machine.dialect.irrecoverable
        assert [(gap.what, gap.why) for gap in watch.of(Gap) if gap.what not in always] == [], exchange
        assert watch.seen(always) == {"Suspended(broken)"}
        assert watch.stream.status().counters["rotations"] >= 1
        assert days.sim.venues[exchange].counters["dropped_without_pong"] == 0
