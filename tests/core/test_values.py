"""The values between the pure half and the engine show nothing secret."""

from __future__ import annotations

import attrs
import pytest

from jexkit.core.values import Answer, Ask, Call, HttpReply, HttpRequest, Now, Open, Receipt, Send
from jexkit.events import Origin

SECRET = "s3cr3t"


@pytest.mark.parametrize(
    "value",
    [
        Open(1, f"wss://host/ws/{SECRET}", {"X-Key": SECRET}),
        Send(1, SECRET),
        Call(1, "renew the listen key", lambda: iter([SECRET])),
        Answer(1, SECRET),
        Ask("GET", "/path", (("listenKey", SECRET),)),
        HttpRequest("GET", f"https://host/?signature={SECRET}", {"X-Key": SECRET}, SECRET.encode()),
        HttpReply(200, {"set-cookie": SECRET}, SECRET.encode()),
        Receipt("main", 1, SECRET),
    ],
    ids=lambda value: type(value).__name__,
)
def test_no_repr_shows_what_may_be_secret(value: object) -> None:
    """URLs, headers, frames, bodies and results stay out of it."""
    assert SECRET not in repr(value)


@pytest.mark.parametrize("value", [Now(1.0, 2), Open(1, "ws://h"), Send(1, "x"), Ask("GET", "/")], ids=type)
def test_values_do_not_change(value: object) -> None:
    """They go from thread to thread without a lock."""
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(value, attrs.fields(type(value))[0].name, 5)


def test_a_receipt_is_of_the_stream_unless_told() -> None:
    assert Receipt("main", 1).origin is Origin.STREAM


def test_a_question_may_be_repeated_unless_told() -> None:
    """Reads are the rule; what must not be asked twice says so."""
    assert Ask("GET", "/").idempotent
