"""How much is kept."""

from __future__ import annotations

from typing import Any

import pytest

from jexkit.core.retention import DAY_MS, Retention
from jexkit.errors import ConfigurationError


def test_what_is_older_than_its_days_need_not_be_kept() -> None:
    assert Retention(days=2).oldest_ms(10 * DAY_MS) == 8 * DAY_MS


@pytest.mark.parametrize("days", [0, -1, 0.01, True, "1", None, float("nan")])
def test_days_that_make_no_sense_are_refused(days: Any) -> None:
    """Less than an hour too: recovery finds again what happened in the last minutes."""
    with pytest.raises(ConfigurationError, match="keep_days"):
        Retention(days=days)


@pytest.mark.parametrize("entries", [0, -5, 1.5, True, "1", None])
def test_entries_that_make_no_sense_are_refused(entries: Any) -> None:
    with pytest.raises(ConfigurationError, match="keep_entries"):
        Retention(entries=entries)
