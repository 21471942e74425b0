"""The conductor: what a machine wants is done, in order, once, and by somebody."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import attrs
import pytest

from jexkit.core.book import Book
from jexkit.core.lifecycle import Phase, State
from jexkit.core.protocol import STEADY_AFTER, Machine
from jexkit.core.values import Ask, Call, Emit, Flow, Now, Open, Outputs, Ping, Send
from jexkit.engine import conductor as conductor_module
from jexkit.engine.conductor import LEAST_WAIT, LOOK_EVERY, ORPHAN_AFTER, Conductor
from jexkit.engine.delivery import Delivery
from jexkit.engine.registry import Registry
from jexkit.engine.runner import Runner
from jexkit.errors import AuthenticationError, JexkitError, StreamEnded, TransportError, UsageError, WaitTimeout
from jexkit.events import Event, Live, Lost, Suspended, SuspendReason, Unknown
from jexkit.testing.clock import ManualClock
from tests.engine.servers import PATIENCE


class Toy(Machine):
    """Opens at once; each text is a word to obey."""

    def _prepare(self, now: Now) -> Outputs:
        return self._open("ws://toy")

    def _enter(self, now: Now) -> Outputs:
        self._move(Phase.RECOVERING)
        return self._live(now)

    def _read(self, text: bytes | str, now: Now) -> Outputs:
        word = text.decode() if isinstance(text, bytes) else text
        obeyed: dict[str, Callable[[], Outputs]] = {
            "say": lambda: [Send(self.link, "said")],
            "ping": lambda: [Ping(self.link)],
            "ask": lambda: self._call("ask", lambda: flow(), self._done, self._not_done, now),
            "give up": lambda: self._give_up(AuthenticationError("wrong key"), now),
            "fault": lambda: [][1],
            "soon": lambda: self._soon(now),
        }
        return obeyed[word]() if word in obeyed else self._unreadable(word, "no order", now)

    def _soon(self, now: Now) -> Outputs:
        self._at("soon", now.monotonic, lambda _: [Send(self.link, "soon")])
        return []

    def flooded(self, why: str, now: Now) -> Outputs:
        return [Emit([Suspended(reason=SuspendReason.OVERFLOW, detail=why, **self._about_stream("suspended", now))])]

    def took_back(self, events: Sequence[Event], told: Book, now: Now) -> Outputs:
        self.counters["taken back"] += len(events)
        return []

    def caught_up(self, now: Now) -> Outputs:
        return [Send(self.link, "caught up")]

    def _done(self, result: Any, now: Now) -> Outputs:
        return [Send(self.link, f"done {result}")]

    def _not_done(self, error: JexkitError, now: Now) -> Outputs:
        return [Send(self.link, f"not done {type(error).__name__}")]

    def _prove(self, now: Now) -> Outputs:
        return []

    def _commands(self) -> Mapping[str, Callable[[int, Mapping[str, Any], Now], Outputs]]:
        return {
            "echo": lambda ticket, arguments, now: self._answer(ticket, dict(arguments)),
            "fail": lambda ticket, arguments, now: self._answer(ticket, error=TransportError("no")),
            "wait": lambda ticket, arguments, now: [],
            "look up": self._look_up,
        }

    def _look_up(self, ticket: int, arguments: Mapping[str, Any], now: Now) -> Outputs:
        def done(result: Any, later: Now) -> Outputs:
            return self._answer(ticket, result)

        return self._call("look it up", flow, done, self._not_done, now, ticket=ticket)

    def _farewell(self) -> Outputs:
        return [Call(self._number(), "say goodbye", flow)]


def flow() -> Flow[str]:
    answer: str = yield Ask("GET", "/")
    return answer


class FakeWire:
    """Notes what the reader is asked to do."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.on_send: Callable[[], None] = lambda: None
        self.woken = 0

    def open(self, order: Open) -> None:
        self.said.append(f"open {order.link}")

    def send(self, link: int, text: str) -> None:
        self.said.append(f"send {text}")
        self.on_send()

    def ping(self, link: int) -> None:
        self.said.append("ping")
        self.on_send()

    def drop(self, link: int) -> None:
        self.said.append(f"drop {link}")

    def wake(self) -> None:
        self.woken += 1


