"""The four exchanges on loopback, for tests, demonstrations and development without a network.

    from jexkit.sim import Simulator

    with Simulator() as sim:
        account = sim.binance_pm.account("a")
        order = account.place("BTCUSDT", "BUY", "1", price="20000", market="UM")
        account.fill(order, "0.4")

Needs the extra `sim` (aiohttp, cryptography). Imports nothing of jexkit outside this package, so that one wrong
constant cannot be wrong on both sides.
"""

try:
    import aiohttp as _aiohttp  # noqa: F401
    import cryptography as _cryptography  # noqa: F401
except ImportError:
    raise ImportError("jexkit.sim needs optional dependencies; install them with: pip install 'jexkit[sim]'") from None

from jexkit.sim.books import Balance, Fill, Order, Position, Status
from jexkit.sim.calls import Answer, Call
from jexkit.sim.connection import Connection, Frame
from jexkit.sim.faults import FAULTS, BadFault
from jexkit.sim.forwarder import Forwarder
from jexkit.sim.settlement import Refusal
from jexkit.sim.simulator import Simulator

__all__ = [
    "FAULTS",
    "Answer",
    "BadFault",
    "Balance",
    "Call",
    "Connection",
    "Fill",
    "Forwarder",
    "Frame",
    "Order",
    "Position",
    "Refusal",
    "Simulator",
    "Status",
]
