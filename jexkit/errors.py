"""Every error that jexkit raises or reports: one tree, each leaf with its data.

::

    JexkitError
    ├── ConfigurationError (ValueError)      a setting makes no sense; nothing was started
    │   └── MissingExtra (ImportError)       an optional dependency is not installed
    ├── UsageError (RuntimeError)            a call at the wrong moment: started twice, used after stop
    ├── TryLater                         raised by a callback: what it needs is away, let the event wait for it
    ├── WaitTimeout (TimeoutError)           what was waited for did not come in time
    ├── StreamEnded                          the stream was stopped or lost while something waited on it
    ├── LockError                            the lock of the one holder cannot be asked for or renewed
    ├── JournalError                         the journal cannot be read or written
    │   ├── JournalFull                      the disk, or the journal's share of it, is full
    │   ├── JournalTaken                     another journal object or process writes it
    │   ├── JournalCorrupt                   what is there is damaged
    │   └── UnknownEntry (LookupError)       no such position, dead letter or consumer in it
    ├── TransportError (ConnectionError)     the exchange was not reached, or the connection broke
    │   └── UnknownOutcome                   sent, but no usable answer: it may have happened
    ├── ProtocolError                        the exchange said something that its documents rule out
    │   └── SubscriptionRefused              a channel was left out of, or refused in, the answer
    └── ExchangeError                        the exchange answered, and the answer is no
        ├── AuthenticationError              key, secret, signature or token refused
        ├── PermissionDenied                 the key is good, but not for this (scope, IP list)
        ├── RateLimited                      too many requests; ``retry_after`` says how long to wait
        │   └── Banned                       the address is banned; ``until`` says to when
        ├── ExchangeDown                     maintenance, overload, a fault on their side: it did not happen
        └── BadRequest                       the request itself is wrong
            ├── ClockSkew                    the timestamp lies outside the exchange's window
            ├── ListenKeyUnknown             the listen key does not exist (any more)
            ├── OrderUnknown                 no such order
            └── WebSocketRequired            this method works only over the websocket

Each class answers one question for the caller, ``retryable``: is it any use to try the same thing again?
No message contains a secret, listen key, token, signature or proxy password.
"""

from __future__ import annotations

from typing import ClassVar


class JexkitError(Exception):
    """Base of all errors of jexkit."""

    retryable: ClassVar[bool] = False


class ConfigurationError(JexkitError, ValueError):
    """A setting makes no sense. The message names the setting and what to change.

    ``setting`` is its name, empty where the error is about no single one.
    """

    def __init__(self, message: str, *, setting: str = "") -> None:
        super().__init__(message)
        self.setting = setting


class MissingExtra(ConfigurationError, ImportError):
    """An optional dependency is needed and not installed. The message has the ``pip install`` to type."""

    def __init__(self, feature: str, extra: str, *, setting: str = "") -> None:
        about = f"{setting}: " if setting else ""
        what = f"{about}{feature} needs an optional dependency; install it with: pip install 'jexkit[{extra}]'"
        super().__init__(what, setting=setting)
        self.extra = extra


class UsageError(JexkitError, RuntimeError):
    """A call that cannot work at this moment, such as starting twice or waiting inside a callback."""


class TryLater(JexkitError):
    """For callbacks to raise: what they need (a broker, a database) is away, and their event has to wait for it.

    With a journal the event is given to the callback again, for as long as it takes, and those behind it wait in their
    order. It does not count as a failed attempt. Without a journal nothing can wait: the event is passed over.
    """

    retryable = True


class WaitTimeout(JexkitError, TimeoutError):
    """What was waited for did not come within the timeout."""

    retryable = True


class StreamEnded(JexkitError):
    """The stream was stopped or lost. ``cause`` is the error that ended it, or None after an ordinary stop."""

    def __init__(self, message: str, cause: JexkitError | None = None) -> None:
        super().__init__(message)
        self.cause = cause


class LockError(JexkitError):
    """There is no telling who holds the lock: its file or server cannot be reached. It is tried again."""

    retryable = True


class JournalError(JexkitError):
    """The journal cannot be read or written. ``where`` is its path, or what else names it."""

    def __init__(self, message: str, where: str = "") -> None:
        super().__init__(message)
        self.where = where


class JournalFull(JournalError):
    """There is no room to write. Nothing that was written before is lost, and writing goes on once there is room."""

    retryable = True


class JournalTaken(JournalError):
    """Another journal object, of this process or another one, writes here. There can be one at a time."""

    retryable = True


class JournalCorrupt(JournalError):
    """What is there is damaged and cannot be read."""


class UnknownEntry(JournalError, LookupError):
    """A position, dead letter or consumer that is not in the journal."""


class TransportError(JexkitError, ConnectionError):
    """The exchange could not be reached, or the connection broke; nothing is known to have happened."""

    retryable = True


class UnknownOutcome(TransportError):
    """The request was sent and no usable answer came: it may or may not have happened.

    ``retry_after`` is the time to wait in seconds where the answer named one, else 0.
    """

    retry_after: float = 0.0


class ProtocolError(JexkitError):
    """The exchange said something that its own documents rule out."""

    retryable = True


class SubscriptionRefused(ProtocolError):
    """Channels that were asked for and not granted. ``channels`` names them."""

    retryable = False

    def __init__(self, message: str, channels: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.channels = channels


class ExchangeError(JexkitError):
    """The exchange answered with an error.

    ``code`` is the exchange's own error code (None when it gave none) and ``status`` the HTTP status (None over a
    websocket).
    """

    def __init__(self, message: str, *, code: int | None = None, status: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


class AuthenticationError(ExchangeError):
    """The key, secret, signature or token is refused. Trying again with the same ones is of no use."""


class PermissionDenied(ExchangeError):
    """The credentials are good, but not for this: a missing scope, or an address that is not on the key's list."""


class RateLimited(ExchangeError):
    """Too many requests. ``retry_after`` is the time to wait, in seconds."""

    retryable = True

    def __init__(self, message: str, *, retry_after: float, code: int | None = None, status: int | None = None) -> None:
        super().__init__(message, code=code, status=status)
        self.retry_after = retry_after


class Banned(RateLimited):
    """The address is banned for a while. ``until_ms`` is the end in milliseconds since 1970, None if unknown."""

    def __init__(
        self,
        message: str,
        *,
        retry_after: float,
        until_ms: int | None = None,
        code: int | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(message, retry_after=retry_after, code=code, status=status)
        self.until_ms = until_ms


class ExchangeDown(ExchangeError):
    """Maintenance, overload or a fault at the exchange. The request had no effect and can be sent again.

    ``retry_after`` is the time to wait in seconds where the exchange named one, else 0.
    """

    retryable = True

    def __init__(
        self, message: str, *, code: int | None = None, status: int | None = None, retry_after: float = 0.0
    ) -> None:
        super().__init__(message, code=code, status=status)
        self.retry_after = retry_after


class BadRequest(ExchangeError):
    """The request itself is wrong; sending it again unchanged is of no use."""


class ClockSkew(BadRequest):
    """The timestamp lies outside the exchange's window. jexkit measures the clock again and retries once."""

    retryable = True


class ListenKeyUnknown(BadRequest):
    """The listen key does not exist: it expired, was closed, or never was. A new one has to be created."""


class OrderUnknown(BadRequest):
    """The exchange does not know the order. Right after a match this can be untrue for a moment."""


class WebSocketRequired(BadRequest):
    """The exchange takes this method only over its websocket, not over HTTP."""
