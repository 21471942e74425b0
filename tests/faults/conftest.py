"""The table of docs/faults.md, and everything that takes long set to be short."""

from __future__ import annotations

import functools
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from jexkit.core import listen_key, protocol, recovering, recovery, replies, rotation
from jexkit.core.backoff import Backoff
from jexkit.engine import transport
from jexkit.exchanges.binance_pm import refusals as binance_refusals
from jexkit.exchanges.jex import refusals as jex_refusals
from jexkit.sim import Simulator
from jexkit.sim.breakage import read_item
from jexkit.sim.faults import ALL
from tests.faults.watching import PATIENCE

TABLE = Path(__file__).parents[2] / "docs/faults.md"
QUICK = functools.partial(Backoff, first=0.05, longest=0.3, least=0.02)


@attrs.frozen
class Row:
    """One row of the table."""

    faults: tuple[tuple[str, dict[str, str]], ...]
    exchanges: tuple[str, ...]
    seen: frozenset[str]
    within: str

    @property
    def label(self) -> str:
        return "+".join(
            ",".join([name, *(f"{key}={value}" for key, value in given.items())]) for name, given in self.faults
        )


def rows() -> list[Row]:
    """What docs/faults.md says."""
    lines = [line for line in TABLE.read_text("utf-8").splitlines() if line.startswith("| `")]
    return [_row([cell.strip() for cell in line.strip("|").split("|")]) for line in lines]


def _row(cells: list[str]) -> Row:
    faults, exchanges, _, _, seen, within = cells
    read = [read_item(f"all:{text}@0") for text in faults.strip("`").split("+")]
    return Row(
        tuple((name, given) for _, _, name, given in read),
        ALL if exchanges == "all" else tuple(exchanges.split(", ")),
        frozenset(re.findall(r"`([^`]+)`", seen)),
        within,
    )


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same waits as ever, only shorter."""
    for module in (protocol, recovery):
        monkeypatch.setattr(module, "Backoff", QUICK)
    monkeypatch.setattr(listen_key, "Backoff", lambda **_: QUICK())
    monkeypatch.setattr(listen_key, "KEY_JITTER", 0.0)
    monkeypatch.setattr(recovering, "SECOND_LOOK_AFTER", 1.0)
    monkeypatch.setattr(recovering, "SETTLE", 0.3)
    monkeypatch.setattr(recovering, "UNTOLD_AFTER", 0.5)
    monkeypatch.setattr(rotation, "LINGER", 0.3)
    for module in (transport, replies, binance_refusals, jex_refusals):
        monkeypatch.setattr(module, "FIREWALL_WAIT", 0.5)
    monkeypatch.setattr(transport, "BAN_WAIT", 0.5)
    monkeypatch.setattr(binance_refusals, "BAN_WAIT", 0.5)


@pytest.fixture
def threads() -> Iterator[None]:
    """No thread of ours is left when all is over."""
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        thread.join(PATIENCE)
    assert [thread.name for thread in set(threading.enumerate()) - before if thread.is_alive()] == []


@pytest.fixture
def sim(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    """The four exchanges, with a line in front of each for a row that breaks it."""
    row = request.node.callspec.params.get("row") if hasattr(request.node, "callspec") else None
    breaks_the_line = isinstance(row, Row) and row.faults[0][0].startswith("line_")
    with Simulator(seed=3, lines=breaks_the_line) as running:
        yield running
