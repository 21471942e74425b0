"""The crash run: a program with a journal is killed at random instants, hundreds of times, and nothing is missing.

    python benchmarks/crash.py --kills 300 --seed 1

An exchange (``jexkit.sim``) runs here, with a market script that trades all the time. A program of its own process
(``killed/program.py``) follows the account with a journal, and books every event in another database, for two
consumers. It is killed with SIGKILL again and again: from outside at any instant, or exactly before or after a write of
the journal, and before or after the booking. At last it runs once undisturbed, and the books are compared.

missing       entries of the journal that a consumer never booked
unknown       booked, and not in the journal: a callback saw it before it was on disk
repeated      booked again in a later run, although it was acknowledged by the end of an earlier one
again         booked again, and not acknowledged before: that is allowed
disordered    booked in a run in another order than that of the journal, or twice in one run
set_aside     dead letters: the events of this market are healthy, and whatever a kill falls into is not to blame for it
lost          fills that the exchange told and the journal does not have, or has twice, or otherwise
in_gaps       the same, where a ``Gap`` says so: each start asks the exchange much, and it can refuse to answer

Exit code 0 if all but ``again`` and ``in_gaps`` are 0; 1 otherwise.
"""

from __future__ import annotations

import argparse
import json
import random
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs

sys.path[:0] = [path for path in map(str, Path(__file__).resolve().parents[:2]) if path not in sys.path]

from killed.program import POINTS  # noqa: E402 - found beside this file

from jexkit import Event, Fill, Gap, SqliteJournal  # noqa: E402
from jexkit.cli.audit import audit  # noqa: E402
from jexkit.sim import Simulator  # noqa: E402
from jexkit.sim.describe import account_state  # noqa: E402

PROGRAM = Path(__file__).parent / "killed" / "program.py"
CONSUMERS = ("main", "ledger")
WITHIN = 60.0  # seconds for what takes one
LONGEST_LIFE = 0.6  # seconds between the first event of a run and its end from outside
LONGEST_RUN = 15.0  # seconds that it may take to come by its point
PASSES = 40  # times that a program comes by a point before it ends there, at the most
QUIET = 8.0  # seconds without an event in the last run; the second look of a recovery takes five


@attrs.define
class Outcome:
    """What was found."""

    kills: int = 0
    entries: int = 0
    fills: int = 0
    missing: int = 0
    unknown: int = 0
    repeated: int = 0
    again: int = 0
    disordered: int = 0
    set_aside: int = 0
    lost: int = 0
    in_gaps: int = 0
    points: dict[str, int] = attrs.field(factory=dict)
    examples: list[str] = attrs.field(factory=list)

    def fault(self, name: str, count: int, example: object) -> None:
        if count:
            setattr(self, name, getattr(self, name) + count)
            self.examples = [*self.examples, f"{name}: {example}"][:20]

    @property
    def is_clean(self) -> bool:
        return not any((self.missing, self.unknown, self.repeated, self.disordered, self.set_aside, self.lost))


