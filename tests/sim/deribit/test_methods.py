"""Reads and orders, by websocket; HTTP uses the same methods."""

from __future__ import annotations

from typing import Any

import pytest

from jexkit.sim import Simulator
from jexkit.sim.deribit import Deribit, DeribitAccount
from tests.sim.deribit.client import Client, now_ms

PERPETUAL = "BTC-PERPETUAL"


class TestOrderReads:
    def test_open_orders(self, live: Client, account: DeribitAccount) -> None:
        account.place(PERPETUAL, "BUY", "10", "20000")
        account.place("ETH_USDC", "BUY", "1", "1500")
        stop = account.place_trigger("ETH-PERPETUAL", "SELL", "5", "1400")
        account.cancel(account.place(PERPETUAL, "BUY", "10", "20000"))

        def names(method: str, **params: Any) -> list[str]:
            return [row["instrument_name"] for row in live.result(f"private/{method}", **params)]

        assert names("get_open_orders") == [PERPETUAL, "ETH_USDC", "ETH-PERPETUAL"]
        assert names("get_open_orders", type="trigger_all") == ["ETH-PERPETUAL"]
        assert names("get_open_orders", type="limit", kind="future") == [PERPETUAL]
        assert names("get_open_orders_by_currency", currency="ETH") == ["ETH_USDC", "ETH-PERPETUAL"]
        assert names("get_open_orders_by_instrument", instrument_name="ETH-PERPETUAL") == ["ETH-PERPETUAL"]
        assert live.error("private/get_open_orders_by_currency")["code"] == -32602
        assert live.error("private/get_open_orders_by_instrument", instrument_name="X")["code"] == 10020
        row = live.result("private/get_order_state", order_id=stop.order_id)
        assert row["order_state"] == "untriggered"

    def test_a_closed_order_is_forgotten(self, live: Client, account: DeribitAccount, venue: Deribit) -> None:
        order = account.place(PERPETUAL, "BUY", "10", "20000", client_order_id="x")
        account.fill(order)
        assert live.result("private/get_order_state", order_id=order.order_id)["order_state"] == "filled"
        rows = live.result("private/get_order_state_by_label", currency="BTC", label="x")
        assert [row["order_id"] for row in rows] == [order.order_id]
        venue.rules.orders_recent = -1
        error = live.error("private/get_order_state", order_id=order.order_id)
        assert (error["code"], error["message"]) == (10004, "order_not_found")
        history = live.result("private/get_order_history_by_currency", currency="BTC")
        assert [row["order_id"] for row in history] == [order.order_id]

    def test_rest_can_lag(self, sim: Simulator, live: Client, account: DeribitAccount) -> None:
        sim.deribit.lag_rest(5)
        account.place(PERPETUAL, "BUY", "10", "20000")
        assert live.result("private/get_open_orders") == []
        sim.advance(6)
        assert len(live.result("private/get_open_orders")) == 1


class TestTradeReads:
    @pytest.fixture
    def trades(self, account: DeribitAccount) -> list[str]:
        """Five fills of one order."""
        order = account.place(PERPETUAL, "BUY", "50", "20000")
        return [account.fill(order, "10").trade_id for _ in range(5)]

    def test_pages(self, live: Client, trades: list[str]) -> None:
        page = live.result("private/get_user_trades_by_currency", currency="BTC", count=2, sorting="asc")
        assert [row["trade_id"] for row in page["trades"]] == trades[:2]
        assert page["has_more"] is True
        page = live.result(
            "private/get_user_trades_by_currency", currency="BTC", count=10, sorting="asc", start_id=trades[2]
        )
        assert [row["trade_id"] for row in page["trades"]] == trades[2:]
        assert page["has_more"] is False
        page = live.result("private/get_user_trades_by_instrument", instrument_name=PERPETUAL)
        assert [row["trade_id"] for row in page["trades"]] == trades[::-1]

    def test_by_time(self, live: Client, trades: list[str]) -> None:
        span = {"start_timestamp": now_ms() - 60_000, "end_timestamp": now_ms() + 60_000}
        method = "private/get_user_trades_by_currency_and_time"
        assert len(live.result(method, currency="BTC", **span)["trades"]) == 5
        assert live.result(method, currency="ETH", **span)["trades"] == []
        late = {"start_timestamp": now_ms() + 60_000, "end_timestamp": now_ms() + 70_000}
        assert live.result(method, currency="BTC", **late) == {"trades": [], "has_more": False}
        assert live.error(method, currency="BTC")["code"] == -32602

    def test_old_trades_are_historical(self, live: Client, venue: Deribit, trades: list[str]) -> None:
        method = "private/get_user_trades_by_currency"
        assert live.result(method, currency="BTC", historical=True)["trades"] == []
        venue.rules.trades_recent = -1
        assert live.result(method, currency="BTC")["trades"] == []
        assert len(live.result(method, currency="BTC", historical="true")["trades"]) == 5

    def test_they_are_those_of_the_stream(self, live: Client, account: DeribitAccount) -> None:
        live.subscribe("user.trades.any.any.raw")
        order = account.place("ETH_USDC-PERPETUAL", "SELL", "0.5", "1500", client_order_id="x")
        account.fill(order)
        ((_, streamed),) = live.told()
        assert live.result("private/get_user_trades_by_order", order_id=order.order_id) == streamed
        assert streamed[0]["trade_id"].startswith("USDC-")


