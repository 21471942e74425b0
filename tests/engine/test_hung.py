"""The end of a process that hangs, and of no other."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from jexkit.engine import hung

WITHIN = 30.0


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may take its time to end a process."""
    monkeypatch.setattr(hung, "WITHIN", WITHIN)


@pytest.fixture
def process() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", "import signal; print(flush=True); signal.pause()"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


def test_a_birth_is_of_one_process(process: subprocess.Popen[str]) -> None:
    """It stays the same, and nobody has none."""
    assert hung.birth_of(process.pid) == hung.birth_of(process.pid) != ""
    assert hung.birth_of(process.pid) != hung.birth_of(os.getpid())
    process.kill()
    process.wait(WITHIN)
    assert hung.birth_of(process.pid) == ""


def test_the_process_of_that_birth_is_ended(process: subprocess.Popen[str]) -> None:
    """Stopped or not; and one that is no more has ended."""
    birth = hung.birth_of(process.pid)
    process.send_signal(signal.SIGSTOP)
    assert hung.end(process.pid, birth)
    assert process.wait(WITHIN) == -signal.SIGKILL
    assert hung.end(process.pid, birth)


def test_another_process_is_not(process: subprocess.Popen[str]) -> None:
    """Nor this one, which asks for it by mistake."""
    for birth in ("", "another", hung.birth_of(os.getpid())):
        assert not hung.end(process.pid, birth)
    assert not hung.end(os.getpid(), hung.birth_of(os.getpid()))
    assert process.poll() is None


def test_one_that_may_not_be_ended_is_told_of(
    process: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is another user's, for example."""

    def refuse(process: int, number: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(signal, "pidfd_send_signal", refuse)
    assert not hung.end(process.pid, hung.birth_of(process.pid))
    assert f"process {process.pid} hangs and cannot be ended: Operation not permitted" in caplog.text


def test_one_that_does_not_end_is_not_waited_for_for_ever(
    process: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system can be unable to end it while a disk does not answer."""
    monkeypatch.setattr(signal, "pidfd_send_signal", lambda process, number: None)
    monkeypatch.setattr(hung, "WITHIN", 0.05)
    assert not hung.end(process.pid, hung.birth_of(process.pid))
