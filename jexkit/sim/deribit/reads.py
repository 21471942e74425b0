"""Methods that read an account: orders, trades, positions, summaries.

https://docs.deribit.com, Trading and Account Management. Closed orders are found for half an hour; trades are in the
usual answer for a day, and with `historical=true` from then on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from jexkit.sim.books import Books, Fill, Order
from jexkit.sim.deribit import frames
from jexkit.sim.deribit.errors import RpcError, invalid
from jexkit.sim.deribit.rpc import Method, Methods, Request
from jexkit.sim.deribit.symbols import DOLLARS, WALLET, is_of_currency, is_of_kind

if TYPE_CHECKING:
    from jexkit.sim.deribit.account import DeribitAccount
    from jexkit.sim.deribit.venue import Deribit
    from jexkit.sim.instruments import Instrument

TYPE_GROUPS = {
    "trigger_all": ("stop_market", "stop_limit", "take_market", "take_limit", "trailing_stop"),
    "stop_all": ("stop_market", "stop_limit"),
    "take_all": ("take_market", "take_limit"),
    "trailing_all": ("trailing_stop",),
}

IsAskedFor = Callable[["Instrument"], bool]


class Reads:
    """The methods."""

    def __init__(self, venue: Deribit) -> None:
        self._venue = venue

    def methods(self) -> Methods:
        """The table."""
        orders = {
            "get_open_orders": self._open_orders,
            "get_open_orders_by_currency": self._open_orders,
            "get_open_orders_by_instrument": self._open_orders,
            "get_order_state": self._order_state,
            "get_order_state_by_label": self._by_label,
            "get_order_history_by_currency": self._order_history,
            "get_order_history_by_instrument": self._order_history,
            "get_positions": self._positions,
            "get_position": self._position,
            "get_user_trades_by_currency": self._trades,
            "get_user_trades_by_currency_and_time": self._trades,
            "get_user_trades_by_instrument": self._trades,
            "get_user_trades_by_instrument_and_time": self._trades,
            "get_user_trades_by_order": self._trades_of_order,
        }
        account = {
            "get_account_summary": self._summary,
            "get_account_summaries": self._summaries,
            "get_subaccounts": self._subaccounts,
            "get_user_locks": lambda request: request.account.locks,
            "get_access_log": self._access_log,
        }
        table = {f"private/{name}": Method(run, "trade:read") for name, run in orders.items()}
        return table | {f"private/{name}": Method(run, "account:read") for name, run in account.items()}

    # Orders

    def _open_orders(self, request: Request) -> Any:
        wanted, types = self._filter(request), _types(request)
        found = [order for order in request.account.books_for_rest().open.values() if wanted(order.instrument)]
        found = [order for order in found if not types or order.type in types]
        return [frames.order_row(order, request.account.user_id) for order in found]

    def _order_state(self, request: Request) -> Any:
        return frames.order_row(self._find(request, request.text("order_id")), request.account.user_id)

    def _by_label(self, request: Request) -> Any:
        label, currency = request.text("label", ""), request.text("currency")
        known = [order for order in request.account.books_for_rest().orders.values() if self._is_recent(order)]
        found = [one for one in known if one.client_order_id == label and is_of_currency(one.instrument, currency)]
        return [frames.order_row(order, request.account.user_id) for order in found]

    def _order_history(self, request: Request) -> Any:
        wanted, count, offset = self._filter(request), request.whole("count", 20), request.whole("offset", 0)
        books = request.account.books_for_rest()
        ended = [one for one in books.orders.values() if one.status.is_final and wanted(one.instrument)]
        if not request.flag("include_unfilled"):
            ended = [order for order in ended if order.filled]
        newest = sorted(ended, key=lambda order: order.updated_ms, reverse=True)[offset : offset + count]
        return [frames.order_row(order, request.account.user_id) for order in newest]

    def _find(self, request: Request, order_id: str) -> Order:
        for order in request.account.books_for_rest().orders.values():
            if order.order_id == order_id and self._is_recent(order):
                return order
        raise RpcError(10004)

    def _is_recent(self, order: Order) -> bool:
        age_ms = self._venue.clock.now_ms() - order.updated_ms
        return not order.status.is_final or age_ms <= self._venue.rules.orders_recent * 1000

    # Positions

    def _positions(self, request: Request) -> Any:
        wanted = self._filter(request)
        held = request.account.books_for_rest().positions.values()
        return [frames.position_row(one, self._venue.mark) for one in held if one.quantity and wanted(one.instrument)]

    def _position(self, request: Request) -> Any:
        instrument = self._instrument(request)
        return frames.position_row(request.account.books_for_rest().position(instrument), self._venue.mark)

    # Trades

    def _trades(self, request: Request) -> Any:
        """One page: `{trades, has_more}`. Without `sorting` nothing is promised; here it is the newest first."""
        rules, wanted = self._venue.rules, self._filter(request)
        count = request.whole("count", rules.trades_page)
        if not 1 <= count <= rules.trades_page_most:
            raise invalid("count", f"must be between 1 and {rules.trades_page_most}")
        if request.method.endswith("_and_time"):
            request.whole("start_timestamp")
            request.whole("end_timestamp")
        books = request.account.books_for_rest()
        within = self._bounds(request)
        found = [fill for fill in books.fills if wanted(fill.instrument) and within(fill)]
        if request.text("sorting", "default") != "asc":
            found.reverse()
        rows = [self._trade(request.account, books, fill) for fill in found[:count]]
        return {"trades": rows, "has_more": len(found) > count}

    def _trades_of_order(self, request: Request) -> Any:
        order_id, books = request.text("order_id"), request.account.books_for_rest()
        is_recent = self._age_filter(request)
        found = [fill for fill in books.fills if fill.order_id == order_id and is_recent(fill)]
        if request.text("sorting", "default") != "asc":
            found.reverse()
        return [self._trade(request.account, books, fill) for fill in found]

    def _trade(self, account: DeribitAccount, books: Books, fill: Fill) -> frames.Row:
        instrument = fill.instrument
        return account.trade_row(fill, books.orders[instrument.market, instrument.symbol, fill.order_id])

    def _bounds(self, request: Request) -> Callable[[Fill], bool]:
        """Time, id, sequence number and age."""
        begin, end = request.whole("start_timestamp", 0), request.whole("end_timestamp", 1 << 62)
        is_of_age = self._age_filter(request)
        first, last = _id_bound(request, "start_id", 0), _id_bound(request, "end_id", 1 << 62)
        low, high = request.whole("start_seq", 0), request.whole("end_seq", 1 << 62)
        facts = request.account.facts

        def within(fill: Fill) -> bool:
            known = facts.get((fill.instrument.symbol, fill.trade_id))
            seq = known.seq if known is not None else 0
            is_numbered = first <= _number(fill.trade_id) <= last and low <= seq <= high
            return is_numbered and begin <= fill.time_ms <= end and is_of_age(fill)

        return within

    def _age_filter(self, request: Request) -> Callable[[Fill], bool]:
        border = self._venue.clock.now_ms() - self._venue.rules.trades_recent * 1000
        if request.flag("historical"):
            return lambda fill: fill.time_ms <= border
        return lambda fill: fill.time_ms > border

    # Summaries

    def _summary(self, request: Request) -> Any:
        currency = request.text("currency").upper()
        if currency not in DOLLARS:
            raise invalid("currency", "invalid currency")
        row = self._portfolio(request.account, currency)
        return row | self._about(request.account) if request.flag("extended") else row

    def _summaries(self, request: Request) -> Any:
        rows = [self._portfolio(request.account, currency) for currency in DOLLARS]
        return {**self._about(request.account), "summaries": rows}

    def _portfolio(self, account: DeribitAccount, currency: str) -> frames.Row:
        rules = self._venue.rules
        row = frames.portfolio_row(account.books_for_rest(), currency, self._venue.mark, rules.margin_model)
        calls = {"burst": rules.credits_pool // rules.credits_per_call, "rate": rules.credits_refill // 500}
        trading = {"total": {"burst": rules.matching_burst, "rate": rules.matching_rate}}
        limits = {"limits_per_currency": False, "non_matching_engine": calls, "matching_engine": {"trading": trading}}
        return row | {"fee_group": 1, "limits": limits}

    def _about(self, account: DeribitAccount) -> frames.Row:
        return {
            "id": account.user_id,
            "email": f"{account.name}@example.com",
            "system_name": account.name,
            "username": account.name,
            "type": "main",
            "creation_timestamp": account.created_ms,
            "security_keys_enabled": False,
            "mmp_enabled": False,
            "login_enabled": True,
            "interuser_transfers_enabled": False,
            "referrer_id": None,
            "self_trading_reject_mode": "cancel_maker",
            "self_trading_extended_to_subaccounts": False,
        }

    def _subaccounts(self, request: Request) -> Any:
        account = request.account
        row = self._about(account) | {"is_password": True, "receive_notifications": False}
        row["margin_model"] = self._venue.rules.margin_model
        if request.flag("with_portfolio"):
            rows = {code: self._portfolio(account, code) for code in DOLLARS}
            names = ("balance", "equity", "available_funds", "available_withdrawal_funds", "initial_margin")
            row["portfolio"] = {
                code.lower(): {"currency": code.lower()} | {name: figures[name] for name in names}
                for code, figures in rows.items()
                if account.books.balance(WALLET, code).total
            }
        return [row]

    def _access_log(self, request: Request) -> Any:
        rows = request.account.access_log
        return {"records_total": len(rows), "data": rows[: request.whole("count", 10)]}

    # Parameters

    def _filter(self, request: Request) -> IsAskedFor:
        """The instruments that the request is about: one, or those of a currency and a kind."""
        if request.method.endswith(("_by_instrument", "_by_instrument_and_time")):
            symbol = self._instrument(request).symbol
            return lambda instrument: instrument.symbol == symbol
        needs_currency = "_by_currency" in request.method
        currency, kind = request.text("currency", None if needs_currency else "any"), request.text("kind", "any")
        if currency.upper() not in ("ANY", "EURR", *DOLLARS):
            raise invalid("currency", "invalid currency")
        return lambda instrument: is_of_currency(instrument, currency) and is_of_kind(instrument, kind)

    def _instrument(self, request: Request) -> Instrument:
        try:
            return self._venue.instrument(request.text("instrument_name"))
        except ValueError:
            raise RpcError(10020) from None


def _types(request: Request) -> tuple[str, ...]:
    asked = request.text("type", "all")
    return () if asked == "all" else TYPE_GROUPS.get(asked, (asked,))


def _number(trade_id: str) -> int:
    return int(trade_id.rpartition("-")[2])


def _id_bound(request: Request, name: str, default: int) -> int:
    value = str(request.params.get(name, default))
    if not value.rpartition("-")[2].isdigit():
        raise invalid(name)
    return _number(value)
