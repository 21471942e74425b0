"""The entry point."""

from tests.cli.commands import Program

WITHOUT = "import sys; sys.modules[{!r}] = None; from jexkit.cli import main; main()"


def test_without_click_it_names_what_to_install() -> None:
    """Without the extra there is one sentence with the pip install to type, no traceback, and code 2."""
    with Program("-c", WITHOUT.format("click")) as program:
        assert program.wait() == 2
        assert program.complaints() == (
            "Error: the jexkit command needs an optional dependency; install it with: pip install 'jexkit[cli]'\n"
        )


def test_other_missing_modules_are_not_hidden() -> None:
    """A broken installation of jexkit itself is not mistaken for a missing extra."""
    with Program("-c", WITHOUT.format("jexkit.manager")) as program:
        assert program.wait() == 1
        assert "jexkit.manager" in program.complaints()
