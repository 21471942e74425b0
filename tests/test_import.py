"""What importing the package loads, and that every public name is there when it is asked for."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import jexkit

HEAVY = ("apscheduler", "certifi", "requests", "sqlite3", "urllib3", "websocket")


def loaded_by(code: str) -> set[str]:
    """Which of the heavy packages an interpreter has loaded after that."""
    command = [sys.executable, "-c", f"import json, sys\n{code}\nprint(json.dumps(sorted(sys.modules)))"]
    modules = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return set(modules) & set(HEAVY)


@pytest.mark.parametrize("code", ["import jexkit", "from jexkit import Deribit, Fill, JexkitError, Overflow, State"])
def test_events_accounts_and_errors_come_without_any_client(code: str) -> None:
    """A site that shows events, or a command that prints its help, does not wait for what it does not use."""
    assert loaded_by(code) == set()


def test_the_manager_brings_what_it_needs() -> None:
    assert loaded_by("from jexkit import StreamManager") == set(HEAVY)


@pytest.mark.parametrize("name", jexkit.__all__)
def test_every_public_name_is_there(name: str) -> None:
    """Those that are loaded later too; once loaded they are ordinary names."""
    found = getattr(jexkit, name)
    assert name in dir(jexkit)
    assert vars(jexkit)[name] is found


def test_a_name_that_is_not_there_is_an_ordinary_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'StreamManger'"):
        jexkit.StreamManger  # type: ignore[attr-defined]  # noqa: B018
