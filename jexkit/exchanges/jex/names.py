"""JEX: which names the exchange gives to what, in its stream and over REST.

https://github.com/JexApi/jex-official-api-docs, web-socket-streams.md and rest-api.md, as they stood in December 2019.
"""

from __future__ import annotations

from collections.abc import Sequence

from jexkit.core.exact import Amount, Shape, Time
from jexkit.core.shapes import Id, Text, TextOrNull, named


class OrderRow(Shape):
    """An order."""

    time: Time = 0
    symbol: TextOrNull = ""
    side: TextOrNull = ""
    quantity: Amount = ""
    price: Amount = ""
    status: TextOrNull = ""
    other_status: TextOrNull = ""
    order_id: Id = ""
    filled: Amount = ""
    created: Time = 0
    filled_quote: Amount = ""
    reason: TextOrNull = ""
    other_reason: TextOrNull = ""
    order_type: TextOrNull = ""
    time_in_force: TextOrNull = ""
    average_price: Amount = ""


# The Chinese text calls the state of a contract order ``x``, and the heading of its reasons is ``R``.
# ``O`` is "transaction time" in English and the order's creation in Chinese; in the sample it precedes ``E``.
ORDER_NAMES = {
    "symbol": "s", "order_id": "i", "side": "S", "status": "X", "other_status": "x", "quantity": "q", "price": "p",
    "filled": "z", "filled_quote": "Z", "reason": "r", "other_reason": "R", "created": "O", "time": "E",
}  # fmt: skip
ORDER = named(OrderRow, **ORDER_NAMES)
REST_ORDER = named(
    OrderRow, symbol="symbol", order_id="orderId", side="side", status="status", quantity="origQty", price="price",
    filled="executedQty", filled_quote="cummulativeQuoteQty", reason="reject", created="time", time="updateTime",
    order_type="type", time_in_force="timeInForce", average_price="executedPrice",
)  # fmt: skip


class BalanceRow(Shape):
    """One asset of one wallet."""

    asset: Text = ""
    free: Amount = ""
    locked: Amount = ""


BALANCE = named(BalanceRow, asset="a", free="f", locked="l")
REST_BALANCE = named(BalanceRow, asset="asset", free="free", locked="locked")


class PositionRow(Shape):
    """A contract position."""

    symbol: Text = ""
    direction: Text = ""
    quantity: Amount = ""
    entry_price: Amount = ""
    liquidation_price: Amount = ""
    margin: Amount = ""
    leverage: Amount = ""
    unrealized_pnl: Amount = ""


POSITION = named(
    PositionRow, symbol="s", direction="d", quantity="q", entry_price="c", liquidation_price="l", margin="o",
    leverage="v",
)  # fmt: skip
REST_POSITION = named(
    PositionRow, symbol="symbol", direction="direction", quantity="currentQuantity", entry_price="costPrice",
    liquidation_price="liquidationPrice", margin="positionMargin", leverage="leverage", unrealized_pnl="profit",
)  # fmt: skip


# --- the messages of the stream ---------------------------------------------------------------------------------------


class AccountMessage(Shape):
    """Assets of one wallet."""

    sent: Time = 0
    changed: Time = 0
    balances: Sequence[BalanceRow] = ()


class PositionsMessage(Shape):
    """Contract positions."""

    sent: Time = 0
    positions: Sequence[PositionRow] = ()


REPORTS = {
    family: named(OrderRow, ("e", f"exec{family.capitalize()}Report"), **ORDER_NAMES)
    for family in ("spot", "option", "contract")
}
ACCOUNTS = {
    family: named(
        AccountMessage,
        ("e", f"account{family.capitalize()}Info"),
        sent="E",
        changed="u",
        balances=("B", list[BALANCE]),  # type: ignore[valid-type]
    )
    for family in ("spot", "option", "contract")
}
POSITIONS = named(
    PositionsMessage,
    ("e", "contractPositions"),
    sent="E",
    positions=("p", list[POSITION]),  # type: ignore[valid-type]
)
