"""The payloads of the JEX user stream, after web-socket-streams.md. Pure functions.

The spellings are JEX's: CANCLEFILLED is an order that was filled in part and then cancelled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from jexkit.sim.amounts import ZERO, fixed, plain
from jexkit.sim.books import Balance, Books, Order, Position, Status
from jexkit.sim.jex import margin
from jexkit.sim.jex.rules import JexRules
from jexkit.sim.jex.symbols import CONTRACT, OPTION, SPOT
from jexkit.sim.ledger import Moment

Payload = dict[str, Any]
View = Callable[[Balance], tuple[Decimal, Decimal]]

ACCOUNT_EVENTS = {SPOT: "accountSpotInfo", OPTION: "accountOptionInfo", CONTRACT: "accountContractInfo"}
REPORT_EVENTS = {SPOT: "execSpotReport", OPTION: "execOptionReport", CONTRACT: "execContractReport"}


def status_word(order: Order, rules: JexRules) -> str:
    """JEX's word for an order's status: contracts have words of their own."""
    if order.market == CONTRACT:
        return {
            Status.PENDING: "ENTRUSTING",
            Status.NEW: rules.resting_word,
            Status.PARTIALLY_FILLED: "PARTFILLED",
            Status.FILLED: "FILLED",
            Status.REJECTED: "FAIL",
        }.get(order.status, rules.cancel_word)
    if order.status in {Status.CANCELED, Status.EXPIRED}:
        return "CANCLEFILLED" if order.filled else "CANCELED"
    return {Status.REJECTED: "FAIL", Status.PENDING: "NEW"}.get(order.status, order.status.name)


def signed_quantity(order: Order, quantity: Decimal, rules: JexRules) -> Decimal:
    """Contract sells have negative quantities."""
    negative = order.market == CONTRACT and order.side == "SELL" and rules.negative_sells
    return -quantity if negative else quantity


def report(order: Order, moment: Moment, rules: JexRules, reason: str = "NONE") -> Payload:
    """execSpotReport, execOptionReport or execContractReport."""
    head: Payload = {"E": moment.event_ms, "e": REPORT_EVENTS[order.market]}
    word = status_word(order, rules)
    if order.market == CONTRACT:
        return _contract_report(order, head, word, rules, reason)
    return {
        **head,
        "s": order.symbol,
        "S": order.side,
        "q": fixed(order.quantity, 8),
        "p": fixed(order.price, 8),
        "X": word,
        "i": int(order.order_id),
        "z": fixed(order.filled, 8),
        "O": order.created_ms,
        "Z": fixed(order.quote_filled, 8),
    }


def _contract_report(order: Order, head: Payload, word: str, rules: JexRules, reason: str) -> Payload:
    if word == "FAIL":
        return {"E": head["E"], "X": word, "e": head["e"], "i": order.order_id, "r": reason}
    return {
        **head,
        "s": order.symbol,
        "X": word,
        "r": "NONE",
        "i": order.order_id,
        "z": fixed(signed_quantity(order, order.filled, rules), 8),
        "Z": fixed(order.quote_filled, 8),
    }


def account_info(wallet: str, moment: Moment, books: Books, balances: Iterable[Balance], view: View) -> Payload:
    """accountSpotInfo, accountOptionInfo or accountContractInfo; `m` and `t` are JSON numbers."""
    return {
        "e": ACCOUNT_EVENTS[wallet],
        "E": moment.event_ms,
        "m": ZERO,
        "t": ZERO,
        "u": moment.engine_ms,
        "B": [_balance(books, balance, view) for balance in balances],
    }


def _balance(books: Books, balance: Balance, view: View) -> Payload:
    free, locked = view(balance)
    row: Payload = {"a": balance.asset, "f": fixed(free, 8), "l": fixed(locked, 8)}
    if balance.wallet == CONTRACT:
        for_orders, for_positions = margin.margins(books, balance)
        row.update(o=fixed(for_orders, 8), p=fixed(for_positions, 8))
    open_to_outside = balance.wallet == SPOT
    return {**row, "T": True, "W": open_to_outside, "D": open_to_outside}


def contract_positions(moment: Moment, books: Books, positions: Iterable[Position]) -> Payload:
    """contractPositions: every member is a text; a closed position has `q` zero."""
    return {"E": moment.event_ms, "e": "contractPositions", "p": [_position(books, one) for one in positions]}


def _position(books: Books, position: Position) -> Payload:
    symbol = position.instrument.symbol
    cost = margin.position_cost(position)
    times = margin.leverage(books, symbol)
    sign = 1 if position.quantity >= 0 else -1
    end = position.entry_price * (1 - sign * Decimal(1) / times)
    return {
        "M": "100",
        "R": fixed(cost, 8),
        "S": plain(margin.order_worth(books, symbol, "SELL")),
        "a": "20",
        "b": plain(margin.order_worth(books, symbol, "BUY")),
        "c": fixed(position.entry_price, 8),
        "d": "longs" if sign > 0 else "shorts",
        "i": "0.05",
        "l": fixed(end, 4),
        "m": "0.005",
        "n": plain(margin.order_worth(books, symbol)),
        "o": fixed(margin.position_margin(books, position), 8),
        "q": fixed(abs(position.quantity), 4),
        "r": "900000",
        "s": symbol,
        "t": fixed(cost, 8),
        "v": fixed(Decimal(times), 2),
    }
