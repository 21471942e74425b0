"""The pytest plugin: fixtures for whoever installs jexkit, and nothing else for them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from jexkit import StreamManager
from jexkit.core.lifecycle import State
from jexkit.testing import simulated
from jexkit.testing.clock import ManualClock

ROOT = Path(__file__).parent.parent.parent


def run_pytest(
    folder: Path, test: str, *arguments: str, python: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    """Run one test file in a project of its own, with the plugin, warnings as errors."""
    (folder / "test_it.py").write_text(test)
    options = ("-W", "error", "-p", "no:cacheprovider", "-q", "-rs", "-p", "jexkit.testing.plugin")
    return subprocess.run(
        [sys.executable, *python, "-m", "pytest", *options, *arguments, "test_it.py"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_fixtures_work_together(simulator: Any, stream_manager: StreamManager) -> None:
    """A test of a program's own is this short."""
    stream = stream_manager.add(simulated.account(simulator.jex.account("main")))
    assert stream.state is State.IDLE
    stream_manager.start()
    stream.wait_live(30)


def test_the_clock_is_a_manual_one(jexkit_clock: ManualClock) -> None:
    assert isinstance(jexkit_clock, ManualClock)


def test_no_pause_is_left_of_an_earlier_test(tmp_path: Path) -> None:
    """An exchange of one test that banned this address is not the next one's, though it may have the same port."""
    done = run_pytest(
        tmp_path,
        "from jexkit.engine.governor import shared\n"
        "def test_banned(simulator): shared.close('ws://127.0.0.1:1', 3600)\n"
        "def test_after(simulator): assert shared.closed_for('ws://127.0.0.1:1') == 0\n",
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_manager_is_stopped_after_the_test(tmp_path: Path) -> None:
    """Also one that was never started, and one that the test has stopped."""
    done = run_pytest(
        tmp_path,
        "import threading\n"
        "def test_started(stream_manager): stream_manager.start()\n"
        "def test_stopped(stream_manager): stream_manager.stop()\n"
        "def test_neither(stream_manager): pass\n"
        "def test_after(): assert [t for t in threading.enumerate() if t.name.startswith('jexkit')] == []\n",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout


def test_a_project_that_does_not_use_it_sees_nothing_of_it(tmp_path: Path) -> None:
    """No heavy package is loaded, no warning is raised, no thread started; also with ``python -W error``."""
    done = run_pytest(
        tmp_path,
        "import sys, threading\n"
        "def test_nothing():\n"
        "    heavy = {'aiohttp', 'cryptography', 'hypothesis', 'click', 'jexkit.sim', 'jexkit.testing.driver'}\n"
        "    assert not heavy & set(sys.modules)\n"
        "    assert threading.active_count() == 1\n",
        python=("-W", "error"),
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_without_the_extra_the_simulator_is_skipped_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(
        "import importlib.util\n"
        "find = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *more: None if name == 'aiohttp' else find(name, *more)\n"
    )
    done = run_pytest(tmp_path, "def test_it(simulator): pass\n")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 skipped" in done.stdout
    assert "pip install 'jexkit[sim]'" in done.stdout


def test_it_is_declared_for_pytest() -> None:
    """Installing jexkit is all that it takes."""
    assert "pytest11 =\n    jexkit = jexkit.testing.plugin" in (ROOT / "setup.cfg").read_text("utf-8")


@pytest.mark.parametrize("name", ["simulator", "stream_manager", "jexkit_clock"])
def test_the_fixtures_are_listed_with_a_line_about_each(tmp_path: Path, name: str) -> None:
    """``pytest --fixtures`` explains them."""
    done = run_pytest(tmp_path, "", "--fixtures")
    assert name in done.stdout
