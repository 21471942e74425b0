"""Reading request parameters the way Portfolio Margin does, with its refusals."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from jexkit.sim.amounts import exact
from jexkit.sim.binance_pm import errors
from jexkit.sim.binance_pm.symbols import CM
from jexkit.sim.calls import Call
from jexkit.sim.instruments import Instrument, Listing

HOUR_MS = 3_600_000


def whole(call: Call, name: str) -> int | None:
    """An integer parameter, None if it was not sent. Raises -1130."""
    text = call.params.get(name)
    if text is None:
        return None
    if not text.isdecimal():
        raise errors.malformed(name)
    return int(text)


def amount(call: Call, name: str) -> Decimal | None:
    """A decimal parameter, None if it was not sent. Raises -1130."""
    text = call.params.get(name)
    try:
        return None if text is None else exact(text)
    except ValueError:
        raise errors.malformed(name) from None


def needed(call: Call, name: str) -> str:
    """A mandatory parameter. Raises -1102."""
    text = call.params.get(name)
    if not text:
        raise errors.missing(name)
    return text


def is_true(call: Call, name: str) -> bool:
    """A boolean parameter, false if it was not sent."""
    return call.params.get(name, "false").lower() == "true"


def limit(call: Call, usual: int, most: int) -> int:
    """How many rows; more than the most is cut, zero is refused."""
    asked = whole(call, "limit")
    if asked == 0:
        raise errors.malformed("limit")
    return min(asked or usual, most)


def instrument(call: Call, listing: Listing, market: str) -> Instrument:
    """The instrument named by the mandatory parameter `symbol`. Raises -1102 or -1121."""
    name = needed(call, "symbol")
    try:
        return listing.find(name, market)
    except ValueError:
        raise errors.unknown_symbol() from None


def scope(call: Call, listing: Listing, market: str, *, mandatory: bool = True) -> list[Instrument]:
    """The instruments that `symbol` (or on COIN-M `pair`) names; all of the market if neither has to be sent."""
    pair = call.params.get("pair") if market == CM else None
    if pair and "symbol" in call.params:
        raise errors.odd_combination()
    if pair:
        return [item for item in listing.of(market) if item.symbol.startswith(f"{pair}_")]
    if not mandatory and "symbol" not in call.params:
        return listing.of(market)
    return [instrument(call, listing, market)]


@dataclass(frozen=True)
class Span:
    """A span of time in exchange milliseconds, both ends included."""

    start: int
    end: int
    is_asked: bool  # False: neither end was sent

    def holds(self, time_ms: int) -> bool:
        """True for a time within."""
        return self.start <= time_ms <= self.end


def span(call: Call, longest_hours: int, now_ms: int) -> Span:
    """`startTime` and `endTime`. One alone is completed to the longest span; a longer one is -1127."""
    start, end = whole(call, "startTime"), whole(call, "endTime")
    longest = longest_hours * HOUR_MS
    if start is None and end is None:
        return Span(now_ms - longest, now_ms + HOUR_MS, is_asked=False)
    if start is None:
        start = (end or 0) - longest
    if end is None:
        end = start + longest
    if end - start > longest:
        raise errors.span_too_long(longest_hours)
    return Span(start, end, is_asked=True)
