"""What jexkit logs: whose record it is, what is kept out of it, and that no logger goes around the filter."""

from __future__ import annotations

import ast
import importlib
import io
import logging
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import jexkit
from jexkit import logs
from jexkit.core.redaction import HIDDEN

PACKAGE = Path(jexkit.__file__).parent
NAME = "jexkit.tests.of.logs"
LISTEN_KEY = "pqia91ma19a5s61cv6a81va65sdf19v8a65a1a5s61cv6a81va65sdf19v8a65a1"
ELSEWHERE = ("sim", "cli")  # a program of its own, and one that sets up handlers
FOREIGN = ("contrib",)  # needs frameworks to be imported; its loggers come from logs.py all the same, see below


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What a handler of the program's, on the root, writes of our logger."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(levelname)s [%(stream)s] %(message)s"))
    logging.getLogger("jexkit").addHandler(handler)
    logs.of(NAME).setLevel(logging.DEBUG)
    yield stream
    logging.getLogger("jexkit").removeHandler(handler)


def test_a_record_names_its_stream(written: io.StringIO) -> None:
    """As a field that a formatter can use, and at the beginning of its message."""
    logs.about(logs.of(NAME), "desk").warning("suspended (%s): %s", "closed", "100% gone")
    assert written.getvalue() == "WARNING [desk] desk: suspended (closed): 100% gone\n"


def test_a_record_about_no_stream_has_the_field_all_the_same(written: io.StringIO) -> None:
    """A format with %(stream)s must not fail."""
    logs.of(NAME).info("plain %s", "words")
    assert written.getvalue() == "INFO [-] plain words\n"


def test_secrets_are_taken_out_of_the_message(written: io.StringIO) -> None:
    """Those that were named, the longer ones first, and whatever is as long as a key."""
    logs.redaction.hide(["s3cr3t-of-1", "s3cr3t-of-1-and-more", "it"])
    logs.of(NAME).error("%s and %s, then %s; it stays", "s3cr3t-of-1", "s3cr3t-of-1-and-more", LISTEN_KEY)
    assert written.getvalue() == f"ERROR [-] {HIDDEN} and {HIDDEN}, then {HIDDEN}; it stays\n"


def test_secrets_are_taken_out_of_tracebacks(written: io.StringIO) -> None:
    """The line of the fault and its file can be read still."""
    logs.redaction.hide(["s3cr3t-of-2"])
    try:
        int(f"s3cr3t-of-2 {LISTEN_KEY}")
    except ValueError:
        logs.about(logs.of(NAME), "desk").exception("a fault")
    text = written.getvalue()
    assert f'File "{__file__}"' in text
    assert f"'{HIDDEN} {HIDDEN}'" in text
    assert "s3cr3t-of-2" not in text


def test_a_record_passes_once(written: io.StringIO) -> None:
    """A second filter of ours on its way changes nothing more."""
    record = logging.makeLogRecord({"msg": "words", "stream": "desk"})
    assert logs.redaction.filter(record)
    assert logs.redaction.filter(record)
    assert record.getMessage() == "desk: words"


def test_the_place_in_the_program_is_that_of_the_call(caplog: pytest.LogCaptureFixture) -> None:
    """And not a line of logs.py."""
    logs.about(logs.of(NAME), "desk").warning("here")
    assert caplog.records[0].pathname == __file__


def modules() -> list[str]:
    found = pkgutil.walk_packages([str(PACKAGE)], "jexkit.")
    return [module.name for module in found if not module.name.endswith("__main__")]


def test_every_logger_of_jexkit_has_the_filter() -> None:
    """A logger does not pass its records through the filters of its parents."""
    for name in modules():
        if name.split(".")[1] not in ELSEWHERE + FOREIGN:
            importlib.import_module(name)
    loggers = [
        logger
        for name, logger in logging.Logger.manager.loggerDict.items()
        if name.split(".")[0] == "jexkit" and isinstance(logger, logging.Logger) and name.split(".")[1:2] != ["sim"]
    ]
    assert len(loggers) > 5
    assert [logger.name for logger in loggers if logs.redaction not in logger.filters] == []


def test_loggers_are_made_in_one_file() -> None:
    """``logging.getLogger`` is called by logs.py, and by the command, which sets up handlers."""
    callers = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if path.relative_to(PACKAGE).parts[0] not in ELSEWHERE
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute) and node.attr == "getLogger"
    }
    assert callers == {"logs.py"}


def test_a_program_without_logging_sees_nothing() -> None:
    """Not even the warnings that logging's last resort would print."""
    program = "import jexkit.logs; jexkit.logs.of('jexkit.x').error('words')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert (done.stdout, done.stderr) == ("", "")
