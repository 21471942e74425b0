"""The symbols of the simulated Binance Portfolio Margin: USDS-M futures (UM), COIN-M futures (CM) and cross margin."""

from __future__ import annotations

from decimal import Decimal

from jexkit.sim.instruments import Instrument, Listing

UM, CM, MARGIN = "UM", "CM", "MARGIN"


def _um(base: str, price: str, tick: str, step: str) -> Instrument:
    return Instrument(
        market=UM,
        symbol=f"{base}USDT",
        base=base,
        quote="USDT",
        kind="linear",
        settle="USDT",
        wallet=UM,
        tick=Decimal(tick),
        step=Decimal(step),
        price=Decimal(price),
    )


def _cm(base: str, price: str, tick: str, size: str, delivery: str = "PERP") -> Instrument:
    return Instrument(
        market=CM,
        symbol=f"{base}USD_{delivery}",
        base=base,
        quote="USD",
        kind="inverse",
        settle=base,
        wallet=CM,
        tick=Decimal(tick),
        step=Decimal(1),
        price=Decimal(price),
        contract_size=Decimal(size),
    )


def _margin(base: str, quote: str, price: str, tick: str, step: str) -> Instrument:
    return Instrument(
        market=MARGIN,
        symbol=f"{base}{quote}",
        base=base,
        quote=quote,
        kind="spot",
        settle=quote,
        wallet=MARGIN,
        tick=Decimal(tick),
        step=Decimal(step),
        price=Decimal(price),
    )


LISTING = Listing(
    "Binance Portfolio Margin",
    [
        _um("BTC", "20000", "0.1", "0.001"),
        _um("ETH", "1500", "0.01", "0.001"),
        _um("BNB", "600", "0.010", "0.01"),
        _um("WLD", "2.0623", "0.0001", "1"),
        _um("DOGE", "0.13855", "0.00001", "1"),
        _cm("BTC", "20000", "0.1", "100"),
        _cm("ETH", "1500", "0.01", "10"),
        _cm("BNB", "600", "0.01", "10"),
        _margin("BTC", "USDT", "20000", "0.01", "0.00001"),
        _margin("ETH", "USDT", "1500", "0.01", "0.0001"),
        _margin("BNB", "USDT", "600", "0.1", "0.001"),
        _margin("WLD", "USDT", "2.062", "0.001", "0.1"),
        _margin("ETH", "BTC", "0.075", "0.00001", "0.0001"),
    ],
)

STARTING_BALANCES = {
    UM: {"USDT": "1000000", "BNB": "1000"},
    CM: {"BTC": "100", "ETH": "1000", "BNB": "1000"},
    MARGIN: {"USDT": "1000000", "BTC": "100", "ETH": "1000", "BNB": "1000", "WLD": "10000"},
}
