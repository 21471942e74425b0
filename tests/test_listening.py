"""Waiting for events in any thread."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from jexkit import listening as listening_module
from jexkit.engine.clock import Clock
from jexkit.engine.delivery import Delivery
from jexkit.engine.process import Home
from jexkit.engine.registry import Registry
from jexkit.engine.runner import Runner
from jexkit.errors import AuthenticationError, ConfigurationError, StreamEnded, UsageError, WaitTimeout
from jexkit.events import Event, Fill, Live, Lost, Market, Side
from jexkit.listening import EventIterator

WAIT = 30.0


def about(number: int, stream: str) -> dict[str, Any]:
    return {"exchange": "toy", "account": stream, "id": f"e{number}", "time_ms": number, "received_ms": number}


def live(number: int, stream: str = "t") -> Live:
    return Live(**about(number, stream))


def fill(number: int, quantity: int = 1) -> Fill:
    return Fill(
        market=Market.SPOT, symbol="X", order_id="1", trade_id=str(number), side=Side.BUY, price=None,
        quantity=Decimal(quantity), **about(number, "t"),
    )  # fmt: skip


class Stage:
    """A delivery, started, and iterators over what it delivers."""

    def __init__(self, name: str = "t") -> None:
        clock = Clock()
        self.registry = Registry()
        self.conductor = SimpleNamespace(name=name, error=None, superseded="")
        runner = Runner(name, clock=clock)
        self.delivery = Delivery(name, self.registry, Registry(), runner=runner, clock=clock)
        self.delivery.start()

    def events(self, *kinds: type[Event], timeout: float | None = WAIT) -> EventIterator[Any]:
        return EventIterator(self.delivery, self.conductor, kinds, timeout, Home("StreamManager"))  # type: ignore[arg-type]

    def put(self, *events: Event) -> None:
        self.delivery.put(events)


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    assert stage.delivery.stop(WAIT)


@pytest.fixture
def other() -> Iterator[Stage]:
    stage = Stage("other")
    yield stage
    assert stage.delivery.stop(WAIT)


def test_it_has_what_came_since_it_was_made(stage: Stage) -> None:
    """Whenever it is read: nothing is lost between opening it and waiting."""
    with stage.events() as before:
        stage.put(live(1))
        next(before)
    with stage.events(Live) as events:
        stage.put(live(2), fill(3), live(4))
        assert [next(events).id, next(events).id] == ["e2", "e4"]
    stage.put(live(5))
    with stage.events() as after:
        stage.put(live(6))
        next(after)
    assert events._queue.qsize() == 0  # closed: it collects no more


def test_it_waits_for_one_that_fits(stage: Stage) -> None:
    """What comes before it is passed over, what comes after it is kept."""
    with stage.events(Live, Fill) as events:
        stage.put(live(1), fill(2), fill(3, quantity=2), live(4))
        assert events.wait_for(Fill, where=lambda found: found.quantity == 2, timeout=WAIT).id == "e3"
        assert next(events).id == "e4"
        assert events.wait_for.__doc__


def test_what_never_comes_is_not_waited_for(stage: Stage) -> None:
    """A type that it does not collect, what is no type, or a condition that cannot be asked."""
    with stage.events(Live) as events:
        for where in (5, lambda: True):
            with pytest.raises(ConfigurationError, match=r"callable|must take one argument"):
                events.wait_for(Live, where)  # type: ignore[arg-type]
        with pytest.raises(ConfigurationError, match="this collects Live"):
            events.wait_for(Fill)
        with pytest.raises(ConfigurationError, match=r"such as jexkit\.Fill"):
            events.wait_for("Live")  # type: ignore[type-var]
        with pytest.raises(ConfigurationError, match="0 or more"):
            events.wait_for(Live, timeout=-1)


def test_a_base_type_may_be_waited_for(stage: Stage) -> None:
    """Some of what it collects is one."""
    with stage.events(Live) as events:
        stage.put(live(1))
        assert events.wait_for(Event, timeout=WAIT).id == "e1"


@pytest.mark.parametrize("timeout", [1e300, math.inf])
def test_a_timeout_may_be_as_long_as_it_likes(stage: Stage, timeout: float) -> None:
    """Longer than the system can wait is for ever."""
    with stage.events(timeout=timeout) as events:
        for take in (events.__next__, lambda: events.wait_for(Fill, timeout=timeout)):
            later = threading.Timer(0.05, lambda: stage.put(fill(1)))
            later.start()
            assert take().id == "e1"
            later.join()


def test_timeouts_are_kept(stage: Stage) -> None:
    """That of the iterator is for each event, that of ``wait_for`` for all of them together."""
    with stage.events(timeout=0.01) as events:
        with pytest.raises(WaitTimeout, match="'t'"):
            next(events)
        stage.put(live(1))
        with pytest.raises(WaitTimeout):
            events.wait_for(Fill, timeout=0.05)


@pytest.mark.parametrize("is_lost", [True, False])
def test_the_end_is_told_to_everybody_who_waits(stage: Stage, is_lost: bool) -> None:
    """After what came before it, each time that somebody asks, and to those who come later."""
    errors: list[StreamEnded] = []
    with stage.events(Live) as events:
        threads = [threading.Thread(target=lambda: _note_end(events, errors)) for _ in range(3)]
        for thread in threads:
            thread.start()
        if is_lost:
            stage.conductor.error = AuthenticationError("wrong key")
            stage.put(Lost(error="AuthenticationError", detail="wrong key", **about(1, "t")))
        else:
            assert stage.delivery.stop(WAIT)
        for thread in threads:
            thread.join(WAIT)
        _note_end(events, errors)
    _note_end(stage.events(), errors)
    words = "was lost: wrong key" if is_lost else "was stopped"
    assert [words in str(error) for error in errors] == [True] * 5
    assert {type(error.cause) for error in errors} == {AuthenticationError if is_lost else type(None)}


def _note_end(events: EventIterator[Any], errors: list[StreamEnded]) -> None:
    try:
        next(events)
    except StreamEnded as error:
        errors.append(error)


def test_too_slow_a_reader_is_told(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The memory is bounded. It has what was kept, and is told where more is missing."""
    monkeypatch.setattr(listening_module, "LARGEST_BACKLOG", 2)
    with stage.events() as slow, stage.events(Fill) as marker:
        stage.put(*(live(number) for number in range(4)), fill(9))
        next(marker)
        assert [next(slow).id, next(slow).id] == ["e0", "e1"]
        for _ in range(2):
            with pytest.raises(StreamEnded, match="too slowly"):
                next(slow)


