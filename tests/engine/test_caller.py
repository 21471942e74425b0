"""Conversations over HTTP: the exchange's clock, repeats, and pauses that the exchange asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from jexkit.core.dialect import Dialect
from jexkit.core.values import Ask, Flow, HttpReply, HttpRequest, Security
from jexkit.engine import caller as caller_module
from jexkit.engine.caller import SHORT_PAUSE, Caller
from jexkit.engine.governor import Governor
from jexkit.errors import (
    AuthenticationError,
    Banned,
    ClockSkew,
    ExchangeDown,
    JexkitError,
    RateLimited,
    TransportError,
    UnknownOutcome,
)
from jexkit.testing.clock import START_MS, ManualClock
from tests.engine.servers import PATIENCE

READ = Ask("GET", "/read", security=Security.KEY)
SIGNED = Ask("GET", "/signed", security=Security.SIGNED)
WRITE = Ask("POST", "/write", idempotent=False)
AHEAD_MS = 5_000


class Echo(Dialect):
    """The answer stands in a header; an error in its place is raised by ``read``, as a refusal is."""

    def prepare(self, ask: Ask, wall_ms: int) -> HttpRequest:
        return HttpRequest(ask.method, f"http://exchange{ask.path}?t={wall_ms}")

    def read(self, ask: Ask, reply: HttpReply, wall_ms: int) -> Any:
        answer = reply.headers["answer"]
        if isinstance(answer, JexkitError):
            raise answer
        return answer

    def clock(self) -> Flow[int]:
        server_ms: int = yield Ask("GET", "/time")
        return server_ms

    def flow(self, *asks: Ask) -> Flow[list[Any]]:
        answers = []
        for ask in asks:
            answers.append((yield ask))  # noqa: PERF401 - a comprehension cannot yield
        return answers

    open_orders = order = fills = balances = positions = clock  # type: ignore[assignment]


class FakeHttp:
    """Answers from a list of scripts by path; errors of the network are raised at once."""

    def __init__(self, clock: ManualClock, *, takes: float = 0.0) -> None:
        self.requests: list[str] = []
        self.answers: dict[str, list[Any]] = {}
        self.is_closed = False
        self._clock = clock
        self._takes = takes
        self._lock = threading.Lock()

    def send(self, request: HttpRequest) -> Any:
        path = request.url.removeprefix("http://exchange").partition("?")[0]
        with self._lock:
            self.requests.append(request.url.removeprefix("http://exchange"))
            self._clock.advance(self._takes)
            if path == "/time" and path not in self.answers:
                return HttpReply(200, {"answer": self._clock.now().wall_ms + AHEAD_MS})
            script = self.answers.get(path, ["fine"])
            answer = script.pop(0) if len(script) > 1 else script[0]
        if isinstance(answer, TransportError):
            raise answer
        return answer if isinstance(answer, HttpReply) else HttpReply(200, {"answer": answer})

    def close(self) -> None:
        self.is_closed = True

    def asked(self, path: str) -> int:
        return sum(request.startswith(path + "?") for request in self.requests)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def http(clock: ManualClock) -> FakeHttp:
    return FakeHttp(clock)


@pytest.fixture
def dialect() -> Echo:
    return Echo()


@pytest.fixture
def ask(dialect: Echo, caller: Caller) -> Callable[..., list[Any]]:
    return lambda *asks: caller.hold(dialect.flow(*asks))


@pytest.fixture
def caller(dialect: Echo, http: FakeHttp, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> Caller:
    monkeypatch.setattr(caller_module, "REPEAT_AFTER", 0.0)
    return Caller(dialect, http, clock, Governor(clock))  # type: ignore[arg-type]


# --- conversations ----------------------------------------------------------------------------------------------------


def test_a_conversation_is_held_to_its_end(ask: Callable[..., Any], http: FakeHttp) -> None:
    """Each answer goes to the flow, whose return value is the result."""
    http.answers["/read"] = ["first", "second", "third"]
    assert ask(READ, READ, READ) == ["first", "second", "third"]


def test_a_conversation_without_questions(ask: Callable[..., Any]) -> None:
    assert ask() == []


def test_a_flow_may_live_with_an_error(caller: Caller, http: FakeHttp) -> None:
    """It is raised at the question, and can be caught there."""
    http.answers["/read"] = [AuthenticationError("no")]

    def flow() -> Flow[str]:
        try:
            yield READ
        except AuthenticationError:
            return str((yield WRITE))
        return "never"

    assert caller.hold(flow()) == "fine"


def test_an_error_that_no_flow_catches_is_the_callers(ask: Callable[..., Any], http: FakeHttp) -> None:
    http.answers["/read"] = [AuthenticationError("no", code=-2015)]
    with pytest.raises(AuthenticationError) as caught:
        ask(READ)
    assert caught.value.code == -2015


# --- the clock --------------------------------------------------------------------------------------------------------


def test_the_clock_is_measured_before_the_first_signed_question(
    ask: Callable[..., Any], http: FakeHttp, caller: Caller
) -> None:
    """And not for those that need no time, and not again."""
    ask(READ)
    assert caller.skew_ms is None
    ask(SIGNED, SIGNED, READ, SIGNED)
    assert [request.partition("?")[0] for request in http.requests] == [
        "/read", "/time", "/signed", "/signed", "/read", "/signed",
    ]  # fmt: skip
    assert caller.skew_ms == AHEAD_MS
    assert http.requests[2] == f"/signed?t={START_MS + AHEAD_MS}"


def test_half_of_the_way_is_taken_off(dialect: Echo, clock: ManualClock) -> None:
    """The answer is as old as the way back takes."""
    http = FakeHttp(clock, takes=1.0)
    http.answers["/time"] = [clock.now().wall_ms + 500]  # exactly in the middle of the second that it takes
    caller = Caller(dialect, http, clock, Governor(clock))  # type: ignore[arg-type]
    assert caller.measure_clock() == 0


def test_a_wall_clock_that_is_set_meanwhile_does_not_spoil_it(
    dialect: Echo, clock: ManualClock, http: FakeHttp
) -> None:
    """The way is measured on the clock that nobody can set."""
    caller = Caller(dialect, http, clock, Governor(clock))  # type: ignore[arg-type]
    now = clock.now().wall_ms
    http.answers["/time"] = [now]
    original = http.send

    def send(request: HttpRequest) -> Any:
        clock.set_wall(now + 3_600_000)
        return original(request)

    http.send = send  # type: ignore[method-assign]
    assert caller.measure_clock() == 0


def test_it_is_measured_anew_when_our_clock_was_set(
    ask: Callable[..., Any], clock: ManualClock, http: FakeHttp
) -> None:
    """Before the exchange can take the wrong time for a wrong key; a machine that slept looks the same."""
    ask(SIGNED)
    clock.set_wall(START_MS + 3_600_000)
    ask(SIGNED, SIGNED)
    assert [request.partition("?")[0] for request in http.requests] == [
        "/time", "/signed", "/time", "/signed", "/signed",
    ]  # fmt: skip


def test_many_threads_measure_it_once(dialect: Echo, caller: Caller, http: FakeHttp) -> None:
    barrier = threading.Barrier(8)

    def run() -> None:
        barrier.wait(PATIENCE)
        caller.hold(dialect.flow(SIGNED))

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert (http.asked("/time"), http.asked("/signed")) == (1, 8)


def test_a_complaint_about_the_time_is_answered_with_a_new_measurement(ask: Callable[..., Any], http: FakeHttp) -> None:
    """And the question is asked once more with it."""
    ask(SIGNED)
    http.answers["/signed"] = [ClockSkew("outside of the window"), "fine"]
    assert ask(SIGNED) == ["fine"]
    assert http.asked("/time") == 2


def test_a_second_complaint_is_an_error(ask: Callable[..., Any], http: FakeHttp) -> None:
    """No endless measuring."""
    http.answers["/signed"] = [ClockSkew("outside of the window")]
    with pytest.raises(ClockSkew):
        ask(SIGNED)
    assert (http.asked("/time"), http.asked("/signed")) == (2, 2)


def test_a_clock_that_cannot_be_read_is_the_questions_error(ask: Callable[..., Any], http: FakeHttp) -> None:
    """And the next question tries to read it again."""
    http.answers["/time"] = [TransportError("no network")]
    with pytest.raises(TransportError):
        ask(SIGNED)
    assert http.asked("/signed") == 0
    del http.answers["/time"]
    assert ask(SIGNED) == ["fine"]


# --- again, or not ----------------------------------------------------------------------------------------------------

PASSING = [TransportError("no network"), UnknownOutcome("no answer"), ExchangeDown("maintenance")]


@pytest.mark.parametrize("error", PASSING, ids=type)
def test_a_safe_question_is_asked_once_more(ask: Callable[..., Any], http: FakeHttp, error: JexkitError) -> None:
    http.answers["/read"] = [error, "fine"]
    assert ask(READ) == ["fine"]


@pytest.mark.parametrize("error", PASSING, ids=type)
def test_and_no_third_time(ask: Callable[..., Any], http: FakeHttp, error: JexkitError) -> None:
    http.answers["/read"] = [error]
    with pytest.raises(type(error)):
        ask(READ)
    assert http.asked("/read") == 2


@pytest.mark.parametrize("error", PASSING, ids=type)
def test_what_may_have_happened_is_not_done_twice(ask: Callable[..., Any], http: FakeHttp, error: JexkitError) -> None:
    http.answers["/write"] = [error, "fine"]
    with pytest.raises(type(error)):
        ask(WRITE)
    assert http.asked("/write") == 1


def test_no_repeat_after_stop(ask: Callable[..., Any], http: FakeHttp, caller: Caller) -> None:
    """A wait between two attempts ends with the program."""
    caller.stop()
    http.answers["/read"] = [UnknownOutcome("no answer")]
    with pytest.raises(UnknownOutcome):
        ask(READ)
    assert http.asked("/read") == 1
    assert http.is_closed


# --- pauses -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error", [RateLimited("slowly", retry_after=30), Banned("banned", retry_after=30, until_ms=5)], ids=type
)
def test_a_pause_that_was_asked_for_is_kept(
    ask: Callable[..., Any], http: FakeHttp, clock: ManualClock, error: JexkitError
) -> None:
    """Nothing at all is sent meanwhile, whatever the question; afterwards it goes on."""
    http.answers["/read"] = [error, "fine"]
    with pytest.raises(RateLimited) as first:
        ask(READ)
    assert first.value is error
    clock.advance(10)
    questions: Sequence[Ask] = (READ, SIGNED, WRITE)
    for question in questions:
        with pytest.raises(RateLimited) as caught:
            ask(question)
        assert caught.value.retry_after == pytest.approx(20)
    assert http.requests == [f"/read?t={START_MS}"]
    clock.advance(20.001)
    assert ask(READ) == ["fine"]


def test_a_refusal_for_good_is_no_pause(ask: Callable[..., Any], http: FakeHttp) -> None:
    http.answers["/read"] = [AuthenticationError("no"), "fine"]
    with pytest.raises(AuthenticationError):
        ask(READ)
    assert ask(READ) == ["fine"]


def test_a_short_pause_is_waited_out(
    dialect: Echo, http: FakeHttp, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second or two are not worth an error."""
    governor = Governor(clock)
    caller = Caller(dialect, http, clock, governor)  # type: ignore[arg-type]
    waits: list[float] = []

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        return False

    monkeypatch.setattr(caller._stopping, "wait", wait)
    governor.close("http://exchange/read", SHORT_PAUSE)
    assert caller.hold(dialect.flow(READ)) == ["fine"]
    assert waits == [SHORT_PAUSE]


