"""Faults by name: begun, mended, planned, and refused where they make no sense. What they do is in tests/faults."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

import pytest
import requests

from jexkit.sim import FAULTS, BadFault, Simulator
from jexkit.sim.breakage import read_item
from tests.sim.ear import Ear
from tests.sim.held import is_taken


def private(sim: Simulator) -> Ear:
    """A connection to the simplest of the exchanges, whose edge lets everybody in here."""
    sim.poloniex.rules.user_agent_required = False
    return Ear(sim.poloniex.ws_url)


def test_a_fault_of_a_moment_is_over_at_once(sim: Simulator) -> None:
    with private(sim) as ear:
        assert not sim.break_("poloniex", "drop", code=1012).lasts
        assert ear.end() == 1012
    assert sim.mend() == 0


def test_a_fault_that_lasts_is_mended_at_the_end_of_the_block(sim: Simulator) -> None:
    with sim.break_("jex", "rest_errors", status=502, html=True) as broken:
        answer = requests.get(f"{sim.jex.rest_url}/api/v1/ping", timeout=30)
        assert (answer.status_code, answer.headers["Content-Type"]) == (502, "text/html; charset=utf-8")
        assert broken.lasts
    assert requests.get(f"{sim.jex.rest_url}/api/v1/ping", timeout=30).status_code == 200
    assert not broken.lasts


def test_a_fault_ends_by_itself_after_its_time(sim: Simulator) -> None:
    """In seconds of the exchange's time."""
    broken = sim.break_("jex", "rest_lags", by=5, seconds=60)
    assert sim.jex.rules.rest_lag == 5
    sim.advance(61)
    assert (sim.jex.rules.rest_lag, broken.lasts) == (0, False)


