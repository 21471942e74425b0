"""What an account says of itself as plain data: its truth log, and its state.

A part of `ledger.Account`, free of any operation: everything in here reads the books and appends to the log.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from jexkit.sim import truth
from jexkit.sim.amounts import plain
from jexkit.sim.books import Balance, Books, Fill, Order
from jexkit.sim.loop import LoopThread, on_loop

if TYPE_CHECKING:
    from jexkit.sim.ledger import Change, Moment
    from jexkit.sim.venue import Venue


class Teller:
    """The truth log of an account, and its state as truth records. See `truth` for what is in a record."""

    venue: Venue[Any]
    name: str
    books: Books
    told: list[truth.Record]

    @property
    def loop(self) -> LoopThread:
        """The simulator's loop, on which the methods run."""
        return self.venue.loop

    def listeners(self) -> int:
        """How many connections hear this account now."""
        raise NotImplementedError

    # What each venue may fill in

    def native_status(self, order: Order) -> str:
        """The exchange's own word for the order's status."""
        return order.status.name

    def balance_view(self, balance: Balance) -> tuple[Decimal, Decimal]:
        """Free and locked as the exchange shows them (margin of derivatives may count as locked)."""
        return balance.free, balance.locked

    def order_record(self, order: Order) -> truth.Record:
        """The truth record of an order; venues with conditional orders tell the family."""
        return truth.order_record(order, self.native_status(order), str(order.native.get("family", "regular")))

    def fill_record(self, fill: Fill) -> truth.Record:
        """The truth record of a fill; venues that give no trade id leave it empty."""
        return truth.fill_record(fill)

    # State as plain data

    @on_loop
    def open_orders(self) -> list[truth.Record]:
        """Living orders as truth records."""
        return [self.order_record(order) for order in self.books.open.values()]

    @on_loop
    def orders(self) -> list[truth.Record]:
        """Every order ever placed, as truth records."""
        return [self.order_record(order) for order in self.books.orders.values()]

    @property
    def fills(self) -> list[truth.Record]:
        """Every fill, oldest first, as truth records."""
        return self.loop.call(lambda: [self.fill_record(fill) for fill in self.books.fills])

    @on_loop
    def balances(self) -> list[truth.Record]:
        """Every balance as truth records, empty ones too."""
        return [self._balance_record(balance) for balance in self.books.balances.values()]

    @on_loop
    def positions(self) -> list[truth.Record]:
        """Every position that ever was, closed ones with quantity `0`, as truth records."""
        return [truth.position_record(position) for position in self.books.positions.values()]

    # Writing the log

    def tell(self, record: truth.Record, moment: Moment) -> None:
        """Append to the truth log."""
        head: truth.Record = {"seq": len(self.told), "exchange": self.venue.exchange, "account": self.name}
        self.told.append({**head, **record, "time": moment.event_ms, "listeners": self.listeners()})

    def notify(self, name: str, moment: Moment, **said: Decimal | int | str) -> None:
        """Write a notice to the truth log."""
        texts = {key: plain(value) if isinstance(value, Decimal) else str(value) for key, value in said.items()}
        self.tell(truth.notice_record(name, **texts), moment)

    def tell_change(self, change: Change) -> None:
        """Write a change to the truth log: order, fill, balances, positions, in this order."""
        if change.order is not None:
            self.tell(self.order_record(change.order), change.moment)
        if change.fill is not None:
            self.tell(self.fill_record(change.fill), change.moment)
        for balance in change.balances:
            self.tell(self._balance_record(balance), change.moment)
        for position in change.positions:
            self.tell(truth.position_record(position), change.moment)

    def _balance_record(self, balance: Balance) -> truth.Record:
        free, locked = self.balance_view(balance)
        return {
            "kind": "balance",
            "market": balance.wallet,
            "asset": balance.asset,
            "free": plain(free),
            "locked": plain(locked),
            "total": plain(free + locked),
        }
