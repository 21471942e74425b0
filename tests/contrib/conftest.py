"""What the tests of all frameworks share."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from jexkit.sim import Simulator
from tests.cli.commands import ROOT
from tests.contrib import needs, servers


def pytest_configure(config: pytest.Config) -> None:
    """Whether this is what ``tox -e web`` runs."""
    needs.are_asked_for = config.getoption("markexpr") == "web"


@pytest.fixture(autouse=True)
def _clients_of_redis_end_with_the_test(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Those of a recipe or a Celery app too, which nobody closes. In which order the collector ends a client and its
    socket is chance, and a socket that goes first is a warning and so an error, in whatever test that happens."""
    try:
        pool_class: Any = import_module("redis").ConnectionPool
    except ImportError:
        yield
        return
    pools: list[Any] = []
    make = pool_class.__init__

    def noted(pool: Any, *arguments: Any, **more: Any) -> None:
        pools.append(pool)
        make(pool, *arguments, **more)

    monkeypatch.setattr(pool_class, "__init__", noted)
    yield
    for pool in pools:
        pool.disconnect()


@pytest.fixture(autouse=True)
def _ports_are_free_after_the_test() -> Iterator[None]:
    yield
    servers.let_ports_go()


@pytest.fixture
def sim() -> Iterator[Simulator]:
    with Simulator() as simulator:
        simulator.deribit.account("main")
        yield simulator


@pytest.fixture
def django_site(tmp_path: Path) -> Path:
    """The example's Django project, in a folder of its own."""
    return Path(shutil.copytree(ROOT / "examples/django_site", tmp_path / "django_site"))
