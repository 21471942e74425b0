"""Two days in the life of a stream, in scaled time: 48 hours on each exchange in seconds, and in the end all is equal.

Quiet and busy hours, keepalives, token renewals, pings and rotations, and absences of all lengths. Beside the stream
lives a twin that is never away: what it was told is what happened. Over REST the stream is told of what is open then.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Sequence
from typing import Any
from unittest.mock import Mock

import attrs
import pytest

from jexkit.core.lifecycle import State
from jexkit.core.rotation import Schedule
from jexkit.core.values import Flow
from jexkit.engine.conductor import Conductor
from jexkit.errors import TransportError
from jexkit.events import Gap, Live, Lost, OrderUpdate, Origin, Suspended
from jexkit.testing.conformance import SUBJECTS, Subject
from jexkit.testing.conformance.subject import rotating

HOURS = 48
HOUR = 3600.0
DAY = 24 * HOUR
ABSENCES = 7
CHORES = {
    "binance_pm": {"keepalives": (90, 130), "pings_sent": (2800, 6200)},
    "jex": {"keepalives": (90, 130), "pings_sent": (2800, 6200)},
    "deribit": {"token_renewals": (200, 260), "pings_sent": (3500, 9000)},
    "poloniex": {"pings_sent": (17_000, 35_000)},
}
"""What two days bring at least and at most."""


class Days:
    """The stream, its twin, and what happens to both."""

    def __init__(self, subject: Subject, seed: int) -> None:
        self.subject = subject
        self.random = random.Random(f"{subject}:{seed}")
        self.driver = rotating(subject, Schedule.of(DAY, "04:00Z"))
        self.twin = subject.driver()
        self.twin.start()
        self.happened = 0
        self.missed = 0
        machine: Any = self.driver.machine
        machine.dialect.open_orders = self._open_orders
        self.driver.start()

    def _open_orders(self, symbols: Sequence[str] = ()) -> Flow[list[OrderUpdate]]:
        """What is open at the exchange; everything else is answered by the healthy counterpart."""
        del symbols
        yield from ()
        return [attrs.evolve(order, origin=Origin.RECOVERED) for order in self.twin.told(OrderUpdate)]

    def trade(self) -> None:
        """Something happens at the exchange; whoever listens is told."""
        self.happened += 1
        frame = self.subject.order(self.happened)
        self.twin.text(frame)
        if self.driver.state() is State.LIVE:
            self.driver.text(frame)
        else:
            self.missed += 1

    def pass_hour(self, happenings: int) -> None:
        """An hour in which so much happens, at random moments."""
        moments = sorted(self.random.uniform(0, HOUR) for _ in range(happenings))
        for before, moment in zip([0.0, *moments], [*moments, HOUR], strict=True):
            self.driver.advance(moment - before)
            if moment < HOUR:
                self.trade()

    def be_away(self) -> None:
        """The connection breaks, and for a while there is no other."""
        healthy: Any = self.driver.counterpart
        healthy.refusal = TransportError("no network")
        self.driver.close("gone", broken=True)
        for _ in range(self.random.randrange(1, 6)):
            self.driver.advance(self.random.uniform(0, 300))
            self.trade()
        healthy.refusal = None
        self.driver.advance(61 + 30)  # the longest wait between two attempts, and the second look


@pytest.fixture(params=SUBJECTS, ids=str)
def subject(request: pytest.FixtureRequest) -> Subject:
    found: Subject = request.param
    return found


@pytest.mark.parametrize("seed", [1, 2])
def test_two_days_end_equal(subject: Subject, seed: int) -> None:
    """Everything that happened was told once, in order, and the stream holds what the exchange holds."""
    days = Days(subject, seed)
    driver = days.driver
    absences = set(days.random.sample(range(1, HOURS), ABSENCES))
    for hour in range(HOURS):
        days.pass_hour(days.random.choice((0, 0, 1, 3, 40)))
        assert driver.state() is State.LIVE, hour
        if hour in absences:
            days.be_away()
            assert driver.state() is State.LIVE, hour
            assert _states(driver.machine.book.orders.values()) == _states(days.twin.machine.book.orders.values())
    driver.advance(60)

    assert days.missed >= ABSENCES
    assert [order.order_id for order in driver.told(OrderUpdate)] == _ids(days.twin.told(OrderUpdate))
    assert _states(driver.machine.book.orders.values()) == _states(days.twin.machine.book.orders.values())
    assert (len(driver.told(Suspended)), len(driver.told(Live))) == (ABSENCES, ABSENCES + 1)
    assert driver.told(Lost) == []
    recovered = [order for order in driver.told(OrderUpdate) if order.origin is Origin.RECOVERED]
    assert len(recovered) == days.missed
    assert {gap.what for gap in driver.told(Gap)} <= set(driver.machine.dialect.irrecoverable)


def test_two_quiet_days_bring_the_chores_and_nothing_else(subject: Subject) -> None:
    """Keys, tokens, pings and two rotations or more; the program hears nothing, and the proof of life is never old."""
    driver = Days(subject, 0).driver
    driver.forget()
    for _ in range(HOURS * 60):
        driver.advance(60)
        assert driver.machine.last_proof_ms is not None
        assert driver.clock.now().wall_ms - driver.machine.last_proof_ms <= 60_000
    assert driver.events == []
    assert driver.machine.counters["rotations"] >= 2
    counters = driver.machine.counters
    wanted = CHORES[subject.exchange]
    found = {name: counters[name] for name, (least, most) in wanted.items() if not least <= counters[name] <= most}
    assert found == {}


def test_a_healthy_week_is_one_line_in_the_log(subject: Subject, caplog: pytest.LogCaptureFixture) -> None:
    """At INFO: that it is live. Keys, tokens, pings, rotations, orders and fills are none of the log's business."""
    caplog.set_level(logging.INFO)
    days = Days(subject, 0)
    nobody: Any = None
    machine: Any = days.driver.machine
    conductor = Conductor("desk", machine, clock=days.driver.clock, timer=Mock(), caller=nobody, delivery=nobody)
    for hour in range(7 * 24):
        days.pass_hour(1 if hour % 6 == 0 else 0)
    assert len(days.driver.told(OrderUpdate)) == 7 * 4
    conductor._carry_out_all(days.driver.events, [])
    assert [record.getMessage() for record in caplog.records] == ["desk: live"]


def _ids(orders: Sequence[OrderUpdate]) -> list[str]:
    return [order.order_id for order in orders]


def _states(orders: Any) -> dict[str, tuple[Any, ...]]:
    return {order.key: (order.status, order.filled_quantity, order.price, order.quantity) for order in orders}
