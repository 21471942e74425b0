"""What can be traded on a simulated exchange: one frozen description per symbol and market."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

Kind = Literal["spot", "linear", "inverse"]


@dataclass(frozen=True)
class Instrument:
    """A symbol in one market of one exchange.

    `kind` says how a fill settles. `spot`: base and quote change hands. `linear`: a position in base units whose
    result is paid in `settle`. `inverse`: a position in contracts of `contract_size` quote units, paid in `settle`.
    `wallet` names the balances that the settlement moves; `price` is where the market script starts.
    """

    market: str
    symbol: str
    base: str
    quote: str
    kind: Kind
    settle: str
    wallet: str
    tick: Decimal
    step: Decimal
    price: Decimal
    contract_size: Decimal = Decimal(1)

    def notional(self, quantity: Decimal, price: Decimal) -> Decimal:
        """What `quantity` at `price` is worth: in quote units, or in `settle` for inverse contracts."""
        if self.kind == "inverse":
            return quantity * self.contract_size / price if price else Decimal(0)
        return quantity * price * self.contract_size


class Listing:
    """The instruments of one exchange, by symbol and market."""

    def __init__(self, exchange: str, instruments: Iterable[Instrument]) -> None:
        self._exchange = exchange
        self._by_key = {(item.market, item.symbol): item for item in instruments}

    def __iter__(self) -> Iterator[Instrument]:
        return iter(self._by_key.values())

    def find(self, symbol: str, market: str | None = None) -> Instrument:
        """The instrument; `market` may be left out where only one market lists the symbol. Raises ValueError."""
        found = [item for item in self._by_key.values() if item.symbol == symbol and market in (None, item.market)]
        if len(found) == 1:
            return found[0]
        known = ", ".join(sorted({item.symbol for item in self._by_key.values() if market in (None, item.market)}))
        if not found:
            where = f"{self._exchange} ({market})" if market else self._exchange
            raise ValueError(f"{where} does not list {symbol!r}. It lists: {known or 'nothing'}.")
        markets = ", ".join(item.market for item in found)
        raise ValueError(f"{self._exchange} lists {symbol!r} in several markets: say which one of {markets}.")

    def of(self, market: str) -> list[Instrument]:
        """Every instrument of one market, in the order of the table."""
        return [item for item in self._by_key.values() if item.market == market]
