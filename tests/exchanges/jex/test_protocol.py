"""JEX's session: order by ``E``, and fills from what an order's amounts have grown by."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from jexkit.core.lifecycle import State
from jexkit.core.recovering import DOUBTS, SETTLE
from jexkit.core.values import Call, Open
from jexkit.events import BalanceUpdate, Fill, OrderStatus, OrderUpdate, Side, Suspended
from jexkit.testing.conformance import JEX
from jexkit.testing.conformance.listen_keys import LISTEN_KEY
from jexkit.testing.driver import Driver

WINDOW = 0.25
T0 = 1_571_225_800_000


def started(window: float = WINDOW) -> Driver:
    driver = JEX.driver(reorder_window=window)
    driver.start()
    driver.forget()
    return driver


@pytest.fixture
def live() -> Driver:
    return started()


def spot(ms: int, state: str, filled: str = "0", quote: str = "0", order: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "e": "execSpotReport", "E": T0 + ms, "s": "JEXBTC", "X": state, "i": order, "z": filled, "Z": quote, "O": T0,
        "S": "BUY", "q": "1.00000000", "p": "0.10000000", **more,
    }  # fmt: skip


def contract(ms: int, state: str, filled: str = "0", quote: str = "0") -> dict[str, Any]:
    """A contract order's report has neither side nor price nor quantity."""
    return {
        "e": "execContractReport", "E": T0 + ms, "s": "BTCUSDT", "X": state, "i": "4613019726031880199",
        "z": filled, "Z": quote,
    }  # fmt: skip


def states(driver: Driver) -> list[str]:
    return [update.native_status for update in driver.told(OrderUpdate)]


def test_the_key_is_the_last_part_of_the_address() -> None:
    driver = JEX.driver()
    driver.start()
    assert driver.asked_for(Open)[0].url == f"wss://ws.jex.com/ws/{LISTEN_KEY}"


# --- order ------------------------------------------------------------------------------------------------------------


def test_updates_that_overtook_each_other_are_told_in_order(live: Driver) -> None:
    """By ``E``, within the window."""
    live.text(spot(20, "FILLED", "1", "0.1"))
    live.text(spot(10, "PARTIALLY_FILLED", "0.4", "0.04"))
    live.text(spot(0, "NEW"))
    assert live.events == []
    live.advance(WINDOW)
    assert states(live) == ["NEW", "PARTIALLY_FILLED", "FILLED"]


def test_no_update_waits_longer_than_the_window(live: Driver) -> None:
    """On a quiet stream the machine asks to be ticked when the window is over."""
    live.text(spot(0, "NEW"))
    assert live.machine.due == live.clock.monotonic() + WINDOW
    live.advance(WINDOW - 0.001)
    assert states(live) == []
    live.advance(0.001)
    assert states(live) == ["NEW"]
    assert live.machine.due > live.clock.monotonic() + 1


def test_updates_of_equal_time_are_told_by_how_far_they_are(live: Driver) -> None:
    live.text(spot(0, "FILLED", "1", "0.1"))
    live.text(spot(0, "PARTIALLY_FILLED", "0.7", "0.07"))
    live.text(spot(0, "PARTIALLY_FILLED", "0.4", "0.04"))
    live.text(spot(0, "NEW"))
    live.advance(WINDOW)
    assert states(live) == ["NEW", "PARTIALLY_FILLED", "PARTIALLY_FILLED", "FILLED"]


def test_what_comes_after_its_window_is_kept_out(live: Driver) -> None:
    """An order never goes back."""
    live.text(spot(10, "PARTIALLY_FILLED", "0.4", "0.04"))
    live.advance(WINDOW)
    live.text(spot(0, "NEW"))
    live.advance(WINDOW)
    assert states(live) == ["PARTIALLY_FILLED"]
    assert live.machine.counters["stale"] == 1


def test_what_waits_is_told_before_the_stream_is_suspended(live: Driver) -> None:
    """Nothing that was received is lost with the connection."""
    live.text(spot(0, "NEW"))
    live.close(broken=True)
    assert [type(event) for event in live.events] == [OrderUpdate, Suspended]


def test_what_waits_is_told_when_the_stream_is_stopped(live: Driver) -> None:
    live.text(spot(0, "NEW"))
    live.stop()
    assert states(live) == ["NEW"]


def test_without_a_window_nothing_waits() -> None:
    driver = started(window=0)
    driver.text(spot(0, "NEW"))
    assert states(driver) == ["NEW"]
    assert driver.state() is State.LIVE


def test_balances_and_orders_keep_their_order_among_each_other(live: Driver) -> None:
    balance = {"a": "BTC", "f": "1", "l": "0", "T": True, "W": True, "D": True}
    live.text({"e": "accountSpotInfo", "E": T0 + 5, "m": 0, "t": 0, "u": T0 + 5, "B": [balance]})
    live.text(spot(0, "NEW"))
    live.advance(WINDOW)
    assert [type(event) for event in live.events] == [OrderUpdate, BalanceUpdate]


