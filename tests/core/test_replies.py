"""Answers that are not the exchange's, and its words made fit for a message."""

from __future__ import annotations

import pytest

from jexkit.core import replies
from jexkit.core.values import HttpReply
from jexkit.errors import (
    AuthenticationError,
    BadRequest,
    JexkitError,
    ProtocolError,
    RateLimited,
    UnknownOutcome,
)

NOW_MS = 1_700_000_000_000  # Tue, 14 Nov 2023 22:13:20 GMT


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (200, ProtocolError),
        (204, ProtocolError),
        (301, ProtocolError),
        (400, BadRequest),
        (401, AuthenticationError),
        (403, RateLimited),
        (404, BadRequest),
        (408, UnknownOutcome),
        (429, RateLimited),
        (500, UnknownOutcome),
        (502, UnknownOutcome),
        (599, UnknownOutcome),
    ],
)
def test_the_status_alone_tells(status: int, kind: type[JexkitError]) -> None:
    error = replies.not_the_exchange("Deribit", "public/test", HttpReply(status, body=b"<p>a page</p>"), NOW_MS)
    assert type(error) is kind
    assert str(status) in str(error)
    assert "Deribit: public/test" in str(error)
    assert "a page" not in str(error)


@pytest.mark.parametrize(
    ("header", "wait"),
    [("0", 0.0), ("7", 7.0), ("1.5", 1.5), ("-1", None), ("1e99", None), ("soon", None), ("", None)],
)
def test_the_wait_in_the_header(header: str, wait: float | None) -> None:
    assert replies.retry_after(HttpReply(429, {"retry-after": header}), NOW_MS) == wait


@pytest.mark.parametrize(
    "date", ["Wed, 21 Oct 2015 07:28:00 GMT", "Wednesday, 21-Oct-15 07:28:00 GMT", "Wed Oct 21 07:28:00 2015"]
)
def test_a_date_counts_from_the_date_of_the_answer(date: str) -> None:
    """In each of HTTP's three spellings, and whatever our own clock says."""
    reply = HttpReply(429, {"retry-after": date, "date": "Wed, 21 Oct 2015 07:27:18 GMT"})
    assert replies.retry_after(reply, NOW_MS) == 42.0


def test_a_date_counts_from_our_clock_where_the_answer_has_none() -> None:
    reply = HttpReply(503, {"retry-after": "Tue, 14 Nov 2023 22:15:20 GMT"})
    assert replies.retry_after(reply, NOW_MS) == 120.0


@pytest.mark.parametrize(
    "date", ["Tue, 14 Nov 2023 22:13:19 GMT", "Tue, 14 Nov 2033 22:13:20 GMT", "Tue, 99 Nov 2023 22:13:20 GMT"]
)
def test_a_date_that_makes_no_sense_is_no_wait(date: str) -> None:
    """One that is over, ten years off, or in no calendar."""
    assert replies.retry_after(HttpReply(429, {"retry-after": date}), NOW_MS) is None


def test_no_header_is_no_wait() -> None:
    assert replies.retry_after(HttpReply(429), NOW_MS) is None


@pytest.mark.parametrize("status", [403, 418, 429])
def test_the_header_goes_before_our_own_ideas(status: int) -> None:
    """A firewall or a ban that names its end is believed, be it shorter than what we would wait."""
    error = replies.not_the_exchange("X", "y", HttpReply(status, {"retry-after": "3"}), NOW_MS)
    assert isinstance(error, RateLimited)
    assert error.retry_after == 3.0


def test_a_wait_of_zero_is_believed_and_one_that_is_not_told_is_some_seconds() -> None:
    told = replies.not_the_exchange("X", "y", HttpReply(429, {"retry-after": "0"}), NOW_MS)
    untold = replies.not_the_exchange("X", "y", HttpReply(429), NOW_MS)
    assert isinstance(told, RateLimited)
    assert isinstance(untold, RateLimited)
    assert (told.retry_after, untold.retry_after) == (0.0, replies.WAIT_UNTOLD)


def test_what_was_said_is_one_short_line() -> None:
    assert replies.said(" a\nb\x00c ") == "a b c"
    assert len(replies.said("word " * 1000)) in (replies.LONGEST_QUOTE - 1, replies.LONGEST_QUOTE)


def test_what_is_no_text_was_not_said() -> None:
    assert replies.said(None) == replies.said({"a": 1}) == replies.said(5) == ""


def test_no_secret_is_repeated_not_even_in_part() -> None:
    assert replies.said("key abcdef and abc", ("abc", "abcdef", "")) == "key *** and ***"


def test_a_secret_does_not_survive_by_being_cut() -> None:
    secret = "s" * 30
    assert "sss" not in replies.said("word " * (replies.LONGEST_QUOTE // 5 - 2) + secret, (secret,))
