"""Every REST path of the simulated Portfolio Margin: its weight, what it asks of the caller, and who answers it.

Weights are those of the official connector. USER_STREAM asks for the API key only: the table of the general-info page
says otherwise, but the listen-key pages take no parameters and every connector sends them unsigned.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from jexkit.sim.binance_pm import account_reads, conditional_reads, order_reads, trading
from jexkit.sim.binance_pm.exchange_info import PATHS, exchange_info, leverage_brackets
from jexkit.sim.binance_pm.parameters import limit
from jexkit.sim.binance_pm.symbols import CM, MARGIN, UM
from jexkit.sim.calls import Answer, Call, Handler

if TYPE_CHECKING:
    from jexkit.sim.binance_pm.account import BinanceAccount
    from jexkit.sim.binance_pm.venue import BinancePm

Weight = int | Callable[[Call], int]
Signed = Callable[["BinanceAccount", Call], Any]
FAMILIES = {"um": UM, "cm": CM}


def add_routes(venue: BinancePm) -> None:
    """Put every path into the venue's table."""
    _add_public(venue)
    _add_listen_key(venue)
    _add_accounts(venue)
    for folder, market in FAMILIES.items():
        _add_futures(venue, folder, market)
    _add_margin(venue)
    _add_conditional(venue)


def _plain(venue: BinancePm, method: str, path: str, weight: int, handler: Callable[[Call], Answer]) -> None:
    def weighed(call: Call) -> Answer:
        venue.limits.charge(call, weight)
        return handler(call)

    venue.routes.add(method, path, weighed)


def _signed(venue: BinancePm, method: str, path: str, weight: Weight, handler: Signed) -> None:
    def verified(call: Call) -> Answer:
        venue.limits.charge(call, weight if isinstance(weight, int) else weight(call))
        account = venue.security.verify(call, venue.clock.now_ms())
        said = handler(account, call)
        return said if isinstance(said, Answer) else Answer(said)

    handled: Handler = verified
    venue.routes.add(method, path, handled)


def _scoped(narrow: int, wide: int, *names: str) -> Callable[[Call], int]:
    """A weight that depends on whether the request names a symbol."""
    return lambda call: narrow if any(call.params.get(name) for name in names or ("symbol",)) else wide


def _add_public(venue: BinancePm) -> None:
    def info(market: str) -> Callable[[Call], Answer]:
        return lambda _: Answer(exchange_info(market, venue.clock.now_ms()))

    _plain(venue, "GET", "/papi/v1/ping", 1, lambda _: Answer({}))
    for path in ("/papi/v1/time", "/fapi/v1/time", "/dapi/v1/time", "/api/v3/time"):
        _plain(venue, "GET", path, 1, lambda _: Answer({"serverTime": venue.clock.now_ms()}))
    for path, market in PATHS.items():
        _plain(venue, "GET", path, 1, info(market))


def _add_listen_key(venue: BinancePm) -> None:
    path = "/papi/v1/listenKey"
    _plain(venue, "POST", path, 1, venue.create_listen_key)
    _plain(venue, "PUT", path, 1, venue.keep_listen_key)
    _plain(venue, "DELETE", path, 1, venue.close_listen_key)


def _add_accounts(venue: BinancePm) -> None:
    order_limit = {"rateLimitType": "ORDERS", "interval": "MINUTE", "intervalNum": 1}
    _signed(venue, "GET", "/papi/v1/balance", 20, account_reads.balances)
    _signed(venue, "GET", "/papi/v1/account", 20, lambda account, _: account_reads.summary(account))
    _signed(venue, "GET", "/papi/v1/um/account", 5, lambda account, _: account_reads.futures_account(account, UM))
    _signed(venue, "GET", "/papi/v1/cm/account", 5, lambda account, _: account_reads.futures_account(account, CM))
    _signed(
        venue, "GET", "/papi/v2/um/account", 5, lambda account, _: account_reads.futures_account(account, UM, version=2)
    )
    _signed(
        venue,
        "GET",
        "/papi/v1/rateLimit/order",
        1,
        lambda _, __: [{**order_limit, "limit": venue.rules.orders_per_minute}],
    )


def _income(venue: BinancePm, account: BinanceAccount, call: Call, market: str) -> list[dict[str, str | int]]:
    symbol, kind = call.params.get("symbol"), call.params.get("incomeType")
    symbols = {item.symbol for item in venue.listing.of(market)}
    start, end = int(call.params.get("startTime", 0)), int(call.params.get("endTime", 1 << 62))
    rows = [
        row
        for row in venue.income.get(account.name, [])
        if row["symbol"] in symbols
        and symbol in (None, row["symbol"])
        and kind in (None, row["incomeType"])
        and start <= int(row["time"]) <= end
    ]
    return rows[: limit(call, 100, 1000)]


