"""How fast jexkit is: beside a reference loop, the limit, and the other clients, in one run and in turn.

    python benchmarks/run.py --peers peers/bin/python --out results

``README.md`` beside this file says what is measured and how to read it. The exit code is 0 unless a result is missing:
a slow machine is no fault. A peer that is not installed is named with the reason, and is no missing result.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

sys.path[:0] = [path for path in map(str, Path(__file__).resolve().parents[:2]) if path not in sys.path]

from yardstick import endurance, fleets, imports, report, speed  # noqa: E402 - found beside this file
from yardstick.blaster import Blaster  # noqa: E402
from yardstick.contenders import ALL, NOT_MEASURED, PEERS  # noqa: E402
from yardstick.fleets import Span  # noqa: E402

SETTLE = 10.0  # seconds; a look at what REST knows comes five seconds after a stream is live
PERIOD = 30.0  # seconds from one proof of life of an idle stream to the next: each costs more than waiting does
OURS = ("jexkit", "jexkit, journal", "reference", "limit")


def main() -> int:
    asked = _arguments()
    present, missing = _peers(asked)
    python = dict.fromkeys(OURS, sys.executable) | dict.fromkeys(present, asked.peers or sys.executable)
    quick = asked.quick
    plan = speed.Plan(
        rounds=1 if quick else asked.rounds,
        messages=3_000 if quick else asked.messages,
        rates=(5_000,) if quick else (1_000, 5_000, 10_000),
        seconds=0.4 if quick else 3.0,
        settle=0.0 if quick else SETTLE,
        exchanges=tuple(asked.exchanges or ALL),
        contenders=(*OURS, *present),
        python=python,
    )
    streams = 10 if quick else 100
    settle, period = (0.5, 1.0) if quick else (SETTLE, PERIOD)
    with Blaster() as blaster:
        results = {
            "command": " ".join(["python", "benchmarks/run.py", *sys.argv[1:]]),
            "when": datetime.datetime.now(datetime.timezone.utc).strftime("%d %B %Y"),
            "machine": f"{os.cpu_count()} cores, Python {platform.python_version()}",
            "streams": streams,
            "missing": missing,
            "versions": _versions(asked.peers or sys.executable, present),
            "speed": speed.measure(blaster, plan, _say),
            "heartbeats": fleets.heartbeats(blaster, streams, Span(settle, 1.0 if quick else 20.0), _say),
            "idle": fleets.idle(blaster, (1, 10) if quick else (1, 10, 100, 1_000), Span(settle, period), _say),
            "idle_tls": fleets.idle(
                blaster, (1, 10) if quick else (1, 10, 100, 1_000), Span(settle, period), _say, tls=True
            ),
            "spread": fleets.spread(blaster, (1, streams), Span(settle, settle), _say),
            "imports": imports.measure(3 if quick else 9),
            "endurance": endurance.measure(blaster, asked.endurance, _say) if asked.endurance else [],
        }
    return _tell(results, asked.out)


def _tell(results: dict[str, Any], out: Path | None) -> int:
    text = report.markdown(results)
    print(text)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / "results.json").write_text(json.dumps(results, indent=1) + "\n", "utf-8")
        (out / "results.md").write_text(text, "utf-8")
        (out / "throughput.svg").write_text(report.plot(results), "utf-8")
    absent = [
        f"{name} on {exchange}"
        for exchange, found in results["speed"].items()
        for name in OURS
        if "rate" not in found.get(name, {})
    ]
    absent += [what for what in ("idle", "idle_tls", "spread", "imports") if not results[what]]
    absent += ["heartbeats"] * ("p99" not in results["heartbeats"])
    if absent:
        print(f"missing: {', '.join(absent)}", file=sys.stderr)
    return 1 if absent else 0


def _peers(asked: argparse.Namespace) -> tuple[list[str], dict[str, str]]:
    """The peers whose packages the interpreter finds, and why the others are not measured."""
    if asked.quick:
        return [], {}
    present: list[str] = []
    missing = dict(NOT_MEASURED)
    for name, sort in PEERS.items():
        command = [asked.peers or sys.executable, "-c", f"import {sort.package}"]
        if subprocess.run(command, capture_output=True, check=False).returncode == 0:
            present.append(name)
        else:
            missing[name] = f"{sort.package} is not installed: see benchmarks/requirements.txt"
    return present, missing


def _versions(python: str, present: list[str]) -> dict[str, str]:
    """Of what is measured here, and of the peers in their environment."""
    found = {name: version(name) for name in ("jexkit", "websocket-client", "msgspec", "orjson")}
    code = "import sys; from importlib.metadata import version; print(*map(version, sys.argv[1:]), sep='\\n')"
    names = {name: PEERS[name].distribution for name in present}
    told = subprocess.run([python, "-c", code, *names.values()], capture_output=True, text=True, check=True)
    return {**found, **dict(zip(names, told.stdout.split(), strict=True))}


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


def _found_from_here(python: str) -> str:
    """The workers begin in another folder. What is no path is looked for where programs are."""
    return str(Path(python).absolute()) if os.sep in python else python


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="under a minute, without peers: is every result there?")
    parser.add_argument(
        "--peers", type=_found_from_here, help="the interpreter of an environment with benchmarks/requirements.txt"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--messages", type=int, default=50_000, help="in one measurement of throughput")
    parser.add_argument("--exchanges", nargs="+", choices=ALL, help="all four without it")
    parser.add_argument("--endurance", type=int, default=0, metavar="N", help="also: memory while N messages pass")
    parser.add_argument("--out", type=Path, help="a folder for results.json, results.md and throughput.svg")
    asked = parser.parse_args()
    if asked.rounds < 1 or asked.messages < 1 or asked.endurance < 0:
        parser.error("rounds and messages are above zero, and endurance is not below")
    return asked


if __name__ == "__main__":
    sys.exit(main())
