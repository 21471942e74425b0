"""Each error code of Deribit is the leaf of our tree that tells the program what to do."""

from __future__ import annotations

from typing import Any

import pytest

from jexkit.errors import (
    AuthenticationError,
    BadRequest,
    ClockSkew,
    ExchangeDown,
    OrderUnknown,
    PermissionDenied,
    RateLimited,
    WebSocketRequired,
)
from jexkit.exchanges.deribit.rest import error_of
from tests.wire import corpus


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (10000, AuthenticationError),
        (13004, AuthenticationError),
        (13009, AuthenticationError),
        (13778, AuthenticationError),
        (11042, PermissionDenied),
        (11098, PermissionDenied),
        (13021, PermissionDenied),
        (13403, PermissionDenied),
        (10028, RateLimited),
        (10066, RateLimited),
        (12003, RateLimited),
        (12998, RateLimited),
        (10040, ExchangeDown),
        (10041, ExchangeDown),
        (10047, ExchangeDown),
        (11051, ExchangeDown),
        (11094, ExchangeDown),
        (13028, ExchangeDown),
        (13888, ExchangeDown),
        (10001, ExchangeDown),
        (10004, OrderUnknown),
        (10030, WebSocketRequired),
        (-32602, BadRequest),
        (-32601, BadRequest),
        (-32600, BadRequest),
        (11050, BadRequest),
        (77777, BadRequest),
    ],
)
def test_the_kind_of_a_code(code: int, kind: type[Exception]) -> None:
    error = error_of({"code": code, "message": "its_name"}, "private/some_method")
    assert type(error) is kind
    assert error.code == code
    assert error.status is None
    for part in ("its_name", str(code), "private/some_method"):
        assert part in str(error)


@pytest.mark.parametrize("code", [10028, 10040, 10041, 10047, 10066, 11051, 11094, 13028, 13888])
def test_what_is_worth_another_try(code: int) -> None:
    assert error_of({"code": code, "message": "x"}, "m").retryable


@pytest.mark.parametrize("code", [13004, 13009, 13021, 10004, 10030, -32602])
def test_what_is_not(code: int) -> None:
    assert not error_of({"code": code, "message": "x"}, "m").retryable


def test_the_exchanges_details_are_told() -> None:
    error = error_of(corpus.the("deribit", "rpc_error.-32602.nonce")["error"], "public/auth")
    assert "Invalid params (-32602) nonce invalid format" in str(error)
    error = error_of(corpus.the("deribit", "rpc_error.11050.not_json")["error"], "the connection")
    assert "bad_request (11050) invalid json" in str(error)


def test_a_refused_timestamp_is_the_clock() -> None:
    data = {"param": "timestamp", "reason": "too old"}
    assert type(error_of({"code": -32602, "message": "Invalid params", "data": data}, "public/auth")) is ClockSkew


@pytest.mark.parametrize("status", [429, 500, 400, None])
def test_an_unknown_code_goes_by_the_status(status: int | None) -> None:
    kinds: dict[int | None, type[Exception]] = {429: RateLimited, 500: ExchangeDown}
    error = error_of({"code": 99999, "message": "x"}, "m", status=status)
    assert type(error) is kinds.get(status, BadRequest)
    assert error.status == status


@pytest.mark.parametrize("error", [None, [], {}, "x", {"code": "odd"}, {"code": [], "message": {}, "data": 5}])
def test_anything_is_an_error(error: Any) -> None:
    assert "no reason given" in str(error_of(error, "m"))


def test_an_unfit_wait_is_not_believed() -> None:
    for wait in (-1, "odd", 10**9, None):
        error = error_of({"code": 12998, "message": "x", "data": {"wait": wait}}, "m")
        assert isinstance(error, RateLimited)
        assert error.retry_after == 60.0
