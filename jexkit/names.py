"""The names that a user gives and an exchange takes: symbols, currencies, channels. Checked for what can be known.

A set that is closed is checked by its list: families, kinds, intervals, the names of channels. What an exchange may
list tomorrow (a symbol, a currency, an instrument) is checked for its form alone; the exchange's answer tells the rest.
Each function takes a setting's name and its values and raises ConfigurationError, which says what to change.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

from jexkit.errors import ConfigurationError

# Binance's own words for an odd symbol are "legal range is '^[\w\-._&&[^a-z]]{1,50}$'"; some are in other scripts.
_SYMBOL = re.compile(r"(?:(?![a-z])[\w.-]){1,50}")
_CURRENCY = re.compile(r"[A-Za-z0-9]{2,20}")
_INSTRUMENT = re.compile(r"(?=.*[-_])[A-Za-z0-9][A-Za-z0-9_-]{2,63}")  # BTC-PERPETUAL, BTC_USDC, XRP_USDC-3JAN25-0d5-C

BINANCE_FAMILIES = ("UM", "CM", "MARGIN")
JEX_FAMILIES = ("spot", "option", "contract")
POLONIEX_CHANNELS = ("orders", "balances")

KINDS = ("future", "option", "spot", "future_combo", "option_combo", "combo", "any")
INTERVALS = ("raw", "100ms", "agg2")
BY_INSTRUMENT = ("orders", "trades", "changes", "combo_trades")
"""``user.orders.{instrument}.{interval}`` and ``user.orders.{kind}.{currency}.{interval}``, and so on."""
WHOLE = ("user.access_log", "user.lock", "user.liquidation", "platform_state", "platform_state.public_methods_state")
"""Channels without parameters."""
UNDOCUMENTED = ("isolated", "lsp", "position_lock", "trailing_orders")
"""Channels of the account that exist, and of which no grammar is known."""


def _refuse(setting: str, value: object, what: str) -> ConfigurationError:
    return ConfigurationError(f"{setting} has {value!r}: {what}", setting=setting)


# --- symbols ----------------------------------------------------------------------------------------------------------


def check_binance_symbols(setting: str, symbols: Iterable[str]) -> None:
    """``BTCUSDT``, or with its family ``UM:BTCUSDT``, ``CM:BTCUSD_PERP``, ``MARGIN:BTCUSDT``."""
    for symbol in symbols:
        family, colon, name = symbol.rpartition(":")
        if colon and family not in BINANCE_FAMILIES:
            raise _refuse(setting, symbol, "the family in front is one of UM:, CM: and MARGIN:")
        if not _SYMBOL.fullmatch(name):
            raise _refuse(setting, symbol, "write a symbol in capitals and without a stroke, like 'BTCUSDT'")


def check_jex_symbols(setting: str, symbols: Iterable[str]) -> None:
    """``spot:JEXBTC``, ``option:BTCCALLM``, ``contract:BTCUSDT``."""
    for symbol in symbols:
        family, colon, name = symbol.partition(":")
        if family not in JEX_FAMILIES or not colon:
            raise _refuse(setting, symbol, "put spot:, option: or contract: first, like 'spot:JEXBTC'")
        if not _SYMBOL.fullmatch(name):
            raise _refuse(setting, symbol, "write the symbol in capitals and without a stroke, like 'spot:JEXBTC'")


def check_poloniex_symbols(setting: str, symbols: Iterable[str]) -> None:
    """``BTC_USDT``, or ``all``."""
    for symbol in symbols:
        parts = symbol.split("_") if isinstance(symbol, str) else []
        if symbol != "all" and not (len(parts) == 2 and all(map(_SYMBOL.fullmatch, parts))):
            raise _refuse(setting, symbol, "it is no symbol; write them like 'BTC_USDT', or 'all' for every one")


# --- channels and currencies ------------------------------------------------------------------------------------------


def check_poloniex_channels(setting: str, channels: Iterable[str]) -> None:
    """``orders`` and ``balances``."""
    for channel in channels:
        if channel not in POLONIEX_CHANNELS:
            raise _refuse(setting, channel, f"Poloniex has no private channel but {' and '.join(POLONIEX_CHANNELS)}")


def check_deribit_currencies(setting: str, currencies: Iterable[str]) -> None:
    """``BTC``, ``USDC`` and so on, or ``any``."""
    for currency in currencies:
        if not _CURRENCY.fullmatch(currency):
            raise _refuse(setting, currency, "it is no currency; write them like 'BTC', or 'any' for every one")


def check_deribit_channels(setting: str, channels: Iterable[str]) -> None:
    """Private channels, and the platform's state. https://docs.deribit.com, Subscriptions, User."""
    for channel in channels:
        if channel in WHOLE:
            continue
        first, _, rest = channel.partition(".")
        if first != "user":
            raise _refuse(setting, channel, "it is no private channel; they begin with 'user.'")
        name, *parameters = rest.split(".")
        fault = _channel_fault(name, parameters)
        if fault:
            raise _refuse(setting, channel, fault)


def _channel_fault(name: str, parameters: list[str]) -> str:
    """What is wrong with ``user.{name}.{parameters}``, nothing if it may be right."""
    if name in UNDOCUMENTED:
        return ""
    if name in BY_INSTRUMENT:
        return _parameters_fault(name, parameters)
    if name == "portfolio":
        fine = len(parameters) == 1 and _CURRENCY.fullmatch(parameters[0])
        return "" if fine else "write it like 'user.portfolio.BTC', or 'user.portfolio.any'"
    if name == "mmp_trigger":
        fine = len(parameters) == 1 and re.fullmatch(r"\w+", parameters[0])
        return "" if fine else "write it like 'user.mmp_trigger.btc_usd'"
    known = [*BY_INSTRUMENT, "portfolio", "mmp_trigger", *(whole.removeprefix("user.") for whole in WHOLE[:3])]
    if name in known:
        return f"'user.{name}' has nothing behind it"
    near = difflib.get_close_matches(name, known, n=1)
    return f"there is no channel 'user.{name}'; " + (
        f"did you mean 'user.{near[0]}'?" if near else f"user. goes on with one of {', '.join(known)}"
    )


def _parameters_fault(name: str, parameters: list[str]) -> str:
    *subject, interval = parameters or [""]
    if interval not in INTERVALS:
        return f"its last part is the interval: {', '.join(INTERVALS)}"
    if len(subject) == 1:
        is_instrument = bool(_INSTRUMENT.fullmatch(subject[0]))
        return "" if is_instrument else f"name an instrument, like 'user.{name}.BTC-PERPETUAL.raw'"
    if len(subject) != 2 or not _CURRENCY.fullmatch(subject[1]):
        return f"write it like 'user.{name}.BTC-PERPETUAL.raw' or 'user.{name}.future.BTC.raw'"
    return "" if subject[0] in KINDS else f"there is no kind {subject[0]!r}; use one of {', '.join(KINDS)}"
