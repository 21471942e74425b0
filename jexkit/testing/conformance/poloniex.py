"""Poloniex for the suite."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from jexkit.accounts import Poloniex
from jexkit.testing.conformance.subject import Healthy, Subject
from jexkit.testing.conversation import Table, json_reply

FIRST_ID = 32471407854219264


class HealthyPoloniex(Healthy):
    """Answers pings, the login and subscriptions, one answer for each channel."""

    def table(self) -> Table:
        return {
            ("GET", "/timestamp"): self.time,
            ("GET", "/orders"): [],
            ("GET", "/orders/history"): [],
            ("GET", "/orders/*"): json_reply({"code": 21301, "message": "Order not exists"}, 400),
            ("GET", "/trades"): [],
            ("GET", "/accounts/balances"): [],
        }

    def hears(self, frame: Any) -> Iterable[Any]:
        event, channels = frame["event"], frame.get("channel", [])
        if event == "ping":
            return [{"event": "pong"}]
        if channels == ["auth"]:
            verdict = {"message": "Authentication failed!"} if self.is_denied else {}
            data = {"success": not self.is_denied, **verdict, "ts": self.clock.now().wall_ms}
            return [{"data": data, "channel": "auth"}]
        if event == "list_subscriptions":
            return [{"subscriptions": ["orders", "balances"]}]
        return [{"channel": channel, "event": event} for channel in channels]

    def deny(self) -> None:
        self.is_denied = True


def account(**settings: Any) -> Poloniex:
    return Poloniex(**{"api_key": "KEY-0123-4567", "secret_key": "SecretThatNobodyMaySee" + "0" * 106, **settings})


def order(number: int) -> dict[str, Any]:
    """A new limit order."""
    time_ms = 1_648_708_186_922 + number
    row = {
        "symbol": "BTC_USDC", "type": "LIMIT", "quantity": "1", "orderId": str(FIRST_ID + number), "tradeFee": "0",
        "clientOrderId": "", "accountType": "SPOT", "feeCurrency": "", "eventType": "place", "source": "API",
        "side": "BUY", "filledQuantity": "0", "filledAmount": "0", "matchRole": "MAKER", "state": "NEW",
        "tradeTime": 0, "tradeAmount": "0", "orderAmount": "0", "createTime": time_ms, "price": "47112.1",
        "tradeQty": "0", "tradePrice": "0", "tradeId": "0", "ts": time_ms + 500,
    }  # fmt: skip
    return {"channel": "orders", "data": [row]}


def trade(account: Any) -> None:
    """Orders, fills and money on the spot market."""
    first = account.place("BTC_USDT", "BUY", "0.01", price="47000")
    account.fill(first, "0.004")
    account.fill(first)
    account.cancel(account.place("ETH_USDT", "SELL", "0.5", price="3400"))
    account.fill(account.place("LINK_USDT", "SELL", "2", price="11.02"), "0.7")
    account.deposit("USDT", "12.5")


POLONIEX = Subject(
    exchange="poloniex",
    account=account,
    healthy=HealthyPoloniex,
    order=order,
    order_id=lambda number: str(FIRST_ID + number),
    commands={
        "subscribe": {"channels": ("orders",), "symbols": ("BTC_USDT",)},
        "unsubscribe": {"channels": ("balances",), "symbols": ()},
        "list_subscriptions": {},
    },
    round_trip={"list_subscriptions": {}},
    # A ping every ten seconds; twice as many where answers take no time, because ping and probe then fall together.
    chores={"pings_sent": (8600, 17300), "pongs": (8600, 17300), "logins": (1, 1)},
    secrets=(),
    trade=trade,
    wrong={"secret_key": "x" * 128},
)
