"""The figures of a run, as a record and as a table."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from jexkit.events import Event, Gap, Live, Suspended
from mayhem.process import Usage
from mayhem.spool import Spool
from mayhem.tally import Tally

COUNTED = ("lost", "repeated", "backwards", "wrong", "differing", "unreported")
"""All of these must be zero."""
COLUMNS = ("events", "told", "faults", "away", "recovered", "superseded", "gaps", *COUNTED, "slowest")
HEADINGS = {"slowest": "slowest Live", "told": "told by ledger", "away": "times away"}
PLACES = ("before", "begin", "load", "end", "after")


def stream_figures(outcome: Tally, spool: Spool, faults: Counter[str]) -> dict[str, Any]:
    """What is reported of one stream."""
    return {
        "events": spool.counts["events"],
        "told": sum(outcome.told.values()),
        "faults": sum(faults.values()),
        "away": spool.counts["Suspended"],
        "recovered": spool.counts["recovered"],
        "superseded": outcome.superseded,
        "gaps": sum(isinstance(event, Gap) for event in spool.life),
        "lost": outcome.lost,
        "repeated": outcome.repeated,
        "backwards": outcome.out_of_order,
        "wrong": outcome.unexpected,
        "differing": outcome.differing,
        "unreported": outcome.unreported,
        "slowest": slowest_return(spool.life),
        "faults_by_kind": dict(sorted(faults.items())),
        "gaps_by_what": dict(Counter(event.what for event in spool.life if isinstance(event, Gap))),
        "examples": list(outcome.faults),
    }


def slowest_return(life: Sequence[Event]) -> float:
    """The longest time from a Suspended to the next Live, in seconds."""
    ends = [event for event in life if isinstance(event, (Suspended, Live))]
    waits = [
        (after.time_ms - before.time_ms) / 1000
        for before, after in itertools.pairwise(ends)
        if isinstance(before, Suspended) and isinstance(after, Live)
    ]
    return round(max(waits, default=0.0), 2)


def total(streams: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The figures of all streams together."""
    sums = {name: sum(figures[name] for figures in streams.values()) for name in COLUMNS if name != "slowest"}
    return {**sums, "slowest": max((figures["slowest"] for figures in streams.values()), default=0.0)}


def is_clean(figures: Mapping[str, Any]) -> bool:
    return not any(figures[name] for name in COUNTED)


def table(record: Mapping[str, Any]) -> str:
    """Plain text: a row for each figure, a column for each stream."""
    streams = {**record["streams"], "all": record["total"]}
    rows = [["", *streams]]
    rows += [
        [HEADINGS.get(name, name), *(_spelled(name, figures[name]) for figures in streams.values())] for name in COLUMNS
    ]
    machine = [["", *PLACES]]
    machine += [
        [
            field.name if field.name != "memory" else "memory (MB)",
            *(str(record["usage"][at][field.name]) for at in PLACES),
        ]
        for field in attrs.fields(Usage)
    ]
    head = f"{record['seconds']:.0f} s, {record['rate']:.0f} events a second, seed {record['seed']}"
    head += f", {record['queued']:,} queued at the end of it"
    return "\n".join([head, "", *_aligned(rows), "", *_aligned(machine), *_ending(record)])


def _ending(record: Mapping[str, Any]) -> list[str]:
    lines = ["", "ok" if record["ok"] else "NOT OK"]
    if record["not_live"]:
        lines.append(f"not live at the end: {', '.join(record['not_live'])}")
    for name, figures in record["streams"].items():
        lines += [f"{name}: {example}" for example in figures["examples"]]
    if not record["ok"]:
        lines.append(f"to repeat it: {record['command']}")
    return lines


def _spelled(name: str, value: Any) -> str:
    return f"{value:.2f} s" if name == "slowest" else f"{value:,}"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    ]
