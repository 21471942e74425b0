"""What the suite has to know of one exchange. A fifth exchange is one more ``Subject``."""

from __future__ import annotations

import abc
import importlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import attrs

from jexkit.accounts import Account
from jexkit.core.dialect import Dialect
from jexkit.core.protocol import Machine
from jexkit.core.rotation import RotatingMachine, Schedule
from jexkit.core.values import Call, HttpReply, HttpRequest, Open
from jexkit.errors import JexkitError
from jexkit.testing.clock import ManualClock
from jexkit.testing.conversation import Answers, Table, hold, json_reply
from jexkit.testing.driver import Driver

STREAM = "conformance"


class Healthy(abc.ABC):
    """The exchange as it should be: takes every connection, login, subscription and call.

    A test can spoil it: ``refusal`` refuses the handshake, ``deny`` the credentials, ``answers`` has the HTTP side.
    """

    def __init__(self, account: Account, clock: ManualClock) -> None:
        self.clock = clock
        self.answers = Answers(dict(self.table()))
        self.refusal: JexkitError | None = None
        self.is_denied = False
        self._dialect: Dialect = _module(account, "rest").Rest(account, STREAM)

    def opens(self, order: Open) -> JexkitError | None:
        del order
        return self.refusal

    def holds(self, call: Call) -> Any:
        return hold(call.flow(), self._dialect, self.answers, lambda: self.clock.now().wall_ms)

    def time(self, request: HttpRequest) -> HttpReply:
        """The exchange's clock, which goes with the test's."""
        del request
        return json_reply({"serverTime": self.clock.now().wall_ms})

    @abc.abstractmethod
    def table(self) -> Table:
        """The healthy answers over HTTP."""

    @abc.abstractmethod
    def hears(self, frame: Any) -> Iterable[Any]:
        """The healthy answers over the websocket."""

    @abc.abstractmethod
    def deny(self) -> None:
        """From now on the credentials are wrong."""


@attrs.frozen
class Subject:
    """One exchange for the suite.

    ``account``      an account with made-up credentials; takes settings as ``jexkit.accounts`` does
    ``healthy``      its counterpart
    ``order``        the frame that tells of a new order; the number makes the order's id
    ``order_id``     the id of that order
    ``commands``     its session methods on a live stream, with arguments that are fine
    ``round_trip``   one of them that changes nothing
    ``chores``       counters, with the least and most that a quiet, healthy day may bring
    ``secrets``      what the counterpart gives out and nobody may print (listen keys, tokens)
    ``garbage``      frames that make no sense, besides those that make none anywhere
    ``trade``        has the account of the simulator live through a short day
    ``settings``     further settings for an account on the simulator
    ``wrong``        settings that make its credentials wrong
    """

    exchange: str
    account: Callable[..., Account]
    healthy: Callable[[Account, ManualClock], Healthy]
    order: Callable[[int], Any]
    order_id: Callable[[int], str]
    commands: Mapping[str, Mapping[str, Any]]
    round_trip: Mapping[str, Mapping[str, Any]]
    chores: Mapping[str, tuple[int, int]]
    secrets: tuple[str, ...]
    trade: Callable[[Any], None]
    garbage: tuple[str, ...] = ()
    settings: Mapping[str, Any] = attrs.field(factory=dict)
    wrong: Mapping[str, Any] = attrs.field(factory=dict)

    def driver(self, **settings: Any) -> Driver:
        """A machine of this exchange with a healthy counterpart."""
        account, clock = self.account(**settings), ManualClock()
        machine: Machine = _module(account, "protocol").Session(account, STREAM, chance=clock.chance)
        return Driver(machine, clock, self.healthy(account, clock))

    def __str__(self) -> str:
        return self.exchange


def rotating(subject: Subject, schedule: Schedule, **settings: Any) -> Driver:
    """Like ``Subject.driver``, with a machine that changes its connection."""
    account, clock = subject.account(**settings), ManualClock()

    def make() -> Any:
        return _module(account, "protocol").Session(account, STREAM, chance=clock.chance)

    machine: Any = RotatingMachine(make, schedule, clock.chance)
    return Driver(machine, clock, subject.healthy(account, clock))


def _module(account: Account, name: str) -> Any:
    return importlib.import_module(f"jexkit.exchanges.{account.exchange}.{name}")
