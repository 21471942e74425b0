"""A table as wide as the terminal: columns that do not fit beside the others go into a table below them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import attrs
from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

AROUND = 3  # spaces around each column, and between two
LEAST_STRETCH = 20  # letters that the column needs which takes what is left


@attrs.frozen
class Column:
    """One column, with a cell for each row, in the markup of rich. ``stretches``: it takes what is left; the last."""

    header: str
    cells: Sequence[str]
    is_text: bool = False
    stretches: bool = False

    @property
    def width(self) -> int:
        needed = max(Text.from_markup(text).cell_len for text in (self.header, *self.cells))
        return (LEAST_STRETCH if self.stretches else needed) + AROUND


def fitted(title: str, first: Column, columns: Iterable[Column], width: int) -> Group:
    """Tables with these columns, each no wider than ``width`` if it can be, and with ``first`` at its left."""
    tables = [_table(first, part, width) for part in _parts(columns, width - first.width)]
    tables[0].title = title
    return Group(*tables)


def _parts(columns: Iterable[Column], width: int) -> Iterator[list[Column]]:
    part: list[Column] = []
    for column in columns:
        if part and sum(each.width for each in part) + column.width > width:
            yield part
            part = []
        part.append(column)
    yield part


def _table(first: Column, columns: Sequence[Column], width: int) -> Table:
    has_stretch = any(column.stretches for column in columns)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, title_justify="left", width=width if has_stretch else None)
    for column in (first, *columns):
        table.add_column(
            column.header,
            justify="left" if column.is_text or column.stretches else "right",
            ratio=1 if column.stretches else None,
            no_wrap=True,
        )
    for row in zip(first.cells, *(column.cells for column in columns), strict=True):
        table.add_row(*row)
    return table
