"""Which accounts a command is about: arguments and options that ``listen`` and ``check`` share."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from jexkit.accounts import ACCOUNTS, Account
from jexkit.cli.config import DEFAULT, read_config
from jexkit.cli.environment import account_from_environment

F = TypeVar("F", bound=Callable[..., Any])


def account_options(command: F) -> F:
    """NAME..., --config and --exchange, which ``selected`` takes."""
    for decorate in (
        click.option(
            "exchanges",
            "--exchange",
            type=click.Choice(list(ACCOUNTS)),
            multiple=True,
            help="An account from the environment: JEXKIT_<EXCHANGE>_<FIELD>, such as JEXKIT_DERIBIT_CLIENT_ID. "
            "May be given several times.",
        ),
        click.option(
            "--config",
            type=click.Path(path_type=Path),
            help=f"Configuration file with tables [accounts.NAME].  [default: ./{DEFAULT}]",
        ),
        click.argument("names", nargs=-1, metavar="[NAME]..."),
    ):
        command = decorate(command)
    return command


def selected(names: Sequence[str], config: Path | None, exchanges: Sequence[str]) -> dict[str, Account]:
    """The accounts, by the name of their stream. Raises ConfigurationError."""
    if exchanges and (names or config is not None):
        raise click.UsageError("--exchange reads environment variables; leave out names and --config")
    if exchanges:
        return {exchange: account_from_environment(exchange, os.environ) for exchange in exchanges}
    return read_config(config or DEFAULT).accounts(names, os.environ)
