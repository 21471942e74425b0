"""The yardstick measures what it says: its messages are news, its goals are counted right, its quick run is whole."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from argparse import Namespace
from collections.abc import Mapping
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from yardstick import blaster, frames, report, speed
from yardstick.contenders import ALL, OURS, PEERS

from jexkit.core.rotation import Schedule
from jexkit.events import OrderUpdate
from jexkit.sim import Simulator
from jexkit.testing.conformance import SUBJECTS, Subject
from jexkit.testing.conformance.subject import rotating
from tests.benchmarks.conftest import BENCHMARKS

WITHIN = 300.0  # seconds; it takes 30 on an idle machine
BY_EXCHANGE = {subject.exchange: subject for subject in SUBJECTS}


@pytest.mark.parametrize("subject", SUBJECTS, ids=str)
def test_each_message_of_a_story_is_as_many_events_as_it_says(subject: Subject) -> None:
    """No less, or an ear would wait for ever, and no more: repeats and old states are what jexkit keeps out."""
    driver = rotating(subject, Schedule())
    driver.start()
    driver.forget()
    for number, told in enumerate(islice(frames.story(subject.exchange), 60)):
        driver.text(told.message)
        assert len(driver.events) == told.events, (number, told.message)
        driver.forget()
    assert driver.machine.counters["stale"] == 0


@pytest.mark.parametrize("exchange", ALL)
def test_a_story_goes_on_where_it_was_left(exchange: str) -> None:
    """No message comes twice, and a later part is the later part of the same."""
    whole = [frames.write(told.message) for told in islice(frames.story(exchange), 200)]
    assert len(set(whole)) == len(whole)
    rest = [frames.write(told.message) for told in islice(frames.story(exchange, 3), 50)]
    assert rest == whole[whole.index(rest[0]) :][:50]


@pytest.mark.parametrize("exchange", ALL)
def test_a_timed_message_tells_when_it_was_sent(exchange: str) -> None:
    """As the id of an order that has ended, which nobody keeps among the open ones."""
    sent_ns = 1_795_000_000_123_456_789
    driver = rotating(BY_EXCHANGE[exchange], Schedule())
    driver.start()
    message = frames.STORIES[exchange]().timed(sent_ns)
    assert frames.write(message).count(str(sent_ns).encode()) == 1
    driver.text(message)
    driver.advance(1.0)
    (update,) = driver.told(OrderUpdate)
    assert (update.order_id, update.status.is_final) == (str(sent_ns), True)


# --- the report -------------------------------------------------------------------------------------------------------


def outcome(rate: float, p99: float = 100.0) -> dict[str, Any]:
    latency = {"5000": {"p50": 50.0, "p99": p99, "p99.9": 200.0}}
    return {"rate": rate, "processor": 1e6 / rate, "start": 0.1, "stop": 0.01, "latency": latency, "faults": []}


def results() -> dict[str, Any]:
    """A run in which each goal is reached by a little or missed by a little."""
    idle = {
        "100": {"threads": 205, "memory": 60_000, "share": 0.004},
        "1000": {"threads": 2005, "memory": 186_000, "share": 0.04},
    }
    return {
        "command": "python benchmarks/run.py",
        "when": "1 January 2030",
        "machine": "2 cores",
        "streams": 100,
        "missing": {"cryptofeed": "a reason"},
        "speed": {
            "deribit": {
                "jexkit": outcome(126_000, 190.0),
                "jexkit, journal": outcome(34_000),
                "reference": outcome(100_000),
                "limit": outcome(400_000),
                "ccxt": outcome(20_000),
            }
        },
        "heartbeats": {"asked": 9, "unanswered": 0, "p50": 2_000.0, "p99": 99_000.0, "p99.9": 99_000.0},
        "idle": idle,
        "idle_tls": {},
        "spread": {"1": 10.0, "100": 13.1},
        "imports": {"dependencies": 100.0, "jexkit": 129.0},
        "endurance": [{"messages": number * 1000, "memory": 50_000 + number} for number in range(1, 31)],
        "versions": {"jexkit": "0.1", "ccxt": "4.5"},
    }


def test_goals_are_counted_as_the_table_of_goals_says() -> None:
    found = {f"{what}: {goal}": (got, reached) for what, goal, got, reached in report.goals(results())}
    assert found == {
        "throughput, deribit: at least 1.25 × the reference": ("1.26", True),
        "throughput, deribit: at least 1.1 × ccxt": ("6.3", True),
        "with the journal, deribit: at least 0.35 × the reference": ("0.34", False),
        "p99 at 5000 messages/s, deribit: at most 2 × the reference": ("1.9", True),
        "heartbeat answer p99, 100 streams: at most 100 ms": ("99", True),
        "memory of an idle stream: at most 150 KiB": ("140", True),
        "the same over TLS: at most 400 KiB": ("not measured", None),
        "processor share of 100 idle streams: at most 0.5 %": ("0.4", True),
        "cost of a message over many streams: at most 1.3 × one stream": ("1.31", False),
        "import: at most 1.3 × the dependencies": ("1.29", True),
    }


def test_a_heartbeat_without_an_answer_reaches_no_goal() -> None:
    late = results()
    late["heartbeats"]["unanswered"] = 1
    (line,) = [line for line in report.goals(late) if line[0].startswith("heartbeat")]
    assert line[2:] == ("not measured", None)


def test_what_failed_and_what_is_missing_is_named() -> None:
    broken = results()
    broken["speed"]["deribit"]["ccxt"] = {"faults": ["ccxt: it fell over"]}
    text = report.markdown(broken)
    assert "- cryptofeed: a reason" in text
    assert "- ccxt on deribit: ccxt: it fell over" in text
    assert "at least 1.1" not in text


def test_every_figure_is_in_the_report() -> None:
    """What is measured beside the goals as well, and of whom."""
    text = report.markdown(results())
    assert "| 1000 | 2005 | 2.00 | 181.6 | 140 | 4.00 |" in text
    assert "| heartbeat answers, 9 asked: p50 / p99 / p99.9 ms | 2.0 / 99.0 / 99.0 |" in text
    assert "over streams: 100 | 13.1 |" in text
    assert "to import jexkit | 129 |" in text
    assert text.count(",000 | 48.") == 11
    assert "Versions: jexkit 0.1, ccxt 4.5" in text


def test_each_peer_names_what_it_is_installed_by() -> None:
    """Its version is told with the results."""
    wanted = (BENCHMARKS / "requirements.txt").read_text("utf-8")
    assert all(f"\n{sort.distribution}>" in wanted for sort in PEERS.values())


def test_the_limits_that_are_relaxed_are_limits() -> None:
    """A rule of another name would be set, and nothing would come of it."""
    sim = Simulator(seed=1)
    for exchange, rules in blaster.RELAXED.items():
        assert all(hasattr(sim.venues[exchange].rules, rule) for rule in rules), exchange


@pytest.mark.parametrize("size", [0, 1, 5_000])
def test_what_is_sent_at_once_ends_with_a_frame(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The exchange answers pings meanwhile, and its answer must not come into the middle of a frame."""
    monkeypatch.setattr(blaster, "PART", 10_000)
    whole = [bytes([number % 256]) * (1 + number % 700) for number in range(size)]
    found = blaster.parts(whole)
    ends = set(itertools.accumulate(map(len, whole), initial=0))
    assert set(itertools.accumulate(map(len, found))) <= ends
    assert b"".join(found) == b"".join(whole)
    assert all(10_000 <= len(part) < 10_700 for part in found[:-1])


