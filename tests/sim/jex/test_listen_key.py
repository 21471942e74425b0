"""Listen keys of JEX: named in PUT and DELETE, dead after sixty minutes without a word."""

from __future__ import annotations

import pytest
import requests
import websocket

from jexkit.sim import Simulator
from jexkit.sim.jex import Jex, JexAccount
from tests.sim.ear import Ear
from tests.sim.jex.client import Client

NAME = "userDataStream"


def place(account: JexAccount) -> None:
    """An order report and a balance."""
    account.place("BTCUSDT", "BUY", "0.001", price="10000", market="spot")


def test_put_prolongs_by_sixty_minutes(sim: Simulator, client: Client, venue: Jex) -> None:
    """Counted from the PUT; it must name the key."""
    key = client.listen_key()
    sim.advance(3500)
    assert client.plain("PUT", NAME, listenKey=key).text == "{}"
    sim.advance(3500)
    alive = client.account.listen_keys
    sim.advance(100)
    assert (alive, client.account.listen_keys) == ([key], [])
    assert venue.counters["keepalives"] == 1


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_the_key_must_be_named(sim: Simulator, client: Client, method: str) -> None:
    """-1102 if it is missing, -1125 if it is unknown or somebody else's."""
    other = Client(sim, client.venue.account("b")).listen_key()
    client.listen_key()
    missing = client.plain(method, NAME)
    assert (missing.status_code, missing.json()["code"]) == (400, -1102)
    for wrong in ("x" * 64, other):
        assert client.plain(method, NAME, listenKey=wrong).json()["code"] == -1125


def test_the_key_may_be_named_in_the_body(client: Client) -> None:
    """Query or form body."""
    key = client.listen_key()
    url = f"{client.venue.rest_url}/api/v1/{NAME}"
    answer = requests.put(url, data={"listenKey": key}, headers=client.headers, timeout=30)
    assert (answer.status_code, answer.text) == (200, "{}")


def test_delete_closes_the_stream(client: Client, ear: Ear) -> None:
    """And the key is unknown from then on."""
    (key,) = client.account.listen_keys
    client.plain("DELETE", NAME, listenKey=key)
    assert ear.end() == 1000
    assert client.plain("PUT", NAME, listenKey=key).json()["code"] == -1125


def test_expiry_closes_the_stream_without_an_event(sim: Simulator, client: Client, venue: Jex, ear: Ear) -> None:
    """There is no listenKeyExpired."""
    venue.rules.pong_within = None
    sim.advance(3600)
    with pytest.raises(Exception, match="closed by the server with 1000"):
        ear.hear()
    assert venue.counters["listen_keys_expired"] == 1


def test_expiry_may_leave_the_stream_silent(client: Client, venue: Jex, ear: Ear) -> None:
    """The other reading."""
    venue.rules.expiry_closes_sockets = False
    client.account.expire_listen_keys()
    place(client.account)
    assert ear.so_far() == []


def test_a_second_post_gives_the_same_key_or_another(client: Client, venue: Jex, ear: Ear) -> None:
    """Not documented; with the switch both keys live, and both streams hear everything."""
    key = client.listen_key()
    assert client.account.listen_keys == [key]
    venue.rules.new_key_on_every_post = True
    second = client.listen_key()
    assert client.account.listen_keys == [key, second]
    with client.listen(second) as other:
        place(client.account)
        assert ear.events(2) == other.events(2)


def test_raw_and_combined_streams(client: Client, venue: Jex) -> None:
    """At most ten streams in one combined connection."""
    key = client.listen_key()
    with Ear(f"{venue.ws_url}/stream?streams={key}") as ear:
        venue.counters.wait("subscriptions")
        place(client.account)
        heard = ear.hear()
        assert (heard["stream"], heard["data"]["e"]) == (key, "execSpotReport")
    for path in (f"/stream?streams={'/'.join([key] * 11)}", "/pm/ws/x"):
        with pytest.raises(websocket.WebSocketBadStatusException):
            Ear(f"{venue.ws_url}{path}")


def test_an_unknown_key_gets_a_silent_socket_or_a_refusal(account: JexAccount, venue: Jex) -> None:
    """101 and nothing, or an HTTP status."""
    with Ear(f"{venue.ws_url}/ws/{'x' * 64}") as deaf:
        place(account)
        assert deaf.so_far() == []
    venue.rules.unknown_key_status = 403
    with pytest.raises(websocket.WebSocketBadStatusException):
        Ear(f"{venue.ws_url}/ws/{'x' * 64}")


def test_pings_come_every_three_minutes_and_want_a_pong_within_ten(sim: Simulator, client: Client, venue: Jex) -> None:
    """A client without pongs is dropped then, and not before."""
    sim.patience = 0.0
    with Ear(f"{venue.ws_url}/ws/{client.listen_key()}", pongs=False) as ear:
        venue.counters.wait("subscriptions")
        sim.advance(170)
        assert venue.counters["pings"] == 0
        sim.advance(11)
        assert venue.counters["pings"] == 1
        sim.advance(580)
        assert venue.connections() == 1
        sim.advance(20)
        assert venue.counters["dropped_without_pong"] == 1
        assert ear.end() is None


def test_a_stream_lives_24_hours_at_most(sim: Simulator, client: Client, venue: Jex) -> None:
    """Whatever is done for its key."""
    sim.patience, venue.rules.pong_within, venue.rules.listen_key_life = 0.0, None, 48 * 3600.0
    with client.listen() as ear:
        sim.advance(24 * 3600 - 10)
        assert venue.connections() == 1
        sim.advance(11)
        assert ear.end() == 1000
