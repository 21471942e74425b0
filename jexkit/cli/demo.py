"""``jexkit demo``: four exchanges on the simulator, followed, and compared with the simulator's ledgers at the end."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import attrs
import click
from rich.console import Console
from rich.live import Live as LiveDisplay

from jexkit.accounts import Account
from jexkit.cli.audit import Audit, audit
from jexkit.cli.child import SimulatorProcess
from jexkit.cli.config import Config
from jexkit.cli.holdings import compare_holdings
from jexkit.cli.lines import JsonLines
from jexkit.cli.numbers import SECONDS
from jexkit.cli.recorder import Recorder
from jexkit.cli.table import LiveTable, outcome_table, summary
from jexkit.engine.signals import stop_signals
from jexkit.events import Event
from jexkit.manager import StreamManager

RATE = 40.0  # things that happen per second, over all exchanges together
LIVE_WITHIN = 20.0  # seconds for a stream to come up
EACH_KIND_WITHIN = 30.0  # seconds, beyond those asked for, for an event of each kind from each exchange
ARRIVED_WITHIN = 10.0  # seconds for the last events to arrive once nothing happens any more
QUIET = 0.5  # seconds without an event that count as quiet
REFRESHES = 4  # of the table, per second

# What makes upkeep visible within seconds: listen keys that die after twelve of them unless they are renewed, and pings
# and heartbeats as often as they go.
SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "binance_pm": {"keepalive": 5.0},
    "deribit": {"heartbeat": 10},
    "poloniex": {},
    "jex": {"keepalive": 5.0},
}
RULES: Mapping[str, Mapping[str, object]] = {
    "binance_pm": {"listen_key_life": 12, "ping_every": 4},
    "jex": {"listen_key_life": 12, "ping_every": 4},
}


@click.command(short_help="Four exchanges on the built-in simulator, and a comparison with its ledgers.")
@click.option("--seconds", type=SECONDS, default=20.0, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed, the same things happen.")
@click.option("--json", "as_json", is_flag=True, help="JSON lines also on a terminal.")
@click.pass_context
def demo(context: click.Context, seconds: float, seed: int, as_json: bool) -> None:
    """Follow four simulated exchanges and compare what arrived with their ledgers.

    The simulator runs as a process of its own on loopback. On a terminal a table shows what arrives; otherwise each
    event is a line of JSON, and the last line is a summary. Ctrl-C ends it early, with the summary.

    \b
    Example:
      jexkit demo --seconds 30 --json | tail -1

    Exit codes: 0 nothing was lost, repeated or out of order, and every exchange delivered; 1 otherwise; 2 wrong usage.
    """
    with stop_signals() as wanted_end:
        view = _Lines(wanted_end) if as_json or not sys.stdout.isatty() else _Screen()
        with SimulatorProcess(seed=seed) as simulator:
            is_fine = _Demo(simulator, view, wanted_end).run(seconds, seed)
    context.exit(0 if is_fine else 1)


class _Demo:
    """One run, from the first connection to the comparison."""

    def __init__(self, simulator: SimulatorProcess, view: _Lines | _Screen, wanted_end: threading.Event) -> None:
        self._simulator = simulator
        self._view = view
        self._wanted_end = wanted_end
        self._recorder = Recorder(view.event)
        self._manager = StreamManager()
        self._manager.on(Event, self._recorder)

    def run(self, seconds: float, seed: int) -> bool:
        """Whether all was well."""
        for name, account in _accounts(self._simulator).items():
            self._manager.add(account, name)
        with self._manager:
            self._wait_live()
            self._recorder.begin()
            self._simulator.start_market(seed=seed, rate=RATE)
            self._view.watch(self._manager, self._recorder, self._wanted_end, time.monotonic() + seconds)
            self._wait_for_each_kind()
            self._simulator.stop_market()
            audits = self._settled()
            statuses = self._manager.status()
        events = {name: self._recorder.counts(name) for name in audits}
        record = {name: summary(audits[name], events[name], statuses[name]) for name in audits}
        is_fine = all(outcome.is_clean for outcome in audits.values())
        self._view.conclude(events, audits, {"type": "summary", "ok": is_fine, "streams": record})
        return is_fine

    def _wait_live(self) -> None:
        deadline = time.monotonic() + LIVE_WITHIN
        for stream in self._manager.streams.values():
            stream.wait_live(max(0.0, deadline - time.monotonic()))
        self._recorder.wait_quiet(QUIET, LIVE_WITHIN)  # what stands already may be told after a subscription

    def _wait_for_each_kind(self) -> None:
        """Let the market go on until every exchange has delivered of everything: on a busy machine little happens."""
        deadline = time.monotonic() + EACH_KIND_WITHIN
        while time.monotonic() < deadline and not self._wanted_end.is_set():
            if not any(outcome.missing for outcome in self._compare().values()):
                return
            self._recorder.wait_change(QUIET)

    def _settled(self) -> dict[str, Audit]:
        """The comparison, once everything that was told has arrived, or had the time to."""
        deadline = time.monotonic() + ARRIVED_WITHIN
        while any(outcome.lost for outcome in self._compare().values()) and time.monotonic() < deadline:
            self._recorder.wait_change(QUIET)
        self._recorder.wait_quiet(QUIET, max(QUIET, deadline - time.monotonic()))
        return self._compare()

    def _compare(self) -> dict[str, Audit]:
        audits: dict[str, Audit] = {}
        for name, stream in self._manager.streams.items():
            ledger = self._simulator.ledger(stream.exchange)
            audits[name] = audit(ledger["told"], self._recorder.events(name), self._recorder.stood(name))
            held = (stream.orders.values(), stream.balances.values(), stream.positions.values())
            compare_holdings(ledger, *held, audits[name])
        return audits


def _accounts(simulator: SimulatorProcess) -> dict[str, Account]:
    """The accounts of the simulator's own configuration, set so that their upkeep can be watched."""
    config = Config(simulator.description["toml"])
    accounts = {}
    for name, account in config.accounts((), {}).items():
        simulator.set_rules(account.exchange, RULES.get(account.exchange, {}))
        accounts[name] = attrs.evolve(account, proxy="", **SETTINGS[account.exchange])
    return accounts


