"""Deribit misbehaving on purpose."""

from __future__ import annotations

from jexkit.sim import Connection, Frame, Simulator
from jexkit.sim.deribit import Deribit, DeribitAccount
from tests.sim.deribit.client import Client
from tests.sim.deribit.conftest import Connect


def test_the_notification_overtakes_the_answer_or_not(
    sim: Simulator, live: Client, account: DeribitAccount, venue: Deribit
) -> None:
    """Nothing is promised about their order."""
    live.subscribe("user.orders.any.any.raw")
    wanted = {"instrument_name": "BTC-PERPETUAL", "amount": 10, "price": 10_000}
    live.result("private/buy", **wanted)
    assert [message["method"] for message in live.heard] == ["subscription"]
    live.heard.clear()
    venue.rules.stream_delay = 1.0
    live.result("private/buy", **wanted)
    assert live.heard == []
    sim.advance(1)
    assert live.receive()["method"] == "subscription"


def test_a_notification_comes_twice(live: Client, account: DeribitAccount, venue: Deribit) -> None:
    """The hook for frames sends what it likes; `event` is the channel."""

    def twice(_connection: Connection, frame: Frame) -> list[tuple[float, Frame]]:
        return [(0.0, frame)] * (2 if frame.event.startswith("user.trades") else 1)

    live.subscribe("user.trades.any.any.raw")
    venue.on_frame = twice
    account.fill(account.place("BTC-PERPETUAL", "BUY", "10", "20000"))
    told = live.told()
    assert len(told) == 2
    assert told[0] == told[1]


def test_too_many_requests_end_the_session(live: Client, venue: Deribit) -> None:
    """10028, by injection as by spending."""
    venue.fail_next("private/get_positions", 10028)
    assert live.error("private/get_positions")["message"] == "too_many_requests"
    assert live.end() is not None


def test_expired_tokens(live: Client, account: DeribitAccount, venue: Deribit) -> None:
    """The socket stays, its rights do not."""
    live.subscribe("user.orders.any.any.raw")
    assert venue.expire_tokens(account) == 1
    account.place("BTC-PERPETUAL", "BUY", "10", "20000")
    assert live.told() == []
    assert live.error("private/get_open_orders")["data"]["reason"] == "token has expired"


def test_a_revoked_key(live: Client, account: DeribitAccount) -> None:
    """Its tokens die, and it cannot log in again."""
    account.revoke_key(account.credentials()["client_id"])
    assert live.error("private/get_open_orders")["code"] == 13009


def test_eviction_can_close(connect: Connect, account: DeribitAccount, venue: Deribit) -> None:
    """As a rule the evicted keep their socket."""
    venue.rules.sessions_per_key, venue.rules.eviction_closes = 1, True
    first, second = connect(), connect()
    first.log_in(account)
    second.log_in(account)
    assert first.end() == (1000, "session evicted")
    assert venue.counters["sessions_evicted"] == 1


def test_tcp_is_cut(live: Client, account: DeribitAccount, venue: Deribit) -> None:
    """Without a close frame."""
    assert venue.drop(account, close_frame=False) == 1
    assert live.end() is None
