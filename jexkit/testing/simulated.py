"""Accounts of the simulator, described for jexkit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jexkit.accounts import ACCOUNTS, Account

if TYPE_CHECKING:
    from jexkit.sim.ledger import Account as SimulatedAccount


def account(simulated: SimulatedAccount, **settings: Any) -> Account:
    """The description of an account of ``jexkit.sim``: its credentials and addresses, and whatever ``settings`` add."""
    venue = simulated.venue
    kind = ACCOUNTS[venue.exchange]
    known: dict[str, Any] = {**simulated.credentials(), **simulated.extra_settings()}
    return kind(**{**known, "rest_url": venue.rest_url, "ws_url": venue.ws_url, **settings})
