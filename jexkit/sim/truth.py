"""The truth log: what an account's stream was told, in order, as plain data that a checker can compare.

Every record is a dict with `seq`, `exchange`, `account`, `kind`, `time` (exchange milliseconds) and `listeners` (how
many connections were listening then); all other values are strings. Amounts are printed in their shortest form, so
compare them as decimals. Kinds and their own members:

- `order`: market, symbol, order_id, client_order_id, family (`regular`, `conditional`, `algo`), side, status (the
  exchange's word), filled, price, quantity
- `fill`: market, symbol, order_id, trade_id (`""` where the exchange gives none), side, quantity, price, fee, fee_asset
- `balance`: market (the wallet), asset, free, locked, total
- `position`: market, symbol, side, quantity (signed), entry_price
- `notice`: name (the exchange's event name) and whatever the event says
"""

from __future__ import annotations

from jexkit.sim.amounts import plain
from jexkit.sim.books import Fill, Order, Position

Record = dict[str, "str | int"]


def order_record(order: Order, native_status: str, family: str = "regular") -> Record:
    """How an order stands now."""
    return {
        "kind": "order",
        "market": order.market,
        "symbol": order.symbol,
        "order_id": order.order_id,
        "client_order_id": order.client_order_id,
        "family": family,
        "side": order.side,
        "status": native_status,
        "filled": plain(order.filled),
        "price": plain(order.price),
        "quantity": plain(order.quantity),
    }


def fill_record(fill: Fill) -> Record:
    """One execution."""
    return {
        "kind": "fill",
        "market": fill.instrument.market,
        "symbol": fill.instrument.symbol,
        "order_id": fill.order_id,
        "trade_id": fill.trade_id,
        "side": fill.side,
        "quantity": plain(fill.quantity),
        "price": plain(fill.price),
        "fee": plain(fill.fee),
        "fee_asset": fill.fee_asset,
    }


def position_record(position: Position) -> Record:
    """A position as it is now; a closed one has quantity `0`."""
    return {
        "kind": "position",
        "market": position.instrument.market,
        "symbol": position.instrument.symbol,
        "side": position.side,
        "quantity": plain(position.quantity),
        "entry_price": plain(position.entry_price),
    }


def notice_record(name: str, **said: str) -> Record:
    """Something about the account that is none of the above."""
    return {"kind": "notice", "name": name, **said}
