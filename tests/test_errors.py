"""One tree of errors; every leaf carries its data and says whether trying again is of use."""

from __future__ import annotations

import inspect
import re

import pytest

from jexkit import errors
from jexkit.errors import (
    AuthenticationError,
    Banned,
    ClockSkew,
    ConfigurationError,
    ExchangeError,
    JexkitError,
    MissingExtra,
    RateLimited,
    StreamEnded,
    SubscriptionRefused,
    TransportError,
    UnknownOutcome,
    UsageError,
    WaitTimeout,
)

ALL = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if kind.__module__ == errors.__name__]


def test_everything_is_a_jexkit_error() -> None:
    assert all(issubclass(kind, JexkitError) for kind in ALL)


def test_the_tree_in_the_docstring_is_the_tree_in_the_code() -> None:
    """Each line of the picture: how deep it stands, the class, and in brackets the builtin it also is."""
    path: list[str] = []
    drawn: dict[str, tuple[str | None, str | None]] = {}
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"    ((?:│   |    )*)((?:├── |└── )?)(\w+)(?: \((\w+)\))?(?:  |$)", line)
        if not found:
            continue
        depth = len(found[1]) // 4 + (1 if found[2] else 0)
        path[depth:] = [found[3]]
        drawn[found[3]] = (path[depth - 1] if depth else None, found[4])
    written = {}
    for kind in ALL:
        parent, *builtins = (base.__name__ for base in kind.__bases__)
        written[kind.__name__] = (parent if kind is not JexkitError else None, builtins[0] if builtins else None)
    assert drawn == written


@pytest.mark.parametrize("kind", ALL)
def test_each_leaf_answers_whether_retrying_is_of_use(kind: type[JexkitError]) -> None:
    retryable = {
        "WaitTimeout",
        "JournalFull",
        "JournalTaken",
        "LockError",
        "TransportError",
        "TryLater",
        "UnknownOutcome",
        "ProtocolError",
        "RateLimited",
        "Banned",
        "ExchangeDown",
        "ClockSkew",
    }
    assert kind.retryable == (kind.__name__ in retryable)


@pytest.mark.parametrize("kind", ALL)
def test_each_class_says_what_it_is(kind: type[JexkitError]) -> None:
    assert kind.__doc__


def test_leaves_are_caught_by_the_builtins_that_fit() -> None:
    for kind, builtin in (
        (ConfigurationError, ValueError),
        (MissingExtra, ImportError),
        (UsageError, RuntimeError),
        (WaitTimeout, TimeoutError),
        (TransportError, ConnectionError),
        (UnknownOutcome, ConnectionError),
    ):
        assert issubclass(kind, builtin)


def test_a_missing_extra_names_the_command_to_type() -> None:
    error = MissingExtra("an RSA key", "crypto")
    assert error.extra == "crypto"
    assert "pip install 'jexkit[crypto]'" in str(error)


def test_an_exchanges_error_has_its_code_and_status() -> None:
    error = AuthenticationError("no", code=13004, status=400)
    assert (str(error), error.code, error.status) == ("no", 13004, 400)
    assert (ExchangeError("no").code, ExchangeError("no").status) == (None, None)


def test_a_rate_limit_has_its_wait_and_a_ban_its_end() -> None:
    limited = RateLimited("slow down", retry_after=2.5, status=429)
    assert (limited.retry_after, limited.status) == (2.5, 429)
    banned = Banned("out", retry_after=60.0, until_ms=1_700_000_000_000, code=-1003)
    assert (banned.retry_after, banned.until_ms, banned.code) == (60.0, 1_700_000_000_000, -1003)
    assert isinstance(banned, RateLimited)


def test_the_end_of_a_stream_has_its_cause() -> None:
    cause = AuthenticationError("no")
    assert StreamEnded("lost", cause).cause is cause
    assert StreamEnded("stopped").cause is None


def test_a_refused_subscription_names_its_channels() -> None:
    assert SubscriptionRefused("left out", ("user.lock",)).channels == ("user.lock",)
    assert SubscriptionRefused("left out").channels == ()


def test_clock_skew_may_be_tried_again_and_other_bad_requests_not() -> None:
    assert ClockSkew("late").retryable
    assert not errors.BadRequest("bad").retryable
