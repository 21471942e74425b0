"""Callbacks come and go, in order."""

from __future__ import annotations

import threading

from jexkit.engine.registry import Registry
from jexkit.events import Event, Fill, Live


def callback(event: Event) -> None:
    del event


def test_the_order_is_that_of_registering() -> None:
    registry = Registry()
    for kind in (Fill, Live, Event):
        registry.add(kind, callback)
    assert [registration.kind for registration in registry.registrations] == [Fill, Live, Event]


def test_removing_takes_one_registration() -> None:
    """The first of two equal ones; False when there is none."""
    registry = Registry()
    registry.add(Live, callback)
    registry.add(Live, callback)
    first, second = registry.registrations
    assert registry.remove(Live, callback)
    assert registry.registrations == (second,)
    assert (first.is_active, second.is_active) == (False, True)
    assert not registry.remove(Fill, callback)
    assert registry.remove(Live, callback)
    assert not registry.remove(Live, callback)


def test_a_method_is_found_again() -> None:
    """Each look at ``heard.append`` makes a new object; it is the same callback all the same."""
    registry, heard = Registry(), list[Event]()
    registry.add(Live, heard.append)
    assert registry.remove(Live, heard.append)


def test_what_is_gone_through_does_not_change() -> None:
    """Whoever goes through the registrations has those of one moment."""
    registry = Registry()
    registry.add(Live, callback)
    before = registry.registrations
    registry.add(Fill, callback)
    assert len(before) == 1


def test_threads_lose_nothing() -> None:
    """However many register at once."""
    registry = Registry()
    begin = threading.Barrier(8)

    def register() -> None:
        begin.wait()
        for _ in range(200):
            registry.add(Live, callback)

    threads = [threading.Thread(target=register) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(registry.registrations) == 1600
