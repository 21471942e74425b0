"""Compares what callbacks got with what an exchange told: nothing lost, nothing repeated, nothing out of order.

The exchange's side is the truth log of the simulator (``jexkit.sim.truth``): plain records. Both sides are turned into
entries, a key (which order, balance, position) with a state. For each key the two rows of states are aligned; what is
left over is a fault:

lost            told, and never delivered
repeated        delivered once more than it was told
out of order    delivered, but after something newer
unexpected      delivered, and never told in this form: a wrong amount, for example
superseded      told, and overtaken by a newer state that was read over REST: no fault
differing       what the stream holds at the end is not what the exchange holds (see ``holdings``)
"""

from __future__ import annotations

import difflib
import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal

import attrs

from jexkit.cli.entries import Entry, Key, Record, State, delivered_entry, told_entry
from jexkit.events import Event

COLLAPSED = frozenset({"balance", "position"})  # told again unchanged, these are no step
REQUIRED = ("order", "fill", "balance")  # what every exchange has to deliver; positions where it told of any
FAULTS = ("lost", "repeated", "out_of_order", "unexpected", "differing")
LISTED = 10  # faults that are described in words


@attrs.define
class Audit:
    """The outcome for one stream. ``told`` and ``delivered`` count entries by kind."""

    told: Counter[str] = attrs.field(factory=Counter)
    delivered: Counter[str] = attrs.field(factory=Counter)
    lost: int = 0
    repeated: int = 0
    out_of_order: int = 0
    unexpected: int = 0
    differing: int = 0
    superseded: int = 0
    faults: list[str] = attrs.field(factory=list)

    @property
    def missing(self) -> tuple[str, ...]:
        """Kinds of which nothing was delivered although the exchange has them."""
        wanted = (*REQUIRED, "position") if self.told["position"] else REQUIRED
        return tuple(kind for kind in wanted if not self.delivered[kind])

    @property
    def is_clean(self) -> bool:
        return not (any(getattr(self, name) for name in FAULTS) or self.missing)

    def fault(self, name: str, what: object) -> None:
        """Count a fault; the first ones are kept in words."""
        setattr(self, name, getattr(self, name) + 1)
        if len(self.faults) < LISTED:
            self.faults.append(f"{name.replace('_', ' ')}: {what}")


def audit(told: Iterable[Record], events: Iterable[Event], stood: Iterable[Event] = ()) -> Audit:
    """Compare the truth log of one account with the events of its stream, both from the same moment on.

    ``stood`` are the events before that moment: a balance that the exchange then tells again unchanged is no step.
    """
    outcome = Audit()
    expected = [entry for record in told if (entry := told_entry(record)) is not None]
    found = [entry for event in _once(events, outcome) if (entry := delivered_entry(event)) is not None]
    outcome.told.update(entry.kind for entry in expected)
    outcome.delivered.update(entry.kind for entry in found)
    derived = _derived(expected)
    theirs, ours, before = _rows(expected), _rows(found), _standing(stood)
    for kind, key in {**theirs, **ours}:
        start = before.get((kind, key), [])
        row, other = start + theirs.get((kind, key), []), start + ours.get((kind, key), [])
        if kind == "fill" and key in derived:
            _compare_sums(key, row, other, outcome)
        else:
            _compare_rows(kind, key, row, other, outcome)
    return outcome


# --- the comparison ---------------------------------------------------------------------------------------------------


def _once(events: Iterable[Event], outcome: Audit) -> list[Event]:
    """The events without those whose id came before."""
    first: dict[str, Event] = {}
    for event in events:
        if event.id in first:
            outcome.fault("repeated", f"{type(event).__name__} with the id {event.id}")
        else:
            first[event.id] = event
    return list(first.values())


def _rows(entries: Iterable[Entry]) -> dict[tuple[str, Key], list[Entry]]:
    rows: dict[tuple[str, Key], list[Entry]] = defaultdict(list)
    for entry in entries:
        rows[entry.kind, entry.key].append(entry)
    return dict(rows)


