"""JEX: the session.

As documented in 2019 (github.com/JexApi/jex-official-api-docs, web-socket-streams): a listen key by
``POST /api/v1/userDataStream``, the stream at ``/ws/<listenKey>``, a renewal every 30 minutes. There is no notice of
expiry: the stream closes, or a renewal answers -1125.

"User data stream payloads are not guaranteed to be in order during heavy periods; make sure to order your updates using
E": updates wait in a short window and leave it by ``E``. JEX sends no trades; a fill is the growth of an order's
cumulative amounts between two updates.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from jexkit.accounts import Jex
from jexkit.core.backoff import Backoff
from jexkit.core.book import Ended, rank
from jexkit.core.listen_key import ListenKeyMachine
from jexkit.core.ordering import Rank, Window
from jexkit.core.protocol import Probe
from jexkit.core.values import Chance, Now, Outputs, Receipt
from jexkit.events import BalanceUpdate, Event, OrderUpdate, Origin
from jexkit.exchanges.jex import wire
from jexkit.exchanges.jex.rest import Rest

NOWHERE: Rank = (0, Decimal(0))
STREAM = Origin.STREAM  # a member of an enum is slow to look up, and this one is needed for every new order


class Session(ListenKeyMachine):
    """The session of one JEX account."""

    # JEX allows ten minutes for a pong and documents no limit on the client's pings.
    probe = Probe(every=30.0, within=10.0)
    lifetime = 86_400.0  # "a single connection is only valid for 24 hours"

    def __init__(self, account: Jex, stream: str, *, chance: Chance, backoff: Backoff | None = None) -> None:
        super().__init__(
            exchange=account.exchange,
            stream=stream,
            chance=chance,
            rest=Rest(account, stream),
            keepalive=account.keepalive,
            close_key_on_stop=account.close_key_on_stop,
            backoff=backoff,
            probe=Probe.of(account, self.probe),
        )
        self._base = account.ws_url.rstrip("/")
        self._window = Window(account.reorder_window)

    def _address(self, key: str) -> str:
        return f"{self._base}/ws/{key}"

    def _says_expired(self, message: Any) -> bool:
        del message
        return False

    def _events(self, message: Any, receipt: Receipt) -> list[Event]:
        return wire.read(message, receipt)

    _events_in = staticmethod(wire.read_text)

    def _take(self, events: Sequence[Event], now: Now) -> Outputs:
        if not self._window.holds:
            return self._in_order(events)
        self._window.put([(event, _place(event)) for event in events], now.monotonic)
        return self._release(now)

    def _release(self, now: Now) -> Outputs:
        outputs = self._in_order(self._window.take(now.monotonic))
        due = self._window.due
        if due is not None:
            self._at("window", due, self._release)
        return outputs

    def _forget_unsettled(self) -> None:
        self._window.clear()
        self._not_at("window")

    def _left(self, now: Now) -> Outputs:
        del now
        return self._in_order(self._window.clear())

    def _is_numbered(self, event: Event) -> bool:
        """Orders cannot be amended: status and filled quantity, which their ids name, never go back."""
        return isinstance(event, OrderUpdate)

    def _decide_all(self, events: Sequence[Event]) -> None:
        """An order's update tells the rest of what is known of it, and is followed by the fill that shows in it."""
        decide, decided, order, completed = self._decide, self._decided, self.book.order, wire.completed
        for event in events:
            if type(event) is not OrderUpdate:
                decide(event)
                continue
            before = order(event.key)
            update, known = completed(event, before), len(decided)
            decide(update)
            if len(decided) > known and self._has_grown(before, update):
                fill = wire.derived_fill(before, update)
                if fill is not None:
                    decide(fill)

    def _has_grown(self, before: OrderUpdate | Ended | None, update: OrderUpdate) -> bool:
        """Whether all that an order was filled since ``before`` was filled while the program was there.

        An order that a recovery finds for the first time may be older than the program; then what it was filled up to
        now is no news.
        """
        if before is not None or update.origin is STREAM:
            return True
        marks = self.memory.marks
        return marks.since_ms is not None and (update.created_ms or 0) >= marks.not_before_ms


def _place(event: Event) -> Rank:
    """Among updates of equal ``E`` the one that is further along comes later, then the one that is filled more.

    Balances have the time of the change, ``u``, which several messages can share.
    """
    if type(event) is BalanceUpdate:
        return (wire.sent_ms(event), Decimal(0))
    if type(event) is not OrderUpdate:
        return NOWHERE
    return (rank(event.status), event.filled_quantity)
