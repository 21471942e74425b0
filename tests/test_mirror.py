"""The tests mirror the package file for file, so that everybody knows where a test is, and where one is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

TESTED_ELSEWHERE = {
    "_version.py": "a number",
    **{
        f"testing/conformance/{name}.py": "what the suites know of an exchange; they all run with it"
        for name in ("binance_pm", "deribit", "jex", "poloniex", "listen_keys")
    },
}
"""Modules without a test file of their own, and why."""

NO_MODULE = {
    "test_import_law.py": "of all files",
    "test_mirror.py": "of all files",
    "test_day.py": "of everything that a stream does in two days",
    "test_import.py": "of what importing the package loads",
    "test_day_over_sockets.py": "of the same, over sockets",
    "test_docs.py": "of the documents",
    "test_endings.py": "of how processes end",
    "test_examples.py": "of the examples",
    "test_fork.py": "of what a child process finds of its parent's",
    "test_standby.py": "of processes that share a lock",
    "test_secrets.py": "of everything that is written anywhere",
}
"""Test files of no single module, and what they are of."""
WHOLE_FOLDERS = ("sim", "cli", "peers", "servers", "contrib", "faults", "benchmarks")
"""Tested by folder and not by file: through the doors that their users have. tests/faults is of docs/faults.md."""


def expected_test(module: str) -> str:
    """``core/book.py`` is tested by ``core/test_book.py``, a package by ``test_<name>.py`` beside or inside it."""
    path = Path(module)
    return (path.parent / f"test_{path.name}").as_posix()


def modules() -> list[str]:
    found = (path.relative_to(ROOT / "jexkit") for path in sorted((ROOT / "jexkit").rglob("*.py")))
    return [
        path.as_posix()
        for path in found
        if not path.name.startswith("__") and path.parts[0] not in WHOLE_FOLDERS and str(path) not in TESTED_ELSEWHERE
    ]


def known_tests() -> list[str]:
    found = (path.relative_to(ROOT / "tests") for path in sorted((ROOT / "tests").rglob("test_*.py")))
    return [path.as_posix() for path in found if path.parts[0] not in WHOLE_FOLDERS and str(path) not in NO_MODULE]


@pytest.mark.parametrize("module", modules())
def test_each_module_has_its_tests(module: str) -> None:
    """A new file comes with a test file of its own."""
    assert (ROOT / "tests" / expected_test(module)).is_file()


@pytest.mark.parametrize("test", known_tests())
def test_no_test_file_is_orphaned(test: str) -> None:
    """A module that was moved or deleted takes its tests along."""
    path = Path(test)
    module = ROOT / "jexkit" / path.parent / path.name.removeprefix("test_")
    assert module.is_file() or (module.with_suffix("") / "__init__.py").is_file()


@pytest.mark.parametrize("listed", [*TESTED_ELSEWHERE])
def test_the_exceptions_exist(listed: str) -> None:
    """A reason for a file that is gone is gone as well."""
    assert (ROOT / "jexkit" / listed).is_file()
