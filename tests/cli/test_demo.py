"""``jexkit demo``, as a process: the main job."""

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from jexkit.accounts import ACCOUNTS
from jexkit.cli.audit import FAULTS
from jexkit.cli.demo import RULES, SETTINGS
from jexkit.events import from_dict
from tests.cli.commands import ROOT, WITHIN, Program, children_of, environment, jexkit, wait_ended
from tests.cli.conftest import Invoke


def after_start(program: Program) -> Iterator[dict[str, Any]]:
    """The events from the first order on."""
    for line in iter(program.line, ""):
        record = json.loads(line)
        if record["type"] == "OrderUpdate":
            yield record
            break
    while True:
        yield json.loads(program.line())


def test_four_exchanges_without_a_fault() -> None:
    """Every event a line that reads back, then the summary: all delivered; lost, repeated, out of order are zero."""
    with jexkit("demo", "--seconds", "6") as program:
        lines = program.lines()
        assert (program.wait(), program.complaints()) == (0, ""), lines[-1]
    *events, last = [json.loads(line) for line in lines]
    assert {from_dict(event).exchange for event in events} == set(ACCOUNTS)
    assert (last["type"], last["ok"]) == ("summary", True)
    assert {stream["exchange"] for stream in last["streams"].values()} == set(ACCOUNTS)
    for stream in last["streams"].values():
        assert [stream[fault] for fault in FAULTS] == [0] * len(FAULTS)
        assert stream["missing"] == []
        assert min(stream["delivered"][kind] for kind in ("order", "fill", "balance")) > 0
        assert stream["counters"]["connections"] == 1


def test_keys_are_renewed_and_pings_exchanged_within_the_run() -> None:
    """Listen keys would die without their keepalives, so that the run itself shows the renewals."""
    for exchange, rules in RULES.items():
        assert SETTINGS[exchange]["keepalive"] * 2 < rules["listen_key_life"] < 20
    with jexkit("demo", "--seconds", "20") as program:
        streams = {one["exchange"]: one for one in json.loads(program.lines()[-1])["streams"].values()}
        assert program.wait() == 0
    assert streams["binance_pm"]["counters"]["keepalives"] >= 2
    assert streams["jex"]["counters"]["keepalives"] >= 2
    assert streams["binance_pm"]["counters"]["pings_answered"] >= 2
    assert streams["deribit"]["counters"]["heartbeats_answered"] >= 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_the_comparison(number: signal.Signals) -> None:
    """Early, and with the same care: what was told until then is compared."""
    with jexkit("demo", "--seconds", "600") as program:
        seen: set[tuple[str, str]] = set()
        wanted = {(exchange, kind) for exchange in ACCOUNTS for kind in ("OrderUpdate", "Fill", "BalanceUpdate")}
        for record in after_start(program):
            seen.add((record["exchange"], record["type"]))
            if wanted <= seen and any(kind == "PositionUpdate" for _, kind in seen):
                break
        program.signal(number)
        last = json.loads(program.lines()[-1])
        assert [last["streams"][name][fault] for name in last["streams"] for fault in FAULTS] == [0] * 20
        assert program.complaints() == ""


def test_its_simulator_ends_with_it() -> None:
    """Also when it is killed on the spot."""
    with jexkit("demo", "--seconds", "600") as program:
        program.line()
        children = children_of(program.pid)
        assert children
        program.signal(signal.SIGKILL)
        program.wait()
    for pid in children:
        wait_ended(pid)


def test_on_a_terminal_it_is_a_table() -> None:
    """With every stream in a row, and the verdict at the end."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "jexkit.cli", "demo", "--seconds", "2"],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.PIPE,
        env=environment(TERM="xterm", COLUMNS="180", LINES="40"),
        cwd=ROOT,
    ) as process:
        os.close(theirs)
        shown = b"".join(iter(lambda: read(ours), b"")).decode()
        os.close(ours)
        assert process.wait(WITHIN) in (0, 1)  # two seconds can be too short for every kind to come
        assert process.stderr is not None
        assert process.stderr.read() == b""
    for word in ("binance", "deribit", "poloniex", "jex", "live", "keepalives", "out of order", "ll is well."):
        assert word in shown
    assert '"type"' not in shown


def read(terminal: int) -> bytes:
    """What the other side wrote; nothing once it has gone."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


def test_wrong_usage(invoke: Invoke) -> None:
    """A run of no length is refused before anything starts."""
    result = invoke("demo", "--seconds", "0")
    assert result.exit_code == 2
    assert "--seconds" in result.stderr