def _standing(stood: Iterable[Event]) -> dict[tuple[str, Key], list[Entry]]:
    """The last state of what collapses, without a time or an origin of its own. One told in part says too little."""
    entries = [entry for event in stood if (entry := delivered_entry(event)) is not None and entry.kind in COLLAPSED]
    last = {(entry.kind, entry.key): attrs.evolve(entry, time_ms=0, recovered=False) for entry in entries}
    return {name: [entry] for name, entry in last.items() if entry.kind != "balance" or None not in entry.state}


def _compare_rows(kind: str, key: Key, told: Sequence[Entry], delivered: Sequence[Entry], outcome: Audit) -> None:
    label = " ".join(part for part in (kind, *key) if part)
    parts = shared_parts([*told, *delivered])
    expected, found = _states(kind, told, parts), _states(kind, delivered, parts)
    snapshots = [] if kind == "fill" else [entry for entry in delivered if entry.recovered]  # each fill counts
    lost, superseded, extra = _leftovers(expected, found, set(_states(kind, snapshots, parts)))
    if kind in COLLAPSED and not extra:
        extra = found[-1:] * (len(delivered) - len(told))  # told again unchanged, but more often than by the exchange
    for state in extra:
        row = next((row for row in (lost, superseded) if state in row), None)
        if row is not None:
            row.remove(state)
            outcome.fault("out_of_order", f"{label}: {_spelled(state)}")
        else:
            outcome.fault("repeated" if state in expected else "unexpected", f"{label}: {_spelled(state)}")
    for state in lost:
        outcome.fault("lost", f"{label}: {_spelled(state)}")
    outcome.superseded += len(superseded)
    if kind != "fill":
        _check_times(label, delivered, outcome)


def _check_times(label: str, delivered: Sequence[Entry], outcome: Audit) -> None:
    for before, after in itertools.pairwise(delivered):
        if after.time_ms < before.time_ms:
            outcome.fault("out_of_order", f"{label}: of {after.time_ms}, after {before.time_ms}")


def shared_parts(entries: Sequence[Entry]) -> list[int]:
    """The parts of a state that both sides tell always."""
    return [part for part in range(len(entries[0].state)) if all(entry.state[part] is not None for entry in entries)]


def _states(kind: str, entries: Sequence[Entry], parts: Sequence[int]) -> list[State]:
    """The states in a row, each only once where they collapse."""
    states = [tuple(entry.state[part] for part in parts) for entry in entries]
    return [state for state, _ in itertools.groupby(states)] if kind in COLLAPSED else states


def _leftovers(
    expected: list[State], found: list[State], recovered: set[State]
) -> tuple[list[State], list[State], list[State]]:
    """What is lost, what a recovered state has overtaken, and what is only in ``found``, once the two are aligned."""
    lost: list[State] = []
    superseded: list[State] = []
    extra: list[State] = []
    if expected == found:
        return lost, superseded, extra
    for what, begin, end, found_begin, found_end in difflib.SequenceMatcher(None, expected, found, False).get_opcodes():
        if what != "equal":
            is_overtaken = found_end < len(found) and found[found_end] in recovered
            (superseded if is_overtaken else lost).extend(expected[begin:end])
            extra += found[found_begin:found_end]
    return lost, superseded, extra


def _derived(expected: Sequence[Entry]) -> set[Key]:
    """Orders whose fills the exchange tells without trade ids: ours are computed, and one may stand for several."""
    return {entry.key for entry in expected if entry.kind == "fill" and not entry.state[0]}


def _compare_sums(key: Key, told: Sequence[Entry], delivered: Sequence[Entry], outcome: Audit) -> None:
    wanted = sum((entry.state[1] for entry in told), Decimal(0))
    got = sum((entry.state[1] for entry in delivered), Decimal(0))
    label = " ".join(key)
    if got != wanted:
        outcome.fault("lost" if got < wanted else "repeated", f"fills of {label}: {got} instead of {wanted}")
    if any(entry.state[1] <= 0 for entry in delivered):
        outcome.fault("unexpected", f"fills of {label}: one of nothing or less")
    _check_times(f"fills of {label}", delivered, outcome)


def _spelled(state: State) -> str:
    return ", ".join(format(part, "f") if isinstance(part, Decimal) else str(part) for part in state)