class TestAccountReads:
    def test_positions(self, live: Client, account: DeribitAccount) -> None:
        account.fill(account.place(PERPETUAL, "SELL", "10", "20000"))
        (row,) = live.result("private/get_positions", currency="any")
        assert (row["instrument_name"], row["size"], row["direction"]) == (PERPETUAL, -10, "sell")
        assert live.result("private/get_positions", currency="ETH") == []
        flat = live.result("private/get_position", instrument_name="ETH-PERPETUAL")
        assert (flat["size"], flat["direction"], flat["average_price"]) == (0, "zero", 0)

    def test_summaries_agree_with_the_portfolio(self, live: Client, account: DeribitAccount) -> None:
        account.fill(account.place(PERPETUAL, "SELL", "1000", "20000"))
        live.subscribe("user.portfolio.btc")
        ((_, streamed),) = live.told()
        summary = live.result("private/get_account_summary", currency="BTC", extended=True)
        assert {name: summary[name] for name in streamed} == streamed
        assert summary["type"] == "main"
        every = live.result("private/get_account_summaries")["summaries"]
        assert [row["currency"] for row in every] == ["BTC", "ETH", "USDC", "USDT"]
        (main,) = live.result("private/get_subaccounts", with_portfolio=True)
        assert main["portfolio"]["btc"]["balance"] == summary["balance"]


class TestTrading:
    def test_a_limit_order_rests_until_it_is_filled(self, live: Client, account: DeribitAccount) -> None:
        made = live.result("private/buy", instrument_name=PERPETUAL, amount=10, price=10_000, label="x")
        assert (made["order"]["order_state"], made["order"]["label"], made["trades"]) == ("open", "x", [])
        edited = live.result("private/edit", order_id=made["order"]["order_id"], amount=20, price=11_000)["order"]
        assert (edited["amount"], edited["price"], edited["replaced"]) == (20, 11_000, True)
        gone = live.result("private/cancel", order_id=made["order"]["order_id"])
        assert (gone["order_state"], gone["cancel_reason"]) == ("cancelled", "user_request")
        assert live.error("private/cancel", order_id=made["order"]["order_id"])["code"] == 10010
        assert live.error("private/edit", order_id=made["order"]["order_id"], amount=30)["code"] == 11044
        assert account.open_orders() == []

    def test_a_market_order_is_executed(self, live: Client, account: DeribitAccount) -> None:
        made = live.result("private/sell", instrument_name=PERPETUAL, amount=10, type="market")
        assert (made["order"]["order_state"], made["order"]["average_price"]) == ("filled", 20236.5)
        assert [trade["liquidity"] for trade in made["trades"]] == ["T"]
        assert account.positions()[0]["quantity"] == "-10"

    def test_an_order_that_is_not_to_rest(self, live: Client) -> None:
        wanted = {"instrument_name": PERPETUAL, "amount": 10, "time_in_force": "immediate_or_cancel"}
        assert live.result("private/buy", **wanted, price=10_000)["order"]["order_state"] == "cancelled"
        assert live.result("private/buy", **wanted, price=30_000)["order"]["order_state"] == "filled"

    def test_trigger_orders(self, live: Client) -> None:
        wanted = {"instrument_name": PERPETUAL, "amount": 10, "type": "stop_limit", "price": 19_000}
        order = live.result("private/sell", **wanted, trigger_price=19_500, trigger="index_price")["order"]
        assert order["order_id"].startswith("SLIS-")
        assert (order["order_state"], order["price"], order["trigger_price"]) == ("untriggered", 19_000, 19_500)

    @pytest.mark.parametrize(
        ("wrong", "code"),
        [
            ({"amount": 5}, 10021),
            ({"amount": -10}, 10021),
            ({"price": None}, 10023),
            ({"instrument_name": "X"}, 10020),
            ({"time_in_force": "x"}, -32602),
        ],
    )
    def test_refusals(self, live: Client, wrong: dict[str, Any], code: int) -> None:
        wanted = {"instrument_name": PERPETUAL, "amount": 10, "price": 10_000, **wrong}
        assert live.error("private/buy", **wanted)["code"] == code

    def test_no_money_for_spot(self, live: Client) -> None:
        error = live.error("private/buy", instrument_name="BTC_USDC", amount=1000, price=20_000)
        assert (error["code"], error["message"]) == (10009, "not_enough_funds")

    def test_cancel_all(self, live: Client, account: DeribitAccount) -> None:
        for symbol in (PERPETUAL, "ETH-PERPETUAL", PERPETUAL):
            account.place(symbol, "BUY", "10", "1000", client_order_id=symbol)
        assert live.result("private/cancel_all_by_currency", currency="ETH") == 1
        assert live.result("private/cancel_by_label", label="nothing") == 0
        rows = live.result("private/cancel_all", detailed=True)
        assert [len(row["result"]) for row in rows] == [2]
        assert account.open_orders() == []


class TestReference:
    def test_instruments(self, client: Client) -> None:
        rows = client.result("public/get_instruments", currency="BTC")
        kinds = {row["instrument_name"]: row["kind"] for row in rows}
        assert kinds["BTC-27DEC30-40000-C"] == "option"
        assert kinds["BTC-FS-27DEC30_PERP"] == "future_combo"
        assert [row["currency"] for row in client.result("public/get_currencies")] == ["BTC", "ETH", "USDC", "USDT"]
        assert client.result("public/ticker", instrument_name=PERPETUAL)["mark_price"] == 20236.5
        assert client.result("public/get_index_price", index_name="btc_usd")["index_price"] == 20250
