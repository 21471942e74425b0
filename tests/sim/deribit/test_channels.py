"""Subscriptions, and what the user channels say."""

from __future__ import annotations

from typing import Any

import pytest

from jexkit.sim import Simulator
from jexkit.sim.connection import Connection, Frame
from jexkit.sim.deribit import Deribit, DeribitAccount
from tests.sim.deribit.client import Client
from tests.sim.deribit.conftest import Connect

EVERYTHING = ("user.orders.any.any.raw", "user.trades.any.any.raw", "user.changes.any.any.raw", "user.portfolio.any")


@pytest.fixture
def listener(live: Client) -> Client:
    """Hears everything, and has heard the first portfolios."""
    live.subscribe(*EVERYTHING)
    live.told()
    return live


def of(told: list[tuple[str, Any]], what: str) -> list[Any]:
    return [data for channel, data in told if channel.startswith(f"user.{what}")]


class TestSubscribing:
    def test_the_answer_has_another_order(self, live: Client) -> None:
        asked = [*EVERYTHING, "user.lock"]
        granted = live.subscribe(*asked)
        assert sorted(granted) == sorted(asked)
        assert granted != asked

    def test_unknown_channels_are_left_out(self, live: Client) -> None:
        wrong = ["user.orders.NOTHING.raw", "user.orders.any.any.1s", "user.what", "user.orders.any.XYZ.raw", "nothing"]
        assert live.subscribe(*wrong, "user.lock") == ["user.lock"]
        assert live.subscribe("user.nothing") == []

    def test_without_a_login(self, client: Client) -> None:
        error = client.error("private/subscribe", channels=["user.lock"])
        assert (error["code"], error["data"]["reason"]) == (13009, "invalid_token")
        error = client.error("public/subscribe", channels=["user.orders.any.any.raw"])
        assert (error["code"], error["message"]) == (13778, "raw_subscriptions_not_available_for_unauthorized")
        assert client.result("public/subscribe", channels=["user.lock", "platform_state"]) == ["platform_state"]

    def test_with_the_token_of_a_session(self, connect: Connect, account: DeribitAccount) -> None:
        token = connect().log_in(account, scope="session:desk")["access_token"]
        other = connect()
        other.subscribe("user.orders.any.any.raw", access_token=token)
        account.place("BTC-PERPETUAL", "BUY", "10", "20000")
        assert [channel for channel, _ in other.told()] == ["user.orders.any.any.raw"]

    def test_rules_can_refuse_channels(self, live: Client, venue: Deribit) -> None:
        venue.rules.silently_refused = frozenset({"user.lock"})
        assert live.subscribe("user.lock", "user.liquidation") == ["user.liquidation"]

    def test_subscribing_twice_gives_no_second_stream(self, listener: Client, account: DeribitAccount) -> None:
        assert sorted(listener.subscribe(*EVERYTHING)) == sorted(EVERYTHING)
        assert listener.told() == []
        account.place("BTC-PERPETUAL", "BUY", "10", "20000")
        assert len(of(listener.told(), "orders")) == 1

    def test_unsubscribing(self, listener: Client, account: DeribitAccount) -> None:
        gone = listener.result("private/unsubscribe", channels=["user.orders.any.any.raw", "user.lock"])
        assert gone == ["user.orders.any.any.raw"]
        assert listener.result("private/unsubscribe_all") == "ok"
        account.place("BTC-PERPETUAL", "BUY", "10", "20000")
        assert listener.told() == []

    def test_a_label_comes_back(self, live: Client, account: DeribitAccount) -> None:
        live.subscribe("user.lock", label="jexkit")
        account.set_lock("BTC")
        assert live.messages()[0]["params"] == {
            "channel": "user.lock",
            "data": {"locked": True, "currency": "BTC"},
            "label": "jexkit",
        }
        assert live.error("private/subscribe", channels=["user.lock"], label="x" * 17)["code"] == -32602

    def test_a_first_portfolio_is_a_switch(self, live: Client, venue: Deribit) -> None:
        live.subscribe("user.portfolio.btc")
        ((channel, row),) = live.told()
        assert (channel, row["currency"], row["balance"]) == ("user.portfolio.btc", "BTC", 100)
        venue.rules.portfolio_at_once = False
        live.subscribe("user.portfolio.eth")
        assert live.told() == []


