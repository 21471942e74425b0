"""The journal in a file."""

from __future__ import annotations

import ctypes
import functools
import gc
import logging
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jexkit.core.journal import MAIN
from jexkit.errors import (
    ConfigurationError,
    JournalCorrupt,
    JournalError,
    JournalFull,
    JournalTaken,
    UsageError,
)
from jexkit.events import Live
from jexkit.journal import entries
from jexkit.journal import sqlite as module
from jexkit.journal.place import files_at
from jexkit.journal.sqlite import PAGE, SqliteJournal
from jexkit.testing.conformance.journal import (
    JournalConformance,
    Make,
    about,
    events_of,
    fill,
    fills,
    letter,
    positions_of,
)

PATIENCE = 30.0
NOBODY = 65534


class TestSqliteJournal(JournalConformance):
    @pytest.fixture
    def make(self, tmp_path: Path) -> Make:
        return functools.partial(SqliteJournal, tmp_path / "jexkit.db", synchronous="normal")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jexkit.db"


@pytest.fixture
def journal(path: Path) -> Iterator[SqliteJournal]:
    journal = SqliteJournal(path)
    journal.open()
    yield journal
    journal.close()


def start_child(run: Callable[[], object], fork: Callable[[], int] = os.fork) -> int:
    """The process id of a fork of this process that does nothing but ``run``."""
    child = fork()
    if child == 0:
        status = 1
        try:
            run()
            status = 0
        except BaseException:  # noqa: BLE001 - a child of a test must not go on with the test
            traceback.print_exc()
        finally:
            os._exit(status)
    return child


def exit_status(child: int) -> int:
    """Of a child, once it has ended; 0 if nothing was raised in it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def in_child(run: Callable[[], object]) -> int:
    return exit_status(start_child(run))


def python(program: str, *arguments: str) -> subprocess.Popen[str]:
    """Another interpreter that runs ``program``."""
    command = [sys.executable, "-c", textwrap.dedent(program), *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


# --- what is set ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("synchronous", ["off", "", None, 1])
def test_synchronous_is_one_of_two_words(path: Path, synchronous: Any) -> None:
    with pytest.raises(ConfigurationError, match="synchronous"):
        SqliteJournal(path, synchronous=synchronous)


def test_making_one_touches_nothing(path: Path) -> None:
    """No file, no lock, no descriptor before it is opened."""
    SqliteJournal(path).check()
    assert not path.exists()


def test_a_flush_ends_each_transaction_unless_the_program_wants_none(tmp_path: Path) -> None:
    """The setting reaches SQLite (2 is FULL, 1 is NORMAL), in the mode that lets others read."""
    for word, number in (("full", 2), ("normal", 1)):
        journal = SqliteJournal(tmp_path / word, synchronous=word)
        journal.open()
        connection = journal._connections.writing
        assert connection is not None
        assert connection.execute("PRAGMA synchronous").fetchone() == (number,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        journal.close()


def test_a_consumer_that_holds_everything_back_is_named(
    path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once, and again when as much has come on top: what nobody acknowledges is kept, but not in silence."""
    monkeypatch.setattr(module, "ON_THE_WAY", 10)
    journal = SqliteJournal(path, keep_entries=10)
    journal.open()
    journal.acknowledge("main", "gone", 0)
    for first in range(1, 40, 3):
        journal.append("main", fills(first, first + 2))
        journal.acknowledge("main", MAIN, first + 2)
        assert journal.prune(0) == 0
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 2
    assert "consumer 'gone' of stream 'main'" in warnings[0]
    journal.close()


def test_a_consumer_that_is_at_work_is_not_said_to_be_gone(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """However few entries the journal is to keep: a consumer is always some way behind."""
    journal = SqliteJournal(path, keep_entries=10, synchronous="normal")
    journal.open()
    journal.acknowledge("main", "late", 0)
    journal.append("main", fills(1, 1_000))
    assert journal.prune(0) == 0
    assert not caplog.records
    journal.close()


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="the system does not count what a process writes")
def test_an_entry_is_written_to_the_log_and_to_the_file_and_nowhere_else(journal: SqliteJournal, path: Path) -> None:
    """SQLite would keep, for each statement, the pages that it touches as they were before."""
    before = bytes_written()
    for first in range(1, 10_001, 1_000):
        journal.append("main", fills(first, first + 999))
    journal.close()
    assert bytes_written() - before < 3 * path.stat().st_size


