"""One suite, which every exchange passes: as a pure machine (``machine``) and over real sockets (``stream``).

``SUBJECTS`` has what the suite must know of each exchange. To hold another exchange to it, write a ``Subject`` and
give it to both suites::

    class TestMachine(MachineConformance):
        @pytest.fixture
        def subject(self):
            return MY_SUBJECT

``JournalConformance`` is the same for journals.
"""

from jexkit.testing.conformance.binance_pm import BINANCE_PM
from jexkit.testing.conformance.deribit import DERIBIT
from jexkit.testing.conformance.jex import JEX
from jexkit.testing.conformance.journal import JournalConformance
from jexkit.testing.conformance.machine import MachineConformance
from jexkit.testing.conformance.poloniex import POLONIEX
from jexkit.testing.conformance.stream import StreamConformance
from jexkit.testing.conformance.subject import Subject

SUBJECTS: tuple[Subject, ...] = (BINANCE_PM, DERIBIT, POLONIEX, JEX)

__all__ = [
    "BINANCE_PM",
    "DERIBIT",
    "JEX",
    "POLONIEX",
    "SUBJECTS",
    "JournalConformance",
    "MachineConformance",
    "StreamConformance",
    "Subject",
]
