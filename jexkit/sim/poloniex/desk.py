"""The order desk: what clients order by REST or by the websocket, carried out on the ledger.

Limit orders rest until the owner of the simulator fills them. Market orders, and limit orders that are not to rest, are
executed at the last price at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import ROUND_DOWN, Decimal
from typing import Any

from jexkit.sim.amounts import ZERO, exact
from jexkit.sim.books import Order
from jexkit.sim.calls import Refused
from jexkit.sim.instruments import Instrument
from jexkit.sim.poloniex import errors
from jexkit.sim.poloniex.account import PoloniexAccount
from jexkit.sim.poloniex.symbols import SPOT

TYPES = ("LIMIT", "MARKET", "LIMIT_MAKER")
TIMES_IN_FORCE = ("GTC", "IOC", "FOK")

Params = Mapping[str, Any]


def create(account: PoloniexAccount, params: Params) -> Order:
    """Take an order in. Raises Refused."""
    instrument = _instrument(account, params)
    kind, side = str(params.get("type", "MARKET")).upper(), str(params.get("side", "")).upper()
    time_in_force = str(params.get("timeInForce", "GTC")).upper()
    if kind not in TYPES:
        raise errors.refused(21320, "Invalid order type")
    if time_in_force not in TIMES_IN_FORCE:
        raise errors.refused(21321, "Invalid timeInForce value")
    if kind == "LIMIT_MAKER" and not params.get("price"):
        raise errors.refused(21327, "Order price must be greater than 0")
    last = account.venue.price(instrument)
    spent = _amount(params, "amount") if kind == "MARKET" and side == "BUY" else ZERO
    quantity = (spent / last).quantize(instrument.step, ROUND_DOWN) if spent else _amount(params, "quantity")
    if kind == "MARKET":
        _must_afford(account, instrument, side, quantity * last if side == "BUY" else quantity)
    try:
        with account.moment():
            order = account.place(
                instrument.symbol,
                side,
                quantity,
                _amount(params, "price") if kind != "MARKET" else None,
                kind,
                client_order_id=str(params.get("clientOrderId") or ""),
                time_in_force=time_in_force,
                amount=spent,
            )
            _execute(account, order, last)
    except ValueError as error:
        raise errors.from_ledger(error) from error
    return order


def cancel(account: PoloniexAccount, order: Order) -> Order:
    """Take a client's order off the book. Raises Refused."""
    try:
        order.native["cancel_reason"] = 1
        return account.cancel(order)
    except ValueError as error:
        raise errors.from_ledger(error) from error


def replace(account: PoloniexAccount, order: Order, params: Params) -> Order:
    """Cancel and place anew with another price or quantity. Raises Refused."""
    try:
        price = _amount(params, "price") or None
        return account.amend(order, price=price, quantity=_amount(params, "quantity") or None)
    except ValueError as error:
        raise errors.from_ledger(error) from error


def find(account: PoloniexAccount, name: str, orders: Iterable[Order] | None = None) -> Order:
    """An order by its id, or by `cid:` and the client's id, the newest if several had it. Raises Refused."""
    by_client, text = name.startswith("cid:"), name.removeprefix("cid:")
    known = list(account.books.orders.values() if orders is None else orders)
    for order in reversed(known):
        if text == (order.client_order_id if by_client else order.order_id):
            return order
    raise errors.order_not_found()


def open_orders(account: PoloniexAccount, symbols: Iterable[str] = ()) -> list[Order]:
    """Living orders, of these symbols if any are named."""
    wanted = set(symbols)
    return [order for order in account.books.open.values() if not wanted or order.symbol in wanted]


def _execute(account: PoloniexAccount, order: Order, last: Decimal) -> None:
    if not account.venue.rules.fills_market_orders:
        return
    crosses = order.price >= last if order.side == "BUY" else order.price <= last
    if order.type == "market" or (order.time_in_force != "GTC" and crosses):
        account.fill(order, price=last, maker=False)
    elif order.time_in_force != "GTC":
        account.cancel(order)


def _must_afford(account: PoloniexAccount, instrument: Instrument, side: str, needed: Decimal) -> None:
    asset = instrument.quote if side == "BUY" else instrument.base
    if needed > account.books.balance(SPOT, asset).free:
        raise errors.insufficient()


def _instrument(account: PoloniexAccount, params: Params) -> Instrument:
    if not params.get("symbol"):
        raise errors.missing_parameter("symbol")
    try:
        return account.venue.instrument(str(params["symbol"]))
    except ValueError:
        raise errors.invalid_symbol() from None


def _amount(params: Params, name: str) -> Decimal:
    value = params.get(name)
    if value is None or value == "":
        return ZERO
    try:
        return exact(value)
    except (ValueError, TypeError):
        raise errors.invalid_parameter(name) from None


def texts(params: Params, name: str) -> list[str]:
    """A list of ids or symbols, numbers as text; empty if it is not there. Raises Refused for what is no list."""
    value = params.get(name) or []
    if not isinstance(value, list):
        raise errors.invalid_parameter(name)
    return [str(item) for item in value]


def outcome(order: Order) -> dict[str, Any]:
    """How one order of a command on several went."""
    return {"orderId": order.order_id, "clientOrderId": order.client_order_id, "message": "", "code": 200}


def failure(refused: Refused) -> dict[str, Any]:
    """How one order of a command on several was refused."""
    return {"orderId": 0, "clientOrderId": None, **{name: refused.answer.data[name] for name in ("message", "code")}}
