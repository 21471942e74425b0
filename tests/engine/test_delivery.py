"""The delivery thread: order, callbacks that raise or call back, listeners, and the end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest

from jexkit.core.book import Book
from jexkit.core.overflow import Overflow
from jexkit.engine.clock import Clock
from jexkit.engine.delivery import Delivery
from jexkit.engine.registry import Registry
from jexkit.engine.runner import Runner
from jexkit.events import (
    BalanceUpdate,
    Event,
    Fill,
    Gap,
    Live,
    Lost,
    Market,
    OrderStatus,
    OrderUpdate,
    PositionUpdate,
    Side,
    Suspended,
    SuspendReason,
)
from jexkit.testing.clock import ManualClock
from tests.engine.servers import PATIENCE

Start = Callable[..., Delivery]


def about(number: int = 0) -> dict[str, Any]:
    return {"exchange": "toy", "account": "t", "id": f"e{number}", "time_ms": number, "received_ms": number}


def live(number: int = 0) -> Live:
    return Live(**about(number))


def order(number: int, status: OrderStatus = OrderStatus.NEW, key: str = "1") -> OrderUpdate:
    return OrderUpdate(
        market=Market.SPOT, symbol="X", order_id=key, key=key, side=Side.BUY, status=status, native_status="",
        **about(number),
    )  # fmt: skip


def balance(total: str | None, change: str | None = None) -> BalanceUpdate:
    amounts = {"total": Decimal(total) if total else None, "change": Decimal(change) if change else None}
    return BalanceUpdate(market=Market.SPOT, asset="BTC", key="BTC", **amounts, **about())


def position(quantity: str) -> PositionUpdate:
    return PositionUpdate(market=Market.FUTURES, symbol="P", key="P", quantity=Decimal(quantity), **about())


@pytest.fixture
def registry() -> Registry:
    return Registry()


@pytest.fixture
def start(registry: Registry) -> Iterator[Start]:
    """Make and start a delivery for ``registry``; stopped at the end."""
    made: list[Delivery] = []

    def make(common: Registry | None = None, **settings: Any) -> Delivery:
        clock = Clock()
        runner = Runner("t", clock=clock)
        made.append(Delivery("t", registry, common or Registry(), runner=runner, clock=clock, **settings))
        made[-1].start()
        return made[-1]

    yield make
    assert all(each.stop(PATIENCE) for each in made)


def flush(delivery: Delivery) -> None:
    """Wait until everything that was put is delivered: an event of our own has come to a listener."""
    done = threading.Event()
    marker = live(987_654)

    class Listening:
        def offer(self, event: Event) -> None:
            if event is marker:
                done.set()

        def end(self) -> None:
            done.set()

    listener = Listening()
    delivery.listen(listener)
    delivery.put([marker])
    assert done.wait(PATIENCE)
    delivery.unlisten(listener)


# --- order ------------------------------------------------------------------------------------------------------------


def test_events_are_delivered_in_order_on_one_thread(registry: Registry, start: Start) -> None:
    """One at a time, all on the delivery thread."""
    seen: list[tuple[str, str]] = []
    registry.add(Live, lambda event: seen.append((event.id, threading.current_thread().name)))
    delivery = start()
    delivery.put([live(1), live(2)])
    delivery.put([])
    delivery.put([live(3)])
    flush(delivery)
    assert seen[:3] == [(f"e{number}", "jexkit-t-delivery") for number in (1, 2, 3)]


def test_the_order_of_callbacks_is_fixed(registry: Registry, start: Start) -> None:
    """The state first, then the stream's callbacks as registered, then the manager's, then whoever waits."""
    manager = Registry()
    seen: list[str] = []
    manager.add(Event, lambda event: seen.append("manager"))
    registry.add(OrderUpdate, lambda event: seen.append("first"))
    registry.add(Event, lambda event: seen.append("second"))
    registry.add(OrderUpdate, lambda event: seen.append(f"orders: {len(delivery.orders())}"))
    delivery = start(manager)

    class Listening:
        def offer(self, event: Event) -> None:
            seen.append("listener")

        def end(self) -> None: ...

    delivery.listen(Listening())
    delivery.put([order(1)])
    flush(delivery)
    assert seen[:5] == ["first", "second", "orders: 1", "manager", "listener"]


@pytest.mark.parametrize("busy", ["a callback", "an on_error", "a listener", "nothing"])
def test_slow_is_only_the_callback_that_took_long(registry: Registry, busy: str) -> None:
    """Those before and behind it in a batch are not taken for slow, nor the one behind a slow listener."""
    clock, told = ManualClock(), threading.Event()

    def callback(event: Event) -> None:
        if event.time_ms == 3:
            told.set()
        if busy == "a callback" and event.time_ms == 1:
            clock.advance(60.0)
        if busy == "an on_error" and event.time_ms == 1:
            raise ValueError

    class Listening:
        def offer(self, event: Event) -> None:
            if busy == "a listener" and event.time_ms == 1:
                clock.advance(60.0)

        def end(self) -> None: ...

    runner = Runner("t", clock=clock, on_error=lambda *about: clock.advance(60.0))
    delivery = Delivery("t", registry, Registry(), runner=runner, clock=clock)
    registry.add(OrderUpdate, callback)
    if busy == "a listener":
        delivery.listen(Listening())
    delivery.put([order(number) for number in range(4)])
    delivery.start()
    assert told.wait(PATIENCE)
    assert delivery.stop(PATIENCE)
    assert delivery.slow_callbacks == (busy in ("a callback", "an on_error"))


def test_a_callback_gets_its_type_and_no_other(registry: Registry, start: Start) -> None:
    seen: list[str] = []
    registry.add(Fill, lambda event: seen.append("fill"))
    registry.add(Live, lambda event: seen.append("live"))
    delivery = start()
    delivery.put([order(1), live(1)])
    flush(delivery)
    assert seen == ["live", "live"]  # the second one is the marker


def test_callbacks_may_come_and_go_while_events_run(registry: Registry, start: Start) -> None:
    """From inside a callback, too: what is registered now gets the next event."""
    seen: list[str] = []

    def late(event: Event) -> None:
        seen.append(f"late {event.id}")

    def once(event: Event) -> None:
        seen.append(f"once {event.id}")
        registry.remove(OrderUpdate, once)
        registry.add(OrderUpdate, late)

    registry.add(OrderUpdate, once)
    delivery = start()
    delivery.put([order(1), order(2)])
    flush(delivery)
    assert seen == ["once e1", "late e2"]


def test_a_removed_callback_is_not_called_any_more(registry: Registry, start: Start) -> None:
    """Not even with the event that is being delivered, when an earlier callback removes it."""
    seen: list[str] = []

    def removed(event: Event) -> None:
        seen.append(f"removed {event.id}")

    registry.add(OrderUpdate, lambda event: registry.remove(OrderUpdate, removed))
    registry.add(OrderUpdate, removed)
    registry.add(OrderUpdate, lambda event: seen.append(event.id))
    delivery = start()
    delivery.put([order(1), order(2)])
    flush(delivery)
    assert seen == ["e1", "e2"]


def test_a_callback_for_all_streams_may_come_late(registry: Registry, start: Start) -> None:
    """It gets the next event, also of a type that was delivered before without it."""
    common, seen = Registry(), list[str]()
    delivery = start(common)
    delivery.put([order(1)])
    flush(delivery)
    common.add(Event, lambda event: seen.append(event.id))
    delivery.put([order(2)])
    flush(delivery)
    assert seen[0] == "e2"


def test_a_callback_that_raises_harms_nobody(registry: Registry, start: Start) -> None:
    """The others still get the event, and the thread goes on."""
    seen: list[str] = []
    registry.add(OrderUpdate, lambda event: 1 / 0)
    registry.add(OrderUpdate, lambda event: seen.append(event.id))
    delivery = start()
    delivery.put([order(1), order(2)])
    flush(delivery)
    assert seen == ["e1", "e2"]
    assert delivery.callback_errors == 2


def test_a_listener_that_raises_harms_nobody(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        def offer(self, event: Event) -> None:
            raise ValueError("mine")

        def end(self) -> None: ...

    delivery = start()
    delivery.listen(Broken())
    flush(delivery)
    assert "a listener failed on Live" in caplog.text


# --- the current state ------------------------------------------------------------------------------------------------


def test_the_state_is_what_was_delivered(start: Start) -> None:
    """Open orders, the last balance that says an amount, positions that are not flat."""
    delivery = start()
    delivery.put([order(1, key="a"), order(2, key="b"), order(3, OrderStatus.FILLED, key="a")])
    delivery.put([balance("5"), balance(None, "1"), position("2")])
    flush(delivery)
    assert list(delivery.orders()) == ["b"]
    assert delivery.balances()["BTC"].total == 5
    assert delivery.positions()["P"].quantity == 2
    delivery.put([position("0")])
    flush(delivery)
    assert delivery.positions() == {}
    delivery.put([Gap(since_ms=None, until_ms=4, what="the end of b", why="unknown", key="b", **about(4))])
    flush(delivery)
    assert delivery.orders() == {}


def test_the_state_is_a_copy(start: Start) -> None:
    """Read-only, and as of the moment at which it was asked for."""
    delivery = start()
    before = delivery.orders()
    delivery.put([order(1)])
    flush(delivery)
    assert before == {}
    with pytest.raises(TypeError):
        delivery.orders()["x"] = order(2)  # type: ignore[index]


# --- the queue --------------------------------------------------------------------------------------------------------


class Feeder:
    """Stands for the machine: floods when the queue is full, and notes what it is told."""

    def __init__(self, delivery: Delivery, *, has_ended: bool = False) -> None:
        self.delivery = delivery
        self.has_ended = has_ended
        self.dropped: list[str] = []
        self.book_then: list[str] = []
        self.caught = threading.Event()
        delivery.attach(self)

    def put(self, *events: Event) -> None:
        self.delivery.put(events)
        if self.delivery.is_full:
            self.delivery.flood([overflow()])

    def take_back(self, drain: Callable[[], list[Event]], told: Book) -> bool:
        if self.has_ended:
            return False
        self.dropped += [event.id for event in drain()]
        self.book_then = list(told.orders)
        return True

    def caught_up(self) -> None:
        self.caught.set()


def overflow() -> Suspended:
    return Suspended(reason=SuspendReason.OVERFLOW, **about(777))


class Held:
    """A callback that holds the first event until it is released, and notes all."""

    def __init__(self) -> None:
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.seen: list[str] = []

    def __call__(self, event: Event) -> None:
        self.seen.append(event.id)
        self.begun.set()
        assert self.go_on.wait(PATIENCE)


def hold(registry: Registry, delivery: Delivery, **settings: bool) -> tuple[Held, Feeder]:
    """The first event is in a callback, and the queue behind it is empty."""
    held, feeder = Held(), Feeder(delivery, **settings)
    registry.add(Event, held)
    feeder.put(order(0, key="0"))
    assert held.begun.wait(PATIENCE)
    return held, feeder


def test_what_a_full_queue_holds_is_dropped(registry: Registry, start: Start) -> None:
    """As soon as the callback returns: not before, since nobody else may take events out. Then it has caught up."""
    delivery = start(overflow=Overflow.RECOVER, queue_size=4)
    held, feeder = hold(registry, delivery)
    for number in range(1, 4):
        feeder.put(order(number, key=str(number)))
    assert not delivery.is_full
    assert feeder.dropped == []
    assert delivery.queued == 5
    held.go_on.set()
    assert feeder.caught.wait(PATIENCE)
    assert feeder.dropped == ["e1", "e2", "e3"]
    assert feeder.book_then == ["0"]  # the state as the callbacks saw it
    assert held.seen == ["e0", "e777"]
    assert delivery.queued == 0
    feeder.put(order(9))
    flush(delivery)
    assert held.seen[2] == "e9"


def test_what_a_full_queue_holds_is_delivered_where_the_reader_waits(registry: Registry, start: Start) -> None:
    """Nothing is dropped, and it has caught up when all of it is delivered."""
    delivery = start(overflow=Overflow.BLOCK, queue_size=2)
    held, feeder = hold(registry, delivery)
    for number in range(1, 4):
        feeder.put(order(number))
    assert not feeder.caught.is_set()
    held.go_on.set()
    assert feeder.caught.wait(PATIENCE)
    assert held.seen == ["e0", "e1", "e2", "e3", "e777"]
    assert feeder.dropped == []


def test_nothing_is_dropped_that_nobody_would_find_again(registry: Registry, start: Start) -> None:
    """Of a stream that has ended, or is being stopped."""
    delivery, other = start(queue_size=2), start(queue_size=2)
    held, feeder = hold(registry, delivery, has_ended=True)
    feeder.put(order(1))
    feeder.put(order(2))
    held.go_on.set()
    flush(delivery)
    assert held.seen[:4] == ["e0", "e1", "e777", "e2"]
    held, feeder = hold(registry, other)
    feeder.put(order(1))
    stopping = threading.Thread(target=other.stop, args=(PATIENCE,))
    stopping.start()
    while not other._is_ending:
        stopping.join(0.01)
    held.go_on.set()
    stopping.join(PATIENCE)
    assert held.seen == ["e0", "e1", "e777"]
    assert not feeder.caught.is_set()


def test_a_recovery_is_taken_whole(registry: Registry, start: Start) -> None:
    """It comes all at once and is bounded by its own means; a queue that overflowed by it would never get anywhere."""
    delivery = start(queue_size=4)
    held, _ = hold(registry, delivery)
    delivery.put([order(number) for number in range(1, 101)])
    assert not delivery.is_full
    for number in range(200, 203):
        delivery.put([order(number)])
    assert not delivery.is_full  # there is room for what comes after it
    delivery.put([order(300)])
    assert delivery.is_full
    held.go_on.set()
    flush(delivery)
    assert not delivery.is_full


def test_the_reader_waits_for_room(registry: Registry, start: Start) -> None:
    """From a full queue to one that is half empty; the putting itself never waits."""
    delivery = start(overflow=Overflow.BLOCK, queue_size=10)
    held, _ = hold(registry, delivery)
    for number in range(1, 10):
        assert not delivery.holds_up
        delivery.put([order(number)])
    assert delivery.holds_up
    assert not delivery.wait_for_room(0.01, threading.Event())
    answers: list[bool] = []
    thread = threading.Thread(target=lambda: answers.append(delivery.wait_for_room(PATIENCE, threading.Event())))
    thread.start()
    held.go_on.set()
    thread.join(PATIENCE)
    assert answers == [True]
    assert not delivery.holds_up


def test_a_reader_that_need_not_wait_does_not(registry: Registry, start: Start) -> None:
    """Under the other policy the machine is told at once."""
    delivery = start(overflow=Overflow.RECOVER, queue_size=1)
    held, _ = hold(registry, delivery)
    delivery.put([order(1)])
    assert not delivery.holds_up
    held.go_on.set()


def test_waiting_for_room_ends_with_the_stream(registry: Registry, start: Start) -> None:
    delivery = start(overflow=Overflow.BLOCK, queue_size=1)
    held, _ = hold(registry, delivery)
    stopping = threading.Event()
    stopping.set()
    assert delivery.wait_for_room(PATIENCE, stopping)
    held.go_on.set()


# --- the end ----------------------------------------------------------------------------------------------------------


def test_stop_delivers_what_is_queued(registry: Registry, start: Start) -> None:
    seen: list[str] = []
    registry.add(OrderUpdate, lambda event: seen.append(event.id))
    delivery = start()
    delivery.put([order(number) for number in range(1000)])
    assert delivery.stop(PATIENCE)
    assert len(seen) == 1000
    assert delivery.queued == 0


def test_stop_does_not_wait_longer_than_it_may(
    registry: Registry, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    """What the hanging callback held up is said, and not delivered when it returns after all: stop() is over."""
    go_on, begun = threading.Event(), threading.Event()
    seen: list[str] = []

    def hang(event: Event) -> None:
        seen.append(event.id)
        begun.set()
        go_on.wait(PATIENCE)

    registry.add(OrderUpdate, hang)
    delivery = start()
    delivery.put([order(1), order(2)])
    delivery.put([order(3)])
    assert begun.wait(PATIENCE)
    assert not delivery.stop(0.05)
    assert "2 events are not delivered" in caplog.text
    assert "hang has not returned" in caplog.text
    go_on.set()
    assert delivery.stop(PATIENCE)
    assert seen == ["e1"]


def test_two_streams_may_stop_each_other(registry: Registry, start: Start) -> None:
    """Each from inside a callback, at the same time: neither waits for the other, whose end waits for it in turn."""
    both = threading.Barrier(2)
    answers: list[bool] = []
    deliveries = [start(), start()]

    def stop_the_other(event: Event) -> None:
        both.wait(PATIENCE)
        other = deliveries[1 - event.time_ms]
        answers.append(other.stop(PATIENCE))

    registry.add(OrderUpdate, stop_the_other)
    for number, delivery in enumerate(deliveries):
        delivery.put([order(number)])
    for delivery in deliveries:
        delivery.thread.join(PATIENCE)
        assert not delivery.thread.is_alive()
    assert answers == [True, True]


def test_stop_from_inside_a_callback_does_not_wait_for_itself(registry: Registry, start: Start) -> None:
    answers: list[bool] = []
    registry.add(OrderUpdate, lambda event: answers.append(delivery.stop(PATIENCE)))
    delivery = start()
    delivery.put([order(1)])
    delivery.thread.join(PATIENCE)
    assert answers == [True]


class Ended:
    """A listener that counts."""

    def __init__(self) -> None:
        self.ends = 0
        self.has_ended = threading.Event()

    def offer(self, event: Event) -> None: ...

    def end(self) -> None:
        self.ends += 1
        self.has_ended.set()


def test_listeners_are_told_of_the_end(start: Start) -> None:
    """Of a stop, of a loss, and at once if it is over already."""
    stopped, lost, late = Ended(), Ended(), Ended()
    first, second = start(), start()
    first.listen(stopped)
    second.listen(lost)
    assert first.stop(PATIENCE)
    second.put([Lost(error="AuthenticationError", detail="", **about())])
    assert lost.has_ended.wait(PATIENCE)
    flush(second)
    assert (stopped.ends, lost.ends) == (1, 1)
    first.listen(late)
    assert late.ends == 1


def test_a_suspension_ends_nobodys_waiting(start: Start) -> None:
    listener = Ended()
    delivery = start()
    delivery.listen(listener)
    delivery.put([Suspended(reason=SuspendReason.BROKEN, **about())])
    flush(delivery)
    assert listener.ends == 0
