"""Deribit's refusals: code, message and data of JSON-RPC errors (https://docs.deribit.com, Errors)."""

from __future__ import annotations

from typing import Any

from jexkit.sim.settlement import Refusal

MESSAGES = {
    10001: "error",
    10004: "order_not_found",
    10009: "not_enough_funds",
    10010: "already_closed",
    10020: "invalid_or_unsupported_instrument",
    10021: "invalid_amount",
    10023: "invalid_price",
    10028: "too_many_requests",
    10030: "must_be_websocket_request",
    10040: "retry",
    10041: "settlement_in_progress",
    10047: "matching_engine_queue_full",
    10049: "cancel_on_disconnect_failed",
    10066: "too_many_concurrent_requests",
    11029: "invalid_arguments",
    11044: "not_open_order",
    11050: "bad_request",
    11051: "system_maintenance",
    11094: "internal_server_error",
    11098: "account_locked",
    12003: "login_over_limit",
    12998: "security_key_authorization_over_limit",
    13004: "invalid_credentials",
    13009: "unauthorized",
    13020: "not_found",
    13021: "forbidden",
    13028: "temporarily_unavailable",
    13032: "non_unique_order_label",
    13042: "cod_not_enabled",
    13778: "raw_subscriptions_not_available_for_unauthorized",
    13888: "timed_out",
    -32600: "request entity too large",
    -32601: "Method not found",
    -32602: "Invalid params",
}


class RpcError(Exception):
    """Answers a request with `error` instead of `result`."""

    def __init__(self, code: int, data: Any = None, message: str | None = None) -> None:
        self.code = code
        self.message = MESSAGES.get(code, "error") if message is None else message
        self.data = data
        super().__init__(f"{code} {self.message}")

    def as_json(self) -> dict[str, Any]:
        """The member `error`."""
        said: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.data is not None:
            said["data"] = self.data
        return said


def invalid(param: str, reason: str = "invalid format") -> RpcError:
    """A parameter that cannot be used."""
    return RpcError(-32602, {"reason": reason, "param": param})


def unauthorized(reason: str = "invalid_token") -> RpcError:
    """No token, or one that is not valid here."""
    return RpcError(13009, {"reason": reason})


def expired() -> RpcError:
    """A token whose time is over."""
    return RpcError(13009, {"reason": "token has expired", "param": "access_token"})


# What the ledger refuses, in Deribit's codes
LEDGER_REFUSALS = {
    "insufficient_balance": 10009,
    "unknown_order": 10004,
    "order_closed": 10010,
    "bad_quantity": 10021,
    "bad_price": 10023,
    "bad_side": 11029,
}


def from_ledger(error: ValueError) -> RpcError:
    """Say a refusal of the ledger in Deribit's words; any other ValueError is a bad argument."""
    if isinstance(error, Refusal) and error.reason in LEDGER_REFUSALS:
        return RpcError(LEDGER_REFUSALS[error.reason])
    return RpcError(11029, {"reason": str(error)})
