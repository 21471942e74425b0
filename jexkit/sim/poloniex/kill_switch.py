"""The kill switch: all orders of an account are canceled unless the client renews it in time.

https://api-docs.poloniex.com/spot/api/private/order, Kill Switch: timeout of 10 to 600 seconds, -1 turns it off.
"""

from __future__ import annotations

from jexkit.sim.clock import Clock, Timer
from jexkit.sim.poloniex import desk
from jexkit.sim.poloniex.account import PoloniexAccount


class KillSwitches:
    """One switch per account."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._timers: dict[str, Timer] = {}
        self._times: dict[str, tuple[int, int]] = {}

    def times(self, account: PoloniexAccount) -> tuple[int, int] | None:
        """When it was set and when it will cancel, in milliseconds; None when it is off."""
        return self._times.get(account.name)

    def arm(self, account: PoloniexAccount, seconds: int) -> None:
        """Cancel everything after so many seconds, counted anew."""
        self.disarm(account)
        now = self._clock.now_ms()
        self._times[account.name] = (now, now + seconds * 1000)
        self._timers[account.name] = self._clock.call_later(seconds, lambda: self._fire(account))

    def disarm(self, account: PoloniexAccount) -> None:
        """Turn it off."""
        self._times.pop(account.name, None)
        timer = self._timers.pop(account.name, None)
        if timer is not None:
            timer.cancel()

    def _fire(self, account: PoloniexAccount) -> None:
        self.disarm(account)
        for order in desk.open_orders(account):
            desk.cancel(account, order)
