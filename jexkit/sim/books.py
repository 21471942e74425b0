"""The state of one account, free of any exchange's words: orders, fills, balances, positions. Pure data."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from jexkit.sim.amounts import ZERO
from jexkit.sim.instruments import Instrument


class Status(enum.Enum):
    """How an order stands. Each venue turns this into its own word."""

    PENDING = "pending"  # taken in, not yet accepted by the matching engine
    UNTRIGGERED = "untriggered"  # a conditional order waiting for its price
    NEW = "new"
    PARTIALLY_FILLED = "partially_filled"
    TRIGGERED = "triggered"
    FILLED = "filled"
    CANCELED = "canceled"
    REJECTED = "rejected"
    EXPIRED = "expired"

    @property
    def is_final(self) -> bool:
        """True when nothing can happen to the order any more."""
        return self in _FINAL


_FINAL = frozenset({Status.TRIGGERED, Status.FILLED, Status.CANCELED, Status.REJECTED, Status.EXPIRED})


@dataclass(eq=False)
class Fill:
    """One execution. `realised` is the profit that it booked, before the fee."""

    instrument: Instrument
    order_id: str
    trade_id: str
    side: str
    quantity: Decimal
    price: Decimal
    maker: bool
    fee: Decimal
    fee_asset: str
    time_ms: int
    position_side: str = "BOTH"
    realised: Decimal = ZERO


@dataclass(eq=False)
class Order:
    """One order. `native` holds what only its own venue knows (an algo id, a reason, a trigger price, ...)."""

    instrument: Instrument
    order_id: str
    client_order_id: str
    side: str
    type: str
    quantity: Decimal
    price: Decimal
    time_in_force: str
    created_ms: int
    updated_ms: int
    status: Status = Status.NEW
    reduce_only: bool = False
    position_side: str = "BOTH"
    filled: Decimal = ZERO
    quote_filled: Decimal = ZERO
    locked: Decimal = ZERO
    fills: list[Fill] = field(default_factory=list)
    native: dict[str, Any] = field(default_factory=dict)

    @property
    def symbol(self) -> str:
        """The exchange's name of the instrument."""
        return self.instrument.symbol

    @property
    def market(self) -> str:
        """The market that lists the instrument."""
        return self.instrument.market

    @property
    def remaining(self) -> Decimal:
        """What is still to be filled."""
        return self.quantity - self.filled

    @property
    def average_price(self) -> Decimal:
        """Average price of the fills so far, zero before the first."""
        return self.quote_filled / self.filled if self.filled else ZERO

    @property
    def lock_asset(self) -> str:
        """The asset that a resting spot order holds back."""
        return self.instrument.quote if self.side == "BUY" else self.instrument.base


@dataclass(eq=False)
class Balance:
    """One asset in one wallet."""

    wallet: str
    asset: str
    free: Decimal = ZERO
    locked: Decimal = ZERO
    updated_ms: int = 0
    native: dict[str, Any] = field(default_factory=dict)

    @property
    def total(self) -> Decimal:
        """Free and locked together."""
        return self.free + self.locked


@dataclass(eq=False)
class Position:
    """One position; `quantity` is below zero for a short one."""

    instrument: Instrument
    side: str = "BOTH"
    quantity: Decimal = ZERO
    entry_price: Decimal = ZERO
    break_even: Decimal = ZERO
    realised: Decimal = ZERO
    updated_ms: int = 0


@dataclass(eq=False)
class Books:
    """All that an account holds. Orders stay after they end; `open` has the living ones in order of placing."""

    orders: dict[tuple[str, str, str], Order] = field(default_factory=dict)
    open: dict[tuple[str, str, str], Order] = field(default_factory=dict)
    fills: list[Fill] = field(default_factory=list)
    balances: dict[tuple[str, str], Balance] = field(default_factory=dict)
    positions: dict[tuple[str, str, str], Position] = field(default_factory=dict)
    leverage: dict[tuple[str, str], int] = field(default_factory=dict)

    def balance(self, wallet: str, asset: str) -> Balance:
        """The balance, made empty on first use."""
        return self.balances.setdefault((wallet, asset), Balance(wallet, asset))

    def position(self, instrument: Instrument, side: str = "BOTH") -> Position:
        """The position, made flat on first use."""
        key = (instrument.market, instrument.symbol, side)
        return self.positions.setdefault(key, Position(instrument, side))

    def keep(self, order: Order) -> None:
        """Book an order, and take it off the open ones once it has ended."""
        key = (order.market, order.symbol, order.order_id)
        self.orders[key] = order
        if order.status.is_final:
            self.open.pop(key, None)
        else:
            self.open[key] = order

    def snapshot(self) -> Books:
        """How things stand now. What cannot change any more is shared with it, so that it costs little."""
        living = {key: _copy_of(order) for key, order in self.open.items()}
        return Books(
            orders={**self.orders, **living},
            open=living,
            fills=list(self.fills),
            balances={key: replace(one, native=dict(one.native)) for key, one in self.balances.items()},
            positions={key: replace(one) for key, one in self.positions.items()},
            leverage=dict(self.leverage),
        )


def _copy_of(order: Order) -> Order:
    return replace(order, fills=list(order.fills), native=dict(order.native))
