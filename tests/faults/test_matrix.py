"""Every fault of docs/faults.md on every exchange it applies to, over real sockets."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from jexkit import StreamManager
from jexkit.core import protocol, recovering
from jexkit.engine import transport
from jexkit.exchanges.deribit import protocol as deribit_protocol
from jexkit.exchanges.poloniex import protocol as poloniex_protocol
from jexkit.sim import FAULTS, Simulator
from jexkit.sim.breakage import Breakage
from jexkit.sim.faults import ALL
from jexkit.testing import simulated
from tests.faults.conftest import Row, rows
from tests.faults.watching import SETTINGS, Watch, check_life, check_order, trade

ROWS = rows()
FROM_THE_START = frozenset({"clock_skew"})  # an exchange's clock is off, or not; its time does not jump
QUICK: dict[str, dict[str, float]] = {
    "*every* + *within*": {"probe_every": 1.0, "probe_within": 1.5},
    "handshake_hangs": {"connect_timeout": 1.0},
    "deaf": {"connect_timeout": 1.0},
    "line_half_open": {"connect_timeout": 1.0, "read_timeout": 1.0},
    "line_stall": {"connect_timeout": 1.0, "read_timeout": 1.0},
    "rest_hangs": {"read_timeout": 1.0},
}
"""Settings of a stream that has to run out of patience, by when a fault is found, or by the fault.

A stream on any other has the usual patience: this machine may be slow, and must not look like a server that is dead.
"""
CASES = [pytest.param(row, exchange, id=f"{row.label}-{exchange}") for row in ROWS for exchange in row.exchanges]


def test_the_table_has_every_fault_and_no_other() -> None:
    """With the exchanges that it applies to."""
    written: dict[str, set[str]] = {name: set() for name in FAULTS}
    for row in ROWS:
        written[row.faults[0][0]] |= set(row.exchanges)
    assert written == {name: set(fault.exchanges) for name, fault in FAULTS.items()}


def test_the_parameters_in_the_table_are_parameters() -> None:
    """As they would be refused on the command line."""
    for row in ROWS:
        for name, given in row.faults:
            for exchange in row.exchanges:
                FAULTS[name].check(exchange, given)


def test_every_exchange_is_in_the_table() -> None:
    assert {exchange for row in ROWS for exchange in row.exchanges} == set(ALL)


def _settings(row: Row, exchange: str) -> dict[str, Any]:
    quick = [QUICK.get(key, {}) for key in (row.within, *(name for name, _ in row.faults))]
    return {"probe_every": 1.0, **SETTINGS[exchange], **{key: value for one in quick for key, value in one.items()}}


def _be_impatient(row: Row, names: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten what this fault alone makes long."""
    if "late_pongs" in names:
        monkeypatch.setattr(protocol, "ENTER_WITHIN", 5.0)
    if "lost_acknowledgement" in names:
        for module in (deribit_protocol, poloniex_protocol):
            monkeypatch.setattr(module, "ANSWER_WITHIN", 1.5)
    if "empty_fragments" in row.label:
        monkeypatch.setattr(transport, "LONGEST_MESSAGE", 0.5)
    if row.within == "*check*":
        monkeypatch.setattr(recovering, "CHECK_EVERY", 1.0)
        monkeypatch.setattr(recovering, "SECOND_LOOK_AFTER", 1000.0)  # the second look would find it as well


def _begin(
    sim: Simulator, exchange: str, name: str, given: dict[str, str], *, ends_by_itself: bool
) -> list[tuple[float, Breakage]]:
    """What it still has to last for when its effect was seen: on a slow machine it would be over before."""
    if ends_by_itself or "seconds" not in given:
        sim.break_(exchange, name, **given)
        return []
    lasting = {key: value for key, value in given.items() if key != "seconds"}
    return [(float(given["seconds"]), sim.break_(exchange, name, **lasting))]


@pytest.mark.parametrize(("row", "exchange"), CASES)
def test_fault(threads: None, sim: Simulator, monkeypatch: pytest.MonkeyPatch, row: Row, exchange: str) -> None:
    """What happened is delivered once and in order, what is held at the end is the exchange's, and the user is told."""
    names = {name for name, _ in row.faults}
    _be_impatient(row, names, monkeypatch)
    account = sim.venues[exchange].account("main")
    manager = StreamManager()
    stream = manager.add(simulated.account(account, **_settings(row, exchange)))
    watch = Watch(stream, account)
    for name, given in row.faults:
        if name in FROM_THE_START:
            sim.break_(exchange, name, **given)
    with manager:
        stream.wait_live(30)
        watch.begin()
        trade(account)
        watch.wait(watch.is_caught_up, "before the fault")
        ends = []
        for name, given in row.faults:
            if name not in FROM_THE_START:
                ends += _begin(sim, exchange, name, given, ends_by_itself=not row.seen)
        trade(account)
        is_lost = any(word.startswith("Lost") for word in row.seen)
        irrecoverable = stream._conductor._machine.dialect.irrecoverable
        watch.wait(lambda: row.seen <= watch.seen(irrecoverable), f"{sorted(row.seen)}")
        for seconds, broken in ends:
            sim.loop.call(functools.partial(sim.clock.call_later, seconds, broken.mend))
        if not is_lost:
            watch.wait(watch.is_caught_up, "during the fault")
            if not FROM_THE_START & names:
                sim.mend()
            trade(account)
            watch.wait(watch.is_caught_up, "after the fault")
    assert watch.seen(irrecoverable) == row.seen
    check_life(watch.events)
    check_order(watch.events)
    if not is_lost:
        assert watch.missing() == []
        assert watch.differences() == []
        assert watch.is_final()
