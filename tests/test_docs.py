"""What the documents say is what the code does."""

import re
from pathlib import Path
from typing import Any

import pytest

from jexkit.core import look, recovering
from jexkit.core.book import Book
from jexkit.core.lifecycle import MOVES
from jexkit.core.memory import MOST_SYMBOLS
from jexkit.core.ordering import Repeats
from jexkit.exchanges.binance_pm import lists
from jexkit.exchanges.jex import rest as jex
from jexkit.testing.conformance import SUBJECTS, Subject

ROOT = Path(__file__).parent.parent
FENCE = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)


def blocks(document: str, language: str) -> list[str]:
    return [text for found, text in FENCE.findall((ROOT / document).read_text("utf-8")) if found == language]


def test_the_picture_of_the_lifecycle_is_the_table() -> None:
    """Every move of the table is an arrow, and every arrow a move."""
    (picture,) = blocks("docs/lifecycle.md", "mermaid")
    drawn = set(re.findall(r"(\w+) --> (\w+)", picture))
    table = {(start.value, end.value) for start, ends in MOVES.items() for end in ends}
    assert drawn == {pair for pair in table if pair[0] != pair[1]}


def test_the_figures_of_recovery_are_those_of_the_code() -> None:
    """docs/recovery.md says how far back, how often, how long and how much."""
    words = " ".join((ROOT / "docs/recovery.md").read_text("utf-8").split())
    told = Repeats()
    bounds = f"{told.fills.limit:,} identities of fills and {told.others.limit:,} of other events"
    assert (look.OVERLAP_MS, recovering.PATIENCE, recovering.SECOND_LOOK_AFTER) == (60_000, 30.0, 5.0)
    for said in ("since a minute before", "longer than half a minute", "Five seconds later"):
        assert said in words
    assert f"{bounds}, {Book()._remembered:,} ended orders, {MOST_SYMBOLS:,} symbols" in words
    assert f"({lists.MOST_GUESSED} pairs on Binance and {jex.MOST_GUESSED} on JEX at the most" in words


@pytest.mark.parametrize("subject", SUBJECTS, ids=str)
def test_what_is_always_said_stands_in_the_table_of_recovery(subject: Subject) -> None:
    """Account notices, and orders without a fill where they cannot be found."""
    (row,) = [line for line in (ROOT / "docs/recovery.md").read_text("utf-8").splitlines() if "always said" in line]
    cells = dict(zip(("binance_pm", "deribit", "poloniex", "jex"), row.split("|")[2:6], strict=True))
    machine: Any = subject.driver().machine
    kinds = [kind for kind in ("account notices", "orders without a fill") if kind in cells[subject.exchange]]
    assert [what[: len(kind)] for what, kind in zip(machine.dialect.irrecoverable, kinds, strict=True)] == kinds


def test_ci_runs_the_command_that_the_readme_gives() -> None:
    """The last line of .ci/run is the second of README's two commands, to the letter."""
    commands = [line for text in blocks("README.md", "sh")[:2] for line in text.strip().splitlines()]
    assert len(commands) == 2
    assert (ROOT / ".ci/run").read_text("utf-8").strip().splitlines()[-1] == commands[1]


@pytest.mark.parametrize("number", range(4))
def test_python_in_the_readme_compiles(number: int) -> None:
    """Each Python block of README.md is Python."""
    compile(blocks("README.md", "python")[number], "README.md", "exec")


def test_the_readme_example_is_the_first_example_program() -> None:
    """README's example differs from examples/ by the credentials alone."""
    source = blocks("README.md", "python")[0]
    assert "from jexkit import Deribit, Fill, StreamManager" in source
    assert source.count("\n") <= 20


@pytest.mark.parametrize("number", range(2))
def test_python_in_the_journals_document_compiles(number: int) -> None:
    """Each Python block of docs/journal.md is Python."""
    compile(blocks("docs/journal.md", "python")[number], "docs/journal.md", "exec")
    assert len(blocks("docs/journal.md", "python")) == 2