def test_what_comes_twice_within_a_millisecond_is_asked_for(live: Driver) -> None:
    """A balance that is again what it was, or a copy: no number tells. Of an order's report it is a copy."""
    for free in ("1", "2", "1"):
        balance = {"a": "BTC", "f": free, "l": "0", "T": True, "W": True, "D": True}
        live.text({"e": "accountSpotInfo", "E": T0 + 5, "m": 0, "t": 0, "u": T0 + 5, "B": [balance]})
    live.advance(WINDOW)
    assert [event.free for event in live.told(BalanceUpdate)] == [1, 2]
    live.advance(SETTLE)
    assert DOUBTS in [call.what for call in live.asked_for(Call)]
    live = started()
    for state in ("NEW", "PARTIALLY_FILLED", "NEW"):
        live.text(spot(5, state, "0" if state == "NEW" else "0.5"))
        live.advance(WINDOW)
    live.advance(SETTLE)
    assert live.asked_for(Call) == []


def test_balances_of_one_change_time_are_told_by_when_they_were_sent(live: Driver) -> None:
    """Money that is locked and free again at once has one ``u``, and is told each time, whichever came first."""
    for sent, free in ((6, "10"), (4, "10"), (5, "9")):
        row = {"a": "BTC", "f": free, "l": "0", "T": True, "W": True, "D": True}
        live.text({"e": "accountSpotInfo", "E": T0 + sent, "m": 0, "t": 0, "u": T0 + 1, "B": [row]})
    live.advance(WINDOW)
    assert [update.free for update in live.told(BalanceUpdate)] == [10, 9, 10]
    assert live.machine.book.balances["spot:BTC"].free == 10


# --- fills ------------------------------------------------------------------------------------------------------------


def test_a_fill_is_what_an_order_has_grown_by(live: Driver) -> None:
    """Quantity and quote amount are differences, the price their quotient; the fill is marked as derived."""
    for message in (spot(0, "NEW"), spot(10, "PARTIALLY_FILLED", "0.4", "0.04"), spot(20, "FILLED", "1", "0.106")):
        live.text(message)
    live.advance(WINDOW)
    first, second = live.told(Fill)
    assert (first.quantity, first.price) == (Decimal("0.4"), Decimal("0.1"))
    assert (second.quantity, second.price) == (Decimal("0.6"), Decimal("0.11"))
    assert (second.derived, second.trade_id, second.side) == (True, "", Side.BUY)
    assert len({first.id, second.id}) == 2


def test_fills_add_up_however_the_reports_come(live: Driver) -> None:
    """A report that was lost or overtaken is in the growth of the next one."""
    live.text(spot(20, "PARTIALLY_FILLED", "0.7", "0.07"))
    live.advance(WINDOW)
    live.text(spot(10, "PARTIALLY_FILLED", "0.4", "0.04"))  # too late
    live.advance(WINDOW)
    live.text(spot(30, "CANCLEFILLED", "0.9", "0.09"))
    live.advance(WINDOW)
    assert sum(fill.quantity for fill in live.told(Fill)) == Decimal("0.9")


def test_a_fill_follows_the_update_that_it_comes_from(live: Driver) -> None:
    live.text(spot(10, "FILLED", "1", "0.1"))
    live.advance(WINDOW)
    assert [type(event) for event in live.events] == [OrderUpdate, Fill]


def test_a_repeated_report_makes_no_second_fill(live: Driver) -> None:
    for _ in range(2):
        live.text(spot(10, "FILLED", "1", "0.1"))
        live.advance(WINDOW)
    assert len(live.told(Fill)) == 1


def test_a_contract_order_keeps_what_was_known_of_it(live: Driver) -> None:
    """Its reports name nothing but the symbol; each state is told."""
    for message in (
        contract(0, "ENTRUSTING"),
        contract(10, "ENTRUSTED"),
        contract(20, "PARTFILLED", "0.4", "1520"),
        contract(30, "FILLED", "1", "3800"),
    ):
        live.text(message)
        live.advance(WINDOW)
    statuses = [OrderStatus.PENDING, OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED, OrderStatus.FILLED]
    assert [update.status for update in live.told(OrderUpdate)] == statuses
    assert [(fill.quantity, fill.price) for fill in live.told(Fill)] == [
        (Decimal("0.4"), Decimal(3800)),
        (Decimal("0.6"), Decimal(3800)),
    ]


def test_a_refused_contract_order_is_told_with_its_reason(live: Driver) -> None:
    """A refusal has not even a symbol; it is taken from what was known."""
    live.text(contract(0, "ENTRUSTING"))
    order = "4613019726031880199"
    live.text({"E": T0 + 5, "X": "FAIL", "e": "execContractReport", "i": order, "r": "insufficient Available"})
    live.advance(WINDOW)
    refused = live.told(OrderUpdate)[-1]
    assert (refused.status, refused.reason) == (OrderStatus.REJECTED, "insufficient Available")
    assert refused.symbol == "BTCUSDT"
