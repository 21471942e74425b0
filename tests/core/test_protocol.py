"""What all session machines have in common, on a toy exchange; and facts in any order on the real ones."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jexkit.core.lifecycle import ENDED, MOVES, Phase, State
from jexkit.core.protocol import CALL_WITHIN, COMMAND_WITHIN, ENTER_WITHIN, NEVER, Machine, Probe
from jexkit.core.values import (
    Answer,
    Call,
    Drop,
    Emit,
    GiveUp,
    Now,
    Open,
    Output,
    Outputs,
    Ping,
    Receipt,
    Send,
    sorted_by_use,
)
from jexkit.errors import (
    AuthenticationError,
    Banned,
    ExchangeDown,
    JexkitError,
    RateLimited,
    SubscriptionRefused,
    TransportError,
    UnknownOutcome,
    WaitTimeout,
)
from jexkit.events import (
    BalanceUpdate,
    Event,
    Live,
    Lost,
    Market,
    Origin,
    Suspended,
    SuspendReason,
    Unknown,
)
from jexkit.testing.clock import ManualClock
from jexkit.testing.conformance import SUBJECTS, Subject
from jexkit.testing.driver import Driver


class Toy(Machine):
    """One call before the connection, one word to log in; ``"!"`` is rubbish, numbers are balances.

    ``"+"`` and a number is a balance that can be read ahead.
    """

    probe = Probe(every=30.0, within=10.0)

    def _prepare(self, now: Now) -> Outputs:
        return self._call("ask the way", lambda: iter(()), lambda url, _: self._open(url), self._failed, now)

    def _enter(self, now: Now) -> Outputs:
        return [Send(self.link, '"hello"')]

    def _events_in(self, text: str, receipt: Receipt) -> list[Event] | None:
        return [balance(int(text))] if text.startswith("+") else None

    def _read(self, text: bytes | str, now: Now) -> Outputs:
        if text == "welcome":
            self._move(Phase.RECOVERING)
            return self._live(now)
        if text == "!":
            return self._unreadable("!", "rubbish", now)
        if text == "go away":
            return self._failed(RateLimited("too much", retry_after=200), now)
        return self._deliver([balance(int(text))])

    def _prove(self, now: Now) -> Outputs:
        return [Ping(self.link)]

    def _commands(self) -> Mapping[str, Callable[[int, Mapping[str, Any], Now], Outputs]]:
        return {"wave": lambda ticket, arguments, now: [Send(self.link, '"wave"')]}


def balance(time_ms: int) -> BalanceUpdate:
    return BalanceUpdate(
        exchange="toy", account="t", id=f"b{time_ms}", time_ms=time_ms, received_ms=99, market=Market.SPOT,
        asset="BTC", key="BTC", total=time_ms,
    )  # fmt: skip


@pytest.fixture
def driver() -> Driver:
    clock = ManualClock()
    return Driver(Toy(exchange="toy", stream="t", dialect=None, chance=clock.chance), clock)


@pytest.fixture
def live(driver: Driver) -> Driver:
    driver.start()
    driver.reply("ws://toy")
    driver.open()
    driver.text("welcome")
    assert driver.state() is State.LIVE
    driver.forget()
    return driver


def test_messages_that_come_together_are_taken_in_one_by_one(live: Driver) -> None:
    """The last one before the connection is left is the last one that counts."""
    machine, now = live.machine, live.clock.now()
    before = machine.counters["messages"]
    together = [type(output) for output in machine.texts(machine.link, [b"1", b"2", b"go away", b"3"], now)]
    assert together == [Emit, Emit, Emit, Drop]
    assert machine.counters["messages"] - before == 3
    assert list(machine.texts(machine.link, [b"4"], now)) == []


def texts(live: Driver, *frames: bytes) -> Iterator[Output]:
    return live.machine.texts(live.machine.link, frames, live.clock.now())


def times(output: Output) -> list[int]:
    assert isinstance(output, Emit)
    return [event.time_ms for event in output.events]


def test_news_that_came_together_are_told_together(live: Driver) -> None:
    """Repeats and old states are kept out as they are of messages that come alone, and each message is counted."""
    before = live.machine.counters["messages"]
    (told,) = texts(live, b"+5", b"+3", b"+7", b"+7", b"+9")
    assert times(told) == [5, 7, 9]
    assert (live.machine.counters["stale"], live.machine.counters["repeats"]) == (1, 1)
    assert live.machine.counters["messages"] - before == 5


def test_what_else_comes_waits_until_what_came_before_it_is_told(live: Driver) -> None:
    """Also a frame that is no text at all; nothing that came behind the end of the connection is told."""
    outputs = list(texts(live, b"+1", b"+2", b"\xff", b"+3", b"4", b"+5", b"go away", b"+6"))
    kinds = [type(output).__name__ for output in outputs]
    assert kinds == ["Emit", "Emit", "Emit", "Emit", "Emit", "Emit", "Drop"]
    assert [times(output) for output in (outputs[0], *outputs[2:5])] == [[1, 2], [3], [4], [5]]
    (unknown,) = outputs[1].events  # type: ignore[union-attr]
    assert isinstance(unknown, Unknown)
    assert live.machine.book.balances["BTC"].time_ms == 5


def test_news_between_rubbish_start_the_count_anew(live: Driver) -> None:
    """Twenty in a row end the connection, in one read of the socket as in twenty."""
    outputs = list(texts(live, *[b"!"] * 19, b"+1", *[b"!"] * 19))
    assert Drop not in map(type, outputs)
    assert Drop in map(type, texts(live, b"!"))


def test_messages_are_read_one_by_one_before_the_stream_is_live(driver: Driver) -> None:
    """Any of them can be one too many to hold."""
    driver.start()
    driver.reply("ws://toy")
    driver.open()
    assert [times(output) for output in texts(driver, b"+1", b"+2")] == [[1], [2]]


def test_a_fault_in_reading_does_not_undo_what_was_read_before(live: Driver) -> None:
    """``+x`` is no number. What came before it is told, and what came behind it is of a connection that is left."""
    outputs = texts(live, b"+1", b"+x", b"+2")
    assert times(next(outputs)) == [1]
    with pytest.raises(ValueError, match="invalid literal"):
        next(outputs)
    assert live.machine.counters["messages"] == 3  # the first one was "welcome"


def test_a_fault_in_deciding_does_not_undo_what_was_decided_before(
    live: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are taken for told from then on, so they have to be."""
    apply = live.machine.book.apply
    monkeypatch.setattr(live.machine.book, "apply", lambda event: apply(event) if event.time_ms < 3 else [][1])
    with pytest.raises(IndexError):
        list(texts(live, b"+1", b"+2", b"+3"))
    told, suspended, _ = live.machine.faulted("a fault", live.clock.now())
    assert times(told) == [1, 2]
    assert isinstance(suspended.events[0], Suspended)  # type: ignore[union-attr]


