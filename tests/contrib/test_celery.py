"""Events as Celery tasks, on a real Redis and a real RabbitMQ."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.contrib import needs

needs.packages("celery", "celery", "redis")

from amqp.exceptions import ChannelError
from celery import Celery
from kombu import Connection

import jexkit
from jexkit import Event, Fill, OrderUpdate, StreamManager
from jexkit.contrib.celery import follow, send_to
from jexkit.errors import ConfigurationError, TryLater
from jexkit.sim import Forwarder, Simulator
from jexkit.testing import simulated
from jexkit.testing.conformance.journal import fill, one_of_each
from tests.cli.commands import Program, children_of
from tests.contrib.servers import eventually

pytestmark = pytest.mark.web

WAIT = 30.0


class Broker:
    """A real broker behind a line that can be cut, and a queue of this test's own."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.queue = f"jexkit-tests-{uuid.uuid4().hex}"
        host = address.partition("@")[2] or address.partition("//")[2]
        self._target = host.strip("/").partition("/")[0]
        self._line = Forwarder(self._target).start()
        self.port = self._line.port
        self.behind = address.replace(self._target, f"127.0.0.1:{self.port}")

    def go_away(self) -> None:
        self._line.stop()

    def come_back(self) -> None:
        self._line = Forwarder(self._target, port=self.port).start()

    def app(self) -> Celery:
        app = Celery("tests", broker=self.behind, set_as_current=False)
        app.conf.task_default_queue = self.queue
        app.conf.broker_connection_timeout = 2
        return app

    def messages(self, number: int, queue: str = "") -> list[Any]:
        """The next so many, as a worker would get them."""
        with Connection(self.address) as connection, closing(connection.SimpleQueue(queue or self.queue)) as found:
            messages = [found.get(timeout=WAIT) for _ in range(number)]
            for message in messages:
                message.ack()
            return messages

    def waiting(self) -> int:
        with Connection(self.address) as connection, closing(connection.SimpleQueue(self.queue)) as found:
            try:
                return int(found.qsize())
            except ChannelError:  # at Redis an empty queue is none
                return 0

    def close(self) -> None:
        self._line.stop()
        with Connection(self.address) as connection:
            for name in (self.queue, f"{self.queue}-other"):
                with closing(connection.SimpleQueue(name)) as found:
                    found.queue.delete()


@pytest.fixture(params=["redis", "rabbitmq"])
def broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    broker = Broker(getattr(needs, request.param)())
    yield broker
    broker.close()


def task_of(app: Celery) -> Any:
    @app.task(name="site.book")
    def book(record: dict[str, Any]) -> None:
        """Never run here: the tests look at the messages."""

    return book


def events_of(messages: list[Any]) -> list[Event]:
    return [jexkit.from_dict(message.payload[0][0]) for message in messages]


def test_every_type_of_event_arrives_as_it_was(broker: Broker) -> None:
    """As plain JSON, under the event's id as the task's, in order."""
    send = send_to(task_of(broker.app()))
    events = one_of_each()
    for event in events:
        send(event)
    messages = broker.messages(len(events))
    assert events_of(messages) == events
    assert [message.headers["id"] for message in messages] == [event.id for event in events]
    assert {message.content_type for message in messages} == {"application/json"}
    assert {message.headers["task"] for message in messages} == {"site.book"}


def test_only_the_types_that_were_asked_for_are_sent(broker: Broker) -> None:
    """Subclasses included, as everywhere."""
    send = send_to(task_of(broker.app()), types=[Fill, OrderUpdate])
    for event in one_of_each():
        send(event)
    assert [type(event) for event in events_of(broker.messages(2))] == [OrderUpdate, Fill]
    assert broker.waiting() == 0


@pytest.mark.parametrize("form", ["name", "options", "function"])
def test_a_route(broker: Broker, form: str) -> None:
    """A queue's name, options of apply_async, or a function that returns either."""
    other = f"{broker.queue}-other"
    route = {"name": other, "options": {"queue": other}, "function": lambda event: other if event.id else None}[form]
    send_to(task_of(broker.app()), route=route)(fill(1))
    assert [event.id for event in events_of(broker.messages(1, other))] == ["event:1"]


def test_a_broker_that_is_away_is_no_failure(broker: Broker) -> None:
    """It is said without a password, and once the broker is there again the same callback works."""
    send = send_to(task_of(broker.app()))
    send(fill(1))
    broker.go_away()
    for _ in range(2):
        with pytest.raises(TryLater, match=r"did not confirm site\.book: ") as caught:
            send(fill(2))
        assert "guest:guest" not in str(caught.value)
    broker.come_back()
    send(fill(2))
    assert [event.id for event in events_of(broker.messages(2))] == ["event:1", "event:2"]


