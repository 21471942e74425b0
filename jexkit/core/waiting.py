"""What a session machine waits for: moments, answers over HTTP, and answers to the program's commands.

Each has an end. A call or a command that is not answered in time has failed, and what the connection was to bring ends
with the connection.
"""

from __future__ import annotations

import abc
import itertools
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from jexkit.core.lifecycle import ENDED, Phase
from jexkit.core.values import Answer, Call, Flow, Now, Outputs
from jexkit.errors import JexkitError, StreamEnded, TransportError, UsageError, WaitTimeout

Handler: TypeAlias = Callable[[Now], Outputs]
OnResult: TypeAlias = Callable[[Any, Now], Outputs]
OnError: TypeAlias = Callable[[JexkitError, Now], Outputs]

NEVER = float("inf")
CALL_WITHIN = 45.0  # seconds for a conversation over HTTP, retries included; the engine's own limits are shorter
COMMAND_WITHIN = 15.0  # seconds for the exchange to answer a command of the program


class WaitingMachine(abc.ABC):
    """The ground of a session machine: its name, its phase, and all that has a deadline."""

    quiet_within = COMMAND_WITHIN  # seconds; no deadline that a command brings to a quiet stream is nearer than this

    def __init__(self, *, exchange: str, stream: str) -> None:
        self.exchange = exchange
        self.stream = stream
        self.phase = Phase.IDLE
        self.numbers = itertools.count(1)
        self._timers: dict[str, tuple[float, Handler]] = {}
        self._due: float | None = NEVER  # the first of them, None until it is looked for
        self._calls: dict[int, tuple[OnResult, OnError]] = {}
        self._tickets: set[int] = set()
        self._errands: dict[int, int] = {}  # calls that are made for a command of the program, and its ticket

    # --- what the engine asks ---------------------------------------------------------------------------------------

    @property
    def due(self) -> float:
        """The monotonic time at which ``ticked`` is wanted next; infinity for "not at all"."""
        if self._due is None:
            self._due = min((when for when, _ in self._timers.values()), default=NEVER)
        return self._due

    @property
    def is_quiet(self) -> bool:
        """Live, and waiting for no answer over HTTP and for none that the program waits for."""
        return self.phase is Phase.LIVE and not self._calls and not self._tickets

    # --- facts ------------------------------------------------------------------------------------------------------

    def replied(self, call: int, result: Any, now: Now) -> Outputs:
        """The conversation ``call`` ended well."""
        handlers = self._ended_call(call)
        return handlers[0](result, now) if handlers and self.phase not in ENDED else []

    def failed(self, call: int, error: JexkitError, now: Now) -> Outputs:
        """The conversation ``call`` ended with an error."""
        handlers = self._ended_call(call)
        return handlers[1](error, now) if handlers and self.phase not in ENDED else []

    def asked(self, ticket: int, command: str, arguments: Mapping[str, Any], now: Now) -> Outputs:
        """The program gave a command of ``jexkit.session`` and waits for the ``Answer`` to ``ticket``."""
        if self.phase in ENDED:
            return [Answer(ticket, error=StreamEnded(f"stream {self.stream!r} has ended"))]
        if self.phase is Phase.IDLE:
            return [Answer(ticket, error=UsageError(f"stream {self.stream!r} has not been started; start it first"))]
        handler = self._commands().get(command)
        if handler is None:
            known = ", ".join(sorted(self._commands()))
            return [Answer(ticket, error=UsageError(f"{self.exchange} has no {command}(); it has: {known}"))]
        self._tickets.add(ticket)
        self._at(f"ticket {ticket}", now.monotonic + COMMAND_WITHIN, lambda _: self._too_late(ticket, command))
        return handler(ticket, arguments, now)

    # --- moments ----------------------------------------------------------------------------------------------------

    def _at(self, name: str, when: float, handler: Handler) -> None:
        self._timers[name] = (when, handler)
        self._due = None

    def _not_at(self, name: str) -> None:
        if self._timers.pop(name, None) is not None:
            self._due = None

    def _run_due(self, now: Now) -> Outputs:
        """What is to be done by now, the earliest first; one of them may call off those behind it."""
        outputs: Outputs = []
        ripe = sorted((when, name) for name, (when, _) in self._timers.items() if when <= now.monotonic)
        for _, name in ripe:
            found = self._timers.get(name)
            if found is not None and found[0] <= now.monotonic:
                self._not_at(name)
                outputs += found[1](now)
        return outputs

    # --- calls ------------------------------------------------------------------------------------------------------

    def _number(self) -> int:
        return next(self.numbers)

    def _call(
        self,
        what: str,
        flow: Callable[[], Flow[Any]],
        done: OnResult,
        failed: OnError,
        now: Now,
        *,
        within: float = CALL_WITHIN,
        ticket: int | None = None,
    ) -> Outputs:
        """Hold a conversation over HTTP; an answer that does not come ``within`` so many seconds is a failure.

        It is forgotten with the connection, unless it is made for a command of the program, whose ``ticket`` it has.
        """
        call = self._number()
        if ticket is not None:
            self._errands[call] = ticket

        def given_up(later: Now) -> Outputs:
            error = TransportError(f"{what}: no answer within {within:.0f} seconds")
            return self.failed(call, error, later)

        def then(handler: Callable[[Any, Now], Outputs]) -> Callable[[Any, Now], Outputs]:
            def run(value: Any, later: Now) -> Outputs:
                self._not_at(f"call {call}")
                return handler(value, later)

            return run

        self._calls[call] = (then(done), then(failed))
        self._at(f"call {call}", now.monotonic + within, given_up)
        return [Call(call, what, flow)]

    def _ended_call(self, call: int) -> tuple[OnResult, OnError] | None:
        self._errands.pop(call, None)
        return self._calls.pop(call, None)

    # --- commands ---------------------------------------------------------------------------------------------------

    def _answer(self, ticket: int, result: Any = None, error: JexkitError | None = None) -> Outputs:
        """The answer to a command, unless its time is over."""
        if ticket not in self._tickets:
            return []
        self._tickets.discard(ticket)
        self._not_at(f"ticket {ticket}")
        return [Answer(ticket, result, error)]

    def _too_late(self, ticket: int, command: str) -> Outputs:
        return self._answer(ticket, error=WaitTimeout(f"no answer to {command}() within {COMMAND_WITHIN:g} seconds"))

    # --- the end of it ----------------------------------------------------------------------------------------------

    def _forget_waits(self, error: JexkitError) -> Outputs:
        """Forget everything that belonged to the connection; commands that waited on it get ``error``.

        A command that is carried out over HTTP goes on: closing a listen key, for one, ends the connection, and the
        answer may well come after that end.
        """
        calls, tickets = self._errands.keys(), set(self._errands.values())
        kept = {f"call {call}" for call in calls} | {f"ticket {ticket}" for ticket in tickets}
        self._timers = {name: timer for name, timer in self._timers.items() if name in kept}
        self._due = None
        self._calls = {call: self._calls[call] for call in calls}
        outputs: Outputs = [Answer(ticket, error=error) for ticket in sorted(self._tickets - tickets)]
        self._tickets &= tickets
        return outputs

    # --- hook -------------------------------------------------------------------------------------------------------

    @abc.abstractmethod
    def _commands(self) -> Mapping[str, Callable[[int, Mapping[str, Any], Now], Outputs]]:
        """The commands of ``jexkit.session`` that this exchange has on a live stream."""