def test_a_fault_ends_when_it_was_used_up(sim: Simulator) -> None:
    sim.break_("jex", "rest_limited", times=2, retry_after=7)
    answers = [requests.get(f"{sim.jex.rest_url}/api/v1/ping", timeout=30) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [429, 429, 200]
    assert answers[0].headers["Retry-After"] == "7"


def test_connections_that_are_cut_at_an_age_live_on_when_that_is_mended(sim: Simulator) -> None:
    """Those of before and those of meanwhile, to the end of the life that they would have had."""
    sim.jex.rules.connection_life = 60
    url = f"{sim.jex.ws_url}/ws/nobody"
    with Ear(url) as old:
        old.so_far()
        with sim.break_("jex", "day_cut", life=10), Ear(url) as new:
            new.so_far()
            sim.mend()
            sim.advance(11)
            assert [ear.so_far() for ear in (old, new)] == [[], []]
            sim.advance(60)
            assert [ear.end() for ear in (old, new)] == [1000, 1000]


def test_faults_of_one_exchange_or_all_are_mended(sim: Simulator) -> None:
    for exchange in ("jex", "deribit", "poloniex"):
        sim.break_(exchange, "duplicates")
    assert (sim.mend("jex"), sim.mend("jex"), sim.mend()) == (1, 0, 2)


def test_one_fault_within_another(sim: Simulator) -> None:
    """Each takes out what it put in, in whatever order they end."""
    first = sim.break_("jex", "duplicates")
    second = sim.break_("jex", "duplicates", copies=3)
    first.mend()
    second.mend()
    second.mend()
    assert sim.jex.faults.frames == []


def test_an_answer_that_is_lost_was_carried_out(sim: Simulator) -> None:
    """The account has a listen key, and nobody was told."""
    account = sim.jex.account("a")
    headers = {"X-JEX-APIKEY": account.credentials()["api_key"]}
    sim.break_("jex", "rest_errors", status=503, carried_out=True, times=1, path="userDataStream")
    answer = requests.post(f"{sim.jex.rest_url}/api/v1/userDataStream", headers=headers, timeout=30)
    assert answer.status_code == 503
    assert account.counters["listen_keys_created"] == 1


def test_a_ban_tells_its_end_and_ends(sim: Simulator, stopped_ms: int) -> None:
    sim.break_("binance_pm", "rest_banned", ban=60)
    answer = requests.get(f"{sim.binance_pm.rest_url}/papi/v1/ping", timeout=30)
    assert answer.status_code == 418
    until_ms = int(answer.json()["msg"].partition("banned until ")[2][:13])
    assert until_ms == stopped_ms + 60_000
    assert "Retry-After" not in answer.headers


def test_a_ban_of_jex_tells_the_seconds_too(sim: Simulator) -> None:
    """JEX documents Retry-After with 418; Binance Portfolio Margin does not."""
    sim.break_("jex", "rest_banned", ban=60)
    answer = requests.get(f"{sim.jex.rest_url}/api/v1/ping", timeout=30)
    assert (answer.status_code, answer.json()["code"]) == (418, -1003)
    assert 50 < int(answer.headers["Retry-After"]) <= 61


def test_handshakes_are_refused(sim: Simulator) -> None:
    sim.break_("poloniex", "refuse_handshake", status=403, retry_after=9)
    answer = requests.get(
        sim.poloniex.ws_url.replace("ws:", "http:"), headers={"Upgrade": "websocket", "User-Agent": "x"}, timeout=30
    )
    assert (answer.status_code, answer.headers["Retry-After"]) == (403, "9")
    with private(sim) as ear:
        assert ear.ask({"event": "ping"}) == {"event": "pong"}


def test_frames_that_are_none(sim: Simulator) -> None:
    """The reserved bits are set: websocket clients end the connection."""
    with private(sim) as ear:
        sim.break_("poloniex", "malformed_frame")
        with pytest.raises(Exception, match="rsv"):
            ear.hear()


# --- schedules --------------------------------------------------------------------------------------------------------


def test_a_schedule_is_kept(sim: Simulator) -> None:
    """In seconds of the exchange's time from now."""
    with private(sim) as first:
        planned = sim.schedule([(30, "poloniex", "drop"), (60.5, "jex", "rest_lags", {"by": 2})])
        assert planned == 2
        sim.advance(20)
        assert first.ask({"event": "ping"}) == {"event": "pong"}
        sim.advance(11)
        assert first.end() == 1001
    assert sim.jex.rules.rest_lag == 0
    sim.advance(30)
    assert sim.jex.rules.rest_lag == 2


@pytest.mark.parametrize(
    ("item", "words"),
    [
        ((-1, "jex", "drop"), "seconds from now"),
        ((float("nan"), "jex", "drop"), "seconds from now"),
        ((float("inf"), "jex", "drop"), "seconds from now"),
        ((True, "jex", "drop"), "seconds from now"),
        (("soon", "jex", "drop"), "seconds from now"),
        ((1, "nyse", "drop"), "no exchange 'nyse'"),
        ((1, "jex", "earthquake"), "no fault 'earthquake'"),
        ((1, "jex", "tokens_expire"), "no fault of jex; it applies to deribit"),
        ((1, "jex", "drop", {"speed": 1}), "no parameter speed; it has code, reason, account"),
        ((1, "jex", "drop", {"code": 5}), "code must be from 1000 to 4999"),
        ((1, "jex", "drop", {"code": "x"}), "code must be a whole number"),
        ((1, "jex", "drop", {"code": 1.5}), "code must be a whole number"),
        ((1, "jex", "drop", {"code": True}), "code must be a whole number"),
        ((1, "jex", "rest_errors", {"status": 418}), "status must be one of 200, 400"),
        ((1, "jex", "rest_errors", {"html": "perhaps"}), "html must be true or false"),
        ((1, "jex", "rest_lags", {"by": 0}), "by must be from 0.001"),
        ((1, "jex", "rest_lags", {"seconds": -5}), "seconds must be at least 0"),
        ((1, "jex", "drop", [1]), "must be names with values"),
        ((1, "jex", "drop", {"code": "1_001"}), "code must be a whole number"),
        ((1, "jex", "drop", {"code": "\u0661\u0660\u0660\u0661"}), "code must be a whole number"),
        ((1, "jex", "drop", {"code": 10**400}), "code must be from 1000 to 4999"),
        ((1, "jex", "rest_lags", {"by": "nan"}), "by must be a number"),
        ((1, "jex", "rest_lags", {"by": float("nan")}), "by must be from"),
        ((1, "jex", "rest_lags", {"by": 10**400}), "by must be a number"),
        ((1, "jex", "drop", {5: 1, "speed": 2}), "no parameter 5, speed"),
        ((1, ["jex"], "drop"), "no exchange"),
        ((1, "jex", ["drop"]), "no fault"),
        ((10**400, "jex", "drop"), "seconds from now"),
        ((1, "jex", "line_cut"), "Simulator(lines=True)"),
        ((1, "jex"), "An item of a schedule is"),
        ("jex", "An item of a schedule is"),
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused_when_given(sim: Simulator, item: Any, words: str) -> None:
    """In words, and nothing of it is planned."""
    with private(sim) as ear:
        with pytest.raises(BadFault, match=re.escape(words)):
            sim.schedule([(0.001, "poloniex", "drop"), item])
        sim.advance(1)
        assert ear.ask({"event": "ping"}) == {"event": "pong"}


def test_an_empty_schedule_and_a_simulator_that_does_not_run(sim: Simulator) -> None:
    with pytest.raises(BadFault, match="empty"):
        sim.schedule([])
    for schedule in (None, 5, "jex:drop@5", {"jex": "drop"}):
        with pytest.raises(BadFault, match="A schedule is a list of"):
            sim.schedule(schedule)  # type: ignore[arg-type]
    with pytest.raises(BadFault, match="no exchange 'nyse'"):
        sim.mend("nyse")
    with pytest.raises(RuntimeError, match="Start the simulator"):
        Simulator().schedule([(1, "jex", "drop")])


def test_a_schedule_can_be_written() -> None:
    assert read_item("deribit:half_open@30") == (30.0, "deribit", "half_open", {})
    assert read_item("jex:drop,code=1012,account=a@0.5") == (0.5, "jex", "drop", {"code": "1012", "account": "a"})


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "half_open@30",
            "deribit:@3",
            "deribit:drop",
            "deribit:drop,code@3",
            "jex:drop@x",
            ":drop@5",
            "jex:drop,=1@5",
        ),
        *(
            "jex:drop@nan",
            "jex:drop@",
            "jex:drop@ 5",
            "jex:drop@1_0",
            "jex:drop@\u0663",
            "jex:drop,code=1001,code=1002@5",
        ),
    ],
)
def test_what_is_written_wrongly_is_told(text: str) -> None:
    with pytest.raises(BadFault, match=r"Write exchange:fault@seconds|is no number of seconds|says code twice"):
        read_item(text)