def test_the_plot_is_a_picture_with_a_bar_for_each_rate() -> None:
    picture = ElementTree.fromstring(report.plot(results()))
    bars = picture.findall("{http://www.w3.org/2000/svg}rect")
    widths = [float(bar.attrib["width"]) for bar in bars]
    assert len(widths) == 5
    assert widths[3] == max(widths)


def test_every_contender_has_a_file_of_its_own() -> None:
    folder = BENCHMARKS / "yardstick" / "contenders"
    assert all((folder / f"{sort.module}.py").is_file() for sort in (OURS | PEERS).values())


def test_a_peer_that_is_missing_is_named_with_what_it_needs(tmp_path: Path) -> None:
    """Whichever of them the interpreter lacks; and one that no interpreter could have, with the reason."""
    lacking = tmp_path / "python"
    lacking.write_text("#!/bin/sh\nexit 1\n", "utf-8")
    lacking.chmod(0o755)
    present, missing = import_module("run")._peers(Namespace(quick=False, peers=str(lacking)))
    assert present == []
    assert set(missing) == {*PEERS, "cryptofeed"}
    assert missing["ccxt"] == "ccxt.pro is not installed: see benchmarks/requirements.txt"


class Slow:
    """A contender that hears everything at full speed, and stops hearing at the second of the steady rates."""

    def __init__(self, *_: Any) -> None:
        self._heard = [True] * 3 + [False]

    def do(self, command: str, **_: Any) -> Any:
        if command == "collect":
            told = {"heard": 1, "last": 2.0, "processor": 0.1, "memory": 1, "delays_ns": [1_000] * 10}
            return {"complete": self._heard.pop(0), **told}
        return {"seconds": 0.1, "counts": "messages"}

    def __enter__(self) -> Slow:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class Blasts:
    exchanges: Mapping[str, Any] = {"jex": {}}

    def do(self, command: str, **_: Any) -> Any:
        return {"events": 1, "began": 1.0}