def test_the_way_in(driver: Driver) -> None:
    """Prepare, open, enter, live: each step waits for the fact of the one before."""
    assert [type(output) for output in driver.start()] == [Call]
    assert driver.machine.phase is Phase.PREPARING
    assert driver.reply("ws://toy") == [Open(1, "ws://toy")]
    assert driver.machine.phase is Phase.OPENING
    assert driver.open() == [Send(1, '"hello"')]
    assert driver.machine.phase is Phase.ENTERING
    driver.text("welcome")
    assert [type(event) for event in driver.events] == [Live]


def test_a_call_without_an_answer_is_given_up(driver: Driver) -> None:
    """After CALL_WITHIN seconds, and its late answer is nothing."""
    driver.start()
    (late,) = driver.calls
    driver.advance(CALL_WITHIN - 0.001)
    assert driver.machine.phase is Phase.PREPARING
    driver.advance(0.001)
    assert driver.machine.phase is Phase.WAITING
    assert driver.machine.replied(late.call, "ws://late", driver.clock.now()) == []
    assert driver.machine.phase is Phase.WAITING


def test_a_login_that_drags_on_is_given_up(driver: Driver) -> None:
    """A connection that is proven alive and does not become live within ENTER_WITHIN is dropped."""
    driver.start()
    driver.reply("ws://toy")
    driver.open()
    for _ in range(int(ENTER_WITHIN) - 1):
        driver.advance(1)
        driver.ping()
    assert driver.machine.phase is Phase.ENTERING
    driver.advance(1)
    assert driver.machine.phase is Phase.WAITING
    assert driver.asked_for(Drop)[-1].link == 1
    assert driver.told(Suspended) == []  # it was never live


