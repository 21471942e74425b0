"""The payloads of the Portfolio Margin stream, as the Event-... pages describe them and as real frames look.

Pure functions. Where page and wire disagree the wire wins: futures frames carry `n` and `N` always, `V` is
`EXPIRE_NONE`, `i` is on COIN-M frames only, a margin NEW has no `N`, margin amounts have eight decimals.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from jexkit.sim.amounts import ZERO, fixed, plain, rounded
from jexkit.sim.binance_pm.symbols import CM
from jexkit.sim.books import Balance, Fill, Order, Position, Status
from jexkit.sim.ledger import Change, Moment
from jexkit.sim.settlement import unrealised

Payload = dict[str, Any]

EXECUTION_TYPES = {
    "placed": "NEW",
    "accepted": "NEW",
    "filled": "TRADE",
    "liquidated": "CALCULATED",
    "canceled": "CANCELED",
    "expired": "EXPIRED",
    "rejected": "REJECTED",
    "amended": "AMENDMENT",
}


def status_word(order: Order) -> str:
    """Binance's word for an order's status."""
    if order.status in {Status.PENDING, Status.UNTRIGGERED}:
        return "NEW"
    if order.status is Status.EXPIRED and order.native.get("expired_in_match"):
        return "EXPIRED_IN_MATCH"
    return order.status.name


def type_word(order: Order) -> str:
    """Binance's word for an order's type."""
    return order.type.upper()


def _head(event: str, moment: Moment, market: str, alias: str) -> Payload:
    head: Payload = {"e": event, "T": moment.engine_ms, "E": moment.event_ms}
    if market == CM:
        head["i"] = alias
    return {**head, "fs": market}


def order_trade_update(change: Change, order: Order, alias: str, bids: Decimal, asks: Decimal) -> Payload:
    """ORDER_TRADE_UPDATE: a futures order was made, changed or executed. `bids`, `asks`: notional of open orders."""
    fill = change.fill
    execution = EXECUTION_TYPES["liquidated" if fill and order.type == "liquidation" else change.what]
    told: Payload = {
        "s": order.symbol,
        "c": order.client_order_id,
        "S": order.side,
        "o": type_word(order),
        "f": order.time_in_force,
        "q": plain(order.quantity),
        "p": plain(order.price),
        "ap": plain(rounded(order.average_price)),
        "sp": "0",
        "x": execution,
        "X": status_word(order),
        "i": int(order.order_id),
    }
    if execution == "AMENDMENT" and change.details.get("modify_id"):
        told["M"] = change.details["modify_id"]
    told.update(_last_fill(order, fill))
    told.update(
        T=change.moment.engine_ms,
        t=int(fill.trade_id) if fill else 0,
        b=plain(bids),
        a=plain(asks),
        m=bool(fill and fill.maker),
        R=order.reduce_only,
        ps=order.position_side,
        rp=plain(fill.realised) if fill else "0",
    )
    if "strategy_id" in order.native:
        told.update(st=f"C_{order.native['strategy_type']}", si=order.native["strategy_id"])
    told.update(V="EXPIRE_NONE", pm="PM_NONE", gtd=int(order.native.get("good_till_date", 0)))
    return {**_head("ORDER_TRADE_UPDATE", change.moment, order.market, alias), "o": told}


def _last_fill(order: Order, fill: Fill | None) -> Payload:
    return {
        "l": plain(fill.quantity) if fill else "0",
        "z": plain(order.filled),
        "L": plain(fill.price) if fill else "0",
        "n": plain(fill.fee) if fill else "0",
        "N": fill.fee_asset if fill else order.instrument.settle,
    }


def account_update(
    moment: Moment,
    market: str,
    alias: str,
    reason: str,
    balances: Iterable[tuple[Balance, Decimal]],
    positions: Iterable[tuple[Position, Decimal]] = (),
    *,
    symbol: str | None = None,
    number: bool = True,
) -> Payload:
    """ACCOUNT_UPDATE: balances with their `bc`, positions with the price that values them. Values are absolute."""
    told: Payload = {
        "B": [
            {"a": item.asset, "wb": fixed(item.total, 8), "cw": fixed(item.total, 8), "bc": plain(changed)}
            for item, changed in balances
        ],
        "P": [_position(item, price, number=number) for item, price in positions],
        "m": reason,
    }
    if symbol is not None:
        told["S"] = symbol
    return {**_head("ACCOUNT_UPDATE", moment, market, alias), "a": told}


def _position(position: Position, price: Decimal, *, number: bool) -> Payload:
    break_even = Decimal(plain(position.break_even))
    return {
        "s": position.instrument.symbol,
        "pa": plain(position.quantity),
        "ep": fixed(position.entry_price, 8),
        "cr": plain(position.realised),
        "up": fixed(unrealised(position, price), 8),
        "ps": position.side,
        "bep": break_even if number else plain(break_even),
    }


def account_config_update(moment: Moment, market: str, symbol: str, leverage: int) -> Payload:
    """ACCOUNT_CONFIG_UPDATE: the leverage of a symbol was set, to a new value or the same."""
    head: Payload = {"e": "ACCOUNT_CONFIG_UPDATE", "T": moment.engine_ms, "E": moment.event_ms, "fs": market}
    return {**head, "ac": {"s": symbol, "l": leverage}}


def conditional_update(order: Order, moment: Moment) -> Payload:
    """CONDITIONAL_ORDER_TRADE_UPDATE: COIN-M conditional orders (and USDS-M ones until April 2026)."""
    native = order.native
    told: Payload = {
        "s": order.symbol,
        "c": order.client_order_id,
        "si": int(order.order_id),
        "S": order.side,
        "st": type_word(order),
        "f": order.time_in_force,
        "q": plain(order.quantity),
        "p": plain(order.price),
        "sp": plain(native["stop_price"]),
        "os": native["word"],
        "T": order.created_ms,
        "ut": order.updated_ms,
        "R": order.reduce_only,
        "wt": native["working_type"],
        "ps": order.position_side,
        "cp": native["close_position"],
    }
    if order.type == "trailing_stop_market":
        told.update(AP=plain(native["activation_price"]), cr=plain(native["callback_rate"]))
    born = native.get("born")
    told.update(i=int(born.order_id) if born else 0, V="EXPIRE_NONE", gtd=0)
    head: Payload = {"e": "CONDITIONAL_ORDER_TRADE_UPDATE", "T": moment.engine_ms, "E": moment.event_ms}
    return {**head, "fs": order.market, "so": told}


def algo_update(order: Order, moment: Moment) -> Payload:
    """ALGO_UPDATE: USDS-M conditional orders since April 2026. On Portfolio Margin the order is under `ao`."""
    native = order.native
    told: Payload = {
        "caid": order.client_order_id,
        "aid": int(order.order_id),
        "at": "CONDITIONAL",
        "o": type_word(order),
        "s": order.symbol,
        "S": order.side,
        "ps": order.position_side,
        "f": order.time_in_force,
        "q": plain(order.quantity),
        "X": native["word"],
        "tp": plain(native["stop_price"]),
        "p": plain(order.price),
        "V": "EXPIRE_MAKER",
        "wt": native["working_type"],
        "pm": "NONE",
        "cp": native["close_position"],
        "pP": False,
        "R": order.reduce_only,
        "tt": native["triggered_ms"],
        "gtd": 0,
    }
    born = native.get("born")
    if born is not None:
        told.update(ai=born.order_id, ap=plain(rounded(born.average_price)), aq=plain(born.filled), act=type_word(born))
    if native.get("reason"):
        told["rm"] = native["reason"]
    if "activated" in native:
        told["ia"] = native["activated"]
    return {"e": "ALGO_UPDATE", "T": moment.engine_ms, "E": moment.event_ms, "fs": order.market, "ao": told}


def execution_report(change: Change, order: Order) -> Payload:
    """executionReport: a margin order was made, changed or executed. A cancel carries the canceller's id in `c`."""
    fill, moment = change.fill, change.moment
    canceled = change.what == "canceled"
    told: Payload = {
        "e": "executionReport",
        "E": moment.event_ms,
        "s": order.symbol,
        "c": change.details.get("cancel_id", order.client_order_id) if canceled else order.client_order_id,
        "S": order.side,
        "o": type_word(order),
        "f": order.time_in_force,
        "q": fixed(order.quantity, 8),
        "p": fixed(order.price, 8),
        "P": fixed(order.native.get("stop_price", ZERO), 8),
        "g": -1,
        **({"C": order.client_order_id} if canceled else {}),
        "x": "REPLACED" if change.what == "amended" else EXECUTION_TYPES[change.what],
        "X": status_word(order),
        **({"r": change.details.get("reason") or "NONE"} if change.what == "rejected" else {}),
        "i": int(order.order_id),
        "l": fixed(fill.quantity if fill else ZERO, 8),
        "z": fixed(order.filled, 8),
        "L": fixed(fill.price if fill else ZERO, 8),
        "n": fixed(fill.fee, 8) if fill else "0",
        **({"N": fill.fee_asset} if fill else {}),
        "T": moment.engine_ms,
        "t": int(fill.trade_id) if fill else -1,
        "w": order.type != "market" and not order.status.is_final,
        "m": bool(fill and fill.maker),
        "O": order.created_ms,
        "Z": fixed(order.quote_filled, 8),
        "Y": fixed(fill.quantity * fill.price if fill else ZERO, 8),
        "V": "EXPIRE_MAKER",
        "I": moment.update_id,
    }
    return told


def outbound_account_position(moment: Moment, balances: Iterable[Balance]) -> Payload:
    """outboundAccountPosition: margin balances that changed; `U` is the `I` of the reports of the same moment."""
    return {
        "e": "outboundAccountPosition",
        "E": moment.event_ms,
        "u": moment.engine_ms,
        "U": moment.update_id,
        "B": [{"a": item.asset, "f": fixed(item.free, 8), "l": fixed(item.locked, 8)} for item in balances],
    }


def balance_update(moment: Moment, asset: str, delta: Decimal) -> Payload:
    """balanceUpdate: a transfer, deposit or withdrawal, as a difference."""
    return {
        "e": "balanceUpdate",
        "E": moment.event_ms,
        "a": asset,
        "d": fixed(delta, 8),
        "U": moment.update_id,
        "T": moment.engine_ms,
    }
