"""The JSON objects of Deribit: orders, trades, positions, portfolios. Channels and methods share them.

https://docs.deribit.com, Subscriptions, User; and the methods of Trading and Account Management.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from jexkit.sim.amounts import ZERO, rounded
from jexkit.sim.books import Books, Fill, Order, Position, Status
from jexkit.sim.deribit import margin
from jexkit.sim.deribit.margin import Figures, Mark
from jexkit.sim.deribit.numbers import number
from jexkit.sim.deribit.symbols import DETAILS, DOLLARS, index_name, index_price
from jexkit.sim.settlement import unrealised

Row = dict[str, Any]

STATES = {
    Status.PENDING: "open",
    Status.NEW: "open",
    Status.PARTIALLY_FILLED: "open",
    Status.UNTRIGGERED: "untriggered",
    Status.TRIGGERED: "triggered",
    Status.FILLED: "filled",
    Status.CANCELED: "cancelled",
    Status.EXPIRED: "cancelled",
    Status.REJECTED: "rejected",
}
TIMES_IN_FORCE = {
    "GTC": "good_til_cancelled",
    "GTD": "good_til_day",
    "FOK": "fill_or_kill",
    "IOC": "immediate_or_cancel",
}


@dataclass(frozen=True)
class Facts:
    """What the market was like when a trade happened; the ledger does not keep it."""

    seq: int  # number of the trade within its instrument
    mark: Decimal
    index: Decimal
    tick_direction: int  # 0 plus, 1 zero-plus, 2 minus, 3 zero-minus
    order_state: str


def order_row(order: Order, user_id: int) -> Row:
    """An order. Trigger orders that wait have neither filled_amount nor average_price."""
    native, instrument = order.native, order.instrument
    row: Row = {
        "web": native.get("web", False),
        "user_id": user_id,
        "time_in_force": TIMES_IN_FORCE.get(order.time_in_force, order.time_in_force),
        "risk_reducing": False,
        "replaced": native.get("replaced", False),
        "reject_post_only": native.get("reject_post_only", False),
        "price": number(order.price) if order.price or "trigger" not in native else "market_price",
        "post_only": native.get("post_only", False),
        "order_type": order.type,
        "order_state": STATES[order.status],
        "order_id": order.order_id,
        "mmp": False,
        "max_show": number(order.quantity),
        "last_update_timestamp": order.updated_ms,
        "label": order.client_order_id,
        "is_liquidation": native.get("is_liquidation", False),
        "instrument_name": order.symbol,
        "filled_amount": number(order.filled),
        "direction": order.side.lower(),
        "creation_timestamp": order.created_ms,
        "contracts": number(order.quantity / DETAILS[order.symbol].contract_size),
        "average_price": number(average_price(order)),
        "api": not native.get("web", False),
        "amount": number(order.quantity),
    }
    if instrument.kind != "spot":
        row["reduce_only"] = order.reduce_only
    for name in ("cancel_reason", "trigger_order_id"):
        if name in native:
            row[name] = native[name]
    if "trigger" in native:
        row |= {name: native[name] for name in ("trigger", "trigger_price", "trigger_offset") if name in native}
        row["triggered"] = order.status is Status.TRIGGERED
        del row["filled_amount"], row["average_price"]
    return row


def average_price(order: Order) -> Decimal:
    """Average of the fills; of inverse contracts it is the harmonic one."""
    if order.instrument.kind != "inverse" or not order.filled:
        return rounded(order.average_price)
    return rounded(order.filled / sum((fill.quantity / fill.price for fill in order.fills), ZERO))


def trade_row(fill: Fill, order: Order, facts: Facts) -> Row:
    """A trade of the user: `direction` is the user's side. The label is there only if the order has one."""
    row: Row = {
        "trade_seq": facts.seq,
        "trade_id": fill.trade_id,
        "timestamp": fill.time_ms,
        "tick_direction": facts.tick_direction,
        "state": facts.order_state,
        "risk_reducing": False,
        "reduce_only": order.reduce_only,
        "profit_loss": number(fill.realised),
        "price": number(fill.price),
        "post_only": order.native.get("post_only", False),
        "order_type": "liquidation" if order.native.get("is_liquidation") else order.type,
        "order_id": fill.order_id,
        "mmp": False,
        "matching_id": None,
        "mark_price": number(facts.mark),
        "liquidity": "M" if fill.maker else "T",
        "instrument_name": fill.instrument.symbol,
        "index_price": number(facts.index),
        "fee_currency": fill.fee_asset,
        "fee": number(fill.fee),
        "direction": fill.side.lower(),
        "contracts": number(fill.quantity / DETAILS[fill.instrument.symbol].contract_size),
        "api": not order.native.get("web", False),
        "amount": number(fill.quantity),
    }
    if order.client_order_id:
        row["label"] = order.client_order_id
    if fill.instrument.market == "option":
        row |= {"iv": number(Decimal("54.2")), "underlying_price": number(facts.index)}
    return row


