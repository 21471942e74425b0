"""The comparison of a chaos run: each kind of fault, put into its input on purpose, is found and counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest
from mayhem.report import COUNTED, is_clean, slowest_return, stream_figures, total
from mayhem.spool import Spool, heard
from mayhem.tally import MUTE_AT_MOST, UNSEEN, Tally, tally

from jexkit.events import Event, Gap, Live, OrderUpdate, Origin, Suspended, SuspendReason
from tests.cli.facts import LAST, STATES, balance, delivered, fill, fill_record, order, position, told

LATER = 10_000  # milliseconds, beyond what is on its way when a connection is cut
ABOUT: dict[str, Any] = {"exchange": "binance_pm", "account": "desk"}


def suspended(time_ms: int) -> Suspended:
    times = {"time_ms": time_ms, "received_ms": time_ms}
    return Suspended(**ABOUT, **times, id=f"s:{time_ms}", reason=SuspendReason.BROKEN, detail="")


def live(time_ms: int) -> Live:
    return Live(**ABOUT, time_ms=time_ms, received_ms=time_ms, id=f"l:{time_ms}")


def gap(since_ms: int, until_ms: int, what: str = "fills") -> Gap:
    times = {"time_ms": until_ms, "received_ms": until_ms, "since_ms": since_ms, "until_ms": until_ms}
    return Gap(**ABOUT, **times, id=f"g:{until_ms}", what=what, why="")


def compared(
    events: Sequence[Event],
    life: Sequence[Event] = (),
    muted: Sequence[int] = (),
    records: Sequence[dict[str, Any]] | None = None,
    unheard: Sequence[int] = (),
) -> Tally:
    records = told() if records is None else records
    listened = [{**record, "listeners": int(record["time"] not in unheard)} for record in records]
    return tally(listened, [found for event in events if (found := heard(event)) is not None], life, muted)


def figures(outcome: Tally) -> dict[str, int]:
    return {
        name: count
        for name in ("lost", "repeated", "out_of_order", "unexpected", "unreported", "superseded")
        if (count := getattr(outcome, name))
    }


def without(*places: int) -> list[Event]:
    return [event for place, event in enumerate(delivered()) if place not in places]


def test_all_is_well_when_all_is_delivered() -> None:
    assert figures(compared(delivered())) == {}


# --- lost -------------------------------------------------------------------------------------------------------------


def test_a_lost_fill_is_found() -> None:
    """And nothing was said about it."""
    outcome = compared(without(2))
    assert figures(outcome) == {"lost": 1, "unreported": 1}
    assert "trade 100" in outcome.faults[0]


def test_a_lost_fill_is_found_though_a_gap_speaks_of_it() -> None:
    """It is lost and reported; a gap of something else reports nothing."""
    assert figures(compared(without(2), [gap(1, 5)])) == {"lost": 1}
    assert figures(compared(without(2), [gap(3, 5)])) == {"lost": 1, "unreported": 1}
    assert figures(compared(without(2), [gap(1, 5, "account notices: locks")])) == {"lost": 1, "unreported": 1}


def test_an_order_that_never_ends_is_found() -> None:
    outcome = compared(without(5))
    assert figures(outcome) == {"lost": 1, "unreported": 1, "superseded": 1}
    assert "ended as FILLED" in outcome.faults[0]


def test_an_order_of_which_nothing_came_is_found_if_it_was_filled() -> None:
    """Even if the stream was away: there is a trace of it to follow."""
    away = [suspended(0), live(9)]
    assert figures(compared(without(0, 1, 5), away)) == {"lost": 1, "unreported": 1}


def test_an_order_that_came_and_went_is_lost_unless_the_stream_was_away() -> None:
    """Without a fill nobody can tell of it afterwards."""
    records = [record for record in told() if record["kind"] == "order"]
    assert figures(compared([], records=records)) == {"lost": 1, "unreported": 1}
    assert figures(compared([], [suspended(1), live(9)], records=records)) == {"superseded": 3}
    assert figures(compared([], [suspended(LATER), live(LATER + 1)], records=records)) == {"lost": 1, "unreported": 1}
    late = [suspended(LATER), live(LATER + 1)]
    assert figures(compared([], late, muted=[0], records=records)) == {"superseded": 3}


def test_an_order_without_a_symbol_is_the_one_of_its_number() -> None:
    """A refusal names none; of an order of another number nobody was told."""
    records = [record for record in told() if record["kind"] == "order"][-1:]
    (ended,) = [event for event in delivered() if isinstance(event, OrderUpdate)][-1:]
    assert figures(compared([attrs.evolve(ended, symbol="")], records=records)) == {}
    assert figures(compared([attrs.evolve(ended, symbol="", order_id="77")], records=records))["unexpected"] == 1


def test_too_little_of_a_derived_fill_is_found() -> None:
    """Where the exchange names no trades the sum per order counts, in however many parts."""
    records = [fill_record(2, "", "1"), fill_record(3, "", "2")]
    assert figures(compared([fill(2, "", "3")], records=records)) == {}
    assert figures(compared([fill(2, "", "2")], records=records)) == {"lost": 1, "unreported": 1}
    assert figures(compared([fill(2, "", "3"), fill(3, "", "1")], records=records)) == {"repeated": 1}


# --- repeated ---------------------------------------------------------------------------------------------------------


def test_a_repeated_id_is_found() -> None:
    assert figures(compared([*delivered(), delivered()[2]])) == {"repeated": 1}


def test_a_repeated_fill_is_found_under_another_id() -> None:
    again = attrs.evolve(fill(2, "100", "1"), id="another")
    assert figures(compared([*delivered(), again])) == {"repeated": 1}


def test_a_repeated_state_of_an_order_is_found_under_another_id() -> None:
    again = attrs.evolve(order(3, LAST), id="another", origin=Origin.RECOVERED)
    assert figures(compared([*delivered(), again])) == {"repeated": 1}


# --- backwards --------------------------------------------------------------------------------------------------------


def test_a_balance_that_goes_back_by_the_time_is_found() -> None:
    """The id is one that was not delivered before."""
    late = attrs.evolve(balance(2, "999.00"), id="late")
    assert compared([*delivered(), late]).out_of_order == 2  # by its time, and by the order of what was told


@pytest.mark.parametrize("claimed", [4, 3])
def test_a_balance_that_goes_back_under_a_new_time_is_found(claimed: int) -> None:
    """An old answer over REST that claims to be of now."""
    old = attrs.evolve(balance(claimed, "999.00"), id="old", origin=Origin.RECOVERED)
    outcome = compared([*delivered(), old])
    assert figures(outcome) == {"out_of_order": 1}
    assert "recovered" in outcome.faults[0]


def test_a_position_that_goes_back_is_found() -> None:
    old = attrs.evolve(position(4, "1"), id="old")
    assert figures(compared([*delivered(), old])) == {"out_of_order": 1}


def test_an_order_that_goes_back_is_found() -> None:
    """By its time, by what was filled, and by an end that is taken back."""
    back = attrs.evolve(order(2, STATES[1]), id="back")
    outcome = compared([*delivered(), back])
    assert outcome.out_of_order >= 2
    assert outcome.lost == 1  # the last that was delivered is not how it ended
    shrunk = [order(1, STATES[0]), order(2, LAST), attrs.evolve(order(3, LAST), id="x", filled_quantity=Decimal(2))]
    assert compared(shrunk).out_of_order >= 1


# --- wrong and unreported ---------------------------------------------------------------------------------------------


def test_what_was_never_told_is_found() -> None:
    assert figures(compared([*delivered(), balance(4, "998.00")])) == {"unexpected": 1}
    assert figures(compared([*delivered(), fill(4, "102", "1")])) == {"unexpected": 1}
    stranger = attrs.evolve(order(3, LAST), id="x", order_id="8", key="8")
    assert figures(compared([*delivered(), stranger])) == {"unexpected": 1}


def test_how_things_stood_before_is_not_wrong() -> None:
    """A balance that was read before the exchange told the first time."""
    assert figures(compared([balance(0, "1000.00"), *delivered()])) == {}


def test_an_absence_that_nobody_spoke_of_is_found() -> None:
    """The exchange told things and nobody listened: a Suspended or a Gap has to say so."""
    assert figures(compared(delivered(), unheard=[2])) == {"unreported": 1}
    assert figures(compared(delivered(), [suspended(2), live(3)], unheard=[2])) == {}
    assert figures(compared(delivered(), [gap(1, 3)], unheard=[2])) == {}
    assert figures(compared(delivered(), [suspended(UNSEEN + 3), live(UNSEEN + 4)], unheard=[2])) == {"unreported": 1}


def test_a_connection_that_fell_silent_while_it_recovered_is_live_for_a_while() -> None:
    """It is found to be silent as soon as any other; until then nobody can know, and not for longer."""
    soon, late = suspended(MUTE_AT_MOST + 1), suspended(MUTE_AT_MOST + 2)
    before = [suspended(-2), live(1)]
    assert figures(compared(delivered(), [*before, soon], muted=[0], unheard=[2])) == {}
    assert figures(compared(delivered(), [*before, late], muted=[0], unheard=[2])) == {"unreported": 1}
    assert figures(compared(delivered(), [live(1), soon], muted=[0], unheard=[2])) == {"unreported": 1}


# --- superseded -------------------------------------------------------------------------------------------------------


def test_states_that_were_overtaken_are_no_loss() -> None:
    """A step of an order, a balance on its way."""
    recovered = attrs.evolve(order(3, LAST), origin=Origin.RECOVERED)
    events = [*(event for event in without(1, 3, 5) if not isinstance(event, OrderUpdate)), recovered]
    assert figures(compared(events)) == {"superseded": 2}


# --- the figures ------------------------------------------------------------------------------------------------------


def test_each_of_the_figures_spoils_a_run() -> None:
    clean = dict.fromkeys(COUNTED, 0)
    assert is_clean(clean)
    assert not any(is_clean({**clean, name: 1}) for name in COUNTED)


def test_the_slowest_return_is_from_suspended_to_live() -> None:
    life = [live(0), suspended(1000), live(1500), suspended(3000), gap(3000, 3100), live(5500)]
    assert slowest_return(life) == 2.5
    assert slowest_return([live(0)]) == 0.0


def test_the_spool_gives_back_what_it_got(tmp_path: Path) -> None:
    """In order, with counts, from the moment on at which it began."""
    spool = Spool(tmp_path / "events")
    spool(balance(0, "1000.00"))
    spool.begin()
    for event in (suspended(1), *delivered(), live(4)):
        spool(event)
    assert list(spool.read()) == [heard(event) for event in delivered()]
    assert (spool.counts["events"], spool.counts["Fill"], spool.counts["Suspended"]) == (11, 2, 1)
    assert [type(event) for event in spool.life] == [Suspended, Live]
    streams = {"desk": stream_figures(compared(delivered(), spool.life), spool, Counter(cut=1))}
    assert total(streams)["events"] == 11
    assert is_clean(total(streams))
    spool.close()
