"""The chaos run: four exchanges at once, many faults, and a comparison of what was delivered with what happened.

    python benchmarks/chaos.py --events 20000 --faults 100 --seed 1

The exchanges (``jexkit.sim``) run in a process of their own, with a seeded market script that places, fills, amends and
cancels orders on all four. jexkit follows the four accounts through its public interface. The faults of
``mayhem/faults.py`` come spread evenly over the run; the same seed gives the same market script and the same faults in
the same order (when exactly they meet the streams depends on the machine). At the end the faults stop, the market
stops, every stream comes back to Live and goes quiet, and what the callbacks got is compared with the ledgers.

What counts as lost, repeated, backwards, wrong and unreported stands in ``mayhem/tally.py``. In short: every fill
exactly once (JEX tells no trades: the sum of each order), the last state of every order that had a fill or was ever
told of, nothing older after something newer, and at the end the ledger's open orders, balances and positions. Steps
that were overtaken while a stream was away are not lost, they are superseded: nobody can tell them any more.

Exit code 0 if lost, repeated, backwards, wrong, differing and unreported are all 0 and all streams are live at the end;
1 otherwise, with examples and the command that repeats the run.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import attrs

sys.path[:0] = [path for path in map(str, Path(__file__).resolve().parents[:2]) if path not in sys.path]

from mayhem.child import REMEMBER, ExchangeProcess  # noqa: E402 - found beside this file
from mayhem.faults import BY_JEXKIT, UNANNOUNCED, WEIGHTS, Fault, plan  # noqa: E402
from mayhem.process import usage  # noqa: E402
from mayhem.report import is_clean, stream_figures, table, total  # noqa: E402
from mayhem.spool import Spool  # noqa: E402
from mayhem.tally import Tally, tally  # noqa: E402

from jexkit import Event, Overflow, SqliteJournal, Stream, StreamManager  # noqa: E402
from jexkit.accounts import Account  # noqa: E402
from jexkit.cli.config import Config  # noqa: E402
from jexkit.cli.holdings import compare_holdings  # noqa: E402
from jexkit.core.lifecycle import State  # noqa: E402
from jexkit.core.overflow import QUEUE_SIZE  # noqa: E402
from jexkit.sim.binance_pm.symbols import LISTING as BINANCE_SYMBOLS  # noqa: E402

PER_ACTION = 3.5  # things that the exchanges tell, on average, for each action of the market script
LIVE_WITHIN = 30.0  # seconds for the first Live
LOOK_EVERY = 0.1  # seconds
SETTLE_WITHIN = 240.0  # seconds for all streams to come back after the last fault
QUIET = 10.0  # seconds without an event: longer than the second look of a recovery takes to come
COMPARISONS = 4  # at most; between them what is still on its way may arrive

SETTINGS: dict[str, dict[str, Any]] = {
    # Binance lists fills by symbol only: a program names those that it may trade.
    "binance_pm": {"keepalive": 8.0, "symbols": [f"{one.market}:{one.symbol}" for one in BINANCE_SYMBOLS]},
    "deribit": {"heartbeat": 10},
    "poloniex": {},
    "jex": {"keepalive": 8.0},
}
PROBES = {"probe_every": 5.0, "probe_within": 5.0}  # a connection that has fallen silent is found after ten seconds


class Sleeper:
    """A callback that sleeps once, at the first event after ``lie_down``; everything behind it waits."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._is_awake = threading.Event()
        self._lies_down = False

    def lie_down(self) -> None:
        self._lies_down = self._seconds > 0

    def wake(self) -> None:
        self._is_awake.set()

    def __call__(self, event: Event) -> None:
        del event
        if self._lies_down:
            self._lies_down = False
            self._is_awake.wait(self._seconds)


