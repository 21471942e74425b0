"""The comparison finds what is broken on purpose, and nothing else."""

import random
from collections import Counter
from decimal import Decimal

import attrs
import pytest

from jexkit.cli.audit import FAULTS, Audit, audit
from jexkit.events import Event, Live, Market, OrderStatus, Origin, PositionSide, PositionUpdate
from tests.cli import facts

KINDS = {1: "order", 2: "fill", 3: "balance", 4: "position"}  # by their place in the story


def found(outcome: Audit) -> dict[str, int]:
    return {name: count for name in FAULTS if (count := getattr(outcome, name))}


def compared(events: list[Event]) -> dict[str, int]:
    return found(audit(facts.told(), events))


def test_what_was_told_and_delivered_is_clean() -> None:
    """The same amounts in other spellings, and no fault."""
    outcome = audit(facts.told(), facts.delivered())
    assert outcome.is_clean
    assert outcome.faults == []
    assert outcome.delivered == outcome.told == Counter(order=3, fill=2, balance=2, position=2)


def test_what_stood_before_and_is_told_again_unchanged_is_no_step() -> None:
    """The exchange tells the balance that was there already; the stream does not, and nothing is lost."""
    told = [facts.balance_record(1, "1000"), *facts.told()]
    before = attrs.evolve(facts.balance(0, "1000.0"), free=Decimal(1000), locked=Decimal(0), origin=Origin.RECOVERED)
    assert audit(told, facts.delivered(), [before]).is_clean
    assert found(audit(told, facts.delivered())) == {"lost": 1}
    assert found(audit(told, facts.delivered()[1:], [before])) == {"lost": 1}  # the order, still found


@pytest.mark.parametrize("place", range(9))
def test_each_lost_event_is_found(place: int) -> None:
    """Whichever of them is taken away: one is lost, and nothing else is wrong."""
    events = facts.delivered()
    del events[place]
    assert compared(events) == {"lost": 1}


@pytest.mark.parametrize("place", range(9))
def test_each_repeated_event_is_found(place: int) -> None:
    """Whichever of them comes again, at once or at the end."""
    for again in (place, 9):
        events = facts.delivered()
        events.insert(again, events[place])
        assert compared(events) == {"repeated": 1}


@pytest.mark.parametrize("place", KINDS)
def test_a_repeat_under_another_id_is_found(place: int) -> None:
    """An id that changes does not hide that the same thing is told twice, where twice is too often."""
    for again, time_ms in ((place + 1, 2), (9, 9)):
        events = facts.delivered()
        events.insert(again, attrs.evolve(events[place], id="another", time_ms=time_ms))
        assert compared(events) == {"repeated": 1}


@pytest.mark.parametrize(("first", "second"), [(0, 1), (1, 5), (3, 7), (4, 8)])
def test_two_events_in_the_wrong_order_are_found(first: int, second: int) -> None:
    """The older one of two states of the same thing comes after the newer one."""
    events = facts.delivered()
    events[first], events[second] = events[second], events[first]
    outcome = compared(events)
    assert outcome.keys() == {"out_of_order"}
    assert outcome["out_of_order"] >= 1


def test_an_older_state_is_found_by_its_time_alone() -> None:
    """An event that says of itself that it is older than the one before."""
    events = facts.delivered()
    events[5] = attrs.evolve(events[5], time_ms=1)
    assert compared(events) == {"out_of_order": 1}


def test_two_fills_of_an_order_in_the_wrong_order_are_found() -> None:
    events = facts.delivered()
    events[2], events[6] = events[6], events[2]
    assert compared(events) == {"out_of_order": 1}


def test_what_belongs_to_other_things_has_no_order() -> None:
    """Orders, fills, balances and positions may arrive one after the other in any way."""
    events = sorted(facts.delivered(), key=lambda event: type(event).__name__)
    assert compared(events) == {}


def test_a_wrong_amount_is_lost_and_unexpected() -> None:
    """What was told did not arrive, and what arrived was not told."""
    events = facts.delivered()
    events[7] = facts.balance(3, "997.00000001")
    outcome = audit(facts.told(), events)
    assert found(outcome) == {"lost": 1, "unexpected": 1}
    assert "unexpected: balance usd_futures USDT: 997.00000001" in outcome.faults


def test_an_exchange_that_delivers_no_fills_is_not_well() -> None:
    """Even if it told of none: a demonstration of nothing shows nothing."""
    kept = [event for event in facts.delivered() if type(event).__name__ != "Fill"]
    outcome = audit([record for record in facts.told() if record["kind"] != "fill"], kept)
    assert found(outcome) == {}
    assert outcome.missing == ("fill",)
    assert not outcome.is_clean


def test_positions_are_wanted_where_the_exchange_has_them() -> None:
    without = [record for record in facts.told() if record["kind"] != "position"]
    kept = [event for event in facts.delivered() if not isinstance(event, PositionUpdate)]
    assert audit(without, kept).missing == ()
    assert audit(facts.told(), kept).missing == ("position",)


