"""Tables that fit the terminal."""

import io

import pytest
from rich.console import Console

from jexkit.cli.fitting import Column, fitted

NAMES = Column("name", ["a", "bc"], is_text=True)


def lines(width: int, *columns: Column) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    console.print(fitted("Title", NAMES, columns, width))
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines() if line.strip(" ─")]


def test_what_fits_is_one_table() -> None:
    columns = [Column("one", ["1", "22"]), Column("two", ["[red]3[/red]", "4"])]
    assert lines(40, *columns) == ["Title", " name   one   two", " a        1     3", " bc      22     4"]


def test_what_does_not_fit_goes_below() -> None:
    """With the first column again, so that each row says what it is of."""
    columns = [Column("one", ["1", "22"]), Column("two", ["3", "4"])]
    assert lines(15, *columns) == [
        "Title", " name   one", " a        1", " bc      22", " name   two", " a        3", " bc       4",
    ]  # fmt: skip


@pytest.mark.parametrize("width", [1, 10, 30, 200])
def test_the_last_column_takes_what_is_left(width: int) -> None:
    """And is cut where that is too little; no width is an error."""
    text = lines(width, Column("one", ["1", "2"]), Column("what", ["x" * 500, ""], stretches=True))
    assert all(len(line) <= max(width, 40) for line in text) or width == 200
