"""Deribit for the suite."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from jexkit.accounts import Deribit
from jexkit.testing.conformance.subject import Healthy, Subject
from jexkit.testing.conversation import Table, json_reply

ACCESS_TOKEN = "AccessTokenThatNobodyMaySee.0123456789"  # noqa: S105 - made up
REFRESH_TOKEN = "RefreshTokenThatNobodyMaySee.0123456789"  # noqa: S105 - made up
FIRST_ID = 46094375191


class HealthyDeribit(Healthy):
    """Answers every request."""

    def table(self) -> Table:
        return {
            ("GET", "/api/v2/public/get_time"): lambda _: json_reply(self._answer(self.clock.now().wall_ms)),
            ("GET", "/api/v2/private/get_open_orders"): self._answer([]),
            ("GET", "/api/v2/private/get_order_state"): json_reply(
                {"jsonrpc": "2.0", "error": {"code": 10004, "message": "order_not_found"}}, 400
            ),
            ("GET", "/api/v2/private/get_positions"): self._answer([]),
            ("GET", "/api/v2/private/get_account_summaries"): self._answer({"summaries": []}),
            ("GET", "/api/v2/private/get_order_history_by_currency"): self._answer([]),
            ("GET", "/api/v2/private/get_user_trades_by_currency_and_time"): self._answer(
                {"trades": [], "has_more": False}
            ),
        }

    @staticmethod
    def _answer(result: Any) -> dict[str, Any]:
        return {"jsonrpc": "2.0", "result": result, "usOut": 1_700_000_000_000_000}

    def hears(self, frame: Any) -> Iterable[Any]:
        answer = {"jsonrpc": "2.0", "id": frame["id"], "usOut": self.clock.now().wall_ms * 1000}
        if self.is_denied and frame["method"] == "public/auth":
            return [{**answer, "error": {"code": 13004, "message": "invalid_credentials"}}]
        return [{**answer, "result": self._result(frame["method"], frame["params"])}]

    def deny(self) -> None:
        self.is_denied = True

    @staticmethod
    def _result(method: str, params: Any) -> Any:
        if method == "public/auth":
            scope = "connection mainaccount"
            tokens = {"access_token": ACCESS_TOKEN, "refresh_token": REFRESH_TOKEN}
            return {**tokens, "expires_in": 900, "scope": scope, "token_type": "bearer"}
        if method == "private/subscribe":
            return params["channels"]
        if method == "private/get_cancel_on_disconnect":
            return {"scope": params["scope"], "enabled": False}
        return {"version": "1.2.26"} if method in ("public/hello", "public/test") else "ok"


def account(**settings: Any) -> Deribit:
    return Deribit(**{"client_id": "clientid", "client_secret": "ClientSecretThatNobodyMaySee0123456789", **settings})


def order(number: int) -> dict[str, Any]:
    """A new limit order."""
    time_ms = 1_655_401_625_037 + number
    data = {
        "web": False, "time_in_force": "good_til_cancelled", "replaced": False, "reduce_only": False,
        "price": 50000, "post_only": False, "order_type": "limit", "order_state": "open", "max_show": 10,
        "order_id": str(FIRST_ID + number), "last_update_timestamp": time_ms, "label": "", "amount": 10,
        "instrument_name": "BTC-PERPETUAL", "filled_amount": 0, "direction": "sell", "average_price": 0,
        "creation_timestamp": time_ms, "is_liquidation": False, "api": True,
    }  # fmt: skip
    params = {"channel": "user.orders.any.any.raw", "data": data}
    return {"jsonrpc": "2.0", "method": "subscription", "params": params}


def trade(account: Any) -> None:
    """Orders and fills of futures and options."""
    first = account.place("BTC-PERPETUAL", "BUY", "100", price="20000")
    account.fill(first, "40")
    account.fill(first)
    account.cancel(account.place("ETH-PERPETUAL", "SELL", "5", price="1600"))
    account.fill(account.place("BTC-27DEC30-40000-C", "BUY", "0.3", price="0.0525"), "0.1")
    account.fill(account.place("BTC_USDC-PERPETUAL", "SELL", "0.01", price="20240"))
    account.deposit("BTC", "0.5")


DERIBIT = Subject(
    exchange="deribit",
    account=account,
    healthy=HealthyDeribit,
    order=order,
    order_id=lambda number: str(FIRST_ID + number),
    commands={
        "set_heartbeat": {"interval": 15},
        "disable_heartbeat": {},
        "enable_cancel_on_disconnect": {"scope": "connection"},
        "disable_cancel_on_disconnect": {"scope": "account"},
        "get_cancel_on_disconnect": {"scope": "connection"},
    },
    round_trip={"get_cancel_on_disconnect": {}},
    chores={"token_renewals": (110, 130), "pings_sent": (2000, 4400), "logins": (1, 1)},
    secrets=(ACCESS_TOKEN, REFRESH_TOKEN),
    trade=trade,
    wrong={"client_secret": "x" * 43},
    garbage=('{"jsonrpc": "2.0"}', '{"method": "no such thing"}'),
)
