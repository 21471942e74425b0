"""A framework that is not installed is named with the extra that brings it."""

from __future__ import annotations

import pytest

from tests.cli.commands import Program


@pytest.mark.parametrize("name", ["flask", "celery"])
def test_a_missing_framework_is_said_with_its_extra(name: str) -> None:
    """Instead of the bare error of an import."""
    code = f"import sys; sys.modules[{name!r}] = None; import jexkit.contrib.{name}"
    with Program("-c", code) as program:
        assert program.wait() == 1
        assert f"install it with: pip install 'jexkit[{name}]'" in program.complaints()
