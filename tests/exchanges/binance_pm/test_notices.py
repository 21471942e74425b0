"""What concerns the account as a whole is told as a notice."""

from __future__ import annotations

from decimal import Decimal

from jexkit.events import (
    AccountNotice,
    NoticeKind,
)
from tests.exchanges.binance_pm.samples import one, read, recorded


def test_leverage() -> None:
    notice = one(AccountNotice, read(recorded("ACCOUNT_CONFIG_UPDATE")))
    assert (notice.kind, notice.symbol, notice.value) == (NoticeKind.LEVERAGE, "BTCUSD_PERP", Decimal(25))
    assert notice.id == "leverage:UM:BTCUSD_PERP:1611646737476:25"


def test_the_t_of_a_liability_is_a_transaction_and_no_time() -> None:
    notice = one(AccountNotice, read(recorded("liabilityChange")))
    assert (notice.kind, notice.level, notice.asset) == (NoticeKind.LIABILITY, "BORROW", "BTC")
    assert notice.value == Decimal("1.03476851")
    assert notice.id == "liability:BTC:1352286576452864727"  # beyond what a float can hold
    assert notice.time_ms == 1573200697110


def test_open_order_loss_by_asset() -> None:
    losses = read(recorded("openOrderLoss"))
    told = [(loss.asset, loss.value) for loss in losses if isinstance(loss, AccountNotice)]
    assert told == [("BUSD", Decimal("-0.1232313")), ("BNB", Decimal("-12.1232313"))]


def test_the_risk_level_under_both_spellings() -> None:
    notices = [one(AccountNotice, read(recorded(name))) for name in ("riskLevelChange", "RISK_LEVEL_CHANGE")]
    assert {(notice.kind, notice.level, notice.value) for notice in notices} == {
        (NoticeKind.RISK_LEVEL, "MARGIN_CALL", Decimal("1.99999999"))
    }
    assert notices[0].id == notices[1].id


def test_an_order_list() -> None:
    notice = one(AccountNotice, read(recorded("listStatus")))
    assert (notice.kind, notice.symbol, notice.level) == (NoticeKind.ORDER_LIST, "ETHBTC", "EXECUTING")
