"""The demonstration's tables: one that lives while events arrive, one that says how it went."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from rich.console import Group
from rich.markup import escape

from jexkit.cli.audit import FAULTS, Audit
from jexkit.cli.fitting import Column, fitted
from jexkit.cli.recorder import Recorder
from jexkit.cli.words import in_words
from jexkit.stream import Status

RATE_OVER = 3.0  # seconds over which rates are measured

_COLORS = {"live": "green", "connecting": "yellow", "suspended": "yellow", "lost": "red"}
_COUNTED = {"OrderUpdate": "orders", "Fill": "fills", "BalanceUpdate": "balances", "PositionUpdate": "positions"}
_UPKEEP = {
    "keepalives": ("keepalives", "token_renewals"),
    "heartbeats": ("heartbeats_answered",),
    "pings": ("pings_sent", "pings_answered"),
}


class LiveTable:
    """Makes the table of this moment, again and again; it remembers the counts of the last seconds for the rates."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._past: dict[str, deque[tuple[float, int]]] = {}

    def render(self, statuses: Mapping[str, Status], now: float, title: str, width: int) -> Group:
        """The table, ``width`` letters wide; ``now`` is the monotonic time."""
        names = list(statuses)
        counts = {name: self._recorder.counts(name) for name in names}
        last = {name: self._recorder.last(name) for name in names}
        columns = [
            Column("state", [_state(status) for status in statuses.values()], is_text=True),
            *(Column(header, [str(counts[name][kind]) for name in names]) for kind, header in _COUNTED.items()),
            Column("other", [str(_others(counts[name])) for name in names]),
            Column("per s", [f"{self._rate(name, counts[name].total(), now):.1f}" for name in names]),
            *(
                Column(
                    header, [str(sum(status.counters.get(part, 0) for part in parts)) for status in statuses.values()]
                )
                for header, parts in _UPKEEP.items()
            ),
            Column("proof", [_age(status.last_proof) for status in statuses.values()]),
            Column("last event", [escape(in_words(event)) if event else "" for event in last.values()], stretches=True),
        ]
        return fitted(title, Column("stream", [escape(name) for name in names], is_text=True), columns, width)

    def _rate(self, name: str, count: int, now: float) -> float:
        past = self._past.setdefault(name, deque())
        past.append((now, count))
        while len(past) > 2 and now - past[0][0] > RATE_OVER:
            past.popleft()
        passed = now - past[0][0]
        return (count - past[0][1]) / passed if passed > 0 else 0.0


def _age(moment: datetime | None) -> str:
    if moment is None:
        return "never"
    return f"{max(0.0, (datetime.now(timezone.utc) - moment).total_seconds()):.0f} s"


def outcome_table(events: Mapping[str, Counter[str]], audits: Mapping[str, Audit], width: int) -> Group:
    """What came, and what was wrong with it, stream by stream, ``width`` letters wide."""
    columns = [
        *(Column(header, [str(events[name][kind]) for name in audits]) for kind, header in _COUNTED.items()),
        Column("other", [str(_others(events[name])) for name in audits]),
        *(
            Column(fault.replace("_", " "), [_mark(getattr(outcome, fault)) for outcome in audits.values()])
            for fault in FAULTS
        ),
    ]
    title = "What callbacks got, compared with the exchanges' ledgers"
    return fitted(title, Column("stream", [escape(name) for name in audits], is_text=True), columns, width)


def _mark(count: int) -> str:
    return f"[red]{count}[/red]" if count else "[green]0[/green]"


def _others(counts: Counter[str]) -> int:
    return sum(count for kind, count in counts.items() if kind not in _COUNTED)


def _state(status: Status) -> str:
    color = _COLORS.get(status.state, "white")
    return f"[{color}]{status.state}[/{color}]"


def summary(audit: Audit, events: Counter[str], status: Status) -> dict[str, Any]:
    """The same for one stream as plain JSON types."""
    return {
        "exchange": status.exchange,
        "state": str(status.state),
        "events": dict(sorted(events.items())),
        "told": dict(sorted(audit.told.items())),
        "delivered": dict(sorted(audit.delivered.items())),
        **{fault: getattr(audit, fault) for fault in FAULTS},
        "superseded": audit.superseded,
        "missing": list(audit.missing),
        "faults": list(audit.faults),
        "counters": dict(sorted(status.counters.items())),
    }