# --- what they do, where a stream would not notice the difference -----------------------------------------------------


def test_an_error_has_the_code_and_the_form_that_are_wanted(sim: Simulator) -> None:
    """403 is always a firewall's page, and an error can come under the status 200."""
    for status, code, body in (
        (400, -1021, {"code": -1021}),
        (200, 0, {"code": -1000}),
        (408, -1007, {"code": -1007}),
    ):
        with sim.break_("jex", "rest_errors", status=status, code=code):
            answer = requests.get(f"{sim.jex.rest_url}/api/v1/ping", timeout=30)
        assert (answer.status_code, {"code": answer.json()["code"]}) == (status, body)
    with sim.break_("jex", "rest_errors", status=403):
        answer = requests.get(f"{sim.jex.rest_url}/api/v1/ping", timeout=30)
    assert (answer.status_code, answer.text[:6]) == (403, "<html>")
    with sim.break_("deribit", "rest_errors", status=200, code=10041):
        answer = requests.get(f"{sim.deribit.rest_url}/api/v2/public/test", timeout=30)
    assert answer.json()["error"] == {"code": 10041, "message": "settlement_in_progress"}
    with sim.break_("poloniex", "rest_errors", status=200):
        assert requests.get(f"{sim.poloniex.rest_url}/timestamp", timeout=30).json()["code"] == 500


