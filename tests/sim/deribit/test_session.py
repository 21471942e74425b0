"""Logins, tokens, scopes, heartbeats, idleness and cancel on disconnect."""

from __future__ import annotations

import contextlib
import threading
from typing import Any

import pytest
import websocket

from jexkit.sim import Simulator
from jexkit.sim.deribit import Deribit, DeribitAccount
from tests.sim.deribit.client import WAIT, Client, now_ms, sign
from tests.sim.deribit.conftest import Connect


def signed(account: DeribitAccount, timestamp: int | str | None = None, nonce: str = "n1", **more: Any) -> Any:
    keys = account.credentials()
    timestamp = now_ms() if timestamp is None else timestamp
    return {
        "grant_type": "client_signature",
        "client_id": keys["client_id"],
        "timestamp": timestamp,
        "nonce": nonce,
        "data": "",
        "signature": sign(keys["client_secret"], f"{timestamp}\n{nonce}\n"),
        **more,
    }


class TestLogin:
    def test_client_credentials(self, client: Client, account: DeribitAccount) -> None:
        answer = client.log_in(account, state="here")
        assert answer["token_type"] == "bearer"
        assert answer["expires_in"] == 31_536_000
        assert answer["state"] == "here"
        assert {"connection", "mainaccount", "trade:read_write", "account:read_write"} <= set(answer["scope"].split())

    def test_client_signature(self, client: Client, account: DeribitAccount) -> None:
        assert client.result("public/auth", **signed(account))["access_token"]
        assert client.result("public/auth", **signed(account, str(now_ms()), "n2"))["access_token"]

    @pytest.mark.parametrize(
        "wrong",
        [
            {"signature": "00" * 32},
            {"client_id": "nobody"},
            {"timestamp": 1_576_074_319_000},
            {"data": "not signed"},
        ],
    )
    def test_a_wrong_signature(self, client: Client, account: DeribitAccount, wrong: dict[str, Any]) -> None:
        assert client.error("public/auth", **signed(account, **wrong))["code"] == 13004

    def test_an_old_time(self, client: Client, account: DeribitAccount) -> None:
        assert client.error("public/auth", **signed(account, now_ms() - 61_000))["code"] == 13004

    def test_a_nonce_is_used_once(self, client: Client, account: DeribitAccount) -> None:
        login = signed(account)
        client.result("public/auth", **login)
        assert client.error("public/auth", **login)["code"] == 13004

    def test_a_malformed_nonce(self, client: Client, account: DeribitAccount) -> None:
        error = client.error("public/auth", **signed(account, nonce="with space"))
        assert error["code"] == -32602
        assert error["data"] == {"reason": "invalid format", "param": "nonce"}

    def test_a_wrong_secret(self, client: Client, account: DeribitAccount) -> None:
        keys = account.credentials() | {"client_secret": "wrong"}
        assert client.error("public/auth", grant_type="client_credentials", **keys)["code"] == 13004


