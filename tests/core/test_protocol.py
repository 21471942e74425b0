"""The life of a connection in all session machines, on a toy exchange; and facts in any order on the real ones."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jexkit.core.lifecycle import ENDED, MOVES, Phase, State
from jexkit.core.protocol import ENTER_WITHIN
from jexkit.core.values import Answer, Call, Drop, GiveUp, Open, Ping, Send, sorted_by_use
from jexkit.core.waiting import NEVER
from jexkit.errors import (
    AuthenticationError,
    Banned,
    ExchangeDown,
    JexkitError,
    RateLimited,
    SubscriptionRefused,
    TransportError,
    UnknownOutcome,
)
from jexkit.events import Live, Lost, Suspended, SuspendReason
from jexkit.testing.conformance import SUBJECTS, Subject
from jexkit.testing.driver import Driver
from tests.core.toy import live_toy, toy


@pytest.fixture
def driver() -> Driver:
    return toy()


@pytest.fixture
def live() -> Driver:
    return live_toy()


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


def test_a_proof_is_asked_for_so_long_after_the_last_word() -> None:
    """Not before, whatever came when; and messages one after the other move no deadline."""
    driver = live_toy()
    every = driver.machine.probe.every
    driver.machine._not_at("enter")  # the toy does not call it off
    driver.forget()
    deadline = driver.machine.due
    for number in range(3):
        driver.advance(every / 4)
        driver.text(f"+{number}")
        assert driver.machine.due == deadline
    driver.advance(every - 0.001)
    assert driver.asked_for(Ping) == []
    driver.advance(0.001)
    assert driver.asked_for(Ping) == [Ping(driver.link)]
    driver.pong()
    driver.forget()
    driver.advance(every)
    assert driver.asked_for(Ping) == [Ping(driver.link)]


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
        assert driver.machine.due == min((when for when, _ in driver.machine._timers.values()), default=NEVER)
    lives = [type(event).__name__ for event in driver.events if isinstance(event, (Live, Suspended, Lost))]
    assert all(one != other for one, other in itertools.pairwise(lives))
    driver.mute = True
    driver.stop()
    assert len(driver.answers) == facts.count("command")
    assert driver.machine.due == NEVER
