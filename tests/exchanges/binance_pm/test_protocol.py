"""Binance Portfolio Margin's session: what it adds to a stream on a listen key."""

from __future__ import annotations

import pytest

from jexkit.core.lifecycle import State
from jexkit.core.recovering import DOUBTS, SETTLE
from jexkit.core.values import Call, Drop, Open
from jexkit.events import BalanceUpdate, OrderUpdate, Suspended, SuspendReason, Unknown
from jexkit.testing.conformance import BINANCE_PM
from jexkit.testing.conformance.listen_keys import LISTEN_KEY
from jexkit.testing.driver import Driver

EXPIRED = {"e": "listenKeyExpired", "E": 1_736_996_475_556, "listenKey": LISTEN_KEY}


@pytest.fixture
def live() -> Driver:
    driver = BINANCE_PM.driver()
    driver.start()
    driver.forget()
    return driver


def test_the_stream_keeps_its_path() -> None:
    """``/pm/ws/<key>``: the account's address with ``/ws/`` and the key."""
    driver = BINANCE_PM.driver(ws_url="wss://fstream.binance.com/pm/")
    driver.start()
    assert driver.asked_for(Open)[0].url == f"wss://fstream.binance.com/pm/ws/{LISTEN_KEY}"


def test_an_expired_key_is_replaced_once_however_often_it_is_said(live: Driver) -> None:
    """The notice is known to come twice within milliseconds."""
    link = live.link
    live.text(EXPIRED)
    live.text(EXPIRED)
    assert [event.reason for event in live.told(Suspended)] == [SuspendReason.KEY_EXPIRED]
    live.advance(60)
    live.text(EXPIRED, link=link)
    assert live.state() is State.LIVE
    assert live.machine.counters["listen_keys"] == 2
    assert live.machine.counters["key_expiries"] == 1
    assert [drop.link for drop in live.asked_for(Drop)] == [link]


def test_the_notice_of_expiry_is_no_event(live: Driver) -> None:
    """It has the key in it, and the program hears of it as Suspended."""
    live.text(EXPIRED)
    assert live.told(Unknown) == []
    assert LISTEN_KEY not in str([event.to_dict() for event in live.events])


def test_a_message_may_come_as_bytes(live: Driver) -> None:
    live.text(b'{"e":"no such event","E":1}')
    (unknown,) = live.told(Unknown)
    assert unknown.raw == '{"e":"no such event","E":1}'


def test_the_order_of_messages_is_kept(live: Driver) -> None:
    """The exchange promises it, so nothing waits."""
    for number in (3, 1, 2):
        live.text(BINANCE_PM.order(number))
    ids = [BINANCE_PM.order_id(number) for number in (3, 1, 2)]
    assert [update.order_id for update in live.told(OrderUpdate)] == ids


def test_a_key_that_was_changed_elsewhere_is_noticed(live: Driver) -> None:
    """PUT renews the account's key, whichever it is; a POST beside it tells that it is not ours any more."""
    live.counterpart.answers.set("POST", "/papi/v1/listenKey", {"listenKey": "AnotherKey" + "1" * 54})
    live.advance(1800)
    (suspended,) = live.told(Suspended)
    assert suspended.reason is SuspendReason.KEY_EXPIRED
    live.advance(60)
    assert live.state() is State.LIVE
    assert live.asked_for(Open)[-1].url.endswith("AnotherKey" + "1" * 54)


def test_a_futures_balance_that_comes_twice_within_a_millisecond_is_asked_for(live: Driver) -> None:
    """It may be a copy, or again what it was; the margin wallet's updates have numbers, and what is a copy is known."""
    for total in ("1", "2", "1"):
        wallet = {"m": "ORDER", "B": [{"a": "USDT", "wb": total, "cw": total, "bc": "0"}], "P": []}
        live.text({"e": "ACCOUNT_UPDATE", "fs": "UM", "E": 1_727_352_914_274, "T": 1_727_352_914_268, "a": wallet})
    assert [event.total for event in live.told(BalanceUpdate)] == [1, 2]
    live.advance(SETTLE)
    assert [call.what for call in live.asked_for(Call)] == [DOUBTS] * 3  # the time, balances, positions


def test_a_margin_balance_that_comes_twice_is_known_by_its_number(live: Driver) -> None:
    for update, free in ((7, "1"), (8, "2"), (7, "1"), (9, "1")):
        assets = [{"a": "BNB", "f": free, "l": "0"}]
        live.text(
            {"e": "outboundAccountPosition", "E": 1_727_321_322_401, "u": 1_727_321_322_401, "U": update, "B": assets}
        )
    assert [event.free for event in live.told(BalanceUpdate)] == [1, 2, 1]
    live.advance(SETTLE)
    assert live.asked_for(Call) == []