def _waiting(error: UnknownOutcome, seconds: float) -> UnknownOutcome:
    error.retry_after = seconds
    return error


@pytest.mark.parametrize(
    ("error", "least", "reason"),
    [
        (TransportError("no network"), 0.0, SuspendReason.BROKEN),
        (ExchangeDown("maintenance"), 0.0, SuspendReason.REFUSED),
        (ExchangeDown("maintenance", retry_after=90), 90.0, SuspendReason.REFUSED),
        (_waiting(UnknownOutcome("a page of the edge"), 60.0), 60.0, SuspendReason.BROKEN),
        (RateLimited("slowly", retry_after=77), 77.0, SuspendReason.RATE_LIMITED),
        (Banned("banned", retry_after=500), 500.0, SuspendReason.RATE_LIMITED),
    ],
)
def test_what_passes_is_tried_again(live: Driver, error: JexkitError, least: float, reason: SuspendReason) -> None:
    """After the backoff's wait, or the exchange's if that is longer."""
    live.machine._failed(error, live.clock.now())
    assert live.state() is State.SUSPENDED
    wait = live.machine.due - live.clock.monotonic()
    assert least <= wait <= max(least, 1.0)


@pytest.mark.parametrize(
    "error", [AuthenticationError("wrong key"), SubscriptionRefused("no such channel", ("x",))], ids=type
)
def test_what_stays_ends_the_stream(live: Driver, error: JexkitError) -> None:
    """Lost names the error, commands under way are answered, and GiveUp comes last."""
    live.command("wave")
    outputs = live.machine._failed(error, live.clock.now())
    assert [type(output) for output in outputs][-1] is GiveUp
    assert any(isinstance(output, Answer) and output.error is not None for output in outputs)
    assert any(isinstance(output, Drop) for output in outputs)
    ((lost,), _) = sorted_by_use(outputs)
    assert isinstance(lost, Lost)
    assert lost.error == type(error).__name__
    assert live.machine.due == NEVER


def test_an_exchange_that_asks_for_a_pause_gets_it(live: Driver) -> None:
    """In the middle of a live stream, too."""
    live.text("go away")
    assert live.told(Suspended)[0].reason is SuspendReason.RATE_LIMITED
    live.advance(199.9)
    assert live.machine.phase is Phase.WAITING
    live.advance(0.2)
    assert live.machine.phase is Phase.PREPARING


def test_what_is_older_is_counted_and_kept_out(live: Driver) -> None:
    """A balance never goes back in time."""
    for time_ms in (5, 3, 7, 7, 6):
        live.text(str(time_ms))
    assert [event.time_ms for event in live.told(BalanceUpdate)] == [5, 7]
    assert (live.machine.counters["stale"], live.machine.counters["repeats"]) == (2, 1)


def held(total: int, time_ms: int = 5, origin: Origin = Origin.STREAM) -> BalanceUpdate:
    """As exchanges tell it: the id names the moment and the amount, and nothing else is there to name."""
    told = balance(time_ms)
    return attrs.evolve(told, id=f"b{time_ms}:{total}", total=Decimal(total), origin=origin)


