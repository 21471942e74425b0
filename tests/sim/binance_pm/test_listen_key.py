"""The listen-key state machine, row by row, and its switches."""

from __future__ import annotations

import pytest
import websocket

from jexkit.sim import Simulator
from jexkit.sim.binance_pm import BinanceAccount, BinancePm
from tests.sim.binance_pm.client import Client
from tests.sim.ear import Ear

PATH = "/papi/v1/listenKey"


def place(account: BinanceAccount) -> None:
    """One event."""
    account.place("BTCUSDT", "BUY", "0.001", price="20000", market="UM")


def test_post_answers_the_same_key_and_prolongs_it(sim: Simulator, client: Client) -> None:
    """A living key stays the account's key."""
    key = client.listen_key()
    assert (len(key), key.isalnum()) == (64, True)
    sim.advance(3000)
    assert client.listen_key() == key
    sim.advance(3000)
    assert client.account.listen_key == key


def test_put_prolongs_by_sixty_minutes(sim: Simulator, client: Client, venue: BinancePm) -> None:
    """Counted from the PUT."""
    key = client.listen_key()
    sim.advance(3500)
    answer = client.plain("PUT", PATH)
    assert (answer.status_code, answer.text) == (200, "{}")
    sim.advance(3500)
    alive = client.account.listen_key
    sim.advance(100)
    assert (alive, client.account.listen_key) == (key, None)
    assert (venue.counters["keepalives"], client.account.counters["keepalives"]) == (1, 1)


def test_put_without_a_key_is_1125(client: Client, venue: BinancePm) -> None:
    """400, and the key must be made anew."""
    answer = client.plain("PUT", PATH)
    assert (answer.status_code, answer.json()["code"]) == (400, -1125)
    assert venue.counters["keepalives_refused"] == 1


def test_delete_ends_key_and_stream(client: Client, ear: Ear) -> None:
    """The socket closes, the key is gone, the next POST gives another one."""
    key = client.account.listen_key
    assert client.plain("DELETE", PATH).text == "{}"
    assert ear.end() == 1000
    assert client.plain("PUT", PATH).json()["code"] == -1125
    assert client.listen_key() != key


def test_delete_may_leave_the_socket_silent(client: Client, venue: BinancePm, ear: Ear) -> None:
    """The other reading of the documents."""
    venue.rules.delete_closes_sockets = False
    client.plain("DELETE", PATH)
    place(client.account)
    assert ear.so_far() == []


def test_delete_without_a_key_succeeds_or_not(client: Client, venue: BinancePm) -> None:
    """Nobody knows: a switch."""
    assert client.plain("DELETE", PATH).status_code == 200
    venue.rules.delete_needs_key = True
    assert client.plain("DELETE", PATH).json()["code"] == -1125


@pytest.mark.parametrize("times", [0, 1, 2])
def test_expiry_is_told_so_often_and_then_silence(
    sim: Simulator, client: Client, venue: BinancePm, ear: Ear, times: int
) -> None:
    """Once by the documents, twice or never as users have seen; the socket stays open and silent."""
    venue.rules.expired_events, venue.rules.pong_within = times, None
    key = client.account.listen_key
    sim.advance(3600)
    place(client.account)
    heard = ear.so_far()
    assert [(event["e"], event["listenKey"]) for event in heard] == [("listenKeyExpired", key)] * times
    assert client.listen_key() != key
    place(client.account)
    assert ear.so_far() == []
    assert venue.connections() == 1


def test_a_key_can_die_in_silence(client: Client, ear: Ear) -> None:
    """No event, no close."""
    client.account.expire_listen_key(events=0)
    place(client.account)
    assert ear.so_far() == []


def test_two_programs_share_the_key(sim: Simulator, client: Client, ear: Ear) -> None:
    """The key belongs to the account: a DELETE by one silences the other."""
    other = Client(sim, client.account)
    with other.listen() as second:
        place(client.account)
        assert ear.hear() == second.hear()
        other.plain("DELETE", PATH)
        assert (ear.end(), second.end()) == (1000, 1000)


def test_a_second_post_may_end_the_first_key(client: Client, venue: BinancePm, ear: Ear) -> None:
    """As some users report: the older socket falls silent without closing."""
    venue.rules.new_key_on_every_post = True
    with client.listen() as second:
        place(client.account)
        assert second.hear()["e"] == "ORDER_TRADE_UPDATE"
        assert ear.so_far() == []


def test_the_key_parameter_is_ignored_unless_checked(client: Client, venue: BinancePm) -> None:
    """Clients send it; the exchange does not look at it."""
    client.listen_key()
    assert client.plain("PUT", PATH, listenKey="other").status_code == 200
    venue.rules.check_key_parameter = True
    assert client.plain("PUT", PATH, listenKey="other").json()["code"] == -1125
    assert client.plain("PUT", PATH, listenKey=client.account.listen_key).status_code == 200


def test_an_unknown_key_gets_a_silent_socket_or_a_refusal(account: BinanceAccount, venue: BinancePm) -> None:
    """101 and nothing, or an HTTP status."""
    with Ear(f"{venue.ws_url}/ws/{'x' * 64}") as deaf:
        place(account)
        assert deaf.so_far() == []
    venue.rules.unknown_key_status = 400
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        Ear(f"{venue.ws_url}/ws/{'x' * 64}")
    assert refused.value.status_code == 400


def test_signature_and_timestamp_are_not_looked_at(client: Client) -> None:
    """USER_STREAM takes the API key only."""
    assert client.plain("POST", PATH, timestamp=1, signature="nonsense").status_code == 200
