"""Portfolios that wait: until when, and which of them are told then."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from jexkit.core import exact
from jexkit.core.recovering import SETTLE, UNTOLD_AFTER
from jexkit.core.values import Now, Receipt
from jexkit.events import Event
from jexkit.exchanges.deribit import wire
from jexkit.exchanges.deribit.portfolios import LONGEST, Waiting
from jexkit.testing.conformance import DERIBIT

KNOWN_MS = 1_700_000_000_000


def at(monotonic: float) -> Now:
    return Now(monotonic=monotonic, wall_ms=KNOWN_MS + round(monotonic * 1000))


def order(time_ms: int) -> Event:
    params = DERIBIT.order(1)["params"]
    (event,) = wire.read(params["channel"], {**params["data"], "last_update_timestamp": time_ms}, Receipt("main", 1))
    return event


def portfolio(currency: str, equity: int) -> Event:
    data = exact.decode(exact.encode({"currency": currency, "equity": equity, "balance": equity}))
    (event,) = wire.read(f"user.portfolio.{currency}", data, Receipt("main", 1))
    return event


@pytest.fixture
def waiting() -> Waiting:
    """Since the moment 0, when the exchange's clock said ``KNOWN_MS``."""
    found = Waiting()
    found.know(KNOWN_MS, at(0.0))
    found.answered(found.begin(at(0.0)), at(0.25))
    return found


def test_none_has_to_wait_where_all_came_one_way() -> None:
    found = Waiting()
    assert found.until is None
    found.answered(0, at(1.0))
    assert found.until is None


def test_the_answer_comes_behind_what_was_under_way() -> None:
    found = Waiting()
    question = found.begin(at(0.0))
    assert found.until == LONGEST
    found.answered(question, at(3.0))
    assert found.until == 3.0 + SETTLE


def test_of_two_questions_the_last_one_counts() -> None:
    found = Waiting()
    first = found.begin(at(0.0))
    second = found.begin(at(2.0))
    found.answered(first, at(2.5))
    assert found.until == LONGEST
    found.answered(second, at(2.75))
    assert found.until == 2.75 + SETTLE


def test_there_is_an_end_to_it() -> None:
    """However late the answers are, and however many questions follow one another."""
    found = Waiting()
    found.know(KNOWN_MS, at(0.0))
    for second in range(0, 27, 9):
        question = found.begin(at(second))
    assert found.until == LONGEST
    assert found.heard([order(KNOWN_MS - 9_000)], at(27.0))
    found.answered(question, at(29.5))
    assert found.until == LONGEST
    found.release()
    assert found.heard([order(KNOWN_MS - 9_000)], at(31.0))
    assert found.until == 31.0 + 9.0 + SETTLE


@pytest.mark.parametrize("until", [Waiting.release, Waiting.forget])
def test_an_answer_after_the_end_says_nothing(until: Callable[[Waiting], object]) -> None:
    found = Waiting()
    question = found.begin(at(0.0))
    until(found)
    found.answered(question, at(1.0))
    assert found.until is None


def test_a_late_order_says_how_much_is_to_come(waiting: Waiting) -> None:
    """At the moment 2 the stream tells of what was 1.5 seconds before what is known: it has those to go."""
    assert waiting.heard([order(KNOWN_MS - 1_500)], at(2.0))
    assert waiting.until == 2.0 + 1.5 + SETTLE
    assert waiting.heard([order(KNOWN_MS - 100)], at(2.1))
    assert waiting.until == 2.0 + 1.5 + SETTLE


def test_the_answer_does_not_unsay_that() -> None:
    found = Waiting()
    found.know(KNOWN_MS, at(0.0))
    question = found.begin(at(0.0))
    assert found.heard([order(KNOWN_MS - 1_500)], at(2.0))
    assert found.until == LONGEST
    found.answered(question, at(2.25))
    assert found.until == 2.0 + 1.5 + SETTLE


def test_it_does_so_when_none_waits_any_more(waiting: Waiting) -> None:
    waiting.release()
    assert waiting.heard([order(KNOWN_MS - 500)], at(5.0))
    assert waiting.until == 5.0 + 0.5 + SETTLE


def test_an_old_order_says_nothing(waiting: Waiting) -> None:
    """Neither one from long before, nor one that comes long after: no stream that is any good is so late."""
    before = waiting.until
    assert not waiting.heard([order(KNOWN_MS - round(UNTOLD_AFTER * 1000) - 1)], at(1.0))
    assert waiting.until == before
    assert waiting.listens_until == UNTOLD_AFTER


def test_of_several_that_come_together_the_latest_counts(waiting: Waiting) -> None:
    times = (KNOWN_MS + 2_000, KNOWN_MS - 500, KNOWN_MS - 3_000, KNOWN_MS - 60_000)
    assert waiting.heard([portfolio("btc", 1), *map(order, times)], at(2.0))
    assert waiting.until == 2.0 + 3.0 + SETTLE


def test_a_portfolio_has_no_time_to_go_by(waiting: Waiting) -> None:
    """Its time is that of its arrival."""
    assert not waiting.heard([portfolio("btc", 1)], at(1.0))


def test_the_last_one_of_each_currency_is_told(waiting: Waiting) -> None:
    old, new, other = portfolio("btc", 1), portfolio("btc", 2), portfolio("eth", 3)
    waiting.hold([old, order(KNOWN_MS)])
    waiting.hold([other, new])
    assert waiting.release() == [new, other]
    assert waiting.until is None
    assert waiting.release() == []


def test_what_is_forgotten_is_not_told(waiting: Waiting) -> None:
    waiting.hold([portfolio("btc", 1)])
    waiting.forget()
    assert waiting.release() == []