class Crash:
    """One series of runs over one journal."""

    def __init__(self, folder: Path, *, exchange: str, kills: int, seed: int, rate: float, synchronous: str) -> None:
        self._folder = folder
        self._exchange = exchange
        self._kills = kills
        self._chance = random.Random(seed)
        self._rate = rate
        self._synchronous = synchronous
        self._seed = seed
        self._acknowledged: list[dict[str, int]] = []  # by the end of each run, by consumer
        self.outcome = Outcome()

    def run(self) -> Outcome:
        with Simulator() as simulator:
            account = simulator.venues[self._exchange].account("main")
            with self._program(account, "outside", 0) as program:
                _wait_for("live", program)
                simulator.start_market(seed=self._seed, rate=self._rate)
                self._end(program, "outside")
            while self.outcome.kills < self._kills:
                point = self._chance.choice(POINTS)
                with self._program(account, point, self._chance.randint(1, PASSES)) as program:
                    self._end(program, point)
            simulator.stop_market()
            with self._program(account, "outside", 0) as program:
                _wait_for("live", program)
                self._wait_until_quiet()
                program.communicate("", timeout=WITHIN)
            told = account_state(account)["told"]
        self._compare(told)
        return self.outcome

    # --- the runs -----------------------------------------------------------------------------------------------------

    @contextmanager
    def _program(self, account: Any, point: str, after: int) -> Iterator[subprocess.Popen[str]]:
        venue = account.venue
        asked = {
            "exchange": self._exchange,
            "account": {
                **account.credentials(),
                **account.extra_settings(),
                "rest_url": venue.rest_url,
                "ws_url": venue.ws_url,
                "proxy": "",
            },
            "journal": str(self._journal.path),
            "books": str(self._folder / "books.db"),
            "run": len(self._acknowledged),
            "point": point,
            "after": after,
            "synchronous": self._synchronous,
        }
        command = [sys.executable, str(PROGRAM), json.dumps(asked)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
            try:
                yield program
            finally:
                program.kill()
        self._acknowledged.append({name: self._journal.position("main", name) for name in CONSUMERS})

    def _end(self, program: subprocess.Popen[str], point: str) -> None:
        """Wait until it has killed itself, or kill it."""
        if point == "outside":
            booked = self._booked()
            deadline = time.monotonic() + WITHIN
            while self._booked() == booked and time.monotonic() < deadline:
                time.sleep(0.01)
            time.sleep(self._chance.uniform(0, LONGEST_LIFE))
            program.kill()
        try:
            program.wait(LONGEST_RUN)
        except subprocess.TimeoutExpired:
            point = "outside"  # it does not come by: the exchange makes it wait, after so many starts
            program.kill()
        program.wait(WITHIN)
        self.outcome.kills += 1
        self.outcome.points[point] = self.outcome.points.get(point, 0) + 1

    def _wait_until_quiet(self) -> None:
        last, since = self._booked(), time.monotonic()
        while time.monotonic() - since < QUIET:
            time.sleep(0.1)
            if self._booked() != last:
                last, since = self._booked(), time.monotonic()

    # --- the books ----------------------------------------------------------------------------------------------------

    @property
    def _journal(self) -> SqliteJournal:
        return SqliteJournal(self._folder / "journal.db")

    def _booked(self) -> int:
        return len(self._rows("SELECT number FROM booked"))

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        connection = sqlite3.connect(self._folder / "books.db", timeout=WITHIN)
        try:
            return connection.execute(query).fetchall()
        except sqlite3.OperationalError:
            return []  # the first program has not made the table yet
        finally:
            connection.close()

    def _compare(self, told: list[dict[str, Any]]) -> None:
        positions, events = self._entries()
        self.outcome.entries = len(positions)
        booked = self._rows("SELECT run, consumer, id FROM booked ORDER BY number")
        for consumer in CONSUMERS:
            mine = [(run, identity) for run, name, identity in booked if name == consumer]
            self._compare_consumer(consumer, mine, positions)
        letters = self._journal.dead_letters()
        self.outcome.fault("set_aside", len(letters), [(each.entry.event.id, each.callback) for each in letters])
        fills = [event for event in events if isinstance(event, Fill)]
        gaps = [event for event in events if isinstance(event, Gap)]
        self.outcome.fills = len(fills)
        known = {(fill.order_id, fill.trade_id) for fill in fills}
        theirs = [record for record in told if record["kind"] == "fill"]
        gone = [record for record in theirs if (record["order_id"], record["trade_id"]) not in known]
        self.outcome.in_gaps = sum(_is_in(gaps, record["time"]) for record in gone)
        told_of = [record for record in theirs if record not in gone or not _is_in(gaps, record["time"])]
        outcome = audit(told_of, sorted(fills, key=lambda fill: fill.time_ms))  # recovered ones come late
        self.outcome.fault("lost", outcome.lost + outcome.repeated + outcome.unexpected, outcome.faults[:3])

    def _entries(self) -> tuple[dict[str, int], list[Event]]:
        positions: dict[str, int] = {}
        events: list[Event] = []
        at = 0
        while entries := self._journal.read(at):
            positions.update((entry.event.id, entry.position) for entry in entries)
            events += [entry.event for entry in entries]
            at = entries[-1].position
        return positions, events

    def _compare_consumer(self, consumer: str, booked: list[tuple[int, str]], positions: dict[str, int]) -> None:
        seen = {identity for _, identity in booked}
        missing, unknown = positions.keys() - seen, seen - positions.keys()
        self.outcome.fault("missing", len(missing), (consumer, sorted(missing)[:3]))
        self.outcome.fault("unknown", len(unknown), (consumer, sorted(unknown)[:3]))
        self.outcome.again += len(booked) - len(seen)
        last = (-1, 0)
        for run, identity in booked:
            position = positions.get(identity, 0)
            done = self._acknowledged[run - 1][consumer] if run else 0
            self.outcome.fault("repeated", position <= done, (consumer, identity, f"run {run}"))
            self.outcome.fault("disordered", (run, position) <= last, (consumer, identity, f"run {run}"))
            last = (run, position)


def _is_in(gaps: list[Gap], time_ms: int) -> bool:
    return any((gap.since_ms or 0) <= time_ms <= (gap.until_ms or time_ms) for gap in gaps if "fills" in gap.what)


def _wait_for(line: str, program: subprocess.Popen[str]) -> None:
    """Wait for a line of its output; a program that says nothing is killed, and that is an error."""
    watchdog = threading.Timer(WITHIN, program.kill)
    watchdog.start()
    try:
        if program.stdout is None or program.stdout.readline().strip() != line:
            raise RuntimeError(f"the program did not say {line!r}")
    finally:
        watchdog.cancel()


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=50, help="times that the program is killed")
    parser.add_argument("--exchange", choices=("binance_pm", "deribit", "poloniex"), default="poloniex")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=60.0, help="actions of the market script a second")
    parser.add_argument("--synchronous", choices=("full", "normal"), default="full")
    asked = parser.parse_args()
    if asked.kills < 1 or asked.rate <= 0:
        parser.error("--kills must be 1 or more, and --rate more than 0")
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="jexkit-crash-") as folder:
        outcome = Crash(Path(folder), **vars(asked)).run()
    print(json.dumps({**attrs.asdict(outcome), "seconds": round(time.monotonic() - began), "ok": outcome.is_clean}))
    return 0 if outcome.is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
