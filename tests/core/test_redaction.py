"""Keys do not stay in texts and messages that are kept or shown."""

from __future__ import annotations

import pytest

from jexkit.core.redaction import HIDDEN, redact, without

KEY = "pqia91ma19a5s61cv6a81va65sdf19v8a65a1a5s61cv6a81va65sdf19v8a65a1"
BASE64 = "HbQ0Lx4K1yV+/mZ8cJ7u2T9wq3Rr5Xo6PpAa0Ss1Dd2Ff3Gg4Hh5Jj6Kk7Ll8Zz9Xx0=="


@pytest.mark.parametrize("secret", [KEY, KEY.upper(), "0" * 40, BASE64, "c8db56825ae71d6d79447849e617115f4a920fa2"])
def test_what_is_as_long_as_a_key_is_hidden(secret: str) -> None:
    assert redact(f"no such key: {secret}.") == f"no such key: {HIDDEN}."


def test_named_secrets_are_hidden_whatever_their_length() -> None:
    assert redact("the key abc is bad", ["abc"]) == f"the key {HIDDEN} is bad"


@pytest.mark.parametrize(
    "text",
    ["", "Order does not exist.", "x-A6SIDXVS1234567890123456789012345", "4612616205276108403", "BTCUSDT_230630"],
)
def test_words_symbols_and_ids_stay(text: str) -> None:
    assert redact(text) == text


def test_members_are_left_out_and_the_message_itself_stays_as_it_is() -> None:
    message = {"stream": KEY, "data": 1}
    assert without(message, ("stream", "listenKey")) == {"data": 1}
    assert message == {"stream": KEY, "data": 1}
    assert without({"data": 1}, ("stream",)) == {"data": 1}
    assert without([KEY], ("stream",)) == [KEY]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("/srv/programs/with/a/long/way/to/its/own/data/jexkit.db is full", True),
        ('File "/usr/lib/python3/dist-packages/some_other/package/of/a/long/name.py", line 3', True),
        ("the callback tell_everybody_who_has_asked_for_it_of_a_fill.<locals>.f is slow", True),
        ("x" * 60, False),
        (f"wss://host/ws/{'k' * 60}", False),
        (f"a signature {'aB3+/' * 12}=", False),
    ],
)
def test_paths_and_names_may_be_kept(text: str, kept: bool) -> None:
    """A path begins with a slash, a name has underscores; what is as long as a key in them is hidden."""
    assert (redact(text, is_ours=True) == text) == kept
    assert HIDDEN in redact(text)
