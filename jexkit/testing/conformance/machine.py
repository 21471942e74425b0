"""The suite for an exchange's session machine: scripted facts in, outputs checked; no thread, no socket, no waiting."""

from __future__ import annotations

from collections import deque
from typing import Any

import pytest

from jexkit.core.lifecycle import ENDED, Phase, State
from jexkit.core.protocol import ENTER_WITHIN, STEADY_AFTER, Machine
from jexkit.core.telling import UNREADABLE_KEPT
from jexkit.core.values import Call, Drop, GiveUp, Open, Ping, Send
from jexkit.core.waiting import CALL_WITHIN, COMMAND_WITHIN, NEVER
from jexkit.errors import ExchangeError, JexkitError, StreamEnded, TransportError, UsageError
from jexkit.events import Event, Gap, Live, Lost, OrderUpdate, Suspended, SuspendReason, Unknown
from jexkit.testing.conformance.subject import Subject
from jexkit.testing.driver import Driver

HOUR = 3600.0
DAY = 24 * HOUR
RETRY_BOUND = 60.0  # seconds; no wait between two attempts is longer unless the exchange asks for it
NO_NETWORK = TransportError("there is no network today")
GARBAGE = ("", "{", "\x00\xff", "null", "[]", '"text"', "1", "[" * 2_000, "9" * 50_000, '{"a": NaN}')

PHASES = tuple(phase for phase in Phase if phase is not Phase.STOPPED)


def reach(driver: Driver, phase: Phase) -> bool:
    """Drive a fresh machine to ``phase``; False if this exchange never stops there."""
    if phase is Phase.IDLE:
        return True
    if phase is Phase.LOST:
        driver.counterpart.deny()  # type: ignore[union-attr]
        driver.start()
    elif phase is Phase.WAITING:
        driver.start()
        driver.close("gone", broken=True)
    elif phase is Phase.LIVE:
        driver.start()
    else:
        driver.holding = True
        driver.start()
        while driver.machine.phase is not phase and driver.step():
            pass
    return driver.machine.phase is phase


def weight(machine: Machine) -> int:
    """How many things the machine's containers hold."""
    return sum(len(held) for held in _containers(machine))


def _containers(machine: Machine) -> list[Any]:
    found: list[Any] = []
    for value in vars(machine).values():
        parts = [value, *vars(value).values()] if hasattr(value, "__dict__") else [value]
        found += [part for part in parts if isinstance(part, (dict, list, set, deque))]
    return found


