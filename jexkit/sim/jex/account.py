"""One JEX account: three wallets, seven events, contract orders that are accepted or refused after they were taken."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NoReturn

from jexkit.sim import truth
from jexkit.sim.amounts import Amount
from jexkit.sim.books import Balance, Fill, Order, Position, Status
from jexkit.sim.jex import frames, margin
from jexkit.sim.jex.keys import random_key
from jexkit.sim.jex.symbols import CONTRACT, LISTING, STARTING_BALANCES
from jexkit.sim.ledger import Account, Change
from jexkit.sim.loop import on_loop

if TYPE_CHECKING:
    from jexkit.sim.jex.venue import Jex

REFUSALS = (
    "insufficient Available",
    "too many pending requests",
    "position is being liquidated",
    "position is being closed",
    "closing empty position",
    "closing order is enough",
    "contract is disabled",
    "reach liquidation price",
    "reach risk limit",
)


class JexAccount(Account):
    """The account. Markets are `spot`, `option` and `contract`, and so are the wallets."""

    venue: Jex
    refusals = REFUSALS  # the documented reasons

    def __init__(self, venue: Jex, name: str, rng: random.Random) -> None:
        super().__init__(venue, name, rng)
        self.api_key, self.secret_key = random_key(rng), random_key(rng)
        self._refuse_next: list[str] = []
        venue.api_keys.register(self.api_key, self)

    def starting_balances(self) -> dict[str, dict[str, Amount]]:
        """Enough of everything."""
        return {wallet: dict(assets) for wallet, assets in STARTING_BALANCES.items()}

    def credentials(self) -> dict[str, str]:
        """The HMAC key, the only kind that JEX has."""
        return {"api_key": self.api_key, "secret_key": self.secret_key}

    def extra_settings(self) -> dict[str, Any]:
        """Its orders are listed by symbol only, so a client has to name them: ``spot:JEXBTC``."""
        return {"symbols": [f"{instrument.market}:{instrument.symbol}" for instrument in LISTING]}

    def native_status(self, order: Order) -> str:
        """The word of `X`."""
        return frames.status_word(order, self.venue.rules)

    def fill_record(self, fill: Fill) -> truth.Record:
        """The stream gives no trade id: a fill is the difference between two reports of an order."""
        return {**truth.fill_record(fill), "trade_id": ""}

    def balance_view(self, balance: Balance) -> tuple[Decimal, Decimal]:
        """Margin of orders and positions is locked."""
        held = sum(margin.margins(self.books, balance), Decimal(0))
        return balance.free - held, balance.locked + held

    def touched_by_order(self, order: Order) -> list[Balance]:
        """A contract order locks margin."""
        if order.market != CONTRACT or order.status is Status.PENDING:
            return []
        return [self.books.balance(CONTRACT, order.instrument.settle)]

    @on_loop
    def revoke(self) -> None:
        """Make the API key unknown to the exchange."""
        self.venue.api_keys.revoke(self.api_key)

    @property
    def listen_keys(self) -> list[str]:
        """The living listen keys, oldest first."""
        return self.loop.call(lambda: [key.text for key in self.venue.listen_keys.of(self)])

    @on_loop
    def expire_listen_keys(self) -> None:
        """End every listen key of the account now, as if its time were up."""
        for key in self.venue.listen_keys.of(self):
            self.venue.listen_keys.expire(key.text)

    # Operations that only JEX has

    @on_loop
    def place(
        self, symbol: str, side: str, quantity: Amount, price: Amount | None = None, *args: Any, **named: Any
    ) -> Order:
        """Place an order. A contract order is ENTRUSTING first; `rules.entrust_delay` says when it is accepted.

        With the delay None it stays so until `accept(order)` or `reject(order, reason)`.
        """
        instrument = self.venue.instrument(symbol, named.get("market"))
        if instrument.market != CONTRACT:
            return super().place(symbol, side, quantity, price, *args, **named)
        order = super().place(symbol, side, quantity, price, *args, **{**named, "status": Status.PENDING})
        delay = self.venue.rules.entrust_delay
        if delay:
            self.venue.clock.call_later(delay, lambda: self._decide(order))
        elif delay is not None:
            self._decide(order)
        return order

    @on_loop
    def refuse_next(self, reason: str = REFUSALS[0]) -> None:
        """The next contract order will be refused for this reason, once it is decided upon."""
        self._refuse_next.append(reason)

    def amend(self, order: Order, **_changes: Any) -> NoReturn:
        """JEX has no amendment."""
        raise ValueError(f"JEX cannot amend order {order.order_id}: cancel it and place another.")

    @on_loop
    def hold_back(self, events: int = 1) -> None:
        """Hold the next events back and send them after the one that follows, `E` unchanged."""
        self.venue.shuffler.hold(self, events)

    def _decide(self, order: Order) -> None:
        if order.status is not Status.PENDING:
            return
        if self._refuse_next:
            self.reject(order, self._refuse_next.pop(0))
        else:
            self.accept(order)

    # From changes to frames

    def publish(self, change: Change) -> None:
        """Push the frames of a change: the report, then wallets, then positions."""
        order = change.order
        if change.what == "leverage":
            self._publish_leverage(change)
            return
        if order is not None:
            self._publish_report(change, order)
        for wallet in dict.fromkeys(balance.wallet for balance in change.balances):
            self._publish_wallet(change, wallet)
        self._publish_positions(change, change.positions)

    def _publish_report(self, change: Change, order: Order) -> None:
        rules = self.venue.rules
        if order.status is Status.PENDING and not rules.tells_entrusting:
            return
        payload = frames.report(order, change.moment, rules, change.details.get("reason") or "NONE")
        self.venue.push(self, payload["e"], payload)

    def _publish_wallet(self, change: Change, wallet: str) -> None:
        complete = self.venue.rules.balances_are_complete
        source = self.books.balances.values() if complete else change.balances
        listed = [balance for balance in source if balance.wallet == wallet]
        payload = frames.account_info(wallet, change.moment, self.books, listed, self.balance_view)
        self.venue.push(self, payload["e"], payload)

    def _publish_positions(self, change: Change, positions: list[Position]) -> None:
        if positions:
            payload = frames.contract_positions(change.moment, self.books, positions)
            self.venue.push(self, "contractPositions", payload)

    def _publish_leverage(self, change: Change) -> None:
        instrument, leverage = change.details["instrument"], change.details["leverage"]
        self.notify("leverage", change.moment, market=instrument.market, symbol=instrument.symbol, leverage=leverage)
        position = self.books.position(instrument)
        wallet = self.books.balance(CONTRACT, instrument.settle)
        self._publish(Change("margin", change.moment, balances=[wallet], positions=[position]))