# --- inside callbacks -------------------------------------------------------------------------------------------------


def test_a_callback_cannot_wait_for_its_own_stream(stage: Stage) -> None:
    """Nothing can come before it has returned. What has come already is there, and may be read."""
    outer = stage.events(Live)
    said: list[BaseException] = []
    read: list[Event] = []

    def callback(event: Fill) -> None:
        read.append(next(outer))
        for attempt in (lambda: next(outer), lambda: stage.events().wait_for(Live, timeout=WAIT)):
            try:
                attempt()
            except UsageError as error:
                said.append(error)

    stage.registry.add(Fill, callback)
    with stage.events(Fill) as fills:
        stage.put(live(1), fill(2))
        next(fills)
    assert [event.id for event in read] == ["e1"]
    assert len(said) == 2
    assert "another thread" in str(said[0])


def test_a_callback_may_wait_for_another_stream(stage: Stage, other: Stage) -> None:
    """The other one's thread is free to deliver."""
    got: list[Event] = []
    theirs = other.events(Live)
    stage.registry.add(Fill, lambda event: got.append(next(theirs)))
    with stage.events(Fill) as fills:
        stage.put(fill(1))
        other.put(live(2, "other"))
        next(fills)
    assert [event.id for event in got] == ["e2"]


def test_two_callbacks_cannot_wait_for_each_other(stage: Stage, other: Stage) -> None:
    """The second one is told; then the first one's event can come."""
    said: list[BaseException] = []
    mine, theirs = stage.events(Live), other.events(Live)
    first_waits = threading.Event()

    def first(event: Fill) -> None:
        first_waits.set()
        next(theirs)

    def second(event: Fill) -> None:
        first_waits.wait(WAIT)
        while True:  # until the first one has gone into its wait
            mine.timeout = 0.01
            try:
                next(mine)
            except WaitTimeout:
                continue
            except UsageError as error:
                said.append(error)
                return

    stage.registry.add(Fill, first)
    other.registry.add(Fill, second)
    with stage.events(Fill) as fills:
        stage.put(fill(1))
        other.put(fill(2), live(3, "other"))
        next(fills)
    assert len(said) == 1
