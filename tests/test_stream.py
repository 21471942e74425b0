"""The public face of a stream, on the simulator: callbacks, waiting, the current state, status."""

from __future__ import annotations

import json
import logging
import threading
from decimal import Decimal
from typing import Any

import pytest

import jexkit
from jexkit import Event, Fill, Live, OrderUpdate, Stream, StreamManager
from jexkit.core.lifecycle import State
from jexkit.errors import ConfigurationError, StreamEnded, UsageError, WaitTimeout
from jexkit.testing import simulated

pytest.importorskip("aiohttp", reason="the simulator needs the extra sim")

WAIT = 120.0  # seconds; far more than anything here takes, so that only a hang fails by it


@pytest.fixture
def account(simulator: Any) -> Any:
    return simulator.poloniex.account("main")


@pytest.fixture
def stream(account: Any, stream_manager: StreamManager) -> Stream:
    """A live stream of a Poloniex account."""
    stream = stream_manager.add(simulated.account(account), name="desk")
    stream_manager.start()
    stream.wait_live(WAIT)
    return stream


def test_callbacks_get_their_type_and_its_subclasses(account: Any, stream: Stream) -> None:
    """In the order in which they were registered; the same one for two types is called twice."""
    heard: list[tuple[str, str]] = []
    done = threading.Event()
    stream.on(Event, lambda event: heard.append(("any", type(event).__name__)))

    @stream.on(Fill)
    def note(fill: Fill) -> None:
        heard.append(("fill", type(fill).__name__))
        done.set()

    account.fill(account.place("BTC_USDT", "BUY", "1", price="20000"))
    assert done.wait(WAIT)
    assert ("any", "OrderUpdate") in heard
    assert heard[heard.index(("any", "Fill")) + 1] == ("fill", "Fill")
    assert ("fill", "OrderUpdate") not in heard


def test_off_undoes_one_on(account: Any, stream: Stream) -> None:
    """And says so when there was none."""
    heard: list[Event] = []
    stream.on(OrderUpdate, heard.append)
    stream.off(OrderUpdate, heard.append)
    with stream.events(OrderUpdate, timeout=WAIT) as updates:
        account.place("BTC_USDT", "BUY", "1", price="20000")
        next(updates)
    assert heard == []
    with pytest.raises(UsageError, match="not registered for OrderUpdate"):
        stream.off(OrderUpdate, heard.append)


def test_what_could_not_work_is_refused_at_once(stream: Stream) -> None:
    """Not at the first event, which may be a fill at night."""
    with pytest.raises(ConfigurationError, match="must take one argument"):
        stream.on(Fill, lambda: None)  # type: ignore[misc, arg-type]
    with pytest.raises(ConfigurationError, match=r"such as jexkit\.Fill"):
        stream.on("Fill", print)  # type: ignore[call-overload]
    with pytest.raises(ConfigurationError, match="decorates a function"):
        stream.on(Fill)(None)  # type: ignore[arg-type]


def test_the_state_is_as_last_delivered(account: Any, stream: Stream) -> None:
    """Open orders by key; a callback finds its own event in it already; the mappings are copies."""
    seen: list[bool] = []
    stream.on(OrderUpdate, lambda update: seen.append((update.key in stream.orders) is not update.status.is_final))
    with stream.events(OrderUpdate, timeout=WAIT) as updates:
        order = account.place("BTC_USDT", "BUY", "1", price="20000")
        update = next(updates)
        before = stream.orders
        assert before[update.key] == update
        account.cancel(order)
        while not next(updates).status.is_final:
            pass
    assert stream.orders == {}
    assert list(before) == [update.key]
    assert seen
    assert all(seen)
    with pytest.raises(TypeError):
        before["x"] = update  # type: ignore[index]
    told = {record["asset"]: Decimal(record["total"]) for record in account.balances() if Decimal(record["total"])}
    assert {key: balance.total for key, balance in stream.balances.items()} == told


