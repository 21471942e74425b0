"""The grammar of channel names, and which part of a turn of the matching engine each channel tells.

https://docs.deribit.com, Subscriptions. User channels: `user.<what>.<instrument>.<interval>`,
`user.<what>.<kind>.<currency>.<interval>`, `user.portfolio.<currency>` and some without arguments.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from jexkit.sim.deribit.frames import Row
from jexkit.sim.deribit.symbols import COMBOS, CURRENCIES, DOLLARS, KINDS, LISTING, is_of_currency, is_of_kind
from jexkit.sim.instruments import Instrument

INTERVALS = ("raw", "100ms", "agg2")
STREAMS = ("orders", "trades", "changes", "combo_trades")
SCOPES = {  # which permission a user channel needs; the documents do not say, so this is a guess
    "orders": "trade:read",
    "trades": "trade:read",
    "changes": "trade:read",
    "combo_trades": "trade:read",
    "mmp_trigger": "trade:read",
    "lock": "trade:read",
    "portfolio": "account:read",
    "access_log": "account:read",
    "liquidation": "account:read",
}
_PUBLIC = re.compile(
    r"platform_state(\.public_methods_state)?|deribit_price_index\.[a-z]+_[a-z]+"
    r"|(?:book|ticker|trades|quote|perpetual)\.(?P<instrument>[A-Z0-9_]+(?:-[A-Z0-9_]+)*)(\.[a-z0-9]+)*"
)


@dataclass
class Turn:
    """What one turn of the matching engine did to an account, as the objects that will be sent."""

    orders: list[tuple[Instrument, Row]] = field(default_factory=list)
    trades: list[tuple[Instrument, Row]] = field(default_factory=list)
    combo_trades: list[tuple[Instrument, Row]] = field(default_factory=list)
    positions: list[tuple[Instrument, Row]] = field(default_factory=list)
    portfolios: dict[str, Row] = field(default_factory=dict)  # by currency
    others: list[tuple[str, Row]] = field(default_factory=list)  # channel without `user.`, data


@dataclass(frozen=True)
class Channel:
    """A user channel, read."""

    name: str  # as the client spelled it
    what: str
    instrument: str = ""
    kind: str = "any"
    currency: str = "any"
    interval: str = "raw"
    scope: str = "trade:read"

    def covers(self, instrument: Instrument) -> bool:
        """Whether an event of this instrument belongs into the channel."""
        if self.instrument:
            return instrument.symbol == self.instrument
        return is_of_kind(instrument, self.kind) and is_of_currency(instrument, self.currency)

    def messages(self, turn: Turn) -> list[Any]:
        """The `data` of each notification that the turn causes here, before any batching."""
        if self.what in ("orders", "trades", "combo_trades"):
            listed: list[tuple[Instrument, Row]] = getattr(turn, self.what)
            rows = [row for instrument, row in listed if self.covers(instrument)]
            if self.what == "orders":
                return list(rows)
            return [rows] if rows else []
        if self.what == "changes":
            return _changes(self, turn)
        if self.what == "portfolio":
            wanted = self.currency.upper()
            return [row for code, row in turn.portfolios.items() if wanted in ("ANY", code)]
        return [row for name, row in turn.others if f"user.{name}" == self.name]

    def merge(self, messages: list[Any]) -> list[Any]:
        """What a batching channel sends for the messages of its interval."""
        if self.what == "orders":
            latest = {row["order_id"]: row for row in messages}  # an order comes once, as it is at the end
            return [list(latest.values())] if latest else []
        if self.what == "changes":
            return _merged_changes(messages)
        rows = [row for message in messages for row in message]
        return [rows] if rows else []


def _changes(channel: Channel, turn: Turn) -> list[Any]:
    """One message per instrument: its trades, its orders as they are at the end, its positions."""
    touched = [*turn.trades, *turn.orders, *turn.positions]
    instruments = {one.symbol: one for one, _ in touched if channel.covers(one)}
    return [
        {
            "instrument_name": symbol,
            "trades": _of(symbol, turn.trades),
            "positions": _of(symbol, turn.positions),
            "orders": list({row["order_id"]: row for row in _of(symbol, turn.orders)}.values()),
        }
        for symbol in instruments
    ]


def _of(symbol: str, rows: list[tuple[Instrument, Row]]) -> list[Row]:
    return [row for instrument, row in rows if instrument.symbol == symbol]


def _merged_changes(messages: list[Any]) -> list[Any]:
    by_symbol: dict[str, Row] = {}
    for message in messages:
        known = by_symbol.setdefault(
            message["instrument_name"],
            {"instrument_name": message["instrument_name"], "trades": [], "positions": [], "orders": []},
        )
        known["trades"] += message["trades"]
        known["positions"] = message["positions"] or known["positions"]
        orders = {row["order_id"]: row for row in [*known["orders"], *message["orders"]]}
        known["orders"] = list(orders.values())
    return list(by_symbol.values())


def is_user_channel(name: str) -> bool:
    """Whether it is about an account."""
    return name.startswith("user.")


def is_public_channel(name: str) -> bool:
    """Whether it is a public channel that exists here. Nothing but `platform_state` is ever sent on one."""
    matched = _PUBLIC.fullmatch(name)
    if matched is None:
        return False
    instrument = matched.group("instrument")
    return instrument is None or _is_listed(instrument)


@lru_cache(maxsize=1024)
def read(name: str) -> Channel | None:
    """Read the name of a user channel; None if there is no such channel."""
    parts = name.split(".")[1:]
    what, arguments = (parts[0], parts[1:]) if parts else ("", [])
    if what not in SCOPES:
        return None
    found = _read_arguments(what, arguments)
    return None if found is None else Channel(**{"name": name, "what": what, "scope": SCOPES[what], **found})


def _read_arguments(what: str, arguments: list[str]) -> dict[str, Any] | None:
    if what in STREAMS:
        return _read_stream(arguments)
    if what == "portfolio":
        known = len(arguments) == 1 and arguments[0].upper() in ("ANY", *DOLLARS)
        return {"currency": arguments[0]} if known else None
    if what == "mmp_trigger":
        return {} if len(arguments) == 1 else None
    return {} if not arguments else None


def _read_stream(arguments: list[str]) -> dict[str, Any] | None:
    if not arguments or arguments[-1] not in INTERVALS:
        return None
    if len(arguments) == 2 and _is_listed(arguments[0]):
        return {"instrument": arguments[0], "interval": arguments[1]}
    if len(arguments) != 3:
        return None
    kind, currency, interval = arguments
    known = kind in ("any", "combo", *KINDS) and currency.upper() in ("ANY", "EURR", *CURRENCIES)
    return {"kind": kind, "currency": currency, "interval": interval} if known else None


def _is_listed(symbol: str) -> bool:
    return any(item.symbol == symbol for item in (*LISTING, *COMBOS))
