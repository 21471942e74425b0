"""What runs one stream: whether it is well, and what it does at its end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from jexkit import running
from jexkit.accounts import Jex
from jexkit.core.overflow import QUEUE_SIZE, Overflow
from jexkit.engine.process import Home
from jexkit.engine.registry import Registry
from jexkit.engine.timer import Timer
from jexkit.running import Running, Shared
from jexkit.testing.clock import ManualClock
from tests.children import WAIT


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def make(clock: ManualClock) -> Callable[..., Running]:
    """A stream that nobody has started, or that is followed after another."""
    shared = Shared(
        registry=Registry(),
        timer=Timer(),
        clock=clock,
        on_error=None,
        slow_callback=None,
        overflow=Overflow.RECOVER,
        queue_size=QUEUE_SIZE,
        home=Home("test"),
    )
    account = Jex(api_key="k" * 64, secret_key="s" * 64, connect_timeout=5.0)
    return lambda before=None: Running("desk", account, shared, None, None, before)


def test_a_reader_that_does_not_look_up_makes_it_unwell(make: Callable[..., Running], clock: ManualClock) -> None:
    """After a minute and two handshakes; before its start and after its end it is none of its business."""
    stream = make()
    clock.advance(1_000)
    assert stream.is_well
    stream._is_started = True
    assert not stream.is_well
    stream.conductor.looked_at = clock.monotonic()
    clock.advance(69)
    assert stream.is_well
    clock.advance(2)
    assert not stream.is_well
    stream.conductor.ended.set()
    assert stream.is_well


def test_a_follower_has_the_same_stream_and_callbacks(make: Callable[..., Running]) -> None:
    """The program's object shows the new one from then on."""
    first = make()
    second = make(first)
    assert second.stream is first.stream
    assert second.registry is first.registry
    assert second.stream._conductor is second.conductor


def test_last_calls_are_made_where_no_thread_can_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    """As at the very end of an interpreter; elsewhere they are waited for no longer than the time that is left."""
    done: list[str] = []
    gate, late = threading.Event(), threading.Event()
    running._run_until([lambda: late.set() if gate.wait(WAIT) else None], 0.0, "desk")
    assert not late.is_set()
    gate.set()
    assert late.wait(WAIT)

    def refuse(thread: Any) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    running._run_until([lambda: done.append("here")], 0.0, "desk")
    assert "here" in done
