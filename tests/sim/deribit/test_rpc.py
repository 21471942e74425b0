"""Envelopes and errors, over websocket and over HTTP."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
import requests
import websocket

from jexkit.sim.deribit import Deribit, DeribitAccount, tokens
from jexkit.sim.deribit.dispatch import query_params
from tests.sim.deribit.client import WAIT, Client, now_ms, sign
from tests.sim.deribit.conftest import Connect


def get(venue: Deribit, method: str, headers: dict[str, str] | None = None, **params: Any) -> requests.Response:
    return requests.get(f"{venue.rest_url}/api/v2/{method}", params=params, headers=headers, timeout=WAIT)


class TestWebsocket:
    def test_an_answer(self, client: Client) -> None:
        answer = client.call("public/test")
        assert answer["result"] == {"version": "1.2.26"}
        assert answer["jsonrpc"] == "2.0"
        assert answer["testnet"] is True
        assert answer["usDiff"] == answer["usOut"] - answer["usIn"]
        assert abs(answer["usIn"] / 1000 - now_ms()) < 60_000

    def test_times_were_text_once(self, client: Client, venue: Deribit) -> None:
        venue.rules.times_as_text = True
        answer = client.call("public/test")
        assert int(answer["usOut"]) - int(answer["usIn"]) == answer["usDiff"]
        assert isinstance(answer["usIn"], str)

    def test_what_is_no_json_leaves_the_socket_open(self, client: Client) -> None:
        client.socket.send("hello")
        answer = client.receive()
        assert "id" not in answer
        assert answer["error"] == {"code": 11050, "message": "bad_request", "data": "invalid json"}
        assert client.result("public/hello", client_name="x", client_version="1") == {"version": "1.2.26"}

    def test_a_request_without_an_id_gets_an_answer_without_one(self, client: Client) -> None:
        client.socket.send(json.dumps({"jsonrpc": "2.0", "method": "public/test", "params": {}}))
        answer = client.receive()
        assert "id" not in answer
        assert "result" in answer

    def test_a_text_as_id_comes_back(self, client: Client) -> None:
        client.socket.send(json.dumps({"jsonrpc": "2.0", "id": "hb-1", "method": "public/test"}))
        assert client.receive()["id"] == "hb-1"

    @pytest.mark.parametrize(
        ("method", "params", "code", "message"),
        [
            ("public/nothing", {}, -32601, "Method not found"),
            ("private/get_positions", {}, 13009, "unauthorized"),
            ("public/set_heartbeat", {"interval": 9}, -32602, "Invalid params"),
            ("public/hello", {"client_name": "x"}, -32602, "Invalid params"),
            ("public/test", {"expected_result": "exception"}, 10001, "error"),
            ("public/subscribe", {"channels": "book"}, -32602, "Invalid params"),
        ],
    )
    def test_errors(self, client: Client, method: str, params: dict[str, Any], code: int, message: str) -> None:
        error = client.error(method, **params)
        assert (error["code"], error["message"]) == (code, message)

    def test_an_error_says_why(self, client: Client) -> None:
        assert client.error("private/get_positions")["data"] == {"reason": "invalid_token"}
        assert client.error("public/set_heartbeat", interval=9)["data"]["param"] == "interval"

    @pytest.mark.parametrize("size", [33_000, 3 << 20])
    def test_a_request_that_is_too_large(self, client: Client, size: int) -> None:
        """However large: the connection stays."""
        client.send("public/test", {"filler": "x" * size})
        assert client.receive()["error"] == {"code": -32600, "message": "request entity too large"}

    def test_injected_errors(self, client: Client, venue: Deribit) -> None:
        venue.fail_next("public/test", 10041, times=2)
        assert [client.call("public/test").get("error", {}).get("code") for _ in range(3)] == [10041, 10041, None]


class TestHttp:
    def test_get_with_a_query(self, venue: Deribit) -> None:
        answer = get(venue, "public/test")
        assert answer.status_code == 200
        assert answer.json()["result"] == {"version": "1.2.26"}
        assert "id" not in answer.json()

    @pytest.mark.parametrize(("size", "status"), [(32 * 1024, 200), (32 * 1024 + 1, 400), (3 << 20, 400)])
    def test_a_request_may_have_32_kilobytes(self, client: Client, venue: Deribit, size: int, status: int) -> None:
        """Over HTTP and in a frame; more is -32600."""
        head = '{"jsonrpc":"2.0","id":5,"method":"public/test","params":{"filler":"'
        text = head + "x" * (size - len(head) - 3) + '"}}'
        answer = requests.post(f"{venue.rest_url}/api/v2", data=text, timeout=WAIT)
        client.socket.send(text)
        assert answer.status_code == status
        for said in (answer.json(), client.receive()):
            assert said.get("error", {}).get("code") == (None if status == 200 else -32600)

    def test_get_with_a_body_and_post(self, venue: Deribit) -> None:
        url, params = f"{venue.rest_url}/api/v2/public/get_instruments", {"currency": "ETH", "kind": "future"}
        by_get = requests.get(url, json=params, timeout=WAIT).json()["result"]
        said = {"jsonrpc": "2.0", "id": 5, "method": "public/get_instruments", "params": params}
        by_post = requests.post(url, json=said, timeout=WAIT).json()
        assert [row["instrument_name"] for row in by_get] == ["ETH-PERPETUAL"]
        assert (by_post["id"], by_post["result"]) == (5, by_get)
        assert requests.post(f"{venue.rest_url}/api/v2", json=said, timeout=WAIT).json()["result"] == by_get

    @pytest.mark.parametrize(
        "method",
        [
            "public/set_heartbeat",
            "public/disable_heartbeat",
            "public/subscribe",
            "public/hello",
            "private/enable_cancel_on_disconnect",
            "private/disable_cancel_on_disconnect",
            "private/get_cancel_on_disconnect",
            "private/subscribe",
            "private/logout",
        ],
    )
    def test_websocket_methods_are_refused(self, venue: Deribit, account: DeribitAccount, method: str) -> None:
        basic = "Basic " + base64.b64encode(":".join(account.credentials().values()).encode()).decode()
        answer = get(venue, method, {"Authorization": basic}, interval=30)
        assert answer.status_code == 400
        assert answer.json()["error"] == {"code": 10030, "message": "must_be_websocket_request"}

    def test_cancel_on_disconnect_of_the_account_is_a_switch(self, venue: Deribit, account: DeribitAccount) -> None:
        secret = ":".join(account.credentials().values())
        basic = {"Authorization": "Basic " + base64.b64encode(secret.encode()).decode()}
        method = "private/enable_cancel_on_disconnect"
        assert get(venue, method, basic, scope="account").json()["error"]["code"] == 10030
        venue.rules.cod_account_over_http = True
        assert get(venue, method, basic, scope="account").json()["result"] == "ok"
        state = get(venue, "private/get_cancel_on_disconnect", basic, scope="account").json()
        assert state["result"] == {"scope": "account", "enabled": True}

    def test_a_private_method_without_a_token(self, venue: Deribit) -> None:
        answer = get(venue, "private/get_positions")
        assert answer.status_code == 400
        assert answer.json()["error"]["code"] == 13009

    def test_bearer(self, venue: Deribit, account: DeribitAccount) -> None:
        answer = get(
            venue, "public/auth", None, grant_type="client_credentials", scope="session:x", **account.credentials()
        )
        token = answer.json()["result"]["access_token"]
        assert get(venue, "private/get_positions", {"Authorization": f"Bearer {token}"}).json()["result"] == []
        assert get(venue, "private/get_positions", {"Authorization": f"Bearer {token}x"}).status_code == 400

    def test_a_signed_header(self, venue: Deribit, account: DeribitAccount) -> None:
        keys, ts, nonce = account.credentials(), str(now_ms()), "abc123"
        uri = "/api/v2/private/get_position?instrument_name=BTC-PERPETUAL"
        text = f"{ts}\n{nonce}\nGET\n{uri}\n\n"

        def ask(secret: str) -> requests.Response:
            value = f"deri-hmac-sha256 id={keys['client_id']},ts={ts},sig={sign(secret, text)},nonce={nonce}"
            return requests.get(venue.rest_url + uri, headers={"Authorization": value}, timeout=WAIT)

        assert ask("wrong").json()["error"]["code"] == 13004
        assert ask(keys["client_secret"]).json()["result"]["instrument_name"] == "BTC-PERPETUAL"
        assert ask(keys["client_secret"]).json()["error"]["code"] == 13004  # the nonce was used

    def test_a_repeated_name_is_no_list(self, venue: Deribit) -> None:
        url = f"{venue.rest_url}/api/v2/public/subscribe"
        answer = requests.get(f"{url}?channels[]=a&channels[]=b", timeout=WAIT)
        assert answer.json()["error"]["code"] == 10030  # it is read, and refused for being HTTP
        assert query_params("channels[]=a&channels[]=b") == {"channels": ["a", "b"]}
        assert query_params("channels=a&channels=b") == {"channels": "b"}


class TestSignatures:
    def test_the_documented_vector(self) -> None:
        expected = "56590594f97921b09b18f166befe0d1319b198bbcdad7ca73382de2f88fe9aa1"
        assert tokens.signature("AMANDASECRECT", "1576074319000\n1iqt2wls\n") == expected

    def test_a_vector_of_the_header(self) -> None:
        text = "1700000000000\nabc123\nGET\n/api/v2/private/get_position?instrument_name=BTC-PERPETUAL\n\n"
        expected = "ab670fa45ab3e5386e4b84c75d8dc4868dc9cc1a61633af43cda60318038aaf6"
        assert tokens.signature("demo-secret", text) == expected


class TestLimits:
    def test_without_credits_the_session_ends(self, client: Client, venue: Deribit) -> None:
        venue.rules.credits_pool, venue.rules.credits_refill = 1000, 0
        codes = [client.call("public/test").get("error", {}).get("code") for _ in range(3)]
        assert codes == [None, None, 10028]
        assert client.end() == (1008, "too_many_requests")

    def test_subscribing_costs_more(self, live: Client, venue: Deribit) -> None:
        venue.rules.subscribe_pool, venue.rules.credits_refill = 6000, 0
        live.subscribe("user.lock")
        live.subscribe("user.lock")
        assert live.error("private/subscribe", channels=["user.lock"])["code"] == 10028

    def test_the_33rd_connection(self, venue: Deribit, connect: Connect) -> None:
        venue.rules.connections_per_ip = 2
        connect()
        connect()
        with pytest.raises(websocket.WebSocketBadStatusException) as caught:
            connect()
        assert caught.value.status_code == 429

    def test_another_path(self, venue: Deribit) -> None:
        with pytest.raises(websocket.WebSocketBadStatusException) as caught:
            websocket.create_connection(f"ws://127.0.0.1:{venue.port}/ws/api/v1", timeout=WAIT)
        assert caught.value.status_code == 404
