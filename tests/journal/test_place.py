"""What may be a journal's path, and who writes there."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from jexkit.errors import ConfigurationError, JournalTaken
from jexkit.journal.place import Claim, check_writable, checked_path, header_of, is_damaged, put_out_of_the_way
from jexkit.journal.schema import Header


@pytest.mark.parametrize("path", [None, 5, "", "  ", b"jexkit.db", "a\0b", ":memory:", ["jexkit.db"]])
def test_what_is_no_path_is_refused(path: Any) -> None:
    with pytest.raises(ConfigurationError):
        checked_path(path)


def test_a_directory_is_refused(tmp_path: Path) -> None:
    """With a name that would do."""
    with pytest.raises(ConfigurationError, match=r"is a directory; .*jexkit\.db"):
        checked_path(tmp_path)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no folder"):
        checked_path(tmp_path / "nowhere" / "jexkit.db")


def test_a_pipe_is_refused(tmp_path: Path) -> None:
    """And is not waited on."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigurationError, match="ordinary file"):
        checked_path(tmp_path / "pipe")


def test_another_applications_database_is_refused(tmp_path: Path) -> None:
    """It stays as it is, whether it names its owner or not."""
    for number, pragma in enumerate(("PRAGMA application_id = 17", "PRAGMA application_id = 0")):
        path = tmp_path / f"{number}.db"
        connection = sqlite3.connect(path)
        connection.execute(pragma)
        connection.execute("CREATE TABLE users (name)")
        connection.commit()
        connection.close()
        before = path.read_bytes()
        with pytest.raises(ConfigurationError, match="another application"):
            checked_path(path)
        assert path.read_bytes() == before


def test_a_journal_of_a_newer_jexkit_is_refused(tmp_path: Path) -> None:
    """This version would not know what it does to it."""
    path = tmp_path / "jexkit.db"
    connection = sqlite3.connect(path)
    connection.executescript(f"CREATE TABLE t (c); PRAGMA application_id = {0x6A786B74}; PRAGMA user_version = 1000;")
    connection.close()
    with pytest.raises(ConfigurationError, match=r"schema 1000.*upgrade"):
        checked_path(path)


def test_the_same_file_has_one_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By whatever way it is reached, or there would be two claims on it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link.db").symlink_to(tmp_path / "jexkit.db")
    names = {checked_path("jexkit.db"), checked_path("./jexkit.db"), checked_path(tmp_path / "link.db")}
    assert names == {tmp_path.resolve() / "jexkit.db"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere; test_sqlite.py has it with another user")
def test_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "jexkit.db"
    path.touch(mode=0o444)
    with pytest.raises(ConfigurationError, match="not writable"):
        check_writable(path)


def test_damage_is_seen_by_the_first_bytes(tmp_path: Path) -> None:
    """An empty file and none at all are no damage."""
    path = tmp_path / "jexkit.db"
    assert not is_damaged(path)
    path.touch()
    assert not is_damaged(path)
    path.write_bytes(b"\0" * 4096)
    assert is_damaged(path)


def test_a_file_that_ends_too_early_says_whose_it_is_all_the_same(tmp_path: Path) -> None:
    """So that another application's database is refused, and not put aside as a damaged journal."""
    path = tmp_path / "other.db"
    connection = sqlite3.connect(path)
    connection.executescript(
        "CREATE TABLE t (c); CREATE TABLE u (c); PRAGMA application_id = 17; PRAGMA user_version = 3"
    )
    connection.close()
    os.truncate(path, 4096)
    assert header_of(path) == Header(is_sqlite=True, application=17, version=3)
    path.write_bytes(b"no database")
    assert not header_of(path).is_sqlite


def test_what_is_put_out_of_the_way_is_kept_whole(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """All its files, under names that were free, and the log says where."""
    path = tmp_path / "jexkit.db"
    kept = []
    for text in ("first", "second"):
        path.write_text(text)
        Path(f"{path}-wal").write_text(f"{text} wal")
        kept.append(put_out_of_the_way(path, "for a test"))
        assert kept[-1] in caplog.text
    assert [Path(name).read_text() for name in kept] == ["first", "second"]
    assert [Path(f"{name}-wal").read_text() for name in kept] == ["first wal", "second wal"]
    assert not path.exists()


def test_there_is_one_claim_at_a_time(tmp_path: Path) -> None:
    """A second one is refused in words, and after the release nothing is left."""
    path = tmp_path / "jexkit.db"
    claim = Claim(path)
    with pytest.raises(JournalTaken, match="one at a time"):
        Claim(path)
    claim.release()
    Claim(path).release()
    assert list(tmp_path.iterdir()) == []


def test_a_claim_that_is_left_over_stands_for_nothing(tmp_path: Path) -> None:
    """The file of a process that was killed is there still, and its lock is not."""
    Path(f"{tmp_path / 'jexkit.db'}-writer").touch()
    Claim(tmp_path / "jexkit.db").release()


def test_a_claim_on_a_file_that_was_removed_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between finding the file and locking it the holder can have removed it: then it is done again."""
    real, seen = Claim._inode, []

    def inode(claim: Claim) -> int | None:
        seen.append(real(claim))
        return len(seen) if len(seen) <= 2 else real(claim)

    monkeypatch.setattr(Claim, "_inode", inode)
    claim = Claim(tmp_path / "jexkit.db")
    assert len(seen) == 4
    claim.release()


@pytest.mark.parametrize("length", [300, 240])
def test_a_name_that_is_too_long_is_refused(tmp_path: Path, length: int) -> None:
    """Also where only the files beside the journal would have no room for theirs."""
    with pytest.raises(ConfigurationError, match="File name too long"):
        checked_path(tmp_path / ("a" * length))


def test_a_folder_that_takes_no_files_is_refused() -> None:
    """Whatever its mode says."""
    path = checked_path("/proc/jexkit.db")
    with pytest.raises(ConfigurationError, match=r"no file can be made in /proc|not writable for this user"):
        check_writable(path)