def position_row(position: Position, mark: Mark) -> Row:
    """A position. `size` is below zero for a short one; a closed one has direction `zero`."""
    instrument, quantity = position.instrument, position.quantity
    price = mark(instrument)
    floating, bound = unrealised(position, price), margin.position_margin(position, mark)
    row: Row = {
        "total_profit_loss": number(floating + position.realised),
        "size": number(quantity),
        "settlement_price": number(ZERO),
        "realized_profit_loss": number(position.realised),
        "open_orders_margin": number(ZERO),
        "mark_price": number(price),
        "maintenance_margin": number(bound / 2),
        "kind": instrument.market,
        "instrument_name": instrument.symbol,
        "initial_margin": number(bound),
        "index_price": number(index_price(instrument)),
        "floating_profit_loss": number(floating),
        "direction": "zero" if not quantity else "buy" if quantity > 0 else "sell",
        "delta": number(margin.size_in_currency(position, mark)),
        "average_price": number(position.entry_price),
    }
    if instrument.market == "future":
        row |= {
            "size_currency": number(margin.size_in_currency(position, mark)),
            "leverage": margin.LEVERAGE,
            "realized_funding": number(ZERO),
            "interest_value": number(ZERO),
        }
    else:
        row |= {name: number(ZERO) for name in ("gamma", "vega", "theta", "average_price_usd")}
    return row


def portfolio_row(books: Books, currency: str, mark: Mark, model: str) -> Row:
    """One currency of the account."""
    sums = margin.figures(books, currency, mark)
    cross = model.startswith("cross")
    row: Row = {
        "currency": currency,
        "balance": number(sums.balance),
        "equity": number(sums.equity),
        "margin_balance": number(sums.equity),
        "available_funds": number(sums.free),
        "available_withdrawal_funds": number(sums.withdrawable),
        "initial_margin": number(sums.initial_margin),
        "maintenance_margin": number(sums.maintenance_margin),
        "projected_initial_margin": number(sums.initial_margin),
        "projected_maintenance_margin": number(sums.maintenance_margin),
        "delta_total": number(sums.delta),
        "projected_delta_total": number(sums.delta),
        "session_upl": number(sums.floating),
        "session_rpl": number(sums.realised),
        "total_pl": number(sums.floating + sums.realised),
        "futures_pl": number(sums.floating + sums.realised),
        "futures_session_upl": number(sums.floating),
        "futures_session_rpl": number(sums.realised),
        **{f"options_{name}": number(ZERO) for name in _OPTION_FIGURES},
        **{name: {} for name in ("options_gamma_map", "options_vega_map", "options_theta_map")},
        "delta_total_map": _deltas(books, currency, mark),
        "portfolio_margining_enabled": False,
        "cross_collateral_enabled": cross,
        "margin_model": model,
        "fee_balance": number(ZERO),
        "additional_reserve": number(ZERO),
        "spot_reserve": number(sums.reserved),
        "locked_balance": number(ZERO),
    }
    return row | _whole_account(books, currency, mark) if cross else row


_OPTION_FIGURES = ("pl", "session_upl", "session_rpl", "value", "delta", "gamma", "vega", "theta")


def _deltas(books: Books, currency: str, mark: Mark) -> Row:
    held = [one for one in books.positions.values() if one.instrument.settle == currency and one.quantity]
    names = dict.fromkeys(index_name(one.instrument) for one in held)
    return {name: number(_delta(held, name, mark)) for name in names}


def _delta(held: list[Position], name: str, mark: Mark) -> Decimal:
    return sum((margin.size_in_currency(one, mark) for one in held if index_name(one.instrument) == name), ZERO)


def _whole_account(books: Books, currency: str, mark: Mark) -> Row:
    """Cross margin: these figures are of the whole account, converted, and repeat in the message of each currency."""
    price = DOLLARS[currency]

    def total(part: Callable[[Figures], Decimal]) -> Decimal:
        return margin.in_dollars(books, mark, part)

    equity = total(lambda sums: sums.equity)
    initial, maintenance = total(lambda sums: sums.initial_margin), total(lambda sums: sums.maintenance_margin)
    return {
        "margin_balance": number(rounded(equity / price)),
        "available_funds": number(rounded(total(lambda sums: sums.free) / price)),
        "total_equity_usd": number(equity),
        "total_margin_balance_usd": number(equity),
        "total_initial_margin_usd": number(initial),
        "total_maintenance_margin_usd": number(maintenance),
        "total_delta_total_usd": number(total(lambda sums: sums.delta)),
    }
