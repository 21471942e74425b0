"""Forks, real ones: what a child finds of its parent's streams, and that the parent notices nothing."""

from __future__ import annotations

import logging
import multiprocessing
import os
import threading
import warnings
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

import jexkit
from jexkit import Fill, Live, RestClient, State, Stream, StreamManager, UsageError
from jexkit.testing import simulated
from tests.children import WAIT, in_child, last_words

pytest.importorskip("aiohttp", reason="the simulator needs the extra sim")


@pytest.fixture
def desk(simulator: Any) -> Any:
    return simulator.poloniex.account("desk")


@pytest.fixture
def stream(desk: Any, stream_manager: StreamManager) -> Stream:
    """A live one of the parent's."""
    stream = stream_manager.add(simulated.account(desk), "desk")
    stream_manager.start()
    stream.wait_live(WAIT)
    return stream


def test_a_child_finds_its_parents_manager_inert(stream: Stream, stream_manager: StreamManager) -> None:
    """What ends things does nothing, state and status say STOPPED, all else is a UsageError; one line in the log."""
    waiting = stream.events()
    refused: list[Callable[[], object]] = [
        lambda: stream_manager.add(stream._account, "another"),
        stream_manager.start,
        stream_manager.run,
        lambda: stream_manager.on(Live, print),
        lambda: stream_manager.off(Live, print),
        lambda: stream.on(Live, print),
        lambda: stream.off(Live, print),
        lambda: stream.wait_live(1),
        lambda: stream.wait_for(Live, timeout=1),
        stream.events,
        lambda: next(waiting),
        lambda: stream.orders,
        lambda: stream.balances,
        lambda: stream.positions,
        stream.session.list_subscriptions,
    ]

    def look() -> dict[str, Any]:
        records: list[logging.LogRecord] = []
        handler = logging.Handler()
        handler.emit = records.append  # type: ignore[method-assign]
        logging.getLogger("jexkit").addHandler(handler)
        complaints = []
        for action in refused:
            with pytest.raises(UsageError) as error:
                action()
            complaints.append(str(error.value))
        status = stream_manager.status()["desk"].to_dict()
        stream_manager.remove(stream)
        waiting.close()
        stream_manager.stop()
        return {
            "joined": stream_manager.join(1),
            "state": stream.state,
            "status": [status["state"], "does nothing" in status["last_error"], status["events"]],
            "said": [record.getMessage() for record in records],
            "complaints": sorted(set(complaints)),
            "repr": repr(stream_manager),
        }

    found = in_child(look)
    assert found["joined"] is True
    assert found["state"] == "stopped"
    assert found["status"] == ["stopped", True, {}]
    assert len(found["said"]) == 1
    assert found["said"] == found["complaints"]
    assert "desk" in found["repr"]
    assert stream.state is State.LIVE
    waiting.close()


def test_no_lock_of_the_parents_holds_up_a_child(stream: Stream, stream_manager: StreamManager) -> None:
    """Even if all of them were taken at the moment of the fork."""
    locks = [stream_manager._streams_lock, stream._conductor._machine_lock, stream._delivery._listeners_lock]
    for lock in locks:
        lock.acquire()

    def use() -> list[str]:
        stream_manager.status()
        stream_manager.stop()
        with pytest.raises(UsageError):
            stream_manager.add(stream._account, "another")
        return [stream.state.value, *stream_manager.streams]

    try:
        assert in_child(use) == ["stopped", "desk"]
    finally:
        for lock in locks:
            lock.release()


def test_the_parent_notices_nothing(desk: Any, stream: Stream, stream_manager: StreamManager) -> None:
    """Its stream stays on its connection, and delivers what happens afterwards, once."""

    def meddle() -> None:
        stream_manager.stop()
        for descriptor in range(3, 64):  # as a child that becomes a daemon does
            try:
                os.close(descriptor)
            except OSError:
                continue

    pid = os.getpid()
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        meddle()
        os._exit(0)
    os.waitpid(child, 0)
    os.close(reading)
    os.close(writing)
    assert os.getpid() == pid
    with stream.events(Fill, timeout=WAIT) as fills:
        order = desk.place("BTC_USDT", "BUY", "1", price="20000")
        desk.fill(order, "0.5")
        assert str(next(fills).quantity) == "0.5"
    assert stream.status().counters["connections"] == 1
    assert stream.status().events["Fill"] == 1


