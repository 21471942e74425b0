"""The version, alone, so that the build can read it without importing jexkit."""

__version__ = "0.1.0"
