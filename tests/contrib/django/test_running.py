"""The manager that the site's settings and apps make, and the signals that it sends."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from tests.contrib import needs

needs.packages("django", "django")

from django.dispatch import receiver
from django.test import override_settings

from jexkit import Fill, Live, OrderUpdate
from jexkit.contrib.accounts import BadSetting
from jexkit.contrib.django import conf
from jexkit.contrib.django.running import make_manager
from jexkit.contrib.django.signals import event_received
from jexkit.sim import Simulator
from tests.contrib.django.shop import streams

pytestmark = pytest.mark.web

WAIT = 30


def site_of(sim: Simulator) -> dict[str, Any]:
    venue = sim.deribit
    entry = {"exchange": "deribit", "rest_url": venue.rest_url, "ws_url": venue.ws_url}
    return {"STREAMS": {"main": {**entry, **venue.account("main").credentials()}}}


def test_handlers_and_signals_get_the_events(sim: Simulator, sqlite: str, caplog: pytest.LogCaptureFixture) -> None:
    """A receiver that raises disturbs neither the other one nor the stream."""
    streams.SEEN.clear()
    received: list[OrderUpdate] = []

    @receiver(event_received, sender=OrderUpdate, weak=False, dispatch_uid="bad")
    def stumble(sender: Any, **kwargs: Any) -> None:
        raise LookupError("a receiver's own fault")

    @receiver(event_received, sender=OrderUpdate, weak=False, dispatch_uid="good")
    def note(sender: Any, event: OrderUpdate, **kwargs: Any) -> None:
        received.append(event)

    try:
        with override_settings(JEXKIT=site_of(sim)), make_manager(conf.read()) as manager:
            stream = manager.streams["main"]
            stream.wait_live(WAIT)
            with stream.events(OrderUpdate, timeout=WAIT) as orders, stream.events(Fill, timeout=WAIT) as fills:
                account = sim.deribit.account("main")
                order = account.place("BTC-PERPETUAL", "BUY", "10", "50000")
                first = next(orders)
                account.fill(order)
                next(fills)
            assert stream.status().callback_errors == 0
    finally:
        event_received.disconnect(sender=OrderUpdate, dispatch_uid="bad")
        event_received.disconnect(sender=OrderUpdate, dispatch_uid="good")
    assert received[0] == first
    assert [fill.order_id for fill in streams.SEEN] == [first.order_id]
    assert [record.name for record in caplog.records if record.levelno >= logging.ERROR][:1] == ["django.dispatch"]


def test_nothing_runs_before_it_is_started(sim: Simulator) -> None:
    """Making the manager opens nothing."""
    with override_settings(JEXKIT=site_of(sim)):
        manager = make_manager(conf.read())
    assert sim.deribit.counters.as_dict() == {}
    manager.stop()
    assert list(manager.streams) == ["main"]


def test_credentials_that_are_missing_are_said() -> None:
    """The first moment at which they are needed."""
    entry = {"exchange": "deribit", "client_id": "id", "client_secret_env": "NOT_SET_ANYWHERE"}
    with override_settings(JEXKIT={"STREAMS": {"main": entry}}), pytest.raises(BadSetting, match="NOT_SET_ANYWHERE"):
        make_manager(conf.read())


def test_live_is_an_event_like_others() -> None:
    """Signals have the event's class as sender."""
    assert event_received.has_listeners(Live) is False