def bytes_written() -> int:
    """By this process, ever."""
    counts = dict(line.split(": ") for line in Path("/proc/self/io").read_text("ascii").splitlines())
    return int(counts["wchar"])


def test_closing_leaves_one_file(journal: SqliteJournal, path: Path) -> None:
    """Everything is in it."""
    journal.append("main", fills(1, 3))
    journal.read()
    journal.close()
    assert list(path.parent.iterdir()) == [path]
    assert positions_of(SqliteJournal(path).read()) == [1, 2, 3]


# --- other processes --------------------------------------------------------------------------------------------------

WRITER = """
    import sys
    from jexkit.journal.sqlite import SqliteJournal
    from jexkit.testing.conformance.journal import fill
    journal = SqliteJournal(sys.argv[1])
    journal.open()
    for number in range(1, 1_000_000):
        journal.append("main", [fill(number)])
        print(number, flush=True)
        if number == int(sys.argv[2]):
            sys.stdin.readline()
"""


def test_a_second_process_is_refused_and_may_read(path: Path) -> None:
    """In words; and when the first is killed, its place and all that it wrote are there for the next."""
    process = python(WRITER, str(path), "3")
    assert process.stdout is not None
    assert [process.stdout.readline() for _ in range(3)] == ["1\n", "2\n", "3\n"]
    second = SqliteJournal(path)
    with pytest.raises(JournalTaken, match="another process"):
        second.open()
    assert positions_of(second.read()) == [1, 2, 3]
    process.send_signal(signal.SIGKILL)
    process.communicate()
    second.open()
    assert positions_of(second.append("main", fills(3, 4))) == [4]
    second.close()


BESIDE_ANOTHER = """
    import sys
    from jexkit.journal.sqlite import SqliteJournal
    from jexkit.testing.conformance.journal import fills
    journal = SqliteJournal(sys.argv[1])
    journal.open()
    journal.append("main", fills(1, 2))
    SqliteJournal(sys.argv[1])
    print("made", flush=True)
    sys.stdin.readline()
    journal.append("main", fills(3, 4))
    print("written", flush=True)
    sys.stdin.readline()
"""


def test_another_object_for_the_file_costs_the_writer_no_lock(path: Path) -> None:
    """A reader elsewhere does not take itself for the last one, and remove what is written and not in the file yet."""
    process = python(BESIDE_ANOTHER, str(path))
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == "made\n"
    assert positions_of(SqliteJournal(path).read()) == [1, 2]  # opens the file, and closes it
    process.stdin.write("go on\n")
    process.stdin.flush()
    assert process.stdout.readline() == "written\n"
    process.kill()
    process.communicate()
    assert positions_of(SqliteJournal(path).read()) == [1, 2, 3, 4]


def test_a_process_that_is_killed_has_written_what_it_was_told(path: Path) -> None:
    """At any instant: the last position that ``append`` returned is there, with all before it."""
    for round_number in range(5):
        process = python(WRITER, str(path.with_name(f"{round_number}.db")), "-1")
        assert process.stdout is not None
        told = 0
        for line in process.stdout:
            told = int(line)
            if told >= 10 + 7 * round_number:
                process.kill()  # and read what it had said by then
        process.communicate()
        found = positions_of(SqliteJournal(path.with_name(f"{round_number}.db")).read(limit=100_000))
        assert found == list(range(1, len(found) + 1))
        assert len(found) in (told, told + 1)


def test_letters_and_consumers_can_be_seen_to_beside_the_writer(journal: SqliteJournal, path: Path) -> None:
    """The command asks for a letter again, or forgets a consumer, while the program runs."""
    (entry,) = journal.append("main", fills(1, 1))
    kept = journal.set_aside(letter(entry))
    journal.acknowledge("main", "old", 0)
    other = SqliteJournal(path)
    other.replay(kept.number)
    other.forget("main", "old")
    assert [wanted.number for wanted in journal.dead_letters(wanted=True)] == [kept.number]
    assert journal.status().consumers == ()
    assert positions_of(journal.append("main", fills(2, 2))) == [2]


def test_nothing_is_made_by_changing_what_is_not_there(path: Path) -> None:
    with pytest.raises(JournalError, match="no journal"):
        SqliteJournal(path).discard(1)
    assert not path.exists()


# --- fork -------------------------------------------------------------------------------------------------------------


