"""A running simulator for every test of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from jexkit.sim import Simulator


@pytest.fixture
def sim() -> Iterator[Simulator]:
    """All exchanges, seeded, at real speed."""
    with Simulator(seed=7) as running:
        running.patience = 0.05  # the clients of these tests answer nothing while time passes: they are on this thread
        yield running
