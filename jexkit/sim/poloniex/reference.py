"""Public reference data: what clients load before they trade.

https://api-docs.poloniex.com/spot/api/public/reference-data
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from jexkit.sim.amounts import plain
from jexkit.sim.books import Balance
from jexkit.sim.calls import Call
from jexkit.sim.instruments import Instrument
from jexkit.sim.poloniex import errors
from jexkit.sim.poloniex.symbols import currencies, scale

if TYPE_CHECKING:
    from jexkit.sim.poloniex.venue import Poloniex

LISTED_SINCE = 1659018816626


def routes(venue: Poloniex) -> dict[str, Callable[[Call], Any]]:
    """Path -> what a GET answers."""
    return {
        "/timestamp": lambda _: {"serverTime": venue.clock.now_ms()},
        "/markets": lambda _: [market(item) for item in venue.listing],
        "/markets/price": lambda _: [_price(venue, item) for item in venue.listing],
        "/markets/ticker24h": lambda _: [_ticker(venue, item) for item in venue.listing],
        "/markets/{symbol}": lambda call: [market(_listed(venue, call))],
        "/markets/{symbol}/price": lambda call: _price(venue, _listed(venue, call)),
        "/markets/{symbol}/ticker24h": lambda call: _ticker(venue, _listed(venue, call)),
        "/currencies": lambda _: [{code: _old_currency(code, number)} for number, code in enumerate(currencies(), 214)],
        "/v2/currencies": lambda _: [_currency(code, number) for number, code in enumerate(currencies(), 214)],
        "/v3/market/allInstruments": lambda _: {"code": 200, "msg": "Success", "data": []},
    }


def market(item: Instrument) -> dict[str, Any]:
    """A symbol's description."""
    price_scale, quantity_scale = scale(item.tick), scale(item.step)
    return {
        "symbol": item.symbol,
        "baseCurrencyName": item.base,
        "quoteCurrencyName": item.quote,
        "displayName": f"{item.base}/{item.quote}",
        "state": "NORMAL",
        "visibleStartTime": LISTED_SINCE,
        "tradableStartTime": LISTED_SINCE,
        "symbolTradeLimit": {
            "symbol": item.symbol,
            "priceScale": price_scale,
            "quantityScale": quantity_scale,
            "amountScale": price_scale,
            "minQuantity": plain(item.step),
            "minAmount": "0.00001",
            "highestBid": "0",
            "lowestAsk": "0",
        },
    }


def balance_row(balance: Balance, currency_id: str) -> dict[str, str]:
    """One currency of GET /accounts/balances."""
    return {
        "currencyId": currency_id,
        "currency": balance.asset,
        "available": plain(balance.free),
        "hold": plain(balance.locked),
    }


def _listed(venue: Poloniex, call: Call) -> Instrument:
    try:
        return venue.instrument(call.in_path["symbol"])
    except ValueError:
        raise errors.invalid_symbol() from None


def _price(venue: Poloniex, item: Instrument) -> dict[str, Any]:
    now = venue.clock.now_ms()
    return {"symbol": item.symbol, "price": plain(venue.price(item)), "time": now, "dailyChange": "0", "ts": now}


def _ticker(venue: Poloniex, item: Instrument) -> dict[str, Any]:
    now, last = venue.clock.now_ms(), venue.price(item)
    return {
        "symbol": item.symbol,
        "open": plain(item.price),
        "low": plain(min(item.price, last)),
        "high": plain(max(item.price, last)),
        "close": plain(last),
        "quantity": "0",
        "amount": "0",
        "tradeCount": 0,
        "startTime": now - 86_400_000,
        "closeTime": now,
        "displayName": f"{item.base}/{item.quote}",
        "dailyChange": "0",
        "bid": plain(last - item.tick),
        "bidQuantity": "1",
        "ask": plain(last + item.tick),
        "askQuantity": "1",
        "markPrice": plain(last),
        "ts": now,
    }


def _currency(code: str, number: int) -> dict[str, Any]:
    return {
        "id": number,
        "coin": code,
        "delisted": False,
        "tradeEnable": True,
        "name": code,
        "networkList": [],
        "supportCollateral": False,
        "supportBorrow": False,
    }


def _old_currency(code: str, number: int) -> dict[str, Any]:
    return {
        "id": number,
        "name": code,
        "description": "",
        "type": "address",
        "withdrawalFee": "0",
        "minConf": 1,
        "depositAddress": None,
        "blockchain": code,
        "delisted": False,
        "tradingState": "NORMAL",
        "walletState": "ENABLED",
        "parentChain": None,
        "isMultiChain": False,
        "isChildChain": False,
        "childChains": [],
    }
