"""The private websocket of the simulated Poloniex."""

from __future__ import annotations

import time
from typing import Any

import pytest
import websocket

from jexkit.sim import Simulator
from jexkit.sim.poloniex import PoloniexAccount
from tests.sim.poloniex.client import Socket
from tests.sim.poloniex.conftest import Connect


class TestLogin:
    def test_the_documented_frame_is_accepted(self, connect: Connect, account: PoloniexAccount) -> None:
        answer = connect().log_in(account, signatureMethod="HmacSHA256", signatureVersion="2")
        assert answer["channel"] == "auth"
        assert answer["data"]["success"] is True
        assert abs(answer["data"]["ts"] - time.time() * 1000) < 60_000

    def test_the_time_may_be_text(self, connect: Connect, account: PoloniexAccount) -> None:
        assert connect().log_in(account, timestamp=str(int(time.time() * 1000)))["data"]["success"] is True

    @pytest.mark.parametrize("wrong", [{"secret": "not the secret"}, {"timestamp": 1648708187469}, {"key": "unknown"}])
    def test_a_wrong_login_is_refused_and_the_socket_stays(
        self, connect: Connect, account: PoloniexAccount, wrong: dict[str, Any]
    ) -> None:
        client = connect()
        answer = client.log_in(account, **wrong)["data"]
        assert (answer["success"], answer["message"]) == (False, "Authentication failed!")
        assert client.ask(event="ping") == {"event": "pong"}

    @pytest.mark.parametrize("timestamp", ["\u00b2", "1" * 5000, "", -5, 1.5, True, None])
    def test_a_time_that_is_none_is_refused_and_the_socket_stays(
        self, connect: Connect, account: PoloniexAccount, timestamp: Any
    ) -> None:
        """Digits of other scripts, and more of them than any time has."""
        client = connect()
        params = {"key": account.api_key, "signTimestamp": timestamp, "signature": "x"}
        answer = client.ask(event="subscribe", channel=["auth"], params=params)
        assert answer["data"]["message"] == "Authentication failed!"
        assert client.log_in(account)["data"]["success"] is True

    def test_a_signature_that_is_no_text_is_refused_and_the_socket_stays(
        self, connect: Connect, account: PoloniexAccount
    ) -> None:
        """Half of a surrogate pair, which JSON can write and UTF-8 cannot."""
        client = connect()
        params = {"key": account.api_key, "signTimestamp": int(time.time() * 1000), "signature": "\ud800"}
        answer = client.ask(event="subscribe", channel=["auth"], params=params)
        assert answer["data"]["message"] == "Authentication failed!"
        assert client.log_in(account)["data"]["success"] is True

    def test_subscribing_needs_a_login(self, connect: Connect) -> None:
        answer = connect().ask(event="subscribe", channel=["orders"], symbols=["all"])
        assert answer == {"event": "error", "message": "Subscription failed"}

    def test_a_handshake_without_user_agent_is_refused(self, connect: Connect, sim: Simulator) -> None:
        with pytest.raises(websocket.WebSocketBadStatusException) as caught:
            connect(header=())
        assert caught.value.status_code == 403
        sim.poloniex.rules.user_agent_required = False
        assert connect(header=()).ask(event="ping") == {"event": "pong"}


