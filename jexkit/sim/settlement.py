"""How orders hold back money and how fills move it: pure functions over an account's books.

Each returns what it changed, so that the venue can announce exactly that.
"""

from __future__ import annotations

from decimal import Decimal

from jexkit.sim.amounts import ZERO, rounded
from jexkit.sim.books import Balance, Books, Fill, Order, Position
from jexkit.sim.instruments import Instrument


class Refusal(ValueError):
    """The ledger will not do this; `reason` is a word that each venue turns into its own error.

    Reasons: `insufficient_balance`, `unknown_order`, `order_closed`, `duplicate_client_order_id`, `bad_quantity`,
    `bad_price`, `bad_side`.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def lock(books: Books, order: Order) -> list[Balance]:
    """Hold back what a resting spot order may spend. Raises Refusal if it is not there."""
    if order.instrument.kind != "spot" or not order.price:
        return []
    needed = rounded(order.remaining * (order.price if order.side == "BUY" else 1))
    balance = books.balance(order.instrument.wallet, order.lock_asset)
    if needed > balance.free:
        raise Refusal(
            "insufficient_balance",
            f"{order.symbol} {order.side} needs {needed} {order.lock_asset}, free are {balance.free}.",
        )
    balance.free -= needed
    balance.locked += needed
    order.locked = needed
    return [balance]


def release(books: Books, order: Order) -> list[Balance]:
    """Give back what an order still holds."""
    if not order.locked:
        return []
    balance = books.balance(order.instrument.wallet, order.lock_asset)
    balance.free += order.locked
    balance.locked -= order.locked
    order.locked = ZERO
    return [balance]


def settle(books: Books, order: Order, fill: Fill) -> tuple[list[Balance], list[Position]]:
    """Book one fill: money, position, fee. Sets `fill.realised`. Returns what changed, fee asset last."""
    positions: list[Position] = []
    if order.instrument.kind == "spot":
        balances = _exchange_assets(books, order, fill)
    else:
        balances, positions = _move_position(books, order, fill)
    fee_balance = books.balance(order.instrument.wallet, fill.fee_asset)
    fee_balance.free -= fill.fee
    if fill.fee and fee_balance not in balances:
        balances.append(fee_balance)
    return balances, positions


def _exchange_assets(books: Books, order: Order, fill: Fill) -> list[Balance]:
    instrument = order.instrument
    base = books.balance(instrument.wallet, instrument.base)
    quote = books.balance(instrument.wallet, instrument.quote)
    worth = rounded(fill.quantity * fill.price)
    if order.side == "BUY":
        _pay(order, quote, worth, held=rounded(fill.quantity * order.price))
        base.free += fill.quantity
    else:
        _pay(order, base, fill.quantity, held=fill.quantity)
        quote.free += worth
    return [base, quote]


def _pay(order: Order, balance: Balance, amount: Decimal, held: Decimal) -> None:
    """Spend what the order held back for this part; a better price gives the difference back."""
    from_lock = min(order.locked, held)
    order.locked -= from_lock
    balance.locked -= from_lock
    balance.free += from_lock - amount


def _move_position(books: Books, order: Order, fill: Fill) -> tuple[list[Balance], list[Position]]:
    instrument = order.instrument
    position = books.position(instrument, fill.position_side)
    signed = fill.quantity if fill.side == "BUY" else -fill.quantity
    fill.realised = apply_to_position(position, signed, fill.price)
    position.realised += fill.realised
    if position.quantity:
        per_unit = fill.fee / abs(position.quantity) if fill.fee_asset == instrument.settle else ZERO
        position.break_even = rounded(position.entry_price + (per_unit if position.quantity > 0 else -per_unit))
    else:
        position.break_even = ZERO
    wallet = books.balance(instrument.wallet, instrument.settle)
    wallet.free += fill.realised
    return [wallet], [position]


def apply_to_position(position: Position, signed: Decimal, price: Decimal) -> Decimal:
    """Move a position by a signed quantity and return the profit that this books, in the settle asset."""
    before = position.quantity
    position.quantity = before + signed
    realised = ZERO
    if before and (before > 0) != (signed > 0):
        closed = min(abs(before), abs(signed)) * (1 if before > 0 else -1)
        realised = _profit(position.instrument, closed, position.entry_price, price)
        if abs(signed) > abs(before):
            position.entry_price = price
    else:
        position.entry_price = _average(position.instrument, before, position.entry_price, signed, price)
    if not position.quantity:
        position.entry_price = ZERO
    return realised


def _profit(instrument: Instrument, quantity: Decimal, entry: Decimal, price: Decimal) -> Decimal:
    if instrument.kind == "inverse":
        return rounded(quantity * instrument.contract_size * (1 / entry - 1 / price))
    return rounded(quantity * instrument.contract_size * (price - entry))


def _average(instrument: Instrument, held: Decimal, entry: Decimal, added: Decimal, price: Decimal) -> Decimal:
    if not held:
        return price
    if instrument.kind == "inverse":
        return rounded((held + added) / (held / entry + added / price))
    return rounded((held * entry + added * price) / (held + added))


def unrealised(position: Position, price: Decimal) -> Decimal:
    """Profit of an open position at `price`, in the settle asset."""
    if not position.quantity or not price or not position.entry_price:
        return ZERO
    return _profit(position.instrument, position.quantity, position.entry_price, price)