def test_the_pace_is_kept(dialect: Echo, http: FakeHttp, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes beyond the burst waits for its turn."""
    caller = Caller(dialect, http, clock, Governor(clock))  # type: ignore[arg-type]
    waits: list[float] = []

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        clock.advance(seconds)
        return False

    monkeypatch.setattr(caller._stopping, "wait", wait)
    caller.hold(dialect.flow(*[READ] * int(dialect.pace.burst)))
    assert waits == []
    caller.hold(dialect.flow(*[READ] * 10))
    assert len(waits) == 10
    assert sum(waits) == pytest.approx(10 / dialect.pace.per_second)


def test_a_turn_that_is_waited_for_ends_with_the_program(caller: Caller, dialect: Echo, http: FakeHttp) -> None:
    caller.stop()
    caller.hold(dialect.flow(*[READ] * int(dialect.pace.burst)))
    with pytest.raises(TransportError, match="stopped"):
        caller.hold(dialect.flow(READ))


def test_too_long_a_queue_is_an_error(
    dialect: Echo, http: FakeHttp, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who asks for ten minutes' worth of questions at once is told so."""
    caller = Caller(dialect, http, clock, Governor(clock))  # type: ignore[arg-type]
    monkeypatch.setattr(caller._stopping, "wait", lambda seconds: False)
    with pytest.raises(RateLimited, match="too much"):
        caller.hold(dialect.flow(*[READ] * 1000))


DATED = {"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT", "date": "Wed, 21 Oct 2015 07:27:40 GMT"}


@pytest.mark.parametrize("header", [{"retry-after": "20"}, DATED], ids=["seconds", "date"])
@pytest.mark.parametrize("kind", [ExchangeDown, UnknownOutcome, lambda said: RateLimited(said, retry_after=0)])
def test_a_pause_before_the_next_try_is_kept(
    ask: Callable[..., Any], http: FakeHttp, clock: ManualClock, kind: Any, header: dict[str, str]
) -> None:
    """An answer that names a time to wait is not asked again before that, nor is anything else: the caller is told."""
    error = kind("not now")
    http.answers["/read"] = [HttpReply(503, {"answer": error, **header}), "fine"]
    with pytest.raises(type(error)) as told:
        ask(READ)
    assert told.value is error
    assert error.retry_after == 20
    with pytest.raises(RateLimited, match="asked for a pause"):
        ask(READ)
    assert http.asked("/read") == 1
    clock.advance(20.001)
    assert ask(READ) == ["fine"]
