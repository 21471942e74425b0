"""The simulator as a process of its own: started, spoken to over its control site, and ended.

It reads its standard input and ends with it, so it never outlives this process, however that ends.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import ProxyHandler, Request, build_opener

from jexkit.errors import JexkitError, MissingExtra

END_WITHIN = 10.0  # seconds for the process to end by itself
ANSWER_WITHIN = 10.0  # seconds for an answer of the control site
LONGEST_LINE = 1_000_000  # characters of what the simulator says about itself


class SimulatorFailed(JexkitError):
    """The simulator did not start, or did not do what it was told."""


class SimulatorProcess:
    """``python -m jexkit.sim``, for the length of a ``with`` statement. ``description`` is what it says of itself."""

    def __init__(self, *, seed: int) -> None:
        if importlib.util.find_spec("aiohttp") is None:
            raise MissingExtra("the simulator", "demo")
        self._command = [sys.executable, "-m", "jexkit.sim", "--seed", str(seed)]
        self._opener = build_opener(ProxyHandler({}))  # it is on loopback, whatever proxy the environment names
        self.description: dict[str, Any] = {}

    def __enter__(self) -> SimulatorProcess:
        # A session of its own: Ctrl-C in the terminal is for us, who still need the ledgers then.
        self._process = subprocess.Popen(  # noqa: S603 - our own module, by our own interpreter
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        try:
            self.description = json.loads(self._first_line())
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        process = self._process
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            process.wait(END_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    @property
    def pid(self) -> int:
        return self._process.pid

    # --- the control site -------------------------------------------------------------------------------------------

    def set_rules(self, exchange: str, rules: Mapping[str, object]) -> None:
        """Change rules of one exchange."""
        self._ask("/rules", {"exchange": exchange, **rules})

    def start_market(self, *, seed: int, rate: float) -> None:
        """Bring the accounts to life: ``rate`` actions per second over all exchanges together."""
        self._ask("/market/start", {"seed": seed, "rate": rate})

    def stop_market(self) -> None:
        self._ask("/market/stop", {})

    def ledger(self, exchange: str) -> dict[str, Any]:
        """The truth log and the final state of the account ``main``."""
        return dict(self._ask(f"/ledger?{urlencode({'exchange': exchange})}"))

    def _ask(self, path: str, body: Mapping[str, object] | None = None) -> Any:
        url = self.description["control_url"] + path
        request = Request(url, None if body is None else json.dumps(body).encode())  # noqa: S310 - loopback
        try:
            with self._opener.open(request, timeout=ANSWER_WITHIN) as answer:
                return json.load(answer, parse_float=Decimal)
        except HTTPError as error:
            said = error.read().decode("utf-8", "replace")
            raise SimulatorFailed(f"the simulator refused {path}: {said}") from None
        except (URLError, OSError) as error:
            raise SimulatorFailed(f"the simulator does not answer: {error}") from None

    def _first_line(self) -> str:
        output = self._process.stdout
        line = output.readline(LONGEST_LINE) if output is not None else ""
        if not line:
            raise SimulatorFailed(f"the simulator ended with code {self._process.wait()} instead of starting")
        return line
