"""How the streams are, told by the process that holds them to every other one."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import attrs

from jexkit import logs
from jexkit.core.lifecycle import State
from jexkit.manager import StreamManager
from jexkit.stream import Status

logger = logs.of(__name__)

EVERY = 5.0  # seconds between two reports
AT_FIRST = 0.2  # the same, until the first stream has come somewhere
LAST_WORD_WITHIN = 5.0  # seconds, at the end; a database may be away
FRESH = timedelta(seconds=30)  # without a report for so long, nobody can say how a stream is


@attrs.frozen
class Report:
    """One stream of the settings. ``trouble`` says why it is not as it should be, empty if it is."""

    name: str
    state: str
    trouble: str
    last_proof: datetime | None = None
    last_event: datetime | None = None
    reported: datetime | None = None
    holder: str = ""

    @property
    def is_healthy(self) -> bool:
        return not self.trouble

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types; times as ISO 8601 text."""
        record = attrs.asdict(self)
        return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in record.items()}

    def __str__(self) -> str:
        proof = f"last proof {self.last_proof:%Y-%m-%d %H:%M:%S} UTC" if self.last_proof else "never live"
        return f"{self.name}: {self.trouble or self.state}; {proof}; held by {self.holder or 'nobody'}"


def unheld(name: str, command: str) -> Report:
    """The report of a stream that nobody has ever written about."""
    return Report(name, "unknown", f"no process has ever held it; run: {command} jexkit run")


def trouble_of(state: str, last_error: str, age: timedelta, command: str) -> str:
    """Why a stream is not as it should be, by a report of this age; empty if it is."""
    if age > FRESH:
        return f"no report for {age.total_seconds():.0f} seconds; is '{command} jexkit run' up?"
    if state == State.LIVE:
        return ""
    return f"{state}: {last_error}" if last_error else state


class Reporter:
    """Hands the state of a manager's streams to ``write`` every few seconds, on a thread named ``jexkit-report``.

    Use it in a ``with`` statement around the manager's ``run``. What ``write`` raises is logged, and tried again.
    """

    def __init__(
        self, manager: StreamManager, write: Callable[[list[Status], str], object], every: float = EVERY
    ) -> None:
        self._manager = manager
        self._write = write
        self._every = every
        self._holder = f"{socket.gethostname()}:{os.getpid()}"
        self._is_holder = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="jexkit-report", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Write the last word, and end."""
        self._stopping.set()
        self._thread.join(LAST_WORD_WITHIN)

    def __enter__(self) -> Reporter:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def _run(self) -> None:
        is_last = False
        while not is_last:
            is_settled = any(status.state not in (State.IDLE, State.CONNECTING) for status in self._statuses())
            is_last = self._stopping.wait(self._every if is_settled else AT_FIRST)
            try:
                self._report(self._statuses())
            except Exception as error:  # noqa: BLE001 - whatever it is, the streams are not to suffer
                logger.warning("the state of the streams could not be written down: %s", error)

    def _report(self, statuses: list[Status]) -> None:
        """Of a process that stands by nothing is written: what there is to say, the holder says."""
        states = {status.state for status in statuses}
        if State.STANDBY in states:
            self._is_holder = False
        elif states - {State.IDLE, State.STOPPED}:
            self._is_holder = True
        if self._is_holder:
            self._write(statuses, self._holder)

    def _statuses(self) -> list[Status]:
        return list(self._manager.status().values())
