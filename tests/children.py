"""Real child processes, forked from the tests' own, which has threads and perhaps locks that are taken."""

from __future__ import annotations

import faulthandler
import json
import os
import select
import signal
import sys
import traceback
import warnings
from collections.abc import Callable
from typing import Any

WAIT = 60.0  # seconds; far more than anything of these takes


def in_child(action: Callable[[], Any]) -> Any:
    """Fork, run ``action`` in the child, and return what it returned, by JSON. A child that hangs is a failure."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12: "multi-threaded, use of fork()": that is it
        pid = os.fork()
    if pid == 0:
        _answer(action, writing)
    os.close(writing)
    answer = json.loads(last_words(reading, pid))
    assert "fault" not in answer, answer["fault"]
    return answer["result"]


def last_words(reading: int, pid: int) -> str:
    """All that a child has written into the pipe when it has ended. One that hangs is killed, and a failure."""
    said, has_ended = b"", False
    while not has_ended and select.select([reading], [], [], WAIT)[0]:
        more = os.read(reading, 65536)
        said, has_ended = said + more, not more
    os.close(reading)
    if not has_ended:
        os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert has_ended, "the child hangs"
    return said.decode()


def _answer(action: Callable[[], Any], writing: int) -> None:
    faulthandler.dump_traceback_later(WAIT / 2, file=sys.__stderr__)  # where it hangs
    try:
        answer = {"result": action()}
    except BaseException:  # noqa: BLE001 - the parent tells
        answer = {"fault": traceback.format_exc()}
    with os.fdopen(writing, "w") as pipe:
        json.dump(answer, pipe)
    os._exit(0)
