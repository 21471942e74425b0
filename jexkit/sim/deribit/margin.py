"""What an account is worth in one currency: the figures of `user.portfolio` and of the account summary.

A simple model: initial margin is a fiftieth of the value of positions and open orders, maintenance margin half of that
for the positions. Pure functions of the books and the mark prices.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from jexkit.sim.amounts import ZERO, rounded
from jexkit.sim.books import Books, Order, Position, Status
from jexkit.sim.deribit.symbols import DOLLARS, WALLET
from jexkit.sim.instruments import Instrument
from jexkit.sim.settlement import unrealised

LEVERAGE = 50

Mark = Callable[[Instrument], Decimal]


@dataclass(frozen=True)
class Figures:
    """All in one currency."""

    balance: Decimal
    reserved: Decimal  # by spot orders
    floating: Decimal
    realised: Decimal
    positions_margin: Decimal
    orders_margin: Decimal
    delta: Decimal

    @property
    def equity(self) -> Decimal:
        """Balance and what closing everything would bring."""
        return self.balance + self.floating

    @property
    def initial_margin(self) -> Decimal:
        """Held back for positions and open orders."""
        return self.positions_margin + self.orders_margin

    @property
    def maintenance_margin(self) -> Decimal:
        """Below it, liquidation."""
        return self.positions_margin / 2

    @property
    def free(self) -> Decimal:
        """What new orders may use."""
        return self.equity - self.initial_margin - self.reserved

    @property
    def withdrawable(self) -> Decimal:
        """What may leave: a floating profit may not."""
        return min(self.balance, self.equity) - self.initial_margin - self.reserved


def figures(books: Books, currency: str, mark: Mark) -> Figures:
    """Add up one currency."""
    money = books.balance(WALLET, currency)
    held = [one for one in books.positions.values() if one.instrument.settle == currency and one.quantity]
    resting = [order for order in books.open.values() if _binds_margin(order, currency)]
    ever = [one for one in books.positions.values() if one.instrument.settle == currency]
    return Figures(
        balance=money.total,
        reserved=money.locked,
        floating=sum((unrealised(one, mark(one.instrument)) for one in held), ZERO),
        realised=sum((one.realised for one in ever), ZERO),
        positions_margin=sum((position_margin(one, mark) for one in held), ZERO),
        orders_margin=sum((order_margin(order) for order in resting), ZERO),
        delta=sum((size_in_currency(one, mark) for one in held), ZERO),
    )


def position_margin(position: Position, mark: Mark) -> Decimal:
    """Initial margin of a position."""
    instrument = position.instrument
    return rounded(instrument.notional(abs(position.quantity), mark(instrument)) / LEVERAGE)


def order_margin(order: Order) -> Decimal:
    """Initial margin of an open order."""
    return rounded(order.instrument.notional(order.remaining, order.price) / LEVERAGE)


def size_in_currency(position: Position, mark: Mark) -> Decimal:
    """The position in base currency, below zero for a short one."""
    if position.instrument.kind != "inverse":
        return position.quantity
    return rounded(position.quantity / mark(position.instrument))


def in_dollars(books: Books, mark: Mark, part: Callable[[Figures], Decimal]) -> Decimal:
    """One figure, summed over all currencies in USD."""
    return rounded(sum((part(figures(books, code, mark)) * price for code, price in DOLLARS.items()), ZERO))


def _binds_margin(order: Order, currency: str) -> bool:
    instrument = order.instrument
    return instrument.kind != "spot" and instrument.settle == currency and order.status is not Status.UNTRIGGERED