class FakeTimer:
    """Keeps what it is given until the test runs it."""

    def __init__(self) -> None:
        self.calls: list[Callable[[], None]] = []
        self.prompts: list[Callable[[], None]] = []

    def call(self, work: Callable[[], None]) -> None:
        self.calls.append(work)

    def prompt(self, tick: Callable[[], None]) -> None:
        self.prompts.append(tick)


class FakeCaller:
    """Answers every question with ``answer``, or raises it."""

    def __init__(self) -> None:
        self.answer: Any = "fine"
        self.held = 0

    def hold(self, flow: Flow[Any]) -> Any:
        self.held += 1
        next(flow)
        if isinstance(self.answer, BaseException):
            raise self.answer
        try:
            flow.send(self.answer)
        except StopIteration as end:
            return end.value


class Stage:
    """A conductor with everything around it, and what the program was told."""

    def __init__(self, **queue: Any) -> None:
        self.clock = ManualClock()
        self.machine = Toy(exchange="toy", stream="t", dialect=None, chance=self.clock.chance)
        self.wire, self.timer, self.caller = FakeWire(), FakeTimer(), FakeCaller()
        self.told: list[Event] = []
        registry = Registry()
        registry.add(Event, self.told.append)
        self.registry = registry
        runner = Runner("t", clock=self.clock)
        self.delivery = Delivery("t", registry, Registry(), runner=runner, clock=self.clock, **queue)
        self.conductor = Conductor(
            "t", self.machine, clock=self.clock, timer=self.timer, caller=self.caller, delivery=self.delivery
        )  # type: ignore[arg-type]
        self.conductor.attach(self.wire)
        self.delivery.attach(self.conductor)

    def live(self) -> Stage:
        self.conductor.started()
        self.conductor.opened(1)
        assert self.machine.phase is Phase.LIVE
        self.wire.said.clear()
        return self

    def text(self, *words: str) -> None:
        """Messages that come together."""
        self.conductor.texts(self.machine.link, [word.encode() for word in words])

    def delivered(self) -> list[str]:
        """Deliver what is queued, on this thread, and end."""
        self.delivery.start()
        assert self.delivery.stop(PATIENCE)
        return [type(event).__name__ for event in self.told]


@pytest.fixture
def stage() -> Stage:
    return Stage()


# --- what a machine wants is done -------------------------------------------------------------------------------------


def test_outputs_are_carried_out_in_order(stage: Stage) -> None:
    stage.conductor.started()
    stage.conductor.opened(1)
    stage.text("say")
    stage.text("ping")
    stage.conductor.closed(1, "gone", broken=True)
    assert stage.wire.said == ["open 1", "send said", "ping", "drop 1"]
    assert stage.delivered() == ["Live", "Suspended"]


def test_no_lock_is_held_while_something_is_carried_out(stage: Stage) -> None:
    """Whoever is called may call back, on any thread."""
    stage.live()

    def call_back() -> None:
        stage.wire.on_send = lambda: None
        thread = threading.Thread(target=stage.text, args=("ping",))
        thread.start()
        thread.join(PATIENCE)
        assert not thread.is_alive()
        stage.text("say")

    stage.wire.on_send = call_back
    stage.text("say")
    assert stage.wire.said == ["send said", "ping", "send said"]


def test_a_failing_send_is_a_broken_connection(stage: Stage) -> None:
    def fail() -> None:
        raise TransportError("the connection broke while sending")

    stage.live().wire.on_send = fail
    stage.text("say")
    assert stage.machine.phase is Phase.WAITING
    assert stage.wire.said == ["send said", "drop 1"]


def test_a_conductor_without_a_reader_is_a_mistake() -> None:
    stage = Stage()
    stage.conductor.attach(None)  # type: ignore[arg-type]
    with pytest.raises(AssertionError, match="without a reader"):
        stage.conductor.started()


# --- calls ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("fine", "send done fine"),
        (TransportError("no"), "send not done TransportError"),
        (ZeroDivisionError("a fault of ours"), "send not done TransportError"),
    ],
    ids=["answered", "failed", "faulty"],
)
def test_a_call_ends_in_a_fact(stage: Stage, caplog: pytest.LogCaptureFixture, answer: Any, said: str) -> None:
    """Well or not; a fault in reading the answer is logged with its traceback and counts as a failure."""
    stage.live().caller.answer = answer
    stage.text("ask")
    (work,) = stage.timer.calls
    work()
    assert stage.wire.said == [said]
    assert ("ZeroDivisionError" in caplog.text) == isinstance(answer, ZeroDivisionError)


