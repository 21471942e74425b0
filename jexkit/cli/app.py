"""The command and its subcommands, each in a file of its own, and how errors leave it: one sentence, and a code."""

from __future__ import annotations

from typing import Any

import click

from jexkit._version import __version__
from jexkit.cli.check import check
from jexkit.cli.demo import demo
from jexkit.cli.journal import journal
from jexkit.cli.listen import listen
from jexkit.cli.sim import sim
from jexkit.errors import ConfigurationError, JexkitError


class Failed(click.ClickException):
    """An error of jexkit on its way out."""

    exit_code = 1


class Misconfigured(Failed):
    """The same, where nothing was tried because a setting makes no sense."""

    exit_code = 2


class Sentences(click.Group):
    """Turns errors of jexkit into one sentence on stderr."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except JexkitError as error:
            kind = Misconfigured if isinstance(error, ConfigurationError) else Failed
            raise kind(str(error)) from error


@click.group(cls=Sentences, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="jexkit")
def jexkit() -> None:
    """Follow your own accounts on Binance Portfolio Margin, Deribit, Poloniex and JEX.

    \b
    Example:
      jexkit demo --seconds 8

    Exit codes: 0 fine, 1 something failed or a stream was lost, 2 wrong usage or configuration.
    """


for command in (demo, listen, check, journal, sim):
    jexkit.add_command(command)
