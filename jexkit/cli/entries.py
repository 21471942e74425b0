"""One step in the life of an order, fill, balance or position, from the exchange's ledger and from an event alike."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TypeAlias

import attrs

from jexkit.events import BalanceUpdate, Event, Fill, Market, OrderUpdate, Origin, PositionSide, PositionUpdate

Record: TypeAlias = Mapping[str, Any]
Key: TypeAlias = tuple[str, ...]
State: TypeAlias = tuple[Any, ...]

MARKETS: Mapping[str, Market] = {
    "UM": Market.USD_FUTURES,
    "CM": Market.COIN_FUTURES,
    "MARGIN": Market.MARGIN,
    "SPOT": Market.SPOT,
    "OPTION": Market.OPTIONS,
    "CONTRACT": Market.FUTURES,
    "FUTURE": Market.FUTURES,
    "FUTURE_COMBO": Market.COMBO,
    "OPTION_COMBO": Market.COMBO,
    "ACCOUNT": Market.ACCOUNT,
}
"""The simulator's word for a market or wallet, and ours."""


@attrs.frozen
class Entry:
    """One step in the life of one thing. A part of ``state`` is None where that side does not tell it."""

    kind: str
    key: Key
    state: State
    time_ms: int
    recovered: bool = False  # read over REST, where several steps of a life look like one


def told_entry(record: Record) -> Entry | None:
    """A record of the ledger, None for what is not compared. The final state of things has no time."""
    read = _RECORDS.get(record["kind"])
    if read is None:
        return None
    key, state = read(record)
    return Entry(record["kind"], key, state, int(record.get("time", 0)))


def _market(record: Record) -> str:
    return str(MARKETS.get(str(record["market"]).upper(), record["market"]))


def _amount(record: Record, name: str) -> Decimal | None:
    return Decimal(record[name]) if record.get(name) else None


def _amounts(record: Record, *names: str) -> State:
    return tuple(_amount(record, name) for name in names)


def _told_order(record: Record) -> tuple[Key, State]:
    conditional = record["family"] != "regular"
    key = (_market(record), record["symbol"], record["order_id"], "conditional" if conditional else "")
    filled = None if conditional else _amount(record, "filled")  # what the order that it becomes is filled
    return key, (record["status"], filled, *_amounts(record, "price", "quantity"))


def _told_fill(record: Record) -> tuple[Key, State]:
    key = (_market(record), record["symbol"], record["order_id"])
    return key, (record["trade_id"], *_amounts(record, "quantity", "price"))


def _told_balance(record: Record) -> tuple[Key, State]:
    return (_market(record), record["asset"]), _amounts(record, "total", "free", "locked")


def _told_position(record: Record) -> tuple[Key, State]:
    side = record["side"].lower()
    amounts = _amounts(record, "quantity", "entry_price")
    return (_market(record), record["symbol"]), (*amounts, None if side == PositionSide.BOTH else side)


_RECORDS = {"order": _told_order, "fill": _told_fill, "balance": _told_balance, "position": _told_position}


def delivered_entry(event: Event) -> Entry | None:
    """An event, None for what is not compared."""
    recovered = event.origin is Origin.RECOVERED
    if isinstance(event, OrderUpdate):
        conditional = "conditional" if event.conditional else ""
        key: Key = (event.market, event.symbol, event.order_id, conditional)
        state: State = (event.native_status, event.filled_quantity, event.price, event.quantity)
        return Entry("order", key, state, event.time_ms, recovered)
    if isinstance(event, Fill):
        key = (event.market, event.symbol, event.order_id)
        return Entry("fill", key, (event.trade_id, event.quantity, event.price), event.time_ms, recovered)
    if isinstance(event, BalanceUpdate) and (event.total is not None or event.free is not None):
        state = (event.total, event.free, event.locked)
        return Entry("balance", (event.market, event.asset), state, event.time_ms, recovered)
    if isinstance(event, PositionUpdate):
        side = None if event.side is PositionSide.BOTH else event.side  # some tell it where there is only one
        state = (event.quantity, event.entry_price, side)
        return Entry("position", (event.market, event.symbol), state, event.time_ms, recovered)
    return None