class _Lines:
    """JSON lines."""

    def __init__(self, wanted_end: threading.Event) -> None:
        self._lines = JsonLines(wanted_end)
        self.event: Callable[[Event], object] = self._lines.event

    def watch(self, manager: StreamManager, recorder: Recorder, wanted_end: threading.Event, until: float) -> None:
        del manager, recorder
        wanted_end.wait(max(0.0, until - time.monotonic()))

    def conclude(
        self, events: Mapping[str, Counter[str]], audits: Mapping[str, Audit], record: Mapping[str, Any]
    ) -> None:
        del events, audits
        self._lines.write(record)
        self._lines.check()


class _Screen:
    """A table on a terminal."""

    event: Callable[[Event], object] | None = None

    def __init__(self) -> None:
        self._console = Console()

    def watch(self, manager: StreamManager, recorder: Recorder, wanted_end: threading.Event, until: float) -> None:
        table = LiveTable(recorder)
        with LiveDisplay(console=self._console, auto_refresh=False, transient=False) as display:
            while (now := time.monotonic()) < until and not wanted_end.is_set():
                title = f"jexkit demo: {until - now:.0f} s left, Ctrl-C ends it"
                display.update(table.render(manager.status(), now, title, self._console.width), refresh=True)
                wanted_end.wait(1 / REFRESHES)

    def conclude(
        self, events: Mapping[str, Counter[str]], audits: Mapping[str, Audit], record: Mapping[str, Any]
    ) -> None:
        self._console.print(outcome_table(events, audits, self._console.width))
        for name, outcome in audits.items():
            for fault in (*outcome.faults, *(f"no {kind} arrived" for kind in outcome.missing)):
                self._console.print(f"{name}: {fault}", style="red", markup=False)
            if outcome.superseded:
                said = f"{outcome.superseded} states were overtaken by newer ones that were read over REST"
                self._console.print(f"{name}: {said}", markup=False)
        self._console.print("All is well." if record["ok"] else "Not all is well.", style="bold")
