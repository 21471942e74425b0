"""``jexkit journal``: what is in a journal, from another process than the one that writes it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import timezone
from functools import wraps
from pathlib import Path
from typing import Any

import click

from jexkit.cli.lines import forget_stdout
from jexkit.cli.words import in_words
from jexkit.core.journal import READ_LIMIT, DeadLetter, Entry, Journal, JournalStatus, Progress
from jexkit.engine.signals import stop_signals
from jexkit.errors import UnknownEntry
from jexkit.events import TYPES, Event, moment
from jexkit.journal.sqlite import SqliteJournal

LOOK_EVERY = 0.2  # seconds between two looks for new entries

a_path = click.argument("path", type=click.Path(path_type=Path))
as_json = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")


def sifted(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that choose entries."""
    kinds = click.Choice(list(TYPES), case_sensitive=False)
    for option in (
        click.option("--stream", help="Entries of this stream alone."),
        click.option("--type", "kinds", multiple=True, type=kinds, help="Entries of this type; may be repeated."),
        as_json,
    ):
        command = option(command)
    return command


def quiet_pipe(command: Callable[..., Any]) -> Callable[..., Any]:
    """Whoever stops reading has what it wanted."""

    @wraps(command)
    def run(*arguments: Any, **options: Any) -> Any:
        try:
            return command(*arguments, **options)
        except BrokenPipeError:
            forget_stdout()

    return run


@click.group(short_help="What a journal holds, and what callbacks failed on.")
def journal() -> None:
    """Look into a journal, also while a program writes it.

    A journal is the file that a program gave to StreamManager(journal="jexkit.db"). Nothing here disturbs the program;
    what is changed (replay, forget) it takes up by itself.

    \b
    Examples:
      jexkit journal stats jexkit.db
      jexkit journal list jexkit.db --type Fill --json | jq .price
      jexkit journal tail jexkit.db
      jexkit journal dead jexkit.db && jexkit journal replay jexkit.db 3

    Exit codes: 0 fine, 1 it could not be read, or what was asked for is not in it, 2 wrong usage or no journal.
    """


@journal.command("list")
@a_path
@click.option("--after", type=click.IntRange(min=0), default=0, help="Entries after this position.")
@click.option("--limit", type=click.IntRange(min=1), help="So many entries at the most.")
@sifted
@quiet_pipe
def list_entries(
    path: Path, after: int, limit: int | None, stream: str | None, kinds: Sequence[str], as_json: bool
) -> None:
    """Print the entries of a journal in order.

    \b
    Example:
      jexkit journal list jexkit.db --stream desk --type Fill --after 1200
    """
    left = limit
    for entry in _entries(SqliteJournal(path), after, stream, kinds):
        if left == 0:
            return
        left = None if left is None else left - 1
        click.echo(_line(entry, as_json))


@journal.command()
@a_path
@click.argument("position", type=click.IntRange(min=1))
@quiet_pipe
def show(path: Path, position: int) -> None:
    """Print one entry whole, with the message as the exchange sent it.

    \b
    Example:
      jexkit journal show jexkit.db 1207
    """
    found = SqliteJournal(path).read(position - 1, limit=1)
    if not found or found[0].position != position:
        raise UnknownEntry(f"there is no position {position} in the journal {path}", str(path))
    click.echo(json.dumps(_record(found[0]), indent=2, ensure_ascii=False))


@journal.command()
@a_path
@click.option("--lines", type=click.IntRange(min=0), default=10, show_default=True, help="Older entries first.")
@sifted
@quiet_pipe
def tail(path: Path, lines: int, stream: str | None, kinds: Sequence[str], as_json: bool) -> None:
    """Print the last entries, and then new ones as they are written. Ctrl-C ends it.

    \b
    Example:
      jexkit journal tail jexkit.db --type OrderUpdate
    """
    file = SqliteJournal(path)
    at = max(0, file.status().last - lines)
    with stop_signals() as wanted_end:
        while not wanted_end.is_set():
            for entry in _entries(file, at, stream, kinds):
                click.echo(_line(entry, as_json))
                at = entry.position
            wanted_end.wait(LOOK_EVERY)


@journal.command()
@a_path
@click.option("--discard", type=int, metavar="NUMBER", multiple=True, help="Forget this one; may be repeated.")
@as_json
@quiet_pipe
def dead(path: Path, discard: Sequence[int], as_json: bool) -> None:
    """Print the dead letters: events that a callback kept failing on.

    \b
    Examples:
      jexkit journal dead jexkit.db
      jexkit journal dead jexkit.db --discard 3
    """
    file = SqliteJournal(path)
    for number in discard:
        file.discard(number)
    for letter in file.dead_letters():
        click.echo(json.dumps(_letter(letter)) if as_json else _letter_in_words(letter))


