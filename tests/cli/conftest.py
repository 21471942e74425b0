"""What the tests of the command share."""

import inspect
from collections.abc import Callable, Iterator
from typing import TypeAlias

import pytest
from click.testing import CliRunner, Result

from jexkit.cli.app import jexkit
from jexkit.sim import Simulator

Invoke: TypeAlias = Callable[..., Result]


@pytest.fixture
def invoke(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> Invoke:
    """Run the command in this process, in an empty folder and without proxies."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.chdir(str(tmp_path))

    # Before click 8.2 stderr was mixed into stdout unless one said otherwise.
    apart = {"mix_stderr": False} if "mix_stderr" in inspect.signature(CliRunner).parameters else {}
    runner = CliRunner(**apart)  # type: ignore[arg-type]

    def run(*arguments: str) -> Result:
        return runner.invoke(jexkit, list(arguments), prog_name="jexkit")

    return run


@pytest.fixture
def sim() -> Iterator[Simulator]:
    with Simulator() as simulator:
        yield simulator
