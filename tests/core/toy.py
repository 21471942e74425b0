"""A toy exchange, on which what all session machines have in common is tested."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from jexkit.core.lifecycle import Phase, State
from jexkit.core.protocol import Machine, Probe
from jexkit.core.values import Now, Outputs, Ping, Receipt, Send
from jexkit.errors import RateLimited
from jexkit.events import BalanceUpdate, Event, Market
from jexkit.testing.clock import ManualClock
from jexkit.testing.driver import Driver


class Toy(Machine):
    """One call before the connection, one word to log in; ``"!"`` is rubbish, numbers are balances.

    ``"+"`` and a number is a balance that can be read ahead.
    """

    probe = Probe(every=30.0, within=10.0)

    def _prepare(self, now: Now) -> Outputs:
        return self._call("ask the way", lambda: iter(()), lambda url, _: self._open(url), self._failed, now)

    def _enter(self, now: Now) -> Outputs:
        return [Send(self.link, '"hello"')]

    def _events_in(self, text: str, receipt: Receipt) -> list[Event] | None:
        return [balance(int(text))] if text.startswith("+") else None

    def _read(self, text: bytes | str, now: Now) -> Outputs:
        if text == "welcome":
            self._move(Phase.RECOVERING)
            return self._live(now)
        if text == "!":
            return self._unreadable("!", "rubbish", now)
        if text == "go away":
            return self._failed(RateLimited("too much", retry_after=200), now)
        return self._deliver([balance(int(text))])

    def _prove(self, now: Now) -> Outputs:
        return [Ping(self.link)]

    def _commands(self) -> Mapping[str, Callable[[int, Mapping[str, Any], Now], Outputs]]:
        return {"wave": lambda ticket, arguments, now: [Send(self.link, '"wave"')]}


def balance(time_ms: int) -> BalanceUpdate:
    return BalanceUpdate(
        exchange="toy", account="t", id=f"b{time_ms}", time_ms=time_ms, received_ms=99, market=Market.SPOT,
        asset="BTC", key="BTC", total=time_ms,
    )  # fmt: skip


def toy() -> Driver:
    """One that is not started."""
    clock = ManualClock()
    return Driver(Toy(exchange="toy", stream="t", dialect=None, chance=clock.chance), clock)


def live_toy() -> Driver:
    """One that is live, and has told nothing yet."""
    driver = toy()
    driver.start()
    driver.reply("ws://toy")
    driver.open()
    driver.text("welcome")
    assert driver.state() is State.LIVE
    driver.forget()
    return driver
