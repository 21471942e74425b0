"""What the market script makes happen to Poloniex accounts."""

from __future__ import annotations

from decimal import Decimal
from random import Random

from jexkit.sim.actions import Action, place, some_order, trading_actions
from jexkit.sim.poloniex.account import PoloniexAccount

ASSETS = ("USDT", "USDC", "BTC", "ETH")


def _sum(rng: Random) -> Decimal:
    return Decimal(rng.randint(1, 5000)) / 1000


def slow_cancel(account: PoloniexAccount, rng: Random) -> None:
    """A cancellation in two steps: PENDING_CANCEL, then the end."""
    account.cancel(account.request_cancel(some_order(account, rng)))


def partial_cancel(account: PoloniexAccount, rng: Random) -> None:
    """Fill a part and cancel the rest: PARTIALLY_CANCELED."""
    order = place(account, rng)
    account.fill(order, order.instrument.step)
    account.cancel(order)


def end_badly(account: PoloniexAccount, rng: Random) -> None:
    """The exchange ends an order: EXPIRED, REJECTED or FAILED."""
    order = place(account, rng)
    rng.choice((account.expire, account.reject, account.fail))(order)


def market_order(account: PoloniexAccount, rng: Random) -> None:
    """A market order from the website, executed in the same turn."""
    instrument = rng.choice(list(account.venue.listing))
    side = "SELL" if account.books.balance(instrument.wallet, instrument.base).free > 20 * instrument.step else "BUY"
    with account.moment():
        order = account.place(instrument.symbol, side, 4 * instrument.step, type="market", source="WEB")
        account.match(order, [(instrument.step, None), (3 * instrument.step, None)])


def move_money(account: PoloniexAccount, rng: Random) -> None:
    """Something comes in or goes out."""
    asset, amount = rng.choice(ASSETS), _sum(rng)
    rng.choice((account.deposit, account.withdraw, account.transfer_in, account.transfer_out))(asset, amount)


ACTIONS = (
    *trading_actions(),
    Action("slow_cancel", 3, slow_cancel),
    Action("partial_cancel", 3, partial_cancel),
    Action("end_badly", 2, end_badly),
    Action("market_order", 5, market_order),
    Action("move_money", 5, move_money),
)
