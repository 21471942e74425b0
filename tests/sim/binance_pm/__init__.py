"""The simulated Binance Portfolio Margin."""
