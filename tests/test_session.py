"""Session methods: one set, checked before anything is sent, whoever carries them out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from jexkit.errors import ConfigurationError
from jexkit.session import SessionMethods


class Recorded(SessionMethods):
    """Carries nothing out, and remembers what it was to carry out."""

    def __init__(self, result: Any = "ok") -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self._result = result

    def _perform(self, method: str, **arguments: Any) -> Any:
        self.calls.append((method, arguments))
        return self._result


@pytest.mark.parametrize(
    ("call", "result", "expected"),
    [
        (lambda it: it.create_listen_key(), "the-key", ("create_listen_key", {})),
        (lambda it: it.keepalive_listen_key(), None, ("keepalive_listen_key", {"listen_key": ""})),
        (lambda it: it.keepalive_listen_key("k"), None, ("keepalive_listen_key", {"listen_key": "k"})),
        (lambda it: it.close_listen_key("k"), None, ("close_listen_key", {"listen_key": "k"})),
        (lambda it: it.set_heartbeat(10), "ok", ("set_heartbeat", {"interval": 10})),
        (lambda it: it.disable_heartbeat(), "ok", ("disable_heartbeat", {})),
        (lambda it: it.enable_cancel_on_disconnect(), "ok", ("enable_cancel_on_disconnect", {"scope": "connection"})),
        (
            lambda it: it.disable_cancel_on_disconnect("account"),
            "ok",
            ("disable_cancel_on_disconnect", {"scope": "account"}),
        ),
        (
            lambda it: it.get_cancel_on_disconnect(),
            {"scope": "connection", "enabled": True},
            ("get_cancel_on_disconnect", {"scope": "connection"}),
        ),
        (
            lambda it: it.subscribe(["orders"], ["all"]),
            ("orders",),
            ("subscribe", {"channels": ("orders",), "symbols": ("all",)}),
        ),
        (
            lambda it: it.subscribe(["balances"]),
            ("balances",),
            ("subscribe", {"channels": ("balances",), "symbols": ()}),
        ),
        (
            lambda it: it.unsubscribe(["orders", "balances"], ["BTC_USDT"]),
            ("orders", "balances"),
            ("unsubscribe", {"channels": ("orders", "balances"), "symbols": ("BTC_USDT",)}),
        ),
        (lambda it: it.list_subscriptions(), ("orders",), ("list_subscriptions", {})),
    ],
)
def test_a_method_is_carried_out_and_its_result_returned(
    call: Callable[[Recorded], Any], result: Any, expected: tuple[str, dict[str, Any]]
) -> None:
    """With the arguments given, and the documented defaults for those that are not."""
    session = Recorded(result)
    assert call(session) == result
    assert session.calls == [expected]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda it: it.set_heartbeat(9.99), "whole seconds from 10 to 600"),
        (lambda it: it.set_heartbeat(30.5), "whole seconds from 10 to 600"),
        (lambda it: it.set_heartbeat(9), "whole seconds from 10 to 600"),
        (lambda it: it.set_heartbeat(float("nan")), "whole seconds from 10 to 600"),
        (lambda it: it.set_heartbeat("30"), "whole seconds from 10 to 600"),
        (lambda it: it.set_heartbeat(float("inf")), "whole seconds from 10 to 600"),
        (lambda it: it.keepalive_listen_key(5), "listen_key must be a text, not int"),
        (lambda it: it.close_listen_key(b"key"), "listen_key must be a text, not bytes"),
        (lambda it: it.set_heartbeat(601), "whole seconds from 10 to 600"),
        (lambda it: it.set_heartbeat(10**29), "whole seconds from 10 to 600"),
        (lambda it: it.set_heartbeat(True), "whole seconds from 10 to 600"),
        (lambda it: it.enable_cancel_on_disconnect("everything"), "'connection', 'account'"),
        (
            lambda it: it.subscribe(["trades"]),
            "channels has 'trades': Poloniex has no private channel but orders and balances",
        ),
        (lambda it: it.subscribe([]), "name at least one"),
        (lambda it: it.subscribe("orders"), r"give a list, such as \['orders'\]"),
        (lambda it: it.subscribe(["orders"], ["btc_usdt"]), "BTC_USDT"),
        (lambda it: it.unsubscribe(["orders"], "all"), "give a list"),
    ],
)
def test_what_makes_no_sense_is_refused_before_it_is_sent(call: Callable[[Recorded], Any], words: str) -> None:
    """The message says what would make sense."""
    session = Recorded()
    with pytest.raises(ConfigurationError, match=words):
        call(session)
    assert session.calls == []


def test_a_whole_interval_is_written_without_a_fraction() -> None:
    """The document's examples are floats; an exchange that wants integers must not see 60.0."""
    methods = Recorded("ok")
    methods.set_heartbeat(60.0)
    assert repr(methods.calls[0][1]["interval"]) == "60"
