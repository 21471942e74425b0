"""Binance Portfolio Margin: finding trades. The exchange lists them by family and symbol only, and a page at a time.

https://developers.binance.com/docs/derivatives/portfolio-margin/trade, "... Trade List" and account, "... Income
History".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from jexkit.core import fields
from jexkit.core.fields import Message
from jexkit.core.values import Flow
from jexkit.exchanges.binance_pm import names
from jexkit.exchanges.binance_pm.names import MARGIN

AskList: TypeAlias = Callable[..., Flow[list[Message]]]
"""Asks a path, with parameters, for a list of objects."""

TRADES = {
    "UM": ("/papi/v1/um/userTrades", names.REST_UM_TRADE),
    "CM": ("/papi/v1/cm/userTrades", names.REST_CM_TRADE),
    MARGIN: ("/papi/v1/margin/myTrades", names.REST_MARGIN_TRADE),
}
INCOME = {"UM": "/papi/v1/um/income", "CM": "/papi/v1/cm/income"}

PAGE = 1000  # the most rows in one answer
DAY_MS = 86_400_000  # trades are asked for a day at a time; CM and margin refuse more, UM's pages disagree
INCOME_MS = 89 * DAY_MS  # income reaches back three months


def trades(ask: AskList, family: str, symbol: str, since_ms: int, until_ms: int) -> Flow[list[Message]]:
    """The rows of one symbol's trades, by id."""
    path, _ = TRADES[family]
    rows: list[Message] = []
    for start_ms in range(since_ms, until_ms + 1, DAY_MS):
        end_ms = min(start_ms + DAY_MS - 1, until_ms)
        page = yield from ask(path, symbol=symbol, startTime=start_ms, endTime=end_ms, limit=PAGE)
        rows += page
        if len(page) >= PAGE:  # more than fits: go on by id from here to now; ``fromId`` goes with no times
            rows += yield from _later(ask, path, symbol, page)
            break
    return sorted(rows, key=trade_id)


def _later(ask: AskList, path: str, symbol: str, page: list[Message]) -> Flow[list[Message]]:
    """The trades after those of a full ``page``, whose order is not documented. ``fromId`` is inclusive."""
    later: list[Message] = []
    while len(page) >= PAGE:
        last = max(trade_id(row) for row in page)
        page = yield from ask(path, symbol=symbol, fromId=last + 1, limit=PAGE)
        page = [row for row in page if trade_id(row) > last]
        later += page
    return later


def symbols_with_income(ask: AskList, family: str, since_ms: int, until_ms: int) -> Flow[set[str]]:
    """The symbols with a fee, profit or funding in the ledger of UM or CM.

    The parameter ``page`` goes away in October 2026, so the last row's time leads to the next page.
    """
    symbols: set[str] = set()
    start_ms = max(since_ms, until_ms - INCOME_MS)
    while start_ms <= until_ms:
        rows = yield from ask(INCOME[family], startTime=start_ms, endTime=until_ms, limit=PAGE)
        symbols.update(symbol for symbol in (fields.text(row, "symbol") for row in rows) if symbol)
        if len(rows) < PAGE:
            break
        last = max(fields.time_ms(row, "time") or 0 for row in rows)
        start_ms = max(last, start_ms + 1)  # the last moment once more, for its other rows
    return symbols


def places(named: str) -> list[tuple[str, str]]:
    """Family and symbol of what a program calls ``named``: several where the name leaves it open.

    "UM:BTCUSDT" is clear. BTCUSD_PERP and BTCUSD_200925 are CM and BTCUSDT_230630 is UM; BTCUSDT can be UM or margin.
    """
    family, colon, symbol = named.partition(":")
    if colon:
        return [(family.upper(), symbol)]
    pair, underscore, _ = named.partition("_")
    if underscore:
        return [("CM" if pair.endswith("USD") else "UM", named)]
    return [("UM", named), (MARGIN, named)]


def trade_id(row: Message) -> int:
    return number(fields.text(row, "id"))


def number(text: str) -> int:
    """A trade id to sort by."""
    return int(text) if text.isdecimal() else -1
