"""What the suite knows of the exchanges is complete."""

from __future__ import annotations

import pytest

from jexkit.accounts import ACCOUNTS
from jexkit.session import SessionMethods
from jexkit.testing.conformance import SUBJECTS, Subject


def test_every_exchange_is_a_subject() -> None:
    """A folder under exchanges/ without one would be held to nothing."""
    assert {subject.exchange for subject in SUBJECTS} == set(ACCOUNTS)


@pytest.mark.parametrize("subject", SUBJECTS, ids=str)
def test_a_subject_fits_its_exchange(subject: Subject) -> None:
    account = subject.account()
    assert type(account) is ACCOUNTS[subject.exchange]
    assert subject.exchange == account.exchange == str(subject)
    assert all(hasattr(SessionMethods, name) for name in (*subject.commands, *subject.round_trip))
    assert set(subject.round_trip) <= set(subject.commands)


@pytest.mark.parametrize("subject", SUBJECTS, ids=str)
def test_its_commands_are_all_that_its_machine_has(subject: Subject) -> None:
    """A session method without a test would not be noticed otherwise."""
    assert set(subject.commands) == set(subject.driver().machine._commands())


@pytest.mark.parametrize("subject", SUBJECTS, ids=str)
def test_its_orders_differ(subject: Subject) -> None:
    assert subject.order(1) != subject.order(2)
    assert subject.order_id(1) != subject.order_id(2)


@pytest.mark.parametrize("subject", SUBJECTS, ids=str)
def test_settings_reach_the_account(subject: Subject) -> None:
    assert subject.account(connect_timeout=3.0).connect_timeout == 3.0