def test_a_journal_holds_events_while_the_broker_is_away(broker: Broker, sim: Simulator, tmp_path: Path) -> None:
    """Nothing is acknowledged that the broker has not confirmed; afterwards everything comes, in order."""
    account = sim.deribit.account("main")
    manager = StreamManager(journal=tmp_path / "jexkit.db")
    stream = manager.add(simulated.account(account), "main")
    manager.on(Event, send_to(task_of(broker.app()), types=[Fill]), consumer="celery")
    with manager:
        stream.wait_live(WAIT)
        broker.go_away()
        for _ in range(20):
            account.fill(account.place("BTC-PERPETUAL", "BUY", "10", "50000"))
        with stream.events(Fill, timeout=WAIT) as fills:
            account.fill(account.place("BTC-PERPETUAL", "BUY", "20", "50000"))
            del fills
        assert broker.waiting() == 0
        broker.come_back()
        sent = [event.trade_id for event in events_of(broker.messages(21)) if isinstance(event, Fill)]
    traded = [record["trade_id"] for record in account.told if record["kind"] == "fill"]
    assert sent == traded


def test_threads_have_connections_of_their_own(broker: Broker) -> None:
    """Streams send at the same time without a frame of one in a frame of another."""
    send = send_to(task_of(broker.app()))

    def work(stream: str) -> None:
        for number in range(25):
            send(fill(number, stream))

    threads = [threading.Thread(target=work, args=(f"stream {number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT)
    events = events_of(broker.messages(100))
    for stream in {event.account for event in events}:
        assert [event.id for event in events if event.account == stream] == [f"event:{number}" for number in range(25)]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((print,), "send_to\\(\\) takes a task"),
        ((None, [int]), "takes types of event"),
        ((None, [Fill], 5), "route is 5; give a queue"),
    ],
)
def test_what_could_never_work_is_refused_at_once(arguments: tuple[Any, ...], said: str) -> None:
    """When the callback is made."""
    task = task_of(Celery("tests", broker="memory://", set_as_current=False))
    with pytest.raises(ConfigurationError, match=said):
        send_to(arguments[0] or task, *arguments[1:])
    with pytest.raises(ConfigurationError, match="takes a function that makes a StreamManager"):
        follow(task.app, "manager")  # type: ignore[arg-type]


def worker(broker: Broker, sim: Simulator, folder: Path, *command: str) -> Program:
    described = simulated.account(sim.deribit.account("main"))
    entry = {"exchange": "deribit", "rest_url": described.rest_url, "ws_url": described.ws_url}
    return Program(
        *("-m", "celery", "-A", "tests.contrib.celery_site", *command),
        BROKER=broker.behind,
        QUEUE=broker.queue,
        FOLDER=str(folder),
        FOLLOW="1",
        ACCOUNT=json.dumps({**entry, **sim.deribit.account("main").credentials()}),
    )


def booked(folder: Path) -> list[list[str]]:
    path = folder / "booked"
    return [line.split() for line in path.read_text("utf-8").splitlines()] if path.exists() else []


def test_streams_in_a_prefork_worker(broker: Broker, sim: Simulator, tmp_path: Path) -> None:
    """They run once, in the worker's main process; the tasks run in its children, each under its event's id."""
    account = sim.deribit.account("main")
    with worker(broker, sim, tmp_path, "worker", "-P", "prefork", "-c", "4", "-l", "WARNING") as running:
        eventually((tmp_path / "live").exists, "the worker's streams are never live")
        children = children_of(running.pid)
        eventually(lambda: (tmp_path / "live").read_text("utf-8") == str(running.pid), "they are live elsewhere")
        assert len(children) >= 4
        assert sim.deribit.connections("main") == 1
        for _ in range(10):
            account.fill(account.place("BTC-PERPETUAL", "BUY", "10", "50000"))
        eventually(lambda: len(booked(tmp_path)) == 10, "the tasks are never run")
        running.signal(15)
        assert running.wait() == 0
    rows = booked(tmp_path)
    assert {int(pid) for pid, _, _ in rows} <= set(children)
    assert all(task == event for _, task, event in rows)
    assert len({event for _, _, event in rows}) == 10
    eventually(lambda: sim.deribit.connections("main") == 0, "a connection outlives the worker")


def test_other_commands_of_celery_start_nothing(sim: Simulator, tmp_path: Path) -> None:
    """Asking the workers, for example."""
    broker = Broker(needs.redis())
    with worker(broker, sim, tmp_path, "report") as report:
        assert report.wait() == 0, report.complaints()
    assert sim.deribit.counters.as_dict() == {}
    broker.close()
