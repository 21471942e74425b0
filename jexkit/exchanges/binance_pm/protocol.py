"""Binance Portfolio Margin: the session.

One stream carries UM, CM and margin events (developers.binance.com, Portfolio Margin, User Data Streams): create a
listen key over REST, connect to ``/pm/ws/<key>``, renew the key. A connection lives 24 hours at most. The exchange
pings every few minutes (not documented for /pm; three on the sibling futures host) and answers our pings, which is what
proves an idle connection: silence alone is normal, an idle account gets no frame for hours.
"""

from __future__ import annotations

from typing import Any

from jexkit.accounts import BinancePortfolioMargin
from jexkit.core.backoff import Backoff
from jexkit.core.listen_key import ListenKeyMachine
from jexkit.core.protocol import Probe
from jexkit.core.values import Chance, Flow, Receipt
from jexkit.events import BalanceUpdate, Event, Market, Origin
from jexkit.exchanges.binance_pm import wire
from jexkit.exchanges.binance_pm.rest import Rest


class Session(ListenKeyMachine):
    """The session of one Binance Portfolio Margin account."""

    # Client frames are limited to 10 a second and pings count; one every half minute is far below.
    probe = Probe(every=30.0, within=10.0)
    lifetime = 86_400.0  # "a single connection is only valid for 24 hours"

    def __init__(
        self, account: BinancePortfolioMargin, stream: str, *, chance: Chance, backoff: Backoff | None = None
    ) -> None:
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

    def _address(self, key: str) -> str:
        return f"{self._base}/ws/{key}"

    def _renewal(self, key: str) -> Flow[str]:
        """PUT renews whatever key the account has now, which need not be ours: another program may have let it die and
        asked for a new one. POST tells which it is ("if the account has an active listenKey, that listenKey will be
        returned").
        """
        yield from super()._renewal(key)
        return (yield from self._rest.create_listen_key())

    def _says_expired(self, message: Any) -> bool:
        """``listenKeyExpired`` (Event: User Data Stream Expired): nothing else will come on this socket.

        It is known to come twice within milliseconds, and in spite of regular renewals.
        """
        return isinstance(message, dict) and message.get("e") == "listenKeyExpired"

    def _events(self, message: Any, receipt: Receipt) -> list[Event]:
        return wire.read(message, receipt)

    _events_in = staticmethod(wire.read_text)

    def _is_numbered(self, event: Event) -> bool:
        """Margin balances are ("U", the update id). What UM and CM tell has times alone, and orders can be amended."""
        return isinstance(event, BalanceUpdate) and event.market is Market.MARGIN and event.origin is Origin.STREAM
