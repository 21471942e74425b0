"""Faults of a running simulator: begun, mended, and planned. See `faults` for what there is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeAlias

from jexkit.sim.bounds import LONGEST, is_within, read_number, shown
from jexkit.sim.breaking.mending import Mend
from jexkit.sim.faults import BadFault, find
from jexkit.sim.loop import LoopThread, on_loop

if TYPE_CHECKING:
    from jexkit.sim.simulator import Simulator

Item: TypeAlias = "tuple[float, str, str] | tuple[float, str, str, Mapping[str, Any]]"
"""When (exchange seconds from now), on which exchange, which fault, and its parameters."""
LINE = "line_"


class Breakage:
    """One fault that was begun. `mend` ends what can be ended; at the end of a `with` block it happens by itself."""

    def __init__(self, loop: LoopThread, exchange: str, fault: str, parameters: Mapping[str, Any]) -> None:
        self.loop = loop
        self.exchange = exchange
        self.fault = fault
        self.parameters = dict(parameters)
        self.undo: Mend | None = None

    @on_loop
    def mend(self) -> None:
        """End it now. Safe to call twice, and from any thread."""
        undo, self.undo = self.undo, None
        if undo is not None:
            undo()

    @property
    def lasts(self) -> bool:
        """True until it is mended; a fault that happens in a moment is over at once."""
        return self.undo is not None

    def __enter__(self) -> Breakage:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.mend()


class Breaker:
    """Begins and mends the faults of one simulator. Everything runs on its loop."""

    def __init__(self, sim: Simulator) -> None:
        self._sim = sim
        self._begun: list[Breakage] = []

    @property
    def loop(self) -> LoopThread:
        """The simulator's."""
        return self._sim.loop

    @on_loop
    def begin(self, exchange: str, fault: str, parameters: Mapping[str, Any]) -> Breakage:
        """Begin a fault. Raises BadFault."""
        checked = self.check(exchange, fault, parameters)
        breakage = Breakage(self.loop, exchange, fault, checked)
        wanted = dict(checked)
        seconds = wanted.pop("seconds", 0.0)
        breakage.undo = find(fault).does(self._sim.venues[exchange], **wanted)
        self._begun = [one for one in self._begun if one.lasts]
        if breakage.lasts:
            self._begun.append(breakage)
            if seconds:
                self._sim.clock.call_later(seconds, breakage.mend)
        return breakage

    @on_loop
    def mend(self, exchange: str | None = None) -> int:
        """Mend all faults of an exchange, or all; returns how many. Raises BadFault where there is no such exchange."""
        if exchange is not None:
            self.check_exchange(exchange)
        broken = [one for one in self._begun if one.lasts and exchange in (None, one.exchange)]
        for breakage in broken:
            breakage.mend()
        return len(broken)

    @on_loop
    def plan(self, items: Iterable[Item]) -> int:
        """Begin each fault at its time. Raises BadFault for the first that makes no sense; then none is planned."""
        if not isinstance(items, Iterable) or isinstance(items, (str, bytes, Mapping)):
            raise BadFault(f"A schedule is a list of (seconds, exchange, fault, parameters), not {shown(items)}.")
        planned = [self.check_item(item) for item in items]
        if not planned:
            raise BadFault("The schedule is empty.")
        for when, exchange, fault, parameters in planned:
            self._sim.clock.call_later(when, self._beginner(exchange, fault, parameters))
        return len(planned)

    def check(self, exchange: object, fault: object, parameters: object) -> dict[str, Any]:
        """The parameters with their values. Raises BadFault."""
        found = find(fault)
        self.check_exchange(exchange)
        if found.name.startswith(LINE) and self._sim.venues[str(exchange)].line is None:
            raise BadFault(f"There is no line in front of {exchange} for {found.name}: make a Simulator(lines=True).")
        if not isinstance(parameters, Mapping):
            raise BadFault(f"The parameters of {fault} must be names with values, not {shown(parameters)}.")
        return found.check(str(exchange), parameters)

    def check_exchange(self, exchange: object) -> None:
        """Raises BadFault for what is none."""
        if not isinstance(exchange, str) or exchange not in self._sim.venues:
            raise BadFault(f"There is no exchange {shown(exchange)}; there are {', '.join(self._sim.venues)}.")

    def check_item(self, item: object) -> tuple[float, str, str, dict[str, Any]]:
        """One item of a schedule. Raises BadFault."""
        if not isinstance(item, Sequence) or isinstance(item, str) or len(item) not in (3, 4):
            raise BadFault(f"An item of a schedule is (seconds, exchange, fault, parameters), not {shown(item)}.")
        when, exchange, fault, *more = item
        if not is_within(when, 0, LONGEST):
            about = f"{shown(fault)} of {shown(exchange)}"
            raise BadFault(f"{about} is planned for {shown(when)}; give seconds from now, up to a year.")
        parameters = more[0] if more else {}
        return float(when), exchange, fault, {**self.check(exchange, fault, parameters)}

    def _beginner(self, exchange: str, fault: str, parameters: Mapping[str, Any]) -> Mend:
        def begin() -> None:
            self.begin(exchange, fault, parameters)

        return begin


def read_item(text: str) -> tuple[float, str, str, dict[str, str]]:
    """Read `exchange:fault,name=value,...@seconds`, as on the command line. Raises BadFault for another form."""
    what, at, when = text.rpartition("@")
    exchange, colon, rest = what.partition(":")
    fault, *settings = rest.split(",")
    pairs = [setting.partition("=") for setting in settings]
    if not at or not colon or not exchange or not fault or not all(name and equals for name, equals, _ in pairs):
        raise BadFault(f"Write exchange:fault@seconds or exchange:fault,name=value@seconds, not {text!r}.")
    names = [name for name, _, _ in pairs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise BadFault(f"{text!r} says {twice} twice.")
    seconds = read_number(when)
    if seconds is None:
        raise BadFault(f"{when!r} in {text!r} is no number of seconds.")
    return seconds, exchange, fault, {name: value for name, _, value in pairs}
