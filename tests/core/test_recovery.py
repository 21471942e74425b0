"""What a recovery asks, remembers and makes of the answers, piece by piece. The whole is in test_recovering."""

from __future__ import annotations

from decimal import Decimal

import attrs

from jexkit.core.book import Book
from jexkit.core.memory import MOST_SYMBOLS, Marks
from jexkit.core.recovery import MOST_HELD, Picture, Recovery, difference
from jexkit.events import BalanceUpdate, OrderStatus, PositionUpdate
from tests.core.truth import balance, order, position

ORDER = order("a", OrderStatus.NEW, 0, 1)
HELD = position(2, 5)


def test_memory_is_bounded() -> None:
    """Symbols are forgotten oldest first, and more held events than fit are an overflow."""
    memory = Recovery(Marks())
    for number in range(MOST_SYMBOLS + 5):
        memory.note([attrs.evolve(ORDER, symbol=f"S{number}")])
    symbols = memory.known(Book()).symbols
    assert len(symbols) == MOST_SYMBOLS
    assert symbols[0] == "S5"
    assert not memory.hold([ORDER] * (MOST_HELD + 1), Book())


def test_what_is_missing_once_may_trail_and_twice_is_gone() -> None:
    """A position and a balance that a list lacks are flat and empty only when the next list lacks them too."""
    book = Book()
    book.apply(attrs.evolve(position(2, 5), entry_price=Decimal(7)))
    book.apply(balance(9, 5))
    memory = Recovery(Marks())
    empty = Picture(100, [], [], [], [])
    assert memory.difference(empty, book) == []
    gone = memory.difference(empty, book)
    assert [(type(event), event.time_ms) for event in gone] == [(BalanceUpdate, 100), (PositionUpdate, 100)]
    assert isinstance(gone[0], BalanceUpdate)
    assert gone[0].total == Decimal(0)
    assert isinstance(gone[1], PositionUpdate)
    assert gone[1].quantity == Decimal(0)
    assert gone[1].entry_price is None


def test_an_answer_does_not_speak_against_the_stream() -> None:
    """What the new connection told of stands, whatever time an answer claims: all that changes later comes by it."""
    memory = Recovery(Marks())
    memory.began(Book())
    memory.hold([balance(5, 50)], Book())
    for claimed in (40, 60):
        other = attrs.evolve(balance(7, claimed), received_ms=61)
        assert memory.difference(Picture(60, [], [], [other], []), Book()) == []


def test_a_copy_of_what_was_told_does_not_speak_for_the_stream() -> None:
    """A new connection that brings an old message again says nothing of what has changed since."""
    memory, book = Recovery(Marks()), Book()
    for before in (balance(4, 40), balance(5, 50)):
        book.apply(before)
    memory.began(book)
    memory.hold([balance(5, 50), balance(4, 40)], book)
    memory.began(book)
    answer = attrs.evolve(balance(7, 60), received_ms=61)
    assert memory.difference(Picture(60, [], [], [answer], []), book) == [answer]
    memory.hold([balance(6, 55)], book)
    assert memory.difference(Picture(60, [], [], [answer], []), book) == []


def test_a_second_answer_speaks_where_the_stream_is_silent() -> None:
    """A later question counts only what the stream told after it was asked."""
    memory, book = Recovery(Marks()), Book()
    memory.began(book)
    memory.note([balance(5, 50)])
    memory.caught_up(60)
    memory.known(book)
    other = attrs.evolve(balance(7, 60), received_ms=61)
    memory.known_then(book)
    assert memory.difference(Picture(60, [], [], [other], []), book) == [other]
    memory.known_then(book)
    memory.note([balance(6, 70)])
    assert memory.difference(Picture(60, [], [], [other], []), book) == []


def test_a_position_that_was_bought_elsewhere_is_news() -> None:
    """The same quantity at another price was closed and opened again meanwhile."""
    book = Book()
    book.apply(attrs.evolve(HELD, entry_price=Decimal(100)))
    moved = attrs.evolve(HELD, id="moved", time_ms=6, entry_price=Decimal(101))
    assert difference(Picture(1, [], [], [], [moved]), (), book, not_before_ms=0) == [moved]
    same = attrs.evolve(moved, entry_price=None)
    assert difference(Picture(1, [], [], [], [same]), (), book, not_before_ms=0) == []


def test_an_order_told_in_other_words_is_no_news() -> None:
    """The same state under another id and time adds nothing; another state does."""
    book = Book()
    book.apply(ORDER)
    again = attrs.evolve(ORDER, id="other", time_ms=99)
    changed = attrs.evolve(again, price=Decimal(2))
    assert difference(Picture(1, [again], []), (), book, not_before_ms=0) == []
    assert difference(Picture(1, [changed], []), (), book, not_before_ms=0) == [changed]
