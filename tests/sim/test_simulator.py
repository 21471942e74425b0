"""Starting and stopping all exchanges together, faults that every venue has, pings, the 24-hour cut."""

from __future__ import annotations

import gc
import socket
import threading
import time
from collections.abc import Iterable
from typing import Any

import pytest
import requests
import websocket

from jexkit.sim import Answer, Call, Connection, Frame, Simulator
from jexkit.sim.binance_pm import BinanceAccount
from tests.sim.ear import Ear
from tests.sim.held import connect_while_it_stops


@pytest.fixture
def account(sim: Simulator) -> BinanceAccount:
    """Somebody to listen to."""
    return sim.binance_pm.account("a")


@pytest.fixture
def url(sim: Simulator, account: BinanceAccount) -> str:
    """The address of the account's stream."""
    headers = {"X-MBX-APIKEY": account.api_key}
    key = requests.post(f"{sim.binance_pm.rest_url}/papi/v1/listenKey", headers=headers, timeout=30).json()["listenKey"]
    return f"{sim.binance_pm.ws_url}/ws/{key}"


def place(account: BinanceAccount) -> None:
    """One event."""
    account.place("BTCUSDT", "BUY", "0.001", price="20000", market="UM")


def test_stop_leaves_no_thread_and_no_socket() -> None:
    """Clients that are connected do not keep it."""
    before = set(threading.enumerate())
    with Simulator() as sim:
        account = sim.binance_pm.account("a")
        headers = {"X-MBX-APIKEY": account.api_key}
        answer = requests.post(f"{sim.binance_pm.rest_url}/papi/v1/listenKey", headers=headers, timeout=30)
        ear = Ear(f"{sim.binance_pm.ws_url}/ws/{answer.json()['listenKey']}")
        address = sim.binance_pm.rest_url
    assert set(threading.enumerate()) == before
    assert ear.end() is None
    ear.close()
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{address}/papi/v1/ping", timeout=30)
    gc.collect()


def test_connections_of_the_last_instant_are_closed() -> None:
    """Accepted while it stops, and known to no venue yet: no socket is left for the garbage collector."""
    sim = Simulator().start()
    urls = [*(venue.rest_url for venue in sim.venues.values()), sim.control.url]
    ports = [int(url.rpartition(":")[2]) for url in urls]
    assert all(not heard for heard in connect_while_it_stops(sim.loop, sim.stop, ports * 5))
    gc.collect()


def test_every_exchange_listens_on_loopback(sim: Simulator) -> None:
    """Each on its own port."""
    urls = [venue.rest_url for venue in sim.venues.values()]
    assert all(url.startswith("http://127.0.0.1:") for url in urls)
    assert len(set(urls)) == len(urls) == 4


def test_a_wrong_name_among_the_ports_is_refused() -> None:
    """A typing error does not go unnoticed."""
    with pytest.raises(ValueError, match="binanze"):
        Simulator(ports={"binanze": 1})


@pytest.mark.parametrize(
    "settings",
    [
        *({"speed": speed} for speed in (0, -1, float("nan"), float("inf"), "2", True, None)),
        *({"ports": ports} for ports in ({"jex": -1}, {"jex": 65_536}, {"jex": "80"}, {"jex": True}, 80, "jex")),
        *({"host": host} for host in ("", " ", None, 5)),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any]) -> None:
    """When they are given, by name."""
    with pytest.raises(ValueError, match=f"{next(iter(settings)).removesuffix('s')}.* must be "):
        Simulator(**settings)


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf"), "5", True, None, 10**400])
def test_times_and_rates_that_make_no_sense_are_refused(sim: Simulator, value: Any) -> None:
    for order in (sim.advance, sim.jex.lag_rest, lambda rate: sim.start_market(rate=rate)):
        with pytest.raises(ValueError, match=r"must be (a number, from 0 to |above zero)"):
            order(value)
    assert sim.market is None


