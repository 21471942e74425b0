"""The ``jexkit`` command. Needs the extra ``cli``; ``main`` says so where it is missing."""

from __future__ import annotations

import sys

from jexkit.errors import MissingExtra

PACKAGES = ("click", "rich", "tomli")


def main() -> None:
    """Run the command with the arguments of the process, and end the process."""
    try:
        from jexkit.cli.app import jexkit
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in PACKAGES:
            raise
        sys.stderr.write(f"Error: {MissingExtra('the jexkit command', 'cli')}\n")
        sys.exit(2)
    jexkit(prog_name="jexkit")