def test_a_child_may_read_and_not_write(journal: SqliteJournal) -> None:
    """With the parent's object, whose connections it never touches; the parent writes on."""
    journal.append("main", fills(1, 2))
    journal.read()

    def child() -> None:
        assert positions_of(journal.read()) == [1, 2]
        with pytest.raises(UsageError, match="in this process"):
            journal.append("main", fills(3, 3))
        with pytest.raises(JournalTaken):
            journal.open()
        journal.close()

    assert in_child(child) == 0
    assert positions_of(journal.append("main", fills(3, 3))) == [3]
    assert positions_of(SqliteJournal(journal.path).read()) == [1, 2, 3]


def elsewhere(path: Path, act: str) -> str:
    """What a process says that was not forked from this one, and acts on the journal."""
    source = f"""
import sys
from jexkit.errors import JournalTaken
from jexkit.journal.sqlite import SqliteJournal
from jexkit.testing.conformance.journal import fills
journal = SqliteJournal(sys.argv[1])
try:
    {act}
except JournalTaken:
    print("taken")
journal.close()
"""
    command = [sys.executable, "-c", source, str(path)]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True).stdout.strip()


def test_a_child_closes_its_copies_and_takes_no_lock_of_the_parents_away(journal: SqliteJournal, path: Path) -> None:
    """No other process can write or fold the write-ahead log in, and the parent goes on."""
    journal.append("main", fills(1, 1))
    journal.read()
    inherited = journal._connections
    files = files_at(path)

    def child() -> None:
        assert (inherited.writing, inherited._reading, inherited.claim) == (None, None, None)
        gc.collect()

    assert in_child(child) == 0
    assert elsewhere(path, "journal.open()") == "taken"
    assert elsewhere(path, "print(len(journal.read()))") == "1"
    assert files_at(path) == files
    assert positions_of(journal.append("main", fills(2, 2))) == [2]
    assert elsewhere(path, "print(len(journal.read()))") == "2"


@pytest.mark.parametrize("fork", [os.fork, ctypes.PyDLL(None).fork], ids=["os.fork", "without hooks"])
def test_a_child_reads_what_another_process_wrote_since(
    journal: SqliteJournal, path: Path, fork: Callable[[], int]
) -> None:
    """After the parent has closed; and not what SQLite knew of the parent's file for ever."""
    journal.append("main", fills(1, 1))
    journal.read()
    go_read, go_write = os.pipe()

    def child() -> None:
        assert len(SqliteJournal(path).read()) == 1
        os.read(go_read, 1)
        assert len(SqliteJournal(path).read()) == len(journal.read()) == 4

    pid = start_child(child, fork)
    journal.close()
    assert elsewhere(path, "journal.open(); journal.append('main', fills(2, 4))") == ""
    os.write(go_write, b"x")
    assert exit_status(pid) == 0
    os.close(go_read)
    os.close(go_write)


DYING = """
import ctypes, os, signal, sys, threading
from jexkit.errors import JournalError
from jexkit.journal.entries import Appender
from jexkit.journal.sqlite import SqliteJournal
from jexkit.testing.conformance.journal import fills

path, fork, when = sys.argv[1:]
journal = SqliteJournal(path)
journal.open()
journal.append("main", fills(1, 1))
is_inside, write = threading.Event(), Appender.write

def hang(*arguments):
    is_inside.set()
    signal.pause()

if when == "in the midst":
    Appender.write = hang
    threading.Thread(target=journal.append, args=("main", fills(2, 2)), daemon=True).start()
    is_inside.wait()
    Appender.write = write
parent, (is_dead, living) = os.getpid(), os.pipe()
if os.fork() if fork == "os.fork" else ctypes.PyDLL(None).fork():
    os.kill(parent, signal.SIGKILL)
os.close(living)
os.read(is_dead, 1)
for mine in (SqliteJournal(path), journal):
    try:
        print(len(mine.read()), flush=True)
        mine.open()
        mine.append("main", fills(3, 3))
        mine.close()
    except JournalError as error:
        print(error, flush=True)
os._exit(0)
"""


@pytest.mark.parametrize("fork", ["os.fork", "without hooks"])
def test_a_child_can_take_over_from_a_parent_that_was_killed(path: Path, fork: str) -> None:
    """With the object that it inherited too; and whoever reads afterwards finds what it wrote."""
    said = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", DYING, str(path), fork, "before"],
        stdout=subprocess.PIPE,
        text=True,
        timeout=PATIENCE,
        check=False,
    ).stdout
    assert said.split() == ["1", "2"]
    assert [event.id for event in events_of(SqliteJournal(path).read())] == ["event:1", "event:3"]


