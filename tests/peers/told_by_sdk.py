"""Events of Binance's SDK and records of the simulator's ledger, both as the same plain facts, amounts as decimals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from jexkit.sim.truth import Record

Fact = dict[str, object]

NAMES = {
    "order": ("market", "symbol", "order_id", "client_order_id", "side", "status", "filled", "price", "quantity"),
    "fill": ("market", "symbol", "order_id", "trade_id", "side", "quantity", "price", "fee", "fee_asset"),
    "balance": ("market", "asset", "total"),
    "position": ("market", "symbol", "side", "quantity", "entry_price"),
    "notice": ("name",),
}
AMOUNTS = {"filled", "price", "quantity", "fee", "total", "entry_price"}


def facts_of_record(record: Record) -> Iterator[Fact]:
    """What a record of the log says, without the orders that wait for a price: the SDK has no model for most."""
    kind = str(record["kind"])
    if record.get("family", "regular") == "regular":
        yield _fact(kind, *(record[name] for name in NAMES[kind]))


def facts_of_event(event: Any) -> Iterator[Fact]:
    """What an event says, in the order of the log."""
    yield from READERS[type(event).__name__](event)


def _fact(kind: str, *values: object) -> Fact:
    named = zip(NAMES[kind], values, strict=True)
    return {"kind": kind} | {name: Decimal(str(value)) if name in AMOUNTS else str(value) for name, value in named}


def _futures_order(event: Any) -> Iterator[Fact]:
    told = event.o
    yield _fact("order", event.fs, told.s, told.i, told.c, told.S, told.X, told.z, told.p, told.q)
    if told.x in {"TRADE", "CALCULATED"}:
        yield _fact("fill", event.fs, told.s, told.i, told.t, told.S, told.l, told.L, told.n, told.N)


def _margin_order(told: Any) -> Iterator[Fact]:
    own_id = told.C or told.c  # a cancel names the canceller in `c`
    yield _fact("order", "MARGIN", told.s, told.i, own_id, told.S, told.X, told.z, told.p, told.q)
    if told.x == "TRADE":
        yield _fact("fill", "MARGIN", told.s, told.i, told.t, told.S, told.l, told.L, told.n, told.N)


def _futures_account(event: Any) -> Iterator[Fact]:
    for row in event.a.B:
        yield _fact("balance", event.fs, row.a, row.wb)
    for row in event.a.P or []:
        yield _fact("position", event.fs, row.s, row.ps, row.pa, row.ep)


def _margin_account(event: Any) -> Iterator[Fact]:
    for row in event.B:
        yield _fact("balance", "MARGIN", row.a, Decimal(row.f) + Decimal(row.l))


def _nothing(event: Any) -> Iterator[Fact]:
    """A difference that a balance tells right after, or an order that waits."""
    yield from ()


def _notice(name: str) -> Callable[[Any], Iterator[Fact]]:
    return lambda _: iter([_fact("notice", name)])


READERS: dict[str, Callable[[Any], Iterator[Fact]]] = {
    "OrderTradeUpdate": _futures_order,
    "ExecutionReport": _margin_order,
    "AccountUpdate": _futures_account,
    "OutboundAccountPosition": _margin_account,
    "BalanceUpdate": _nothing,
    "ConditionalOrderTradeUpdate": _nothing,
    "dict": _nothing,  # ALGO_UPDATE
    "AccountConfigUpdate": _notice("ACCOUNT_CONFIG_UPDATE"),
    "LiabilityChange": _notice("liabilityChange"),
    "OpenOrderLoss": _notice("openOrderLoss"),
    "RiskLevelChange": _notice("riskLevelChange"),
}
