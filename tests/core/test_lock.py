"""The seam of the lock."""

from __future__ import annotations

import pytest

from jexkit.core.lock import SAFE, SHARES, Lock


def test_a_lock_has_to_have_its_three_methods() -> None:
    """The rest has a default."""
    with pytest.raises(TypeError, match="abstract"):
        Lock()  # type: ignore[abstract]

    class Mine(Lock):
        def acquire(self) -> bool:
            return True

        def renew(self) -> bool:
            return True

        def release(self) -> None:
            return None

    assert (Mine().lease, Mine().holder()) == (10.0, "")


def test_a_tenure_is_renewed_more_than_once_before_it_is_doubtful() -> None:
    """One renewal that fails must not end it."""
    assert 2 / SHARES < SAFE < 1
