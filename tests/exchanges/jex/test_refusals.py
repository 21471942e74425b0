"""Every refusal of JEX becomes the leaf of the error tree that says what to do about it."""

from __future__ import annotations

from typing import Any

import pytest

from jexkit.core import exact
from jexkit.core.values import HttpReply
from jexkit.errors import (
    AuthenticationError,
    BadRequest,
    Banned,
    ClockSkew,
    ExchangeDown,
    JexkitError,
    ListenKeyUnknown,
    OrderUnknown,
    PermissionDenied,
    ProtocolError,
    RateLimited,
    UnknownOutcome,
)
from jexkit.exchanges.jex.refusals import BAN_WAIT, FIREWALL_WAIT, refusal
from tests.wire import corpus

NOW_MS = 1_700_000_060_000  # twenty seconds past a minute
KEY = "pqia91ma19a5s61cv6a81va65sdf19v8a65a1a5s61cv6a81va65sdf19v8a65a1"
HTML = HttpReply(
    403, {"content-type": "text/html"}, b"<html><body>Request blocked. " + KEY.encode() + b"</body></html>"
)


def refused(status: int, body: Any = None, **headers: str) -> JexkitError:
    """The error for a JSON body, or for a page in HTML."""
    content = b"<html>no</html>" if body is None else exact.encode(body).encode()
    reply = HttpReply(status, {name.replace("_", "-"): value for name, value in headers.items()}, content)
    return refusal("GET /api/v1/x", reply, body, NOW_MS, ["my-api-key"])


def by_code(code: int, status: int = 400, msg: str = "no", **headers: str) -> JexkitError:
    return refused(status, {"code": code, "msg": msg}, **headers)


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        (-1, 400, UnknownOutcome),
        (-5, 400, PermissionDenied),
        (-6, 400, BadRequest),
        (-1000, 400, UnknownOutcome),
        (-1001, 400, ExchangeDown),
        (-1002, 401, AuthenticationError),
        (-1003, 429, RateLimited),
        (-1006, 400, UnknownOutcome),
        (-1007, 408, UnknownOutcome),
        (-1015, 400, RateLimited),
        (-1016, 503, ExchangeDown),
        (-1020, 400, BadRequest),
        (-1021, 400, ClockSkew),
        (-1022, 400, AuthenticationError),
        (-1102, 400, BadRequest),
        (-1121, 400, BadRequest),
        (-1125, 400, ListenKeyUnknown),
        (-1125, 200, ListenKeyUnknown),  # a negative code is an error whatever the status
        (-2011, 400, BadRequest),
        (-2012, 400, OrderUnknown),
        (-2013, 400, OrderUnknown),
        (-2014, 401, AuthenticationError),
        (-2015, 403, AuthenticationError),  # which status goes with which code is not documented
        (-6000, 400, PermissionDenied),
        (-7004, 400, BadRequest),
        (-7004, 500, UnknownOutcome),
    ],
)
def test_codes(code: int, status: int, kind: type[JexkitError]) -> None:
    error = by_code(code, status)
    assert type(error) is kind
    assert getattr(error, "code", code) == code
    assert getattr(error, "status", status) == status


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (200, ProtocolError),
        (302, ProtocolError),
        (400, BadRequest),
        (401, AuthenticationError),
        (403, RateLimited),
        (404, BadRequest),
        (408, UnknownOutcome),
        (410, BadRequest),
        (418, Banned),
        (429, RateLimited),
        (500, UnknownOutcome),
        (502, UnknownOutcome),
        (503, UnknownOutcome),
        (504, UnknownOutcome),
    ],
)
def test_pages_in_html_go_by_their_status(status: int, kind: type[JexkitError]) -> None:
    error = refused(status)
    assert type(error) is kind
    assert "no JSON" in str(error)


@pytest.mark.parametrize("recorded", [m for m in corpus.recorded("jex") if m.event == "REST error"], ids=str)
def test_every_recorded_error_is_one(recorded: corpus.Recorded) -> None:
    error = refused(400, recorded.payload)
    assert not isinstance(error, ProtocolError)
    assert recorded.payload["msg"][:40] in str(error)


# --- how long to wait -------------------------------------------------------------------------------------------------


def test_a_limit_says_how_long_to_wait() -> None:
    error = refused(429, {"code": -1003, "msg": "no"}, retry_after="7")
    assert isinstance(error, RateLimited)
    assert error.retry_after == 7


def test_a_limit_that_does_not_say_ends_with_the_minute() -> None:
    error = by_code(-1003, 429)
    assert isinstance(error, RateLimited)
    assert error.retry_after == 41  # forty seconds and one
    assert by_code(-1015).retryable


def test_a_firewall_wants_a_long_pause() -> None:
    error = refused(403)
    assert isinstance(error, RateLimited)
    assert not isinstance(error, Banned)
    assert error.retry_after == FIREWALL_WAIT


@pytest.mark.parametrize("status", [403, 429])
def test_a_wait_that_is_told_is_the_wait(status: int) -> None:
    """Seconds or a date: the firewall's own word goes before our guess, be it shorter."""
    date = {"retry_after": "Wed, 21 Oct 2015 07:28:00 GMT", "date": "Wed, 21 Oct 2015 07:27:30 GMT"}
    for header, seconds in (({"retry_after": "12"}, 12.0), (date, 30.0)):
        error = refused(status, **header)
        assert isinstance(error, RateLimited)
        assert error.retry_after == seconds


def test_a_ban_ends_when_its_text_says() -> None:
    body = {
        "code": -1003,
        "msg": f"Way too many requests; IP banned until {NOW_MS + 600_000}. Please use the websocket.",
    }
    for status in (418, 429, 400):
        error = refused(status, body)
        assert isinstance(error, Banned)
        assert (error.until_ms, error.retry_after) == (NOW_MS + 600_000, 600)


def test_a_ban_ends_after_the_header_or_two_minutes() -> None:
    told = refused(418, {"code": -1003, "msg": "no"}, retry_after="300")
    assert isinstance(told, Banned)
    assert (told.until_ms, told.retry_after) == (NOW_MS + 300_000, 300)
    untold = refused(418)
    assert isinstance(untold, Banned)
    assert (untold.until_ms, untold.retry_after) == (None, BAN_WAIT)
    past = refused(418, {"code": -1003, "msg": "IP banned until 1618228675371."})
    assert isinstance(past, Banned)
    assert past.retry_after == BAN_WAIT  # one of the clocks is wrong


# --- what it says -----------------------------------------------------------------------------------------------------


def test_the_message_says_what_happened_and_what_to_do() -> None:
    assert str(by_code(-1125, msg="This listenKey does not exist.")) == (
        'JEX: GET /api/v1/x: "This listenKey does not exist." (code -1125, HTTP 400); create a new listen key'
    )


def test_no_message_has_a_key_in_it() -> None:
    error = by_code(-1125, msg=f"This listenKey {KEY} does not exist; my-api-key")
    assert KEY not in str(error)
    assert "my-api-key" not in str(error)
    page = refusal("GET /api/v1/x", HTML, None, NOW_MS, [])
    assert KEY not in str(page)
    assert KEY not in repr(page)


@pytest.mark.parametrize("body", [[], "text", 5, {"code": "x"}, {"msg": 7}, {"code": -1003}, {"code": [], "msg": {}}])
def test_odd_bodies_are_errors_like_others(body: Any) -> None:
    assert isinstance(refused(400, body), (BadRequest, RateLimited))