class TestTokens:
    def test_a_connection_token_is_good_here_only(self, connect: Connect, account: DeribitAccount) -> None:
        first, second = connect(), connect()
        token = first.log_in(account)["access_token"]
        assert first.result("private/get_positions") == []
        assert first.result("private/get_positions", access_token=token) == []
        assert second.error("private/get_positions", access_token=token)["code"] == 13009

    def test_a_session_token_is_good_everywhere(self, connect: Connect, account: DeribitAccount) -> None:
        first, second = connect(), connect()
        answer = first.log_in(account, scope="session:desk")
        assert answer["sid"] == "desk"
        assert second.result("private/get_positions", access_token=answer["access_token"]) == []
        assert second.error("private/get_positions")["code"] == 13009

    def test_refreshing(self, client: Client, account: DeribitAccount) -> None:
        old = client.log_in(account)
        new = client.result("public/auth", grant_type="refresh_token", refresh_token=old["refresh_token"])
        assert new["access_token"] != old["access_token"]
        assert client.result("private/get_positions", access_token=new["access_token"]) == []
        assert client.error("private/get_positions", access_token=old["access_token"])["code"] == 13009
        again = client.error("public/auth", grant_type="refresh_token", refresh_token=old["refresh_token"])
        assert again["code"] == 13009

    def test_expiry(self, sim: Simulator, live: Client, account: DeribitAccount) -> None:
        live.log_in(account, scope="expires:40")
        live.subscribe("user.orders.any.any.raw")
        sim.advance(39)
        account.place("BTC-PERPETUAL", "BUY", "10", "20000")
        assert len(live.told()) == 1
        sim.advance(2)
        account.place("BTC-PERPETUAL", "BUY", "10", "20000")
        assert live.told() == []
        error = live.error("private/get_positions")
        assert (error["code"], error["data"]["reason"]) == (13009, "token has expired")
        live.log_in(account)
        account.place("BTC-PERPETUAL", "BUY", "10", "20000")
        assert len(live.told()) == 1

    def test_expiry_may_leave_the_stream_alone(self, live: Client, account: DeribitAccount, venue: Deribit) -> None:
        """The other reading: only calls are refused."""
        venue.rules.expired_token_stops_stream = False
        live.subscribe("user.orders.any.any.raw")
        venue.expire_tokens(account)
        account.place("BTC-PERPETUAL", "BUY", "10", "20000")
        assert len(live.told()) == 1
        assert live.error("private/get_positions")["data"]["reason"] == "token has expired"

    def test_the_life_is_a_rule(self, client: Client, account: DeribitAccount, venue: Deribit) -> None:
        venue.rules.token_life = 900
        assert client.log_in(account)["expires_in"] == 900

    def test_a_narrow_scope(self, client: Client, account: DeribitAccount) -> None:
        answer = client.log_in(account, scope="trade:read")
        assert "trade:read" in answer["scope"].split()
        assert client.result("private/get_open_orders") == []
        assert client.error("private/get_account_summaries")["code"] == 13021
        assert client.error("private/cancel_all")["code"] == 13021
        assert client.subscribe("user.orders.any.any.raw", "user.portfolio.any") == ["user.orders.any.any.raw"]

    def test_a_narrow_key_grants_no_more_than_it_has(self, client: Client, account: DeribitAccount) -> None:
        keys = account.add_key("account:read trade:read")
        answer = client.result("public/auth", grant_type="client_credentials", **keys, scope="account:read_write")
        assert "account:read" in answer["scope"].split()
        assert client.error("private/enable_cancel_on_disconnect")["code"] == 13021

    def test_the_seventeenth_session_evicts_the_oldest(self, connect: Connect, account: DeribitAccount) -> None:
        first, other = connect(), connect()
        first.log_in(account, scope="session:s0")
        for number in range(1, 16):
            other.log_in(account, scope=f"session:s{number}")
        assert first.result("private/get_positions") == []
        other.log_in(account, scope="session:s16")
        assert first.error("private/get_positions")["code"] == 13009

    def test_fork(self, client: Client, account: DeribitAccount) -> None:
        token = client.log_in(account, scope="session:one")["refresh_token"]
        forked = client.result("public/fork_token", refresh_token=token, session_name="two")
        assert "session:two" in forked["scope"].split()

    def test_exchange(self, client: Client, account: DeribitAccount, venue: Deribit) -> None:
        token, other = client.log_in(account)["refresh_token"], venue.account("b")
        answer = client.result("public/exchange_token", refresh_token=token, subject_id=other.user_id)
        summary = client.result("private/get_account_summaries", access_token=answer["access_token"])
        assert summary["username"] == "b"

    def test_logout(self, live: Client, account: DeribitAccount, venue: Deribit) -> None:
        live.result("private/enable_cancel_on_disconnect")
        live.result("private/buy", instrument_name="BTC-PERPETUAL", amount=10, price=10_000)
        live.send("private/logout")
        assert live.end() == (1000, "logout")
        venue.counters.wait("sockets_closed")
        assert len(account.open_orders()) == 1


class TestHeartbeats:
    def test_test_requests_come_and_public_test_answers(self, sim: Simulator, client: Client) -> None:
        assert client.result("public/set_heartbeat", interval=10) == "ok"
        sim.advance(10.7)
        assert client.receive() == {"params": {"type": "test_request"}, "method": "heartbeat", "jsonrpc": "2.0"}
        client.result("public/test")
        sim.advance(10.7)
        kinds = [client.receive()["params"]["type"] for _ in range(2)]
        assert kinds == ["heartbeat", "test_request"]
        client.result("public/test")
        assert sim.deribit.counters["test_requests_answered"] == 2

    def test_who_answers_is_given_the_time_for_it_while_hours_pass(self, sim: Simulator, client: Client) -> None:
        """However the request lies in the time that passes at once, and though it came before that began."""
        sim.patience = WAIT
        client.result("public/set_heartbeat", interval=30)

        def answer() -> None:
            with contextlib.suppress(websocket.WebSocketException, ValueError):  # the end: nothing, which is no JSON
                while True:
                    if client.receive().get("params", {}).get("type") == "test_request":
                        client.send("public/test")

        thread = threading.Thread(target=answer)
        thread.start()
        for _ in range(20):
            sim.advance(47)
        sim.deribit.drop()
        thread.join(WAIT)
        counters = sim.deribit.counters
        assert (counters["test_requests_answered"], counters["heartbeat_closes"]) == (30, 0)

    def test_who_does_not_answer_is_closed(self, sim: Simulator, client: Client) -> None:
        client.result("public/set_heartbeat", interval=10)
        sim.advance(10.7)
        client.result("public/get_time")  # not what was asked for
        sim.advance(10)
        assert client.end() == (4000, "heartbeat close")

    def test_the_time_for_an_answer_is_ten_seconds(self, sim: Simulator, client: Client) -> None:
        """Counted from the first test_request that was not answered."""
        sim.patience = 0.0
        client.result("public/set_heartbeat", interval=10)
        sim.advance(10.7)
        sim.advance(5)
        assert sim.deribit.counters["heartbeat_closes"] == 0
        sim.advance(6)
        assert sim.deribit.counters["heartbeat_closes"] == 1

    @pytest.mark.parametrize("any_request", [False, True])
    def test_what_answers_is_a_switch(self, sim: Simulator, client: Client, venue: Deribit, any_request: bool) -> None:
        """Only public/test, or whatever the client says."""
        sim.patience, venue.rules.any_request_answers = 0.0, any_request
        client.result("public/set_heartbeat", interval=10)
        sim.advance(10.7)
        client.call("public/get_time")
        assert sim.deribit.counters["test_requests_answered"] == any_request
        client.result("public/test")
        assert sim.deribit.counters["test_requests_answered"] == 1

    def test_disabling(self, sim: Simulator, client: Client) -> None:
        client.result("public/set_heartbeat", interval=10)
        client.result("public/disable_heartbeat")
        sim.advance(25)
        assert client.messages() == []

    def test_an_idle_connection_is_cut(self, sim: Simulator, client: Client) -> None:
        client.result("public/test")
        sim.advance(59)
        client.result("public/test")
        sim.advance(59)
        assert sim.deribit.counters["idle_cuts"] == 0
        sim.advance(2)
        assert sim.deribit.counters["idle_cuts"] == 1
        assert client.end() is None

    def test_a_subscription_keeps_it_for_ten_minutes(self, sim: Simulator, live: Client) -> None:
        live.subscribe("user.lock")
        sim.advance(122)
        assert live.result("public/test")
        sim.advance(601)
        assert live.end() is None