def test_commands_fail_and_are_not_carried_out(sim: Simulator) -> None:
    """So many of them, pings not among them."""
    with private(sim) as ear:
        sim.break_("poloniex", "calls_fail", message="Bad request", method="list", times=1, cut=False)
        assert ear.ask({"event": "ping"}) == {"event": "pong"}
        assert ear.ask({"event": "list_subscriptions"}) == {"message": "Bad request", "event": "error"}
        assert ear.ask({"event": "list_subscriptions"}) == {"subscriptions": []}
    with Ear(sim.deribit.ws_url) as ear:
        sim.break_("deribit", "calls_fail", code=10040, times=0, cut=False)
        answer = ear.ask({"jsonrpc": "2.0", "id": 7, "method": "public/test", "params": {}})
        assert (answer["id"], answer["error"]) == (7, {"code": 10040, "message": "retry"})


def test_a_port_that_is_closed_is_opened_again(sim: Simulator) -> None:
    """The same one; connections that are open go on."""
    with private(sim) as ear:
        broken = sim.break_("poloniex", "port_closed", cut=False)
        with pytest.raises(requests.ConnectionError):
            _ask_often(sim.poloniex.rest_url)  # it is closed some turns of the loop later
        assert is_taken(sim.poloniex.port)  # and kept
        assert ear.ask({"event": "ping"}) == {"event": "pong"}
        url = sim.poloniex.rest_url
        broken.mend()
        assert sim.poloniex.rest_url == url
        assert _reached(url)


def test_a_port_whose_fault_is_mended_at_once_is_open(sim: Simulator) -> None:
    """Both take some turns of the loop, and the second waits for the first."""
    for _ in range(10):
        sim.break_("poloniex", "port_closed", cut=False).mend()
        assert _reached(sim.poloniex.rest_url)


def _ask_often(url: str) -> None:
    for _ in range(100):
        requests.get(f"{url}/timestamp", timeout=30)


def _reached(url: str) -> bool:
    for _ in range(1000):
        with suppress(requests.ConnectionError):
            return requests.get(f"{url}/timestamp", timeout=30).status_code == 200
    return False


def test_a_deaf_server_hears_later(sim: Simulator) -> None:
    with private(sim) as ear:
        broken = sim.break_("poloniex", "deaf")
        ear.socket.send('{"event":"ping"}')
        sim.advance(1)
        assert sim.poloniex.counters["event_pings"] == 0
        broken.mend()
        assert ear.hear() == {"event": "pong"}


def test_a_close_frame_has_the_reason_that_is_wanted(sim: Simulator) -> None:
    with private(sim) as ear:
        sim.break_("poloniex", "drop", code=4001, reason="connection_too_slow")
        assert ear.end() == 4001


# --- the control site -------------------------------------------------------------------------------------------------


def post(sim: Simulator, path: str, **body: Any) -> requests.Response:
    """Order something of the control site."""
    return requests.post(f"{sim.control.url}{path}", json=body, timeout=30)


def test_faults_over_http(sim: Simulator) -> None:
    """At once, later, and their end."""
    assert post(sim, "/faults", exchange="jex", fault="rest_lags", by=1.5).json() == {"lasts": True}
    assert sim.jex.rules.rest_lag == 1.5
    assert post(sim, "/faults/mend", exchange="jex").json() == {"mended": 1}
    assert post(sim, "/faults", exchange="jex", fault="rest_lags", at=5).json() == {"planned": 1}
    sim.advance(6)
    assert post(sim, "/faults/mend").json() == {"mended": 1}


def test_nonsense_over_http_is_refused_in_words(sim: Simulator) -> None:
    answer = post(sim, "/faults", exchange="jex", fault="earthquake")
    assert answer.status_code == 400
    assert "no fault 'earthquake'" in answer.json()["error"]


def test_the_table_over_http(sim: Simulator) -> None:
    table = requests.get(f"{sim.control.url}/faults", timeout=30).json()
    assert table.keys() == FAULTS.keys()
    assert table["late_pongs"]["parameters"].keys() == {"delay", "seconds"}
