"""The simulator, and the clients of other authors that are turned loose on it.

A client that is not installed makes its tests skip, and fail where they were asked for by their marker:
`pytest -m peers`, which is what `tox -e peers` runs.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from types import ModuleType

import pytest

from jexkit.sim import Simulator


def peer(name: str, config: pytest.Config) -> ModuleType:
    """The module of another author."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as missing:
        reason = f"{name} needs {missing.name}, which is not installed: see tests/peers/requirements.txt"
    if "peers" in config.getoption("markexpr"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def ccxt_pro(pytestconfig: pytest.Config) -> ModuleType:
    """ccxt with its websockets, https://github.com/ccxt/ccxt."""
    return peer("ccxt.pro", pytestconfig)


@pytest.fixture(scope="session")
def sdk(pytestconfig: pytest.Config) -> ModuleType:
    """Binance's own SDK of Portfolio Margin, https://github.com/binance/binance-connector-python."""
    package = "binance_sdk_derivatives_trading_portfolio_margin"
    return peer(f"{package}.derivatives_trading_portfolio_margin", pytestconfig)


@pytest.fixture
def sim() -> Iterator[Simulator]:
    """All exchanges, seeded, at real speed."""
    with Simulator(seed=11) as running:
        yield running
