"""The journals that jexkit brings along; the seam that they fill is ``jexkit.core.journal``."""
