"""Symbols, currencies, channels: a slip is refused with what to write, and nothing that may be listed tomorrow is."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from jexkit import names
from jexkit.errors import ConfigurationError

Checker = Callable[[str, Iterable[str]], None]


def refused(check: Checker, name: object) -> str:
    with pytest.raises(ConfigurationError) as caught:
        check("names", [name])  # type: ignore[list-item]
    assert caught.value.setting == "names"
    assert str(caught.value).startswith(f"names has {name!r}: ")
    return str(caught.value)


# --- symbols ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "symbol",
    [
        "BTCUSDT",
        "UM:BTCUSDT",
        "UM:BTCUSDT_250926",
        "CM:BTCUSD_PERP",
        "MARGIN:1000SATSUSDT",
        "MARGIN:A-B.C",
        "UM:币安人生USDT",
    ],
)
def test_binance_symbols(symbol: str) -> None:
    names.check_binance_symbols("names", [symbol])


@pytest.mark.parametrize(
    "symbol", ["btcusdt", "BTC/USDT", "BTC/USDT:USDT", "UM:", "um:BTCUSDT", "SPOT:BTCUSDT", ":BTCUSDT", "BTC USDT"]
)
def test_what_no_binance_symbol_looks_like(symbol: str) -> None:
    assert "in capitals" in refused(names.check_binance_symbols, symbol) or "UM:, CM: and MARGIN:" in refused(
        names.check_binance_symbols, symbol
    )


@pytest.mark.parametrize("symbol", ["spot:JEXBTC", "option:BTCCALLM", "contract:BTCUSDT", "spot:BCXBTC01"])
def test_jex_symbols(symbol: str) -> None:
    names.check_jex_symbols("names", [symbol])


@pytest.mark.parametrize("symbol", ["JEXBTC", "margin:JEXBTC", "SPOT:JEXBTC", "spot:", "spot:jexbtc", "spot:JEX/BTC"])
def test_what_no_jex_symbol_looks_like(symbol: str) -> None:
    assert "'spot:JEXBTC'" in refused(names.check_jex_symbols, symbol)


@pytest.mark.parametrize("symbol", ["all", "BTC_USDT", "1INCH_USDT", "BTC3L_USDT", "A.B_USDT", "币_USDT"])
def test_poloniex_symbols(symbol: str) -> None:
    names.check_poloniex_symbols("names", [symbol])


@pytest.mark.parametrize(
    "symbol", ["BTCUSDT", "btc_usdt", "BTC_", "_USDT", "ALL", "BTC/USDT", "BTC_USDT_PERP", "", 5, None]
)
def test_what_no_poloniex_symbol_looks_like(symbol: object) -> None:
    """Symbols of the futures, which have a socket of their own, among them."""
    assert "write them like 'BTC_USDT', or 'all'" in refused(names.check_poloniex_symbols, symbol)


# --- channels and currencies ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channel", ["ticker", "Orders", "auth", "all", "", 5])
def test_poloniex_has_two_channels(channel: object) -> None:
    names.check_poloniex_channels("names", ["orders", "balances"])
    assert "orders and balances" in refused(names.check_poloniex_channels, channel)


@pytest.mark.parametrize("currency", ["BTC", "btc", "any", "1INCH", "USDYC", "EURR"])
def test_deribit_currencies(currency: str) -> None:
    """Also those that it does not have today."""
    names.check_deribit_currencies("names", [currency])


@pytest.mark.parametrize("currency", ["BTC-PERPETUAL", "BTC_USDC", "B", "BTC,ETH", "B T C", "€UR"])
def test_what_no_deribit_currency_looks_like(currency: str) -> None:
    assert "write them like 'BTC', or 'any'" in refused(names.check_deribit_currencies, currency)


@pytest.mark.parametrize(
    "channel",
    [
        "user.orders.any.any.raw",
        "user.orders.BTC-PERPETUAL.raw",
        "user.orders.BTC_USDC.agg2",
        "user.trades.option.ETH.100ms",
        "user.trades.XRP_USDC-30AUG24-0d55-C.raw",
        "user.changes.future_combo.SOMETHINGNEW.raw",
        "user.combo_trades.BTC-FS-2SEP22_PERP.raw",
        "user.portfolio.any",
        "user.portfolio.btc",
        "user.mmp_trigger.eth_usdc",
        "user.mmp_trigger.all",
        "user.access_log",
        "user.lock",
        "user.liquidation",
        "user.isolated.orders.any.any.raw",
        "user.lsp",
        "user.position_lock",
        "user.trailing_orders.any.any.raw",
        "platform_state",
        "platform_state.public_methods_state",
    ],
)
def test_deribit_channels(channel: str) -> None:
    """Those of the documents, with instruments and currencies that may be listed tomorrow."""
    names.check_deribit_channels("names", [channel])


@pytest.mark.parametrize(
    ("channel", "told"),
    [
        ("ticker.BTC-PERPETUAL.raw", "they begin with 'user.'"),
        ("user", "there is no channel 'user.'"),
        ("user.order.any.any.raw", "did you mean 'user.orders'?"),
        ("user.nonsense", "goes on with one of orders, trades, changes"),
        ("user.lock.BTC", "'user.lock' has nothing behind it"),
        ("user.portfolio", "write it like 'user.portfolio.BTC'"),
        ("user.portfolio.BTC.raw", "write it like 'user.portfolio.BTC'"),
        ("user.mmp_trigger", "write it like 'user.mmp_trigger.btc_usd'"),
        ("user.orders", "its last part is the interval: raw, 100ms, agg2"),
        ("user.orders.any.any.10ms", "its last part is the interval: raw, 100ms, agg2"),
        ("user.orders.BTC.raw", "name an instrument, like 'user.orders.BTC-PERPETUAL.raw'"),
        ("user.trades.futures.BTC.raw", "there is no kind 'futures'; use one of future, option"),
        ("user.changes.any.BTC-PERPETUAL.raw", "write it like 'user.changes.BTC-PERPETUAL.raw' or"),
        ("user.changes.a.b.c.raw", "write it like 'user.changes.BTC-PERPETUAL.raw' or"),
    ],
)
def test_what_no_deribit_channel_looks_like(channel: str, told: str) -> None:
    assert told in refused(names.check_deribit_channels, channel)
