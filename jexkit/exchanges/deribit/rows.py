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

    triggered: Flag = False
    trigger_price: Number = None
    trigger_order_id: TextOrNull = ""
    trigger: TextOrNull = ""
    time_in_force: Text = ""
    reject_reason: TextOrNull = ""
    reduce_only: Flag = False
    price: Number = None
    post_only: Flag = False
    order_type: Text = ""
    order_state: Text = ""
    order_id: Text = ""
    last_update_timestamp: Time = 0
    label: Text = ""
    instrument_name: Text = ""
    filled_amount: Number = None
    direction: Text = ""
    creation_timestamp: Time = 0
    cancel_reason: TextOrNull = ""
    average_price: Number = None
    amount: Number = None


class TradeRow(Shape):
    """A trade; of a combo with its ``legs``."""

    trade_id: Text = ""
    timestamp: Time = 0
    profit_loss: Number = None
    price: Number = None
    order_id: TextOrNull = ""
    liquidity: Text = ""
    legs: Anything = None
    label: TextOrNull = ""
    instrument_name: Text = ""
    fee_currency: TextOrNull = ""
    fee: Number = None
    direction: Text = ""
    amount: Number = None


class PositionRow(Shape):
    """A position, which has no time of its own."""

    size: Number = None
    realized_profit_loss: Number = None
    mark_price: Number = None
    leverage: Number = None
    instrument_name: Text = ""
    initial_margin: Number = None
    floating_profit_loss: Number = None
    estimated_liquidation_price: Number = None
    direction: Text = ""
    average_price: Number = None


class Portfolio(Shape):
    """A portfolio or account summary: one currency."""

    locked_balance: Number = None
    equity: Number = None
    currency: Text = ""
    cross_collateral_enabled: Flag = False
    balance: Number = None
    available_withdrawal_funds: Number = None
    available_funds: Number = None


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
