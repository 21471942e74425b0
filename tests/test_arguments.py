"""What makes no sense is refused at once, in words."""

from __future__ import annotations

import functools
import math
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from jexkit.arguments import (
    LONGEST_NAME,
    LONGEST_WAIT,
    check_callback,
    check_consumer,
    check_kind,
    check_kinds,
    check_name,
    check_number,
    check_order_id,
    check_seconds,
    check_timeout,
    texts,
    waitable,
)
from jexkit.errors import ConfigurationError
from jexkit.events import Event, Fill, OrderUpdate


async def coroutine(event: Event) -> None:
    del event


def generator(event: Event) -> Iterator[Event]:
    yield event


class Awaited:
    async def __call__(self, event: Event) -> None:
        del event


@pytest.mark.parametrize(
    ("callback", "words"),
    [
        (42, "must be callable"),
        (lambda: None, "must take one argument"),
        (lambda one, two: None, "must take one argument"),
        (coroutine, "coroutine function"),
        (Awaited(), "coroutine function"),
        (functools.partial(coroutine), "coroutine function"),
        (generator, "generator function"),
    ],
)
def test_a_callback_that_could_not_work(callback: Any, words: str) -> None:
    """Not at the first event, which may be a fill at night."""
    with pytest.raises(ConfigurationError, match=words):
        check_callback(callback)


@pytest.mark.parametrize(
    "callback", [print, [].append, lambda event: None, lambda *every: None, functools.partial(max, 1)]
)
def test_a_callback_that_works(callback: Any) -> None:
    """Functions, methods, partials and built-in functions, whose arguments cannot always be told."""
    check_callback(callback)


@pytest.mark.parametrize("kind", [None, "Fill", 5, int, Fill | OrderUpdate, [Fill]])
def test_what_is_no_type_of_event(kind: Any) -> None:
    """The message shows what is one."""
    with pytest.raises(ConfigurationError, match=r"such as jexkit\.Fill"):
        check_kind(kind, "on() takes a type")


@pytest.mark.parametrize("timeout", ["x", -1, True, math.nan])
def test_what_is_no_timeout(timeout: Any) -> None:
    with pytest.raises(ConfigurationError, match="0 or more"):
        check_timeout(timeout)


@pytest.mark.parametrize("timeout", [None, 0, 1.5, math.inf])
def test_timeouts(timeout: Any) -> None:
    check_timeout(timeout)


@pytest.mark.parametrize("seconds", ["x", None, 0, -1, True, math.nan, math.inf, 1e300])
def test_what_is_no_length_of_time(seconds: Any) -> None:
    """The message names the setting."""
    with pytest.raises(ConfigurationError, match=r"slow_callback is .*more than 0"):
        check_seconds("slow_callback", seconds)


def test_a_list_of_texts_is_taken_as_a_tuple() -> None:
    """From whatever goes through them once."""
    assert texts("symbols", ["a", "b"]) == texts("symbols", iter(("a", "b"))) == ("a", "b")


@pytest.mark.parametrize("values", ["BTC", b"BTC", 5, None, ["a", 5]])
def test_what_is_no_list_of_texts(values: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"symbols is .*; give a list of texts"):
        texts("symbols", values)


@pytest.mark.parametrize("name", ["", " ", 5, "two\nlines", "bell\x07", "x" * (LONGEST_NAME + 1), "x" * 10**6])
def test_what_cannot_name_a_stream(name: Any) -> None:
    """Neither the log nor the name of a thread takes it; the error stays short."""
    with pytest.raises(ConfigurationError, match="name must be a text of one line") as caught:
        check_name(name)
    assert len(str(caught.value)) < 300
    check_name("Desk 1: \u5e01")


@pytest.mark.parametrize("order_id", ["", " ", None, True, 1.5, b"1"])
def test_what_is_no_id_of_an_order(order_id: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"order_id is .*; give OrderUpdate.key"):
        check_order_id(order_id)
    check_order_id(46094375191)
    check_order_id("UM:BTCUSDT:5")


@pytest.mark.parametrize("consumer", [None, "", "  ", 5, b"ledger", ["ledger"]])
def test_what_is_no_name_of_a_consumer(consumer: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"consumer is .*give a name"):
        check_consumer(consumer)


def test_a_name_of_a_consumer() -> None:
    check_consumer("ledger")


@pytest.mark.parametrize("timeout", [1e300, 10**400, math.inf])
def test_the_longest_timeouts_can_be_waited_for(timeout: float) -> None:
    """Systems refuse them, and nobody would see the end of the one that is waited for instead."""
    assert waitable(timeout) == LONGEST_WAIT < threading.TIMEOUT_MAX
    assert waitable(1.5) == 1.5


@pytest.mark.parametrize("value", ["x", None, 1.5, True, 0, 2**63])
def test_what_is_no_number_of_an_entry(value: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"after is .*; give a whole number from 1 to"):
        check_number("after", value, least=1)
    check_number("after", 2**63 - 1)


@pytest.mark.parametrize("kinds", [Fill, "Fill", [int], None])
def test_what_is_no_list_of_types(kinds: Any) -> None:
    with pytest.raises(ConfigurationError, match="types is "):
        check_kinds("types", kinds)
    check_kinds("types", (Fill, OrderUpdate))
