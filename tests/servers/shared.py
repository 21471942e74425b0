"""A site whose workers share one account by a lock, as docs/process.md advises: loaded by gunicorn's own processes."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from jexkit import FileLock, StreamManager
from jexkit.accounts import ACCOUNTS

managers: list[StreamManager] = []


def post_fork(server: object, worker: object) -> None:
    """gunicorn's hook: this file is its configuration too."""
    del server, worker
    folder = Path(os.environ["JEXKIT_TEST_FOLDER"])
    description = json.loads(os.environ["JEXKIT_TEST_ACCOUNT"])
    manager = StreamManager(lock=FileLock(folder / "jexkit.lock"), journal=folder / "jexkit.db")
    manager.add(ACCOUNTS[description.pop("exchange")](**description), "desk")
    manager.start()
    managers.append(manager)
    from tests.servers import shared

    shared.managers = managers  # gunicorn loads its configuration apart from the module


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    del environ
    start_response("200 OK", [("Content-Type", "application/json")])
    state = managers[0].status()["desk"].state if managers else "none"
    return [json.dumps({"pid": os.getpid(), "state": state}).encode()]
