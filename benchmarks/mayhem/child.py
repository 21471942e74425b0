"""The process of the exchanges, seen from the side that runs jexkit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
END_WITHIN = 10.0  # seconds
REMEMBER = 300.0  # seconds, far beyond any absence that a fault makes; every read looks through what is kept


class ExchangeProcess:
    """``with ExchangeProcess(seed) as exchanges: exchanges.do("told")``; ``description`` is what it says of itself."""

    def __init__(self, seed: int, remember: float = REMEMBER) -> None:
        """``remember`` is the number of seconds for which the exchanges keep what has ended."""
        self._command = [sys.executable, "-m", "mayhem.exchange", str(seed), str(remember)]
        self.description: dict[str, Any] = {}

    def __enter__(self) -> ExchangeProcess:
        paths = [str(HERE.parent), str(ROOT), os.environ.get("PYTHONPATH", "")]
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
            start_new_session=True,  # Ctrl-C is for the side that runs jexkit, which still needs the ledgers then
        )
        try:
            self.description = self._line()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self._process.wait(END_WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def do(self, command: str, **arguments: Any) -> Any:
        """Give a command and return its answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": command, **arguments}) + "\n")
        self._process.stdin.flush()
        return self._line()

    def _line(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the exchanges ended with code {self._process.wait()}")
        return json.loads(line, parse_float=Decimal)
