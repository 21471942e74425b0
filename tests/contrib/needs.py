"""What a test needs beside the package: without it the test is skipped, saying what to install or to start.

Nobody is to be lulled by a green row of skips. So a framework that is missing fails the tests that were asked for by
their marker (``pytest -m web``, which is what ``tox -e web`` runs), and on CI (``CI`` is set) so does a missing server.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import sysconfig
from contextlib import closing
from pathlib import Path

import pytest

are_asked_for = False
"""Whether these tests are run by their marker; ``conftest.py`` sets it."""


def packages(extra: str, *names: str) -> None:
    """Skip the whole test file, or fail it where it was asked for, unless these packages are installed."""
    missing = [name for name in names if importlib.util.find_spec(name) is None]
    if missing:
        _lack(f"needs {', '.join(missing)}: pip install 'jexkit[{extra}]', or tox -e web")


def script(name: str) -> str:
    """The path of a program that a package of ``requirements.txt`` brings; without it as for ``packages``."""
    program = Path(sysconfig.get_path("scripts")) / name
    if not program.exists():
        _lack(f"needs {name}: see tests/contrib/requirements.txt")
    return str(program)


def _lack(complaint: str) -> None:
    if are_asked_for:
        pytest.fail(complaint, pytrace=False)
    pytest.skip(complaint, allow_module_level=True)


def program(name: str, remedy: str) -> str:
    """The path of a program of the system; skip the test if there is none, on CI too, which need not have it."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"needs {name}: {remedy}")
    return found


def server(what: str, host: str, port: int) -> str:
    """The address of a server that listens there; skip the test, or on CI fail it, if none does."""
    try:
        with closing(socket.create_connection((host, port), timeout=5)):
            return f"{host}:{port}"
    except OSError as error:
        complaint = f"needs {what} on {host}:{port}: {error.strerror or error}"
        if os.environ.get("CI"):
            pytest.fail(complaint)
        pytest.skip(complaint)


def postgres() -> tuple[str, int]:
    host, port = os.environ.get("PGHOST", "127.0.0.1"), int(os.environ.get("PGPORT", "5432"))
    server("PostgreSQL (trust for the user postgres)", host, port)
    return host, port


def redis() -> str:
    return f"redis://{server('Redis', '127.0.0.1', 6379)}"


def rabbitmq() -> str:
    return f"amqp://guest:guest@{server('RabbitMQ (guest, guest)', '127.0.0.1', 5672)}//"
