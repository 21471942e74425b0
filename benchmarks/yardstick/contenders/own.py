"""jexkit, through its public interface: every event of the account to one callback."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jexkit import Event, Overflow, StreamManager
from jexkit.accounts import ACCOUNTS, Account
from yardstick.contenders import Hear

LIVE_WITHIN = 60.0  # seconds
SECRETS = ("api_key", "secret_key", "client_id", "client_secret")
DEFAULTS: Mapping[str, Mapping[str, Any]] = {"jex": {"reorder_window": 0.0}}
"""JEX promises no order, so jexkit holds each update back for a quarter of a second: that is no cost, but a delay."""


def account(exchange: str, place: Mapping[str, Any], name: str = "main", **more: Any) -> Account:
    """The account of that name on the simulated exchange."""
    keys = {key: value for key, value in place["accounts"][name].items() if key in SECRETS}
    urls = {key: more.pop(key, place[key]) for key in ("rest_url", "ws_url")}
    return ACCOUNTS[exchange](**keys, **urls, proxy="", **more)


class Jexkit:
    counts = "events"

    def __init__(self, exchange: str, place: Mapping[str, Any], hear: Hear) -> None:
        self._manager = StreamManager(**self._options())
        self._stream = self._manager.add(account(exchange, place, **DEFAULTS.get(exchange, {})))
        self._hear = hear

    def _options(self) -> dict[str, Any]:
        """The reader waits for callbacks, as that of the reference does, which calls them itself."""
        return {"overflow": Overflow.BLOCK}

    def start(self) -> None:
        self._manager.start()
        self._stream.wait_live(LIVE_WITHIN)
        self._stream.on(Event, self._hear)

    def stop(self) -> None:
        self._manager.stop()

    def sent_at(self, heard: Any) -> int:
        return int(heard.order_id)


class JexkitWithJournal(Jexkit):
    """The same with every event on disk before the callback sees it."""

    def _options(self) -> dict[str, Any]:
        self._folder = tempfile.TemporaryDirectory(prefix="jexkit-benchmark-")
        return {"journal": str(Path(self._folder.name) / "journal.db")}

    def stop(self) -> None:
        super().stop()
        self._folder.cleanup()


class Fleet:
    """Many streams in one manager, on so many addresses of the loopback that no limit by address is met."""

    counts = "events"
    addresses = 60

    def __init__(self, exchange: str, place: Mapping[str, Any], hear: Hear) -> None:
        self._manager = StreamManager()
        self._spins = float(place.get("spin", 0.0))
        self._hear = hear
        for number in range(place["streams"]):
            host = f"127.0.0.{1 + number % self.addresses}"
            urls = {key: place[key].replace("127.0.0.1", host) for key in ("rest_url", "ws_url")}
            more = {**DEFAULTS.get(exchange, {}), **place.get("settings", {})}
            stream = self._manager.add(account(exchange, place, **urls, **more), name=f"{exchange}-{number}")
            stream.on(Event, self._heard)

    def _heard(self, event: Event) -> None:
        """A callback that is busy for a while, if it is to be."""
        if self._spins:
            until = time.perf_counter() + self._spins
            while time.perf_counter() < until:
                pass
        self._hear(event)

    def start(self) -> None:
        self._manager.start()
        for stream in self._manager.streams.values():
            stream.wait_live(LIVE_WITHIN)

    def stop(self) -> None:
        self._manager.stop()

    def sent_at(self, heard: Any) -> int:
        return int(heard.order_id)
