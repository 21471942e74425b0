"""The things that a market script can make happen to an account, by weight.

`Action.run` gets an account and a seeded random source, and is called on the simulator's loop. The trading actions here
know no exchange; each venue puts the ones it wants, and its own, into `Venue.actions`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING, Any

from jexkit.sim.amounts import ZERO
from jexkit.sim.books import Order, Status

if TYPE_CHECKING:
    from jexkit.sim.instruments import Instrument
    from jexkit.sim.ledger import Account


@dataclass(frozen=True)
class Action:
    """One kind of event and how often it comes, compared with the others of its venue."""

    name: str
    weight: int
    run: Callable[[Any, Random], object]


MOST_OPEN = 20  # open orders per account before the script cleans up


def tradable_orders(account: Account) -> list[Order]:
    """Open orders that the matching engine can execute."""
    living = (Status.NEW, Status.PARTIALLY_FILLED)
    return [order for order in account.books.open.values() if order.status in living]


def some_price(instrument: Instrument, rng: Random) -> Decimal:
    """A price within two percent of the starting one, on the tick."""
    ticks = instrument.price * Decimal(rng.randint(9800, 10200)) / 10000 / instrument.tick
    return ticks.to_integral_value() * instrument.tick


def some_side(account: Account, instrument: Instrument, rng: Random) -> str:
    """A side that the account can afford and that does not run its position away."""
    if instrument.kind == "spot":
        base = account.books.balance(instrument.wallet, instrument.base).free
        quote = account.books.balance(instrument.wallet, instrument.quote).free
        return "SELL" if base * instrument.price > quote else "BUY"
    held = sum((item.quantity for item in account.books.positions.values() if item.instrument is instrument), ZERO)
    if abs(held) > 20 * instrument.step:
        return "SELL" if held > 0 else "BUY"
    return rng.choice(("BUY", "SELL"))


def place(account: Account, rng: Random) -> Order:
    """Place a limit order of two to ten steps."""
    if len(account.books.open) >= MOST_OPEN:
        account.cancel(rng.choice(list(account.books.open.values())))
    instrument = rng.choice(list(account.venue.listing))
    quantity = instrument.step * rng.randint(2, 10)
    side, price = some_side(account, instrument, rng), some_price(instrument, rng)
    return account.place(instrument.symbol, side, quantity, price, market=instrument.market)


def some_order(account: Account, rng: Random) -> Order:
    """An order that can be executed, placed now if there is none."""
    candidates = tradable_orders(account)
    return rng.choice(candidates) if candidates else place(account, rng)


def fill_part(account: Account, rng: Random) -> None:
    """One execution of one step."""
    order = some_order(account, rng)
    account.fill(order, min(order.instrument.step, order.remaining), maker=rng.random() < 0.7)


def fill_rest(account: Account, rng: Random) -> None:
    """Execute all that remains."""
    account.fill(some_order(account, rng), maker=rng.random() < 0.7)


def match_several(account: Account, rng: Random) -> None:
    """Several executions in one turn of the engine, with equal times."""
    order = some_order(account, rng)
    steps = int(order.remaining / order.instrument.step)
    parts = [(order.instrument.step, order.price)] * min(steps, rng.randint(2, 4))
    account.match(order, parts or [(order.remaining, order.price)])


def cancel(account: Account, rng: Random) -> None:
    """Cancel an order."""
    account.cancel(some_order(account, rng))


def amend(account: Account, rng: Random) -> None:
    """Give an order another price."""
    order = some_order(account, rng)
    account.amend(order, price=some_price(order.instrument, rng))


def trading_actions() -> tuple[Action, ...]:
    """The everyday life of a trading account."""
    return (
        Action("place", 30, place),
        Action("fill_part", 20, fill_part),
        Action("fill_rest", 15, fill_rest),
        Action("match_several", 8, match_several),
        Action("cancel", 12, cancel),
        Action("amend", 5, amend),
    )