def test_a_rate_that_is_too_fast_costs_no_other_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was measured before is told, with what went wrong. Latencies begin when the client has settled."""
    slept: list[float] = []
    monkeypatch.setattr(speed, "Worker", Slow)
    monkeypatch.setattr(speed.time, "sleep", slept.append)
    plan = speed.Plan(1, 100, (1_000, 5_000, 10_000), 0.01, 1e6, ("jex",), ("jexkit",), {"jexkit": "python"})
    found = speed.measure(Blasts(), plan, lambda _: None)["jex"]["jexkit"]  # type: ignore[arg-type]
    assert (found["rate"], found["start"], found["stop"]) == (100.0, 0.1, None)
    assert list(found["latency"]) == ["1000"]
    assert [round(seconds, -4) for seconds in slept] == [1e6]
    assert "at 5000 a second" in found["faults"][0]
    text = report.markdown({**results(), "speed": {"jex": {"jexkit": found}}})
    assert "| jexkit | 100 | 1000.0 | 1 / 1 / 1 | 0.10 | - |" in text


# --- as a user starts it ----------------------------------------------------------------------------------------------


def run(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(BENCHMARKS / "run.py"), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=WITHIN, check=False)


def test_the_quick_run_has_every_result(tmp_path: Path) -> None:
    """It says nothing about speed, which is the machine's: it fails only when a result is missing."""
    ended = run("--quick", "--out", str(tmp_path))
    assert ended.returncode == 0, ended.stderr
    found = json.loads((tmp_path / "results.json").read_text("utf-8"))
    for exchange in ALL:
        assert set(found["speed"][exchange]) == {"jexkit", "jexkit, journal", "reference", "limit"}
        for outcome in found["speed"][exchange].values():
            assert outcome["rate"] > 0
            assert outcome["latency"]["5000"]["p99"] > 0
    assert found["heartbeats"]["unanswered"] == 0
    assert (tmp_path / "results.md").read_text("utf-8").strip() == ended.stdout.strip()
    assert (tmp_path / "throughput.svg").read_text("utf-8").startswith("<svg")


@pytest.mark.parametrize(
    "wrong", [("--rounds", "0"), ("--messages", "-1"), ("--exchanges", "nasdaq"), ("--endurance", "-1")]
)
def test_nonsense_is_refused(wrong: tuple[str, ...]) -> None:
    """In words, before anything is started."""
    ended = run(*wrong)
    assert ended.returncode == 2
    assert "error" in ended.stderr


def test_the_interpreter_of_the_peers_is_found_from_another_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """The workers begin in the benchmarks' own."""
    run = import_module("run")
    for given, meant in (("peers/bin/python", str(Path.cwd() / "peers/bin/python")), ("python3", "python3")):
        monkeypatch.setattr(sys, "argv", ["run.py", "--peers", given])
        assert run._arguments().peers == meant
