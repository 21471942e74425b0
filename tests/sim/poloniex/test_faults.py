"""Poloniex misbehaving on purpose."""

from __future__ import annotations

from jexkit.sim import Connection, Frame, Simulator
from jexkit.sim.poloniex import Poloniex, PoloniexAccount
from tests.sim.poloniex.client import Socket
from tests.sim.poloniex.conftest import Connect


def test_a_trade_comes_twice(live: Socket, account: PoloniexAccount, venue: Poloniex) -> None:
    """The hook for frames sends what it likes."""

    def twice(_connection: Connection, frame: Frame) -> list[tuple[float, Frame]]:
        return [(0.0, frame)] * (2 if '"trade"' in frame.text else 1)

    venue.on_frame = twice
    account.fill(account.place("ADA_USDT", "SELL", "5", "0.3"))
    orders = [message["data"][0] for message in live.so_far() if message["channel"] == "orders"]
    assert [element["eventType"] for element in orders] == ["place", "trade", "trade"]
    assert orders[1] == orders[2]


def test_an_acknowledgement_is_lost(connect: Connect, account: PoloniexAccount, venue: Poloniex) -> None:
    """The command is carried out all the same."""
    socket = connect()
    socket.log_in(account)
    venue.rules.acknowledges = False
    socket.say(event="subscribe", channel=["balances"])
    venue.counters.wait("subscriptions")
    account.deposit("BTC", "1")
    assert [message["channel"] for message in socket.so_far()] == ["balances"]


def test_push_times_out_of_order(live: Socket, account: PoloniexAccount, venue: Poloniex) -> None:
    """`ts` goes back, ids do not."""
    venue.rules.ts_jitter_ms = 60_000
    for _ in range(20):
        account.deposit("BTC", "1")
    elements = [message["data"][0] for message in live.so_far()]
    times = [element["ts"] for element in elements]
    assert times != sorted(times)
    ids = [element["id"] for element in elements]
    assert ids == sorted(ids)


def test_elements_can_come_one_by_one(live: Socket, account: PoloniexAccount, venue: Poloniex) -> None:
    """One frame per element instead of one per turn of the engine."""
    venue.rules.elements_together = False
    account.match(account.place("ADA_USDT", "SELL", "5", "0.3"), [("2", None), ("3", None)])
    assert {len(message["data"]) for message in live.so_far()} == {1}


def test_the_same_without_match_role(live: Socket, account: PoloniexAccount, venue: Poloniex) -> None:
    """matchRole is on every trade, and on other events as the rule says."""
    venue.rules.match_role_share = 0.0
    account.fill(account.place("ADA_USDT", "SELL", "5", "0.3"))
    orders = [message["data"][0] for message in live.so_far() if message["channel"] == "orders"]
    assert ["matchRole" in element for element in orders] == [False, True]
    venue.rules.match_role_share = 1.0
    account.place("ADA_USDT", "SELL", "5", "0.3")
    assert "matchRole" in live.so_far()[0]["data"][0]


def test_match_role_is_missing_now_and_then(live: Socket, account: PoloniexAccount) -> None:
    """As long as nobody says otherwise, some orders that rest have it and some have not."""
    for _ in range(40):
        account.place("ADA_USDT", "SELL", "1", "0.3")
    orders = [message["data"][0] for message in live.so_far() if message["channel"] == "orders"]
    assert {"matchRole" in element for element in orders} == {False, True}


def test_a_silent_stall(sim: Simulator, live: Socket, account: PoloniexAccount, venue: Poloniex) -> None:
    """The socket is open, and says nothing any more: the client's own deadline has to notice."""
    assert venue.silence(account) == 1
    account.deposit("BTC", "1")
    live.say(event="ping")
    venue.counters.wait("event_pings")
    sim.advance(20)
    assert venue.connections(account) == 1
    assert account.told[-1]["kind"] == "balance"
