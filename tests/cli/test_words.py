"""Events in a few words."""

from decimal import Decimal
from typing import Any

import attrs
import pytest

from jexkit.cli.words import in_words
from jexkit.events import AccountNotice, Event, Gap, Live, Lost, NoticeKind, Suspended, SuspendReason, Unknown
from tests.cli import facts

ABOUT: dict[str, Any] = {"exchange": "jex", "account": "desk", "id": "1", "time_ms": 1, "received_ms": 1}


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (facts.order(1, facts.STATES[1]), "buy 3 BTCUSDT @ 20000: partially filled"),
        (facts.order(1, facts.STATES[0], price=None, quantity=None), "buy ? BTCUSDT: new"),
        (facts.fill(1, "1", "0.50"), "fill: buy 0.5 BTCUSDT @ 20000"),
        (facts.balance(1, "1000.00"), "USDT balance 1000"),
        (attrs.evolve(facts.balance(1, "1"), total=None, change=Decimal("-0.5")), "USDT changed by -0.5"),
        (facts.position(1, "-3"), "position -3 BTCUSDT"),
        (
            AccountNotice(**ABOUT, kind=NoticeKind.RISK_LEVEL, native_kind="x", level="MARGIN_CALL"),
            "risk level MARGIN_CALL",
        ),
        (Unknown(**ABOUT, native_kind="surprise"), "unknown message surprise"),
        (Live(**ABOUT), "live"),
        (Suspended(**ABOUT, reason=SuspendReason.KEY_EXPIRED), "suspended (key expired)"),
        (Lost(**ABOUT, error="AuthenticationError", detail="no such key"), "lost: no such key"),
        (Gap(**ABOUT, since_ms=None, until_ms=None, what="fills", why="?"), "gap: fills"),
    ],
)
def test_every_type_has_its_words(event: Event, words: str) -> None:
    assert in_words(event) == words
