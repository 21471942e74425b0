"""The simulated Poloniex."""
