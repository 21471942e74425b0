"""Real processes of the command, with lines that can be waited for."""

from __future__ import annotations

import json
import os
import queue
import shlex
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).parents[2]
WITHIN = 60.0  # seconds; far more than anything here takes, so that only a hang fails by it


def environment(**variables: str) -> dict[str, str]:
    """This process's environment without anything that would configure the command, or a proxy."""
    clean = {name: value for name, value in os.environ.items() if not name.upper().endswith(("_PROXY", "COVERAGE"))}
    kept = {name: value for name, value in clean.items() if not name.startswith("JEXKIT_")}
    path = os.pathsep.join([str(ROOT), *filter(None, [kept.get("PYTHONPATH")])])
    return {**kept, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", **variables}


class Program:
    """A Python process for the length of a ``with`` statement, killed at its end if it has not ended itself."""

    def __init__(self, *arguments: str, cwd: Path | None = None, **variables: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=cwd,
            env=environment(**variables),
        )
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._complaints: list[str] = []
        self._threads = [
            threading.Thread(target=self._collect, args=(self._process.stdout,)),
            threading.Thread(target=self._complaints.extend, args=(self._process.stderr,)),
        ]
        for thread in self._threads:
            thread.start()

    def _collect(self, stream: IO[str]) -> None:
        for line in stream:
            self._lines.put(line)
        self._lines.put(None)

    @property
    def pid(self) -> int:
        return self._process.pid

    def line(self) -> str:
        """The next line of stdout; raises EOFError when there are no more."""
        line = self._lines.get(timeout=WITHIN)
        if line is None:
            self._lines.put(None)
            raise EOFError(self.complaints())
        return line

    def records(self, kind: str, times: int = 1) -> list[dict[str, Any]]:
        """The next lines, which are JSON, until so many have this type; those alone."""
        found: list[dict[str, Any]] = []
        while len(found) < times:
            record = json.loads(self.line())
            if record["type"] == kind:
                found.append(record)
        return found

    def lines(self) -> list[str]:
        """All remaining lines of stdout, once the process has ended."""
        found = []
        while (line := self._lines.get(timeout=WITHIN)) is not None:
            found.append(line)
        return found

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def wait(self) -> int:
        """The exit code, once it has ended."""
        code = self._process.wait(WITHIN)
        for thread in self._threads:
            thread.join(WITHIN)
        return code

    def said_so_far(self) -> list[str]:
        """The lines that it has written on stderr until now."""
        return list(self._complaints)

    def complaints(self) -> str:
        """What it wrote on stderr, once it has ended."""
        self.wait()
        return "".join(self._complaints)

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self.wait()
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()


def jexkit(*arguments: str, cwd: Path | None = None, **variables: str) -> Program:
    """The command in a process of its own."""
    return Program("-m", "jexkit.cli", *arguments, cwd=cwd, **variables)


def piped_to_head(*arguments: str, cwd: Path | None = None) -> tuple[int, str, str]:
    """Run Python with its output read by ``head -1``: its exit code, what came through, and its stderr."""
    command = f'{shlex.join([sys.executable, *arguments])} | head -1; exit "${{PIPESTATUS[0]}}"'
    ended = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, timeout=WITHIN, cwd=cwd, env=environment(), check=False
    )
    return ended.returncode, ended.stdout, ended.stderr


def _stat(pid: int) -> list[str]:
    """What the system says about a process, from its state on; empty if there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def children_of(pid: int) -> list[int]:
    """The processes that a process has started."""
    everyone = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
    return [one for one in everyone if (stat := _stat(one)) and int(stat[1]) == pid]


def has_ended(pid: int) -> bool:
    """Whether no such process runs; one that nobody has waited for has ended too."""
    stat = _stat(pid)
    return not stat or stat[0] == "Z"


def wait_ended(pid: int) -> None:
    """Block until it has ended; an AssertionError if it lives on."""
    deadline = time.monotonic() + WITHIN
    while not has_ended(pid):
        assert time.monotonic() < deadline, f"process {pid} lives on"
        os.sched_yield()
