"""Deribit's small channels become notices."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from jexkit.events import AccountNotice, NoticeKind, Unknown
from jexkit.exchanges.deribit import wire
from tests.wire import corpus


def read_event(event: str, nth: int) -> Any:
    params = corpus.the("deribit", event, nth)["params"]
    return wire.read(params["channel"], params["data"], corpus.RECEIPT)


@pytest.mark.parametrize(
    ("event", "nth", "expected"),
    [
        ("user.lock", 0, {"kind": NoticeKind.LOCK, "level": "locked", "asset": "BTC"}),
        ("user.lock", 1, {"kind": NoticeKind.LOCK, "level": "unlocked", "asset": "ALL"}),
        ("user.access_log", 0, {"kind": NoticeKind.ACCESS, "level": "success", "time_ms": 1632488963633}),
        (
            "user.mmp_trigger",
            0,
            {
                "kind": NoticeKind.MARKET_MAKER_PROTECTION,
                "level": "MassQuoteBot7",
                "symbol": "eth_usdc",
                "value": Decimal(0),
            },
        ),
        (
            "user.liquidation.started",
            0,
            {
                "kind": NoticeKind.LIQUIDATION,
                "level": "liquidation_started",
                "asset": "BTC",
                "value": None,
                "time_ms": 1790133840000,
            },
        ),
        (
            "user.liquidation.adl_transfer",
            0,
            {"level": "adl_transfer", "symbol": "BTC-PERPETUAL", "value": Decimal(100)},
        ),
        ("platform_state", 0, {"kind": NoticeKind.PLATFORM, "level": "unlocked", "symbol": "alt_usdc"}),
        (
            "platform_state.public_methods_state",
            0,
            {"kind": NoticeKind.PLATFORM, "level": "public requests open"},
        ),
    ],
)
def test_the_small_channels_become_notices(event: str, nth: int, expected: dict[str, Any]) -> None:
    (notice,) = read_event(f"notification.{event}", nth)
    assert isinstance(notice, AccountNotice)
    assert {name: getattr(notice, name) for name in expected} == expected


def test_maintenance_is_told() -> None:
    (begins,) = wire.read("platform_state", {"maintenance": True}, corpus.RECEIPT)
    (ends,) = wire.read("platform_state", {"maintenance": False}, corpus.RECEIPT)
    assert isinstance(begins, AccountNotice)
    assert isinstance(ends, AccountNotice)
    assert (begins.level, ends.level) == ("maintenance", "maintenance over")


def test_a_lock_is_not_guessed_at() -> None:
    (event,) = wire.read("user.lock", {"currency": "BTC"}, corpus.RECEIPT)
    assert isinstance(event, Unknown)


def test_two_accesses_in_one_moment_are_two_notices() -> None:
    rows = [{"log": "failure", "ip": "8.9.10.11", "id": number, "timestamp": 5} for number in (1, 2)]
    first, second = (wire.read("user.access_log", row, corpus.RECEIPT)[0] for row in rows)
    assert first.id != second.id
