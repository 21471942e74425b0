"""Combo trades: the account trades the combo as one, and holds its legs.

https://docs.deribit.com, user.combo_trades: the trade of the combo with `legs`, each a trade of the leg's instrument
that carries `combo_id` and `combo_trade_id`.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from jexkit.sim.amounts import ZERO
from jexkit.sim.books import Fill, Order, Status
from jexkit.sim.deribit.symbols import COMBOS, LEGS
from jexkit.sim.instruments import Instrument
from jexkit.sim.ledger import Moment

if TYPE_CHECKING:
    from jexkit.sim.deribit.account import DeribitAccount


def trade_combo(
    account: DeribitAccount, symbol: str, side: str, quantity: Decimal, leg_prices: Sequence[Decimal], *, maker: bool
) -> Fill:
    """Fill the legs, then tell the combo's own trade, all in one turn. The combo costs no fee of its own."""
    combo, legs = COMBOS.find(symbol), LEGS[symbol]
    if len(leg_prices) != len(legs):
        raise ValueError(f"{symbol} has {len(legs)} legs; give a price for each, not {len(leg_prices)}.")
    with account.moment() as now:
        parent_id = account.venue.next_trade_id(combo)
        for (leg, ratio), price in zip(legs, leg_prices, strict=True):
            _fill_leg(account, leg, _side(side, ratio), quantity, price, parent_id, symbol, maker=maker)
        spread = sum((price * ratio for (_, ratio), price in zip(legs, leg_prices, strict=True)), ZERO)
        return _tell_parent(account, combo, side, quantity, spread, parent_id, now, maker=maker)


def _side(side: str, ratio: int) -> str:
    if ratio > 0:
        return side
    return "SELL" if side == "BUY" else "BUY"


def _fill_leg(
    account: DeribitAccount,
    leg: str,
    side: str,
    quantity: Decimal,
    price: Decimal,
    parent_id: str,
    combo: str,
    *,
    maker: bool,
) -> None:
    order = account.place(leg, side, quantity, price)
    fill = account.fill(order, maker=maker)
    row = account.trade_row(fill, order) | {"combo_id": combo, "combo_trade_id": parent_id}
    account.legs.setdefault(parent_id, []).append(row)


def _tell_parent(
    account: DeribitAccount,
    combo: Instrument,
    side: str,
    quantity: Decimal,
    price: Decimal,
    trade_id: str,
    now: Moment,
    *,
    maker: bool,
) -> Fill:
    order = Order(
        combo,
        account.venue.next_order_id(combo),
        "",
        side,
        "limit",
        quantity,
        price,
        "GTC",
        now.engine_ms,
        now.engine_ms,
    )
    fill = Fill(combo, order.order_id, trade_id, side, quantity, price, maker, ZERO, "BTC", now.engine_ms)
    order.filled, order.quote_filled, order.status, order.fills = quantity, quantity * price, Status.FILLED, [fill]
    account.books.keep(order)
    account.books.fills.append(fill)
    account.tell(account.order_record(order), now)
    account.tell(account.fill_record(fill), now)
    account.collect_combo(combo, account.trade_row(fill, order))
    return fill
