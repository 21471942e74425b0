"""What a stream holds at the end."""

from typing import Any

import attrs

from jexkit.cli.audit import Audit
from jexkit.cli.holdings import compare_holdings
from jexkit.events import Event
from tests.cli import facts

LEDGER: dict[str, Any] = {
    "told": facts.told(),
    "open_orders": [facts.order_record(0, "NEW", "0")],
    "balances": [facts.balance_record(0, "997"), {**facts.balance_record(0, "5"), "asset": "BNB"}],
    "positions": [facts.position_record(0, "3"), {**facts.position_record(0, "0"), "symbol": "ETHUSDT"}],
}
ORDERS: list[Event] = [facts.order(1, facts.STATES[0])]
BALANCES: list[Event] = [facts.balance(3, "997")]
POSITIONS: list[Event] = [facts.position(3, "3")]


def differences(orders: list[Event], balances: list[Event], positions: list[Event]) -> list[str]:
    outcome = Audit()
    compare_holdings(LEDGER, orders, balances, positions, outcome)
    assert outcome.differing == len(outcome.faults)
    return outcome.faults


def test_equal_holdings_have_no_difference() -> None:
    """A balance that nobody spoke of, and a flat position, need not be known."""
    assert differences(ORDERS, BALANCES, POSITIONS) == []


def test_an_open_order_that_is_not_known() -> None:
    told = "differing: open order usd_futures BTCUSDT 7: unknown to the stream"
    assert differences([], BALANCES, POSITIONS) == [told]


def test_an_open_order_that_is_not_there_any_more() -> None:
    ghost = attrs.evolve(ORDERS[0], order_id="8")
    told = "differing: open order usd_futures BTCUSDT 8: unknown to the exchange"
    assert differences([*ORDERS, ghost], BALANCES, POSITIONS) == [told]


def test_an_order_with_another_filled_quantity() -> None:
    told = [
        "differing: open order usd_futures BTCUSDT 7: PARTIALLY_FILLED instead of NEW",
        "differing: open order usd_futures BTCUSDT 7: 1 instead of 0",
    ]
    assert differences([facts.order(2, facts.STATES[1])], BALANCES, POSITIONS) == told


def test_a_balance_that_is_not_the_last() -> None:
    told = "differing: balance usd_futures USDT: 999 instead of 997"
    assert differences(ORDERS, [facts.balance(2, "999")], POSITIONS) == [told]


def test_a_balance_that_was_told_and_is_not_known() -> None:
    assert differences(ORDERS, [], POSITIONS) == ["differing: balance usd_futures USDT: unknown to the stream"]


def test_a_position_on_the_other_side() -> None:
    """Long there and short here is two differences."""
    assert len(differences(ORDERS, BALANCES, [facts.position(3, "-3")])) == 2
