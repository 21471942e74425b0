"""The instruments of the simulated Deribit and the money that accounts begin with.

Quantities are what Deribit calls `amount`: USD for inverse futures, the base currency for linear futures, options and
spot. The market of an instrument is its `kind`.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from jexkit.sim.amounts import Amount
from jexkit.sim.instruments import Instrument, Kind, Listing

WALLET = "account"
CURRENCIES = ("BTC", "ETH", "USDC", "USDT")
KINDS = ("future", "option", "spot", "future_combo", "option_combo")

FAR_AWAY_MS = 1_924_848_000_000  # 30 December 2030, 08:00 UTC
NEVER_MS = 32_503_708_800_000  # what perpetuals print


@dataclass(frozen=True)
class Details:
    """What the ledger has no use for."""

    contract_size: Decimal
    period: str = ""
    expires_ms: int = NEVER_MS
    strike: Decimal | None = None
    option_type: str = ""


def _instrument(
    kind: str, symbol: str, base: str, quote: str, settle: str, price: str, tick: str, step: str
) -> Instrument:
    shape: Kind = "spot" if kind == "spot" else "inverse" if kind == "future" and quote == "USD" else "linear"
    return Instrument(
        market=kind,
        symbol=symbol,
        base=base,
        quote=quote,
        kind=shape,
        settle=settle,
        wallet=WALLET,
        tick=Decimal(tick),
        step=Decimal(step),
        price=Decimal(price),
    )


LISTING = Listing(
    "Deribit",
    [
        _instrument("future", "BTC-PERPETUAL", "BTC", "USD", "BTC", "20236.5", "0.5", "10"),
        _instrument("future", "ETH-PERPETUAL", "ETH", "USD", "ETH", "1512.35", "0.05", "1"),
        _instrument("future", "BTC-27DEC30", "BTC", "USD", "BTC", "21480", "2.5", "10"),
        _instrument("future", "BTC_USDC-PERPETUAL", "BTC", "USDC", "USDC", "20240", "1", "0.001"),
        _instrument("future", "ETH_USDC-PERPETUAL", "ETH", "USDC", "USDC", "1511.9", "0.1", "0.01"),
        _instrument("option", "BTC-27DEC30-40000-C", "BTC", "USD", "BTC", "0.0525", "0.0005", "0.1"),
        _instrument("spot", "BTC_USDC", "BTC", "USDC", "USDC", "20238", "1", "0.0001"),
        _instrument("spot", "ETH_USDC", "ETH", "USDC", "USDC", "1512", "0.1", "0.001"),
    ],
)

# Traded as one, held as legs; apart from the listing so that nobody gets a position in them
COMBOS = Listing(
    "Deribit combos",
    [_instrument("future_combo", "BTC-FS-27DEC30_PERP", "BTC", "USD", "BTC", "1243.5", "0.5", "10")],
)
LEGS = {"BTC-FS-27DEC30_PERP": (("BTC-27DEC30", 1), ("BTC-PERPETUAL", -1))}  # instrument, ratio

DETAILS = {
    "BTC-PERPETUAL": Details(Decimal(10), "perpetual"),
    "ETH-PERPETUAL": Details(Decimal(1), "perpetual"),
    "BTC-27DEC30": Details(Decimal(10), "month", FAR_AWAY_MS),
    "BTC_USDC-PERPETUAL": Details(Decimal("0.001"), "perpetual"),
    "ETH_USDC-PERPETUAL": Details(Decimal("0.01"), "perpetual"),
    "BTC-27DEC30-40000-C": Details(Decimal(1), "month", FAR_AWAY_MS, Decimal(40000), "call"),
    "BTC_USDC": Details(Decimal("0.0001")),
    "ETH_USDC": Details(Decimal("0.001")),
    "BTC-FS-27DEC30_PERP": Details(Decimal(10), "month", FAR_AWAY_MS),
}

STARTING_BALANCES: dict[str, dict[str, Amount]] = {
    WALLET: {"BTC": "100", "ETH": "1000", "USDC": "1000000", "USDT": "50000"}
}

DOLLARS = {"BTC": Decimal("20250"), "ETH": Decimal("1513"), "USDC": Decimal(1), "USDT": Decimal(1)}


def index_name(instrument: Instrument) -> str:
    """The index behind an instrument: `btc_usd`, `eth_usdc`."""
    return f"{instrument.base}_{instrument.quote}".lower()


def index_price(instrument: Instrument) -> Decimal:
    """The price of that index. It does not move."""
    return DOLLARS[instrument.base]


def is_of_currency(instrument: Instrument, currency: str) -> bool:
    """Whether lists by currency name the instrument: by what it settles in; spot by either side."""
    if currency.lower() == "any":
        return True
    named = {instrument.base, instrument.quote} if instrument.kind == "spot" else {instrument.settle}
    return currency.upper() in named


def is_of_kind(instrument: Instrument, kind: str) -> bool:
    """Whether lists by kind name the instrument; `combo` are both kinds of combos."""
    return kind in ("any", instrument.market) or (kind == "combo" and instrument.market.endswith("_combo"))


def prefix(instrument: Instrument) -> str:
    """What ids begin with: nothing for BTC, else the currency, or the pair of spot."""
    if instrument.kind == "spot":
        return f"{instrument.symbol}-"
    return "" if instrument.settle == "BTC" else f"{instrument.settle}-"
