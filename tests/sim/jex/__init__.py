"""The simulated JEX."""
