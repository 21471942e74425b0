"""``jexkit check``: what works and what does not, account by account, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from jexkit.cli.selection import account_options, selected
from jexkit.cli.trial import check_account


@click.command(short_help="What works and what does not, account by account.")
@account_options
@click.pass_context
def check(context: click.Context, names: Sequence[str], config: Path | None, exchanges: Sequence[str]) -> None:
    """Try each of the accounts NAME (all in the file without any), one line for each thing that is tried.

    Tried are: the host can be reached, the clock agrees, the exchange takes the credentials, they may read, the stream
    opens, and the exchange has proven that it works. Nothing is traded and nothing changed. See 'jexkit listen --help'
    for the configuration.

    \b
    Example:
      jexkit check desk && jexkit listen desk

    Exit codes: 0 everything works, 1 something does not, 2 wrong usage or configuration.
    """
    is_fine = True
    for name, account in selected(names, config, exchanges).items():
        for result in check_account(name, account):
            click.echo(f"{result.verdict:8}{name}: {result.what}{': ' + result.said if result.said else ''}")
            is_fine = is_fine and result.is_ok
    context.exit(0 if is_fine else 1)
