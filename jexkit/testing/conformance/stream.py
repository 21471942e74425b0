"""The suite over real sockets: a stream of each exchange against the simulator, compared with what it told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import attrs
import pytest

from jexkit.cli.audit import Audit, audit, shared_parts
from jexkit.cli.entries import Entry, delivered_entry, told_entry
from jexkit.cli.holdings import compare_holdings
from jexkit.core.lifecycle import State
from jexkit.core.values import HttpReply, HttpRequest
from jexkit.engine.http import HttpClient
from jexkit.errors import AuthenticationError, StreamEnded
from jexkit.events import Event, Fill, Gap, Live, Lost, OrderUpdate, Origin, Suspended, SuspendReason
from jexkit.manager import StreamManager
from jexkit.rest import RestClient
from jexkit.stream import Stream
from jexkit.testing import simulated
from jexkit.testing.conformance.subject import Subject

E = TypeVar("E", bound=Event)

PATIENCE = 30.0  # seconds for what takes a few milliseconds
STEPS = 1200  # of the market script, over the four exchanges together
NAME = "conformance"


@attrs.define
class Stage:
    """A simulated account, a stream on it, and every event that its callbacks got."""

    subject: Subject
    venue: Any
    account: Any
    manager: StreamManager
    stream: Stream
    events: list[Event] = attrs.field(factory=list)
    _came: threading.Condition = attrs.field(factory=threading.Condition)

    def take(self, event: Event) -> None:
        with self._came:
            self.events.append(event)
            self._came.notify_all()

    def wait_until(self, wanted: Callable[[], bool]) -> bool:
        """Wait until ``wanted`` is true, looking whenever an event has come; False if that takes too long."""
        with self._came:
            return self._came.wait_for(wanted, PATIENCE)

    def told(self, kind: type[E]) -> list[E]:
        with self._came:
            return [event for event in self.events if isinstance(event, kind)]

    def wait_lives(self, count: int) -> None:
        """Wait until Live has come so often."""
        assert self.wait_until(lambda: len(self.told(Live)) >= count), self.stream.status()

    def begin(self) -> None:
        """Wait for the first Live, and until the engine's time is past the answers that were read before it.

        The exchange dates a change some milliseconds before it tells it. What changes within those after a read is told
        with a time from before that read, and nobody can say then which of the two is the later word: it is kept out,
        and asked about a second later.
        """
        self.wait_lives(1)
        latest, pause = max(event.time_ms for event in self.told(Event)), threading.Event()
        while self.venue.clock.now_ms() - self.venue.rules.engine_delay_ms <= latest:
            pause.wait(0.001)

    def outcome(self) -> Audit:
        """What callbacks got, compared with what the exchange told since the stream was first live."""
        with self._came:
            first = next(number for number, event in enumerate(self.events) if isinstance(event, Live))
            mine = [event for event in self.events[first:] if not isinstance(event, (Live, Suspended))]
        outcome = audit(self.ledger()["told"], mine)
        self._compare(outcome)
        return outcome

    def _compare(self, outcome: Audit) -> None:
        held = (self.stream.orders.values(), self.stream.balances.values(), self.stream.positions.values())
        compare_holdings(self.ledger(), *held, outcome)

    def differences(self) -> list[str]:
        """Between what the stream holds and what the exchange holds."""
        outcome = Audit()
        self._compare(outcome)
        return outcome.faults

    def ledger(self) -> dict[str, Any]:
        from jexkit.sim.describe import account_state

        state: dict[str, Any] = account_state(self.account)
        return state

    def check(self) -> None:
        """All that the exchange told has been delivered, nothing else, and the stream holds what the exchange holds."""
        self._expect(lambda: _faults(self.outcome()))

    def check_after_absence(self) -> None:
        """Each fill once, each order as it is at last, and the holdings; what passed meanwhile nobody can tell."""
        self._expect(self._faults_after_absence)

    def _expect(self, faults: Callable[[], list[str]]) -> None:
        self.wait_until(lambda: not faults())
        assert faults() == []

    def _faults_after_absence(self) -> list[str]:
        outcome = self.outcome()
        ledger, fills = self.ledger(), self.told(Fill)
        found = [name for name in ("repeated", "out_of_order", "unexpected", "differing") if getattr(outcome, name)]
        theirs = {entry.key: entry for record in ledger["orders"] if (entry := told_entry(record)) is not None}
        ours = {entry.key: entry for event in self.told(OrderUpdate) if (entry := delivered_entry(event)) is not None}
        found += [f"order {key} ends as {ours[key].state}" for key in ours if _differ(ours[key], theirs[key])]
        lost = audit([record for record in ledger["told"] if record["kind"] == "fill"], fills)
        return [*found, *outcome.faults, *lost.faults] if found or lost.faults else []


def _differ(ours: Entry, theirs: Entry) -> bool:
    return any(ours.state[part] != theirs.state[part] for part in shared_parts([ours, theirs]))


def _faults(outcome: Audit) -> list[str]:
    missing = [f"no {kind} was delivered" for kind in outcome.missing]
    return [*outcome.faults, *missing]


class StreamConformance:
    """What every exchange's stream keeps. A subclass has the fixture ``subject``."""

    @pytest.fixture
    def settings(self) -> dict[str, Any]:
        """Further settings of the account; a test that needs some is parametrised with them."""
        return {}

    @pytest.fixture
    def stage(self, subject: Subject, simulator: Any, settings: dict[str, Any]) -> Iterator[Stage]:
        """A stream that is live."""
        venue = simulator.venues[subject.exchange]
        account = venue.account("main")
        manager = StreamManager()
        stream = manager.add(simulated.account(account, **{**subject.settings, **settings}), NAME)
        stage = Stage(subject, venue, account, manager, stream)
        stream.on(Event, stage.take)
        with manager:
            stage.begin()
            yield stage
        assert _threads() == []

    def test_a_days_trading_arrives(self, subject: Subject, stage: Stage) -> None:
        """Placed, filled and cancelled orders, fills, balances and positions: all that the exchange told, once."""
        subject.trade(stage.account)
        stage.check()
        assert {event.origin for event in stage.events[-5:]} == {Origin.STREAM}

    def test_there_and_back_in_an_instant_arrives(self, subject: Subject, stage: Stage) -> None:
        """Orders placed and cancelled within a millisecond: money is locked, free again, and does not stay locked.

        Where the exchange numbers its updates each is told; elsewhere the last is told when the exchange was asked.
        """
        subject.trade(stage.account)
        account, clock = stage.account, stage.venue.clock

        def burst() -> None:
            instant = clock.now_us()
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(clock, "now_us", lambda: instant)
                for instrument in (*stage.venue.listing, *stage.venue.listing):
                    quantity, price = instrument.step * 2, instrument.price
                    account.cancel(account.place(instrument.symbol, "BUY", quantity, price, market=instrument.market))
                for balance in (*account.books.balances.values(), *account.books.balances.values()):
                    account.deposit(balance.asset, 1, balance.wallet)
                    account.withdraw(balance.asset, 1, balance.wallet)

        account.loop.call(burst)
        first = next(iter(stage.venue.listing))
        last = account.place(first.symbol, "BUY", first.step * 2, first.price, market=first.market)
        assert stage.wait_until(lambda: last.order_id in {order.order_id for order in stage.told(OrderUpdate)})
        stage.wait_until(lambda: not stage.differences())
        assert stage.differences() == []
        assert len({event.id for event in stage.events}) == len(stage.events)

    def test_a_market_arrives(self, stage: Stage, simulator: Any) -> None:
        """Some hundred events of every sort that the exchange has, as its market script makes them.

        So many steps of it, since it comes to conditional orders late: by events or time it would not always get there.
        """
        market = simulator.start_market(rate=1000.0, accounts="main")
        assert stage.wait_until(lambda: market.steps >= STEPS)
        simulator.stop_market()
        stage.check()

    @pytest.mark.parametrize("close_frame", [True, False], ids=["closed", "cut"])
    def test_a_drop_is_survived(self, subject: Subject, stage: Stage, close_frame: bool) -> None:
        """What happened while the stream was away is there at the next Live, and it goes on from there."""
        subject.trade(stage.account)
        stage.venue.drop(stage.account, close_frame)
        subject.trade(stage.account)
        stage.wait_lives(2)
        subject.trade(stage.account)
        stage.check_after_absence()
        reason = SuspendReason.CLOSED if close_frame else SuspendReason.BROKEN
        assert [event.reason for event in stage.told(Suspended)] == [reason]
        assert stage.stream.status().counters["connections"] == 2

    def test_a_first_trade_during_an_absence(self, subject: Subject, stage: Stage) -> None:
        """On symbols of which nobody had heard: exchanges that list by symbol tell by other reads which those are."""
        stage.venue.drop(stage.account, False)
        subject.trade(stage.account)
        stage.wait_lives(2)
        stage.check_after_absence()
        assert {fill.origin for fill in stage.told(Fill)} == {Origin.RECOVERED}
        ended = [order for order in stage.told(OrderUpdate) if order.status.is_final and not order.filled_quantity]
        said = [gap.what for gap in stage.told(Gap) if gap.what.startswith("orders without a fill")]
        assert ended or said, "the order that came and went without a fill"

    def test_three_drops_in_a_row(self, subject: Subject, stage: Stage) -> None:
        """Each is told, and nothing is lost between them."""
        for number in range(3):
            stage.venue.drop(stage.account, False)
            subject.trade(stage.account)
            stage.wait_lives(2 + number)
        stage.check_after_absence()

    def test_a_restart_is_one_more_gap(self, subject: Subject, simulator: Any, tmp_path: Path) -> None:
        """With a journal: what happened while the program was down comes as RECOVERED, before Live.

        What it was told before does not come again, and it goes on from there.
        """
        account = simulator.venues[subject.exchange].account("main")
        with _run(subject, account, tmp_path / "jexkit.db") as first:
            first.begin()
            subject.trade(account)
            first.check()
            before = list(first.events)
        subject.trade(account)
        with _run(subject, account, tmp_path / "jexkit.db", before) as second:
            second.wait_lives(2)
            after = second.events[len(before) :]
            recovered = after[: next(number for number, event in enumerate(after) if isinstance(event, Live))]
            assert any(isinstance(event, Fill) for event in recovered)
            assert {event.origin for event in recovered if isinstance(event, (Fill, OrderUpdate))} == {Origin.RECOVERED}
            subject.trade(account)
            second.check_after_absence()
        assert len({event.id for event in second.events}) == len(second.events)

    @pytest.mark.parametrize("settings", [{"probe_every": 1.0, "probe_within": 0.5}], ids=["quick probe"])
    def test_silence_is_found(self, subject: Subject, stage: Stage) -> None:
        """The socket stays open, and nothing comes: not even the answer to a ping."""
        stage.venue.silence(stage.account)
        subject.trade(stage.account)
        stage.wait_lives(2)
        assert stage.told(Suspended)[0].reason is SuspendReason.SILENT
        stage.check_after_absence()

    def test_a_quiet_while_is_survived(self, subject: Subject, stage: Stage, simulator: Any) -> None:
        """The exchange's pings and heartbeats are answered, and nobody takes the other for dead."""
        name, arguments = next(iter(subject.round_trip.items()))
        for _ in range(30):
            simulator.advance(10.0)
            getattr(stage.stream.session, name)(**arguments)
        assert stage.stream.state is State.LIVE
        assert stage.venue.counters["dropped_without_pong"] == 0
        assert stage.told(Suspended) == []

    def test_session_methods_work(self, subject: Subject, stage: Stage) -> None:
        """Each of them over the live stream, which is live in the end."""
        for name, arguments in subject.commands.items():
            stage.stream.wait_live(PATIENCE)
            getattr(stage.stream.session, name)(**arguments)
        stage.stream.wait_live(PATIENCE)

    def test_rest_reads_agree(self, subject: Subject, stage: Stage) -> None:
        """Open orders, balances and positions over REST are what the exchange holds."""
        subject.trade(stage.account)
        outcome = Audit()
        with RestClient(simulated.account(stage.account, **subject.settings)) as client:
            assert abs(client.clock_skew_ms()) < PATIENCE * 1000
            balances = [balance for balance in client.balances() if balance.total]  # some list empty ones as well
            compare_holdings(stage.ledger(), client.open_orders(), balances, client.positions(), outcome)
            an_hour_ago = stage.events[0].received_ms - 3_600_000
            fills = client.fills(an_hour_ago, symbols=subject.settings.get("symbols", ()))
        assert outcome.faults == []
        assert fills
        assert {fill.origin for fill in fills} == {Origin.RECOVERED}

    def test_wrong_credentials_are_told_and_not_hammered(
        self, subject: Subject, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Lost at once, with the error; one attempt."""
        account = simulated.account(stage.account, **{**subject.settings, **subject.wrong})
        send, others = HttpClient.send, list[HttpRequest]()

        def noted(client: HttpClient, request: HttpRequest) -> HttpReply:
            if client._account is not account:  # noqa: SLF001 - whose it is
                others.append(request)  # the other stream takes a second look some seconds after its Live
            return send(client, request)

        monkeypatch.setattr(HttpClient, "send", noted)
        requests = stage.venue.counters["requests"]
        stream = stage.manager.add(account, "wrong")
        with pytest.raises(StreamEnded) as caught:
            stream.wait_live(PATIENCE)
        assert isinstance(caught.value.cause, AuthenticationError)
        assert stream.state is State.LOST
        assert isinstance(stream.error, AuthenticationError)
        assert stage.venue.counters["requests"] - requests - len(others) <= 4
        assert stage.stream.state is State.LIVE

    def test_starting_and_stopping_leaves_nothing(self, subject: Subject, simulator: Any) -> None:
        """No thread and no connection, however often."""
        venue = simulator.venues[subject.exchange]
        account = simulated.account(venue.account("main"), **subject.settings)
        for _ in range(5):
            with StreamManager() as manager:
                manager.add(account, NAME).wait_live(PATIENCE)
                assert venue.connections() == 1
            assert _threads() == []
            venue.counters.wait("sockets_closed", venue.counters["sockets_opened"], PATIENCE)
            assert venue.connections() == 0

    def test_stopping_on_the_way_in(self, subject: Subject, simulator: Any) -> None:
        """At once after the start, nothing is up and everything ends."""
        account = simulated.account(simulator.venues[subject.exchange].account("main"), **subject.settings)
        lost: list[Event] = []
        for _ in range(5):
            manager = StreamManager()
            manager.add(account, NAME).on(Lost, lost.append)
            manager.start()
            manager.stop()
            assert _threads() == []
        assert lost == []


@contextmanager
def _run(subject: Subject, account: Any, journal: Path, events: Sequence[Event] = ()) -> Iterator[Stage]:
    """One run of a program with a journal, after one that was told ``events``."""
    manager = StreamManager(journal=journal)
    stream = manager.add(simulated.account(account, **subject.settings), NAME)
    stage = Stage(subject, account.venue, account, manager, stream, list(events))
    stream.on(Event, stage.take)
    with manager:
        yield stage


def _threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith(f"jexkit-{NAME}")]
