"""``flask jexkit run|status|replay|check``."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any

import click
from flask import Flask, current_app
from flask.cli import AppGroup
from flask.helpers import get_debug_flag

from jexkit.cli.trial import check_account
from jexkit.cli.words import in_words
from jexkit.contrib.accounts import accounts
from jexkit.contrib.flask.config import Site, site_of
from jexkit.contrib.flask.status_file import reports, write_down
from jexkit.contrib.states import Reporter
from jexkit.errors import ConfigurationError, JexkitError, UsageError
from jexkit.events import Event, Gap, Live, Lost, Suspended
from jexkit.journal.sqlite import SqliteJournal
from jexkit.manager import StreamManager


class Failed(click.ClickException):
    """An error of jexkit on its way out: one sentence."""


class Misconfigured(Failed):
    """The same, where the config makes no sense."""

    exit_code = 2


def _said(function: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(function)
    def run(*args: Any, **options: Any) -> None:
        try:
            function(*args, **options)
        except JexkitError as error:
            kind = Misconfigured if isinstance(error, ConfigurationError) else Failed
            raise kind(str(error)) from error

    return run


def commands(make_manager: Callable[[Flask], StreamManager]) -> AppGroup:
    """The group of an app's commands; ``make_manager`` makes its manager."""
    group = AppGroup("jexkit", help="Follow trading accounts. Codes: 0 fine, 1 failed or lost, 2 wrong configuration.")

    @group.command("run", help="Hold the streams until SIGTERM or Ctrl-C.")
    @_said
    def run() -> None:
        app = current_app._get_current_object()  # noqa: SLF001 - as Flask has it
        _hold(make_manager(app), site_of(app))

    @group.command("status", help="How the streams are; code 1 unless all are live.")
    @_said
    def status() -> None:
        site = site_of(current_app)
        found = reports(site.status, site.streams)
        for report in found:
            click.echo(str(report))
        if not all(report.is_healthy for report in found):
            raise UsageError("not every stream is live")

    @group.command("replay", help="List the dead letters, or have those with these numbers delivered again.")
    @click.argument("numbers", nargs=-1, type=int)
    @_said
    def replay(numbers: tuple[int, ...]) -> None:
        _replay(site_of(current_app), numbers)

    @group.command("check", help="Try each account: network, clock, credentials, stream.")
    @_said
    def check() -> None:
        _try_accounts(site_of(current_app))

    return group


def _hold(manager: StreamManager, site: Site) -> None:
    for kind in (Live, Suspended, Lost, Gap):
        manager.on(kind, _tell)
    click.echo(f"jexkit: following {', '.join(manager.streams)}; SIGTERM or Ctrl-C ends it")
    with Reporter(manager, functools.partial(write_down, site.status)):
        manager.run()


def _tell(event: Event) -> None:
    click.echo(f"{event.received:%H:%M:%S} {event.stream}: {in_words(event)}")


def _replay(site: Site, numbers: tuple[int, ...]) -> None:
    if site.journal is None:
        raise ConfigurationError("JEXKIT_JOURNAL is None: without a journal there are no dead letters")
    journal = SqliteJournal(site.journal)
    for number in numbers:
        journal.replay(number)
        click.echo(f"{number} will be delivered again")
    if not numbers:
        for letter in journal.dead_letters():
            last = letter.traceback.strip().rpartition("\n")[2]
            click.echo(f"{letter.number}: {letter.callback} on {letter.entry.stream} {letter.entry.event.id}: {last}")


def _try_accounts(site: Site) -> None:
    is_fine = True
    for name, account in accounts(site.streams, os.environ):
        for result in check_account(name, account):
            click.echo(f"{result.verdict:8}{name}: {result.what}{': ' + result.said if result.said else ''}")
            is_fine = is_fine and result.is_ok
    if not is_fine:
        raise UsageError("not everything works; see above")


def reloader_is_to_come() -> bool:
    """Whether this is ``flask run`` before its reloader has started the process that serves the app."""
    context = click.get_current_context(silent=True)
    while context is not None and "reload" not in context.params:
        context = context.parent
    if context is None or os.environ.get("WERKZEUG_RUN_MAIN") == "true":
        return False
    wanted = context.params["reload"]
    return bool(get_debug_flag() if wanted is None else wanted)
