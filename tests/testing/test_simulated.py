"""Accounts of the simulator, described for jexkit."""

from __future__ import annotations

from typing import Any

import pytest

from jexkit.accounts import ACCOUNTS
from jexkit.testing import simulated


@pytest.mark.parametrize("exchange", ACCOUNTS)
def test_an_account_points_to_the_simulator(simulator: Any, exchange: str) -> None:
    venue = simulator.venues[exchange]
    account = simulated.account(venue.account("main"))
    assert type(account) is ACCOUNTS[exchange]
    assert (account.rest_url, account.ws_url) == (venue.rest_url, venue.ws_url)
    assert set(venue.account("main").credentials().values()) <= set(account.secrets)


def test_settings_add_and_replace(simulator: Any) -> None:
    account = simulated.account(simulator.jex.account("main"), api_key="x" * 64, reorder_window=0)
    assert (account.api_key, account.reorder_window) == ("x" * 64, 0)
