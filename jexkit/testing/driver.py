"""Drives a stream's machine by hand: no thread, no socket, no waiting. A reconnection test is eight lines::

driver = Driver(machine, counterpart=healthy_deribit)
driver.start()                                   # the counterpart logs it in
assert driver.state() is State.LIVE
driver.close("gone", broken=True)
(suspended,) = driver.told(Suspended)
driver.advance(60)                               # ticks at every deadline on the way
assert driver.state() is State.LIVE
assert driver.machine.counters["connections"] == 2
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Protocol, TypeVar

import attrs

from jexkit.core import exact
from jexkit.core.lifecycle import State
from jexkit.core.protocol import Machine
from jexkit.core.values import Answer, Call, Drop, GiveUp, Now, Open, Output, Outputs, Ping, Send, sorted_by_use
from jexkit.errors import JexkitError
from jexkit.events import Event
from jexkit.testing.clock import ManualClock

E = TypeVar("E", bound=Event)

MOST_TICKS = 20  # at one instant; a machine that wants more has not moved its deadline


class Counterpart(Protocol):
    """The exchange, as far as a test needs one."""

    def opens(self, order: Open) -> JexkitError | None:
        """Take the connection (None), or refuse it with an error."""

    def hears(self, frame: Any) -> Iterable[Any]:
        """What is sent back on a frame of the client's: texts, or what is to be sent as JSON."""

    def holds(self, call: Call) -> Any:
        """The result of a conversation over HTTP. Raises JexkitError."""


