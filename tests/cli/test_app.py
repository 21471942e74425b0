"""The command as a whole."""

import click
import pytest

from jexkit.cli import app
from jexkit.errors import ConfigurationError, JexkitError, RateLimited
from tests.cli.conftest import Invoke

COMMANDS = ("demo", "listen", "check", "journal", "sim")


def test_every_command_is_there(invoke: Invoke) -> None:
    """These commands, and nothing else."""
    assert set(app.jexkit.commands) == set(COMMANDS)
    assert all(name in invoke("--help").output for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_an_example_and_the_exit_codes(invoke: Invoke, name: str) -> None:
    """--help of each command shows how it is typed and what its code means."""
    shown = invoke(name, "--help")
    assert shown.exit_code == 0
    assert "Example" in shown.output
    assert f"jexkit {name}" in shown.output
    assert "Exit codes: 0 " in shown.output


@pytest.mark.parametrize(
    ("error", "code"),
    [(ConfigurationError("odd"), 2), (JexkitError("broken"), 1), (RateLimited("wait 5 seconds", retry_after=5), 1)],
)
def test_an_error_is_a_sentence_and_a_code(invoke: Invoke, error: JexkitError, code: int) -> None:
    """An error of jexkit leaves as its own sentence on stderr: 2 for a setting, 1 for anything else."""

    @click.command("fail")
    def fail() -> None:
        raise error

    app.jexkit.add_command(fail)
    try:
        result = invoke("fail")
    finally:
        del app.jexkit.commands["fail"]
    assert (result.exit_code, result.stdout, result.stderr) == (code, "", f"Error: {error}\n")


def test_the_command_itself_shows_what_to_type_first(invoke: Invoke) -> None:
    assert "Example:\n    jexkit demo --seconds 8\n" in invoke("--help").output


def test_wrong_usage_is_code_2(invoke: Invoke) -> None:
    """An unknown option says so, without a traceback."""
    result = invoke("listen", "--nonsense")
    assert result.exit_code == 2
    assert "--nonsense" in result.stderr
