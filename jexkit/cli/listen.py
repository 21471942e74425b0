"""``jexkit listen``: the events of configured accounts as JSON lines."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import click

from jexkit.cli.lines import JsonLines
from jexkit.cli.numbers import SECONDS
from jexkit.cli.selection import account_options, selected
from jexkit.core.lifecycle import State
from jexkit.engine.signals import stop_signals
from jexkit.events import Event
from jexkit.manager import StreamManager
from jexkit.stream import Status, Stream

LOOK_EVERY = 0.2  # seconds
LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)


@click.command(short_help="The events of your accounts as JSON lines.")
@account_options
@click.option("--seconds", type=SECONDS, help="End after so many seconds.")
@click.option("-v", "--verbose", count=True, help="More of what happens, on stderr; twice for everything.")
@click.pass_context
def listen(
    context: click.Context,
    names: Sequence[str],
    config: Path | None,
    exchanges: Sequence[str],
    seconds: float | None,
    verbose: int,
) -> None:
    """Print every event of the accounts NAME (all in the file without any) as a line of JSON on stdout.

    Ctrl-C or SIGTERM ends it, with a summary on stderr. Accounts come from ./jexkit.toml:

    \b
      [accounts.desk]
      exchange = "deribit"                # binance_pm, deribit, poloniex, jex
      client_id = "..."
      client_secret_env = "DESK_SECRET"   # the name of an environment variable

    \b
      [accounts.main]
      exchange = "binance_pm"
      api_key = "..."
      private_key_file = "key.pem"        # or secret_key = "..."

    or, with --exchange, from the environment:

    \b
      JEXKIT_BINANCE_PM_API_KEY, JEXKIT_BINANCE_PM_SECRET_KEY (or ..._PRIVATE_KEY_FILE, ..._PASSPHRASE)
      JEXKIT_DERIBIT_CLIENT_ID, JEXKIT_DERIBIT_CLIENT_SECRET, JEXKIT_DERIBIT_CURRENCIES=BTC,ETH
      JEXKIT_POLONIEX_API_KEY, JEXKIT_POLONIEX_SECRET_KEY
      JEXKIT_JEX_API_KEY, JEXKIT_JEX_SECRET_KEY

    \b
    Example:
      jexkit listen desk | jq 'select(.type == "Fill")'

    Exit codes: 0 ended as asked, 1 a stream was lost or never came up, 2 wrong usage or configuration.
    """
    accounts = selected(names, config, exchanges)
    _log_to_stderr(verbose)
    with stop_signals() as wanted_end:
        lines = JsonLines(wanted_end)
        manager = StreamManager()
        manager.on(Event, lines.event)
        for name, account in accounts.items():
            manager.add(account, name)
        with manager:
            _wait(wanted_end, seconds, manager.streams.values())
            statuses = manager.status()
    lines.check()
    if lines.is_closed:
        return  # the reader has what it wanted
    for status in statuses.values():
        click.echo(_summary(status), err=True)
    context.exit(0 if all(_did_well(status) for status in statuses.values()) else 1)


def _log_to_stderr(verbose: int) -> None:
    """jexkit's own logs: other libraries' at DEBUG print addresses that contain keys."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger = logging.getLogger("jexkit")
    logger.addHandler(handler)
    logger.setLevel(LEVELS[min(verbose, len(LEVELS) - 1)])


def _wait(wanted_end: threading.Event, seconds: float | None, streams: Iterable[Stream]) -> None:
    """Until we are asked to end, the time is over, or no stream is left."""
    streams = list(streams)
    deadline = None if seconds is None else time.monotonic() + seconds
    while not all(stream.state is State.LOST for stream in streams):
        left = LOOK_EVERY if deadline is None else min(LOOK_EVERY, deadline - time.monotonic())
        if left <= 0 or wanted_end.wait(left):
            return


def _did_well(status: Status) -> bool:
    return status.state is not State.LOST and status.counters.get("lives", 0) > 0


def _summary(status: Status) -> str:
    events = ", ".join(f"{count} {kind}" for kind, count in sorted(status.events.items())) or "no events"
    trouble = f"; last error: {status.last_error}" if status.last_error else ""
    return f"{status.stream}: {status.state}; {events}{trouble}"
