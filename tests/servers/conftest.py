"""The servers that other people's programs live in, and an account for those programs to follow.

A server that is not installed makes its tests skip, and fail where they were asked for by their marker:
`pytest -m servers`, which is what `tox -e servers` runs.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import socket
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from jexkit.sim import Simulator
from tests.cli.commands import Program

WITHIN = 60.0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests of this folder have its marker."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.servers)


@pytest.fixture
def needs(pytestconfig: pytest.Config) -> Any:
    """``needs(module)``, or ``needs(module, command)`` for one that is no Python module."""

    def check(module: str, command: str = "") -> str:
        program = Path(sysconfig.get_path("scripts")) / (command or module)
        if program.exists() if command else importlib.util.find_spec(module):
            return str(program)
        reason = f"{module} is not installed: see tests/servers/requirements.txt"
        if "servers" in pytestconfig.getoption("markexpr"):
            pytest.fail(reason)
        pytest.skip(reason)

    return check


@attrs.frozen
class Desk:
    """A simulated account, how a program in another process follows it, and what these programs were told."""

    simulated: Any
    folder: Path
    ear: socket.socket

    @property
    def variables(self) -> dict[str, str]:
        venue = self.simulated.venue
        description = {
            "exchange": venue.exchange,
            **self.simulated.credentials(),
            **self.simulated.extra_settings(),
            "rest_url": venue.rest_url,
            "ws_url": venue.ws_url,
        }
        return {
            "JEXKIT_TEST_ACCOUNT": json.dumps(description),
            "JEXKIT_TEST_HEARD": str(self.ear.getsockname()[1]),
            "JEXKIT_TEST_FOLDER": str(self.folder),
            "HOME": str(self.folder),
            "PYTHONWARNINGS": "default",
        }

    def fill(self) -> None:
        order = self.simulated.place("BTC_USDT", "BUY", "1", price="20000")
        self.simulated.fill(order, "0.5")

    def heard(self, lines: int) -> list[tuple[int, str]]:
        """Who was told of a fill, by process and stream: the next so many."""
        found = [self.ear.recv(1000).decode().split() for _ in range(lines)]
        return sorted((int(pid), stream) for pid, stream in found)

    @property
    def connections(self) -> int:
        return len(self.simulated.venue.open_connections)

    def wait_for_connections(self, number: int) -> None:
        deadline = time.monotonic() + WITHIN
        while self.connections != number:
            assert time.monotonic() < deadline, f"{self.connections} connections, not {number}"
            os.sched_yield()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with Simulator(seed=3) as sim, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        ear.bind(("127.0.0.1", 0))
        ear.settimeout(WITHIN)
        yield Desk(sim.poloniex.account("desk"), tmp_path, ear)


def find(program: Program, pattern: str) -> str:
    """What the group in ``pattern`` is in the first line that has it."""
    while (found := re.search(pattern, program.line())) is None:
        pass
    return found.group(1)
