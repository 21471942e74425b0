"""JEX on loopback."""

from jexkit.sim.jex.account import JexAccount
from jexkit.sim.jex.rules import JexRules
from jexkit.sim.jex.venue import Jex

__all__ = ["Jex", "JexAccount", "JexRules"]
