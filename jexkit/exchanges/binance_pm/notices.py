"""Binance Portfolio Margin: from messages that tell of the account as a whole to notices."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import TypeAlias

from jexkit.core import fields
from jexkit.core.exact import plain
from jexkit.core.fields import Message
from jexkit.core.reading import Reading
from jexkit.events import AccountNotice, Event, NoticeKind
from jexkit.exchanges.binance_pm.messages import happened, inside, moment, sent

Told: TypeAlias = Iterator[Event]


def account_config_update(message: Message, reading: Reading) -> Told:
    """Event-Futures-Account-Configuration-Update: a symbol's leverage was set, perhaps to what it was."""
    family, row, time_ms = fields.need(message, "fs"), inside(message, "ac"), happened(message)
    symbol, leverage = fields.need(row, "s"), fields.need_decimal(row, "l")
    identity = f"leverage:{family}:{symbol}:{moment(time_ms, reading)}:{plain(leverage)}"
    yield _notice(NoticeKind.LEVERAGE, identity, reading, time_ms, symbol=symbol, value=leverage)


def liability_change(message: Message, reading: Reading) -> Told:
    """Event-Liability-Update. ``T`` is no time but the transaction's id, of 19 digits; ``t`` is free text (BORROW)."""
    asset, owed = fields.need(message, "a"), fields.need_decimal(message, "l")
    transaction = fields.text(message, "T") or f"{moment(sent(message), reading)}:{plain(owed)}"
    identity, level = f"liability:{asset}:{transaction}", fields.text(message, "t")
    yield _notice(NoticeKind.LIABILITY, identity, reading, sent(message), level=level, asset=asset, value=owed)


def open_order_loss(message: Message, reading: Reading) -> list[Event]:
    """Event-OpenOrderLoss-Update: the estimated loss of the open cross-margin orders, below zero."""

    def loss(row: Message) -> Told:
        asset, amount = fields.need(row, "a"), fields.need_decimal(row, "o")
        identity = f"open_order_loss:{asset}:{moment(sent(message), reading)}:{plain(amount)}"
        yield _notice(NoticeKind.OPEN_ORDER_LOSS, identity, reading, sent(message), asset=asset, value=amount)

    return reading.rows(message.get("O", []), loss)


def risk_level_change(message: Message, reading: Reading) -> Told:
    """Event-riskLevelChange: MARGIN_CALL, REDUCE_ONLY or FORCE_LIQUIDATION of the whole account; ``u`` is uniMMR."""
    level, ratio = fields.need(message, "s"), fields.decimal(message, "u")
    identity = f"risk_level:{moment(sent(message), reading)}:{level}:{plain(ratio)}"
    yield _notice(NoticeKind.RISK_LEVEL, identity, reading, sent(message), level=level, value=ratio)


def list_status(message: Message, reading: Reading) -> Told:
    """An OCO list, as on spot; not on the list of Portfolio Margin's events, where OCO orders can be placed."""
    symbol, number, level = fields.need(message, "s"), fields.need(message, "g"), fields.text(message, "L")
    identity = f"list:{symbol}:{number}:{fields.text(message, 'l')}:{level}:{moment(happened(message), reading)}"
    yield _notice(NoticeKind.ORDER_LIST, identity, reading, happened(message), level=level, symbol=symbol)


def _notice(
    kind: NoticeKind,
    identity: str,
    reading: Reading,
    time_ms: int | None,
    *,
    level: str = "",
    symbol: str = "",
    asset: str = "",
    value: Decimal | None = None,
) -> AccountNotice:
    return AccountNotice(
        kind=kind,
        native_kind=reading.kind,
        level=level,
        symbol=symbol,
        asset=asset,
        value=value,
        **reading.about(identity, time_ms),
    )
