"""Numbers on the command line."""

import pytest

from tests.cli.conftest import Invoke


@pytest.mark.parametrize(
    ("command", "option"), [("demo", "--seconds"), ("listen", "--seconds"), ("sim", "--rate"), ("sim", "--speed")]
)
@pytest.mark.parametrize("value", ["nan", "inf", "-1", "1e300", "soon"])
def test_what_no_clock_can_wait_for_is_refused(invoke: Invoke, command: str, option: str, value: str) -> None:
    """As wrong usage, by the option's name, before anything starts."""
    result = invoke(command, option, value)
    assert result.exit_code == 2
    assert option in result.stderr
    assert "Traceback" not in result.stderr
