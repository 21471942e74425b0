"""The seam for REST: what every exchange's dialect fills, and what it may leave out."""

from __future__ import annotations

import importlib
import inspect

import pytest

from jexkit.core.dialect import Dialect
from jexkit.session import SessionMethods
from jexkit.testing.conformance import SUBJECTS, Subject


def test_a_dialect_has_to_be_filled() -> None:
    """A folder that lacks a read cannot be used by accident."""
    with pytest.raises(TypeError, match="abstract"):
        Dialect()  # type: ignore[abstract]


@pytest.mark.parametrize("subject", SUBJECTS, ids=str)
def test_each_exchange_fills_it(subject: Subject) -> None:
    """Every conversation is a generator, so that the one who holds it decides how."""
    module = importlib.import_module(f"jexkit.exchanges.{subject.exchange}.rest")
    dialect = module.Rest(subject.account(), "main")
    assert isinstance(dialect, Dialect)
    for name in ("clock", "open_orders", "balances", "positions"):
        assert inspect.isgenerator(getattr(dialect, name)()), name
    assert inspect.isgenerator(dialect.order("spot:1", symbol="BTC"))
    assert inspect.isgenerator(dialect.fills(0))


@pytest.mark.parametrize("subject", SUBJECTS, ids=str)
def test_its_calls_are_session_methods(subject: Subject) -> None:
    """What an exchange takes over HTTP is called as in jexkit.session, and takes what that method gives."""
    module = importlib.import_module(f"jexkit.exchanges.{subject.exchange}.rest")
    for name, flow in module.Rest(subject.account(), "main").calls().items():
        given = set(inspect.signature(getattr(SessionMethods, name)).parameters) - {"self"}
        assert set(inspect.signature(flow).parameters) >= given