def test_waiting_for_an_event(account: Any, stream: Stream) -> None:
    """``wait_for`` returns the first that fits; events from before the call do not count."""
    account.place("BTC_USDT", "BUY", "1", price="20000")
    with stream.events(OrderUpdate, timeout=WAIT) as updates:
        order = account.place("BTC_USDT", "BUY", "2", price="20000")
        next(update for update in updates if update.quantity == 2)
    found = threading.Event()

    def fill_until_found() -> None:
        account.fill(order)  # perhaps before the waiting has begun
        while not found.wait(0.01):
            account.fill(account.place("BTC_USDT", "BUY", "2", price="20000"))

    filling = threading.Thread(target=fill_until_found)
    filling.start()
    try:
        fill = stream.wait_for(Fill, where=lambda fill: fill.quantity == 2, timeout=WAIT)
    finally:
        found.set()
        filling.join(WAIT)
    assert (fill.stream, fill.symbol) == ("desk", "BTC_USDT")
    with pytest.raises(WaitTimeout):
        stream.wait_for(Fill, where=lambda fill: fill.symbol == "nothing", timeout=0.01)


def test_waiting_from_now_on(account: Any, stream: Stream) -> None:
    """What was delivered between the opening of the iterator and the waiting is not missed."""
    with stream.events(OrderUpdate, Fill) as events, stream.events(Fill, timeout=WAIT) as fills:
        order = account.place("BTC_USDT", "BUY", "2", price="20000")
        account.fill(order)
        next(fills)
        fill = events.wait_for(Fill, where=lambda fill: fill.order_id == order.order_id, timeout=WAIT)
    assert fill.quantity == 2


def test_waiting_inside_a_callback_says_what_to_do(account: Any, stream: Stream) -> None:
    """It would wait for ever, for the event that comes after its own return; what is so already is no wait."""
    said: list[BaseException] = []
    done = threading.Event()

    @stream.on(OrderUpdate)
    def wait(update: OrderUpdate) -> None:
        stream.wait_live()
        for attempt in (lambda: stream.wait_for(Fill), lambda: next(stream.events())):
            try:
                attempt()
            except UsageError as error:
                said.append(error)
        done.set()

    account.place("BTC_USDT", "BUY", "1", price="20000")
    assert done.wait(WAIT)
    assert len(said) == 2
    assert "another thread" in str(said[0])


def test_waiting_for_live_inside_a_callback(account: Any, stream: Stream, simulator: Any) -> None:
    """While the stream is away it cannot come before the callback has returned."""
    said: list[BaseException] = []

    @stream.on(jexkit.Suspended)
    def wait(event: jexkit.Suspended) -> None:
        try:
            stream.wait_live()
        except UsageError as error:
            said.append(error)

    with stream.events(Live, timeout=WAIT) as lives:
        simulator.poloniex.drop()
        next(lives)
    assert len(said) == 1


def test_waiting_for_live_is_over_when_the_callbacks_know_of_it(account: Any, stream_manager: StreamManager) -> None:
    """Not while one of them runs still, at the first Live as at any later one."""
    stream = stream_manager.add(simulated.account(account))
    begun, goes_on = threading.Semaphore(0), threading.Semaphore(0)

    @stream.on(Live)
    def take_long(event: Live) -> None:
        stream.wait_live(0)  # here it is so already
        begun.release()
        assert goes_on.acquire(timeout=WAIT)

    stream_manager.start()
    for number in range(2):
        if number:
            account.venue.drop()
        assert begun.acquire(timeout=WAIT)
        with pytest.raises(WaitTimeout, match="callbacks are not through"):
            stream.wait_live(0.01)
        goes_on.release()
        stream.wait_live(WAIT)


