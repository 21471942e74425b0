"""The journals' suite finds a journal that breaks a promise."""

from __future__ import annotations

import pytest

from jexkit.core.journal import Append, Entry, Journal
from jexkit.journal.memory import MemoryJournal
from jexkit.testing.conformance.journal import JournalConformance, fill, fills, one_of_each


class Forgetful(MemoryJournal):
    """Takes every event for news."""

    def _append(self, append: Append) -> list[Entry]:
        self._ids.clear()
        return super()._append(append)


class Hasty(MemoryJournal):
    """Removes what is not acknowledged."""

    def _floor(self, stream: str) -> int:
        return self._last


SUITE = JournalConformance()


def test_a_journal_that_takes_repeats_is_found() -> None:
    journal = Forgetful()
    journal.open()
    with pytest.raises(AssertionError):
        SUITE.test_an_event_that_is_known_is_refused(journal)


def test_a_journal_that_removes_too_much_is_found() -> None:
    def make(**settings: float) -> Journal:
        return Hasty(**settings)  # type: ignore[arg-type]

    with pytest.raises(AssertionError):
        SUITE.test_what_a_consumer_has_not_acknowledged_stays(make)


def test_the_suites_events_have_ids_of_their_own() -> None:
    """Or the suite would test refusals without meaning to."""
    assert len({event.id for event in [*one_of_each()]}) == len(one_of_each())
    assert [event.id for event in fills(1, 2)] == [fill(1).id, fill(2).id]
