"""``jexkit sim``: the simulator in the foreground."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from jexkit.accounts import ACCOUNTS
from jexkit.cli.numbers import RATE, SPEED
from jexkit.engine.signals import stop_signals
from jexkit.errors import ConfigurationError, MissingExtra

PORTS = (*ACCOUNTS, "control")


def _port_options(command: click.Command) -> click.Command:
    for name in PORTS:
        option = f"--port-{name.replace('_', '-')}"
        help_text = f"Port of {'the control site' if name == 'control' else name}.  [default: any]"
        command.params.append(click.Option([option], type=click.IntRange(1, 65535), help=help_text))
    return command


@click.command(short_help="The simulator, with a configuration to paste.")
@click.option(
    "--speed",
    type=SPEED,
    default=1.0,
    show_default=True,
    help="Seconds of exchange time (key lives, pings, cuts) per second.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed, the same keys and happenings.")
@click.option(
    "--rate",
    type=RATE,
    default=5.0,
    show_default=True,
    help="Things that happen per second; 0 for a quiet market.",
)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on. Everybody who reaches it can do anything here: leave it on loopback.",
)
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="EXCHANGE:FAULT@SECONDS",
    help="Break something on purpose, for example deribit:half_open@30 or jex:rest_lags,by=2@10; may be repeated. "
    "docs/faults.md lists what there is.",
)
def sim(speed: float, seed: int, rate: float, host: str, faults: tuple[str, ...], **ports: int | None) -> None:
    """Run four exchanges on loopback until Ctrl-C or SIGTERM.

    Standard output is a configuration file for 'jexkit listen' and 'jexkit check', with addresses and keys that are
    good for this run.

    \b
    Example, in two terminals:
      jexkit sim --rate 10 > jexkit.toml
      jexkit listen

    Exit codes: 0 ended as asked, 2 wrong usage, or a port that is taken.
    """
    if importlib.util.find_spec("aiohttp") is None:
        raise MissingExtra("the simulator", "sim")
    asked = {name.removeprefix("port_"): port for name, port in ports.items() if port}
    with stop_signals() as wanted_end, _running(seed, speed, host, asked) as simulator:
        for venue in simulator.venues.values():
            venue.account("main")
        _plan(simulator, faults)
        if rate:
            simulator.start_market(rate=rate)
        click.echo(_announcement(simulator))
        wanted_end.wait()


def _plan(simulator: Any, faults: tuple[str, ...]) -> None:
    from jexkit.sim import BadFault
    from jexkit.sim.breakage import read_item

    try:
        if faults:
            simulator.schedule([read_item(fault) for fault in faults])
    except BadFault as error:
        raise ConfigurationError(f"--fault: {error}") from None


@contextmanager
def _running(seed: int, speed: float, host: str, ports: dict[str, int]) -> Iterator[Any]:
    from jexkit.sim import Simulator

    try:
        simulator = Simulator(seed=seed, speed=speed, host=host, ports=ports, lines=True)
    except ValueError as error:
        raise ConfigurationError(f"--{error}") from None
    try:
        simulator.start()
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise ConfigurationError(
            f"the simulator cannot listen at {host}: {why}; choose other ports or a host"
        ) from None
    try:
        yield simulator
    finally:
        simulator.stop()


def _announcement(simulator: Any) -> str:
    """Everything that one needs to know, as a TOML file."""
    from jexkit.sim.describe import describe

    description = describe(simulator)
    addresses = [
        f"#   {name}: {venue['rest_url']}, {venue['ws_url']}" for name, venue in description["exchanges"].items()
    ]
    return "\n".join(
        [
            "# The simulator of jexkit. Ctrl-C ends it.",
            *addresses,
            f"#   control site: {description['control_url']}",
            "",
            description["toml"].rstrip(),
        ]
    )


_port_options(sim)
