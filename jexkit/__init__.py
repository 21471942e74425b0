"""jexkit follows trading accounts from ordinary synchronous Python. Start at ``help(jexkit.StreamManager)``."""

import importlib
from typing import TYPE_CHECKING, Any

import jexkit.logs  # noqa: F401 - gives the package its NullHandler
from jexkit._version import __version__
from jexkit.accounts import Account, BinancePortfolioMargin, Deribit, Jex, Poloniex
from jexkit.core.lifecycle import State
from jexkit.core.overflow import Overflow
from jexkit.errors import (
    AuthenticationError,
    BadRequest,
    Banned,
    ClockSkew,
    ConfigurationError,
    ExchangeDown,
    ExchangeError,
    JexkitError,
    JournalCorrupt,
    JournalError,
    JournalFull,
    JournalTaken,
    ListenKeyUnknown,
    LockError,
    MissingExtra,
    OrderUnknown,
    PermissionDenied,
    ProtocolError,
    RateLimited,
    StreamEnded,
    SubscriptionRefused,
    TransportError,
    TryLater,
    UnknownEntry,
    UnknownOutcome,
    UsageError,
    WaitTimeout,
    WebSocketRequired,
)
from jexkit.events import (
    AccountNotice,
    BalanceUpdate,
    Event,
    Fill,
    Gap,
    Liquidity,
    Live,
    Lost,
    Market,
    NoticeKind,
    OrderStatus,
    OrderType,
    OrderUpdate,
    Origin,
    PositionSide,
    PositionUpdate,
    Side,
    Suspended,
    SuspendReason,
    TimeInForce,
    Unknown,
    from_dict,
)

if TYPE_CHECKING:
    from jexkit.core.journal import Journal
    from jexkit.core.lock import Lock
    from jexkit.engine.file_lock import FileLock
    from jexkit.journal.memory import MemoryJournal
    from jexkit.journal.sqlite import SqliteJournal
    from jexkit.manager import StreamManager
    from jexkit.rest import RestClient
    from jexkit.stream import Status, Stream

__all__ = [
    "Account",
    "AccountNotice",
    "AuthenticationError",
    "BadRequest",
    "BalanceUpdate",
    "Banned",
    "BinancePortfolioMargin",
    "ClockSkew",
    "ConfigurationError",
    "Deribit",
    "Event",
    "ExchangeDown",
    "ExchangeError",
    "FileLock",
    "Fill",
    "Gap",
    "Jex",
    "JexkitError",
    "Journal",
    "JournalCorrupt",
    "JournalError",
    "JournalFull",
    "JournalTaken",
    "Liquidity",
    "ListenKeyUnknown",
    "Live",
    "Lock",
    "LockError",
    "Lost",
    "Market",
    "MemoryJournal",
    "MissingExtra",
    "NoticeKind",
    "OrderStatus",
    "OrderType",
    "OrderUnknown",
    "OrderUpdate",
    "Origin",
    "Overflow",
    "PermissionDenied",
    "Poloniex",
    "PositionSide",
    "PositionUpdate",
    "ProtocolError",
    "RateLimited",
    "RestClient",
    "Side",
    "SqliteJournal",
    "State",
    "Status",
    "Stream",
    "StreamEnded",
    "StreamManager",
    "SubscriptionRefused",
    "SuspendReason",
    "Suspended",
    "TimeInForce",
    "TransportError",
    "TryLater",
    "Unknown",
    "UnknownEntry",
    "UnknownOutcome",
    "UsageError",
    "WaitTimeout",
    "WebSocketRequired",
    "__version__",
    "from_dict",
]

_LATER = {
    "FileLock": "engine.file_lock",
    "Journal": "core.journal",
    "Lock": "core.lock",
    "MemoryJournal": "journal.memory",
    "RestClient": "rest",
    "SqliteJournal": "journal.sqlite",
    "Status": "stream",
    "Stream": "stream",
    "StreamManager": "manager",
}
"""Loaded when they are first asked for: who reads events, or wants a command's help, need not wait for the clients of
HTTP, websockets and SQLite, nor for the scheduler."""


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'jexkit' has no attribute {name!r}")
    found = globals()[name] = getattr(importlib.import_module(f"jexkit.{_LATER[name]}"), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})
