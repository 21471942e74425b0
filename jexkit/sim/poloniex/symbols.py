"""The spot symbols of the simulated Poloniex and the money that accounts begin with."""

from __future__ import annotations

from decimal import Decimal

from jexkit.sim.amounts import Amount
from jexkit.sim.instruments import Instrument, Listing

SPOT = "SPOT"


def _spot(base: str, quote: str, price: str, tick: str, step: str) -> Instrument:
    return Instrument(
        market=SPOT,
        symbol=f"{base}_{quote}",
        base=base,
        quote=quote,
        kind="spot",
        settle=quote,
        wallet=SPOT,
        tick=Decimal(tick),
        step=Decimal(step),
        price=Decimal(price),
    )


LISTING = Listing(
    "Poloniex",
    [
        _spot("BTC", "USDT", "47112.1", "0.01", "0.0001"),
        _spot("ETH", "USDT", "3312.47", "0.01", "0.001"),
        _spot("LINK", "USDT", "11.02", "0.001", "0.1"),
        _spot("ADA", "USDT", "0.37694", "0.00001", "1"),
        _spot("TRX", "USDC", "0.1124", "0.00001", "10"),
        _spot("BTC", "USDC", "47110.2", "0.01", "0.0001"),
        _spot("ETH", "BTC", "0.070312", "0.000001", "0.001"),
    ],
)

STARTING_BALANCES: dict[str, dict[str, Amount]] = {
    SPOT: {
        "USDT": "1000000",
        "USDC": "500000",
        "BTC": "100",
        "ETH": "1000",
        "LINK": "10000",
        "ADA": "100000",
        "TRX": "100000",
    },
}


def currencies() -> list[str]:
    """Every currency, in the order of the listing."""
    return list(dict.fromkeys(code for item in LISTING for code in (item.base, item.quote)))


def scale(step: Decimal) -> int:
    """How many decimals a step has."""
    exponent = step.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