class TestOrders:
    def test_the_life_of_an_order(self, listener: Client, account: DeribitAccount) -> None:
        order = account.place("BTC-PERPETUAL", "BUY", "100", "20000", client_order_id="mine")
        account.fill(order, "40")
        account.amend(order, price="19000")
        account.cancel(order)
        rows = of(listener.told(), "orders")
        assert [(row["order_state"], row["filled_amount"], row["price"], row["replaced"]) for row in rows] == [
            ("open", 0, 20000, False),
            ("open", 40, 20000, False),
            ("open", 40, 19000, True),
            ("cancelled", 40, 19000, True),
        ]
        assert rows[3]["cancel_reason"] == "user_request"
        assert {row["label"] for row in rows} == {"mine"}
        times = [row["last_update_timestamp"] for row in rows]
        assert times == sorted(times)

    def test_a_trigger_order(self, listener: Client, account: DeribitAccount) -> None:
        stop = account.place_trigger("ETH_USDC-PERPETUAL", "SELL", "0.5", "1400")
        real = account.trigger(stop)
        account.fill(real, price="1399.5")
        rows = of(listener.told(), "orders")
        assert rows[0]["order_id"].startswith("USDC-SLMS-")
        assert (rows[0]["order_state"], rows[0]["price"], rows[0]["trigger_price"]) == (
            "untriggered",
            "market_price",
            1400,
        )
        assert "filled_amount" not in rows[0]
        assert "average_price" not in rows[0]
        assert [row["order_state"] for row in rows] == ["untriggered", "triggered", "open", "filled"]
        assert rows[2]["trigger_order_id"] == rows[0]["order_id"]

    def test_labels_are_not_unique(self, account: DeribitAccount) -> None:
        for _ in range(2):
            account.place("BTC-PERPETUAL", "BUY", "10", "20000", client_order_id="same")
        assert [order["client_order_id"] for order in account.open_orders()] == ["same", "same"]

    def test_ids_name_their_currency(self, account: DeribitAccount) -> None:
        symbols = ("BTC-PERPETUAL", "ETH-PERPETUAL", "BTC_USDC-PERPETUAL", "BTC_USDC")
        heads = [account.place(symbol, "BUY", "10", "1000").order_id.rpartition("-")[0] for symbol in symbols]
        assert heads == ["", "ETH", "USDC", "BTC_USDC"]

    @pytest.mark.parametrize(
        ("channel", "symbols"),
        [
            ("user.orders.BTC-PERPETUAL.raw", ["BTC-PERPETUAL"]),
            ("user.orders.future.BTC.raw", ["BTC-PERPETUAL"]),
            ("user.orders.any.USDC.raw", ["BTC_USDC-PERPETUAL", "BTC_USDC"]),
            ("user.orders.spot.any.raw", ["BTC_USDC"]),
            ("user.orders.option.BTC.raw", ["BTC-27DEC30-40000-C"]),
        ],
    )
    def test_channels_choose(self, live: Client, account: DeribitAccount, channel: str, symbols: list[str]) -> None:
        live.subscribe(channel)
        for symbol in ("BTC-PERPETUAL", "ETH-PERPETUAL", "BTC_USDC-PERPETUAL", "BTC_USDC", "BTC-27DEC30-40000-C"):
            account.place(symbol, "BUY", "1", "1")
        assert [row["instrument_name"] for row in of(live.told(), "orders")] == symbols

    def test_the_batched_channel_sends_arrays(
        self, sim: Simulator, live: Client, account: DeribitAccount, venue: Deribit
    ) -> None:
        venue.rules.batch_every, venue.rules.aggregate_every = 1000, 2000
        venue.rules.idle_limit = venue.rules.inactivity_limit = None
        live.subscribe("user.orders.any.any.100ms", "user.trades.any.any.agg2")
        first = account.place("BTC-PERPETUAL", "BUY", "100", "20000")
        account.fill(first, "40")
        second = account.place("BTC-PERPETUAL", "BUY", "100", "20000")
        account.fill(second, "60")
        assert live.told() == []
        sim.advance(1001)
        ((channel, rows),) = live.told()
        assert channel == "user.orders.any.any.100ms"
        assert [row["filled_amount"] for row in rows] == [40, 60]
        sim.advance(1000)
        ((channel, rows),) = live.told()
        assert channel == "user.trades.any.any.agg2"
        assert [row["amount"] for row in rows] == [40, 60]


