"""One Portfolio Margin account: USDS-M, COIN-M and margin orders on one stream, and what only Binance knows."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from jexkit.sim.amounts import ZERO, Amount, exact, fixed
from jexkit.sim.binance_pm import frames
from jexkit.sim.binance_pm.conditional import ConditionalOrders
from jexkit.sim.binance_pm.security import KeyKind, public_verifier, random_key
from jexkit.sim.binance_pm.symbols import MARGIN, STARTING_BALANCES, UM
from jexkit.sim.books import Balance, Order, Position
from jexkit.sim.instruments import Instrument
from jexkit.sim.ledger import Account, Change, Moment
from jexkit.sim.loop import on_loop

if TYPE_CHECKING:
    import random

    from jexkit.sim.binance_pm.venue import BinancePm


class BinanceAccount(ConditionalOrders, Account):
    """The account. Markets are `UM`, `CM` and `MARGIN`, and so are the wallets."""

    venue: BinancePm

    def __init__(self, venue: BinancePm, name: str, rng: random.Random) -> None:
        super().__init__(venue, name, rng)
        self.api_key, self.secret_key = random_key(rng), random_key(rng)
        self.number = rng.randrange(10**8, 10**9)
        self.alias = random_key(rng)[:16]  # `i` of COIN-M frames
        self.dual_side = False
        self.status, self.uni_mmr = "NORMAL", Decimal("5167.92171923")
        self._held_back: dict[str, Balance] = {}
        venue.security.register(self.api_key, self, self.secret_key)

    def starting_balances(self) -> dict[str, dict[str, Amount]]:
        """Enough of everything."""
        return {wallet: dict(assets) for wallet, assets in STARTING_BALANCES.items()}

    def credentials(self) -> dict[str, str]:
        """The HMAC key."""
        return {"api_key": self.api_key, "secret_key": self.secret_key}

    def new_order_id(self, instrument: Instrument, native: Mapping[str, Any]) -> str:
        """Algo and strategy ids are series of their own."""
        family = native.get("family")
        if family == "algo":
            return str(self.venue.next_id("algo", 1000000033225453))
        if family == "conditional":
            return str(self.venue.next_id("strategy", 176057039))
        return super().new_order_id(instrument, native)

    def native_status(self, order: Order) -> str:
        """The word of `X` (of `os` for conditional and `X` of `ao` for algo orders)."""
        return str(order.native.get("word") or frames.status_word(order))

    # Keys

    @on_loop
    def add_public_key(self, kind: KeyKind, pem: str | bytes) -> str:
        """Register an RSA or ED25519 public key (PEM) and return the API key that goes with it."""
        api_key = random_key(self.random)
        self.venue.security.register(api_key, self, public_verifier(kind, pem))
        return api_key

    @on_loop
    def revoke(self, api_key: str | None = None) -> None:
        """Make an API key (the HMAC one if none is named) unknown to the exchange."""
        self.venue.security.revoke(api_key or self.api_key)

    @property
    def listen_key(self) -> str | None:
        """The living listen key, if there is one."""
        return self.loop.call(lambda: getattr(self.venue.listen_keys.of(self), "text", None))

    @on_loop
    def expire_listen_key(self, events: int | None = None) -> None:
        """End the listen key now; `events` says how often listenKeyExpired is pushed (0: a death in silence)."""
        self.venue.listen_keys.expire(self, events)

    # Operations that only Binance has

    @on_loop
    def fund(self, symbol: str, amount: Amount, market: str = UM) -> None:
        """A funding fee (below zero: paid). One ACCOUNT_UPDATE with balances only, as in cross mode."""
        instrument = self.venue.instrument(symbol, market)
        balance = self.books.balance(instrument.wallet, instrument.settle)
        balance.free += exact(amount)
        with self.moment() as now:
            details = {"amount": exact(amount), "symbol": symbol}
            self._publish(Change("funding", now, balances=[balance], details=details))
            self.venue.book_income(self, instrument, "FUNDING_FEE", exact(amount), now)

    @on_loop
    def liquidate(self, symbol: str, market: str = UM, *, position_side: str = "BOTH", adl: bool = False) -> Order:
        """Close a position by force: `autoclose-` orders of type LIQUIDATION, or `adl_autoclose`."""
        position = self.books.position(self.venue.instrument(symbol, market), position_side)
        if not position.quantity:
            raise ValueError(f"{self.name} has no position in {symbol} ({market}, {position_side}).")
        with self.moment() as now:
            order = self.place(
                symbol,
                "SELL" if position.quantity > 0 else "BUY",
                abs(position.quantity),
                self.venue.price(position.instrument),
                "liquidation",
                market=market,
                client_order_id="adl_autoclose" if adl else f"autoclose-{now.engine_us}",
                time_in_force="IOC",
                position_side=position_side,
                forced="ADL" if adl else "LIQUIDATION",
            )
            self.fill(order, maker=False)
        return order

    @on_loop
    def borrow(self, asset: str, amount: Amount) -> None:
        """Borrow into the margin wallet."""
        self._owe("BORROW", asset, exact(amount))

    @on_loop
    def repay(self, asset: str, amount: Amount) -> None:
        """Pay a margin loan back."""
        self._owe("REPAY", asset, -exact(amount))

    @on_loop
    def open_order_loss(self, **amounts: Amount) -> None:
        """openOrderLoss for the given assets, amounts below zero: `open_order_loss(BUSD="-0.1")`."""
        losses = {asset: exact(amount) for asset, amount in amounts.items()}
        with self.moment() as now:
            self.notify("openOrderLoss", now, **losses)
            told = [{"a": asset, "o": fixed(loss, 8)} for asset, loss in losses.items()]
            self.venue.push(self, "openOrderLoss", {"e": "openOrderLoss", "E": now.event_ms, "O": told})

    @on_loop
    def risk_level(self, level: str, uni_mmr: Amount = "1.99999999") -> None:
        """riskLevelChange: MARGIN_CALL, REDUCE_ONLY or FORCE_LIQUIDATION."""
        self.status, self.uni_mmr = level, exact(uni_mmr)
        equity = fixed(self.venue.equity(self), 8)
        said = {"u": fixed(self.uni_mmr, 8), "s": level, "eq": equity, "ae": equity, "m": "15.11708371"}
        with self.moment() as now:
            self.notify("riskLevelChange", now, **said)
            self.venue.push(self, "riskLevelChange", {"e": "riskLevelChange", "E": now.event_ms, **said})

    @on_loop
    def set_position_mode(self, dual_side: bool) -> None:
        """Hedge mode (LONG and SHORT positions) or one-way mode."""
        self.dual_side = dual_side

    @on_loop
    def push_raw(self, event: str, payload: dict[str, Any]) -> None:
        """Push any payload, for events that this version does not model (listStatus, or one of the future)."""
        with self.moment() as now:
            self.notify(event, now)
            self.venue.push(self, event, payload)

    # From changes to frames

    def prepare(self, change: Change) -> None:
        """Margin balances wait for the end of the moment: one outboundAccountPosition per update id."""
        if change.order is not None and "family" in change.order.native:
            self.prepare_conditional(change, change.order)
        waiting = [balance for balance in change.balances if balance.wallet == MARGIN]
        if waiting and change.what != "balances":
            change.balances = [balance for balance in change.balances if balance.wallet != MARGIN]
            self._held_back.update((balance.asset, balance) for balance in waiting)
            change.details["margin_assets"] = [balance.asset for balance in waiting]
        elif change.balances and self._held_back and change.what != "balances":
            self.moment_ended(change.moment)  # a transfer tells the margin side first

    def moment_ended(self, moment: Moment) -> None:
        """Tell the margin balances of this moment at once, in alphabetical order as real frames do."""
        held, self._held_back = self._held_back, {}
        if held:
            self._publish(Change("balances", moment, balances=[held[asset] for asset in sorted(held)]))

    def publish(self, change: Change) -> None:
        """Push the frames of a change."""
        order = change.order
        if change.what == "balances":
            payload = frames.outbound_account_position(change.moment, change.balances)
            self.venue.push(self, "outboundAccountPosition", payload)
        elif change.what == "leverage":
            self._publish_leverage(change)
        elif order is None:
            self._publish_money(change)
        elif "family" in order.native:
            self.publish_conditional(change, order)
        elif order.market == MARGIN:
            self.venue.push(self, "executionReport", frames.execution_report(change, order))
        else:
            self._publish_futures(change, order)

    def _publish_futures(self, change: Change, order: Order) -> None:
        if change.what == "rejected":
            return  # futures refuse an order in the answer to the request, never on the stream
        bids, asks = self._open_notional(order)
        payload = frames.order_trade_update(change, order, self.alias, bids, asks)
        self.venue.push(self, "ORDER_TRADE_UPDATE", payload)
        if change.balances or change.positions:
            self._publish_account(
                change, order.market, "ORDER", [(balance, ZERO) for balance in change.balances], change.positions
            )
        if order.status.is_final and "parent" in order.native:
            self.finish_conditional(order.native["parent"], change.moment)

    def _publish_money(self, change: Change) -> None:
        amount = change.details.get("amount", ZERO)
        if "margin_assets" in change.details:
            for asset in change.details["margin_assets"] if change.what in {"deposit", "withdraw"} else ():
                self.venue.push(self, "balanceUpdate", frames.balance_update(change.moment, asset, amount))
            return
        wallet = change.balances[0].wallet
        balances = [(balance, amount) for balance in change.balances]
        reason = {"deposit": "DEPOSIT", "withdraw": "WITHDRAW", "funding": "FUNDING_FEE"}[change.what]
        symbol = change.details.get("symbol") if self.venue.rules.funding_names_symbol else None
        self._publish_account(change, wallet, reason, balances, [], symbol)

    def _publish_account(
        self,
        change: Change,
        market: str,
        reason: str,
        balances: list[tuple[Balance, Decimal]],
        positions: list[Position],
        symbol: str | None = None,
    ) -> None:
        priced = [(position, self.venue.price(position.instrument)) for position in positions]
        number = self.venue.rules.break_even_as_number
        payload = frames.account_update(
            change.moment, market, self.alias, reason, balances, priced, symbol=symbol, number=number
        )
        self.venue.push(self, "ACCOUNT_UPDATE", payload)

    def _publish_leverage(self, change: Change) -> None:
        instrument, leverage = change.details["instrument"], change.details["leverage"]
        self.notify(
            "ACCOUNT_CONFIG_UPDATE",
            change.moment,
            market=instrument.market,
            symbol=instrument.symbol,
            leverage=leverage,
        )
        payload = frames.account_config_update(change.moment, instrument.market, instrument.symbol, leverage)
        self.venue.push(self, "ACCOUNT_CONFIG_UPDATE", payload)

    def _open_notional(self, order: Order) -> tuple[Decimal, Decimal]:
        living = [one for one in self.books.open.values() if one.instrument is order.instrument and one.type == "limit"]
        worth = {"BUY": ZERO, "SELL": ZERO}
        for one in living:
            worth[one.side] += one.instrument.notional(one.remaining, one.price).quantize(Decimal("0.00000001"))
        return worth["BUY"], worth["SELL"]

    def _owe(self, kind: str, asset: str, amount: Decimal) -> None:
        balance = self.books.balance(MARGIN, asset)
        balance.free += amount
        owed = balance.native["borrowed"] = balance.native.get("borrowed", ZERO) + amount
        with self.moment() as now:
            self._publish(Change("debt", now, balances=[balance]))
            transaction = self.venue.next_id("transaction", 1352286576452864727)  # above 2^53, as the real ones
            said: dict[str, str | int] = {
                "a": asset,
                "t": kind,
                "T": transaction,
                "p": fixed(abs(amount), 8),
                "i": "0",
                "l": fixed(owed, 8),
            }
            self.notify("liabilityChange", now, **said)
            self.venue.push(self, "liabilityChange", {"e": "liabilityChange", "E": now.event_ms, **said})
