"""Conversations over HTTP: asks what a flow of a dialect yields, signs with the exchange's time, reads the answer.

* The exchange's clock is measured before the first signed question, and again when the exchange complains.
* A question that is safe to repeat is repeated once where its outcome is unknown or the exchange was down.
* Every question waits for its turn: one pace for all streams of the process (see ``governor``). While the exchange has
  told us to wait (``Retry-After``, a ban), nothing is sent to it at all.
"""

from __future__ import annotations

import threading
from typing import Any, TypeVar

from jexkit import logs
from jexkit.core.dialect import Dialect
from jexkit.core.replies import retry_after
from jexkit.core.values import Ask, Flow, Now, Security
from jexkit.engine.clock import Clock
from jexkit.engine.governor import Governor
from jexkit.engine.governor import shared as governor_of_the_process
from jexkit.engine.http import HttpClient
from jexkit.errors import ClockSkew, ExchangeDown, JexkitError, RateLimited, TransportError, UnknownOutcome

logger = logs.of(__name__)

T = TypeVar("T")

REPEAT_AFTER = 0.3  # seconds
SHORT_PAUSE = 2.0  # seconds of a pause that are waited out; of a longer one the caller is told
LONGEST_WAIT = 60.0  # seconds for a turn
STEP_MS = 500  # that the wall clock moved against the monotonic one: it was set, or the machine slept


class Caller:
    """Asks one account's exchange. Thread-safe; every method blocks, within the HTTP timeouts."""

    def __init__(
        self,
        dialect: Dialect,
        http: HttpClient,
        clock: Clock,
        governor: Governor = governor_of_the_process,
        stream: str = "",
    ) -> None:
        self._logger = logs.about(logger, stream)
        self._governor = governor
        self._dialect = dialect
        self._http = http
        self._clock = clock
        self._stopping = threading.Event()
        self._clock_lock = threading.Lock()  # guards the measuring of the clock; held while it is measured
        self._skew_ms: int | None = None
        self._apart_ms = 0.0

    def hold(self, flow: Flow[T]) -> T:
        """Hold a conversation to its end and return its result. Raises JexkitError."""
        try:
            ask = next(flow)
            while True:
                ask = self._go_on(flow, ask)
        except StopIteration as end:
            result: T = end.value
            return result

    def _go_on(self, flow: Flow[Any], ask: Ask) -> Ask:
        """Ask one question, tell the flow the answer or the error, and return its next question."""
        try:
            answer = self._ask(ask)
        except JexkitError as error:
            return flow.throw(error)
        return flow.send(answer)

    def stop(self) -> None:
        """End waits between attempts, and close the connections."""
        self._stopping.set()
        self._http.close()

    @property
    def skew_ms(self) -> int | None:
        """How far the exchange's clock is ahead of ours, None if it was never measured."""
        return self._skew_ms

    def measure_clock(self) -> int:
        """Ask the exchange for its time and return how far it is ahead, in milliseconds."""
        with self._clock_lock:
            return self._measure()

    def _is_measured(self) -> bool:
        """Whether the measure is good still: not if our wall clock was set since. Some exchanges call a question that
        is signed with a wrong time a wrong key, so it is not waited for their complaint.
        """
        return self._skew_ms is not None and abs(_apart_ms(self._clock.now()) - self._apart_ms) < STEP_MS

    def _measure(self) -> int:
        before = self._clock.now()
        server_ms = self.hold(self._dialect.clock())
        after = self._clock.now()
        # Half of the way there and back, by the clock that cannot be set in between.
        self._skew_ms = server_ms - before.wall_ms - round((after.monotonic - before.monotonic) * 500)
        self._apart_ms = _apart_ms(before)
        self._logger.debug("the exchange's clock is %+d ms from ours", self._skew_ms)
        return self._skew_ms

    def _ask(self, ask: Ask) -> Any:
        if ask.security is Security.SIGNED and not self._is_measured():
            with self._clock_lock:
                if not self._is_measured():
                    self._measure()
        try:
            return self._ask_once(ask)
        except ClockSkew:
            self.measure_clock()
            return self._ask_once(ask)
        except (TransportError, ExchangeDown) as error:
            is_told_to_wait = getattr(error, "retry_after", 0.0) > REPEAT_AFTER
            if is_told_to_wait or not ask.idempotent or self._stopping.wait(REPEAT_AFTER):
                raise
            self._logger.debug("asking again: %s", error)
            return self._ask_once(ask)

    def _ask_once(self, ask: Ask) -> Any:
        request = self._dialect.prepare(ask, self._clock.now().wall_ms + (self._skew_ms or 0))
        self._wait_for_turn(request.url, ask)
        reply = self._http.send(request)
        wall_ms = self._clock.now().wall_ms
        try:
            return self._dialect.read(ask, reply, wall_ms)
        except (RateLimited, ExchangeDown, UnknownOutcome) as error:
            error.retry_after = max(error.retry_after, retry_after(reply, wall_ms) or 0.0)
            self._governor.close(request.url, error.retry_after)
            raise

    def _wait_for_turn(self, url: str, ask: Ask) -> None:
        """Keep the pace; a pause that the exchange has asked for is told, and nothing is sent into it."""
        pause = self._governor.closed_for(url)
        if pause > SHORT_PAUSE:
            raise RateLimited(f"the exchange asked for a pause; {pause:.0f} seconds of it are left", retry_after=pause)
        # The exchange's time and the like are public: they weigh next to nothing, and keep only to the pause.
        wait = pause
        if ask.security is not Security.NONE:
            wait = self._governor.reserve(url, self._dialect.pace, ask.weight, most=LONGEST_WAIT)
        if wait > LONGEST_WAIT:
            raise RateLimited(f"too much is asked of the exchange; come back in {wait:.0f} seconds", retry_after=wait)
        if wait > 0 and self._stopping.wait(wait):
            raise TransportError("stopped while waiting for a turn")


def _apart_ms(now: Now) -> float:
    return now.wall_ms - now.monotonic * 1000