class TestTrades:
    def test_fills_of_one_turn_come_together(self, listener: Client, account: DeribitAccount) -> None:
        order = account.place("BTC-PERPETUAL", "SELL", "100", "20000", client_order_id="x")
        listener.told()
        account.match(order, [("40", None), ("60", "20001")])
        told = listener.told()
        ((first, second),) = of(told, "trades")
        assert (first["amount"], first["price"], first["state"], first["liquidity"]) == (40, 20000, "open", "T")
        assert (second["amount"], second["price"], second["state"], second["label"]) == (60, 20001, "filled", "x")
        assert second["trade_seq"] == first["trade_seq"] + 1
        assert first["timestamp"] == second["timestamp"]
        assert (first["fee_currency"], first["fee"], first["direction"]) == ("BTC", 0.000001, "sell")

    def test_a_maker_gets_a_rebate(self, listener: Client, account: DeribitAccount) -> None:
        account.fill(account.place("BTC-PERPETUAL", "SELL", "10", "20000"), maker=True)
        assert of(listener.told(), "trades")[0][0]["fee"] == -5e-8

    def test_small_numbers_are_printed_with_an_exponent(
        self, listener: Client, account: DeribitAccount, venue: Deribit
    ) -> None:
        texts: list[str] = []

        def keep(_connection: Connection, frame: Frame) -> list[tuple[float, Frame]]:
            texts.append(frame.text)
            return [(0.0, frame)]

        venue.on_frame = keep
        account.fill(account.place("BTC-PERPETUAL", "SELL", "10", "20000"), maker=True)
        trade = next(text for text in texts if "user.trades" in text)
        assert '"fee":-5e-8' in trade
        assert '"amount":10.0' in trade

    def test_changes_carry_all_three(self, listener: Client, account: DeribitAccount) -> None:
        order = account.place("BTC-PERPETUAL", "SELL", "100", "20000")
        listener.told()
        account.fill(order, "60", maker=False)
        (change,) = of(listener.told(), "changes")
        assert set(change) == {"instrument_name", "trades", "positions", "orders"}
        assert [row["amount"] for row in change["trades"]] == [60]
        assert [row["filled_amount"] for row in change["orders"]] == [60]
        (position,) = change["positions"]
        assert (position["direction"], position["size"], position["average_price"]) == ("sell", -60, 20000)
        assert (position["kind"], position["leverage"]) == ("future", 50)

    def test_a_combo(self, live: Client, account: DeribitAccount) -> None:
        live.subscribe("user.combo_trades.any.any.raw", "user.trades.any.any.raw")
        account.trade_combo("BTC-FS-27DEC30_PERP", "BUY", "10", ["21480", "20236.5"])
        told = live.told()
        ((parent,),) = of(told, "combo_trades")
        assert (parent["price"], parent["fee"], parent["instrument_name"]) == (1243.5, 0, "BTC-FS-27DEC30_PERP")
        legs = of(told, "trades")[0]
        assert [(leg["instrument_name"], leg["direction"]) for leg in legs] == [
            ("BTC-27DEC30", "buy"),
            ("BTC-PERPETUAL", "sell"),
        ]
        assert [leg["trade_id"] for leg in parent["legs"]] == [leg["trade_id"] for leg in legs]
        assert {leg["combo_trade_id"] for leg in parent["legs"]} == {parent["trade_id"]}


class TestPortfolio:
    def test_it_follows_every_change(self, listener: Client, account: DeribitAccount) -> None:
        order = account.place("BTC-PERPETUAL", "BUY", "10000", "20000")
        account.fill(order, maker=False)
        account.deposit("USDC", "5")
        rows = of(listener.told(), "portfolio")
        assert [row["currency"] for row in rows] == ["BTC", "BTC", "USDC"]
        placed, filled, paid = rows
        assert (placed["balance"], placed["initial_margin"], placed["available_funds"]) == (100, 0.01, 99.99)
        assert filled["balance"] == 99.99975  # the fee
        assert filled["session_upl"] > 0  # the mark price is above
        assert paid["balance"] == 1_000_005

    def test_a_mark_price_moves_it(self, listener: Client, account: DeribitAccount, venue: Deribit) -> None:
        account.fill(account.place("BTC-PERPETUAL", "BUY", "10000", "20000"))
        listener.told()
        venue.set_mark("BTC-PERPETUAL", "25000")
        ((channel, row),) = listener.told()
        assert (channel, row["session_upl"]) == ("user.portfolio.any", 0.1)

    def test_cross_margin_repeats_the_whole_account(self, live: Client, venue: Deribit) -> None:
        venue.rules.margin_model = "cross_sm"
        live.subscribe("user.portfolio.any")
        rows = of(live.told(), "portfolio")
        assert len({row["total_equity_usd"] for row in rows}) == 1
        usdt = next(row for row in rows if row["currency"] == "USDT")
        assert usdt["balance"] == 50_000
        assert usdt["available_funds"] == usdt["total_equity_usd"] > 4_000_000
        assert usdt["available_withdrawal_funds"] == 50_000