@journal.command()
@a_path
@click.argument("numbers", type=int, nargs=-1, metavar="[NUMBER]...")
@click.option("--all", "everything", is_flag=True, help="Every dead letter.")
@click.option("--consumer", help="Not dead letters: send this consumer back.")
@click.option("--stream", help="The stream of that consumer.")
@click.option("--after", type=click.IntRange(min=0), help="It gets everything after this position again.")
def replay(
    path: Path, numbers: Sequence[int], everything: bool, consumer: str | None, stream: str | None, after: int | None
) -> None:
    """Have dead letters delivered again, by their NUMBER, or a consumer get everything after a position again.

    The program that writes the journal delivers the letters within seconds, or at its next start. A consumer can be
    sent back only while no program writes the journal.

    \b
    Examples:
      jexkit journal replay jexkit.db 3 4
      jexkit journal replay jexkit.db --all
      jexkit journal replay jexkit.db --stream desk --consumer ledger --after 0
    """
    file = SqliteJournal(path)
    if consumer is not None or stream is not None or after is not None:
        if consumer is None or stream is None or after is None or numbers or everything:
            raise click.UsageError("a consumer is sent back with --stream, --consumer and --after, all three, alone")
        file.rewind(stream, consumer, after)
        click.echo(f"{consumer} of {stream} gets everything after {after} at its next start")
        return
    if bool(numbers) == everything:
        raise click.UsageError("name the dead letters by their numbers ('jexkit journal dead'), or give --all")
    wanted = numbers or [letter.number for letter in file.dead_letters()]
    for number in wanted:
        file.replay(number)
    click.echo(f"{len(wanted)} to be delivered again")


@journal.command()
@a_path
@click.argument("stream")
@click.argument("consumer")
def forget(path: Path, stream: str, consumer: str) -> None:
    """Keep nothing any more for a consumer that is gone: what it has not acknowledged is never removed.

    \b
    Example:
      jexkit journal forget jexkit.db desk old_ledger
    """
    SqliteJournal(path).forget(stream, consumer)
    click.echo(f"{consumer} of {stream} is forgotten")


@journal.command()
@a_path
@as_json
def stats(path: Path, as_json: bool) -> None:
    """Print how much is in the journal, and how far each consumer is.

    \b
    Example:
      jexkit journal stats jexkit.db --json | jq '.consumers[].behind'
    """
    status = SqliteJournal(path).status()
    click.echo(json.dumps(status.to_dict()) if as_json else "\n".join(_status_in_words(status)))


# --- what is printed --------------------------------------------------------------------------------------------------


def _entries(file: Journal, after: int, stream: str | None, kinds: Sequence[str]) -> Iterator[Entry]:
    types: list[type[Event]] = [TYPES[kind] for kind in kinds]
    while found := file.read(after, stream=stream, types=types):
        yield from found
        after = found[-1].position
        if len(found) < READ_LIMIT:
            return


def _record(entry: Entry) -> dict[str, Any]:
    return {"position": entry.position, **entry.event.to_dict()}


def _line(entry: Entry, as_json: bool) -> str:
    if as_json:
        return json.dumps(_record(entry))
    return f"{entry.position:>8}  {_clock(entry.event.time_ms)}  {entry.stream:<12}  {in_words(entry.event)}"


def _clock(time_ms: int) -> str:
    return moment(time_ms).astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M:%S")


def _letter(letter: DeadLetter) -> dict[str, Any]:
    return {
        "number": letter.number,
        "consumer": letter.consumer,
        "callback": letter.callback,
        "attempts": letter.attempts,
        "failed_ms": letter.failed_ms,
        "is_wanted": letter.is_wanted,
        "traceback": letter.traceback,
        "entry": _record(letter.entry),
    }


def _letter_in_words(letter: DeadLetter) -> str:
    last = letter.traceback.rstrip().rpartition("\n")[2]
    wanted = "; to be delivered again" if letter.is_wanted else ""
    return (
        f"{letter.number:>4}  {_clock(letter.failed_ms)}  {letter.callback} ({letter.consumer}), "
        f"{letter.attempts} attempts: {last}{wanted}\n      {_line(letter.entry, as_json=False).strip()}"
    )


def _status_in_words(status: JournalStatus) -> Iterator[str]:
    yield f"{status.where}: {status.entries} entries ({status.first} to {status.last}), {status.bytes:,} bytes"
    yield f"{status.dead_letters} dead letters"
    for each in status.consumers:
        yield _progress_in_words(each)


def _progress_in_words(each: Progress) -> str:
    behind = f"{each.behind} behind" if each.behind else "up to date"
    return f"{each.stream:<12}  {each.consumer:<12}  at {each.position}, {behind}"
