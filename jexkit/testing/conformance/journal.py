"""The suite for journals: what ``jexkit.core.journal`` promises of each, whatever it keeps its entries in.

::

    class TestMine(JournalConformance):
        @pytest.fixture
        def make(self, tmp_path):
            return lambda **settings: MyJournal(tmp_path / "journal", **settings)

``make()`` makes a journal object for the same place each time. One that ends with the process sets ``is_durable``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, ClassVar

import attrs
import pytest

from jexkit.core.journal import MAIN, Append, Attempt, DeadLetter, Entry, Journal, Memory
from jexkit.errors import ConfigurationError, JournalTaken, UnknownEntry, UsageError
from jexkit.events import (
    TYPES,
    AccountNotice,
    BalanceUpdate,
    Event,
    Fill,
    Gap,
    Live,
    Lost,
    Market,
    NoticeKind,
    OrderStatus,
    OrderUpdate,
    Origin,
    PositionUpdate,
    Side,
    Suspended,
    SuspendReason,
    Unknown,
)

Make = Callable[..., Journal]

DAY_MS = 86_400_000
START_MS = 1_700_000_000_000
LONG_AGO = START_MS + 1_000 * DAY_MS  # a "now" from which everything here is old


def about(number: int, stream: str = "main", **more: Any) -> dict[str, Any]:
    """The common fields of an event, the ``number``-th of its stream."""
    time_ms = START_MS + number
    return {
        "exchange": "jex",
        "account": stream,
        "id": f"event:{number}",
        "time_ms": time_ms,
        "received_ms": time_ms + 1,
        **more,
    }


def fill(number: int, stream: str = "main", **more: Any) -> Fill:
    values: dict[str, Any] = {
        "market": Market.SPOT,
        "symbol": "BTCUSDT",
        "order_id": "7",
        "trade_id": str(number),
        "side": Side.BUY,
        "quantity": Decimal("0.00000001"),
        "price": Decimal("65000.10"),
        "fee": Decimal("-1E-7"),
        "raw": '{"é": "\\u0000 ☃"}',
    }
    return Fill(**{**about(number, stream), **values, **more})


def fills(first: int, last: int, stream: str = "main") -> list[Event]:
    return [fill(number, stream) for number in range(first, last + 1)]


def one_of_each() -> list[Event]:
    """An event of every type."""
    return [
        OrderUpdate(
            market=Market.COIN_FUTURES,
            symbol="BTCUSD_PERP",
            order_id="1",
            key="CM:1",
            side=Side.UNKNOWN,
            status=OrderStatus.NEW,
            native_status="NEW",
            price=Decimal("1.50"),
            **about(1, origin=Origin.RECOVERED),
        ),
        fill(2),
        BalanceUpdate(
            market=Market.ACCOUNT, asset="USDT", key="USDT", total=Decimal("123456789.123456789"), **about(3)
        ),
        PositionUpdate(market=Market.OPTIONS, symbol="BTC-X", key="BTC-X", quantity=Decimal("-0"), **about(4)),
        AccountNotice(kind=NoticeKind.LOCK, native_kind="lock", **about(5)),
        Unknown(native_kind="new_thing", why="not modelled", raw="[" * 50, **about(6)),
        Live(**about(7)),
        Suspended(reason=SuspendReason.SILENT, detail="no answer", **about(8)),
        Lost(error="AuthenticationError", detail="refused", **about(9)),
        Gap(since_ms=None, until_ms=START_MS, what="fills", why="no record", **about(10)),
    ]


def letter(entry: Entry, consumer: str = MAIN) -> DeadLetter:
    return DeadLetter(entry, consumer, "book_it", "Traceback: ...", attempts=5, failed_ms=START_MS)


def events_of(entries: list[Entry]) -> list[Event]:
    return [entry.event for entry in entries]


def positions_of(entries: list[Entry]) -> list[int]:
    return [entry.position for entry in entries]


class JournalConformance:
    """What every journal keeps. A subclass has the fixture ``make``."""

    is_durable: ClassVar[bool] = True

    @pytest.fixture
    def journal(self, make: Make) -> Iterator[Journal]:
        """An empty journal, open for writing."""
        journal = make()
        journal.open()
        yield journal
        journal.close()

    def reopened(self, journal: Journal, make: Make) -> Journal:
        """The journal as another process would find it."""
        journal.close()
        other = make() if self.is_durable else journal
        other.open()
        return other

    # --- entries ----------------------------------------------------------------------------------------------------

    def test_every_type_of_event_comes_back_as_it_was(self, journal: Journal) -> None:
        """Amounts with all their digits, words, times and the raw message."""
        events = one_of_each()
        assert {type(event).__name__ for event in events} == TYPES.keys()
        journal.append("main", events)
        found = events_of(journal.read())
        assert found == events
        assert [str(event.to_dict()) for event in found] == [str(event.to_dict()) for event in events]

    def test_positions_grow_by_one(self, journal: Journal) -> None:
        """Across the streams and calls of a journal."""
        first = journal.write([Append("main", fills(1, 3)), Append("other", fills(1, 2, "other"))])
        assert [positions_of(entries) for entries in first] == [[1, 2, 3], [4, 5]]
        assert positions_of(journal.append("main", fills(4, 5))) == [6, 7]
        assert positions_of(journal.read()) == [1, 2, 3, 4, 5, 6, 7]

    def test_an_event_that_is_known_is_refused(self, journal: Journal) -> None:
        """By its id, within its stream, also twice in one call; without a hole in the positions; and it is counted."""
        journal.append("main", fills(1, 2))
        entries = journal.append("main", [fill(1), fill(3), fill(2), fill(3), fill(4)])
        assert [(entry.position, entry.event.id) for entry in entries] == [(3, "event:3"), (4, "event:4")]
        assert journal.status().refused == 3
        assert positions_of(journal.append("other", fills(1, 2, "other"))) == [5, 6]

    def test_a_refused_event_in_one_stream_does_not_disturb_another(self, journal: Journal) -> None:
        """Both are written in one transaction."""
        journal.append("main", fills(1, 1))
        written = journal.write([Append("other", fills(1, 2, "other")), Append("main", fills(1, 2))])
        assert [positions_of(entries) for entries in written] == [[2, 3], [4]]
        assert [entry.event.id for entry in journal.read(stream="main")] == ["event:1", "event:2"]

    def test_reading_goes_on_after_a_position(self, journal: Journal) -> None:
        """In slices, of all streams or one."""
        journal.write([Append("main", fills(1, 4)), Append("other", fills(1, 4, "other"))])
        assert positions_of(journal.read(3, limit=3)) == [4, 5, 6]
        assert positions_of(journal.read(2, stream="other", limit=3)) == [5, 6, 7]
        assert journal.read(8) == []
        assert journal.read(stream="nobody") == []

    def test_reading_by_type_takes_subclasses_in(self, journal: Journal) -> None:
        """And the limit counts what is returned, not what was looked at."""
        journal.append("main", one_of_each())
        assert [type(entry.event) for entry in journal.read(types=[Gap, Fill])] == [Fill, Gap]
        assert [type(entry.event) for entry in journal.read(types=[Gap], limit=1)] == [Gap]
        assert len(journal.read(types=[Event])) == len(one_of_each())

    def test_it_is_there_after_reopening(self, journal: Journal, make: Make) -> None:
        """Entries, positions, memories, dead letters, ids; and the numbering goes on."""
        (first, *_) = journal.append("main", fills(1, 3), "é")
        journal.acknowledge("main", MAIN, 2)
        journal.set_aside(letter(first))
        again = self.reopened(journal, make)
        try:
            assert events_of(again.read()) == fills(1, 3)
            assert again.position("main") == 2
            assert again.recall("main") == Memory(3, "é")
            assert [found.entry for found in again.dead_letters()] == [first]
            assert positions_of(again.append("main", fills(3, 4))) == [4]
        finally:
            again.close()

    def test_numbering_goes_on_after_everything_was_pruned(self, make: Make) -> None:
        """A position is given once: whoever reads on after it must not miss what comes then."""
        journal = make(keep_days=1)
        journal.open()
        journal.append("main", fills(1, 3))
        assert journal.prune(LONG_AGO) == 3
        again = self.reopened(journal, make)
        assert positions_of(again.append("main", fills(4, 4))) == [4]
        again.close()

    # --- consumers --------------------------------------------------------------------------------------------------

    def test_each_consumer_has_its_own_position(self, journal: Journal) -> None:
        """For each stream; an unknown one stands before the first entry."""
        journal.append("main", fills(1, 5))
        journal.acknowledge("main", "ledger", 3)
        assert (journal.position("main", "ledger"), journal.position("main"), journal.position("other", "ledger")) == (
            3,
            0,
            0,
        )

    def test_a_position_does_not_go_back(self, journal: Journal) -> None:
        """An acknowledgement that comes late changes nothing."""
        journal.append("main", fills(1, 5))
        journal.acknowledge("main", MAIN, 4)
        journal.acknowledge("main", MAIN, 2)
        assert journal.position("main") == 4

    def test_the_status_says_how_far_each_is(self, journal: Journal) -> None:
        """Behind counts entries of the consumer's own stream."""
        journal.write([Append("main", fills(1, 3)), Append("other", fills(1, 2, "other"))])
        journal.write([], {("main", MAIN): 1, ("other", "late"): 0})
        status = journal.status()
        assert (status.entries, status.first, status.last) == (5, 1, 5)
        assert [(each.stream, each.consumer, each.position, each.behind) for each in status.consumers] == [
            ("main", MAIN, 1, 2),
            ("other", "late", 0, 2),
        ]
        assert status.to_dict()["consumers"][0] == {"stream": "main", "consumer": MAIN, "position": 1, "behind": 2}

    def test_a_consumer_can_be_sent_back(self, journal: Journal) -> None:
        """To any place that it has passed, and to no other."""
        journal.append("main", fills(1, 5))
        journal.acknowledge("main", MAIN, 4)
        journal.rewind("main", MAIN, 1)
        assert journal.position("main") == 1
        for consumer, position in ((MAIN, 3), (MAIN, 2**63 - 1), ("nobody", 0)):
            with pytest.raises(UnknownEntry):
                journal.rewind("main", consumer, position)

    @pytest.mark.parametrize(
        "settings",
        [
            *({"after": after} for after in ("x", None, 1.5, True, -1, 2**63, 2**70)),
            *({"limit": limit} for limit in ("x", None, 0, -1, 2**70)),
            *({"types": types} for types in (Fill, "Fill", [int], [Fill, "Fill"], None, 5)),
            *({"stream": stream} for stream in (5, "", b"main")),
        ],
    )
    def test_a_reading_that_makes_no_sense_is_refused(self, journal: Journal, settings: dict[str, Any]) -> None:
        """In words, and not answered with nothing, which would look like an empty journal."""
        with pytest.raises(ConfigurationError, match=r"give|not"):
            journal.read(**settings)

    def test_changes_that_make_no_sense_are_refused(self, journal: Journal) -> None:
        """Whatever is under the journal, it does not see them."""
        journal.acknowledge("main", MAIN, 0)
        for arguments in (("main", MAIN, "x"), ("main", MAIN, -1), ("main", MAIN, 2**70), (5, MAIN, 0), ("main", 5, 0)):
            with pytest.raises(ConfigurationError):
                journal.rewind(*arguments)
        for change in (journal.replay, journal.discard):
            for number in ("x", None, -1, 2**70):
                with pytest.raises(ConfigurationError, match=r"number is .*give a whole number"):
                    change(number)  # type: ignore[arg-type]

    def test_questions_that_make_no_sense_are_refused(self, journal: Journal) -> None:
        for limit in ("x", None, 1.5, 0, -1, 2**70):
            with pytest.raises(ConfigurationError, match=r"limit is .*give a whole number"):
                journal.dead_letters(limit=limit)  # type: ignore[arg-type]
        wrong: list[tuple[Any, Any]] = [([], MAIN), (5, MAIN), ("main", []), ("main", None), ("main", 2**70)]
        for ask in (journal.position, journal.forget):
            for names in wrong:
                with pytest.raises(ConfigurationError, match=r"give a name|name must be"):
                    ask(*names)

    def test_a_consumer_can_be_forgotten(self, journal: Journal) -> None:
        """Then nothing is kept for it."""
        journal.acknowledge("main", "old", 0)
        journal.forget("main", "old")
        assert journal.status().consumers == ()
        with pytest.raises(UnknownEntry, match="old"):
            journal.forget("main", "old")

    # --- memory -----------------------------------------------------------------------------------------------------

    def test_a_memory_is_kept_with_its_position(self, journal: Journal) -> None:
        """The last one, also where no event came with it or the only one was refused."""
        assert journal.recall("main") is None
        journal.append("main", fills(1, 2), '{"since_ms": 1}')
        journal.append("main", fills(3, 4))
        memory = journal.recall("main")
        assert memory is not None
        assert (memory.position, memory.text) == (2, '{"since_ms": 1}')
        journal.append("main", fills(4, 4), '{"text": "é\\n\\u0000", "list": []}')
        memory = journal.recall("main")
        assert memory is not None
        assert (memory.position, memory.text) == (4, '{"text": "é\\n\\u0000", "list": []}')

    # --- what is kept -----------------------------------------------------------------------------------------------

    def test_the_old_is_removed_a_bounded_number_at_a_time(self, make: Make) -> None:
        """What everybody has acknowledged, once it is older than the journal is to keep."""
        journal = make(keep_days=1)
        journal.open()
        journal.append("main", fills(1, 5))
        journal.acknowledge("main", MAIN, 5)
        assert journal.prune(START_MS) == 0
        assert journal.prune(LONG_AGO, limit=2) == 2
        assert positions_of(journal.read()) == [3, 4, 5]
        assert journal.status().first == 3
        journal.close()

    def test_there_are_no_more_than_the_journal_is_to_keep(self, make: Make) -> None:
        """However young they are."""
        journal = make(keep_entries=2)
        journal.open()
        journal.append("main", fills(1, 5))
        journal.acknowledge("main", MAIN, 5)
        assert journal.prune(START_MS) == 3
        assert positions_of(journal.read()) == [4, 5]
        journal.close()

    def test_what_a_consumer_has_not_acknowledged_stays(self, make: Make) -> None:
        """However old it is and however much; other streams are no reason to keep more."""
        journal = make(keep_days=1, keep_entries=1)
        journal.open()
        journal.write([Append("main", fills(1, 4)), Append("other", fills(1, 4, "other"))])
        journal.write([], {("main", MAIN): 4, ("main", "late"): 2, ("other", MAIN): 8})
        journal.prune(LONG_AGO)
        assert positions_of(journal.read()) == [3, 4]
        journal.forget("main", "late")
        journal.prune(LONG_AGO)
        assert journal.read() == []
        journal.close()

    def test_what_a_memory_needs_stays(self, make: Make) -> None:
        """The entries after it are part of the state that it stands for."""
        journal = make(keep_days=1)
        journal.open()
        journal.append("main", fills(1, 2), "{}")
        journal.append("main", fills(3, 4))
        journal.acknowledge("main", MAIN, 4)
        journal.prune(LONG_AGO)
        assert positions_of(journal.read()) == [3, 4]
        journal.close()

    def test_an_id_is_forgotten_with_its_entry(self, make: Make) -> None:
        """Within retention an event is one; the journal does not grow by ids for ever."""
        journal = make(keep_days=1)
        journal.open()
        journal.append("main", fills(1, 1))
        journal.prune(LONG_AGO)
        assert positions_of(journal.append("main", fills(1, 1))) == [2]
        journal.close()

    @pytest.mark.parametrize(
        "settings",
        [
            {"keep_days": 0},
            {"keep_days": -1},
            {"keep_days": "30"},
            {"keep_days": float("nan")},
            {"keep_days": True},
            {"keep_entries": 0},
            {"keep_entries": 1.5},
            {"keep_entries": None},
        ],
    )
    def test_a_retention_that_makes_no_sense_is_refused(self, make: Make, settings: dict[str, Any]) -> None:
        """When the journal is made, by the setting's name."""
        (name,) = settings
        with pytest.raises(ConfigurationError, match=name):
            make(**settings)

    # --- dead letters -----------------------------------------------------------------------------------------------

    def test_a_dead_letter_is_kept_whole(self, journal: Journal) -> None:
        """With the event, who failed on it and how; numbered."""
        (entry,) = journal.append("main", fills(1, 1))
        kept = journal.set_aside(letter(entry, "ledger"))
        assert journal.dead_letters() == [kept]
        assert attrs.evolve(kept, number=0) == letter(entry, "ledger")
        assert kept.number > 0
        assert journal.status().dead_letters == 1

    def test_a_dead_letter_outlives_its_entry(self, make: Make) -> None:
        """It has a copy of the event."""
        journal = make(keep_days=1)
        journal.open()
        (entry,) = journal.append("main", fills(1, 1))
        journal.set_aside(letter(entry))
        journal.prune(LONG_AGO)
        assert journal.read() == []
        assert [kept.entry for kept in journal.dead_letters()] == [entry]
        journal.close()

    def test_a_dead_letter_can_be_asked_for_again(self, journal: Journal) -> None:
        """It is wanted until it was delivered and discarded."""
        entries = journal.append("main", fills(1, 2))
        first, second = (journal.set_aside(letter(entry)) for entry in entries)
        assert journal.dead_letters(wanted=True) == []
        journal.replay(second.number)
        (wanted,) = journal.dead_letters(wanted=True)
        assert (wanted.entry, wanted.is_wanted) == (entries[1], True)
        journal.discard(second.number)
        assert journal.dead_letters() == [first]

    def test_an_unknown_dead_letter_is_an_error(self, journal: Journal) -> None:
        for act in (journal.replay, journal.discard):
            with pytest.raises(UnknownEntry, match="17"):
                act(17)

    # --- attempts ---------------------------------------------------------------------------------------------------

    def test_an_attempt_that_was_not_finished_is_found_by_the_next_process(self, journal: Journal, make: Make) -> None:
        """With how often it was begun; by its stream, entry, consumer and callback."""
        journal.write([Append("main", fills(1, 3)), Append("other", fills(1, 1, "other"))])
        attempts = [
            Attempt("main", position, consumer, callback)
            for position in (1, 2)
            for consumer in (MAIN, "ledger")
            for callback in ("", "book_it")
        ]
        for attempt in attempts:
            journal.begin(attempt)
        journal.begin(Attempt("other", 4, MAIN, "book_it"))
        journal.begin(attrs.evolve(attempts[1], count=2))
        for attempt in attempts[2:]:
            journal.finish(attempt)
        again = self.reopened(journal, make)
        try:
            assert again.unfinished("main") == [attempts[0], attrs.evolve(attempts[1], count=2)]
            assert again.unfinished("other") == [Attempt("other", 4, MAIN, "book_it")]
            again.finish(attempts[1])
            again.finish(attempts[1])
            assert again.unfinished("main") == attempts[:1]
        finally:
            again.close()

    def test_a_consumer_that_is_forgotten_leaves_no_attempts(self, journal: Journal) -> None:
        journal.append("main", fills(1, 1))
        journal.acknowledge("main", "old", 0)
        journal.begin(Attempt("main", 1, "old", "book_it"))
        journal.forget("main", "old")
        assert journal.unfinished("main") == []

    def test_the_last_position_is_known(self, journal: Journal, make: Make) -> None:
        """Also when nothing is left of it, and to whoever only reads."""
        assert journal.last() == 0
        journal.append("main", fills(1, 3))
        assert journal.last() == 3
        journal.prune(LONG_AGO)
        assert (make() if self.is_durable else journal).last() == 3

    # --- life -------------------------------------------------------------------------------------------------------

    def test_nothing_is_written_before_it_is_open(self, make: Make) -> None:
        """Writing has to be begun, and ends with close; closing twice does no harm."""
        journal = make()
        with pytest.raises(UsageError, match="open"):
            journal.append("main", fills(1, 1))
        journal.open()
        journal.close()
        journal.close()
        with pytest.raises(UsageError, match="open"):
            journal.append("main", fills(1, 1))

    def test_there_is_one_writer(self, journal: Journal, make: Make) -> None:
        """A second opening is refused, and welcome once the first has closed."""
        second = make() if self.is_durable else journal
        with pytest.raises(JournalTaken):
            second.open()
        journal.append("main", fills(1, 1))
        journal.close()
        second.open()
        assert positions_of(second.append("main", fills(1, 2))) == [2]
        second.close()

    def test_others_read_while_it_is_written(self, journal: Journal, make: Make) -> None:
        """From another object for the same place, which nobody opened."""
        reader = make() if self.is_durable else journal
        for number in range(1, 4):
            journal.append("main", fills(number, number), f"the {number}")
            assert positions_of(reader.read(number - 1)) == [number]
        memory = reader.recall("main")
        assert memory is not None
        assert memory.text == "the 3"
        reader.close()

    def test_threads_may_use_it_at_once(self, journal: Journal) -> None:
        """Writers of several streams and readers: positions stay whole, and nobody is refused."""
        faults: list[BaseException] = []

        def work(stream: str) -> None:
            try:
                for number in range(1, 41):
                    (entry,) = journal.append(stream, fills(number, number, stream))
                    journal.acknowledge(stream, MAIN, entry.position)
                    assert journal.read(entry.position - 1, limit=1) == [entry]
            except BaseException as fault:  # noqa: BLE001 - shown by the test
                faults.append(fault)

        threads = [threading.Thread(target=work, args=(f"stream {number}",)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert faults == []
        assert positions_of(journal.read()) == list(range(1, 161))
