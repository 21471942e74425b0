"""A site or a worker that does it wrong and right: it starts a manager while it is loaded, in the process from which
the workers are forked, and each worker then starts one of its own.

It is loaded by the servers' own processes. What it follows comes in ``JEXKIT_TEST_ACCOUNT``; each fill that any process
is told of is a datagram to the port ``JEXKIT_TEST_HEARD``.
"""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable, Iterable
from typing import Any

from jexkit import Fill, JexkitError, StreamManager
from jexkit.accounts import ACCOUNTS

WAIT = 30.0


def follow(name: str) -> StreamManager:
    """Start a manager in this process that follows the account."""
    description = json.loads(os.environ["JEXKIT_TEST_ACCOUNT"])
    manager = StreamManager()
    stream = manager.add(ACCOUNTS[description.pop("exchange")](**description), name)
    stream.on(Fill, heard)
    manager.start()
    stream.wait_live(WAIT)
    return manager


def heard(fill: Fill) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as teller:
        teller.sendto(f"{os.getpid()} {fill.account}".encode(), ("127.0.0.1", int(os.environ["JEXKIT_TEST_HEARD"])))


class Worker:
    """What a forked process has: its parent's manager, and its own once it is born."""

    def __init__(self) -> None:
        self.born_in = os.getpid()
        self.inherited = follow("parent")
        self.own: StreamManager | None = None

    def begin(self, *whatever: object, **more: object) -> None:
        """After the fork."""
        del whatever, more
        if self.own is None:
            self.own = follow("own")

    def end(self, *whatever: object, **more: object) -> None:
        """Before the end."""
        del whatever, more
        if self.own is not None:
            self.own.stop()

    def report(self) -> dict[str, Any]:
        """What this process sees of both managers."""
        try:
            self.inherited.start()
        except JexkitError as error:
            refusal = str(error)
        self.inherited.stop()
        assert self.own is not None
        return {
            "pid": os.getpid(),
            "born_in": self.born_in,
            "inherited": self.inherited.streams["parent"].state,
            "refusal": refusal,
            "own": self.own.streams["own"].state,
            "threads": sorted(thread.name for thread in threading.enumerate() if thread.name.startswith("jexkit-own")),
        }


worker = Worker()


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """The site: tells what the worker that answers sees."""
    del environ
    worker.begin()
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(worker.report()).encode()]