class Chaos:
    """One run."""

    def __init__(self, asked: argparse.Namespace, exchanges: ExchangeProcess, folder: Path) -> None:
        self._asked = asked
        self._exchanges = exchanges
        self._folder = folder
        spills = asked.overflow is Overflow.SPILL
        journal = SqliteJournal(folder / "jexkit.db") if spills else None
        self._manager = StreamManager(journal=journal, overflow=asked.overflow, queue_size=asked.queue_size)
        self._sleepers: list[Sleeper] = []
        self._spools: dict[str, Spool] = {}
        self._faults: dict[str, Counter[str]] = defaultdict(Counter)
        self._muted: dict[str, list[int]] = defaultdict(list)
        self._read: dict[str, int] = defaultdict(int)
        for name, account in _accounts(exchanges.description["toml"]).items():
            self._spools[name] = Spool(folder / f"{name}.events")
            stream = self._manager.add(account, name)
            self._sleepers.append(Sleeper(asked.sleep))
            stream.on(Event, self._sleepers[-1])
            stream.on(Event, self._spools[name])

    def run(self) -> dict[str, Any]:
        """Everything, from the first connection to the comparison; returns the record of it."""
        used = {"before": usage()}
        began = time.monotonic()
        with self._manager:
            self._wait_live()
            used["begin"] = usage()
            told = self._drive()
            ended = time.monotonic()
            used["load"] = usage()
            queued = sum(stream.status().queued for stream in self._manager.streams.values())
            for sleeper in self._sleepers:
                sleeper.wake()
            not_live = self._settle()
            used["end"] = usage()
            outcomes = self._compare()
        used["after"] = usage()
        streams = {
            name: stream_figures(outcomes[name], spool, self._faults[name]) for name, spool in self._spools.items()
        }
        figures = total(streams)
        return {
            "ok": is_clean(figures) and not not_live,
            "seed": self._asked.seed,
            "command": f"python benchmarks/chaos.py {' '.join(sys.argv[1:])}",
            "seconds": round(ended - began, 1),
            "rate": round(told / (ended - began), 1),
            "not_live": not_live,
            "total": figures,
            "streams": streams,
            "queued": queued,
            "usage": {at: attrs.asdict(of_then) for at, of_then in used.items()},
        }

    def _wait_live(self) -> None:
        deadline = time.monotonic() + LIVE_WITHIN
        for stream in self._manager.streams.values():
            stream.wait_live(max(0.0, deadline - time.monotonic()))
        while time.monotonic() - max(spool.last for spool in self._spools.values()) < 1.0:
            time.sleep(LOOK_EVERY)
        for spool in self._spools.values():
            spool.begin()
        for sleeper in self._sleepers:
            sleeper.lie_down()

    def _drive(self) -> int:
        """The market and the faults, until so much was told or the time is over. Returns how much was told."""
        asked = self._asked
        faults = plan(asked.faults, asked.seed, asked.without)
        self._exchanges.do("start_market", rate=asked.rate / PER_ACTION, seed=asked.seed)
        deadline = time.monotonic() + asked.seconds
        told = begun = 0
        while told < asked.events and time.monotonic() < deadline:
            due = told * (len(faults) + 1) // asked.events
            for fault in faults[begun : min(due, len(faults))]:
                self._begin(fault)
                begun += 1
            time.sleep(LOOK_EVERY)
            told = self._exchanges.do("told")
            self._progress(told, begun)
        self._exchanges.do("end_faults")
        self._exchanges.do("stop_market")
        return told

    def _begin(self, fault: Fault) -> None:
        name = fault.exchange
        self._faults[name][fault.kind] += 1
        if fault.kind in UNANNOUNCED:
            self._muted[name].append(time.time_ns() // 1_000_000)
        if fault.kind in BY_JEXKIT:
            _rotate(self._manager.streams[name])
        else:
            self._exchanges.do("begin", **vars(fault))

    def _settle(self) -> list[str]:
        """Wait until all streams are live, heard of after the end, and quiet. Returns those that are not.

        So long after it that nothing which was on its way by then is heard of, and a dead connection is found.
        """
        now = time.time() + sum(PROBES.values())
        deadline = time.monotonic() + SETTLE_WITHIN
        streams = self._manager.streams
        while time.monotonic() < deadline:
            waiting = [name for name, stream in streams.items() if not _is_proven_since(stream, now)]
            quiet_for = time.monotonic() - max(spool.last for spool in self._spools.values())
            if not waiting and quiet_for > QUIET:
                return []
            time.sleep(LOOK_EVERY)
        return [name for name, stream in streams.items() if not _is_proven_since(stream, now)]

    def _compare(self) -> dict[str, Tally]:
        outcomes: dict[str, Tally] = {}
        for remaining in reversed(range(COMPARISONS)):
            outcomes = {name: self._compare_one(name, stream) for name, stream in self._manager.streams.items()}
            if all(outcome.is_clean for outcome in outcomes.values()) or not remaining:
                break
            time.sleep(QUIET / 2)
        return outcomes

    def _compare_one(self, name: str, stream: Stream) -> Tally:
        path = self._folder / f"{name}.told"
        ledger = self._exchanges.do("ledger", exchange=stream.exchange, path=str(path), since=self._read[name])
        self._read[name] = ledger["told"]
        spool = self._spools[name]
        with path.open() as lines:
            outcome = tally(map(json.loads, lines), spool.read(), spool.life, self._muted[name])
        last = {"told": [], **{part: ledger[part] for part in ("open_orders", "balances", "positions")}}
        held = (stream.orders.values(), stream.balances.values(), stream.positions.values())
        compare_holdings(last, *held, outcome)
        return outcome

    def _progress(self, told: int, faults: int) -> None:
        if self._asked.verbose:
            states = ", ".join(f"{name} {stream.state}" for name, stream in self._manager.streams.items())
            print(f"{told} told, {faults} faults, {states}", file=sys.stderr)


def _accounts(toml: str) -> dict[str, Account]:
    """The accounts of the simulator, named for their exchanges, with upkeep and probes that fit into a short run."""
    found = Config(toml).accounts((), {}).values()
    return {
        account.exchange: attrs.evolve(account, proxy="", **SETTINGS[account.exchange], **PROBES) for account in found
    }


def _is_proven_since(stream: Stream, moment: float) -> bool:
    proof = stream.status().last_proof
    return stream.state is State.LIVE and proof is not None and proof.timestamp() > moment


def _rotate(stream: Stream) -> None:
    """Change the connection now. A program cannot ask for that: it happens once a day, by the clock."""
    conductor: Any = stream._conductor  # noqa: SLF001
    conductor._feed(conductor._machine._rotate)  # noqa: SLF001


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=20_000, help="things that the exchanges tell, at least")
    parser.add_argument("--faults", type=int, default=100, help="spread evenly over the run")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=300.0, help="events a second that the exchanges tell together")
    parser.add_argument("--seconds", type=float, default=3600.0, help="the run ends after so long in any case")
    parser.add_argument(
        "--sleep", type=float, default=0.0, help="seconds that a callback of each stream sleeps at first"
    )
    parser.add_argument("--overflow", type=Overflow, default=Overflow.RECOVER, help="recover, block or spill")
    parser.add_argument("--queue-size", type=int, default=QUEUE_SIZE, help="events that may wait for callbacks")
    parser.add_argument("--without", action="append", default=[], choices=WEIGHTS, help="a kind of fault to leave out")
    parser.add_argument("--json", action="store_true", help="one line of JSON instead of the table")
    parser.add_argument("--verbose", action="store_true", help="say on standard error how it goes")
    asked = parser.parse_args()
    if asked.events <= 0 or asked.faults < 0 or asked.rate <= 0 or asked.seconds <= 0:
        parser.error("events, rate and seconds are above zero, and faults not below")
    return asked


def _exchanges(asked: argparse.Namespace) -> ExchangeProcess:
    return ExchangeProcess(asked.seed, max(REMEMBER, 2 * asked.sleep))


def main() -> int:
    asked = _arguments()
    with tempfile.TemporaryDirectory(prefix="jexkit-chaos-") as folder, _exchanges(asked) as exchanges:
        record = Chaos(asked, exchanges, Path(folder)).run()
    print(json.dumps(record) if asked.json else table(record))
    return 0 if record["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
