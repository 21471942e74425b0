"""What the exchange says about an account besides trading: locks, liquidations, market maker protection, logins.

https://docs.deribit.com: user.lock, user.liquidation, user.mmp_trigger, user.access_log. Part of `DeribitAccount`.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from jexkit.sim.amounts import Amount, exact
from jexkit.sim.deribit.frames import Row
from jexkit.sim.deribit.numbers import number
from jexkit.sim.deribit.symbols import CURRENCIES
from jexkit.sim.ledger import Account, Moment
from jexkit.sim.loop import on_loop

LIQUIDATION_STATES = (
    "liquidation_started",
    "liquidation_completed",
    "close_out_liquidation_started",
    "close_out_liquidation_completed",
)


class Notices(Account):
    """The operations behind the small channels."""

    user_id: int
    _locks: dict[str, bool]
    _log: list[Row]

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._locks, self._log = {}, []

    def collect(self, channel: str, row: Row) -> None:
        """Add a message to the turn."""
        raise NotImplementedError

    @on_loop
    def set_lock(self, currency: str = "ALL", *, locked: bool = True) -> None:
        """Lock or unlock one currency of the account, or all."""
        for code in CURRENCIES if currency == "ALL" else (currency,):
            self._locks[code] = locked
        with self.moment() as now:
            self._say("lock", {"locked": locked, "currency": currency}, now)

    @on_loop
    def report_liquidation(self, state: str = "liquidation_started", currency: str = "BTC") -> None:
        """A liquidation begins or ends."""
        if state not in LIQUIDATION_STATES:
            raise ValueError(f"state must be one of {', '.join(LIQUIDATION_STATES)}, not {state!r}.")
        with self.moment() as now:
            amounts = {
                "margin_balance": number(Decimal("0.5")),
                "maintenance_margin": number(Decimal("0.6")),
                "initial_margin": number(Decimal("0.8")),
                "close_out_margin": number(Decimal("0.4")),
                "equity": number(Decimal("0.5")),
            }
            row = {"state": state, "user_id": self.user_id, "timestamp": now.engine_ms, "currency": currency}
            self._say("liquidation", {**row, **amounts}, now)

    @on_loop
    def deleverage(self, symbol: str, side: str, amount: Amount, price: Amount) -> None:
        """Auto-deleveraging took a part of a position (`adl_transfer`); only told here, not booked."""
        with self.moment() as now:
            row = {
                "state": "adl_transfer",
                "user_id": self.user_id,
                "instrument_name": symbol,
                "direction": side.lower(),
                "amount": number(exact(amount)),
                "price": number(exact(price)),
                "commission": number(Decimal("0.0000006")),
                "timestamp": now.engine_ms,
            }
            self._say("liquidation", row, now)

    @on_loop
    def trigger_mmp(self, index: str, frozen_until: int = 0, group: str = "") -> None:
        """Market maker protection freezes quoting; 0 means until it is reset."""
        with self.moment() as now:
            row: Row = {"frozen_until": frozen_until, "index_name": index}
            if group:
                row |= {"mmp_group": group, "block_rfq": False}
            self._say(f"mmp_trigger.{index}", row, now)

    @on_loop
    def log_access(self, log: str = "success", ip: str = "8.9.10.11") -> None:
        """Somebody logged in at the website, or changed a setting there."""
        with self.moment() as now:
            number_ = self.venue.next_id("access log", 243_343)
            row = {"timestamp": now.engine_ms, "log": log, "ip": ip, "id": number_, "country": "Local", "city": "Town"}
            self._log.insert(0, {("result" if key == "log" else key): value for key, value in row.items()})
            self._say("access_log", row, now)

    @property
    def locks(self) -> list[Row]:
        """Answer of private/get_user_locks."""
        return [{"currency": code, "locked": self._locks.get(code, False)} for code in CURRENCIES]

    @property
    def access_log(self) -> list[Row]:
        """Answer of private/get_access_log, newest first."""
        return list(self._log)

    def _say(self, channel: str, row: Row, now: Moment) -> None:
        self.collect(channel, row)
        said = {key: value if isinstance(value, Decimal) else str(value) for key, value in row.items()}
        said.pop("timestamp", None)
        self.notify(f"user.{channel}", now, **said)
