"""One contender in a process of its own: ``python -m yardstick.worker NAME EXCHANGE`` with its place on standard input.

Reads a command a line and answers each with a line; ``Worker`` is the other end. What is counted is counted by the
callback that the client calls; processor time is the whole process's.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from yardstick.contenders import make

WITHIN = 60.0  # seconds for one measurement
FOLDER = Path(__file__).parents[1]


class Ear:
    """The callback. Only one of its two ways to listen is on at a time, and each does as little as it can."""

    def __init__(self) -> None:
        self._wanted = 0
        self._heard = 0
        self._done = threading.Event()
        self._delays: list[int] = []
        self._sent_at: Any = None
        self.last = 0.0

    def __call__(self, heard: Any) -> None:
        if self._sent_at is not None:
            self._delays.append(time.time_ns() - self._sent_at(heard))
        self._heard += 1
        if self._heard == self._wanted:
            self.last = time.time()
            self._done.set()

    def arm(self, wanted: int, sent_at: Any = None) -> None:
        gc.collect()
        self._delays = []
        self._sent_at, self._heard, self._wanted = sent_at, 0, wanted
        self._done.clear()

    def wait(self, within: float) -> bool:
        return self._done.wait(within)

    @property
    def heard(self) -> int:
        return self._heard

    @property
    def delays(self) -> list[int]:
        return self._delays


class Measuring:
    """The commands."""

    def __init__(self, name: str, exchange: str, place: Mapping[str, Any]) -> None:
        self._ear = Ear()
        self._contender = make(name, exchange, place, self._ear)
        self._used = 0.0

    def start(self) -> Any:
        began = time.perf_counter()
        self._contender.start()
        return {"seconds": time.perf_counter() - began, "counts": self._contender.counts}

    def arm(self, wanted: int, timed: bool = False) -> None:
        """Begin to count; with ``timed`` also how long each message was on its way."""
        self._ear.arm(wanted, self._contender.sent_at if timed else None)
        self._used = time.process_time()

    def collect(self, within: float = WITHIN) -> Any:
        """Wait until all has been heard; what it took."""
        complete = self._ear.wait(within)
        return {
            "complete": complete,
            "heard": self._ear.heard,
            "processor": time.process_time() - self._used,
            "last": self._ear.last,
            "memory": _resident(),
            "delays_ns": self._ear.delays,
        }

    def usage(self, seconds: float = 0.0) -> Any:
        """Threads and resident memory (KiB) as of now, and the share of a core that the next ``seconds`` take."""
        gc.collect()
        used, began = time.process_time(), time.perf_counter()
        time.sleep(seconds)
        share = (time.process_time() - used) / (time.perf_counter() - began) if seconds else 0.0
        return {"threads": len(list(Path("/proc/self/task").iterdir())), "memory": _resident(), "share": share}

    def stop(self) -> Any:
        """End it; how long that took, and how many threads are left beside this one."""
        began = time.perf_counter()
        self._contender.stop()
        return {"seconds": time.perf_counter() - began, "left": threading.active_count() - 1}


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024


def main() -> None:
    name, exchange = sys.argv[1:]
    measuring = Measuring(name, exchange, json.loads(sys.stdin.readline()))
    for line in sys.stdin:
        command, arguments = json.loads(line)
        try:
            answer = {"answer": getattr(measuring, command)(**arguments)}
        except Exception as error:  # noqa: BLE001 - told to whoever asked
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)
        if command == "stop":
            return


class Worker:
    """The process, seen from the benchmark."""

    def __init__(self, name: str, exchange: str, place: Mapping[str, Any], python: str = sys.executable) -> None:
        self.name = name
        self._process = subprocess.Popen(
            [python, "-m", "yardstick.worker", name, exchange],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=FOLDER,
        )
        self._say(place)

    def do(self, command: str, **arguments: Any) -> Any:
        self._say([command, arguments])
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith(('{"answer"', '{"error"')):  # some clients print as they please
                answer = json.loads(line)
                if "error" in answer:
                    raise WorkerError(f"{self.name}: {answer['error']}")
                return answer["answer"]
        raise WorkerError(f"{self.name} has ended; what it said last is on standard error")

    def _say(self, what: Any) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(what) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise WorkerError(f"{self.name} has ended; what it said last is on standard error") from None

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class WorkerError(RuntimeError):
    """A contender failed."""


if __name__ == "__main__":
    main()
