"""The public symbol lists of spot, USDS-M and COIN-M: as much of them as foreign clients ask for before they trade."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from jexkit.sim.amounts import plain
from jexkit.sim.binance_pm.symbols import CM, LISTING, MARGIN, UM
from jexkit.sim.instruments import Instrument

NEVER_MS = 4133404800000  # how Binance writes the delivery date of a perpetual


def exchange_info(market: str, now_ms: int) -> dict[str, Any]:
    """`exchangeInfo` of the host that lists this market."""
    listed = [_symbol(item) for item in LISTING.of(market)]
    return {"timezone": "UTC", "serverTime": now_ms, "rateLimits": [], "exchangeFilters": [], "symbols": listed}


def _symbol(item: Instrument) -> dict[str, Any]:
    tick, step = plain(item.tick), plain(item.step)
    row: dict[str, Any] = {
        "symbol": item.symbol,
        "baseAsset": item.base,
        "quoteAsset": item.quote,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "orderTypes": ["LIMIT", "MARKET"],
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "1000000", "tickSize": tick},
            {"filterType": "LOT_SIZE", "minQty": step, "maxQty": "100000", "stepSize": step},
            {"filterType": "MARKET_LOT_SIZE", "minQty": step, "maxQty": "100000", "stepSize": step},
        ],
    }
    if item.market == MARGIN:
        allowed = {"isSpotTradingAllowed": True, "isMarginTradingAllowed": True, "permissions": ["SPOT", "MARGIN"]}
        return {**row, "status": "TRADING", **allowed}
    pair = item.symbol.partition("_")[0]
    dates = {"deliveryDate": NEVER_MS, "onboardDate": 1569398400000}
    row.update(pair=pair, contractType="PERPETUAL", marginAsset=item.settle, timeInForce=["GTC", "IOC", "FOK", "GTX"])
    row.update(dates, pricePrecision=-int(item.tick.as_tuple().exponent), quantityPrecision=_places(item))
    if item.market == CM:
        return {**row, "contractStatus": "TRADING", "contractSize": int(item.contract_size)}
    return {**row, "status": "TRADING"}


def leverage_brackets(market: str) -> list[dict[str, Any]]:
    """leverageBracket: one bracket per symbol, as wide as can be."""
    unit = "qty" if market == CM else "notional"
    bracket = {
        "bracket": 1,
        "initialLeverage": 20,
        f"{unit}Cap": 1_000_000,
        f"{unit}Floor": 0,
        "maintMarginRatio": Decimal("0.004"),
        "cum": 0,
    }
    return [{"symbol": item.symbol, "brackets": [bracket]} for item in LISTING.of(market)]


def _places(item: Instrument) -> int:
    return max(0, -int(item.step.as_tuple().exponent))


PATHS = {"/api/v3/exchangeInfo": MARGIN, "/fapi/v1/exchangeInfo": UM, "/dapi/v1/exchangeInfo": CM}
