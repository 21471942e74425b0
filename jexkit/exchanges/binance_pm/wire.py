"""Binance Portfolio Margin: from messages of the user data stream to events.

https://developers.binance.com/docs/derivatives/portfolio-margin/user-data-streams, pages "Event ...". One stream
carries three families: UM (USD-M futures), CM (COIN-M futures) and margin. The rows that REST answers say the same
things under longer names; ``names`` pairs the names, so that one reader serves both. Here is which message is which;
they are read in ``orders``, ``holdings`` and ``notices``.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

import attrs

from jexkit.core import exact, fields
from jexkit.core.exact import Shape
from jexkit.core.fields import Missing
from jexkit.core.reading import NOT_MODELLED, Reading, Rows, whole
from jexkit.core.redaction import without
from jexkit.core.shapes import filled
from jexkit.core.values import Receipt
from jexkit.events import Event
from jexkit.exchanges.binance_pm import holdings, names, notices, orders
from jexkit.exchanges.binance_pm.names import EXCHANGE


def read_text(text: str, receipt: Receipt) -> list[Event] | None:
    """The same as ``read`` for the messages that come often, without a dictionary in between, in a fifth of the time.

    None for all others, and where anything in the message is not as the documents have it.
    """
    if "listenKey" in text:  # must not be kept: see ``_opened``
        return None
    if not text.isascii() and '"bep"' in text:  # the decoder would take the digits of any script, in quotes, for it
        return None
    try:
        message = _decode(text)
        return OFTEN[type(message)][1](message, receipt, whole) or None
    except (*exact.MISFITS, Missing):
        return None


def read(message: Any, receipt: Receipt) -> list[Event]:
    """The events in one decoded message, in the order in which they hold. Never raises."""
    message, receipt = _opened(message, receipt)
    kind = fields.text(message, "e") if isinstance(message, dict) else ""
    if not kind:
        return _control(message, receipt)
    if kind == "listenKeyExpired":  # the session's business; it comes here at most on its way
        return []
    reading = Reading(EXCHANGE, kind, receipt)
    reader = EVENTS.get(kind)
    if reader is None:
        return [reading.unknown(f"{NOT_MODELLED}event")]
    return _told(reader, message, reading)


def _told(reader: Reader, message: Any, reading: Reading) -> list[Event]:
    try:
        events = list(reader(message, reading))
    except Missing as missing:
        return [reading.unknown(str(missing))]
    return events or [reading.unknown("there is nothing in it that this version can read")]


def _opened(message: Any, receipt: Receipt) -> tuple[Any, Receipt]:
    """The event inside the envelope of ``/pm/stream``, and the raw text of that event alone.

    The envelope's ``stream`` is the listen key, with which anyone can read the account, and so is a ``listenKey``
    inside an event: neither must be kept.
    """
    inner = without(message, ("stream", "listenKey"))
    if isinstance(inner, dict) and "e" not in inner and isinstance(inner.get("data"), dict):
        inner = without(inner["data"], ("listenKey",))
    if inner is message:
        return message, receipt
    try:
        raw = exact.encode(inner)
    except RecursionError:  # nested about as deep as can be decoded at all
        raw = ""
    return inner, attrs.evolve(receipt, raw=raw)


def _control(message: Any, receipt: Receipt) -> list[Event]:
    """A frame without ``e``: the answer to a request, or a complaint, whose shape differs between gateways.

    ``{"result":null,"id":1}``, ``{"error":{"code":2,"msg":"..."}}``, ``{"code":2,"msg":"..."}``. The text may quote the
    request and so the listen key.
    """
    if isinstance(message, dict) and "result" in message and "error" not in message:
        return []
    kind = next((name for name in ("error", "code") if name in message), "") if isinstance(message, dict) else ""
    return [Reading(EXCHANGE, kind, receipt).unknown("a frame that is no event")]


Reader: TypeAlias = Callable[[Any, Reading], Iterable[Event]]
ShapeReader: TypeAlias = Callable[[Any, Receipt, Rows], list[Event]]

OFTEN: Mapping[type[Any], tuple[str, ShapeReader]] = {
    names.ORDER_TRADE_UPDATE: ("ORDER_TRADE_UPDATE", orders.order_trade_update),
    names.ACCOUNT_UPDATE: ("ACCOUNT_UPDATE", holdings.account_update),
    names.EXECUTION_REPORT: ("executionReport", orders.execution_report),
    names.OUTBOUND_ACCOUNT_POSITION: ("outboundAccountPosition", holdings.outbound_account_position),
}
"""The messages that the decoder knows the shape of: what the exchange calls them, and how they are read."""
_decode = exact.decoder(functools.reduce(operator.or_, OFTEN))


def _by_shape(shape: type[Shape], reader: ShapeReader) -> Reader:
    """The reader of a shape, for an object that is decoded already: there each row is read or told for itself."""
    return lambda message, reading: reader(filled(shape, message), reading.receipt, reading.each)


EVENTS: Mapping[str, Reader] = {
    **{kind: _by_shape(shape, reader) for shape, (kind, reader) in OFTEN.items()},
    "ACCOUNT_CONFIG_UPDATE": notices.account_config_update,
    "CONDITIONAL_ORDER_TRADE_UPDATE": orders.conditional_order_trade_update,
    "ALGO_UPDATE": orders.algo_update,
    "listStatus": notices.list_status,
    "balanceUpdate": holdings.balance_update,
    "liabilityChange": notices.liability_change,
    "openOrderLoss": notices.open_order_loss,
    "riskLevelChange": notices.risk_level_change,
    "RISK_LEVEL_CHANGE": notices.risk_level_change,  # the heading of the same page
}
