"""The REST API of the simulated Poloniex."""

from __future__ import annotations

import time
from typing import Any

import pytest
import requests

from jexkit.sim import Answer, Simulator
from jexkit.sim.calls import Call
from jexkit.sim.poloniex import PoloniexAccount, signing
from jexkit.sim.poloniex.rules import PoloniexRules
from tests.sim.poloniex.client import WAIT, Rest

HOUR_MS = 3_600_000


def refusal(answer: requests.Response) -> tuple[int, Any]:
    return answer.status_code, answer.json()["code"]


class TestSignature:
    """The vectors were computed apart from this code, over texts as the documents describe them."""

    @pytest.mark.parametrize(
        ("method", "path", "query", "body", "expected"),
        [
            ("GET", "/orders", "symbol=BTC_USDT&limit=5", b"", "KC4qTRpJvMvDsbczl7r9egTEdbVsymr8CDIkh0XtTjc="),
            (
                "POST",
                "/orders",
                "",
                b'{"symbol":"BTC_USDT","side":"BUY"}',
                "BDy3o5eHL9qwOtuZw9Zs9RXSiYIaLNi0LHBG9tSGLEE=",
            ),
            ("DELETE", "/orders/123", "", b"", "QTijaQmrc0qlKfF5orfEkuw96QMdD46hBb1fStNTrnI="),
        ],
    )
    def test_vectors(self, method: str, path: str, query: str, body: bytes, expected: str) -> None:
        call = Call(method=method, path=path, query=query, body=body, headers={}, remote="")
        assert signing.is_right("demo-secret", signing.request_text(call, "1648708187469"), expected)

    def test_the_text_of_the_websocket(self) -> None:
        expected = "J5BIBfXXA8tUqOlp/QM+Ppj4TjSNAt2McR6+Lw0iB1A="
        assert signing.is_right("demo-secret", signing.socket_text("1648708187469"), expected)

    def test_a_wrong_signature_is_refused(self, client: Rest) -> None:
        client.secret = "wrong"
        assert refusal(client.call("GET", "/orders")) == (401, 21100)

    def test_parameters_are_signed(self, client: Rest) -> None:
        answer = client.call("GET", "/orders/history", {"states": "FILLED,CANCELED", "limit": 5})
        assert (answer.status_code, answer.json()) == (200, [])

    def test_the_time_is_looked_at(self, client: Rest) -> None:
        assert refusal(client.call("GET", "/accounts", lead_ms=HOUR_MS)) == (400, 400)
        assert refusal(client.call("GET", "/accounts", lead_ms=-HOUR_MS, recvWindow="5000")) == (408, 408)
        assert client.call("GET", "/accounts", lead_ms=-HOUR_MS).status_code == 200

    def test_no_user_agent(self, sim: Simulator, client: Rest) -> None:
        answer = client.session.get(sim.poloniex.rest_url + "/timestamp", headers={"User-Agent": ""}, timeout=WAIT)
        assert answer.status_code == 403


