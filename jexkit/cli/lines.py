"""JSON lines on standard output, whole, from any thread."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Mapping
from typing import Any

from jexkit.errors import JexkitError
from jexkit.events import Event


class JsonLines:
    """Writes one JSON object a line. When nobody reads any more it sets ``wanted_end`` and writes nothing else.

    The same where writing fails, on a full disk for example; ``check`` tells it then.
    """

    def __init__(self, wanted_end: threading.Event) -> None:
        self._wanted_end = wanted_end
        self._line_lock = threading.Lock()  # guards standard output: one line at a time
        self.is_closed = False
        self._fault = ""

    def event(self, event: Event) -> None:
        """A callback for every type of event."""
        self.write(event.to_dict())

    def write(self, record: Mapping[str, Any]) -> None:
        line = json.dumps(record) + "\n"
        with self._line_lock:
            if self.is_closed:
                return
            try:
                sys.stdout.write(line)
                sys.stdout.flush()
            except OSError as error:
                if not isinstance(error, BrokenPipeError):
                    self._fault = error.strerror or type(error).__name__
                self.is_closed = True
                forget_stdout()
                self._wanted_end.set()

    def check(self) -> None:
        """Raise JexkitError if a line could not be written."""
        if self._fault:
            raise JexkitError(f"standard output cannot be written ({self._fault}); the lines after that are lost")


def forget_stdout() -> None:
    """Nobody reads standard output any more: let what is buffered for it go nowhere, without a word at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