class TestNotices:
    def test_the_small_channels(self, live: Client, account: DeribitAccount, venue: Deribit) -> None:
        names = ["user.lock", "user.liquidation", "user.access_log", "user.mmp_trigger.eth_usdc", "platform_state"]
        assert sorted(live.subscribe(*names)) == sorted(names)
        account.set_lock("ALL")
        account.report_liquidation()
        account.deleverage("BTC-PERPETUAL", "SELL", "100", "86700.5")
        account.log_access("failure")
        account.trigger_mmp("eth_usdc", group="bot")
        account.trigger_mmp("btc_usd")
        venue.lock_platform()
        venue.announce_maintenance()
        told = live.told()
        assert [channel for channel, _ in told] == [
            "user.lock",
            "user.liquidation",
            "user.liquidation",
            "user.access_log",
            "user.mmp_trigger.eth_usdc",
            "platform_state",
            "platform_state",
        ]
        assert told[1][1]["state"] == "liquidation_started"
        assert told[2][1]["amount"] == 100
        assert told[3][1]["log"] == "failure"
        assert told[6][1] == {"maintenance": True}
        assert {row["locked"] for row in live.result("private/get_user_locks")} == {True}
        assert live.result("private/get_access_log")["data"][0]["result"] == "failure"
        notices = [record["name"] for record in account.told if record["kind"] == "notice"]
        assert notices[0] == "user.lock"
        assert len(notices) == 6


class TestTruth:
    def test_the_log_says_what_the_channels_said(self, listener: Client, account: DeribitAccount) -> None:
        order = account.place("BTC-PERPETUAL", "BUY", "100", "20000")
        account.match(order, [("40", None), ("20", None)])
        account.cancel(order)
        told = listener.told()
        records = {kind: [one for one in account.told if one["kind"] == kind] for kind in ("order", "fill", "balance")}
        assert [(one["order_id"], one["status"], float(one["filled"])) for one in records["order"]] == [
            (row["order_id"], row["order_state"], row["filled_amount"]) for row in of(told, "orders")
        ]
        trades = [row for rows in of(told, "trades") for row in rows]
        assert [(one["trade_id"], float(one["fee"])) for one in records["fill"]] == [
            (row["trade_id"], row["fee"]) for row in trades
        ]
        assert [(one["asset"], float(one["total"]), float(one["free"])) for one in records["balance"]] == [
            (row["currency"], row["balance"], row["available_funds"]) for row in of(told, "portfolio")
        ]
        positions = [row for data in of(told, "changes") for row in data["positions"]]
        assert [float(one["quantity"]) for one in account.told if one["kind"] == "position"] == [
            row["size"] for row in positions
        ]
        assert {one["listeners"] for one in account.told} == {1}

    def test_another_account_hears_nothing(self, listener: Client, venue: Deribit) -> None:
        venue.account("b").place("BTC-PERPETUAL", "BUY", "10", "20000")
        assert listener.told() == []

    def test_the_same_seed_gives_the_same_life(self) -> None:
        lives = []
        for _ in range(2):
            with Simulator(seed=3) as sim:
                account = sim.deribit.account("a")
                sim.start_market(rate=0.001, accounts="a").step(400, [account])
                lives.append([{**record, "time": 0} for record in account.told])
        assert lives[0] == lives[1]
        states = {record["status"] for record in lives[0] if record["kind"] == "order"}
        assert states == {"open", "filled", "cancelled", "untriggered", "triggered", "rejected"}
        assert {record["family"] for record in lives[0] if record["kind"] == "order"} == {"regular", "conditional"}


def test_two_connections_of_one_account_both_hear(connect: Connect, account: DeribitAccount) -> None:
    clients = [connect(), connect()]
    for client in clients:
        client.log_in(account)
        client.subscribe("user.orders.any.any.raw")
    account.place("BTC-PERPETUAL", "BUY", "10", "20000")
    assert [len(client.told()) for client in clients] == [1, 1]
