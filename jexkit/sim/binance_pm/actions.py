"""What the market script does on Portfolio Margin, besides everyday trading."""

from __future__ import annotations

from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING

from jexkit.sim.actions import Action, place, some_price, trading_actions
from jexkit.sim.binance_pm.symbols import CM, MARGIN, UM
from jexkit.sim.books import Order, Status

if TYPE_CHECKING:
    from jexkit.sim.binance_pm.account import BinanceAccount


def _transfer(account: BinanceAccount, rng: Random) -> None:
    source, target = rng.choice(((MARGIN, UM), (UM, MARGIN)))
    account.transfer(rng.choice(("USDT", "BNB")), Decimal(rng.randint(1, 50)) / 100, source, target)


def _deposit(account: BinanceAccount, rng: Random) -> None:
    account.deposit("USDT", rng.randint(1, 1000), rng.choice((MARGIN, UM)))


def _fund(account: BinanceAccount, rng: Random) -> None:
    symbol, market = rng.choice((("BTCUSDT", UM), ("ETHUSDT", UM), ("BTCUSD_PERP", CM)))
    account.fund(symbol, Decimal(rng.randint(-500, 500)) / 10**6, market)


def _leverage(account: BinanceAccount, rng: Random) -> None:
    instrument = rng.choice(account.venue.listing.of(rng.choice((UM, CM))))
    account.set_leverage(instrument.symbol, rng.choice((5, 10, 20)), instrument.market)


def _waiting(account: BinanceAccount) -> list[Order]:
    return [order for order in account.books.open.values() if order.status is Status.UNTRIGGERED]


def _place_conditional(account: BinanceAccount, rng: Random) -> None:
    instrument = rng.choice(account.venue.listing.of(rng.choice((UM, CM))))
    kind = rng.choice(("stop_market", "take_profit_market", "trailing_stop_market"))
    account.place_conditional(
        instrument.symbol,
        rng.choice(("BUY", "SELL")),
        instrument.step * rng.randint(1, 3),
        some_price(instrument, rng),
        kind,
        market=instrument.market,
    )


def _trigger(account: BinanceAccount, rng: Random) -> None:
    waiting = _waiting(account)
    if not waiting:
        _place_conditional(account, rng)
        return
    real = account.trigger(rng.choice(waiting))
    account.fill(real, maker=False)


def _cancel_conditional(account: BinanceAccount, rng: Random) -> None:
    waiting = _waiting(account)
    if waiting:
        account.cancel(rng.choice(waiting))


def _liquidate(account: BinanceAccount, rng: Random) -> None:
    held = [one for one in account.books.positions.values() if one.quantity]
    if held:
        chosen = rng.choice(held)
        account.liquidate(
            chosen.instrument.symbol,
            chosen.instrument.market,
            position_side=chosen.side,
            adl=rng.random() < 0.3,
        )


def _expire(account: BinanceAccount, rng: Random) -> None:
    account.expire(place(account, rng), expired_in_match=False)


def _reject_margin(account: BinanceAccount, rng: Random) -> None:
    order = account.place(
        "BNBUSDT", "BUY", "0.01", some_price(account.venue.instrument("BNBUSDT", UM), rng), market=MARGIN
    )
    account.reject(order, "INSUFFICIENT_BALANCE")


def _borrow(account: BinanceAccount, rng: Random) -> None:
    account.borrow("USDT", rng.randint(1, 100))


def _risk_level(account: BinanceAccount, rng: Random) -> None:
    account.risk_level(rng.choice(("MARGIN_CALL", "REDUCE_ONLY")), Decimal(rng.randint(105, 150)) / 100)


def _open_order_loss(account: BinanceAccount, rng: Random) -> None:
    account.open_order_loss(USDT=Decimal(rng.randint(-100, -1)) / 100)


ACTIONS = (
    *trading_actions(),
    Action("transfer", 3, _transfer),
    Action("deposit", 1, _deposit),
    Action("fund", 3, _fund),
    Action("leverage", 2, _leverage),
    Action("place_conditional", 4, _place_conditional),
    Action("trigger", 3, _trigger),
    Action("cancel_conditional", 2, _cancel_conditional),
    Action("liquidate", 1, _liquidate),
    Action("expire", 2, _expire),
    Action("reject_margin", 1, _reject_margin),
    Action("borrow", 1, _borrow),
    Action("risk_level", 1, _risk_level),
    Action("open_order_loss", 1, _open_order_loss),
)
