"""The demonstration's tables."""

import io
import re
from collections import Counter
from datetime import datetime, timedelta, timezone

from rich.console import Console, Group

from jexkit.cli.audit import audit
from jexkit.cli.recorder import Recorder
from jexkit.cli.table import LiveTable, outcome_table, summary
from jexkit.core.lifecycle import State
from jexkit.stream import Status
from tests.cli import facts

WIDE = 200


def status(**counters: int) -> Status:
    return Status(
        stream="desk",
        exchange="binance_pm",
        state=State.LIVE,
        last_proof=datetime.now(timezone.utc) - timedelta(seconds=4),
        last_event=None,
        last_error="",
        events={},
        counters=counters,
        queued=0,
        callback_errors=0,
        slow_callbacks=0,
    )


def printed(table: Group, width: int = WIDE) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(table)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def cells(text: str, name: str) -> list[str]:
    row = next(line for line in text.splitlines() if f" {name} " in line)
    return re.split(r"\s{2,}", row.strip())


def test_a_row_says_what_arrives_and_what_keeps_it_alive() -> None:
    """State, events by type, rate, the last event in words, keepalives, heartbeats, pings, and the age of the proof."""
    recorder = Recorder()
    table = LiveTable(recorder)
    table.render({"desk": status()}, 100.0, "demo", WIDE)
    for event in facts.delivered():
        recorder(event)
    counters = {"keepalives": 2, "token_renewals": 1, "heartbeats_answered": 4, "pings_sent": 5, "pings_answered": 6}
    text = printed(table.render({"desk": status(**counters)}, 103.0, "demo", WIDE))
    assert cells(text, "desk") == [
        "desk", "live", "3", "2", "2", "2", "0", "3.0", "3", "4", "11", "4 s", "position 3 BTCUSDT",
    ]  # fmt: skip


def test_a_rate_is_of_the_last_seconds() -> None:
    """What came long ago counts no more."""
    recorder = Recorder()
    table = LiveTable(recorder)
    for event in facts.delivered():
        recorder(event)
    for now in (100.0, 102.0, 104.0):
        text = printed(table.render({"desk": status()}, now, "demo", WIDE))
    assert cells(text, "desk")[7] == "0.0"


def test_the_outcome_shows_faults_stream_by_stream() -> None:
    outcome = audit(facts.told(), facts.delivered()[:-1])
    text = printed(outcome_table({"desk": Counter(Fill=2, Live=1)}, {"desk": outcome}, WIDE))
    assert cells(text, "desk") == ["desk", "0", "2", "0", "0", "1", "1", "0", "0", "0", "0"]
    assert cells(text, "stream") == [
        "stream", "orders", "fills", "balances", "positions", "other",
        "lost", "repeated", "out of order", "unexpected", "differing",
    ]  # fmt: skip


def test_on_an_ordinary_terminal_nothing_is_cut() -> None:
    """Eighty letters hold all the columns, in two tables each; nothing but the last event may be cut."""
    recorder = Recorder()
    for event in facts.delivered():
        recorder(event)
    live = printed(LiveTable(recorder).render({"desk": status(), "binance": status()}, 100.0, "demo", 80), 80)
    outcome = audit(facts.told(), facts.delivered()[:-1])
    end = printed(outcome_table({"desk": Counter(Fill=2)}, {"desk": outcome}, 80), 80)
    assert all(len(line) <= 80 for line in (live + end).splitlines())
    assert "\u2026" not in live + end
    for header in ("orders", "per s", "keepalives", "heartbeats", "pings", "proof", "last event", "out of order"):
        assert f" {header} " in live + end


def test_the_summary_is_plain() -> None:
    """What a script needs to judge the run."""
    outcome = audit(facts.told(), facts.delivered()[:-1])
    record = summary(outcome, Counter(Fill=2), status(keepalives=2))
    assert (record["exchange"], record["state"]) == ("binance_pm", "live")
    assert (record["lost"], record["repeated"], record["out_of_order"]) == (1, 0, 0)
    assert record["told"] == {"balance": 2, "fill": 2, "order": 3, "position": 2}
    assert record["events"] == {"Fill": 2}
    assert record["counters"] == {"keepalives": 2}
    assert record["faults"] == ["lost: position usd_futures BTCUSDT: 3, 20000"]
