"""The symbols of the simulated JEX: spot pairs, options and contracts."""

from __future__ import annotations

from decimal import Decimal

from jexkit.sim.instruments import Instrument, Kind, Listing

SPOT, OPTION, CONTRACT = "spot", "option", "contract"
MARKETS = (SPOT, OPTION, CONTRACT)


def _listed(market: str, symbol: str, base: str, quote: str, price: str, tick: str, step: str) -> Instrument:
    kind: Kind = "linear" if market == CONTRACT else "spot"
    return Instrument(
        market=market,
        symbol=symbol,
        base=base,
        quote=quote,
        kind=kind,
        settle=quote,
        wallet=market,
        tick=Decimal(tick),
        step=Decimal(step),
        price=Decimal(price),
    )


LISTING = Listing(
    "JEX",
    [
        _listed(SPOT, "JEXBTC", "JEX", "BTC", "0.00001464", "0.00000001", "1"),
        _listed(SPOT, "BTCUSDT", "BTC", "USDT", "10000", "0.1", "0.001"),
        _listed(SPOT, "ETHUSDT", "ETH", "USDT", "200", "0.01", "0.01"),
        _listed(OPTION, "BTCCALLM", "BTCCALLM", "USDT", "2", "0.01", "1"),
        _listed(OPTION, "BTCPUTM", "BTCPUTM", "USDT", "1.5", "0.01", "1"),
        _listed(CONTRACT, "BTCUSDT", "BTC", "USDT", "10000", "0.5", "0.1"),
        _listed(CONTRACT, "EOSUSDT", "EOS", "USDT", "3", "0.001", "1"),
    ],
)

STARTING_BALANCES = {
    SPOT: {"BTC": "100", "USDT": "1000000", "ETH": "1000", "JEX": "1000000"},
    OPTION: {"USDT": "100000", "BTCCALLM": "10000", "BTCPUTM": "10000"},
    CONTRACT: {"USDT": "1000000"},
}
