"""Greenlets are noticed. tests/servers has it with the real gevent and eventlet."""

from __future__ import annotations

import subprocess
import sys
import threading
import types

import pytest

from jexkit import StreamManager
from jexkit.engine import green
from jexkit.errors import ConfigurationError


@pytest.fixture
def patched(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The names that a stand-in for gevent says it has patched."""
    names: set[str] = set()
    monkey = types.ModuleType("gevent.monkey")
    monkey.is_module_patched = names.__contains__  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "gevent.monkey", monkey)
    return names


def test_an_ordinary_process_is_told_nothing(patched: set[str], caplog: pytest.LogCaptureFixture) -> None:
    """Also where gevent is there and has patched nothing that matters."""
    patched.add("subprocess")
    green.check()
    assert caplog.records == []


def test_a_patched_one_is_told_what_is_supported(
    patched: set[str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """In one warning."""
    patched.add("threading")
    monkeypatch.setattr(green, "_PATCHED_AT_IMPORT", "gevent")
    green.check()
    (record,) = caplog.records
    assert record.getMessage().startswith(
        "gevent has patched this process. jexkit is made for threads of the operating"
    )


def test_patching_that_comes_too_late_is_refused(patched: set[str]) -> None:
    """Before anything is started."""
    patched.add("socket")
    manager = StreamManager()
    with pytest.raises(ConfigurationError, match="gevent has patched this process after jexkit was imported"):
        manager.start()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("jexkit")]


def test_neither_is_imported() -> None:
    """Whoever does not use them does not pay for them."""
    program = "import jexkit, sys; assert not {'gevent', 'eventlet'} & {name.split('.')[0] for name in sys.modules}"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
