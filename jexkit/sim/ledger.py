"""The ledger of one account: the operations, and what follows from each.

`Account` is exchange-neutral. Each operation changes the books, makes a `Change`, writes it to the truth log and hands
it to `publish`, which the venue's own subclass turns into stream frames. The REST side of the venue reads the same
books. May touch: the venue's clock, ids and prices; no socket.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from jexkit.sim import settlement
from jexkit.sim.amounts import ZERO, Amount, exact
from jexkit.sim.books import Balance, Books, Fill, Order, Position, Status
from jexkit.sim.counters import Counters
from jexkit.sim.instruments import Instrument
from jexkit.sim.loop import on_loop
from jexkit.sim.settlement import Refusal
from jexkit.sim.teller import Teller

if TYPE_CHECKING:
    from jexkit.sim.venue import Venue


@dataclass(frozen=True)
class Moment:
    """One turn of the matching engine. Changes of the same moment share both times and the update id."""

    engine_ms: int  # when it happened in the matching engine (`T` at Binance)
    event_ms: int  # when it was told (`E`)
    engine_us: int
    update_id: int  # grows with every moment of the exchange


@dataclass
class Change:
    """What one operation changed, for `Account.publish`.

    `what` is one of: placed, accepted, filled, canceled, amended, rejected, expired, balance, position, or a word of
    the venue's own. `balances` and `positions` are live objects of the books: print them at once, do not keep them.
    """

    what: str
    moment: Moment
    order: Order | None = None
    fill: Fill | None = None
    balances: list[Balance] = field(default_factory=list)
    positions: list[Position] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)


class Account(Teller):
    """One account of a simulated exchange. Every public method may be called from any thread.

    A venue subclasses it and fills in: `publish` (frames), `native_status` (its words), `starting_balances`,
    `credentials`, and the operations that only this venue knows. Those follow the same shape: decorate with `on_loop`,
    change `self.books`, then `self._publish(Change(...))`.
    """

    def __init__(self, venue: Venue[Any], name: str, rng: random.Random) -> None:
        self.venue: Venue[Any] = venue
        self.name = name
        self.random = rng  # seeded by simulator seed, exchange and name: credentials come from here
        self.books = Books()
        self.told = []
        self.counters = Counters()
        self._moment: Moment | None = None
        self._past: deque[tuple[float, Books]] = deque()
        for wallet, assets in self.starting_balances().items():
            for asset, free in assets.items():
                self.books.balance(wallet, asset).free = exact(free)

    # What each venue fills in

    def starting_balances(self) -> dict[str, dict[str, Amount]]:
        """Wallet -> asset -> amount, so that the account can trade at once."""
        return {}

    def credentials(self) -> dict[str, str]:
        """What a client needs to log in, under the names of the client's configuration (`api_key`, ...)."""
        return {}

    def extra_settings(self) -> dict[str, Any]:
        """What else a client's configuration of this account should say (`currencies`, ...)."""
        return {}

    def new_order_id(self, instrument: Instrument, native: Mapping[str, Any]) -> str:  # noqa: ARG002 - a hook
        """The id of an order about to be placed; conditional orders may have a series of their own."""
        return self.venue.next_order_id(instrument)

    def publish(self, change: Change) -> None:
        """Turn a change into stream frames: build each payload and `self.venue.push(self, event, payload)`."""

    def prepare(self, change: Change) -> None:
        """Before a change is told: take out of it what this venue tells only at the end of the moment."""

    def moment_ended(self, moment: Moment) -> None:
        """Tell what `prepare` held back, by `self._publish(Change(...))`."""

    def touched_by_order(self, order: Order) -> list[Balance]:  # noqa: ARG002 - a hook
        """Balances that a resting order changes although the ledger moves no money (order margin)."""
        return []

    # Operations

    @on_loop
    def place(
        self,
        symbol: str,
        side: str,
        quantity: Amount,
        price: Amount | None = None,
        type: str = "limit",  # noqa: A002 - the word of every exchange
        *,
        market: str | None = None,
        client_order_id: str | None = None,
        time_in_force: str = "GTC",
        reduce_only: bool = False,
        position_side: str = "BOTH",
        status: Status = Status.NEW,
        **native: Any,
    ) -> Order:
        """Put an order on the book. It is never filled by itself: say `fill` or `match`.

        Raises ValueError for an unknown symbol, and `Refusal` (a ValueError) for what an exchange would refuse.
        """
        instrument = self.venue.instrument(symbol, market)
        with self.moment() as now:
            order = Order(
                instrument=instrument,
                order_id=self.new_order_id(instrument, native),
                client_order_id=client_order_id or self.venue.next_client_order_id(instrument),
                side=side.upper(),
                type=type.lower(),
                quantity=exact(quantity),
                price=ZERO if price is None else exact(price),
                time_in_force=time_in_force,
                created_ms=now.engine_ms,
                updated_ms=now.engine_ms,
                status=status,
                reduce_only=reduce_only,
                position_side=position_side,
                native=dict(native),
            )
            self._check(order)
            locked = settlement.lock(self.books, order)
            self.books.keep(order)
            self._publish(Change("placed", now, order=order, balances=locked or self.touched_by_order(order)))
        return order

    @on_loop
    def accept(self, order: Order) -> Order:
        """The matching engine takes a pending order."""
        return self._update(order, Status.NEW, "accepted")

    @on_loop
    def fill(
        self, order: Order, quantity: Amount | None = None, price: Amount | None = None, *, maker: bool = True
    ) -> Fill:
        """Execute a part of the order (all that remains if no quantity is given) at `price` (the order's own)."""
        with self.moment() as now:
            return self._fill(order, now, quantity, price, maker=maker)

    @on_loop
    def match(self, order: Order, parts: Sequence[tuple[Amount, Amount | None]], *, maker: bool = False) -> list[Fill]:
        """Several fills `(quantity, price)` in one turn of the matching engine: they share both timestamps."""
        with self.moment() as now:
            return [self._fill(order, now, quantity, price, maker=maker) for quantity, price in parts]

    @on_loop
    def cancel(self, order: Order, **details: Any) -> Order:
        """Take the rest of the order off the book."""
        return self._update(order, Status.CANCELED, "canceled", **details)

    @on_loop
    def expire(self, order: Order, **details: Any) -> Order:
        """The exchange ends the order."""
        return self._update(order, Status.EXPIRED, "expired", **details)

    @on_loop
    def reject(self, order: Order, reason: str = "", **details: Any) -> Order:
        """The matching engine refuses an order that was taken in."""
        order.native["reason"] = reason
        return self._update(order, Status.REJECTED, "rejected", reason=reason, **details)

    @on_loop
    def amend(
        self, order: Order, *, price: Amount | None = None, quantity: Amount | None = None, **details: Any
    ) -> Order:
        """Change price or quantity of a living order, in place."""
        self._must_live(order)
        with self.moment() as now:
            changed = settlement.release(self.books, order)
            order.price = order.price if price is None else exact(price)
            order.quantity = order.quantity if quantity is None else max(exact(quantity), order.filled)
            order.updated_ms = now.engine_ms
            if order.remaining == 0:
                order.status = Status.FILLED
            changed = settlement.lock(self.books, order) or changed
            self.books.keep(order)
            balances = changed or self.touched_by_order(order)
            self._publish(Change("amended", now, order=order, balances=balances, details=details))
        return order

    @on_loop
    def deposit(self, asset: str, amount: Amount, wallet: str | None = None) -> Balance:
        """Add to a wallet from outside."""
        return self._credit("deposit", asset, exact(amount), wallet)

    @on_loop
    def withdraw(self, asset: str, amount: Amount, wallet: str | None = None) -> Balance:
        """Take out of a wallet to outside. Raises Refusal if it is not free."""
        wanted = exact(amount)
        free = self.balance_view(self.books.balance(wallet or self.venue.main_wallet, asset))[0]
        if wanted > free:
            raise Refusal("insufficient_balance", f"{self.name} has {free} {asset} free, not {wanted}.")
        return self._credit("withdraw", asset, -wanted, wallet)

    @on_loop
    def transfer(self, asset: str, amount: Amount, source: str, target: str) -> None:
        """Move an asset from one wallet of the account to another."""
        with self.moment():
            self.withdraw(asset, amount, source)
            self.deposit(asset, amount, target)

    @on_loop
    def set_leverage(self, symbol: str, leverage: int, market: str | None = None) -> None:
        """Set the leverage of a symbol. Setting the same value again still counts as a change."""
        instrument = self.venue.instrument(symbol, market)
        self.books.leverage[instrument.market, instrument.symbol] = leverage
        with self.moment() as now:
            self._publish(Change("leverage", now, details={"instrument": instrument, "leverage": leverage}))

    @contextmanager
    def moment(self) -> Iterator[Moment]:
        """Everything done inside shares one pair of timestamps and one update id, as one turn of the engine does."""
        if self._moment is not None:
            yield self._moment
            return
        self._moment = self.venue.next_moment()
        try:
            yield self._moment
        finally:  # also after a refusal: what came before it has happened
            try:
                self.moment_ended(self._moment)
            finally:
                self._moment = None

    # Who listens, and what REST sees

    def listeners(self) -> int:
        """How many connections hear this account now."""
        return self.venue.listeners(self)

    def books_for_rest(self) -> Books:
        """What REST may see: the books, or with `rules.rest_lag` set, how they were so many seconds ago."""
        lag = self.venue.rules.rest_lag
        if not lag or not self._past:
            return self.books
        before = [books for since, books in self._past if since <= self.venue.clock.monotonic() - lag]
        return before[-1] if before else self._past[0][1]

    # Inside

    def _publish(self, change: Change) -> None:
        for balance in change.balances:
            balance.updated_ms = change.moment.engine_ms
        for position in change.positions:
            position.updated_ms = change.moment.engine_ms
        self.remember()
        self.prepare(change)
        self.tell_change(change)
        self.publish(change)

    def remember(self) -> None:
        """Keep a copy of the books for a lagging REST API."""
        lag, now = self.venue.rules.rest_lag, self.venue.clock.monotonic()
        if not lag:
            self._past.clear()
            return
        self._past.append((now, self.books.snapshot()))
        while len(self._past) > 1 and self._past[1][0] <= now - lag:
            self._past.popleft()

    def _check(self, order: Order) -> None:
        if order.side not in {"BUY", "SELL"}:
            raise Refusal("bad_side", f"side must be BUY or SELL, not {order.side!r}.")
        if order.quantity <= 0 and not order.native.get("close_position"):
            raise Refusal("bad_quantity", f"quantity must be above zero, not {order.quantity}.")
        if order.price < 0 or (order.type == "limit" and not order.price):
            raise Refusal("bad_price", f"a limit order needs a price above zero, not {order.price}.")
        self._check_client_order_id(order)

    def _check_client_order_id(self, order: Order) -> None:
        same = (order.market, order.client_order_id)
        living = self.books.open.values()
        if order.client_order_id and any((one.market, one.client_order_id) == same for one in living):
            raise Refusal("duplicate_client_order_id", f"{order.client_order_id!r} names an open order already.")

    def _must_live(self, order: Order) -> None:
        if (order.market, order.symbol, order.order_id) not in self.books.orders:
            raise Refusal("unknown_order", f"{self.name} has no order {order.order_id} of {order.symbol}.")
        if order.status.is_final:
            raise Refusal("order_closed", f"order {order.order_id} is {order.status.value} already.")

    def _update(self, order: Order, status: Status, what: str, **details: Any) -> Order:
        self._must_live(order)
        with self.moment() as now:
            order.status, order.updated_ms = status, now.engine_ms
            released = settlement.release(self.books, order) if status.is_final else []
            self.books.keep(order)
            balances = released or self.touched_by_order(order)
            self._publish(Change(what, now, order=order, balances=balances, details=details))
        return order

    def _fill(self, order: Order, now: Moment, quantity: Amount | None, price: Amount | None, *, maker: bool) -> Fill:
        self._must_live(order)
        size = order.remaining if quantity is None else exact(quantity)
        if not 0 < size <= order.remaining:
            raise Refusal("bad_quantity", f"order {order.order_id} has {order.remaining} left to fill, not {size}.")
        at = exact(price) if price is not None else order.price or self.venue.price(order.instrument)
        fill = self._execution(order, now, size, at, maker=maker)
        order.filled += size
        order.quote_filled += size * at
        order.status = Status.FILLED if order.remaining == 0 else Status.PARTIALLY_FILLED
        order.updated_ms = now.engine_ms
        order.fills.append(fill)
        balances, positions = settlement.settle(self.books, order, fill)
        if order.status.is_final:
            settlement.release(self.books, order)
        self.books.fills.append(fill)
        self.books.keep(order)
        self.venue.traded(order.instrument, at)
        self._publish(Change("filled", now, order=order, fill=fill, balances=balances, positions=positions))
        return fill

    def _execution(self, order: Order, now: Moment, size: Decimal, at: Decimal, *, maker: bool) -> Fill:
        fee, fee_asset = self.venue.fee(order, size, at, maker=maker)
        return Fill(
            instrument=order.instrument,
            order_id=order.order_id,
            trade_id=self.venue.next_trade_id(order.instrument),
            side=order.side,
            quantity=size,
            price=at,
            maker=maker,
            fee=fee,
            fee_asset=fee_asset,
            time_ms=now.engine_ms,
            position_side=order.position_side,
        )

    def _credit(self, what: str, asset: str, amount: Decimal, wallet: str | None) -> Balance:
        balance = self.books.balance(wallet or self.venue.main_wallet, asset)
        balance.free += amount
        with self.moment() as now:
            self._publish(Change(what, now, balances=[balance], details={"amount": amount}))
        return balance
