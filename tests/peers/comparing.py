"""The simulator's ledger in the terms of ccxt, and what is different between two tables of facts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from jexkit.sim.truth import Record
from tests.peers.watching import Key, Row

Facts = dict[Any, Row]
SymbolOf = Callable[[Record], str]


def symbols_of(exchange: Any, spot: str = "") -> SymbolOf:
    """Find ccxt's symbol of a record; `spot` names the simulator's market that ccxt calls spot, if it lists several."""
    found = {(market["id"], market["spot"]): str(market["symbol"]) for market in exchange.markets.values()}

    def symbol_of(record: Record) -> str:
        both = [found.get((record["symbol"], is_spot)) for is_spot in (True, False)]
        chosen = both[record["market"] != spot] if spot else both[0] or both[1]
        assert chosen is not None, record
        return chosen

    return symbol_of


def number(text: object) -> float | None:
    """ccxt gives binary floats, and None for what is not there; the ledger prints zero for it."""
    return float(str(text or 0)) or None


def ledger_orders(records: Iterable[Record], symbol_of: SymbolOf, statuses: Mapping[str, str]) -> Facts:
    """Orders by symbol and id, with the status that ccxt makes of the exchange's word."""
    return {
        (symbol_of(record), record["order_id"]): {
            "side": str(record["side"]).lower(),
            "price": number(record["price"]),
            "amount": number(record["quantity"]),
            "filled": number(record["filled"]),
            "status": statuses[str(record["status"])],
        }
        for record in records
    }


def ledger_trades(records: Iterable[Record], symbol_of: SymbolOf) -> Facts:
    """Fills by symbol and id."""
    return {
        (symbol_of(record), record["trade_id"]): {
            "order": record["order_id"],
            "side": str(record["side"]).lower(),
            "price": number(record["price"]),
            "amount": number(record["quantity"]),
        }
        for record in records
    }


def heard(rows: Mapping[Key, Row], *names: str) -> Facts:
    """The named members of what ccxt said. It writes some sides in capitals, and some numbers as text."""
    return {
        key: {name: row[name].lower() if name == "side" else _plain(row[name]) for name in names}
        for key, row in rows.items()
    }


def by_id(rows: Iterable[Row]) -> dict[Key, Row]:
    """A list of ccxt's orders or trades as a table."""
    return {(row["symbol"], row["id"]): row for row in rows}


def differences(ledger: Facts, other: Facts, *but: str) -> list[str]:
    """What is not the same in both. The members in `but` are left out, and those that the ledger does not know."""
    return [
        f"{key}: the ledger says {ledger.get(key)}, the other {other.get(key)}"
        for key in sorted({*ledger, *other}, key=str)
        if key not in ledger or key not in other or _differ(ledger[key], other[key], but)
    ]


def _differ(ledger: Row, other: Row, but: tuple[str, ...]) -> bool:
    known = [name for name, value in ledger.items() if name not in but and value is not None]
    return any(ledger[name] != other[name] for name in known)


def _plain(value: object) -> object:
    return number(value) if isinstance(value, (int, float)) else value