class TestSubscriptions:
    def test_one_acknowledgement_per_channel_and_symbols_for_orders_only(
        self, connect: Connect, account: PoloniexAccount
    ) -> None:
        client = connect()
        client.log_in(account)
        client.say(event="subscribe", channel=["orders", "balances"], symbols=["all"])
        assert client.hear() == {"channel": "orders", "event": "subscribe", "symbols": ["all"]}
        assert client.hear() == {"channel": "balances", "event": "subscribe"}
        assert client.ask(event="list_subscriptions") == {"subscriptions": ["orders", "balances"]}

    def test_the_echo_of_symbols_is_a_switch(self, connect: Connect, sim: Simulator, account: PoloniexAccount) -> None:
        client = connect()
        client.log_in(account)
        sim.poloniex.rules.echo_symbols = "never"
        answer = client.ask(event="subscribe", channel=["orders"], symbols=["all"])
        assert answer == {"channel": "orders", "event": "subscribe"}

    def test_repeating_is_acknowledged_unless_the_rules_refuse_it(self, live: Socket, sim: Simulator) -> None:
        assert live.ask(event="subscribe", channel=["balances"]) == {"channel": "balances", "event": "subscribe"}
        sim.poloniex.rules.refuse_repeats = True
        assert live.ask(event="subscribe", channel=["balances"])["message"] == "Already subscribed"
        live.ask(event="unsubscribe", channel=["balances"])
        assert live.ask(event="unsubscribe", channel=["balances"])["message"] == "Not subscribed"

    def test_unsubscribe_all(self, live: Socket, sim: Simulator, account: PoloniexAccount) -> None:
        assert live.ask(event="unsubscribe_all") == {"channel": "all", "event": "unsubscribe_all"}
        assert live.ask(event="list_subscriptions") == {"subscriptions": []}
        account.deposit("BTC", "1")
        assert live.so_far() == []
        sim.poloniex.rules.upper_case_words = True
        assert live.ask(event="unsubscribe_all") == {"channel": "ALL", "event": "UNSUBSCRIBE_ALL"}

    def test_unsubscribing_from_one_symbol_keeps_the_others(self, connect: Connect, account: PoloniexAccount) -> None:
        client = connect()
        client.log_in(account)
        client.ask(event="subscribe", channel=["orders"], symbols=["BTC_USDT", "ETH_USDT"])
        client.ask(event="unsubscribe", channel=["orders"], symbols=["BTC_USDT"])
        account.place("BTC_USDT", "BUY", "1", "40000")
        account.place("LINK_USDT", "BUY", "1", "10")
        account.place("ETH_USDT", "BUY", "1", "3000")
        heard = client.so_far()
        assert [message["data"][0]["symbol"] for message in heard] == ["ETH_USDT"]

    @pytest.mark.parametrize(
        ("frame", "message"),
        [
            ({"event": "subscribe", "channel": ["ordersss"]}, 'Invalid channel value ["ordersss"]'),
            ({"event": "subscribe", "channel": ["ticker"], "symbols": ["all"]}, 'Invalid channel value ["ticker"]'),
            ({"event": "subscribe", "channel": ["orders"], "symbols": ["NO_SUCH"]}, "no valid symbols"),
            ({"event": "subscribe", "channel": "orders"}, "Bad request"),
            ({"event": "subscribe", "channel": ["orders"], "symbols": [{}, "all"]}, "Bad request"),
            ({"event": "unsubscribe", "channel": ["orders"], "symbols": 5}, "Bad request"),
            ({"event": "nonsense"}, "Bad request"),
        ],
    )
    def test_errors(self, live: Socket, frame: dict[str, Any], message: str) -> None:
        assert live.ask(**frame) == {"event": "error", "message": message}

    def test_what_is_no_json_is_answered_and_the_socket_stays(self, live: Socket) -> None:
        live.socket.send("hello")
        assert live.hear() == {"event": "error", "message": "Not JSON string：hello"}
        live.socket.send("ping")
        assert live.hear() == {"event": "pong"}

    def test_the_public_endpoint_refuses_private_channels(self, connect: Connect) -> None:
        client = connect("/ws/public")
        answer = client.ask(event="subscribe", channel=["orders"], symbols=["all"])
        assert answer == {"event": "error", "message": 'Invalid channel value ["orders"]'}
        answer = client.ask(event="subscribe", channel=["ticker"], symbols=["BTC_USDT"])
        assert answer == {"channel": "ticker", "event": "subscribe", "symbols": ["BTC_USDT"]}

    def test_the_sixth_connection_with_orders_is_refused(
        self, connect: Connect, sim: Simulator, account: PoloniexAccount
    ) -> None:
        clients = [connect() for _ in range(6)]
        for client in clients:
            client.log_in(account)
        answers = [client.ask(event="subscribe", channel=["orders"], symbols=["all"]) for client in clients]
        assert [answer["event"] for answer in answers] == ["subscribe"] * 5 + ["error"]
        assert answers[5]["message"] == "Subscription failed"
        clients[0].socket.close()
        sim.poloniex.counters.wait("sockets_closed")
        assert clients[5].ask(event="subscribe", channel=["orders"], symbols=["all"])["event"] == "subscribe"

    def test_maintenance(self, live: Socket, sim: Simulator) -> None:
        sim.poloniex.rules.maintenance = True
        answer = live.ask(event="subscribe", channel=["balances"])
        assert answer == {"event": "error", "message": "Platform in maintenance mode"}


