"""``jexkit journal``."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from jexkit.core.journal import MAIN, Append
from jexkit.journal.sqlite import SqliteJournal
from jexkit.testing.conformance.journal import fill, fills, letter, one_of_each
from tests.cli.commands import jexkit, piped_to_head
from tests.cli.conftest import Invoke

SUBCOMMANDS = ("list", "show", "tail", "replay", "dead", "stats", "forget")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A journal with two streams, a consumer that is behind, and a dead letter."""
    journal = SqliteJournal(tmp_path / "jexkit.db")
    journal.open()
    journal.write([Append("main", one_of_each()), Append("desk", fills(1, 3, "desk"))])
    journal.write([], {("main", MAIN): 10, ("desk", "ledger"): 11})
    journal.set_aside(letter(journal.read(1, limit=1)[0], "ledger"))
    journal.close()
    return journal.path


def records(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_each_has_an_example(invoke: Invoke, name: str) -> None:
    shown = invoke("journal", name, "--help")
    assert shown.exit_code == 0
    assert "Example" in shown.output
    assert f"jexkit journal {name}" in shown.output


def test_list_prints_everything_in_order(invoke: Invoke, path: Path) -> None:
    """For people a line each, with position, stream and a few words; as JSON the whole event."""
    lines = invoke("journal", "list", str(path)).output.splitlines()
    assert len(lines) == 13
    assert lines[1].split()[:1] == ["2"]
    assert "fill: buy 0.00000001 BTCUSDT @ 65000.1" in lines[1]
    found = records(invoke("journal", "list", str(path), "--json").output)
    assert [record["position"] for record in found] == list(range(1, 14))
    assert {key: value for key, value in found[1].items() if key != "position"} == fill(2).to_dict()


def test_list_can_be_narrowed(invoke: Invoke, path: Path) -> None:
    """By position, stream, type and number."""
    shown = invoke("journal", "list", str(path), "--json", "--stream", "desk", "--after", "11", "--limit", "1")
    assert [record["position"] for record in records(shown.output)] == [12]
    shown = invoke("journal", "list", str(path), "--json", "--type", "gap", "--type", "Live")
    assert [record["type"] for record in records(shown.output)] == ["Live", "Gap"]


def test_list_reads_long_journals(invoke: Invoke, tmp_path: Path) -> None:
    """More than one reading brings."""
    journal = SqliteJournal(tmp_path / "long.db", synchronous="normal")
    journal.open()
    journal.append("main", fills(1, 2_500))
    journal.close()
    assert len(invoke("journal", "list", str(journal.path)).output.splitlines()) == 2_500


def test_show_prints_one_whole(invoke: Invoke, path: Path) -> None:
    """With the message as it came."""
    shown = json.loads(invoke("journal", "show", str(path), "2").output)
    assert shown == {"position": 2, **fill(2).to_dict()}
    missing = invoke("journal", "show", str(path), "99")
    assert (missing.exit_code, missing.stdout) == (1, "")
    assert "no position 99" in missing.stderr


def test_stats_say_how_far_everybody_is(invoke: Invoke, path: Path) -> None:
    shown = invoke("journal", "stats", str(path)).output
    assert "13 entries (1 to 13)" in shown
    assert "1 dead letters" in shown
    assert "2 behind" in shown
    status = json.loads(invoke("journal", "stats", str(path), "--json").output)
    assert [each["behind"] for each in status["consumers"]] == [2, 0]


def test_dead_letters_are_shown_replayed_and_discarded(invoke: Invoke, path: Path) -> None:
    """With who failed on what; a wanted one is marked."""
    shown = invoke("journal", "dead", str(path)).output
    assert "book_it (ledger), 5 attempts" in shown
    assert "fill: buy" in shown
    assert invoke("journal", "replay", str(path), "1").exit_code == 0
    (found,) = records(invoke("journal", "dead", str(path), "--json").output)
    assert (found["number"], found["is_wanted"], found["entry"]["id"]) == (1, True, "event:2")
    assert "to be delivered again" in invoke("journal", "dead", str(path)).output
    assert invoke("journal", "dead", str(path), "--discard", "1").output == ""


def test_all_dead_letters_can_be_replayed(invoke: Invoke, path: Path) -> None:
    assert invoke("journal", "replay", str(path), "--all").output == "1 to be delivered again\n"
    assert len(SqliteJournal(path).dead_letters(wanted=True)) == 1


def test_a_consumer_can_be_sent_back_while_nobody_writes(invoke: Invoke, path: Path) -> None:
    """A program that runs would take no notice, so that is refused."""
    arguments = ("journal", "replay", str(path), "--stream", "main", "--consumer", MAIN, "--after", "4")
    assert invoke(*arguments).exit_code == 0
    journal = SqliteJournal(path)
    assert journal.position("main") == 4
    journal.open()
    refused = invoke(*arguments)
    journal.close()
    assert refused.exit_code == 1
    assert "another process" in refused.stderr


@pytest.mark.parametrize(
    "arguments",
    [(), ("--all", "1"), ("--consumer", "main"), ("--stream", "main", "--consumer", "main", "--after", "1", "1")],
)
def test_replay_wants_one_thing(invoke: Invoke, path: Path, arguments: tuple[str, ...]) -> None:
    assert invoke("journal", "replay", str(path), *arguments).exit_code == 2


def test_a_consumer_can_be_forgotten(invoke: Invoke, path: Path) -> None:
    assert invoke("journal", "forget", str(path), "desk", "ledger").exit_code == 0
    again = invoke("journal", "forget", str(path), "desk", "ledger")
    assert again.exit_code == 1
    assert "no consumer 'ledger'" in again.stderr


@pytest.mark.parametrize("name", [name for name in SUBCOMMANDS if name not in ("replay", "forget", "show")])
def test_what_is_no_journal_is_said(invoke: Invoke, tmp_path: Path, name: str) -> None:
    """In a sentence: 2 for a path that cannot be one, 1 for a journal that is not there; and nothing is made."""
    directory = invoke("journal", name, str(tmp_path))
    assert directory.exit_code == 2
    assert "is a directory" in directory.stderr
    missing = invoke("journal", name, str(tmp_path / "none.db"))
    assert missing.exit_code == 1
    assert "there is no journal" in missing.stderr
    assert list(tmp_path.iterdir()) == []


def test_tail_follows_a_journal_that_is_written(path: Path) -> None:
    """What is there, then what comes, until Ctrl-C."""
    journal = SqliteJournal(path)
    journal.open()
    try:
        with jexkit("journal", "tail", str(path), "--lines", "2", "--json") as program:
            assert [json.loads(program.line())["position"] for _ in range(2)] == [12, 13]
            for number in range(4, 7):
                journal.append("desk", [fill(number, "desk")])
                assert json.loads(program.line())["id"] == f"event:{number}"
            program.signal(signal.SIGINT)
            assert program.wait() == 0
    finally:
        journal.close()


def test_nobody_reading_is_no_error(path: Path) -> None:
    journal = SqliteJournal(path)
    journal.open()
    journal.append("main", [fill(number, raw="x" * 2_000) for number in range(100, 600)])
    journal.close()
    code, shown, complaints = piped_to_head("-m", "jexkit.cli", "journal", "list", str(path), "--json")
    assert (code, len(shown.splitlines()), complaints) == (0, 1, "")


@pytest.mark.parametrize(
    "arguments",
    [("show", "{}", str(2**70)), ("list", "{}", "--after", str(2**70)), ("dead", "{}", "--discard", str(2**70))],
)
def test_a_number_that_no_journal_has(invoke: Invoke, path: Path, arguments: tuple[str, ...]) -> None:
    """Is refused in one sentence, however large it is."""
    shown = invoke("journal", *(argument.format(path) for argument in arguments))
    assert shown.exit_code == 2
    assert "give a whole number from 0 to" in shown.stderr
    assert "Traceback" not in shown.stderr
