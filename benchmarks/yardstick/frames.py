"""The messages that are sent: real ones of the recorded corpus, with ids, times and amounts that go on.

A story is what an exchange tells while a program trades: one order placed and cancelled, one placed and filled in two
trades, and with each step what else the exchange says (wallets, positions, the same change on a second channel). The
shapes are those of tests/wire; no message comes twice.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs

CORPUS = Path(__file__).parents[2] / "tests" / "wire"
BEGIN_MS = 2_000_000_000_000  # later than anything that the exchange answers over REST
STEP_MS = 7  # between two messages

Message = dict[str, Any]


@attrs.frozen
class Told:
    """One message, and how many events a library that keeps out repeats has to tell of it."""

    message: Message
    events: int


@attrs.frozen
class Step:
    """What happens to an order: its number, what has been filled before and with it, and which step of its life."""

    order: int
    number: int  # of all steps
    time_ms: int
    state: str  # "placed", "cancelled", "part" or "rest"

    @property
    def amount(self) -> int:
        """The order's, in thousandths: differs from order to order."""
        return 2_000 + self.order % 977 * 10

    @property
    def filled(self) -> int:
        return {"part": self.amount // 2, "rest": self.amount}.get(self.state, 0)

    @property
    def traded(self) -> int:
        """By this step alone."""
        return self.amount // 2 if self.state in ("part", "rest") else 0

    @property
    def price(self) -> int:
        """In cents."""
        return 4_000_000 + self.order % 1_009 * 25


LIFE = ("placed", "cancelled", "placed", "part", "rest")
"""The steps of two orders."""


def steps(first: int) -> Iterator[Step]:
    """The story without its end, from the ``first`` pair of orders on."""
    number = first * len(LIFE)
    for pair in range(first, 10**9):
        for index, state in enumerate(LIFE):
            number += 1
            yield Step(2 * pair + (index > 1), number, BEGIN_MS + number * STEP_MS, state)


def recorded(exchange: str, event: str, *, where: Callable[[Message], bool] = lambda _: True) -> Message:
    """The first recorded message of that event for which ``where`` holds."""
    for line in (CORPUS / f"{exchange}.jsonl").read_text("utf-8").splitlines():
        found = json.loads(line)
        if found["event"] == event and where(found["payload"]):
            message: Message = found["payload"]
            return message
    raise LookupError(f"no {event} of {exchange} is recorded in {CORPUS}")


def dec(thousandths: int) -> str:
    return f"{thousandths // 1000}.{thousandths % 1000:03d}"


def cents(value: int) -> str:
    return f"{value // 100}.{value % 100:02d}"


# --- Binance Portfolio Margin -----------------------------------------------------------------------------------------


class Binance:
    """UM futures: ORDER_TRADE_UPDATE, and ACCOUNT_UPDATE with each trade."""

    def __init__(self) -> None:
        name = "ORDER_TRADE_UPDATE"
        self._placed = recorded("binance_pm", name, where=lambda m: m["o"]["x"] == "NEW" and "pm" in m["o"])
        self._traded = recorded("binance_pm", name, where=lambda m: m["o"]["x"] == "TRADE" and "pm" in m["o"])
        self._account = recorded("binance_pm", "ACCOUNT_UPDATE", where=lambda m: len(m["a"]["P"]) > 0)

    def tell(self, step: Step) -> Iterator[Told]:
        is_trade = step.traded > 0
        words = {"placed": ("NEW", "NEW"), "cancelled": ("CANCELED", "CANCELED"), "part": ("TRADE", "PARTIALLY_FILLED")}
        execution, status = words.get(step.state, ("TRADE", "FILLED"))
        price = cents(step.price)
        order = {
            **(self._traded if is_trade else self._placed)["o"],
            "i": 8_886_000_000 + step.order,
            "c": f"c-11WLU7VP{step.order:08d}",
            "x": execution,
            "X": status,
            "q": dec(step.amount),
            "p": price,
            "ap": price if is_trade else "0",
            "z": dec(step.filled),
            "l": dec(step.traded),
            "L": price if is_trade else "0",
            "t": 648_000_000 + step.number * is_trade,
            "n": dec(step.traded // 7) if is_trade else "0",
            "T": step.time_ms,
        }
        yield Told(self._at(step, {**self._placed, "o": order}), 1 + is_trade)
        if is_trade:
            balance = {**self._account["a"]["B"][0], "wb": f"{10_000 + step.number}.12345678"}
            balance["cw"] = balance["wb"]
            position = {
                **self._account["a"]["P"][0],
                "pa": dec(step.order * 1000 + step.filled),
                "ep": price,
                "bep": "0",
            }
            yield Told(self._at(step, {**self._account, "a": {"m": "ORDER", "B": [balance], "P": [position]}}), 2)

    def _at(self, step: Step, message: Message) -> Message:
        return {**message, "E": step.time_ms + 3, "T": step.time_ms}

    def timed(self, sent_ns: int) -> Message:
        order = {**self._placed["o"], "i": sent_ns, "x": "CANCELED", "X": "CANCELED"}
        return {**self._placed, "o": order}


# --- Deribit ----------------------------------------------------------------------------------------------------------


class Deribit:
    """The channels that jexkit subscribes to: each change of an order also comes by ``user.changes``."""

    def __init__(self) -> None:
        name = "notification.user.changes.BTC-PERPETUAL.raw"
        changes = recorded("deribit", name)["params"]["data"]
        self._order, self._trade, self._position = (changes[part][0] for part in ("orders", "trades", "positions"))
        self._portfolio = recorded("deribit", "notification.user.portfolio.btc")["params"]["data"]

    def tell(self, step: Step) -> Iterator[Told]:
        order = self._order_of(step)
        yield Told(self._on("user.orders.any.any.raw", order), 1)
        changes = {"trades": [], "positions": [], "orders": [order], "instrument_name": "BTC-PERPETUAL"}
        if step.traded:
            trade = {
                **self._trade,
                "trade_seq": 866_638 + step.number,
                "trade_id": str(1_430_914 + step.number),
                "timestamp": step.time_ms,
                "order_id": order["order_id"],
                "price": order["price"],
                "amount": step.traded * 10,
                "fee": step.number * 1e-8,
                "profit_loss": step.number * 2e-8,
            }
            yield Told(self._on("user.trades.any.any.raw", [trade]), 1)
            size = 185_160 + step.number * 10
            position = {**self._position, "size": size, "realized_profit_loss": step.number * 3e-8}
            changes |= {"trades": [trade], "positions": [position]}
        yield Told(self._on("user.changes.any.any.raw", changes), 1 if step.traded else 0)
        if step.traded:
            equity = round(0.0015 + step.number * 1e-8, 8)
            yield Told(self._on("user.portfolio.btc", {**self._portfolio, "equity": equity, "balance": equity}), 1)

    def _order_of(self, step: Step) -> Message:
        return {
            **self._order,
            "order_id": str(3_398_016 + step.order),
            "order_type": "limit",
            "price": step.price / 100,
            "order_state": {"placed": "open", "part": "open", "rest": "filled"}.get(step.state, "cancelled"),
            "amount": step.amount * 10,
            "filled_amount": step.filled * 10,
            "last_update_timestamp": step.time_ms,
            "average_price": step.price / 100 if step.filled else 0,
            "creation_timestamp": step.time_ms - 1,
        }

    def _on(self, channel: str, data: Any) -> Message:
        return {"jsonrpc": "2.0", "method": "subscription", "params": {"channel": channel, "data": data}}

    def timed(self, sent_ns: int) -> Message:
        order = {**self._order, "order_state": "cancelled", "order_id": str(sent_ns)}
        return self._on("user.orders.any.any.raw", order)


# --- Poloniex ---------------------------------------------------------------------------------------------------------


class Poloniex:
    """``orders``, and ``balances`` with every step."""

    def __init__(self) -> None:
        self._placed = recorded("poloniex", "orders.place")["data"][0]
        self._traded = recorded("poloniex", "orders.trade")["data"][0]
        self._balance = recorded("poloniex", "balances.place_order")["data"][0]

    def tell(self, step: Step) -> Iterator[Told]:
        is_trade = step.traded > 0
        event, state = {"placed": ("place", "NEW"), "cancelled": ("canceled", "CANCELED")}.get(
            step.state, ("trade", "")
        )
        traded = {"tradeQty": dec(step.traded), "tradePrice": cents(step.price), "tradeTime": step.time_ms}
        traded |= {"tradeId": str(62_036_513 + step.number), "tradeFee": dec(step.traded // 9)}
        order = {
            **(self._traded if is_trade else self._placed),
            "orderId": str(186_250_258_089_635_840 + step.order),
            "eventType": event,
            "type": "LIMIT",
            "state": state or {"part": "PARTIALLY_FILLED"}.get(step.state, "FILLED"),
            "ts": step.time_ms + 20,
            "price": cents(step.price),
            "quantity": dec(step.amount),
            "filledQuantity": dec(step.filled),
            "filledAmount": dec(step.filled * step.price // 100),
            "createTime": step.time_ms - 5,
            **(traded if is_trade else {}),
        }
        yield Told({"channel": "orders", "data": [order]}, 1 + is_trade)
        assets = ("BTC", "USDT") if is_trade else ("USDT",)
        balances = [
            {
                **self._balance,
                "currency": asset,
                "id": 60_018_450_912_695_040 + 2 * step.number + which,
                "available": dec(9_999_999_983_668 - step.number),
                "hold": dec(step.amount + step.number),
                "changeTime": step.time_ms,
                "ts": step.time_ms + 20,
                "eventType": "match_order",
            }
            for which, asset in enumerate(assets)
        ]
        yield Told({"channel": "balances", "data": balances}, len(balances))

    def timed(self, sent_ns: int) -> Message:
        return {"channel": "orders", "data": [{**self._placed, "orderId": str(sent_ns), "state": "CANCELED"}]}


# --- JEX --------------------------------------------------------------------------------------------------------------


class Jex:
    """Spot: ``execSpotReport``, and ``accountSpotInfo`` with every step."""

    def __init__(self) -> None:
        self._order = recorded("jex", "execSpotReport")
        self._account = recorded("jex", "accountSpotInfo")

    def tell(self, step: Step) -> Iterator[Told]:
        words = {"placed": "NEW", "cancelled": "CANCELED", "part": "PARTIALLY_FILLED"}
        order = {
            **self._order,
            "i": 4_293_153 + step.order,
            "X": words.get(step.state, "FILLED"),
            "E": step.time_ms,
            "O": step.time_ms - 1,
            "q": dec(step.amount),
            "p": cents(step.price),
            "z": dec(step.filled),
            "Z": dec(step.filled * step.price // 100),
        }
        yield Told(order, 2 if step.traded else 1)
        rows = self._account["B"][: 2 if step.traded else 1]
        assets = [{**row, "f": dec(17_366_185 + step.number), "l": dec(step.amount)} for row in rows]
        yield Told({**self._account, "E": step.time_ms + 1, "u": step.time_ms, "B": assets}, len(assets))

    def timed(self, sent_ns: int) -> Message:
        return {**self._order, "i": sent_ns, "X": "CANCELED"}


STORIES: dict[str, Callable[[], Any]] = {
    "binance_pm": Binance,
    "deribit": Deribit,
    "poloniex": Poloniex,
    "jex": Jex,
}


def story(exchange: str, first: int = 0) -> Iterator[Told]:
    """Messages without end; ``first`` is the pair of orders to begin with."""
    teller = STORIES[exchange]()
    for step in steps(first):
        yield from teller.tell(step)


# ``timed``: an order that has ended (so that no program keeps it), whose id is the time at which it was sent.


def write(message: Message) -> bytes:
    """The payload, as compact as exchanges write it."""
    return json.dumps(message, separators=(",", ":")).encode()
