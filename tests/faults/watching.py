"""A stream on the simulator, things that happen on its account, and the comparison of what was told with what is."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from jexkit import BalanceUpdate, Event, Fill, Gap, Live, Lost, OrderUpdate, PositionUpdate, Stream, Suspended, Unknown
from jexkit.cli.audit import Audit
from jexkit.cli.holdings import compare_holdings
from jexkit.sim.describe import account_state
from jexkit.sim.ledger import Account

PATIENCE = 60.0  # seconds for anything to happen; most of it takes a fraction of one
TRADED = {
    "binance_pm": [("UM", "BTCUSDT", "0.3", "19000"), ("MARGIN", "BNBUSDT", "3", "600")],
    "deribit": [("future", "BTC-PERPETUAL", "30", "20000"), ("future", "ETH_USDC-PERPETUAL", "0.03", "1500")],
    "poloniex": [("SPOT", "BTC_USDT", "0.03", "20000"), ("SPOT", "ADA_USDT", "30", "0.3")],
    "jex": [("spot", "JEXBTC", "30", "0.00001"), ("contract", "BTCUSDT", "3", "10000")],
}
"""What the accounts trade: market, symbol, a quantity that can be cut in three, a price."""
SETTINGS: dict[str, dict[str, Any]] = {
    "binance_pm": {"keepalive": 1.0, "symbols": ["UM:BTCUSDT", "MARGIN:BNBUSDT"]},
    "deribit": {},
    "poloniex": {},
    "jex": {"keepalive": 1.0, "symbols": ["spot:JEXBTC", "contract:BTCUSDT"]},
}
FINAL_WORDS = frozenset({"filled", "cancelled", "rejected", "expired"})


class Watch:
    """Everything that a stream delivers, in order."""

    def __init__(self, stream: Stream, account: Account) -> None:
        self.stream = stream
        self.account = account
        self.events: list[Event] = []
        self._changed = threading.Condition()
        self._begun = 0
        stream.on(Event, self._take)

    def _take(self, event: Event) -> None:
        with self._changed:
            self.events.append(event)
            self._changed.notify_all()

    def begin(self) -> None:
        """From now on everything counts."""
        self._begun = len(self.account.told)
        with self._changed:
            self.events.clear()

    def wait(self, condition: Callable[[], bool], what: str) -> None:
        """Until it is so; looks again at each event, and now and then for what changes without one."""
        deadline = time.monotonic() + PATIENCE
        with self._changed:
            while not condition():
                assert time.monotonic() < deadline, f"{what}: not within {PATIENCE:g} s; {self.describe()}"
                self._changed.wait(0.05)

    def look_for(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Whether it becomes so within a while that may be too short: for those who then try something more."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while not condition() and time.monotonic() < deadline:
                self._changed.wait(0.05)
        return condition()

    def describe(self) -> str:
        status = self.stream.status()
        said = [
            f"{type(event).__name__} {getattr(event, 'reason', '')}" for event in self.of(Suspended, Live, Gap, Lost)
        ]
        return f"{status.state}, {status.last_error!r}, {said}, missing {self.missing()}, {self.differences()}"

    def of(self, *kinds: type[Event]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kinds)]

    # What happened, and what was told of it

    def told(self, kind: str) -> list[dict[str, Any]]:
        """What the ledger says that happened since `begin`."""
        return [dict(record) for record in list(self.account.told)[self._begun :] if record["kind"] == kind]

    def traded(self) -> Counter[tuple[str, ...]]:
        """The fills by trade id, with their amounts; JEX has none, and tells the sum of each order."""
        records = self.told("fill")
        if self.stream.exchange == "jex":
            return _sums((str(one["symbol"]), str(one["order_id"]), Decimal(one["quantity"])) for one in records)
        return Counter((one["symbol"], one["trade_id"], str(Decimal(one["quantity"]).normalize())) for one in records)

    def delivered(self) -> Counter[tuple[str, ...]]:
        """The same, as the stream told it."""
        fills: list[Fill] = self.of(Fill)
        if self.stream.exchange == "jex":
            return _sums((fill.symbol, fill.order_id, fill.quantity) for fill in fills)
        return Counter((fill.symbol, fill.trade_id, str(fill.quantity.normalize())) for fill in fills)

    def missing(self) -> list[tuple[str, ...]]:
        """Fills that are not told yet, or twice."""
        traded, delivered = self.traded(), self.delivered()
        return sorted(((traded - delivered) + (delivered - traded)).elements())

    def differences(self) -> list[str]:
        """Between what the stream holds and what the exchange holds."""
        outcome = Audit()
        state = account_state(self.account)
        stream = self.stream
        compare_holdings(
            {**state, "told": state["told"][self._begun :]},
            stream.orders.values(),
            stream.balances.values(),
            stream.positions.values(),
            outcome,
        )
        return outcome.faults

    def is_caught_up(self) -> bool:
        return str(self.stream.state) == "live" and not self.missing() and not self.differences()

    def is_final(self) -> bool:
        """Whether the last word about each order that has ended is its end."""
        last = {(event.symbol, event.order_id): str(event.status) for event in self.of(OrderUpdate)}
        ended = {
            (record["symbol"], record["order_id"]): record
            for record in self.account.orders()
            if (record["symbol"], record["order_id"]) in last
        }
        open_ones = {(record["symbol"], record["order_id"]) for record in self.account.open_orders()}
        return all((last[key] in FINAL_WORDS) == (key not in open_ones) for key in ended)

    # What the user sees beside

    def seen(self, irrecoverable: tuple[str, ...]) -> frozenset[str]:
        """In the words of the table."""
        words = {f"Suspended({event.reason})" for event in self.of(Suspended)}
        words |= {f"Lost({event.error})" for event in self.of(Lost)}
        words |= {"Unknown" for _ in self.of(Unknown)}
        words |= {"Gap" for gap in self.of(Gap) if gap.what not in irrecoverable}
        return frozenset(words)


def _sums(filled: Any) -> Counter[tuple[str, ...]]:
    sums: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for symbol, order_id, quantity in filled:
        sums[symbol, order_id] += quantity
    return Counter((*key, str(quantity.normalize())) for key, quantity in sums.items())


def trade(account: Account) -> None:
    """A little of everything: orders placed, filled in parts and at once, amended, cancelled, left open."""
    for market, symbol, quantity, price in TRADED[account.venue.exchange]:
        third = Decimal(quantity) / 3
        first = account.place(symbol, "BUY", quantity, price, market=market)
        account.fill(first, third)
        second = account.place(symbol, "BUY", quantity, price, market=market)
        account.match(second, [(third, None), (2 * third, None)])
        account.cancel(first)
        account.place(symbol, "SELL", third, price, market=market)


def check_order(events: list[Event], *, by_time: bool = True) -> None:
    """No order's filled quantity shrinks or comes back from its end; times of balances and positions do not go back.

    Unless our own clock is set back (not ``by_time``), which is the only time that some of them have.
    """
    filled: dict[str, Decimal] = {}
    ended: set[str] = set()
    times: dict[tuple[type[Event], str], int] = {}
    for event in events:
        if isinstance(event, OrderUpdate):
            assert event.filled_quantity >= filled.get(event.key, Decimal(0)), event
            assert event.key not in ended or str(event.status) in FINAL_WORDS, event
            filled[event.key] = event.filled_quantity
            if str(event.status) in FINAL_WORDS:
                ended.add(event.key)
        elif by_time and isinstance(event, (BalanceUpdate, PositionUpdate)):
            key = (type(event), event.key)
            assert event.time_ms >= times.get(key, 0), event
            times[key] = event.time_ms


def check_life(events: list[Event]) -> None:
    """After a Suspended comes a Live or the end, and no second one."""
    words = [type(event).__name__ for event in events if isinstance(event, (Suspended, Live, Lost))]
    for before, after in itertools.pairwise(words):
        assert before != after, words
    if words:
        assert words[0] != "Live", words
        assert words[-1] in ("Live", "Lost"), words