def _add_futures(venue: BinancePm, folder: str, market: str) -> None:
    base, is_um = f"/papi/v1/{folder}", market == UM
    by_scope = 5 if is_um else _scoped(20, 40)

    def add(method: str, name: str, weight: Weight, handler: Callable[..., Any], **extra: Any) -> None:
        _signed(venue, method, f"{base}/{name}", weight, lambda account, call: handler(account, call, market, **extra))

    _signed(venue, "GET", f"{base}/income", 30, lambda account, call: _income(venue, account, call, market))
    add("GET", "positionRisk", 5 if is_um else 1, account_reads.position_risk)
    add("GET", "openOrders", _scoped(1, 40), order_reads.open_orders)
    add("GET", "order", 1, order_reads.one_order)
    add("GET", "openOrder", 1, _open_order)
    add("GET", "allOrders", by_scope, order_reads.all_orders)
    add("GET", "userTrades", by_scope, order_reads.trades)
    add("GET", "forceOrders", _scoped(20, 50), order_reads.force_orders)
    add("GET", "positionSide/dual", 30, lambda account, _, __: {"dualSidePosition": account.dual_side})
    add("GET", "leverageBracket", 1, lambda _, __, ___: leverage_brackets(market))
    add("POST", "positionSide/dual", 1, _set_position_mode)
    add("POST", "leverage", 1, _set_leverage)
    add("POST", "order", 0, trading.place)
    add("PUT", "order", 1, trading.amend)
    add("DELETE", "order", 1, trading.cancel)
    add("DELETE", "allOpenOrders", 1, trading.cancel_all)


def _open_order(account: BinanceAccount, call: Call, market: str) -> Any:
    """openOrder: an object on USDS-M, since January 2026 a list on COIN-M."""
    row = order_reads.one_order(account, call, market, only_open=True)
    return [row] if market == CM else row


def _set_position_mode(account: BinanceAccount, call: Call, _market: str) -> dict[str, Any]:
    account.set_position_mode(call.params.get("dualSidePosition", "false").lower() == "true")
    return {"code": 200, "msg": "success"}


def _set_leverage(account: BinanceAccount, call: Call, market: str) -> dict[str, Any]:
    symbol, leverage = call.params.get("symbol", ""), int(call.params.get("leverage", "0"))
    account.set_leverage(symbol, leverage, market)
    return {"leverage": leverage, "maxNotionalValue": "1000000", "symbol": symbol}


def _add_margin(venue: BinancePm) -> None:
    def add(method: str, name: str, weight: Weight, handler: Callable[..., Any]) -> None:
        path = f"/papi/v1/margin/{name}"
        _signed(venue, method, path, weight, lambda account, call: handler(account, call, MARGIN))

    add("GET", "openOrders", _scoped(5, 5 * len(venue.listing.of(MARGIN))), order_reads.open_orders)
    add("GET", "order", 10, order_reads.one_order)
    add("GET", "allOrders", 100, order_reads.all_orders)
    add("GET", "myTrades", 5, order_reads.trades)
    add("GET", "openOrderList", 5, lambda _, __, ___: [])
    add("POST", "order", 1, trading.place)
    add("DELETE", "order", 2, trading.cancel)
    add("DELETE", "allOpenOrders", 5, trading.cancel_all)


def _add_conditional(venue: BinancePm) -> None:
    def add(method: str, path: str, weight: Weight, handler: Signed) -> None:
        _signed(venue, method, f"/papi/v1/{path}", weight, handler)

    reads = conditional_reads
    narrow_or_wide = _scoped(1, 40)
    add("GET", "um/algo/openAlgoOrders", narrow_or_wide, lambda a, c: reads.open_conditional(a, c, UM, "algo"))
    add("GET", "um/algo/algoOrder", 1, reads.one_algo_order)
    add("GET", "um/algo/allAlgoOrders", 5, lambda a, c: reads.all_conditional(a, c, UM, "algo"))
    add("POST", "um/algo/order", 1, lambda a, c: trading.place_conditional(a, c, UM))
    add("DELETE", "um/algo/order", 1, lambda a, c: trading.cancel_conditional(a, c, UM))
    for folder, market in FAMILIES.items():
        base = f"{folder}/conditional"
        add("GET", f"{base}/openOrders", narrow_or_wide, _reading(reads.open_conditional, market))
        add("GET", f"{base}/allOrders", narrow_or_wide, _reading(reads.all_conditional, market))
        add("POST", f"{base}/order", 1, _acting(trading.place_conditional, market))
        add("DELETE", f"{base}/order", 1, _acting(trading.cancel_conditional, market))


def _reading(read: Callable[..., Any], market: str) -> Signed:
    return lambda account, call: read(account, call, market, "conditional")


def _acting(act: Callable[..., Any], market: str) -> Signed:
    return lambda account, call: act(account, call, market)
