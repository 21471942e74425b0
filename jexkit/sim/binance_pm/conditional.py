"""Conditional orders of a Portfolio Margin account: the algo service for USDS-M, strategies for COIN-M.

Change log of Portfolio Margin: USDS-M conditional orders moved to the algo service in April 2026 (ALGO_UPDATE); COIN-M
ones, and old USDS-M ones, are strategies (CONDITIONAL_ORDER_TRADE_UPDATE). A triggered order gives birth to a real one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jexkit.sim.amounts import ZERO, Amount, exact
from jexkit.sim.binance_pm import frames
from jexkit.sim.binance_pm.symbols import UM
from jexkit.sim.books import Order, Status
from jexkit.sim.ledger import Account, Change, Moment
from jexkit.sim.loop import on_loop

if TYPE_CHECKING:
    from jexkit.sim.binance_pm.venue import BinancePm

WITH_LIMIT_PRICE = frozenset({"stop", "take_profit"})
WORDS = {"canceled": "CANCELED", "expired": "EXPIRED", "rejected": "REJECTED"}


class ConditionalOrders(Account):
    """The part of an account that waits for prices."""

    venue: BinancePm

    @on_loop
    def place_conditional(
        self,
        symbol: str,
        side: str,
        quantity: Amount,
        stop_price: Amount,
        type: str = "stop_market",  # noqa: A002 - the word of the exchange
        *,
        market: str = UM,
        algo: bool | None = None,
        price: Amount | None = None,
        client_order_id: str | None = None,
        reduce_only: bool = False,
        position_side: str = "BOTH",
        activation_price: Amount = 0,
        callback_rate: Amount = 0,
    ) -> Order:
        """Place an order that waits for its trigger price: an algo order on UM, a strategy on CM unless `algo` says.

        `type`: stop, take_profit, stop_market, take_profit_market or trailing_stop_market. `cancel`, `expire` and
        `reject` work on it as on other orders; `trigger` sends it to the matching engine.
        """
        is_algo = market == UM if algo is None else algo
        native: dict[str, Any] = {
            "family": "algo" if is_algo else "conditional",
            "word": "NEW",
            "stop_price": exact(stop_price),
            "working_type": "CONTRACT_PRICE",
            "close_position": False,
            "triggered_ms": 0,
            "activation_price": exact(activation_price),
            "callback_rate": exact(callback_rate),
        }
        trailing = type.lower() == "trailing_stop_market"
        if is_algo and trailing and self.venue.rules.trailing_activates:
            native["activated"] = False
        order = self.place(
            symbol,
            side,
            quantity,
            price,
            type,
            market=market,
            client_order_id=client_order_id,
            reduce_only=reduce_only,
            position_side=position_side,
            status=Status.UNTRIGGERED,
            **native,
        )
        if "activated" in order.native:
            order.native["activated"] = True
            with self.moment() as now:
                self._publish(Change("placed", now, order=order))
        return order

    @on_loop
    def trigger(self, order: Order) -> Order:
        """The trigger price is hit: the order becomes a real one, which is returned."""
        self._must_live(order)
        native = order.native
        with self.moment() as now:
            native["triggered_ms"] = now.engine_ms
            if native["family"] == "algo":
                self._say(order, now, "TRIGGERING")
            real = self._bear(order)
            native["born"] = real
            order.status = Status.TRIGGERED
            self.books.keep(order)
            self._say(order, now, "TRIGGERED")
            self._publish(Change("placed", now, order=real))
        return real

    def finish_conditional(self, order: Order, moment: Moment) -> None:
        """The real order has ended: so has the conditional one."""
        self._say(order, moment, "FINISHED")

    def publish_conditional(self, change: Change, order: Order) -> None:
        """Push the frame of a conditional order."""
        if order.native["family"] == "algo":
            self.venue.push(self, "ALGO_UPDATE", frames.algo_update(order, change.moment))
        else:
            self.venue.push(self, "CONDITIONAL_ORDER_TRADE_UPDATE", frames.conditional_update(order, change.moment))

    def prepare_conditional(self, change: Change, order: Order) -> None:
        """Put the exchange's word for what happened on the order."""
        if change.what in WORDS:
            order.native["word"] = WORDS[change.what]
            order.native["reason"] = change.details.get("reason", "")

    def _say(self, order: Order, moment: Moment, word: str) -> None:
        order.native["word"] = word
        order.updated_ms = moment.engine_ms
        self._publish(Change("conditional", moment, order=order))

    def _bear(self, parent: Order) -> Order:
        instrument = parent.instrument
        limited = parent.type in WITH_LIMIT_PRICE
        native: dict[str, Any] = {"parent": parent}
        if parent.native["family"] == "conditional":
            native.update(strategy_id=int(parent.order_id), strategy_type=parent.type.upper())
        now_ms = parent.native["triggered_ms"]
        real = Order(
            instrument=instrument,
            order_id=self.venue.next_order_id(instrument),
            client_order_id=self.venue.next_client_order_id(instrument),
            side=parent.side,
            type="limit" if limited else "market",
            quantity=parent.quantity,
            price=parent.price if limited else ZERO,
            time_in_force=parent.time_in_force,
            created_ms=now_ms,
            updated_ms=now_ms,
            reduce_only=parent.reduce_only,
            position_side=parent.position_side,
            native=native,
        )
        self.books.keep(real)
        return real