class TestReads:
    def test_public_reference(self, sim: Simulator, client: Rest) -> None:
        assert abs(client.get("/timestamp")["serverTime"] - time.time() * 1000) < 60_000
        market = next(one for one in client.get("/markets") if one["symbol"] == "BTC_USDT")
        assert (market["baseCurrencyName"], market["symbolTradeLimit"]["priceScale"]) == ("BTC", 2)
        assert "BTC" in {one["coin"] for one in client.get("/v2/currencies")}
        assert client.get("/markets/ADA_USDT/price")["price"] == "0.37694"

    def test_an_order_through_its_life(self, client: Rest, account: PoloniexAccount) -> None:
        order = account.place("BTC_USDT", "BUY", "1", "40000", client_order_id="x")
        (row,) = client.get("/orders")
        assert (row["id"], row["state"], row["filledQuantity"], row["price"]) == (order.order_id, "NEW", "0", "40000")
        account.fill(order, "0.4")
        assert client.get("/orders/cid:x")["state"] == "PARTIALLY_FILLED"
        account.cancel(order)
        assert client.get("/orders") == []
        row = client.get("/orders/" + order.order_id)
        assert (row["state"], row["filledQuantity"], row["avgPrice"]) == ("PARTIALLY_CANCELED", "0.4", "40000")
        assert [one["id"] for one in client.get("/orders/history")] == [order.order_id]
        assert [one["quantity"] for one in client.get(f"/orders/{order.order_id}/trades")] == ["0.4"]

    def test_an_unknown_order(self, client: Rest) -> None:
        answer = client.call("GET", "/orders/1234")
        assert answer.status_code == 400
        assert answer.json() == {"code": 21301, "message": "Order not exists"}

    def test_open_orders_in_pages(self, client: Rest, account: PoloniexAccount) -> None:
        ids = [account.place("ADA_USDT", "BUY", "1", "0.3").order_id for _ in range(7)]
        pages, since = [], "0"
        while page := client.get("/orders", limit=3, since=since, direction="NEXT"):
            pages.append([row["id"] for row in page])
            since = page[-1]["id"]
        assert pages == [ids[:3:-1], ids[3:0:-1], [ids[0]]]
        newer = client.get("/orders", limit=2, since=ids[0], direction="PRE")
        assert [row["id"] for row in newer] == [ids[2], ids[1]]

    def test_trades_in_pages_and_by_time(self, client: Rest, account: PoloniexAccount) -> None:
        order = account.place("ADA_USDT", "SELL", "5", "0.3")
        trades = [account.fill(order, "1").trade_id for _ in range(5)]
        page = client.get("/trades", limit=2)
        assert [row["id"] for row in page] == [trades[4], trades[3]]
        page = client.get("/trades", limit=10, since=page[-1]["pageId"])
        assert [row["id"] for row in page] == [trades[2], trades[1], trades[0]]
        now = int(time.time() * 1000)
        assert client.get("/trades", startTime=now + 60_000, endTime=now + 61_000) == []
        assert client.get("/trades", symbols="BTC_USDT") == []
        answer = client.call("GET", "/trades", {"startTime": now - 8 * 86_400_000, "endTime": now})
        assert refusal(answer) == (400, 21355)

    def test_trades_name_the_fee_as_the_stream_does(self, client: Rest, account: PoloniexAccount) -> None:
        account.fill(account.place("LINK_USDT", "BUY", "2", "10"))
        (row,) = client.get("/trades")
        assert (row["feeCurrency"], row["feeAmount"], row["matchRole"]) == ("LINK", "0.0029", "MAKER")

    def test_balances(self, client: Rest, account: PoloniexAccount) -> None:
        account.place("BTC_USDT", "BUY", "1", "40000")
        (entry,) = client.get("/accounts/balances", accountType="SPOT")
        usdt = next(row for row in entry["balances"] if row["currency"] == "USDT")
        assert (usdt["available"], usdt["hold"]) == ("960000", "40000")
        (known,) = client.get("/accounts")
        assert (known["accountId"], known["accountType"]) == (entry["accountId"], "SPOT")
        assert refusal(client.call("GET", "/accounts/1/balances")) == (400, 21600)

    def test_rest_can_lag(self, sim: Simulator, client: Rest, account: PoloniexAccount) -> None:
        sim.poloniex.lag_rest(30)
        order = account.place("BTC_USDT", "BUY", "1", "40000")
        assert client.get("/orders") == []
        sim.advance(31)
        assert [row["id"] for row in client.get("/orders")] == [order.order_id]