class Noting(Toy):
    """Notes what came back; an even total has a number of the exchange's for its id."""

    def __init__(self) -> None:
        super().__init__(exchange="toy", stream="t", dialect=None, chance=lambda: 0.5)  # type: ignore[arg-type]
        self.back: list[Event] = []

    def _came_back(self, event: Event) -> bool:
        self.back.append(event)
        return event.time_ms == 7

    def _is_numbered(self, event: Event) -> bool:
        return isinstance(event, BalanceUpdate) and event.total is not None and event.total % 2 == 0

    def told(self, *events: BalanceUpdate) -> list[Any]:
        return [event for output in self._deliver(events) for event in output.events]


def test_what_the_stream_says_again_is_kept_out_and_noted() -> None:
    """It may be a copy that is late. One that comes at once, or of an earlier millisecond, can be nothing else."""
    machine = Noting()
    assert machine.told(held(1), held(1), held(3), held(3)) == [held(1), held(3)]
    assert machine.back == []
    assert machine.told(held(1)) == []
    assert machine.back == [held(1)]
    assert machine.told(held(5, 6), held(1), held(3)) == [held(5, 6)]
    assert (machine.back, machine.counters["repeats"]) == ([held(1)], 5)


def test_what_an_answer_says_again_is_told_under_another_id() -> None:
    """The exchange was asked after it had told all that; the ids are the same whenever that happens."""
    machine = Noting()
    machine.told(held(1), held(3))
    for id_, total in (("b5:1:2", 1), ("b5:3:2", 3), ("b5:1:3", 1)):
        (again,) = machine.told(held(total, origin=Origin.RECOVERED))
        assert (again.id, again.total) == (id_, total)
        assert machine.told(held(total, origin=Origin.RECOVERED)) == []
    assert machine.book.balances["BTC"].total == 1
    assert machine.told(held(3, 4, origin=Origin.RECOVERED)) == []  # the answer of another time is only late


def test_what_the_stream_says_again_may_be_told_all_the_same() -> None:
    """Where an exchange's machine knows better: under another id."""
    machine = Noting()
    assert [event.id for event in machine.told(held(1, 7), held(3, 7), held(1, 7))] == ["b7:1", "b7:3", "b7:1:2"]


def test_what_the_exchange_numbers_is_a_copy_when_it_comes_again() -> None:
    machine = Noting()
    machine.told(held(2), held(3))
    assert machine.told(held(2), held(2, origin=Origin.RECOVERED)) == []
    assert machine.back == []


def test_rubbish_is_counted_in_a_row(live: Driver) -> None:
    """Twenty frames in a row end the connection; one good frame in between starts the count anew."""
    for _ in range(19):
        live.text("!")
    live.text("1")
    for _ in range(19):
        live.text("!")
    assert live.state() is State.LIVE
    live.text("!")
    assert live.state() is State.SUSPENDED
    assert live.told(Suspended)[0].reason is SuspendReason.GARBLED


def test_it_is_quiet_while_it_waits_for_nothing(driver: Driver) -> None:
    """Not on its way in, not while a command or a question over HTTP has no answer, and not without a connection."""
    assert not driver.machine.is_quiet
    driver.start()
    driver.reply("ws://toy")
    driver.open()
    assert not driver.machine.is_quiet
    driver.text("welcome")
    assert driver.machine.is_quiet
    driver.command("wave")
    assert not driver.machine.is_quiet
    driver.advance(COMMAND_WITHIN + 0.01)
    driver.pong()
    assert driver.machine.is_quiet
    asked = driver.machine._call("ask", lambda: iter(()), lambda _, __: [], lambda _, __: [], driver.clock.now())
    assert not driver.machine.is_quiet
    driver.machine.replied(asked[0].call, None, driver.clock.now())
    assert driver.machine.is_quiet
    driver.close("gone", broken=True)
    assert not driver.machine.is_quiet