class TestLife:
    def test_a_silent_client_is_cut_off_without_a_close_frame(
        self, live: Socket, sim: Simulator, account: PoloniexAccount
    ) -> None:
        sim.advance(29)
        account.deposit("BTC", "1")  # what the server sends does not count
        sim.advance(2)
        assert live.hear()["channel"] == "balances"
        with pytest.raises((websocket.WebSocketConnectionClosedException, ConnectionError)):
            live.socket.recv()
        assert sim.poloniex.counters["cut_for_silence"] == 1

    def test_each_message_of_the_client_gives_another_thirty_seconds(self, live: Socket, sim: Simulator) -> None:
        for _ in range(3):
            sim.advance(29)
            assert live.ask(event="ping") == {"event": "pong"}
        live.socket.ping()  # a ping frame of the websocket protocol is no message
        sim.poloniex.counters.wait("client_pings")
        sim.advance(31)
        assert sim.poloniex.counters["cut_for_silence"] == 1

    def test_pongs_can_stop(self, live: Socket, sim: Simulator) -> None:
        sim.poloniex.rules.answers_pings = False
        live.say(event="ping")
        assert live.ask(event="list_subscriptions") == {"subscriptions": ["orders", "balances"]}


class TestPushes:
    def test_a_new_order_and_what_it_holds(self, live: Socket, account: PoloniexAccount) -> None:
        order = account.place("BTC_USDT", "BUY", "1", "47112.1", client_order_id="mine")
        orders, balances = live.so_far()
        element = orders["data"][0]
        assert orders["channel"] == "orders"
        assert element.pop("matchRole", "MAKER") == "MAKER"
        assert {key: element[key] for key in ("eventType", "state", "orderId", "clientOrderId", "tradeId")} == {
            "eventType": "place",
            "state": "NEW",
            "orderId": order.order_id,
            "clientOrderId": "mine",
            "tradeId": "0",
        }
        texts = {key for key, value in element.items() if isinstance(value, str)}
        assert {key for key in element if key not in texts} == {"tradeTime", "createTime", "ts"}
        balance = balances["data"][0]
        assert (balance["eventType"], balance["currency"]) == ("place_order", "USDT")
        assert (balance["available"], balance["hold"]) == ("952887.9", "47112.1")
        assert balance["id"] > 2**53

    def test_fills_of_one_turn_come_in_one_frame(self, live: Socket, account: PoloniexAccount) -> None:
        order = account.place("LINK_USDT", "SELL", "10", "3")
        live.so_far()
        account.match(order, [("4", None), ("6", "3.5")])
        orders, balances = live.so_far()
        first, second = orders["data"]
        assert [first["state"], second["state"]] == ["PARTIALLY_FILLED", "FILLED"]
        assert (first["tradeQty"], first["filledQuantity"], first["tradePrice"]) == ("4", "4", "3")
        assert (second["tradeAmount"], second["filledAmount"], second["matchRole"]) == ("21", "33", "TAKER")
        assert second["feeCurrency"] == "USDT"
        assert int(first["tradeId"]) < int(second["tradeId"])
        assert [element["currency"] for element in balances["data"]] == ["LINK", "USDT"] * 2
        assert {element["eventType"] for element in balances["data"]} == {"match_order"}

    def test_states_at_the_end(self, live: Socket, account: PoloniexAccount) -> None:
        account.cancel(account.place("BTC_USDT", "BUY", "1", "40000"))
        part = account.place("BTC_USDT", "BUY", "1", "40000")
        account.fill(part, "0.5")
        account.cancel(account.request_cancel(part))
        account.reject(account.place("BTC_USDT", "BUY", "1", "40000"))
        account.expire(account.place("BTC_USDT", "BUY", "1", "40000"))
        account.fail(account.place("BTC_USDT", "BUY", "1", "40000"))
        pushed = [message["data"][0] for message in live.so_far() if message["channel"] == "orders"]
        assert [(element["eventType"], element["state"]) for element in pushed] == [
            ("place", "NEW"),
            ("canceled", "CANCELED"),
            ("place", "NEW"),
            ("trade", "PARTIALLY_FILLED"),
            ("canceled", "PENDING_CANCEL"),
            ("canceled", "PARTIALLY_CANCELED"),
            ("place", "NEW"),
            ("canceled", "REJECTED"),
            ("place", "NEW"),
            ("canceled", "EXPIRED"),
            ("place", "NEW"),
            ("canceled", "FAILED"),
        ]

    def test_money_in_and_out(self, live: Socket, account: PoloniexAccount) -> None:
        account.deposit("BTC", "1")
        account.withdraw("BTC", "2")
        account.transfer_in("BTC", "3")
        account.transfer_out("BTC", "4")
        pushed = [message["data"][0] for message in live.so_far()]
        assert [(one["eventType"], one["available"]) for one in pushed] == [
            ("deposit", "101"),
            ("withdraw", "99"),
            ("transfer_in", "102"),
            ("transfer_out", "98"),
        ]
        assert sorted({one["id"] for one in pushed}) == [one["id"] for one in pushed]

    def test_another_account_hears_nothing(self, live: Socket, sim: Simulator) -> None:
        sim.poloniex.account("b").place("BTC_USDT", "BUY", "1", "40000")
        assert live.so_far() == []

    def test_the_truth_log_says_what_was_pushed(self, live: Socket, account: PoloniexAccount) -> None:
        order = account.place("LINK_USDT", "SELL", "10", "3")
        account.fill(order, "4")
        account.cancel(order)
        heard = live.so_far()
        pushed = [element for message in heard if message["channel"] == "orders" for element in message["data"]]
        told = [record for record in account.told if record["kind"] == "order"]
        assert [(record["order_id"], record["status"], record["filled"]) for record in told] == [
            (element["orderId"], element["state"], element["filledQuantity"]) for element in pushed
        ]
        fills = [(record["trade_id"], record["fee"]) for record in account.told if record["kind"] == "fill"]
        assert fills == [(one["tradeId"], one["tradeFee"]) for one in pushed if one["eventType"] == "trade"]
        balances = [element for message in heard if message["channel"] == "balances" for element in message["data"]]
        told = [record for record in account.told if record["kind"] == "balance"]
        assert [(record["asset"], record["free"], record["locked"]) for record in told] == [
            (element["currency"], element["available"], element["hold"]) for element in balances
        ]
        assert {record["listeners"] for record in account.told} == {1}