def test_balances_that_are_told_again_unchanged_are_no_step() -> None:
    """Deribit repeats its portfolio, and jexkit does not."""
    told = facts.told()
    told.insert(4, facts.balance_record(2, "999"))
    assert found(audit(told, facts.delivered())) == {}


def test_a_side_that_only_one_of_them_tells_is_not_compared() -> None:
    """JEX says "short" where there is but one position."""
    events = facts.delivered()
    for place in (4, 8):
        events[place] = attrs.evolve(events[place], side=PositionSide.LONG)
    assert compared(events) == {}


def test_another_market_is_another_thing() -> None:
    """The same asset in another wallet."""
    events = facts.delivered()
    events[7] = attrs.evolve(events[7], market=Market.MARGIN)
    assert compared(events) == {"lost": 1, "unexpected": 1}


class TestRecovered:
    """A state that was read over REST stands for those before it that the stream could not tell any more."""

    def test_it_supersedes_the_states_before_it(self) -> None:
        events = facts.delivered()
        events[5] = attrs.evolve(events[5], origin=Origin.RECOVERED)
        events[7] = attrs.evolve(events[7], origin=Origin.RECOVERED)
        del events[3], events[1]
        outcome = audit(facts.told(), events)
        assert outcome.superseded == 2
        assert outcome.is_clean

    def test_it_does_not_supersede_fills(self) -> None:
        """Each of them counts, wherever it comes from."""
        events = facts.delivered()
        events[6] = attrs.evolve(events[6], origin=Origin.RECOVERED)
        del events[2]
        assert compared(events) == {"lost": 1}

    def test_what_comes_after_it_is_out_of_order(self) -> None:
        events = facts.delivered()
        events[5] = attrs.evolve(events[5], origin=Origin.RECOVERED)
        events.append(attrs.evolve(events.pop(1), time_ms=9))
        assert compared(events) == {"out_of_order": 1}


def test_notices_and_the_life_of_the_stream_are_not_compared() -> None:
    live = Live(exchange="binance_pm", account="desk", id="live", time_ms=0, received_ms=0)
    told = [facts.record("notice", 1, name="riskLevelChange"), *facts.told()]
    assert audit(told, [live, *facts.delivered()]).is_clean


class TestDerivedFills:
    """Where the exchange tells fills without ids, one of ours may stand for several."""

    told = (facts.fill_record(2, "", "1"), facts.fill_record(3, "", "2"))

    def test_sums_are_compared(self) -> None:
        assert found(audit(self.told, [facts.fill(3, "", "3")])) == {}

    def test_too_little_is_lost(self) -> None:
        assert found(audit(self.told, [facts.fill(2, "", "1")])) == {"lost": 1}

    def test_too_much_is_repeated(self) -> None:
        assert found(audit(self.told, [facts.fill(2, "", "1"), facts.fill(3, "", "3")])) == {"repeated": 1}

    def test_backwards_is_out_of_order(self) -> None:
        assert found(audit(self.told, [facts.fill(3, "", "2"), facts.fill(2, "", "1")])) == {"out_of_order": 1}

    def test_a_fill_of_nothing_is_unexpected(self) -> None:
        events = [facts.fill(2, "", "3"), facts.fill(3, "", "0")]
        assert found(audit(self.told, events)) == {"unexpected": 1}


@pytest.mark.parametrize("seed", range(20))
def test_the_counts_are_exact_in_a_long_row(seed: int) -> None:
    """Of two hundred changes of one balance some are lost; exactly those are found."""
    rng = random.Random(seed)
    told = [facts.balance_record(moment, str(moment)) for moment in range(1, 201)]
    gone = set(rng.sample(range(200), rng.randint(1, 20)))
    events = [facts.balance(moment, str(moment)) for moment in range(1, 201) if moment - 1 not in gone]
    assert found(audit(told, events)) == {"lost": len(gone)}


def test_the_first_faults_are_kept_in_words() -> None:
    """Enough to look for the cause, and not without end."""
    outcome = audit([facts.balance_record(moment, str(moment)) for moment in range(1, 100)], [])
    assert outcome.lost == 99
    assert outcome.faults[0] == "lost: balance usd_futures USDT: 1, 1, 0"
    assert len(outcome.faults) == 10


def test_a_conditional_order_is_compared_without_its_fills() -> None:
    """Binance tells with it what the order that it became is filled; the ledger does not."""
    told = [{**facts.order_record(1, "FINISHED", "0"), "family": "algo"}]
    event = facts.order(1, ("FINISHED", "3", OrderStatus.FILLED), conditional=True)
    assert found(audit(told, [event])) == {}
    assert found(audit(told, [attrs.evolve(event, conditional=False)])) == {"lost": 1, "unexpected": 1}