class MachineConformance:
    """What every exchange's machine keeps. A subclass has the fixture ``subject``."""

    @pytest.fixture
    def driver(self, subject: Subject) -> Driver:
        """A machine with a healthy counterpart, not started."""
        return subject.driver()

    @pytest.fixture
    def live(self, driver: Driver) -> Driver:
        """The same, live, with all outputs so far forgotten."""
        driver.start()
        assert driver.state() is State.LIVE
        driver.forget()
        return driver

    # --- the way in -------------------------------------------------------------------------------------------------

    def test_starting_leads_to_live(self, driver: Driver) -> None:
        """With a healthy exchange the stream is live after one connection, and says so once."""
        assert driver.state() is State.IDLE
        driver.start()
        assert driver.state() is State.LIVE
        assert len(driver.told(Live)) == 1
        assert driver.told(Suspended) == []
        assert len(driver.asked_for(Open)) == 1

    def test_every_event_names_its_stream(self, subject: Subject, live: Driver) -> None:
        """Exchange and stream are on each event, and the message as it came on those that a message brought."""
        live.text(subject.order(1))
        (update,) = live.told(OrderUpdate)
        assert (update.exchange, update.stream) == (subject.exchange, live.machine.stream)
        assert update.order_id == subject.order_id(1)
        assert subject.order_id(1) in update.raw

    def test_a_repeat_is_kept_out(self, subject: Subject, live: Driver) -> None:
        """The same message twice, also on another connection, is told once."""
        live.text(subject.order(1))
        live.text(subject.order(1))
        live.close("gone", broken=True)
        live.advance(HOUR)
        assert live.state() is State.LIVE
        live.text(subject.order(1))
        assert len(live.told(OrderUpdate)) == 1
        assert live.machine.counters["repeats"] == 2

    def test_a_silent_exchange_does_not_hold_the_way_in_up(self, driver: Driver) -> None:
        """Whatever is not answered on the way in is given up, and tried again."""
        driver.counterpart, healthy = _Deaf(), driver.counterpart
        driver.start()
        driver.advance(4 * (CALL_WITHIN + ENTER_WITHIN + RETRY_BOUND))
        assert driver.machine.counters["retries"] >= 3
        assert driver.told(Live) == []
        driver.counterpart = healthy
        driver.advance(2 * (CALL_WITHIN + ENTER_WITHIN + RETRY_BOUND))
        assert driver.state() is State.LIVE

    # --- alive ------------------------------------------------------------------------------------------------------

    def test_a_quiet_day_brings_the_chores_and_nothing_else(self, subject: Subject, live: Driver) -> None:
        """An account without any message stays live on one connection, with its keys, tokens and pings looked after."""
        live.advance(DAY)
        assert live.state() is State.LIVE
        assert live.events == []
        assert live.machine.counters["connections"] == 1
        for counter, (least, most) in subject.chores.items():
            assert least <= live.machine.counters[counter] <= most, counter

    def test_the_proof_of_life_is_never_old(self, live: Driver) -> None:
        """At any time of a quiet hour the last proof is not older than a probe and its answer may take."""
        probe = live.machine.probe
        for _ in range(360):
            live.advance(10.0)
            assert live.machine.last_proof_ms is not None
            age = live.clock.now().wall_ms - live.machine.last_proof_ms
            assert 0 <= age <= (probe.every + probe.within) * 1000

    def test_silence_is_found_in_time_and_not_too_soon(self, live: Driver) -> None:
        """An exchange that answers nothing is left after a probe has stayed unanswered for its whole time."""
        probe = live.machine.probe
        live.tick()
        live.mute = True
        live.advance(probe.every + probe.within - 0.001)
        assert live.state() is State.LIVE
        live.advance(0.002)
        assert live.state() is State.SUSPENDED
        (suspended,) = live.told(Suspended)
        assert suspended.reason is SuspendReason.SILENT
        assert [drop.link for drop in live.asked_for(Drop)] == [live.link]

    def test_messages_are_proof_enough(self, subject: Subject, live: Driver) -> None:
        """While messages come, pings need no answer."""
        live.mute = True
        for number in range(60):
            live.advance(live.machine.probe.every / 2)
            live.text(subject.order(number))
        assert live.state() is State.LIVE

    def test_pings_of_the_exchange_are_proof_enough(self, live: Driver) -> None:
        """While the exchange pings, our own pings need no answer."""
        live.mute = True
        for _ in range(20):
            live.advance(live.machine.probe.every / 2)
            live.ping()
        assert live.state() is State.LIVE
        assert live.machine.counters["pings_answered"] == 20

    def test_nothing_is_done_twice(self, driver: Driver) -> None:
        """A second tick at the same moment does nothing, and every tick moves the deadline into the future."""
        driver.start()
        for _ in range(500):
            driver.clock.advance_to(driver.machine.due)
            driver.tick()
            assert driver.machine.due > driver.clock.monotonic()
            driver.forget()
            driver.tick()
            assert driver.outputs == []

    def test_a_late_tick_does_not_pile_up(self, live: Driver) -> None:
        """After an hour without a tick (a suspended machine) one tick does each thing once at the most."""
        live.mute = True
        live.clock.advance(HOUR)
        live.tick()
        sent = [str(frame) for frame in live.sent]
        assert len(live.asked_for(Ping)) <= 1
        assert len(sent) <= 4
        live.mute = False
        live.advance(10 * RETRY_BOUND)
        assert live.state() is State.LIVE

    @pytest.mark.parametrize("hours", [-5, 5])
    def test_the_wall_clock_may_be_set(self, live: Driver, hours: int) -> None:
        """Hours forward or back on the wall clock change nothing."""
        live.clock.set_wall(live.clock.now().wall_ms + hours * 3_600_000)
        live.tick()
        live.advance(HOUR)
        assert live.state() is State.LIVE
        assert live.events == []

    # --- away and back ----------------------------------------------------------------------------------------------

    @pytest.mark.parametrize(("broken", "reason"), [(True, SuspendReason.BROKEN), (False, SuspendReason.CLOSED)])
    def test_a_drop_is_told_once_and_mended(
        self, subject: Subject, live: Driver, broken: bool, reason: SuspendReason
    ) -> None:
        """Suspended with the reason, then Live on a new connection, and messages as before."""
        live.close("it went", broken=broken)
        assert live.state() is State.SUSPENDED
        live.advance(RETRY_BOUND)
        assert live.state() is State.LIVE
        assert _kinds(live) == ["Suspended", "Live"]
        assert live.told(Suspended)[0].reason is reason
        assert live.told(Suspended)[0].detail == "it went"
        assert live.link == 2
        live.text(subject.order(1))
        assert len(live.told(OrderUpdate)) == 1

    def test_the_day_goes_on_after_a_reconnection(self, subject: Subject, live: Driver) -> None:
        """Chores are done on the second connection as on the first."""
        live.close()
        live.advance(RETRY_BOUND)
        before = dict(live.machine.counters)
        live.advance(DAY)
        for counter, (least, most) in subject.chores.items():
            if counter != "logins":
                assert least <= live.machine.counters[counter] - before.get(counter, 0) <= most, counter

    def test_waits_grow_and_are_bounded(self, live: Driver) -> None:
        """Of an exchange that is away the program hears once; the attempts become rarer, and never stop.

        The first wait is for the connection that broke; those after attempts that were refused are counted apart.
        """
        live.clock.throw(0.999)
        live.counterpart.refusal = NO_NETWORK  # type: ignore[union-attr]
        live.close("gone", broken=True)
        waits = [self._wait(live) for _ in range(10)]
        assert waits[:7] == sorted(waits[:7])
        assert waits[1] < 2
        assert all(RETRY_BOUND * 0.9 < wait <= RETRY_BOUND for wait in waits[7:])
        assert len(live.told(Suspended)) == 1

    @pytest.mark.parametrize("frame", ["no JSON", "\x00\xff", "[]", "5", '{"a":{"b":[1]}}', "{}"])
    def test_garbage_for_ever_is_left_ever_more_slowly(self, driver: Driver, frame: str) -> None:
        """Twenty messages in a row that make no sense, well formed or not, end a connection; the next waits longer."""
        driver.clock.throw(0.999)
        driver.start()
        waits: list[float] = []
        for _ in range(8):
            for number in range(20):
                assert driver.state() is State.LIVE, (number, waits)
                driver.text(frame)
                driver.clock.advance(0.002)  # messages of one moment that say the same are told once
            assert driver.told(Suspended)[-1].reason is SuspendReason.GARBLED
            waits.append(self._wait_live(driver))
        assert waits == sorted(waits)
        assert waits[0] < 2
        assert waits[-1] > RETRY_BOUND * 0.9

    @staticmethod
    def _wait_live(driver: Driver) -> float:
        began = driver.clock.monotonic()
        while driver.state() is not State.LIVE:
            driver.clock.advance_to(driver.machine.due)
            driver.tick()
        return driver.clock.monotonic() - began

    def test_waits_are_spread(self, live: Driver) -> None:
        """The dice decide how long: a hundred streams do not come back in the same second, and none spins."""
        live.counterpart.refusal = NO_NETWORK  # type: ignore[union-attr]
        live.close("gone", broken=True)
        for chance, least, most in ((0.0, 0.01, 1.0), (0.25, 0.2, 16.0), (0.75, 0.5, 46.0)):
            live.clock.throw(chance)
            waits = [self._wait(live) for _ in range(8)]
            assert all(least <= wait <= most for wait in waits[1:]), waits

    def test_only_a_live_that_lasted_starts_the_waits_anew(self, live: Driver) -> None:
        """A stream that is cut right after each Live comes back ever more slowly; one that held comes back at once."""
        live.clock.throw(0.999)
        waits = []
        for _ in range(8):
            live.close("gone", broken=True)
            waits.append(self._wait(live))
            assert live.state() is State.LIVE
        assert waits == sorted(waits)
        assert waits[-1] > RETRY_BOUND * 0.9
        live.advance(STEADY_AFTER + 1)
        live.close("gone", broken=True)
        assert self._wait(live) < 2

    def test_facts_of_an_old_connection_are_nothing(self, subject: Subject, live: Driver) -> None:
        """What a connection says after it was left changes nothing."""
        old = live.link
        live.close("gone", broken=True)
        live.text(subject.order(1), link=old)
        live.advance(RETRY_BOUND)
        live.forget()
        live.text(subject.order(1), link=old)
        live.close("gone again", link=old)
        live.refuse(NO_NETWORK, link=old)
        assert live.outputs == []
        live.open(link=old)
        assert live.outputs == [Drop(old, live.asked_for(Drop)[0].why)]
        assert live.state() is State.LIVE

    def test_a_server_that_talks_rubbish_for_ever_is_left(self, subject: Subject, live: Driver) -> None:
        """Each such frame is told, cut to a bounded length; then Suspended(GARBLED), slow retries, bounded memory."""
        garbage = (*GARBAGE, *subject.garbage)
        sizes = []
        for second in range(1, 1801):
            if live.state() is State.LIVE:
                for number in range(30):
                    live.text(garbage[(second + number) % len(garbage)])
            live.advance(1.0)
            if second % 600 == 0:
                sizes.append(weight(live.machine))
        assert all(len(event.raw) <= UNREADABLE_KEPT for event in live.told(Unknown))
        reasons = {event.reason for event in live.told(Suspended)}
        assert reasons == {SuspendReason.GARBLED}
        assert len(live.asked_for(Open)) < 120
        assert sizes[-1] <= sizes[0] + 100 * (len(GARBAGE) + len(subject.garbage))
        live.advance(2 * RETRY_BOUND)
        live.forget()
        live.text(subject.order(1))
        assert len(live.told(OrderUpdate)) == 1

    def test_a_bad_frame_costs_no_other(self, subject: Subject, live: Driver) -> None:
        """Rubbish among good messages is told whole and harms none of them."""
        for number in range(100):
            live.text("{not json")
            live.text(subject.order(number))
        assert len(live.told(OrderUpdate)) == 100
        assert len(live.told(Unknown)) == 100
        assert live.state() is State.LIVE

    # --- the end ----------------------------------------------------------------------------------------------------

    def test_wrong_credentials_end_the_stream_at_once(self, driver: Driver) -> None:
        """Lost with the error, one attempt, and nothing after it."""
        driver.counterpart.deny()  # type: ignore[union-attr]
        driver.start()
        self._is_lost(driver)
        assert len(driver.told(Lost)) == 1
        assert driver.told(Live) == []

    def test_credentials_that_are_taken_away_end_the_stream(self, live: Driver) -> None:
        """A key that is revoked while the stream lives ends it when it comes back, after few attempts."""
        live.advance(HOUR)
        live.counterpart.deny()  # type: ignore[union-attr]
        live.close("gone", broken=True)
        live.advance(10 * RETRY_BOUND)
        self._is_lost(live)
        assert _kinds(live) == ["Suspended", "Lost"]
        assert len(live.asked_for(Open)) <= 2

    @pytest.mark.parametrize("phase", PHASES, ids=lambda phase: phase.value)
    def test_it_can_be_stopped_at_any_time(self, subject: Subject, driver: Driver, phase: Phase) -> None:
        """In every phase stopping is the end: what is open is dropped, and nothing is wanted or done any more."""
        if not reach(driver, phase):
            pytest.skip(f"{subject} never waits in {phase}")
        was_open = phase in (Phase.OPENING, Phase.ENTERING, Phase.RECOVERING, Phase.LIVE)
        driver.mute = True
        driver.forget()
        driver.stop()
        assert driver.state() is State.STOPPED
        assert [drop.link for drop in driver.asked_for(Drop)] == ([driver.link] if was_open else [])
        assert driver.events == []
        self._is_dead(driver)
        assert driver.stop() == []

    def _is_lost(self, driver: Driver) -> None:
        assert driver.state() is State.LOST
        (given_up,) = driver.asked_for(GiveUp)
        assert isinstance(given_up.error, ExchangeError)
        assert not given_up.error.retryable
        lost = driver.told(Lost)[0]
        assert (lost.error, lost.detail) == (type(given_up.error).__name__, str(given_up.error))
        assert driver.machine.last_error == str(given_up.error)
        self._is_dead(driver)

    @staticmethod
    def _is_dead(driver: Driver) -> None:
        """No fact moves it any more, and it wants no tick."""
        assert driver.machine.phase in ENDED
        assert driver.machine.due == NEVER
        before = list(driver.outputs)
        driver.text("{}")
        driver.ping()
        driver.pong()
        driver.close()
        driver.refuse(NO_NETWORK)
        for call in range(20):
            driver.machine.replied(call, "late", driver.clock.now())
            driver.machine.failed(call, NO_NETWORK, driver.clock.now())
        driver.advance(DAY)
        driver.tick()
        assert driver.outputs == before
        driver.open()
        assert [type(output) for output in driver.outputs[len(before) :]] == [Drop]

    @staticmethod
    def _wait(driver: Driver) -> float:
        """Let time pass to the next attempt, and return how long that was."""
        begin, attempts = driver.clock.monotonic(), driver.machine.link
        while driver.machine.link == attempts:
            assert driver.machine.due < NEVER
            driver.advance(max(0.0, driver.machine.due - driver.clock.monotonic()))
        return driver.clock.monotonic() - begin

    # --- the program's commands -------------------------------------------------------------------------------------

    def test_commands_are_answered_on_a_live_stream(self, subject: Subject, driver: Driver) -> None:
        """Each session method gets the exchange's result."""
        for name, arguments in subject.commands.items():
            driver = subject.driver()
            driver.start()
            answer = driver.answers[driver.command(name, **arguments)]
            assert answer.error is None, (name, answer.error)

    @pytest.mark.parametrize("phase", PHASES, ids=lambda phase: phase.value)
    @pytest.mark.parametrize("mute", [False, True], ids=["healthy", "mute"])
    def test_commands_are_answered_at_any_time(self, subject: Subject, phase: Phase, mute: bool) -> None:
        """In every phase, and if the exchange says nothing, a command has its answer in time, and leaves nothing."""
        for name, arguments in subject.commands.items():
            driver = subject.driver()
            if not reach(driver, phase):
                pytest.skip(f"{subject} never waits in {phase}")
            driver.holding, driver.mute = False, mute
            ticket = driver.command(name, **arguments)
            driver.advance(COMMAND_WITHIN + 0.001)
            answer = driver.answers[ticket]
            assert answer.error is None or isinstance(answer.error, JexkitError)
            assert not mute or answer.error is not None
            if phase is Phase.LOST:
                assert isinstance(answer.error, StreamEnded)

    @pytest.mark.parametrize("mute", [False, True], ids=["healthy", "mute"])
    def test_a_command_brings_no_near_deadline(self, subject: Subject, mute: bool) -> None:
        """A reader that has lain down for as long as a quiet stream lets it wakes up in time, or is woken by a drop."""
        for name, arguments in subject.commands.items():
            driver = subject.driver()
            driver.start()
            driver.advance(HOUR / 3)
            assert driver.machine.is_quiet
            before = min(driver.machine.due, driver.clock.monotonic() + driver.machine.quiet_within)
            driver.forget()
            driver.mute = mute
            driver.command(name, **arguments)
            assert driver.machine.due >= before or driver.asked_for(Drop), name

    def test_a_command_before_the_start_says_so(self, subject: Subject, driver: Driver) -> None:
        """Nothing is sent for a stream that nobody has started."""
        for name, arguments in subject.commands.items():
            answer = driver.answers[driver.command(name, **arguments)]
            assert isinstance(answer.error, (UsageError, TransportError))
        assert not driver.asked_for(Call)
        assert not driver.asked_for(Send)

    def test_commands_under_way_end_with_the_connection(self, subject: Subject, live: Driver) -> None:
        """Who waits for an answer by a connection that breaks is told at once; one over HTTP comes all the same."""
        name, arguments = next(iter(subject.commands.items()))
        live.forget()
        live.holding = True
        ticket = live.command(name, **arguments)
        calls = live.asked_for(Call)
        live.close("gone", broken=True)
        if calls:
            assert ticket not in live.answers
            while live.step():
                pass
            assert live.answers[ticket].error is None
        else:
            assert isinstance(live.answers[ticket].error, TransportError)
        live.holding = False
        live.advance(RETRY_BOUND)
        assert live.state() is State.LIVE

    def test_commands_under_way_end_with_the_stream(self, subject: Subject, live: Driver) -> None:
        """Whoever waits is told at once."""
        name, arguments = next(iter(subject.commands.items()))
        live.mute = True
        ticket = live.command(name, **arguments)
        live.stop()
        assert isinstance(live.answers[ticket].error, StreamEnded)

    def test_a_command_that_the_exchange_lacks_is_refused(self, subject: Subject, live: Driver) -> None:
        """The answer names what the exchange has."""
        answer = live.answers[live.command("dance")]
        assert isinstance(answer.error, UsageError)
        assert all(name in str(answer.error) for name in subject.commands)

    def test_commands_leave_nothing(self, subject: Subject, live: Driver) -> None:
        """A thousand commands weigh no more than ten."""
        name, arguments = next(iter(subject.commands.items()))
        sizes = []
        for _ in range(3):
            for _ in range(100):
                live.command(name, **arguments)
            live.advance(60.0)
            sizes.append(weight(live.machine))
        assert sizes[0] == sizes[-1]

    # --- secrets ----------------------------------------------------------------------------------------------------

    def test_nothing_secret_is_shown(self, subject: Subject, driver: Driver) -> None:
        """No repr, event or error text has a key, token or signature in it."""
        account = subject.account()
        secrets = (*account.secrets, *subject.secrets)
        driver.start()
        driver.text(subject.order(1))
        for name, arguments in subject.commands.items():
            driver.command(name, **arguments)
        driver.advance(HOUR)
        driver.close("gone", broken=True)
        driver.counterpart.deny()  # type: ignore[union-attr]
        driver.advance(10 * RETRY_BOUND)
        shown = [repr(account), repr(driver.machine), *map(repr, driver.outputs), driver.machine.last_error]
        shown += [str(event.to_dict()) for event in driver.events if isinstance(event, Event)]
        shown += [str(answer.error) for answer in driver.answers.values()]
        found = [(secret, text) for secret in secrets for text in shown if secret in text]
        assert found == []


def _kinds(driver: Driver) -> list[str]:
    """The names of what was told, without the gaps that every absence leaves on some exchanges."""
    return [type(event).__name__ for event in driver.events if not isinstance(event, Gap)]


class _Deaf:
    """Takes connections and says nothing; no network for HTTP."""

    def opens(self, order: Open) -> None:
        del order

    def hears(self, frame: Any) -> list[Any]:
        del frame
        return []

    def holds(self, call: Call) -> Any:
        raise TransportError(f"could not {call.what}")