def test_a_call_is_made_once_whoever_comes_first(stage: Stage) -> None:
    stage.live()
    stage.text("ask")
    (work,) = stage.timer.calls
    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert stage.caller.held == 1


def test_a_call_that_nobody_takes_is_made_without_the_scheduler(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """After a second, by the reader's second line, on a thread of its own; and not before, and not twice."""
    stage.live()
    stage.text("ask")
    done = threading.Event()
    stage.wire.on_send = done.set
    stage.clock.advance(ORPHAN_AFTER - 0.01)
    stage.conductor.second_line()
    assert stage.caller.held == 0
    stage.clock.advance(0.02)
    stage.conductor.second_line()
    assert done.wait(PATIENCE)
    stage.timer.calls[0]()
    stage.conductor.second_line()
    assert stage.caller.held == 1
    assert stage.wire.said == ["send done fine"]
    assert "without" in caplog.text


def test_calls_that_were_taken_are_not_kept(stage: Stage) -> None:
    stage.live()
    for _ in range(50):
        stage.text("ask")
        stage.timer.calls.pop()()
        stage.conductor.second_line()
    assert len(stage.conductor._unclaimed) == 0


def test_two_threads_may_look_after_the_calls_at_once(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader, and a program that waits for a command's answer: one of them finds nothing left."""
    stage.live()
    for _ in range(3):
        stage.text("ask")

    def beside(work: Any) -> bool:
        monkeypatch.undo()
        stage.conductor._begin_orphans()
        stage.conductor._unclaimed.clear()
        return True

    monkeypatch.setattr(conductor_module._Work, "is_claimed", property(beside))
    stage.conductor._begin_orphans()
    assert len(stage.conductor._unclaimed) == 0


# --- time -------------------------------------------------------------------------------------------------------------


def test_what_is_due_at_once_is_prompted_once(stage: Stage) -> None:
    """The scheduler is asked for the deadline, not for every fact that comes meanwhile."""
    stage.live()
    stage.text("soon")
    stage.conductor.pinged(1)
    stage.conductor.pinged(1)
    (tick,) = stage.timer.prompts
    assert stage.wire.said == []
    tick()
    tick()
    assert stage.wire.said == ["send soon"]


def test_ticks_from_all_sides_do_a_thing_once(stage: Stage) -> None:
    """Scheduler and reader tick the same deadline; it is used once."""
    stage.live()
    for _ in range(20):
        stage.text("soon")
        barrier = threading.Barrier(4)

        def tick(barrier: threading.Barrier = barrier) -> None:
            barrier.wait(PATIENCE)
            stage.conductor.tick_if_due()

        threads = [threading.Thread(target=tick) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        stage.clock.advance(0.1)
    assert stage.wire.said == ["send soon"] * 20


def test_nothing_is_ticked_before_it_is_due(stage: Stage) -> None:
    stage.live()
    ticks: list[Now] = []
    stage.machine.ticked = lambda now: ticks.append(now) or []  # type: ignore[func-returns-value, method-assign]
    stage.conductor.tick_if_due()
    assert ticks == []
    stage.clock.advance_to(stage.conductor.due)
    stage.conductor.tick_if_due()
    assert len(ticks) == 1


@pytest.fixture
def quiet(stage: Stage) -> Iterator[Stage]:
    """A live stream that has nothing to do, and its next deadline is far."""
    stage.delivery.start()
    heard = threading.Event()
    stage.registry.add(Live, lambda _: heard.set())
    stage.live()
    assert heard.wait(PATIENCE)
    until(lambda: stage.delivery.is_idle)
    stage.clock.advance(STEADY_AFTER)
    stage.conductor.tick_if_due()
    yield stage
    stage.delivery.stop(PATIENCE)


def until(has_come: Callable[[], bool]) -> None:
    """What another thread does in a moment."""
    deadline = time.monotonic() + PATIENCE
    while not has_come():
        assert time.monotonic() < deadline


def test_a_reader_of_a_quiet_stream_may_wait_long(quiet: Stage) -> None:
    """But never past a deadline; and one in the past is no busy loop."""
    assert quiet.conductor.patience == Toy.quiet_within
    quiet.clock.advance_to(quiet.conductor.due - 4.0)
    assert quiet.conductor.patience == pytest.approx(4.0)
    quiet.clock.advance(3.5)
    assert quiet.conductor.patience == pytest.approx(0.5)
    quiet.clock.advance(10.0)
    assert quiet.conductor.patience == LEAST_WAIT


@pytest.mark.parametrize("what", ["a call", "a call that was answered", "a command", "an event", "a callback", "away"])
def test_a_reader_looks_every_second_while_others_have_something_to_tell(quiet: Stage, what: str) -> None:
    """A call may be nobody's, its answer brings deadlines, and a callback may be slow."""
    going, gone = threading.Event(), threading.Event()

    def wait(_: Event) -> None:
        going.set()
        assert gone.wait(PATIENCE)

    if what.startswith("a call "):
        quiet.text("ask")
        quiet.timer.calls.pop()()
    elif what == "a call":
        quiet.text("ask")
    elif what == "a command":
        quiet.machine.asked(1, "wait", {}, quiet.clock.now())
    elif what == "away":
        quiet.machine._drops = attrs.evolve(quiet.machine._drops, first=1_000.0, longest=1_000.0)
        quiet.conductor.closed(1, "gone", broken=True)
        until(lambda: quiet.delivery.is_idle)
    else:
        quiet.registry.add(Unknown, wait)
        quiet.text("rubbish")
        if what == "an event":
            quiet.text("rubbish")
        assert going.wait(PATIENCE)
    assert quiet.conductor.patience == LOOK_EVERY
    gone.set()


def test_a_quiet_stream_becomes_quiet_again(quiet: Stage) -> None:
    quiet.text("ask")
    quiet.timer.calls.pop()()
    quiet.conductor.second_line()
    assert quiet.conductor.patience == Toy.quiet_within


# --- commands ---------------------------------------------------------------------------------------------------------


def test_a_command_is_answered(stage: Stage) -> None:
    assert stage.live().conductor.command("echo", {"a": 1}) == {"a": 1}


def test_a_command_that_fails_raises(stage: Stage) -> None:
    stage.live()
    with pytest.raises(TransportError, match="no"):
        stage.conductor.command("fail", {})
    with pytest.raises(UsageError, match="no dance"):
        stage.conductor.command("dance", {})


def test_a_command_that_is_never_answered_times_out(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's own deadline speaks first where somebody ticks; this is for where nobody does."""
    monkeypatch.setattr(conductor_module, "COMMAND_WITHIN", 0.0)
    monkeypatch.setattr(conductor_module, "SPARE", 0.05)
    with pytest.raises(WaitTimeout, match="wait"):
        stage.live().conductor.command("wait", {})
    assert stage.conductor._tickets == {}


def test_the_call_of_a_command_is_made_without_the_scheduler(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the program's own thread, since the reader of a quiet stream does not look for a while."""
    monkeypatch.setattr(conductor_module, "LOOK_EVERY", 0.01)
    monkeypatch.setattr(conductor_module, "ORPHAN_AFTER", 0.0)
    assert stage.live().conductor.command("look up", {}) == "fine"
    assert stage.caller.held == 1


@pytest.mark.parametrize("how", ["stop", "give up"])
def test_a_command_under_way_ends_with_the_stream(stage: Stage, how: str) -> None:
    stage.live()
    raised: list[BaseException] = []
    waiting = threading.Event()
    original = stage.machine.asked

    def asked(*args: Any) -> Outputs:
        waiting.set()
        return original(*args)

    stage.machine.asked = asked  # type: ignore[method-assign]

    def run() -> None:
        try:
            stage.conductor.command("wait", {})
        except StreamEnded as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    assert waiting.wait(PATIENCE)
    while not stage.machine._tickets:
        pass
    if how == "stop":
        stage.conductor.stop()
    else:
        stage.text(how)
    thread.join(PATIENCE)
    assert len(raised) == 1


# --- the end ----------------------------------------------------------------------------------------------------------


def test_stop_gives_back_the_calls_that_are_left(stage: Stage) -> None:
    """They are made while the program waits, and not by a scheduler that is on its way out."""
    farewells = stage.live().conductor.stop()
    assert stage.timer.calls == []
    assert stage.wire.said == ["drop 1"]
    assert stage.wire.woken == 1
    assert stage.conductor.stopping.is_set()
    assert stage.conductor.state is State.STOPPED
    (farewell,) = farewells
    farewell()
    assert stage.caller.held == 1
    assert stage.conductor.stop() == []


def test_the_error_is_there_before_lost_is_told(stage: Stage) -> None:
    """A callback on Lost may ask the stream for it."""
    stage.live()
    errors: list[JexkitError | None] = []
    stage.registry.add(Lost, lambda event: errors.append(stage.conductor.error))
    put = stage.delivery.put

    def put_and_deliver(events: Any) -> None:
        put(events)
        if any(isinstance(event, Lost) for event in events):
            stage.delivered()

    stage.delivery.put = put_and_deliver  # type: ignore[method-assign]
    stage.text("give up")
    assert [type(error) for error in errors] == [AuthenticationError]
    assert stage.conductor.ended.is_set()
    assert stage.conductor.has_ended


# --- faults of ours ---------------------------------------------------------------------------------------------------


def test_a_fault_in_a_machine_costs_a_connection(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """It is logged with its traceback, and the stream begins anew."""
    stage.live()
    stage.text("fault")
    assert stage.machine.phase is Phase.WAITING
    assert stage.wire.said == ["drop 1"]
    assert "IndexError" in caplog.text
    stage.clock.advance(60)
    stage.conductor.tick()
    stage.conductor.opened(2)
    stage.text("something else")
    assert stage.delivered() == ["Live", "Suspended", "Live", "Unknown"]
    (suspended,) = [event for event in stage.told if isinstance(event, Suspended)]
    assert "IndexError" in suspended.detail


def test_messages_that_came_before_the_one_that_fails_are_told(stage: Stage) -> None:
    """Though they came in one read with it; those behind it belong to a connection that is left."""
    stage.live()
    stage.text("first", "say", "fault", "last")
    assert stage.wire.said == ["send said", "drop 1"]
    assert stage.delivered() == ["Live", "Unknown", "Suspended"]


def test_a_fault_in_a_call_begins_anew(stage: Stage) -> None:
    """A machine that cannot take in an answer must not wait for it for ever."""
    stage.live()
    stage.machine._done = lambda result, now: [][1]  # type: ignore[method-assign]
    stage.text("ask")
    stage.timer.calls[0]()
    assert stage.machine.phase is Phase.WAITING


def test_a_fault_in_a_fault_is_survived(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    stage.live()
    stage.machine.faulted = lambda detail, now: [][1]  # type: ignore[method-assign]
    stage.text("fault")
    assert "while beginning anew" in caplog.text
    stage.text("say")
    assert stage.wire.said == ["send said"]


def test_a_fault_before_the_start_and_after_the_end_changes_nothing(stage: Stage) -> None:
    assert stage.machine.faulted("a fault", stage.clock.now()) == []
    stage.live().conductor.stop()
    assert stage.machine.faulted("a fault", stage.clock.now()) == []


def test_what_is_known_is_of_one_moment(stage: Stage) -> None:
    stage.live()
    stage.text("nothing known")
    state, counters, last_proof_ms, last_error = stage.conductor.inspect()
    assert state is State.LIVE
    assert counters["unreadable"] == 1
    assert last_proof_ms == stage.clock.now().wall_ms
    assert last_error == ""
    assert stage.delivered() == [Live.__name__, Unknown.__name__]


# --- a program that does not keep up ----------------------------------------------------------------------------------


def test_a_full_queue_is_told_to_the_machine_once() -> None:
    """What was queued is taken back, and when the callbacks have caught up the machine is told that, too."""
    stage = Stage(queue_size=3).live()
    for _ in range(3):
        stage.text("nonsense")
    assert stage.delivery.queued == 5  # Live, three messages, Suspended
    stage.text("nonsense")
    said = threading.Event()
    stage.wire.on_send = said.set
    stage.delivery.start()
    assert said.wait(PATIENCE)
    assert stage.wire.said == ["send caught up"]
    assert [type(event).__name__ for event in stage.told] == ["Suspended"]
    assert stage.machine.counters["taken back"] == 5
    assert stage.delivery.stop(PATIENCE)


def test_a_reader_that_could_not_wait_longer_tells_the_machine() -> None:
    """And what the machine has to say is queued."""
    stage = Stage().live()
    stage.conductor.flooded()
    assert not stage.delivery.is_full
    assert stage.delivery.queued == 2


def test_nothing_is_taken_back_after_the_end() -> None:
    """Nobody would find it again."""
    stage = Stage(queue_size=1).live()
    stage.conductor.stop()
    assert not stage.conductor.take_back(lambda: pytest.fail("it is taken out"), Book())
