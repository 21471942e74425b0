"""The callbacks of a stream or of a manager, in the order in which they were registered."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeAlias

import attrs

from jexkit.core.journal import MAIN
from jexkit.events import Event

Callback: TypeAlias = Callable[[Any], object]


@attrs.define(eq=False)
class Registration:
    """One callback for one type of event and its subclasses. It is active until it is removed.

    ``consumer`` is the name under which a journal keeps how far it has come.
    """

    kind: type[Event]
    callback: Callback
    consumer: str = MAIN
    is_active: bool = True


class Registry:
    """Callbacks, in order. Thread-safe: what it holds is replaced as a whole, never changed."""

    def __init__(self, *, has_journal: bool = False) -> None:
        self.has_journal = has_journal
        self._lock = threading.Lock()  # guards the replacing of both
        self.registrations: tuple[Registration, ...] = ()
        self._watching: tuple[Callable[[], object], ...] = ()

    def watch(self, came: Callable[[], object]) -> None:
        """Call ``came`` after a callback of a named consumer was added, on the thread that added it.

        One with a new name wants what there is already, and that may be all that comes for a long time.
        """
        with self._lock:
            self._watching = (*self._watching, came)

    def unwatch(self, came: Callable[[], object]) -> None:
        with self._lock:
            self._watching = tuple(other for other in self._watching if other != came)

    def add(self, kind: type[Event], callback: Callback, consumer: str = MAIN) -> None:
        with self._lock:
            self.registrations = (*self.registrations, Registration(kind, callback, consumer))
        if consumer != MAIN:
            for came in self._watching:
                came()

    def remove(self, kind: type[Event], callback: Callback) -> bool:
        """Take out the first registration of this pair, at once also for an event that is being delivered.

        False if there is none.
        """
        with self._lock:
            for registration in self.registrations:
                if registration.kind is kind and registration.callback == callback:
                    registration.is_active = False
                    self.registrations = tuple(other for other in self.registrations if other is not registration)
                    return True
            return False
