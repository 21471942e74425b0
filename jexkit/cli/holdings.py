"""Compares what a stream holds at the end with what the exchange holds: open orders, balances, positions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from jexkit.cli.audit import Audit, shared_parts
from jexkit.cli.entries import Entry, Key, delivered_entry, told_entry
from jexkit.events import Event


def compare_holdings(
    ledger: Mapping[str, Any],
    orders: Iterable[Event],
    balances: Iterable[Event],
    positions: Iterable[Event],
    outcome: Audit,
) -> None:
    """Count every difference in ``outcome``. ``ledger`` is an account's final state, the rest a stream's.

    A balance of which the exchange has told nothing since the beginning need not be known.
    """
    told, ours = _by_key(map(told_entry, ledger["told"])), _by_key(map(delivered_entry, balances))
    theirs = _by_key(map(told_entry, ledger["balances"]))
    spoken_of = {key: entry for key, entry in theirs.items() if key in told or key in ours}
    _compare("balance", spoken_of, ours, outcome)
    open_orders = _by_key(map(told_entry, ledger["open_orders"]))
    _compare("open order", open_orders, _by_key(map(delivered_entry, orders)), outcome)
    held = _by_key(map(told_entry, ledger["positions"]))
    _compare("position", held, _by_key(map(delivered_entry, positions)), outcome)


def _compare(what: str, theirs: dict[Key, Entry], ours: dict[Key, Entry], outcome: Audit) -> None:
    for key in {**theirs, **ours}:
        expected, found = theirs.get(key), ours.get(key)
        label = f"{what} {' '.join(part for part in key[1:] if part)}"
        if expected is None or found is None:
            outcome.fault("differing", f"{label}: {'unknown to the ' + ('stream' if expected else 'exchange')}")
            continue
        for part in shared_parts([expected, found]):
            if expected.state[part] != found.state[part]:
                outcome.fault("differing", f"{label}: {found.state[part]} instead of {expected.state[part]}")


def _by_key(entries: Iterable[Entry | None]) -> dict[Key, Entry]:
    """The last entry of each thing that is there: flat positions are not."""
    return {key: entry for entry in entries if entry is not None and (key := _key(entry)) is not None}


def _key(entry: Entry) -> Key | None:
    if entry.kind != "position":
        return (entry.kind, *entry.key)
    quantity = entry.state[0]
    if not quantity:
        return None
    return (entry.kind, *entry.key, "long" if quantity > 0 else "short")  # in hedge mode there can be both
