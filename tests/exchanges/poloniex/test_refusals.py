"""Each error of Poloniex is the leaf of our tree that tells the program what to do."""

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
    UnknownOutcome,
)
from jexkit.exchanges.poloniex.rest import error_of


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (21100, AuthenticationError),
        (21600, AuthenticationError),
        (21605, AuthenticationError),
        (21704, AuthenticationError),
        (21351, PermissionDenied),
        (21601, PermissionDenied),
        (429, RateLimited),
        (21340, ExchangeDown),
        (24201, ExchangeDown),
        (21301, OrderUnknown),
        (408, ClockSkew),
        (500, UnknownOutcome),
        (603, UnknownOutcome),
        (415, UnknownOutcome),
        (601, BadRequest),
        (602, BadRequest),
        (21355, BadRequest),
        (21709, BadRequest),
        (None, BadRequest),
    ],
)
def test_the_kind_of_a_code(code: int | None, kind: type[Exception]) -> None:
    error = error_of({"code": code, "message": "what it says"}, "GET /orders")
    assert type(error) is kind
    assert "GET /orders: what it says" in str(error)
    assert (f"({code})" in str(error)) == (code is not None)
    assert getattr(error, "code", code) == code


@pytest.mark.parametrize("message", ["Invalid signTimestamp", "timestamp expired"])
def test_a_refused_time_is_the_clock(message: str) -> None:
    assert type(error_of({"code": 400, "message": message}, "GET /orders", status=401)) is ClockSkew


def test_the_code_goes_before_the_status() -> None:
    assert type(error_of({"code": 21301, "message": "Order not exists"}, "GET /orders/1", status=500)) is OrderUnknown


@pytest.mark.parametrize("answer", [{}, {"code": []}, {"message": {}}, {"code": "odd", "message": None}])
def test_anything_is_an_error(answer: dict[str, Any]) -> None:
    assert "no reason given" in str(error_of(answer, "GET /orders"))
