"""Real processes of a site beside the simulator: its commands, its web servers, its workers."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Callable
from typing import Any

import requests

from jexkit.sim import Simulator
from tests.cli.commands import ROOT, WITHIN, Program, children_of

HOSTS = ROOT / "tests/contrib/hosts"


def environment(sim: Simulator) -> dict[str, str]:
    """Variables with which "the real exchanges" are the simulator's, and the example's accounts are its."""
    hosts = {name: (venue.rest_url, venue.ws_url) for name, venue in sim.venues.items()}
    names = {f"{exchange}_{field}".upper(): value for exchange, field, value in _credentials(sim)}
    path = os.pathsep.join([str(HOSTS), str(ROOT)])
    return {"EXAMPLE_HOSTS": json.dumps(hosts), "PYTHONPATH": path, "DJANGO_SETTINGS_MODULE": "settings", **names}


def _credentials(sim: Simulator) -> list[tuple[str, str, str]]:
    return [
        (exchange, field, str(value))
        for exchange, venue in sim.venues.items()
        for field, value in venue.account("main").credentials().items()
    ]


def eventually(look: Callable[[], object], what: str) -> None:
    """Block until ``look`` finds something; an AssertionError if it does not in a long time."""
    deadline = time.monotonic() + WITHIN
    pause = 0.02  # between two looks at another process, which cannot wake us
    while not look():
        assert time.monotonic() < deadline, what
        time.sleep(pause)


def end_children(program: Program) -> None:
    """Kill what a process has started, so that none of it outlives a test that failed."""
    for child in children_of(program.pid):
        os.kill(child, signal.SIGKILL)


def connections(sim: Simulator) -> int:
    """How many connections the exchange of the example has now."""
    return sim.deribit.connections("main")


_kept: list[socket.socket] = []


def free_port() -> int:
    """A port that nobody listens on and, until the test ends, nobody gets who asks for any port.

    A server that asks for it gets it: Linux lets it have a port that is bound by somebody who does not listen, as long
    as both say so, and every server does.
    """
    _kept.append(socket.socket())
    _kept[-1].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    _kept[-1].bind(("127.0.0.1", 0))
    return int(_kept[-1].getsockname()[1])


def let_ports_go() -> None:
    """At the end of a test."""
    while _kept:
        _kept.pop().close()


def wait_for_server(port: int) -> None:
    """Block until something listens there."""

    def is_there() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    eventually(is_there, f"nothing ever listens on port {port}")


def read_json(url: str) -> Any:
    """What a page of a server answers, whatever its status."""
    with requests.get(url, timeout=WITHIN) as answer:
        return answer.json()
