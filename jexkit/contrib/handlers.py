"""Callbacks that are declared before there is a stream: written beside the code they belong to, attached later."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias, TypeVar

import attrs

from jexkit.arguments import check_callback, check_consumer, check_kind
from jexkit.core.journal import MAIN
from jexkit.errors import ConfigurationError
from jexkit.events import Event
from jexkit.manager import StreamManager

Callback: TypeAlias = Callable[[Any], object]
C = TypeVar("C", bound=Callback)


@attrs.frozen
class Handler:
    """One callback for one type of event, of one stream or (``stream`` is None) of all."""

    kind: type[Event]
    callback: Callback
    stream: str | None
    consumer: str = MAIN

    def __str__(self) -> str:
        module = getattr(self.callback, "__module__", "?")
        return f"{module}.{getattr(self.callback, '__qualname__', repr(self.callback))}"


class Handlers:
    """Callbacks in the order in which they were declared."""

    def __init__(self) -> None:
        self._handlers: list[Handler] = []

    def __iter__(self) -> Any:
        return iter(tuple(self._handlers))

    def on(self, kind: type[Event], stream: str | None = None, *, consumer: str = MAIN) -> Callable[[C], C]:
        """A decorator: call the function with every event of this type, of one stream or of all.

        It runs on the stream's delivery thread, one event at a time; ``consumer`` is as for ``StreamManager.on``.
        Raises ConfigurationError for what is no type of event, or cannot be called with one.
        """
        check_kind(kind, "on() takes a type")
        check_consumer(consumer)
        if stream is not None and not isinstance(stream, str):
            raise ConfigurationError(f"on(..., stream=) takes the name of a stream, not {stream!r}")

        def declare(callback: C) -> C:
            check_callback(callback)
            handler = Handler(kind, callback, stream, consumer)
            if handler not in self._handlers:  # a module that is imported twice declares once
                self._handlers.append(handler)
            return callback

        return declare

    def strays(self, streams: Iterable[str]) -> list[Handler]:
        """Those whose stream is none of these."""
        known = {None, *streams}
        return [handler for handler in self._handlers if handler.stream not in known]

    def attach(self, manager: StreamManager, wrap: Callable[[Callback], Callback]) -> None:
        """Register every callback, each as ``wrap`` returns it, on the manager or its stream."""
        for handler in self._handlers:
            place = manager if handler.stream is None else manager.streams[handler.stream]
            place.on(handler.kind, wrap(handler.callback), consumer=handler.consumer)