class TestCancelOnDisconnect:
    @pytest.fixture
    def trader(self, connect: Connect, account: DeribitAccount) -> Client:
        """Has an order on the book, and so do HTTP and the owner of the simulator."""
        client = connect()
        client.log_in(account)
        client.result("private/enable_cancel_on_disconnect", scope="connection")
        client.result("private/buy", instrument_name="BTC-PERPETUAL", amount=10, price=10_000, label="mine")
        account.place("BTC-PERPETUAL", "BUY", "10", "10000")
        return client

    def listen(self, connect: Connect, account: DeribitAccount) -> Client:
        client = connect()
        client.log_in(account)
        client.subscribe("user.orders.any.any.raw")
        return client

    def test_a_lost_connection(self, connect: Connect, account: DeribitAccount, venue: Deribit, trader: Client) -> None:
        other = self.listen(connect, account)
        trader.socket.shutdown()  # type: ignore[no-untyped-call]
        channel, row = other.receive()["params"].values()
        assert channel == "user.orders.any.any.raw"
        assert (row["label"], row["order_state"]) == ("mine", "cancelled")
        assert row["cancel_reason"] == "cancel_on_disconnect"
        assert len(account.open_orders()) == 1
        assert venue.counters["canceled_on_disconnect"] == 1

    def test_a_failed_heartbeat(self, sim: Simulator, account: DeribitAccount, trader: Client) -> None:
        trader.result("public/set_heartbeat", interval=10)
        sim.advance(21)
        assert trader.end() == (4000, "heartbeat close")
        sim.deribit.counters.wait("canceled_on_disconnect")
        assert len(account.open_orders()) == 1

    def test_inactivity(self, sim: Simulator, account: DeribitAccount, venue: Deribit, trader: Client) -> None:
        """Ten minutes without a word on a connection that is subscribed to something."""
        trader.subscribe("user.lock")
        sim.advance(601)
        assert trader.end() is None
        venue.counters.wait("canceled_on_disconnect")
        assert len(account.open_orders()) == 1

    def test_disabled(self, account: DeribitAccount, venue: Deribit, trader: Client) -> None:
        assert trader.result("private/get_cancel_on_disconnect") == {"scope": "connection", "enabled": True}
        trader.result("private/disable_cancel_on_disconnect")
        trader.socket.shutdown()  # type: ignore[no-untyped-call]
        venue.counters.wait("sockets_closed")
        assert len(account.open_orders()) == 2

    def test_the_account_is_for_new_connections(self, connect: Connect, account: DeribitAccount) -> None:
        first = connect()
        first.log_in(account)
        first.result("private/enable_cancel_on_disconnect", scope="account")
        assert first.result("private/get_cancel_on_disconnect") == {"scope": "connection", "enabled": False}
        assert first.result("private/get_cancel_on_disconnect", scope="account")["enabled"] is True
        second = connect()
        second.log_in(account)
        assert second.result("private/get_cancel_on_disconnect")["enabled"] is True

    def test_errors_are_switches(self, live: Client, venue: Deribit) -> None:
        venue.rules.cod_error = 10049
        assert live.error("private/enable_cancel_on_disconnect")["message"] == "cancel_on_disconnect_failed"
        venue.rules.cod_must_be_on = True
        assert live.error("private/disable_cancel_on_disconnect")["message"] == "cod_not_enabled"