def test_a_command_without_an_answer_times_out(live: Driver) -> None:
    """After COMMAND_WITHIN seconds; the stream is none the worse."""
    ticket = live.command("wave")
    live.mute = False
    while live.clock.monotonic() < 1_000.0 + COMMAND_WITHIN - 0.01:
        live.advance(1.0)
        live.ping()
    assert isinstance(live.answers[ticket].error, WaitTimeout)
    assert live.state() is State.LIVE


def test_an_impossible_move_is_a_fault(driver: Driver) -> None:
    """The table is kept by the machine itself."""
    with pytest.raises(AssertionError, match="no move from"):
        driver.machine._move(Phase.LIVE)


def test_a_drop_while_opening_is_not_lost(driver: Driver) -> None:
    """A connection that opens after it is not wanted any more is dropped."""
    driver.start()
    driver.reply("ws://toy")
    driver.stop()
    assert driver.asked_for(Drop) == [Drop(1, driver.asked_for(Drop)[0].why)]
    assert [type(output) for output in driver.open(1)] == [Drop]


# --- any facts in any order -------------------------------------------------------------------------------------------

FACTS = st.sampled_from(
    ["open", "refuse", "ban", "text", "rubbish", "ping", "pong", "close", "break", "old", "reply", "fail", "deny",
     "late", "tick", "second", "minute", "hour", "command", "step", "mute", "answer"]
)  # fmt: skip


def tell(driver: Driver, subject: Subject, fact: str, number: int) -> None:
    """One fact, whether or not it fits the moment."""
    commands = list(subject.commands.items())
    name, arguments = commands[number % len(commands)]
    actions: dict[str, Callable[[], object]] = {
        "open": driver.open,
        "refuse": lambda: driver.refuse(TransportError("no")),
        "ban": lambda: driver.refuse(Banned("banned", retry_after=120)),
        "text": lambda: driver.text(subject.order(number)),
        "rubbish": lambda: driver.text('{"channel": 5, "id": "?", "params": [], "event": {}}'),
        "ping": driver.ping,
        "pong": driver.pong,
        "close": driver.close,
        "break": lambda: driver.close(broken=True),
        "old": lambda: driver.text(subject.order(number), link=driver.link - 1),
        "reply": lambda: driver.calls and driver.reply(driver.counterpart.holds(driver.calls[0])),
        "fail": lambda: driver.calls and driver.fail(TransportError("no")),
        "deny": lambda: driver.calls and driver.fail(ExchangeDown("down")),
        "late": lambda: driver.machine.replied(10_000 + number, "late", driver.clock.now()),
        "tick": driver.tick,
        "second": lambda: driver.advance(1),
        "minute": lambda: driver.advance(60),
        "hour": lambda: driver.advance(3600),
        "command": lambda: driver.command(name, **arguments),
        "step": driver.step,
        "mute": lambda: setattr(driver, "mute", not driver.mute),
        "answer": lambda: setattr(driver, "holding", not driver.holding),
    }
    actions[fact]()


@pytest.mark.parametrize("subject", SUBJECTS, ids=str)
@given(facts=st.lists(FACTS, max_size=60))
@settings(max_examples=150)
def test_no_order_of_facts_breaks_a_machine(subject: Subject, facts: list[str]) -> None:
    """Whatever comes whenever: no exception, lawful moves, Live and Suspended in turns, no ticket left at the end."""
    driver = subject.driver()
    driver.start()
    for number, fact in enumerate(facts):
        before = driver.machine.phase
        tell(driver, subject, fact, number)
        assert driver.machine.phase in ENDED or driver.machine.phase in MOVES
        assert before not in ENDED or driver.machine.phase is before
    lives = [type(event).__name__ for event in driver.events if isinstance(event, (Live, Suspended, Lost))]
    assert all(one != other for one, other in itertools.pairwise(lives))
    driver.mute = True
    driver.stop()
    assert len(driver.answers) == facts.count("command")
    assert driver.machine.due == NEVER
