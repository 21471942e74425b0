"""The journal in memory keeps what every journal keeps."""

from __future__ import annotations

import pytest

from jexkit.errors import JournalTaken
from jexkit.journal.memory import MemoryJournal
from jexkit.testing.conformance.journal import JournalConformance, Make


class TestMemoryJournal(JournalConformance):
    is_durable = False

    @pytest.fixture
    def make(self) -> Make:
        return MemoryJournal


def test_two_of_them_have_nothing_in_common() -> None:
    """Each is a journal of its own, and one belongs to one manager."""
    first, second = MemoryJournal(), MemoryJournal()
    first.open()
    second.open()
    with pytest.raises(JournalTaken, match="its own"):
        first.open()
