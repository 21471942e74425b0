"""Deribit: what is read of an order, a trade, a position and a portfolio, under the exchange's own names.

https://docs.deribit.com, Subscriptions, User; the answers of the REST methods hold the same objects. Amounts are JSON
numbers, but an order's ``price`` is the text "market_price" where it becomes a market order.
"""

from __future__ import annotations

from collections.abc import Sequence

from jexkit.core.exact import Raw, Shape, Time
from jexkit.core.shapes import Anything, Flag, Number, Text, TextOrNull, named


class OrderRow(Shape):
    """An order. ``filled_amount`` and ``average_price`` are left out while a trigger order waits."""

    order_id: Text = ""
    order_state: Text = ""
    order_type: Text = ""
    instrument_name: Text = ""
    direction: Text = ""
    label: Text = ""
    time_in_force: Text = ""
    price: Number = None
    amount: Number = None
    filled_amount: Number = None
    average_price: Number = None
    trigger_price: Number = None
    trigger: TextOrNull = ""
    triggered: Flag = False
    trigger_order_id: TextOrNull = ""
    post_only: Flag = False
    reduce_only: Flag = False
    cancel_reason: TextOrNull = ""
    reject_reason: TextOrNull = ""
    creation_timestamp: Time = 0
    last_update_timestamp: Time = 0


class TradeRow(Shape):
    """A trade; of a combo with its ``legs``."""

    trade_id: Text = ""
    order_id: TextOrNull = ""
    instrument_name: Text = ""
    direction: Text = ""
    label: TextOrNull = ""
    amount: Number = None
    price: Number = None
    fee: Number = None
    fee_currency: TextOrNull = ""
    liquidity: Text = ""
    profit_loss: Number = None
    timestamp: Time = 0
    legs: Anything = None


class PositionRow(Shape):
    """A position, which has no time of its own."""

    instrument_name: Text = ""
    direction: Text = ""
    size: Number = None
    average_price: Number = None
    mark_price: Number = None
    estimated_liquidation_price: Number = None
    floating_profit_loss: Number = None
    realized_profit_loss: Number = None
    initial_margin: Number = None
    leverage: Number = None


class Portfolio(Shape):
    """A portfolio or account summary: one currency."""

    currency: Text = ""
    cross_collateral_enabled: Flag = False
    balance: Number = None
    equity: Number = None
    available_withdrawal_funds: Number = None
    available_funds: Number = None
    locked_balance: Number = None


class Changes(Shape):
    """What one event at the exchange did. The examples write "positions", the schema's text "position"."""

    orders: Sequence[OrderRow] = ()
    trades: Sequence[TradeRow] = ()
    positions: Sequence[PositionRow] = ()


CHANGES = named(
    Changes,
    orders=("orders", list[OrderRow]),
    trades=("trades", list[TradeRow]),
    positions=("positions", list[PositionRow]),
)


class Params(Shape):
    """Which channel tells what."""

    channel: Text = ""
    data: Raw = Raw()


class Notification(Shape):
    """A subscription's message; an answer to a request has an ``id``."""

    method: Text = ""
    params: Params | None = None
    id: Anything = None
