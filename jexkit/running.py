"""What runs one stream of a manager: from its start to its stop, or to the end of a tenure (see ``engine.tenure``)."""

from __future__ import annotations

import importlib
import threading
import time
from collections.abc import Callable
from typing import Any

import attrs

from jexkit.accounts import Account
from jexkit.core.overflow import Overflow
from jexkit.core.rotation import RotatingMachine, Schedule
from jexkit.engine.caller import Caller
from jexkit.engine.clock import Clock
from jexkit.engine.conductor import Conductor
from jexkit.engine.delivery import Delivery
from jexkit.engine.http import HttpClient
from jexkit.engine.journaled import JournaledDelivery
from jexkit.engine.journaling import Writer
from jexkit.engine.process import Home
from jexkit.engine.reader import Readers
from jexkit.engine.registry import Registry
from jexkit.engine.runner import OnError, Runner
from jexkit.engine.tenure import Gate
from jexkit.engine.timer import Timer
from jexkit.events import Event
from jexkit.stream import Stream

WELL_WITHIN = 60.0  # seconds, and two handshakes: a reader looks up from its work far more often otherwise


@attrs.frozen
class Shared:
    """What all streams of a manager have in common. ``registry`` has the manager's own callbacks."""

    registry: Registry
    timer: Timer
    clock: Clock
    on_error: OnError | None
    slow_callback: float | None
    overflow: Overflow
    queue_size: int
    home: Home


class Running:
    """One stream with everything that runs it."""

    def __init__(
        self,
        name: str,
        account: Account,
        shared: Shared,
        writer: Writer | None,
        gate: Gate | None,
        before: Running | None = None,
        after: threading.Thread | None = None,
    ) -> None:
        clock, timer = shared.clock, shared.timer
        machine = _machine(account, name, clock)
        self.account = account
        self._machine = machine
        self._timer = timer
        self._clock = clock
        self._gate = gate
        self._after = after
        self.registry: Registry = before.registry if before is not None else Registry(has_journal=writer is not None)
        self._caller = Caller(machine.dialect, HttpClient(account), clock, stream=name)
        self._runner = Runner(name, clock=clock, on_error=shared.on_error, slow_after=shared.slow_callback, gate=gate)
        self.delivery = _delivery(name, self.registry, shared, self._runner, writer, machine)
        self.conductor = Conductor(name, machine, clock=clock, timer=timer, caller=self._caller, delivery=self.delivery)
        self.delivery.attach(self.conductor)
        self._reader = Readers(account, self.conductor, self.delivery, clock)
        self.conductor.attach(self._reader)
        if before is None:
            self.stream: Stream = Stream(name, account, self.conductor, self.delivery, self.registry, shared.home)
        else:
            self.stream = before.stream
            self.stream.follow(self.conductor, self.delivery)
        self._common = shared.registry
        self._well_within = WELL_WITHIN + 2 * account.connect_timeout
        self._is_started = False

    @property
    def is_well(self) -> bool:
        """Whether its reader has looked up from its work not long ago, or has none any more."""
        age = self._clock.monotonic() - self.conductor.looked_at
        return not self._is_started or self.conductor.ended.is_set() or age < self._well_within

    def start(self) -> None:
        self._is_started = True
        if isinstance(self.delivery, JournaledDelivery):
            memory = self.delivery.recall()
            if memory is not None:
                self._machine.remember(memory)
        self.conductor.looked_at = self._clock.monotonic()
        self.delivery.start()
        self._timer.watch(self.conductor)
        self._reader.start()
        self.conductor.started()

    def ask_to_stop(self, timeout: float) -> list[Callable[[], None]]:
        """Have everything come to its end within ``timeout`` seconds; returns the calls that are wanted before."""
        farewells = self.conductor.stop()
        self.delivery.ask_to_stop(timeout)
        return farewells

    def finish(self, farewells: list[Callable[[], None]], deadline: float) -> bool:
        """Wait for the threads until ``deadline``; False if one did not end."""
        self._timer.unwatch(self.conductor)
        _run_until(farewells, deadline, self.stream.name)
        self._caller.stop()
        if self._after is not None:
            self._after.join(max(0.0, deadline - time.monotonic()))
        if not self._is_started:
            self.delivery.end_listeners()
            return True
        read = self._reader.join(deadline - time.monotonic())
        told = self.delivery.stop(deadline - time.monotonic())
        self._shut_gate()
        return told and read

    def step_down(self, detail: str, deadline: float) -> threading.Thread:
        """Leave the account to another process; returns the thread that tells the program of it."""
        self._shut_gate()
        last_word = self.conductor.step_down(detail)
        self.delivery.ask_to_stop(0)
        self._timer.unwatch(self.conductor)
        self._caller.stop()
        self.delivery.end_listeners()
        self._reader.join(deadline - time.monotonic())
        thread = threading.Thread(
            target=self._tell, args=(last_word,), name=f"jexkit-{self.stream.name}-delivery", daemon=True
        )
        thread.start()
        return thread

    def _shut_gate(self) -> None:
        if self._gate is not None:
            self._gate.shut()

    def _tell(self, events: list[Event]) -> None:
        """The last word, after the callback that is under way; what is queued is dropped, and the gate is shut."""
        if self.delivery.thread.is_alive():
            self.delivery.thread.join()
        self._runner.gate = None
        for event in events:
            for registration in (*self.registry.registrations, *self._common.registrations):
                if isinstance(event, registration.kind):
                    self._runner.run(registration.callback, event)


def _machine(account: Account, name: str, clock: Clock) -> RotatingMachine:
    """The session machine of the account's exchange, from its folder, made anew for each change of connection."""
    session = importlib.import_module(f"jexkit.exchanges.{account.exchange}.protocol").Session
    schedule = Schedule.of(session.lifetime, account.rotate_at)
    return RotatingMachine(lambda: session(account, name, chance=clock.chance), schedule, clock.chance)


def _delivery(
    name: str, own: Registry, shared: Shared, runner: Runner, writer: Writer | None, machine: RotatingMachine
) -> Delivery:
    settings: dict[str, Any] = {
        "runner": runner,
        "clock": shared.clock,
        "overflow": shared.overflow,
        "queue_size": shared.queue_size,
    }
    if writer is None:
        return Delivery(name, own, shared.registry, **settings)
    return JournaledDelivery(name, own, shared.registry, writer=writer, memory=lambda: machine.memory, **settings)


def _run_until(calls: list[Callable[[], None]], deadline: float, name: str) -> None:
    """Run the last calls of a stream on a thread of their own, and wait for them no longer than ``deadline``."""
    for call in calls:
        thread = threading.Thread(target=call, name=f"jexkit-{name}-farewell", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            call()  # the interpreter is on its way out and starts no thread any more; the HTTP timeouts are the limit
        else:
            thread.join(max(0.0, deadline - time.monotonic()))