def child_follows(account: Any) -> list[Any]:
    """A child with a manager of its own."""
    with StreamManager() as own:
        stream = own.add(account, "own")
        stream.wait_live(WAIT)
        result = [stream.state.value, stream.session.list_subscriptions()]
    return [*result, stream.state.value, [thread.name for thread in threading.enumerate() if "jexkit" in thread.name]]


def test_a_child_can_start_its_own(desk: Any, stream: Stream) -> None:
    """While the parent's goes on, and the shared budget's lock may have been taken."""
    state, subscribed, ended, threads = in_child(lambda: child_follows(stream._account))
    assert (state, ended) == ("live", "stopped")
    assert "orders" in subscribed
    assert threads == []
    assert stream.state is State.LIVE


def test_a_rest_client_works_in_a_child_on_connections_of_its_own(desk: Any) -> None:
    """The parent's connection is not spoken on."""
    with RestClient(simulated.account(desk)) as client:
        client.balances()
        mine = client._caller

        def ask() -> list[bool]:
            return [client._caller is mine, isinstance(client.open_orders(), list)]

        assert in_child(ask) == [False, True]
        assert client._caller is mine
        client.balances()


def from_a_callback(stream: Stream, desk: Any, action: Callable[[], None]) -> None:
    """Run ``action`` inside a callback, and wait for its end."""
    done = threading.Event()
    stream.on(Fill, lambda fill: (action(), done.set()))
    order = desk.place("BTC_USDT", "BUY", "1", price="20000")
    desk.fill(order, "0.5")
    assert done.wait(WAIT)


def answer(pipe: Any, account: Any) -> None:
    pipe.send(child_follows(account))


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_multiprocessing_from_inside_a_callback(desk: Any, stream: Stream, method: str) -> None:
    """By fork and by spawn: the child runs its function alone, with streams of its own; the parent goes on."""
    context = multiprocessing.get_context(method)
    here, there = context.Pipe()
    account: Any = stream._account
    codes: list[int | None] = []

    def run() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            process = context.Process(target=answer, args=(there, account))  # type: ignore[attr-defined]
            process.start()
        process.join(WAIT)
        codes.append(process.exitcode)

    from_a_callback(stream, desk, run)
    assert codes == [0]
    assert here.recv()[0] == "live"
    here.close()
    there.close()
    with stream.events(jexkit.OrderUpdate, timeout=WAIT) as updates:
        desk.place("BTC_USDT", "SELL", "1", price="90000")
        next(updates)


def test_a_child_that_comes_back_from_a_callback_goes_no_further(desk: Any, stream: Stream) -> None:
    """It has a copy of the queue, and must not deliver it a second time: its thread, the only one, ends."""
    reading, writing = os.pipe()
    children: list[int] = []
    all_here, done = threading.Event(), threading.Event()

    @stream.on(Fill)
    def fork_once(fill: Fill) -> None:
        all_here.wait(WAIT)
        if not children:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                children.append(os.fork())
        os.write(writing, b"child " if children == [0] else b"parent ")

    stream.on(Fill, lambda fill: done.set() if fill.quantity == Decimal("0.3") else None)
    order = desk.place("BTC_USDT", "BUY", "1", price="20000")
    for quantity in ("0.1", "0.2", "0.3"):
        desk.fill(order, quantity)
    while stream.status().queued < 3:
        os.sched_yield()
    all_here.set()
    assert done.wait(WAIT)
    os.close(writing)
    assert sorted(last_words(reading, children[0]).split()) == ["child", "parent", "parent", "parent"]
