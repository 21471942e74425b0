"""``python -m jexkit.cli``."""

from jexkit import __version__
from tests.cli.commands import jexkit


def test_it_is_the_command() -> None:
    """The module runs the command, under the command's name."""
    with jexkit("--version") as program:
        assert program.lines() == [f"jexkit, version {__version__}\n"]
        assert program.wait() == 0
