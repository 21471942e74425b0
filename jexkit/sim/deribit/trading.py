"""Methods that trade: buy, sell, edit, cancel.

https://docs.deribit.com, Trading. Limit orders rest until the owner of the simulator fills them; market orders, and
limit orders across the mark price, are executed at the mark price at once.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from jexkit.sim.amounts import ZERO
from jexkit.sim.books import Order, Status
from jexkit.sim.deribit import frames
from jexkit.sim.deribit.account import TRIGGER_TYPES
from jexkit.sim.deribit.errors import RpcError, invalid
from jexkit.sim.deribit.rpc import Method, Methods, Request
from jexkit.sim.deribit.symbols import DETAILS, is_of_currency, is_of_kind

if TYPE_CHECKING:
    from jexkit.sim.deribit.venue import Deribit
    from jexkit.sim.instruments import Instrument

WORST = Decimal("0.1")  # how far from the mark price a market order may go
TIMES = {word: short for short, word in frames.TIMES_IN_FORCE.items()}


class Trading:
    """The methods."""

    def __init__(self, venue: Deribit) -> None:
        self._venue = venue

    def methods(self) -> Methods:
        """The table."""
        commands: dict[str, Callable[[Request], Any]] = {
            "buy": lambda request: self._order(request, "BUY"),
            "sell": lambda request: self._order(request, "SELL"),
            "edit": self._edit,
            "cancel": self._cancel,
            "cancel_all": self._cancel_all,
            "cancel_all_by_currency": self._cancel_all,
            "cancel_all_by_instrument": self._cancel_all,
            "cancel_by_label": self._cancel_by_label,
        }
        return {f"private/{name}": Method(run, "trade:read_write", "matching") for name, run in commands.items()}

    def _order(self, request: Request, side: str) -> Any:
        instrument, kind = self._instrument(request), request.text("type", "limit")
        amount = self._amount(request, instrument)
        if kind in TRIGGER_TYPES:
            return _answer(request, self._trigger_order(request, instrument, side, kind, amount), [])
        if kind not in ("limit", "market"):
            raise invalid("type")
        mark = self._venue.mark(instrument)
        price = request.amount("price") if kind == "limit" else _worst(instrument, side, mark)
        if not price:
            raise RpcError(10023)
        with request.account.moment():
            order = request.account.place(
                instrument.symbol,
                side,
                amount,
                price,
                kind,
                client_order_id=request.text("label", "")[:64],
                time_in_force=self._time_in_force(request),
                reduce_only=request.flag("reduce_only"),
                **self._native(request),
            )
            self._execute(request, order, mark)
        return _answer(request, order, order.fills)

    def _native(self, request: Request) -> dict[str, Any]:
        number = None if request.connection is None else request.connection.number
        return {
            "connection": number,
            "post_only": request.flag("post_only"),
            "reject_post_only": request.flag("reject_post_only"),
        }

    def _trigger_order(self, request: Request, instrument: Instrument, side: str, kind: str, amount: Decimal) -> Order:
        offset = request.amount("trigger_offset")
        trigger_price = request.amount("trigger_price") or request.amount("stop_price")
        if kind == "trailing_stop" and offset is not None:
            trigger_price = self._venue.mark(instrument) + (offset if side == "BUY" else -offset)
        if trigger_price is None:
            raise invalid("trigger_price", "value required")
        extra = {} if offset is None else {"trigger_offset": offset}
        return request.account.place_trigger(
            instrument.symbol,
            side,
            amount,
            trigger_price,
            kind,
            price=request.amount("price"),
            trigger=request.text("trigger", "last_price"),
            label=request.text("label", "")[:64],
            **{**self._native(request), **extra},
        )

    def _execute(self, request: Request, order: Order, mark: Decimal) -> None:
        if not self._venue.rules.fills_market_orders:
            return
        crosses = order.price >= mark if order.side == "BUY" else order.price <= mark
        if crosses and not order.native.get("post_only"):
            request.account.fill(order, price=mark, maker=False)
        elif order.time_in_force in ("IOC", "FOK"):
            request.account.cancel(order)

    def _edit(self, request: Request) -> Any:
        order = self._find(request)
        if order.status.is_final:
            raise RpcError(11044)
        amount = request.amount("amount")
        if amount is not None and amount % order.instrument.step:
            raise RpcError(10021)
        already = len(order.fills)
        with request.account.moment():
            request.account.amend(order, price=request.amount("price"), quantity=amount)
            if not order.status.is_final and order.status is not Status.UNTRIGGERED:
                self._execute(request, order, self._venue.mark(order.instrument))
        return _answer(request, order, order.fills[already:])

    def _cancel(self, request: Request) -> Any:
        order = request.account.cancel(self._find(request))
        return frames.order_row(order, request.account.user_id)

    def _cancel_all(self, request: Request) -> Any:
        found = [order for order in request.account.books.open.values() if self._is_meant(request, order)]
        for order in found:
            request.account.cancel(order)
        if not request.flag("detailed"):
            return len(found)
        symbols = dict.fromkeys(order.symbol for order in found)
        return [self._detail(request, symbol, found) for symbol in symbols]

    def _detail(self, request: Request, symbol: str, orders: list[Order]) -> Any:
        rows = [frames.order_row(order, request.account.user_id) for order in orders if order.symbol == symbol]
        return {"instrument_name": symbol, "currency": symbol, "result": rows, "type": "limit"}

    def _is_meant(self, request: Request, order: Order) -> bool:
        if request.method.endswith("_by_instrument"):
            return order.symbol == self._instrument(request).symbol
        currency = request.text("currency") if request.method.endswith("_by_currency") else "any"
        return is_of_currency(order.instrument, currency) and is_of_kind(order.instrument, request.text("kind", "any"))

    def _cancel_by_label(self, request: Request) -> Any:
        label = request.text("label")
        found = [order for order in request.account.books.open.values() if order.client_order_id == label]
        for order in found:
            request.account.cancel(order)
        return len(found)

    # Parameters

    def _find(self, request: Request) -> Order:
        order_id = request.text("order_id")
        for order in request.account.books.orders.values():
            if order.order_id == order_id:
                return order
        raise RpcError(10004)

    def _instrument(self, request: Request) -> Instrument:
        try:
            return self._venue.instrument(request.text("instrument_name"))
        except ValueError:
            raise RpcError(10020) from None

    def _amount(self, request: Request, instrument: Instrument) -> Decimal:
        """`amount`, or `contracts` of the instrument's size. Raises 10021 if it is no multiple of the least."""
        amount, contracts = request.amount("amount"), request.amount("contracts")
        if amount is None and contracts is not None:
            amount = contracts * DETAILS[instrument.symbol].contract_size
        if amount is None:
            raise invalid("amount", "value required")
        if amount <= ZERO or amount % instrument.step:
            raise RpcError(10021)
        return amount

    def _time_in_force(self, request: Request) -> str:
        word = request.text("time_in_force", "good_til_cancelled")
        if word not in TIMES:
            raise invalid("time_in_force")
        return TIMES[word]


def _worst(instrument: Instrument, side: str, mark: Decimal) -> Decimal:
    """The price that a market order is booked with."""
    ticks = mark * (1 + WORST if side == "BUY" else 1 - WORST) / instrument.tick
    return ticks.to_integral_value() * instrument.tick


def _answer(request: Request, order: Order, fills: list[Any]) -> dict[str, Any]:
    account = request.account
    return {
        "order": frames.order_row(order, account.user_id),
        "trades": [account.trade_row(fill, order) for fill in fills],
    }
