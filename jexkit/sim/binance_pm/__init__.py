"""Binance Portfolio Margin on loopback."""

from jexkit.sim.binance_pm.account import BinanceAccount
from jexkit.sim.binance_pm.rules import BinanceRules
from jexkit.sim.binance_pm.venue import BinancePm

__all__ = ["BinanceAccount", "BinancePm", "BinanceRules"]
