"""Deribit: the small channels about the account and the platform, as ``AccountNotice``.

https://docs.deribit.com, Subscriptions, ``user.lock`` ``user.liquidation`` ``user.access_log`` ``user.mmp_trigger`` and
``platform_state``. Each function reads one notification; a row that lacks the word it is about becomes Unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, TypeAlias

from jexkit.core import fields
from jexkit.core.fields import Message
from jexkit.core.reading import Reading
from jexkit.events import AccountNotice, Event, NoticeKind

Reader: TypeAlias = Callable[[Any, Reading], list[Event]]


def _lock(row: Message, reading: Reading) -> AccountNotice:
    """Trading in a currency ("ALL" for every one) is locked or unlocked. No time."""
    asset, level = fields.text(row, "currency"), _truth(row, "locked", "locked", "unlocked")
    identity = f"notice:user.lock:{asset}:{level}:{reading.receipt.received_ms}"
    return _notice(NoticeKind.LOCK, "user.lock", reading, identity, None, level=level, asset=asset)


def _liquidation(row: Message, reading: Reading) -> AccountNotice:
    """A liquidation starts or ends, or a position is transferred; ``value`` is the amount that was transferred."""
    state, when = fields.need(row, "state"), fields.time_ms(row, "timestamp")
    symbol, asset = fields.text(row, "instrument_name"), fields.text(row, "currency")
    amount = fields.decimal(row, "amount")
    identity = f"notice:user.liquidation:{state}:{symbol or asset}:{when or reading.receipt.received_ms}"
    return _notice(
        NoticeKind.LIQUIDATION,
        "user.liquidation",
        reading,
        identity,
        when,
        level=state,
        symbol=symbol,
        asset=asset,
        value=amount,
    )


def _access_log(row: Message, reading: Reading) -> AccountNotice:
    """A login, or a change of password, keys, scope or allow list; the REST twin calls the word ``result``."""
    word, when = fields.need(row, "log", "result"), fields.time_ms(row, "timestamp")
    number = fields.text(row, "id") or f"{word}:{when or reading.receipt.received_ms}"
    return _notice(NoticeKind.ACCESS, "user.access_log", reading, f"notice:user.access_log:{number}", when, level=word)


def _mmp_trigger(row: Message, reading: Reading) -> AccountNotice:
    """Quoting is frozen; ``value`` is the end in milliseconds since 1970, 0 for "until it is reset". No time."""
    symbol, group = fields.need(row, "index_name"), fields.text(row, "mmp_group")
    until = fields.decimal(row, "frozen_until")
    identity = f"notice:user.mmp_trigger:{symbol}:{group}:{until}:{reading.receipt.received_ms}"
    kind = NoticeKind.MARKET_MAKER_PROTECTION
    return _notice(
        kind, "user.mmp_trigger", reading, identity, None, level=group or "triggered", symbol=symbol, value=until
    )


def _platform_state(row: Message, reading: Reading) -> AccountNotice:
    """Maintenance begins or ends, or an index is locked or unlocked (which is repeated several times a second)."""
    index = fields.text(row, "price_index")
    if "maintenance" in row:
        level = _truth(row, "maintenance", "maintenance", "maintenance over")
    else:
        level = _truth(row, "locked", "locked", "unlocked")
    identity = f"notice:platform_state:{index}:{level}:{reading.receipt.received_ms}"
    return _notice(NoticeKind.PLATFORM, "platform_state", reading, identity, None, level=level, symbol=index)


def _public_methods(row: Message, reading: Reading) -> AccountNotice:
    """Whether the exchange answers public requests of those who have not logged in."""
    name = "allow_unauthenticated_public_requests"
    level = _truth(row, name, "public requests open", "public requests need a login")
    identity = f"notice:platform_state.public_methods_state:{level}:{reading.receipt.received_ms}"
    return _notice(NoticeKind.PLATFORM, "platform_state.public_methods_state", reading, identity, None, level=level)


def _truth(row: Message, name: str, yes: str, no: str) -> str:
    """``yes`` or ``no``, another word of the exchange's as it is; a lock is not to be guessed at. Raises Missing."""
    value = row.get(name)
    if isinstance(value, bool):
        return yes if value else no
    return fields.need(row, name)


def _notice(
    kind: NoticeKind,
    native_kind: str,
    reading: Reading,
    identity: str,
    time_ms: int | None,
    *,
    level: str,
    symbol: str = "",
    asset: str = "",
    value: Decimal | None = None,
) -> AccountNotice:
    about = reading.about(identity, time_ms)
    return AccountNotice(
        kind=kind, native_kind=native_kind, level=level, symbol=symbol, asset=asset, value=value, **about
    )


def _reader(read_row: Callable[[Message, Reading], AccountNotice]) -> Reader:
    return lambda data, reading: reading.rows(data, lambda row: [read_row(row, reading)])


CHANNELS: Mapping[str, Reader] = {
    "user.lock": _reader(_lock),
    "user.liquidation": _reader(_liquidation),
    "user.access_log": _reader(_access_log),
    "user.mmp_trigger": _reader(_mmp_trigger),
    "platform_state": _reader(_platform_state),
    "platform_state.public_methods_state": _reader(_public_methods),
}
