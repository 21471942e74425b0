"""Callbacks that are declared first and attached later."""

from __future__ import annotations

from typing import Any

import pytest

from jexkit import Deribit, Fill, OrderUpdate, StreamManager
from jexkit.contrib.handlers import Callback, Handler, Handlers
from jexkit.errors import ConfigurationError


def note(event: Any) -> None:
    """A handler that does nothing."""


def other(event: Any) -> None:
    """Another one."""


def registered(place: Any) -> list[tuple[Any, Any]]:
    return [(registration.kind, registration.callback) for registration in place._registry.registrations]


def test_handlers_are_attached_in_their_order_to_their_place() -> None:
    """Those of one stream on the stream, the others on the manager, each as it was wrapped."""
    handlers, wrapped = Handlers(), []

    def wrap(callback: Callback) -> Callback:
        wrapped.append(callback)
        return callback

    assert handlers.on(Fill)(note) is note
    handlers.on(OrderUpdate, stream="desk")(note)
    handlers.on(Fill)(other)
    manager = StreamManager()
    stream = manager.add(Deribit(client_id="id", client_secret="secret"), "desk")
    handlers.attach(manager, wrap)
    assert registered(manager) == [(Fill, note), (Fill, other)]
    assert registered(stream) == [(OrderUpdate, note)]
    assert wrapped == [note, note, other]
    manager.stop()


def test_a_module_that_is_imported_twice_declares_once() -> None:
    """The same function for the same events is one handler."""
    handlers = Handlers()
    for _ in range(2):
        handlers.on(Fill)(note)
    assert list(handlers) == [Handler(Fill, note, None)]


def test_handlers_of_no_stream_are_found() -> None:
    """By the names of the streams that there are."""
    handlers = Handlers()
    handlers.on(Fill, stream="desk")(note)
    handlers.on(Fill, stream="dask")(other)
    handlers.on(Fill)(other)
    (stray,) = handlers.strays(["desk"])
    assert (stray.stream, str(stray)) == ("dask", "tests.contrib.test_handlers.other")


def test_what_could_never_work_is_refused_where_it_is_written() -> None:
    """No type of event, no name of a stream, no function of one argument."""
    handlers = Handlers()
    with pytest.raises(ConfigurationError, match="on\\(\\) takes a type of event"):
        handlers.on(note)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="takes the name of a stream, not 5"):
        handlers.on(Fill, stream=5)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="must take one argument"):
        handlers.on(Fill)(lambda: None)
    assert list(handlers) == []