@attrs.define
class Driver:
    """One machine, its clock and everything that it asked for.

    Without a ``counterpart`` nothing is answered but by the test. With one, connections, frames, pings and calls are
    answered at once, unless it is ``mute`` (it never answers what comes in that time) or ``holding`` (it answers one
    thing with each ``step``).
    """

    machine: Machine
    clock: ManualClock = attrs.field(factory=ManualClock)
    counterpart: Counterpart | None = None
    mute: bool = False
    holding: bool = False
    outputs: list[Output] = attrs.field(factory=list)
    answers: dict[int, Answer] = attrs.field(factory=dict)
    _calls: list[Call] = attrs.field(factory=list)
    _unanswered: deque[Output] = attrs.field(factory=deque, repr=False)
    _tickets: Any = attrs.field(factory=lambda: itertools.count(1), repr=False)

    # --- facts ------------------------------------------------------------------------------------------------------

    def start(self) -> Outputs:
        return self._tell(self.machine.started)

    def open(self, link: int | None = None) -> Outputs:
        """The websocket is open."""
        number = self.link if link is None else link
        return self._tell(lambda now: self.machine.opened(number, now))

    def refuse(self, error: JexkitError, link: int | None = None) -> Outputs:
        """The websocket could not be opened."""
        number = self.link if link is None else link
        return self._tell(lambda now: self.machine.refused(number, error, now))

    def text(self, message: Any, link: int | None = None) -> Outputs:
        """A text frame came: as it is, or ``message`` as JSON."""
        number = self.link if link is None else link
        text = message if isinstance(message, (str, bytes)) else exact.encode(message)
        frame = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
        return self._tell(lambda now: list(self.machine.texts(number, [frame], now)))

    def ping(self) -> Outputs:
        """The exchange pinged."""
        return self._tell(lambda now: self.machine.pinged(self.link, now))

    def pong(self) -> Outputs:
        """The exchange answered a ping."""
        return self._tell(lambda now: self.machine.ponged(self.link, now))

    def close(self, detail: str = "closed", *, broken: bool = False, link: int | None = None) -> Outputs:
        """The websocket ended."""
        number = self.link if link is None else link
        return self._tell(lambda now: self.machine.closed(number, detail, now, broken=broken))

    def reply(self, result: Any = None) -> Outputs:
        """The oldest call that is under way ends well."""
        call = self._calls.pop(0).call
        return self._tell(lambda now: self.machine.replied(call, result, now))

    def fail(self, error: JexkitError) -> Outputs:
        """The oldest call that is under way ends with an error."""
        call = self._calls.pop(0).call
        return self._tell(lambda now: self.machine.failed(call, error, now))

    def command(self, name: str, **arguments: Any) -> int:
        """The program gives a command; its answer will be in ``answers`` under the number that is returned."""
        ticket: int = next(self._tickets)
        self._tell(lambda now: self.machine.asked(ticket, name, arguments, now))
        return ticket

    def stop(self) -> Outputs:
        return self._tell(self.machine.stopped)

    def advance(self, seconds: float) -> Outputs:
        """Let time pass, and tick the machine at each moment at which it wants it."""
        goal = self.clock.monotonic() + seconds
        outputs: Outputs = []
        at_once = 0
        while self.machine.due <= goal:
            at_once = at_once + 1 if self.machine.due <= self.clock.monotonic() else 0
            if at_once > MOST_TICKS:
                raise AssertionError("the machine wants to be ticked without end: a deadline does not move when used")
            self.clock.advance_to(self.machine.due)
            outputs += self.tick()
        self.clock.advance_to(goal)
        return outputs

    def tick(self) -> Outputs:
        """Tick now, due or not."""
        return self._tell(self.machine.ticked)

    def step(self) -> bool:
        """Let the counterpart answer one thing; False if it owes no answer."""
        if self.counterpart is None or not self._unanswered:
            return False
        self._respond(self.counterpart, self._unanswered.popleft())
        return True

    # --- what came of it --------------------------------------------------------------------------------------------

    @property
    def link(self) -> int:
        return self.machine.link

    def state(self) -> State:
        """Where the stream stands. A method: type checkers believe that an attribute stays as it was asserted."""
        return self.machine.state

    @property
    def events(self) -> list[Event]:
        """Everything that the program was told."""
        return sorted_by_use(self.outputs)[0]

    def told(self, kind: type[E]) -> list[E]:
        """What the program was told of one type."""
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def sent(self) -> list[Any]:
        """Every text frame that was sent, decoded."""
        return [exact.decode(output.text) for output in self.outputs if isinstance(output, Send)]

    def asked_for(self, kind: type[Any]) -> list[Any]:
        """The outputs of one type, such as ``Open``, ``Ping``, ``Drop`` or ``GiveUp``."""
        return [output for output in self.outputs if isinstance(output, kind)]

    @property
    def calls(self) -> list[Call]:
        """The calls that are under way, oldest first."""
        return list(self._calls)

    def forget(self) -> None:
        """Forget all outputs so far, so that a test sees only what comes now."""
        self.outputs.clear()

    # --- inner ------------------------------------------------------------------------------------------------------

    def _tell(self, fact: Callable[[Now], Outputs]) -> Outputs:
        begin = len(self.outputs)
        outputs = fact(self.clock.now())
        self._check(outputs)
        self.outputs += outputs
        for output in outputs:
            if isinstance(output, Answer):
                if output.ticket in self.answers:
                    raise AssertionError(f"command {output.ticket} is answered a second time: {output}")
                self.answers[output.ticket] = output
            elif isinstance(output, Call):
                self._calls.append(output)
        if self.counterpart is not None and not self.mute:
            self._unanswered += outputs
        while not self.holding and self.step():
            pass
        return self.outputs[begin:]

    @staticmethod
    def _check(outputs: Outputs) -> None:
        """What holds for all outputs of all machines."""
        given_up = [number for number, output in enumerate(outputs) if isinstance(output, GiveUp)]
        if given_up and given_up != [len(outputs) - 1]:
            raise AssertionError(f"GiveUp is the last output of a machine, and comes once: {outputs}")

    def _respond(self, counterpart: Counterpart, output: Output) -> None:
        if isinstance(output, Open):
            refusal = counterpart.opens(output)
            if refusal is None:
                self.open(output.link)
            else:
                self.refuse(refusal, output.link)
        elif isinstance(output, Ping) and output.link == self.link:
            self.pong()
        elif isinstance(output, Call) and output in self._calls:
            self._calls.remove(output)
            self._conclude(counterpart, output)
        elif isinstance(output, Send):
            for frame in counterpart.hears(exact.decode(output.text)):
                self.text(frame, output.link)
        elif isinstance(output, Drop):
            self.close("dropped", link=output.link)  # a late word of the connection that was left

    def _conclude(self, counterpart: Counterpart, call: Call) -> None:
        try:
            result = counterpart.holds(call)
        except JexkitError as error:
            failure = error  # the name in the except clause is gone when the lambda runs
            self._tell(lambda now: self.machine.failed(call.call, failure, now))
        else:
            self._tell(lambda now: self.machine.replied(call.call, result, now))
