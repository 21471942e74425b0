"""What the market script does on JEX: trading without amendments, refused contract orders, transfers, leverage."""

from __future__ import annotations

from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING

from jexkit.sim.actions import Action, some_price, trading_actions
from jexkit.sim.jex.symbols import CONTRACT, SPOT

if TYPE_CHECKING:
    from jexkit.sim.jex.account import JexAccount


def _refused(account: JexAccount, rng: Random) -> None:
    instrument = rng.choice(account.venue.listing.of(CONTRACT))
    account.refuse_next(rng.choice(account.refusals))
    side = rng.choice(("BUY", "SELL"))
    account.place(instrument.symbol, side, instrument.step, some_price(instrument, rng), market=CONTRACT)


def _transfer(account: JexAccount, rng: Random) -> None:
    source, target = rng.choice(((SPOT, CONTRACT), (CONTRACT, SPOT)))
    account.transfer("USDT", Decimal(rng.randint(1, 5000)) / 100, source, target)


def _deposit(account: JexAccount, rng: Random) -> None:
    account.deposit(rng.choice(("BTC", "USDT")), rng.randint(1, 5))


def _leverage(account: JexAccount, rng: Random) -> None:
    instrument = rng.choice(account.venue.listing.of(CONTRACT))
    account.set_leverage(instrument.symbol, rng.choice((5, 10, 20)), CONTRACT)


ACTIONS = (
    *(action for action in trading_actions() if action.name != "amend"),
    Action("refused", 4, _refused),
    Action("transfer", 3, _transfer),
    Action("deposit", 1, _deposit),
    Action("leverage", 1, _leverage),
)