class TestOrderCommands:
    def test_create_and_cancel(self, live: Socket, account: PoloniexAccount) -> None:
        wanted = {"symbol": "BTC_USDT", "side": "BUY", "type": "LIMIT", "quantity": "0.1", "price": "40000"}
        live.say(id="1", event="createOrder", params={**wanted, "clientOrderId": "x1"})
        heard = live.so_far()
        answer = next(message for message in heard if message.get("id") == "1")
        placed = answer["data"][0]
        assert isinstance(placed["orderId"], int)
        assert (placed["clientOrderId"], placed["message"], placed["code"]) == ("x1", "", 200)
        live.say(id="2", event="cancelOrders", params={"orderIds": [str(placed["orderId"]), "1"]})
        outcomes = next(message for message in live.so_far() if message.get("id") == "2")["data"]
        assert [(one["orderId"], one["code"]) for one in outcomes] == [(placed["orderId"], 200), (0, 21301)]
        assert account.open_orders() == []

    def test_a_market_order_is_executed(self, live: Socket, account: PoloniexAccount) -> None:
        live.say(id="1", event="createOrder", params={"symbol": "ADA_USDT", "side": "SELL", "quantity": "3"})
        answer = next(message for message in live.so_far() if message.get("id") == "1")
        assert answer["data"][0]["code"] == 200
        assert account.orders()[0]["status"] == "FILLED"

    def test_a_market_buy_for_an_amount(self, live: Socket, account: PoloniexAccount) -> None:
        live.say(id="1", event="createOrder", params={"symbol": "ADA_USDT", "side": "BUY", "amount": "37.694"})
        orders = next(message for message in live.so_far() if message.get("channel") == "orders")
        last = orders["data"][-1]
        assert (last["orderAmount"], last["quantity"], last["filledQuantity"]) == ("37.694", "0", "100")

    def test_refusals_carry_code_and_text(self, live: Socket) -> None:
        wanted = {"symbol": "BTC_USDT", "side": "BUY", "type": "LIMIT", "quantity": "1000", "price": "40000"}
        refusal = {"orderId": 0, "clientOrderId": None, "message": "available insufficient", "code": 21721}
        assert live.ask(id="9", event="createOrder", params=wanted) == {"id": "9", "data": [refusal]}

    @pytest.mark.parametrize(("event", "name"), [("cancelOrders", "orderIds"), ("cancelAllOrders", "symbols")])
    def test_what_should_be_a_list_and_is_none(self, live: Socket, event: str, name: str) -> None:
        """Refused in words; the socket stays."""
        refusal = {"orderId": 0, "clientOrderId": None, "message": f"Invalid parameter: {name}", "code": 601}
        assert live.ask(id="4", event=event, params={name: 5}) == {"id": "4", "data": [refusal]}

    def test_cancel_all(self, live: Socket, account: PoloniexAccount) -> None:
        for symbol, price in (("BTC_USDT", "40000"), ("ADA_USDT", "0.3"), ("BTC_USDT", "41000")):
            account.place(symbol, "BUY", "1", price)
        live.say(id="3", event="cancelAllOrders", params={"symbols": ["BTC_USDT"]})
        answer = next(message for message in live.so_far() if message.get("id") == "3")
        assert [one["code"] for one in answer["data"]] == [200, 200]
        assert [order["symbol"] for order in account.open_orders()] == ["ADA_USDT"]
