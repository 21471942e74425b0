"""A Deribit account: what happens to it, and the objects that its channels tell of each turn."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from jexkit.sim import truth
from jexkit.sim.amounts import Amount, exact, plain
from jexkit.sim.books import Balance, Fill, Order, Position, Status
from jexkit.sim.deribit import frames, margin
from jexkit.sim.deribit.channels import Turn
from jexkit.sim.deribit.combos import trade_combo
from jexkit.sim.deribit.notices import Notices
from jexkit.sim.deribit.numbers import number
from jexkit.sim.deribit.symbols import STARTING_BALANCES, WALLET, index_price
from jexkit.sim.deribit.tokens import ApiKey, new_key
from jexkit.sim.instruments import Instrument
from jexkit.sim.ledger import Account, Change, Moment
from jexkit.sim.loop import on_loop

if TYPE_CHECKING:
    from jexkit.sim.deribit.venue import Deribit

TRIGGER_TYPES = ("stop_market", "stop_limit", "take_market", "take_limit", "trailing_stop")
_LETTERS = {"stop": "SL", "take": "TP", "trailing": "TS"}


class DeribitAccount(Notices, Account):
    """One account. Side, type and label are given in the kernel's words; the channels print Deribit's."""

    venue: Deribit

    def __init__(self, venue: Deribit, name: str, rng: random.Random) -> None:
        self.facts: dict[tuple[str, str], frames.Facts] = {}  # by instrument and trade id
        self.legs: dict[str, list[frames.Row]] = {}  # of combo trades, by trade id
        self.user_id = rng.randrange(10_000, 99_999)
        self.created_ms = venue.clock.now_ms()
        self.cod_by_default = False  # cancel on disconnect of connections that are opened from now on
        self._turn = Turn()
        self._held_balances: dict[str, Balance] = {}
        self._held_positions: dict[str, Position] = {}
        super().__init__(venue, name, rng)
        self.main_key = new_key(self, rng, name)
        self.keys: list[ApiKey] = [self.main_key]

    def starting_balances(self) -> dict[str, dict[str, Amount]]:
        """Enough of everything."""
        return {wallet: dict(assets) for wallet, assets in STARTING_BALANCES.items()}

    def credentials(self) -> dict[str, str]:
        """The first API key, which may do everything."""
        return {"client_id": self.main_key.client_id, "client_secret": self.main_key.client_secret}

    @on_loop
    def add_key(self, scope: str) -> dict[str, str]:
        """Make another API key with less rights, such as `account:read trade:read`, and return its credentials."""
        key = new_key(self, self.random, self.name, frozenset(scope.split()))
        self.keys.append(key)
        return {"client_id": key.client_id, "client_secret": key.client_secret}

    @on_loop
    def revoke_key(self, client_id: str) -> None:
        """Forget a key; its tokens die with it."""
        self.keys = [key for key in self.keys if key.client_id != client_id]
        self.venue.tokens.kill(lambda token: token.key.client_id == client_id)

    # The kernel's questions

    def new_order_id(self, instrument: Instrument, native: Mapping[str, Any]) -> str:
        """Trigger orders have letters in their ids: `USDC-SLMB-19641`."""
        order_id = super().new_order_id(instrument, native)
        if "letters" not in native:
            return order_id
        return f"{native['letters']}-{self.venue.next_id('trigger order', 19641)}"

    def native_status(self, order: Order) -> str:
        """The order_state. A partial fill stays `open`."""
        return frames.STATES[order.status]

    def touched_by_order(self, order: Order) -> list[Balance]:
        """Open orders bind margin, which the portfolio tells."""
        waits = order.status is Status.UNTRIGGERED or order.instrument.kind == "spot"
        return [] if waits else [self.books.balance(WALLET, order.instrument.settle)]

    def _check_client_order_id(self, order: Order) -> None:
        """Labels need not be unique."""

    def _balance_record(self, balance: Balance) -> truth.Record:
        """`balance`, `available_funds` and `locked_balance` of the portfolio."""
        sums = margin.figures(self.books, balance.asset, self.venue.mark)
        cross = self.venue.rules.margin_model.startswith("cross")
        return {
            "kind": "balance",
            "market": balance.wallet,
            "asset": balance.asset,
            "free": plain(sums.withdrawable if cross else sums.free),
            "locked": "0",
            "total": plain(sums.balance),
        }

    # Operations of this exchange

    @on_loop
    def cancel(self, order: Order, **details: Any) -> Order:
        """Take the rest off the book; `reason` is the `cancel_reason`, `user_request` if none is given."""
        self._must_live(order)
        order.native["cancel_reason"] = details.get("reason", "user_request")
        return super().cancel(order, **details)

    @on_loop
    def expire(self, order: Order, **details: Any) -> Order:
        """The instrument settles, and the order with it."""
        self._must_live(order)
        order.native["cancel_reason"] = "settlement"
        return super().expire(order, **details)

    @on_loop
    def amend(
        self, order: Order, *, price: Amount | None = None, quantity: Amount | None = None, **details: Any
    ) -> Order:
        """Edit in place: same id, `replaced` true."""
        self._must_live(order)
        order.native["replaced"] = True
        return super().amend(order, price=price, quantity=quantity, **details)

    @on_loop
    def place_trigger(
        self,
        symbol: str,
        side: str,
        quantity: Amount,
        trigger_price: Amount,
        type: str = "stop_market",  # noqa: A002 - the word of every exchange
        *,
        price: Amount | None = None,
        trigger: str = "mark_price",
        label: str = "",
        **native: Any,
    ) -> Order:
        """Put a trigger order down: `untriggered`. It does not watch prices: say `trigger`."""
        if type not in TRIGGER_TYPES:
            raise ValueError(f"type must be one of {', '.join(TRIGGER_TYPES)}, not {type!r}.")
        instrument = self.venue.instrument(symbol)
        if instrument.kind == "spot":
            raise ValueError(f"{symbol} is spot and takes no trigger orders here.")
        letters = _LETTERS[type.partition("_")[0]] + trigger[0].upper() + side[0].upper()
        return self.place(
            symbol,
            side,
            quantity,
            price,
            type,
            client_order_id=label,
            status=Status.UNTRIGGERED,
            family="conditional",
            letters=self.venue.id_prefix(instrument) + letters,
            trigger=trigger,
            trigger_price=number(exact(trigger_price)),
            **native,
        )

    @on_loop
    def trigger(self, order: Order) -> Order:
        """The price is reached: the trigger order ends as `triggered`. Returns the new order, which names it."""
        self._must_live(order)
        with self.moment():
            self._update(order, Status.TRIGGERED, "triggered")
            return self.place(
                order.symbol,
                order.side,
                order.quantity,
                order.price or None,
                "limit" if order.price else "market",
                client_order_id=order.client_order_id,
                reduce_only=order.reduce_only,
                trigger_order_id=order.order_id,
            )

    @on_loop
    def trade_combo(
        self, symbol: str, side: str, quantity: Amount, leg_prices: Sequence[Amount], *, maker: bool = False
    ) -> Fill:
        """Trade a combo: one fill of the combo, and one of each leg, with the leg's own order and trade id."""
        return trade_combo(self, symbol, side, exact(quantity), [exact(price) for price in leg_prices], maker=maker)

    @on_loop
    def liquidate(self, symbol: str) -> Fill:
        """The exchange closes a position by an order of its own."""
        instrument = self.venue.instrument(symbol)
        held = self.books.position(instrument).quantity
        if not held:
            raise ValueError(f"{self.name} has no position in {symbol} to liquidate.")
        with self.moment():
            side = "SELL" if held > 0 else "BUY"
            order = self.place(symbol, side, abs(held), type="market", reduce_only=True, is_liquidation=True)
            return self.fill(order, price=self.venue.mark(instrument), maker=False)

    def refresh(self) -> None:
        """Tell the balances again, with the mark prices of now."""
        held = [one.instrument.settle for one in self.books.positions.values() if one.quantity]
        with self.moment() as now:
            balances = [self.books.balance(WALLET, code) for code in dict.fromkeys(held)]
            self._publish(Change("marked", now, balances=balances))

    # A turn of the matching engine

    def prepare(self, change: Change) -> None:
        """Balances and positions wait for the end of the turn: each is told once, as it is then."""
        if change.what == "settled":
            return
        self._held_balances.update((balance.asset, balance) for balance in change.balances)
        self._held_positions.update((position.instrument.symbol, position) for position in change.positions)
        change.balances, change.positions = [], []

    def publish(self, change: Change) -> None:
        """Collect the objects of this turn as they are now."""
        if change.order is not None:
            row = frames.order_row(change.order, self.user_id)
            self._turn.orders.append((change.order.instrument, row))
            if change.fill is not None:
                self._turn.trades.append((change.fill.instrument, self.trade_row(change.fill, change.order)))
        for position in change.positions:
            self._turn.positions.append((position.instrument, frames.position_row(position, self.venue.mark)))
        for balance in change.balances:
            self._turn.portfolios[balance.asset] = self.portfolio_row(balance.asset)

    def moment_ended(self, moment: Moment) -> None:
        """Tell what waited, then send everything."""
        balances, self._held_balances = list(self._held_balances.values()), {}
        positions, self._held_positions = list(self._held_positions.values()), {}
        if balances or positions:
            self._publish(Change("settled", moment, balances=balances, positions=positions))
        turn, self._turn = self._turn, Turn()
        self.venue.tell(self, turn)

    def portfolio_row(self, currency: str) -> frames.Row:
        """The portfolio as it is now."""
        return frames.portfolio_row(self.books, currency, self.venue.mark, self.venue.rules.margin_model)

    def trade_row(self, fill: Fill, order: Order) -> frames.Row:
        """The trade as every channel and method prints it."""
        key = (fill.instrument.symbol, fill.trade_id)
        if key not in self.facts:
            self.facts[key] = self._facts(fill, order)
        row = frames.trade_row(fill, order, self.facts[key])
        return row | {"legs": self.legs[fill.trade_id]} if fill.trade_id in self.legs else row

    def _facts(self, fill: Fill, order: Order) -> frames.Facts:
        return frames.Facts(
            seq=self.venue.next_id(f"seq {fill.instrument.symbol}", 149_546_319),
            mark=self.venue.mark(fill.instrument),
            index=index_price(fill.instrument),
            tick_direction=self.venue.tick_direction(fill.instrument, fill.price),
            order_state=frames.STATES[order.status],
        )

    def collect(self, channel: str, row: frames.Row) -> None:
        """Add a message of a channel without instruments (`lock`, `liquidation`, ...) to the turn."""
        self._turn.others.append((channel, row))

    def collect_combo(self, instrument: Instrument, row: frames.Row) -> None:
        """Add a combo trade to the turn."""
        self._turn.combo_trades.append((instrument, row))
