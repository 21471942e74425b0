"""Events in a few words, for people."""

from __future__ import annotations

from decimal import Decimal
from functools import singledispatch

from jexkit.events import (
    AccountNotice,
    BalanceUpdate,
    Event,
    Fill,
    Gap,
    Lost,
    OrderUpdate,
    PositionUpdate,
    Suspended,
    Unknown,
)


@singledispatch
def in_words(event: Event) -> str:
    """One short line about an event."""
    return type(event).__name__.lower()


@in_words.register
def _(event: OrderUpdate) -> str:
    price = f" @ {_plain(event.price)}" if event.price is not None else ""
    return f"{event.side} {_plain(event.quantity)} {event.symbol}{price}: {event.status.replace('_', ' ')}"


@in_words.register
def _(event: Fill) -> str:
    return f"fill: {event.side} {_plain(event.quantity)} {event.symbol} @ {_plain(event.price)}"


@in_words.register
def _(event: BalanceUpdate) -> str:
    known = event.total if event.total is not None else event.free
    if known is None:
        return f"{event.asset} changed by {_plain(event.change)}"
    return f"{event.asset} balance {_plain(known)}"


@in_words.register
def _(event: PositionUpdate) -> str:
    return f"position {_plain(event.quantity)} {event.symbol}"


@in_words.register
def _(event: AccountNotice) -> str:
    about = event.symbol or event.asset or event.level
    return f"{event.kind.replace('_', ' ')} {about}".strip()


@in_words.register
def _(event: Unknown) -> str:
    return f"unknown message {event.native_kind}".strip()


@in_words.register
def _(event: Suspended) -> str:
    return f"suspended ({event.reason.replace('_', ' ')})"


@in_words.register
def _(event: Lost) -> str:
    return f"lost: {event.detail}"


@in_words.register
def _(event: Gap) -> str:
    return f"gap: {event.what}"


def _plain(amount: Decimal | None) -> str:
    return "?" if amount is None else format(amount.normalize() + 0, "f")
