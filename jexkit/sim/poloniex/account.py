"""A Poloniex account: what happens to it, in the words and frames of the channels `orders` and `balances`."""

from __future__ import annotations

import random
import string
from typing import TYPE_CHECKING, Any

from jexkit.sim import truth
from jexkit.sim.amounts import Amount, exact
from jexkit.sim.books import Balance, Order, Status
from jexkit.sim.ledger import Account, Change, Moment
from jexkit.sim.loop import on_loop
from jexkit.sim.poloniex import frames
from jexkit.sim.poloniex.symbols import STARTING_BALANCES
from jexkit.sim.settlement import Refusal

if TYPE_CHECKING:
    from jexkit.sim.poloniex.venue import Poloniex

# What a change is called in the two channels. The documents name no event for orders that the exchange ends itself;
# they come as `canceled` here.
ORDER_EVENTS = {
    "placed": "place",
    "accepted": "place",
    "filled": "trade",
    "canceled": "canceled",
    "cancel_requested": "canceled",
    "rejected": "canceled",
    "expired": "canceled",
}
BALANCE_EVENTS = {
    "placed": "place_order",
    "filled": "match_order",
    "canceled": "canceled_order",
    "rejected": "canceled_order",
    "expired": "canceled_order",
    "deposit": "deposit",
    "withdraw": "withdraw",
    "transfer_in": "transfer_in",
    "transfer_out": "transfer_out",
}


class PoloniexAccount(Account):
    """One user with one SPOT account. Money moves with `deposit`, `withdraw`, `transfer_in`, `transfer_out`."""

    venue: Poloniex

    def __init__(self, venue: Poloniex, name: str, rng: random.Random) -> None:
        super().__init__(venue, name, rng)
        letters = string.ascii_uppercase + string.digits
        self.api_key = "-".join("".join(rng.choices(letters, k=8)) for _ in range(4))
        self.secret_key = "".join(rng.choices("0123456789abcdef", k=128))
        self.user_id = rng.randrange(10_000, 999_999)
        self.account_id = str(rng.randrange(10**17, 10**18))
        self._waiting: dict[str, list[frames.Element]] = {"orders": [], "balances": []}

    def starting_balances(self) -> dict[str, dict[str, Amount]]:
        """Enough of everything to trade every symbol."""
        return {wallet: dict(assets) for wallet, assets in STARTING_BALANCES.items()}

    def credentials(self) -> dict[str, str]:
        """API key and secret."""
        return {"api_key": self.api_key, "secret_key": self.secret_key}

    def native_status(self, order: Order) -> str:
        """The state, as both channels and REST spell it."""
        return frames.state_of(order)

    def order_record(self, order: Order) -> truth.Record:
        """As the kernel's, with the quantity that Poloniex prints."""
        return {**super().order_record(order), "quantity": frames.quantity_of(order)}

    # Operations of this exchange

    @on_loop
    def request_cancel(self, order: Order) -> Order:
        """The cancellation is on its way: PENDING_CANCEL, which is not final. Say `cancel` for its end."""
        order.native["pending_cancel"] = True
        return self._update(order, order.status, "cancel_requested")

    @on_loop
    def fail(self, order: Order) -> Order:
        """The order fails inside the exchange: FAILED."""
        self._must_live(order)
        order.native["failed"] = True
        return self._update(order, Status.REJECTED, "rejected")

    @on_loop
    def amend(
        self, order: Order, *, price: Amount | None = None, quantity: Amount | None = None, **details: Any
    ) -> Order:
        """Cancel and place anew, in one turn: Poloniex changes no order in place. Returns the new order."""
        self._must_live(order)
        with self.moment():
            self.cancel(order, **details)
            return self.place(
                order.symbol,
                order.side,
                order.remaining if quantity is None else quantity,
                order.price if price is None else price,
                order.type,
                client_order_id=order.client_order_id,
                time_in_force=order.time_in_force,
            )

    @on_loop
    def transfer_in(self, asset: str, amount: Amount) -> Balance:
        """Money comes from another account of the same user."""
        return self._credit("transfer_in", asset, exact(amount), None)

    @on_loop
    def transfer_out(self, asset: str, amount: Amount) -> Balance:
        """Money goes to another account of the same user. Raises Refusal if it is not free."""
        wanted, free = exact(amount), self.books.balance(self.venue.main_wallet, asset).free
        if wanted > free:
            raise Refusal("insufficient_balance", f"{self.name} has {free} {asset} free, not {wanted}.")
        return self._credit("transfer_out", asset, -wanted, None)

    # Frames

    def publish(self, change: Change) -> None:
        """Collect the elements of this turn; they leave when it ends, so that orders come before their balances."""
        ts = change.moment.event_ms
        if self.venue.rules.ts_jitter_ms:
            ts -= self.venue.random.randint(0, self.venue.rules.ts_jitter_ms)
        event = ORDER_EVENTS.get(change.what)
        if change.order is not None and event is not None:
            role = self.venue.random.random() < self.venue.rules.match_role_share
            self._hold("orders", frames.order_element(change.order, event, change.fill, ts, role=role))
        for balance in change.balances:
            self._hold("balances", self._balance_element(balance, BALANCE_EVENTS[change.what], ts))

    def moment_ended(self, moment: Moment) -> None:  # noqa: ARG002 - the elements have their times already
        """Send what this turn of the engine changed: a frame per channel."""
        for channel in self._waiting:
            elements, self._waiting[channel] = self._waiting[channel], []
            if elements:
                self.venue.push(self, channel, elements)

    def _hold(self, channel: str, element: frames.Element) -> None:
        if self.venue.rules.elements_together:
            self._waiting[channel].append(element)
        else:
            self.venue.push(self, channel, [element])

    def _balance_element(self, balance: Balance, event: str, ts: int) -> frames.Element:
        number = frames.FIRST_BALANCE_ID + self.venue.next_id("balance") * frames.SNOWFLAKE_STEP
        return frames.balance_element(
            balance,
            event,
            number,
            self.user_id,
            self.account_id,
            ts,
            typed=self.venue.rules.account_type_in_balances,
        )
