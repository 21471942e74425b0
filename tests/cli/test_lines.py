"""JSON lines on standard output."""

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from jexkit.cli.lines import JsonLines
from jexkit.events import from_dict
from tests.cli import facts
from tests.cli.commands import piped_to_head

UNREAD = """
import threading
from jexkit.cli.lines import JsonLines
wanted_end = threading.Event()
lines = JsonLines(wanted_end)
lines.write({"first": True})
while not wanted_end.is_set():
    lines.write({"more": "x" * 1000})
assert lines.is_closed
lines.write({"after": True})
"""
FULL = """
import threading
from jexkit.cli.lines import JsonLines
from jexkit.errors import JexkitError
wanted_end = threading.Event()
lines = JsonLines(wanted_end)
lines.check()
lines.write({"first": True})
assert wanted_end.is_set()
try:
    lines.check()
except JexkitError as error:
    assert "cannot be written (No space left on device)" in str(error)
else:
    raise AssertionError("it says nothing")
"""


def test_an_event_is_a_line_that_reads_back(capsys: pytest.CaptureFixture[str]) -> None:
    """One line of plain ASCII for each, with every amount exact."""
    lines = JsonLines(threading.Event())
    for event in facts.delivered():
        lines.event(event)
    printed = capsys.readouterr().out.splitlines()
    assert [from_dict(json.loads(line)) for line in printed] == facts.delivered()


def test_lines_of_several_threads_stay_whole(capsys: pytest.CaptureFixture[str]) -> None:
    lines = JsonLines(threading.Event())
    threads = [threading.Thread(target=lambda: [lines.write({"text": "x" * 500}) for _ in range(50)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 200
    assert all(json.loads(line) == {"text": "x" * 500} for line in printed)


def test_a_reader_that_goes_away_ends_it_quietly() -> None:
    """No traceback, no complaint at exit, and whoever waits is told to end."""
    assert piped_to_head("-c", UNREAD) == (0, '{"first": true}\n', "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_ends_it_with_a_sentence() -> None:
    """Whoever waits is told to end, and nothing is raised where the line comes from: that is a callback's thread."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([sys.executable, "-c", FULL], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
