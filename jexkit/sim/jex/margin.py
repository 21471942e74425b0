"""What a JEX contract wallet holds back: margin of open orders and of positions, at the leverage of each symbol.

Pure functions over the books; the wallet's ledger balance is the total, and margin is shown as locked.
"""

from __future__ import annotations

from decimal import Decimal

from jexkit.sim.amounts import ZERO, rounded
from jexkit.sim.books import Balance, Books, Order, Position
from jexkit.sim.jex.symbols import CONTRACT

USUAL_LEVERAGE = 10


def leverage(books: Books, symbol: str) -> int:
    """Leverage of a contract."""
    return books.leverage.get((CONTRACT, symbol), USUAL_LEVERAGE)


def order_worth(books: Books, symbol: str, side: str | None = None) -> Decimal:
    """Value of the open orders of a contract, of one side or both."""
    return sum((_worth(order) for order in _open(books) if order.symbol == symbol and side in (None, order.side)), ZERO)


def position_cost(position: Position) -> Decimal:
    """What a position cost."""
    return rounded(abs(position.quantity) * position.entry_price)


def position_margin(books: Books, position: Position) -> Decimal:
    """Margin of one position."""
    return rounded(position_cost(position) / leverage(books, position.instrument.symbol))


def order_margin(books: Books, asset: str) -> Decimal:
    """Margin of all open orders that settle in an asset."""
    mine = (order for order in _open(books) if order.instrument.settle == asset)
    return sum((rounded(_worth(order) / leverage(books, order.symbol)) for order in mine), ZERO)


def margins(books: Books, balance: Balance) -> tuple[Decimal, Decimal]:
    """(order margin, position margin) of a balance; zero outside the contract wallet."""
    if balance.wallet != CONTRACT:
        return ZERO, ZERO
    held = (one for one in books.positions.values() if one.instrument.settle == balance.asset)
    return order_margin(books, balance.asset), sum((position_margin(books, one) for one in held), ZERO)


def _open(books: Books) -> list[Order]:
    return [order for order in books.open.values() if order.market == CONTRACT]


def _worth(order: Order) -> Decimal:
    return order.remaining * order.price