def test_a_fork_without_hooks_in_the_midst_of_a_write_is_told_of(path: Path) -> None:
    """In place of a child that hangs in SQLite, or waits for a lock that nobody holds any more."""
    said = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", DYING, str(path), "without hooks", "in the midst"],
        stdout=subprocess.PIPE,
        text=True,
        timeout=PATIENCE,
        check=False,
    ).stdout.splitlines()
    assert len(said) == 2
    for line in said:
        assert f"was forked without Python's hooks, in the midst of a use of the journal {path}" in line


def test_a_fork_while_a_thread_writes_does_not_hang_the_child(journal: SqliteJournal) -> None:
    """The locks that other threads hold at that moment are the parent's alone, and SQLite's own are free."""
    stop, begun = threading.Event(), threading.Event()

    def work() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            journal.append("main", [fill(number)])
            begun.set()

    thread = threading.Thread(target=work)
    thread.start()
    assert begun.wait(PATIENCE)
    try:
        for _ in range(50):
            assert in_child(lambda: (journal.read(limit=1), in_child(lambda: journal.read(limit=1)))) == 0
    finally:
        stop.set()
        thread.join()


def test_a_child_can_take_over_when_the_parent_has_closed(journal: SqliteJournal) -> None:
    """Nothing of the parent's claim lives on in it."""
    journal.append("main", fills(1, 1))
    go_read, go_write = os.pipe()

    def child() -> None:
        os.read(go_read, 1)
        mine = SqliteJournal(journal.path)
        mine.open()
        mine.append("main", fills(2, 2))
        mine.close()

    pid = start_child(child)
    journal.close()
    os.write(go_write, b"x")
    assert exit_status(pid) == 0
    assert positions_of(journal.read()) == [1, 2]
    os.close(go_read)
    os.close(go_write)


def test_a_writer_that_was_replaced_for_a_while_goes_on_behind_what_the_other_one_wrote(
    journal: SqliteJournal,
) -> None:
    """It hung, another process took over and has ended: the positions of before are taken, and nothing is damaged."""
    journal.append("main", fills(1, 2))

    def other() -> None:
        mine = SqliteJournal(journal.path)
        mine.take_over()
        mine.append("main", fills(3, 5))
        mine.close()

    assert in_child(other) == 0
    journal.append("main", fills(6, 6))
    assert [event.id for event in events_of(journal.read())] == [f"event:{number}" for number in range(1, 7)]
    assert positions_of(journal.read()) == [1, 2, 3, 4, 5, 6]
    assert not journal.status().set_aside


