"""What the market script does on Deribit, besides everyday trading."""

from __future__ import annotations

from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING

from jexkit.sim.actions import Action, place, some_price, some_side, trading_actions
from jexkit.sim.books import Order, Status

if TYPE_CHECKING:
    from jexkit.sim.deribit.account import DeribitAccount
    from jexkit.sim.instruments import Instrument

TRIGGERS = ("stop_market", "stop_limit", "take_market", "take_limit")


def _derivative(account: DeribitAccount, rng: Random) -> Instrument:
    return rng.choice([item for item in account.venue.listing if item.kind != "spot"])


def _waiting(account: DeribitAccount) -> list[Order]:
    return [order for order in account.books.open.values() if order.status is Status.UNTRIGGERED]


def _place_trigger(account: DeribitAccount, rng: Random) -> Order:
    instrument, kind = _derivative(account, rng), rng.choice(TRIGGERS)
    price = some_price(instrument, rng) if kind.endswith("limit") else None
    side = some_side(account, instrument, rng)
    amount = instrument.step * rng.randint(1, 3)
    return account.place_trigger(instrument.symbol, side, amount, some_price(instrument, rng), kind, price=price)


def _trigger(account: DeribitAccount, rng: Random) -> None:
    waiting = _waiting(account)
    real = account.trigger(rng.choice(waiting) if waiting else _place_trigger(account, rng))
    account.fill(real, maker=False)


def _cancel_trigger(account: DeribitAccount, rng: Random) -> None:
    waiting = _waiting(account)
    if waiting:
        account.cancel(rng.choice(waiting))


def _market_order(account: DeribitAccount, rng: Random) -> None:
    instrument = _derivative(account, rng)
    with account.moment():
        side = some_side(account, instrument, rng)
        order = account.place(instrument.symbol, side, instrument.step * 3, type="market", web=True)
        account.match(order, [(instrument.step, None), (2 * instrument.step, None)])


def _labelled(account: DeribitAccount, rng: Random) -> None:
    instrument = _derivative(account, rng)
    side, price = some_side(account, instrument, rng), some_price(instrument, rng)
    label = f"bot-{rng.randint(1, 3)}"  # several orders share one
    account.place(instrument.symbol, side, instrument.step * 2, price, client_order_id=label, post_only=True)


def _move_money(account: DeribitAccount, rng: Random) -> None:
    amount = Decimal(rng.randint(1, 5000)) / 10000
    rng.choice((account.deposit, account.withdraw))(rng.choice(("BTC", "ETH", "USDC")), amount)


def _move_mark(account: DeribitAccount, rng: Random) -> None:
    instrument = _derivative(account, rng)
    account.venue.set_mark(instrument.symbol, some_price(instrument, rng))


def _reject(account: DeribitAccount, rng: Random) -> None:
    account.reject(place(account, rng))


def _disconnect(account: DeribitAccount, rng: Random) -> None:
    """What cancel on disconnect does to the others: an order ends that somebody else's connection had placed."""
    account.cancel(place(account, rng), reason="cancel_on_disconnect")


def _lock(account: DeribitAccount, rng: Random) -> None:
    account.set_lock(rng.choice(("BTC", "ETH", "ALL")), locked=rng.random() < 0.5)


ACTIONS = (
    *trading_actions(),
    Action("place_trigger", 5, _place_trigger),
    Action("trigger", 3, _trigger),
    Action("cancel_trigger", 2, _cancel_trigger),
    Action("market_order", 5, _market_order),
    Action("labelled", 4, _labelled),
    Action("move_money", 3, _move_money),
    Action("move_mark", 3, _move_mark),
    Action("reject", 1, _reject),
    Action("disconnect", 1, _disconnect),
    Action("lock", 1, _lock),
)
