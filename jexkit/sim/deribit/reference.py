"""Public methods: what clients load before they trade.

https://docs.deribit.com, Market data.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from jexkit.sim.amounts import ZERO
from jexkit.sim.deribit.errors import RpcError, invalid
from jexkit.sim.deribit.numbers import number
from jexkit.sim.deribit.rpc import Method, Methods, Request
from jexkit.sim.deribit.symbols import COMBOS, DETAILS, DOLLARS, index_name, index_price, is_of_currency, is_of_kind

if TYPE_CHECKING:
    from jexkit.sim.deribit.frames import Row
    from jexkit.sim.deribit.venue import Deribit
    from jexkit.sim.instruments import Instrument

LISTED_SINCE = 1_534_167_754_000
LONG_NAMES = {"BTC": "Bitcoin", "ETH": "Ether", "USDC": "USD Coin", "USDT": "Tether USD"}


class Reference:
    """The methods."""

    def __init__(self, venue: Deribit) -> None:
        self._venue = venue

    def methods(self) -> Methods:
        """The table."""
        return {
            "public/get_currencies": Method(lambda _: [_currency(code) for code in DOLLARS]),
            "public/get_instruments": Method(self._instruments, cost="instruments"),
            "public/get_instrument": Method(lambda request: self._row(self._instrument(request))),
            "public/ticker": Method(self._ticker),
            "public/get_order_book": Method(self._ticker),
            "public/get_index_price": Method(self._index_price),
            "public/get_index": Method(self._index),
        }

    def _instruments(self, request: Request) -> Any:
        currency, kind = request.text("currency", "any"), request.text("kind", "any")
        if request.flag("expired"):
            return []
        every = (*self._venue.listing, *COMBOS)
        return [self._row(item) for item in every if is_of_currency(item, currency) and is_of_kind(item, kind)]

    def _row(self, item: Instrument) -> Row:
        details = DETAILS[item.symbol]
        row: Row = {
            "instrument_name": item.symbol,
            "kind": item.market,
            "base_currency": item.base,
            "counter_currency": item.quote,
            "quote_currency": item.quote,
            "price_index": index_name(item),
            "tick_size": number(item.tick),
            "tick_size_steps": [],
            "contract_size": number(details.contract_size),
            "min_trade_amount": number(item.step),
            "taker_commission": number(self._venue.rules.taker_fee),
            "maker_commission": number(self._venue.rules.maker_fee),
            "creation_timestamp": LISTED_SINCE,
            "expiration_timestamp": details.expires_ms,
            "is_active": True,
            "rfq": False,
            "instrument_id": list(DETAILS).index(item.symbol) + 1,
        }
        if item.kind != "spot":
            row |= {
                "settlement_currency": item.settle,
                "settlement_period": details.period,
                "instrument_type": "reversed" if item.settle == item.base else "linear",
                "future_type": "reversed" if item.settle == item.base else "linear",
                "max_leverage": 50,
            }
        if details.strike is not None:
            row |= {"strike": number(details.strike), "option_type": details.option_type}
        return row

    def _ticker(self, request: Request) -> Any:
        item, rules = self._instrument(request), self._venue.clock.now_ms()
        last, mark = self._venue.price(item), self._venue.mark(item)
        bid, ask = last - item.tick, last + item.tick
        return {
            "instrument_name": item.symbol,
            "timestamp": rules,
            "state": "open",
            "last_price": number(last),
            "mark_price": number(mark),
            "index_price": number(index_price(item)),
            "settlement_price": number(item.price),
            "best_bid_price": number(bid),
            "best_bid_amount": number(item.step),
            "best_ask_price": number(ask),
            "best_ask_amount": number(item.step),
            "bids": [[number(bid), number(item.step)]],
            "asks": [[number(ask), number(item.step)]],
            "min_price": number(mark * Decimal("0.9")),
            "max_price": number(mark * Decimal("1.1")),
            "open_interest": number(ZERO),
            "change_id": rules,
            "stats": {"volume": number(ZERO), "price_change": None, "low": number(last), "high": number(last)},
        }

    def _index_price(self, request: Request) -> Any:
        base = request.text("index_name").partition("_")[0].upper()
        if base not in DOLLARS:
            raise invalid("index_name")
        return {"index_price": number(DOLLARS[base]), "estimated_delivery_price": number(DOLLARS[base])}

    def _index(self, request: Request) -> Any:
        currency = request.text("currency").upper()
        if currency not in DOLLARS:
            raise invalid("currency")
        return {currency: number(DOLLARS[currency]), "edp": number(DOLLARS[currency])}

    def _instrument(self, request: Request) -> Instrument:
        try:
            return self._venue.instrument(request.text("instrument_name"))
        except ValueError:
            raise RpcError(10020) from None


def _currency(code: str) -> Row:
    return {
        "currency": code,
        "currency_long": LONG_NAMES[code],
        "coin_type": "BITCOIN" if code == "BTC" else "ETHER",
        "fee_precision": 4,
        "min_confirmations": 1,
        "min_withdrawal_fee": number(Decimal("0.0001")),
        "withdrawal_fee": number(Decimal("0.0001")),
        "withdrawal_priorities": [],
        "in_cross_collateral_pool": True,
        "apr": number(ZERO),
    }