def test_a_line_in_front_of_each_exchange() -> None:
    """Clients connect to it, at the port that was asked for, and its faults are faults like any other."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with Simulator(lines=True, ports={"jex": port}) as sim:
        assert sim.jex.rest_url == f"http://127.0.0.1:{port}"
        assert requests.get(f"{sim.jex.rest_url}/api/v1/ping", timeout=30).status_code == 200
        with sim.break_("jex", "line_refused"), pytest.raises(requests.ConnectionError):
            requests.get(f"{sim.jex.rest_url}/api/v1/ping", timeout=30)
        assert requests.get(f"{sim.jex.rest_url}/api/v1/ping", timeout=30).status_code == 200
        assert requests.get(f"{sim.deribit.rest_url}/api/v2/public/test", timeout=30).status_code == 200
    assert [thread.name for thread in threading.enumerate() if thread.name == "jexkit-forwarder"] == []


def test_the_ledger_can_be_read_after_the_end(sim: Simulator, account: BinanceAccount) -> None:
    """A checker compares when all is over."""
    place(account)
    sim.stop()
    assert len(account.open_orders()) == 1


def test_pings_come_and_pongs_are_counted(sim: Simulator, url: str) -> None:
    """An hour passes in twenty pings of three minutes."""
    with Ear(url) as ear:
        sim.binance_pm.counters.wait("sockets_opened")
        for _ in range(5):
            sim.advance(180)
            ear.so_far()
        assert ear.pings == 5
        assert sim.binance_pm.counters.wait("pongs", 5) == 5


def test_a_client_without_pongs_is_dropped_after_ten_minutes(sim: Simulator, url: str) -> None:
    """And not a second before."""
    with Ear(url, pongs=False) as ear:
        sim.binance_pm.counters.wait("sockets_opened")
        sim.advance(180 + 599)
        assert sim.binance_pm.connections() == 1
        sim.advance(1)
        assert ear.end() is None
        assert sim.binance_pm.counters["dropped_without_pong"] == 1


def test_a_connection_lives_24_hours_at_most(sim: Simulator, url: str) -> None:
    """Then the server closes it."""
    sim.binance_pm.rules.pong_within = None
    with Ear(url) as ear:
        sim.binance_pm.counters.wait("sockets_opened")
        sim.advance(24 * 3600 - 10)
        assert sim.binance_pm.connections() == 1
        sim.advance(10)
        assert ear.end() == 1000


@pytest.mark.parametrize(("close_frame", "code"), [(True, 1001), (False, None)])
def test_drop_kicks_the_sockets(sim: Simulator, url: str, close_frame: bool, code: int | None) -> None:
    """With a close frame, or by cutting TCP."""
    with Ear(url) as ear:
        sim.binance_pm.counters.wait("sockets_opened")
        assert sim.binance_pm.drop("nobody") == 0
        assert sim.binance_pm.drop("a", close_frame) == 1
        assert ear.end() == code
        sim.binance_pm.counters.wait("sockets_closed")
        assert sim.binance_pm.connections() == 0


def test_silence_is_a_dead_server_with_an_open_socket(sim: Simulator, account: BinanceAccount, url: str) -> None:
    """No events and no pongs, though the connection stands."""
    with Ear(url) as ear:
        sim.binance_pm.counters.wait("sockets_opened")
        assert sim.binance_pm.silence("a") == 1
        place(account)
        ear.socket.ping()
        ear.socket.settimeout(0.2)
        with pytest.raises(websocket.WebSocketTimeoutException):
            ear.hear()
        assert sim.binance_pm.connections("a") == 1


def test_frames_can_be_lost_doubled_and_delayed(sim: Simulator, account: BinanceAccount, url: str) -> None:
    """The frame hook decides about each outgoing frame: here the first is lost, the second doubled, the third late."""
    seen: list[Frame] = []

    def trouble(connection: Connection, frame: Frame) -> Iterable[tuple[float, Frame]]:
        seen.append(frame)
        plans: dict[int, list[tuple[float, Frame]]] = {1: [], 2: [(0, frame), (0, frame)], 3: [(60.0, frame)]}
        return plans.get(len(seen), [(0, frame)])

    with Ear(url) as ear:
        sim.binance_pm.counters.wait("sockets_opened")
        sim.binance_pm.on_frame = trouble
        for _ in range(4):
            place(account)
        numbers = [int(frame["o"]["i"]) for frame in ear.so_far()]
        sim.advance(60)
        late = [int(frame["o"]["i"]) for frame in ear.so_far()]
    first = min(numbers) - 1
    assert [number - first for number in numbers + late] == [1, 1, 3, 2]
    assert {(frame.event, frame.account) for frame in seen} == {("ORDER_TRADE_UPDATE", account)}


def test_rest_can_answer_before_the_stream_does(sim: Simulator, account: BinanceAccount, url: str) -> None:
    """stream_delay holds every event back for so long."""
    sim.binance_pm.rules.stream_delay = 30.0
    with Ear(url) as ear:
        sim.binance_pm.counters.wait("sockets_opened")
        place(account)
        assert ear.so_far() == []
        sim.advance(30)
        assert len(ear.so_far()) == 1


def test_what_is_told_late_is_not_overtaken_when_the_delay_ends(
    sim: Simulator, account: BinanceAccount, url: str
) -> None:
    """Exchanges that promise an order keep it, late or not."""
    with Ear(url) as ear:
        sim.binance_pm.counters.wait("sockets_opened")
        sim.binance_pm.rules.stream_delay = 30.0
        for _ in range(3):
            place(account)
        sim.advance(10)
        sim.binance_pm.rules.stream_delay = 0.0
        for _ in range(2):
            place(account)
        sim.advance(30)
        numbers = [int(frame["o"]["i"]) for frame in ear.so_far()]
    assert len(numbers) == 5
    assert numbers == sorted(numbers)


def test_requests_can_be_refused_broken_or_lost(sim: Simulator) -> None:
    """An HTML page before the request is carried out, an unknown outcome or no answer at all after it."""
    venue = sim.binance_pm
    address = f"{venue.rest_url}/papi/v1/ping"

    async def firewall(call: Call) -> Answer | None:
        return Answer(status=403, text="<html>no</html>", content_type="text/html")

    async def unknown(call: Call, answer: Answer) -> Answer:
        return Answer({"code": -1007, "msg": "Timeout waiting for response from backend server."}, status=504)

    async def lost(call: Call, answer: Answer) -> Answer:
        return Answer(abort=True)

    venue.on_call = firewall
    assert requests.get(address, timeout=30).headers["Content-Type"].startswith("text/html")
    venue.on_call, venue.on_answer = None, unknown
    assert requests.get(address, timeout=30).json()["code"] == -1007
    venue.on_answer = lost
    with pytest.raises(requests.ConnectionError):
        requests.get(address, timeout=30)


def test_skewed_clocks_show_in_timestamps(sim: Simulator, account: BinanceAccount) -> None:
    """The exchange's time is its own."""
    sim.clock.skew_ms = 3_600_000
    place(account)
    assert float(account.told[-1]["time"]) - time.time() * 1000 > 3_500_000


def test_a_handshake_can_be_refused_by_the_call_hook(sim: Simulator, url: str) -> None:
    """Websocket handshakes are requests too."""

    async def overloaded(call: Call) -> Answer | None:
        return Answer(status=503, text="") if call.is_socket else None

    sim.binance_pm.on_call = overloaded
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        Ear(url)
    assert refused.value.status_code == 503