class TestCommands:
    def test_create_and_cancel(self, client: Rest, account: PoloniexAccount) -> None:
        wanted = {"symbol": "BTC_USDT", "side": "BUY", "type": "LIMIT", "quantity": "0.1", "price": "40000"}
        placed = client.call("POST", "/orders", body={**wanted, "clientOrderId": "c1"}).json()
        assert placed == {"id": account.open_orders()[0]["order_id"], "clientOrderId": "c1"}
        assert refusal(client.call("POST", "/orders", body={**wanted, "clientOrderId": "c1"})) == (400, 21312)
        gone = client.call("DELETE", "/orders/" + placed["id"]).json()
        assert (gone["orderId"], gone["state"], gone["code"]) == (placed["id"], "PENDING_CANCEL", 200)
        assert refusal(client.call("DELETE", "/orders/" + placed["id"])) == (400, 21359)

    def test_several_at_once(self, client: Rest, account: PoloniexAccount) -> None:
        wanted = {"symbol": "BTC_USDT", "side": "BUY", "type": "LIMIT", "quantity": "0.1", "price": "40000"}
        rows = client.call("POST", "/orders/batch", body=[wanted, {**wanted, "quantity": "1000"}]).json()
        assert [row.get("code") for row in rows] == [None, 21721]
        client.call("POST", "/orders", body={**wanted, "symbol": "ETH_USDT", "price": "3000"})
        rows = client.call("DELETE", "/orders", body={"symbols": ["BTC_USDT"]}).json()
        assert [row["orderId"] for row in rows] == [account.orders()[0]["order_id"]]
        rows = client.call("DELETE", "/orders/cancelByIds", body={"orderIds": ["1"]}).json()
        assert [row["code"] for row in rows] == [21301]

    def test_replace_makes_a_new_order(self, client: Rest, account: PoloniexAccount) -> None:
        order = account.place("BTC_USDT", "BUY", "1", "40000")
        placed = client.call("PUT", "/orders/" + order.order_id, body={"price": "41000"}).json()
        (living,) = account.open_orders()
        assert (living["order_id"], living["price"]) == (placed["id"], "41000")
        assert placed["id"] != order.order_id

    def test_the_kill_switch_cancels_everything_unless_renewed(
        self, sim: Simulator, client: Rest, account: PoloniexAccount
    ) -> None:
        assert refusal(client.call("GET", "/orders/killSwitchStatus")) == (400, 25020)
        account.place("BTC_USDT", "BUY", "1", "40000")
        times = client.call("POST", "/orders/killSwitch", body={"timeout": "30"}).json()
        assert int(times["cancellationTime"]) - int(times["startTime"]) == 30_000
        assert client.get("/orders/killSwitchStatus") == times
        sim.advance(20)
        client.call("POST", "/orders/killSwitch", body={"timeout": "30"})
        sim.advance(20)
        assert len(account.open_orders()) == 1
        sim.advance(11)
        assert account.open_orders() == []

    def test_a_switched_off_kill_switch_does_nothing(
        self, sim: Simulator, client: Rest, account: PoloniexAccount
    ) -> None:
        account.place("BTC_USDT", "BUY", "1", "40000")
        client.call("POST", "/orders/killSwitch", body={"timeout": "30"})
        assert client.call("POST", "/orders/killSwitch", body={"timeout": "-1"}).json()["cancellationTime"] == "0"
        sim.advance(60)
        assert len(account.open_orders()) == 1


class TestTrouble:
    def test_too_many_requests(self, sim: Simulator, client: Rest) -> None:
        sim.poloniex.rules.heavy_per_second = 2
        codes = [client.call("GET", "/orders").status_code for _ in range(3)]
        assert codes == [200, 200, 429]

    def test_the_eleventh_list_in_a_second_is_too_much(self, sim: Simulator, client: Rest) -> None:
        """As long as nobody says otherwise."""
        sim.poloniex.rules.heavy_per_second = PoloniexRules().heavy_per_second
        codes = [client.call("GET", "/trades").status_code for _ in range(11)]
        assert codes == [200] * 10 + [429]

    def test_a_hook_can_break_requests(self, sim: Simulator, client: Rest) -> None:
        async def fail(call: Call) -> Answer | None:
            return (
                Answer({"code": 500, "message": "Internal System Error"}, status=503)
                if call.path == "/trades"
                else None
            )

        sim.poloniex.on_call = fail
        assert refusal(client.call("GET", "/trades")) == (503, 500)
        assert client.call("GET", "/accounts").status_code == 200


class TestScript:
    def test_the_same_seed_gives_the_same_life(self) -> None:
        lives = []
        for _ in range(2):
            with Simulator(seed=3) as sim:
                account = sim.poloniex.account("a")
                market = sim.start_market(rate=0.001, accounts="a")
                market.step(300, [account])
                lives.append([{**record, "time": 0} for record in account.told])
        assert lives[0] == lives[1]
        states = {record["status"] for record in lives[0] if record["kind"] == "order"}
        assert {"NEW", "PARTIALLY_FILLED", "FILLED", "CANCELED", "PARTIALLY_CANCELED", "PENDING_CANCEL"} <= states
        assert all(not str(record["free"]).startswith("-") for record in lives[0] if record["kind"] == "balance")