def test_a_new_file_has_large_pages_and_an_old_one_stays_as_it_is(
    journal: SqliteJournal, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each page of the log costs two writes; to change a file that is there would mean to write it anew."""
    assert page_size(path) == PAGE
    journal.close()
    path.unlink()
    with monkeypatch.context() as patch:
        patch.setattr(module, "PAGE", 4096)
        journal.open()
        journal.close()
    journal.open()
    journal.append("main", fills(1, 2))
    assert page_size(path) == 4096
    assert positions_of(journal.read()) == [1, 2]


def page_size(path: Path) -> int:
    """As the header of the file says."""
    return int.from_bytes(path.read_bytes()[16:18], "big")


# --- trouble with the disk --------------------------------------------------------------------------------------------


def test_a_full_disk_is_said_and_nothing_is_lost(journal: SqliteJournal) -> None:
    """What was written stays; what was refused can be written once there is room, with positions as if nothing was."""
    journal.append("main", fills(1, 100))
    connection = journal._connections.writing
    assert connection is not None
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(JournalFull, match="make room"):
        journal.append("main", fills(101, 5_000))
    assert len(journal.read(limit=10_000)) == 100
    connection.execute("PRAGMA max_page_count = 1000000")
    assert positions_of(journal.append("main", fills(101, 102))) == [101, 102]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of three megabytes, where this user may make one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("only root may mount a disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill_up(journal: SqliteJournal) -> int:
    """Write events until there is no room; the number of the one that was refused."""
    for number in range(1, 10_000):
        try:
            journal.append("main", [fill(number, raw="x" * 2_000)])
        except JournalFull:
            return number
    raise AssertionError("there was room for everything")


def test_a_disk_that_is_really_full(small_disk: Path) -> None:
    """Written is written, in whatever state the disk is; with room again it goes on, and nothing is there twice."""
    filler = small_disk / "filler"
    filler.write_bytes(b"x" * 1_500_000)
    journal = SqliteJournal(small_disk / "jexkit.db")
    journal.open()
    last = fill_up(journal)
    assert positions_of(journal.read(limit=10_000)) == list(range(1, last))
    filler.unlink()
    journal.append("main", [fill(last, raw="x" * 2_000)])
    journal.close()
    assert [entry.event.id for entry in SqliteJournal(journal.path).read(limit=10_000)] == [
        f"event:{number}" for number in range(1, last + 1)
    ]


def as_nobody(run: Callable[[], object]) -> int:
    def child() -> None:
        if os.geteuid() == 0:
            os.setgid(NOBODY)
            os.setuid(NOBODY)
        run()

    return in_child(child)


@pytest.fixture
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that another user reaches."""
    folder = tmp_path_factory.mktemp("shared")
    for each in (folder, *folder.parents):
        if each.stat().st_uid == os.geteuid() and each != Path("/"):
            each.chmod(each.stat().st_mode | 0o055)
    return folder


def test_what_may_not_be_written_is_refused_and_can_be_read(shared: Path) -> None:
    """A file, or a folder, of another user: an error at the check, and reading works all the same."""
    journal = SqliteJournal(shared / "jexkit.db")
    journal.open()
    journal.append("main", fills(1, 2))
    journal.close()
    journal.path.chmod(0o444)
    shared.chmod(0o555)

    def visitor() -> None:
        mine = SqliteJournal(journal.path)
        assert positions_of(mine.read()) == [1, 2]
        for act in (mine.check, mine.open, lambda: mine.forget("main", MAIN)):
            with pytest.raises(ConfigurationError, match="not writable"):
                act()

    try:
        assert as_nobody(visitor) == 0
    finally:
        shared.chmod(0o755)


def test_a_file_that_was_made_read_only_is_said(shared: Path) -> None:
    """In a folder that may be written."""
    journal = SqliteJournal(shared / "jexkit.db")
    journal.open()
    journal.close()
    journal.path.chmod(0o444)
    shared.chmod(0o777)

    def visitor() -> None:
        with pytest.raises(ConfigurationError, match="not writable"):
            SqliteJournal(journal.path).open()

    assert as_nobody(visitor) == 0
    assert [each.name for each in shared.iterdir()] == ["jexkit.db"]


# --- damage -----------------------------------------------------------------------------------------------------------


def damage(path: Path, offset: int = 0) -> bytes:
    data = bytearray(path.read_bytes())
    data[offset : offset + 3_000] = b"\xa5" * 3_000
    path.write_bytes(data)
    return bytes(data)


@pytest.mark.parametrize("offset", [0, PAGE, 4 * PAGE])
def test_a_damaged_file_is_set_aside_and_said(path: Path, offset: int, caplog: pytest.LogCaptureFixture) -> None:
    """As it was, under another name, by log and status; and a new journal is begun."""
    journal = SqliteJournal(path)
    journal.open()
    journal.append("main", fills(1, 500))
    journal.close()
    damaged = damage(path, offset)
    again = SqliteJournal(path)
    with caplog.at_level(logging.ERROR, "jexkit"):
        again.open()
    (aside,) = path.parent.glob("*.corrupt-*")
    assert aside.read_bytes() == damaged
    assert str(aside) in caplog.text
    assert again.status().set_aside == str(aside)
    assert positions_of(again.append("main", fills(1, 1))) == [1]
    again.close()


def test_what_is_read_is_of_one_moment(journal: SqliteJournal, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An event of a class that the file did not know when the reading began is not taken for damage."""
    journal.append("main", [fill(1)])
    find_forms = entries._forms

    def and_meanwhile(connection: sqlite3.Connection) -> Any:
        found = find_forms(connection)
        journal.append("main", [Live(**about(2, "main"))])
        return found

    monkeypatch.setattr(entries, "_forms", and_meanwhile)
    reader = SqliteJournal(path)
    assert [entry.position for entry in reader.read()] == [1]
    monkeypatch.undo()
    assert [entry.position for entry in reader.read()] == [1, 2]


def test_a_reader_says_that_a_file_is_damaged_and_leaves_it(path: Path) -> None:
    """It is the writer's to do something about it."""
    path.write_bytes(b"not a database at all" * 500)
    with pytest.raises(JournalCorrupt, match="damaged"):
        SqliteJournal(path).read()
    assert path.read_bytes() == b"not a database at all" * 500


def test_damage_while_it_is_used_costs_no_event(journal: SqliteJournal, path: Path) -> None:
    """The file is set aside, what was to be written goes into a new one, and positions go on."""
    journal.append("main", fills(1, 500))
    connection = journal._connections.writing
    assert connection is not None
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.execute("PRAGMA cache_size = 0")
    pages = path.stat().st_size // PAGE
    with path.open("r+b") as file:
        for page in range(1, pages):
            file.seek(page * PAGE)
            file.write(b"\xa5" * PAGE)
    (entry,) = journal.append("main", [fill(501)])
    assert entry.position == 501
    assert Path(journal.status().set_aside).exists()
    assert positions_of(journal.append("main", fills(502, 502))) == [502]
    assert positions_of(SqliteJournal(path).read()) == [501, 502]


@pytest.mark.parametrize(
    "endings", [("",), ("-wal",), ("-shm",), ("", "-wal", "-shm"), ("", "-wal", "-shm", "-writer"), ("-writer",)]
)
def test_files_that_are_deleted_while_they_are_used_come_back(
    journal: SqliteJournal, path: Path, endings: tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    """With all that was in them; it is said, and there is one writer as before."""
    journal.append("main", fills(1, 3), "the memory")
    journal.acknowledge("main", MAIN, 2)
    for ending in endings:
        Path(f"{path}{ending}").unlink()
    assert positions_of(journal.append("main", [fill(4)])) == [4]
    assert ("was deleted while it was in use" in caplog.text) == (endings != ("-writer",))
    reader = SqliteJournal(path)
    assert positions_of(journal.read()) == positions_of(reader.read()) == [1, 2, 3, 4]
    assert reader.position("main") == 2
    memory = reader.recall("main")
    assert memory is not None
    assert memory.position == 3
    with pytest.raises(JournalTaken):
        reader.open()
    journal.close()
    assert [found.name for found in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("is_journal", [True, False])
@pytest.mark.parametrize("is_at_the_end", [False, True])
def test_a_file_that_is_replaced_while_it_is_used_comes_back(
    journal: SqliteJournal, path: Path, caplog: pytest.LogCaptureFixture, is_journal: bool, is_at_the_end: bool
) -> None:
    """With all that was in it, at the next write or at the end; what was put in its place is kept and told of."""
    journal.append("main", fills(1, 3))
    stranger = path.with_name("stranger")
    if is_journal:
        other = SqliteJournal(stranger)
        other.open()
        other.append("main", fills(7, 9))
        other.close()
    else:
        stranger.write_bytes(b"somebody's notes")
    content = stranger.read_bytes()
    stranger.rename(path)
    if not is_at_the_end:
        assert positions_of(journal.append("main", [fill(4)])) == [4]
        assert positions_of(journal.append("main", [fill(5)])) == [5]
        assert len(events_of(journal.read())) == 5
    journal.close()
    assert "was replaced while it was in use" in caplog.text
    (aside,) = path.parent.glob("*.replaced-*")
    assert str(aside) in caplog.text
    assert aside.read_bytes() == content
    assert [event.id for event in events_of(SqliteJournal(path).read())][:3] == ["event:1", "event:2", "event:3"]


def test_a_folder_that_is_gone_at_the_end_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing can be done about it; everything is let go of all the same."""
    folder = tmp_path / "folder"
    folder.mkdir()
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    journal = SqliteJournal(folder / "journal")
    journal.open()
    journal.append("main", fills(1, 3))
    shutil.rmtree(folder)
    journal.close()
    assert "is gone, with all that was in it" in caplog.text
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


def test_a_claim_that_is_deleted_and_taken_is_lost(journal: SqliteJournal, path: Path) -> None:
    """Another process has become the writer; and what was deleted without one is not said to be taken over."""
    Path(f"{path}-writer").unlink()
    with pytest.raises(JournalTaken, match="is gone"):
        journal.prune(0)
    other = SqliteJournal(path)
    other.open()
    path.unlink()
    for _ in range(2):  # it stays so
        with pytest.raises(JournalTaken, match="has taken over"):
            journal.append("main", [fill(1)])
    other.append("main", [fill(2)])
    assert [entry.event.id for entry in other.read()] == ["event:2"]
    other.close()


def test_another_applications_database_is_never_touched(path: Path) -> None:
    """Neither when the journal is made, nor when it appears later."""
    journal = SqliteJournal(path)
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE users (name)")
    connection.commit()
    connection.close()
    before = path.read_bytes()
    for act in (journal.open, journal.read, journal.check):
        with pytest.raises(ConfigurationError, match="another application"):
            act()
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]
