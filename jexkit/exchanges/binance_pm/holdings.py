"""Binance Portfolio Margin: from messages of the user data stream to balances and positions.

``futures_balance``, ``margin_balance`` and ``position`` read the answers of REST as well. Amounts come as text, but
``bep`` as a JSON number (against the document), and an empty text means "unknown".
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from jexkit.core import exact, fields
from jexkit.core.drafts import balance_draft, position_draft
from jexkit.core.exact import NotPlain, amounts, is_sane, number, plain, spelled, spelling
from jexkit.core.fields import Message
from jexkit.core.reading import Reading, Rows
from jexkit.core.shapes import filled, missing, missing_amount, needed, needed_amount
from jexkit.core.values import Receipt
from jexkit.events import BalanceUpdate, Event, Market, PositionUpdate
from jexkit.exchanges.binance_pm import names
from jexkit.exchanges.binance_pm.messages import happened, moment
from jexkit.exchanges.binance_pm.names import (
    EXCHANGE,
    MARGIN,
    MARKETS,
    POSITION_SIDES,
    UNKNOWN_MARKET,
    UNKNOWN_POSITION_SIDE,
)


def account_update(message: names.AccountMessage, receipt: Receipt, rows: Rows) -> list[Event]:
    """Event-Futures-Balance-and-Position-Update: one message per fill, and for funding, transfers and the like.

    Several fills of one match give several messages with equal ``T`` and ``E``: only their values tell them apart.
    """
    family, account, time_ms = message.family, message.account, message.happened or message.sent
    if not family:
        raise missing(message, "family")
    if account is None:
        raise missing(message, "account")
    balances = rows(account.balances, _balance_row, family, receipt, time_ms, account.reason)
    return balances + rows(account.positions, position_in, family, receipt, time_ms, account.reason)


def _balance_row(row: names.BalanceRow, family: str, receipt: Receipt, time_ms: int, reason: str) -> BalanceUpdate:
    """``bc`` is the "balance change except PnL and commission": zero for a trade, although the balance did change."""
    asset, total = row.asset, number(row.total)
    if not asset:
        raise missing(row, "asset")
    if total is None:
        raise missing_amount(row, "total")
    return futures_balance(family, asset, total, receipt, time_ms, amounts[row.change] or None, reason)


def futures_balance(
    family: str,
    asset: str,
    total: Decimal,
    receipt: Receipt,
    time_ms: int,
    change: Decimal | None = None,
    reason: str = "",
) -> BalanceUpdate:
    """The wallet balance of one asset in the UM or CM wallet. ``time_ms`` is 0 where it is not known."""
    key = f"{family}:{asset}"
    draft = balance_draft()
    draft.exchange = EXCHANGE
    draft.account = receipt.account
    draft.received_ms = receipt.received_ms
    draft.origin = receipt.origin
    draft.raw = receipt.raw
    draft.time_ms = moment = time_ms or receipt.received_ms
    draft.id = f"balance:{key}:{moment}:{plain(total)}"
    draft.market = MARKETS.get(family, UNKNOWN_MARKET)
    draft.asset = asset
    draft.key = key
    draft.total = total
    draft.free = draft.locked = draft.equity = None
    draft.change = change
    draft.reason = reason
    draft.__class__ = BalanceUpdate
    told: BalanceUpdate = draft
    return told


def position(row: Message, family: str, reading: Reading, time_ms: int) -> PositionUpdate:
    """A position in a decoded object of REST. Raises Missing."""
    return position_in(filled(names.REST_POSITION, row), family, reading.receipt, time_ms)


def position_in(
    row: names.PositionRow, family: str, receipt: Receipt, time_ms: int, reason: str = ""
) -> PositionUpdate:
    """A position, from the stream or REST. Raises Missing; ArithmeticError for what is no amount.

    Hedge mode has a LONG and a SHORT position of one symbol beside each other, one-way mode one that is BOTH; the
    quantity of a short position is below zero in either. ``time_ms`` is 0 where it is not known.
    """
    symbol, quantity = row.symbol, number(row.quantity)
    if not symbol:
        raise missing(row, "symbol")
    if quantity is None:
        raise missing_amount(row, "quantity")
    if row.break_even_price is not None and not is_sane(row.break_even_price):
        raise NotPlain
    key = f"{family}:{symbol}:{row.side or 'BOTH'}"
    entry_price, entry_spelled = spelled[row.entry_price]
    draft = position_draft()
    draft.exchange = EXCHANGE
    draft.account = receipt.account
    draft.received_ms = receipt.received_ms
    draft.origin = receipt.origin
    draft.raw = receipt.raw
    draft.market = MARKETS.get(family, UNKNOWN_MARKET)
    draft.symbol = symbol
    draft.key = key
    draft.quantity = quantity
    draft.side = POSITION_SIDES.get(row.side, UNKNOWN_POSITION_SIDE)
    draft.entry_price = entry_price
    draft.break_even_price = row.break_even_price
    draft.mark_price = amounts[row.mark_price] if row.mark_price else None
    draft.liquidation_price = amounts[row.liquidation_price] if row.liquidation_price else None
    draft.unrealized_pnl = number(row.unrealized_pnl)
    draft.realized_pnl = number(row.realized_pnl)
    draft.margin = None
    draft.leverage = amounts[row.leverage] if row.leverage else None
    draft.reason = reason
    draft.time_ms = moment = time_ms or receipt.received_ms
    draft.id = f"position:{key}:{moment}:{spelling(row.quantity)}:{entry_spelled}"
    draft.__class__ = PositionUpdate
    told: PositionUpdate = draft
    return told


def outbound_account_position(message: names.MarginWallet, receipt: Receipt, rows: Rows) -> list[Event]:
    """Event-Margin-Account-Update: assets that changed or may have; those not listed did not change."""
    time_ms = message.changed or message.sent
    update = f"{message.update}" or f"{time_ms or receipt.received_ms}"
    reading = Reading(EXCHANGE, "outboundAccountPosition", receipt)
    return rows(message.balances, _margin_row, update, reading, time_ms)


def _margin_row(row: names.BalanceRow, update: str, reading: Reading, time_ms: int) -> BalanceUpdate:
    asset, free = needed(row, "asset"), needed_amount(row, "free")
    return margin_balance(asset, free, number(row.locked), update, reading, time_ms)


def margin_balance(
    asset: str,
    free: Decimal,
    locked: Decimal | None,
    update: str,
    reading: Reading,
    time_ms: int | None,
    *,
    equity: Decimal | None = None,
) -> BalanceUpdate:
    """One asset of the margin wallet. ``total`` counts what is borrowed as well, ``equity`` does not."""
    key = f"{MARGIN}:{asset}"
    return BalanceUpdate(
        market=Market.MARGIN,
        asset=asset,
        key=key,
        total=None if locked is None else exact.add(free, locked),
        free=free,
        locked=locked,
        equity=equity,
        **reading.about(f"balance:{key}:{update}:{plain(free)}:{plain(locked)}", time_ms or None),
    )


def balance_update(message: Message, reading: Reading) -> Iterator[Event]:
    """Event-Margin-Balance-Update: a transfer, deposit or withdrawal, as a difference only.

    The amounts after it come in the outboundAccountPosition with the same ``U``.
    """
    asset, change = fields.need(message, "a"), fields.need_decimal(message, "d")
    key, time_ms = f"{MARGIN}:{asset}", happened(message)
    update = fields.text(message, "U") or moment(time_ms, reading)
    about = reading.about(f"change:{key}:{update}:{plain(change)}", time_ms)
    yield BalanceUpdate(market=Market.MARGIN, asset=asset, key=key, change=change, **about)