def test_those_who_wait_are_told_of_the_end(stream: Stream, stream_manager: StreamManager) -> None:
    """A stop ends every wait with an error that says so."""
    errors: list[StreamEnded] = []

    def wait() -> None:
        try:
            stream.wait_for(Fill, timeout=WAIT)
        except StreamEnded as error:
            errors.append(error)

    with stream.events() as events:
        thread = threading.Thread(target=wait)
        thread.start()
        stream_manager.stop()
        thread.join(WAIT)
        with pytest.raises(StreamEnded, match="was stopped"):
            list(events)
    assert [str(error) for error in errors] == ["stream 'desk' was stopped"]
    with pytest.raises(StreamEnded):
        stream.wait_live(WAIT)
    assert stream.state is State.STOPPED


def test_a_lost_stream_says_why_to_everybody(account: Any, stream_manager: StreamManager) -> None:
    """``error``, the state, the event and the waiting agree."""
    stream = stream_manager.add(simulated.account(account, secret_key="wrong" * 20))
    stream_manager.start()
    with pytest.raises(StreamEnded, match="refused the login") as ended:
        stream.wait_live(WAIT)
    assert isinstance(ended.value.cause, jexkit.AuthenticationError)
    assert stream.state is State.LOST
    assert stream.error is ended.value.cause
    assert "refused the login" in stream.status().last_error


def test_the_session_is_managed_live(account: Any, stream: Stream, simulator: Any) -> None:
    """The methods of the exchange work on the open connection, and the rest are refused in words."""
    assert set(stream.session.list_subscriptions()) == {"orders", "balances"}
    assert stream.session.unsubscribe(["balances"]) == ("balances",)
    assert stream.session.subscribe(["orders", "balances"], ["all"]) == ("orders", "balances")
    with pytest.raises(UsageError, match="poloniex has no set_heartbeat"):
        stream.session.set_heartbeat(30)
    with stream.events(Live, timeout=WAIT) as lives:
        simulator.poloniex.drop()
        next(lives)
    assert set(stream.session.list_subscriptions()) == {"orders", "balances"}


def test_the_status_is_plain_data(account: Any, stream: Stream) -> None:
    """Counted, dated, and fit for JSON."""
    with stream.events(OrderUpdate, timeout=WAIT) as updates:
        account.place("BTC_USDT", "BUY", "1", price="20000")
        next(updates)
    status = stream.status()
    assert (status.stream, status.exchange, status.state) == ("desk", "poloniex", State.LIVE)
    assert status.events["OrderUpdate"] == 1
    assert status.counters["logins"] == 1
    assert status.last_proof is not None
    assert status.last_proof.tzinfo is not None
    assert json.loads(json.dumps(status.to_dict()))["state"] == "live"
    assert "poloniex" in repr(stream)


def test_a_callback_that_raises_harms_nobody(account: Any, stream: Stream, caplog: pytest.LogCaptureFixture) -> None:
    """It is logged with its traceback and counted; the next callback gets the event."""
    heard: list[Event] = []
    stream.on(OrderUpdate, lambda update: 1 / 0)
    stream.on(OrderUpdate, heard.append)
    with caplog.at_level(logging.ERROR), stream.events(OrderUpdate, timeout=WAIT) as updates:
        account.place("BTC_USDT", "BUY", "1", price="20000")
        next(updates)
    assert len(heard) == 1
    assert stream.status().callback_errors == 1
    assert "ZeroDivisionError" in caplog.text


def test_waiting_for_what_makes_no_sense_is_refused_at_once(stream: Stream) -> None:
    """It must not fail on the delivery thread, at the first event."""
    for wait in (stream.events, stream.wait_for):
        with pytest.raises(ConfigurationError, match=r"such as jexkit\.Fill"):
            wait("Fill")  # type: ignore[operator]
    for wait in (stream.wait_live, lambda limit: stream.wait_for(Fill, timeout=limit)):
        with pytest.raises(ConfigurationError, match="0 or more"):
            wait(-1)


def test_a_stream_that_was_never_started_is_not_waited_for(account: Any, stream_manager: StreamManager) -> None:
    """It would be for ever."""
    stream = stream_manager.add(simulated.account(account))
    with pytest.raises(UsageError, match="start"):
        stream.wait_live()
