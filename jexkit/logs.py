"""How jexkit logs: the standard ``logging``, one logger a module, all of them below ``jexkit``.

``logger = logs.of(__name__)`` at the top of a module, and ``logs.about(logger, stream)`` for what concerns one stream.
A logger hands its records to the handlers of its parents, but not through their filters; so every logger that is made
here carries the one filter itself, and a record passes it before any handler sees it. The filter

* puts ``record.stream``, the stream's name, ``"-"`` where none is concerned, and begins the message with it;
* takes secrets out of the message and the traceback (see ``core.redaction``): those of every account in use, and
  whatever looks like a key.

Levels: ERROR, a stream has ended or jexkit is at fault. WARNING, something is amiss and is being looked after. INFO, a
stream is live, or holds the lock: a few lines a month. DEBUG, how it goes about it.

The package has a ``NullHandler``: a program that has set up no logging sees nothing of this.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, MutableMapping
from typing import TYPE_CHECKING, Any

from jexkit.core.redaction import redact

if TYPE_CHECKING:
    StreamLogger = logging.LoggerAdapter[logging.Logger]
else:
    StreamLogger = logging.LoggerAdapter

PACKAGE = "jexkit"
NO_STREAM = "-"
DONE = "_jexkit_redacted"
SHORTEST_SECRET = 6  # hiding a shorter one would black out half of every message

_traceback_of = logging.Formatter().formatException


class Redaction:
    """The filter of all loggers of jexkit. It has no lock: a child process may have inherited one that is taken."""

    def __init__(self) -> None:
        self._secrets: dict[str, None] = {}

    def hide(self, secrets: Iterable[str]) -> None:
        """From now on these are hidden too, for as long as the process lives."""
        self._secrets.update((secret, None) for secret in secrets if len(secret) >= SHORTEST_SECRET)

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record, once; never keeps one back."""
        if hasattr(record, DONE):
            return True
        stream = getattr(record, "stream", None)
        message = record.getMessage()
        clean = self.clean(f"{stream}: {message}" if stream else message)
        if clean != message:
            record.msg, record.args = clean, None
        if record.exc_info and not record.exc_text:  # a handler's formatter uses it instead of its own
            record.exc_text = self.clean(_traceback_of(record.exc_info))
        record.stream = stream or NO_STREAM
        setattr(record, DONE, True)
        return True

    def clean(self, text: str) -> str:
        """``text`` as it may be shown."""
        longest_first = sorted(self._secrets, key=len, reverse=True)  # one may be the beginning of another
        return redact(text, longest_first, is_ours=True)


redaction = Redaction()


class _About(StreamLogger):
    """Says which stream a record is about; the filter does the rest."""

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        return msg, {**kwargs, "extra": self.extra}


def of(name: str) -> logging.Logger:
    """The logger of a module."""
    logger = logging.getLogger(name)
    logger.addFilter(redaction)  # adding it again changes nothing
    return logger


def about(logger: logging.Logger, stream: str) -> StreamLogger:
    """The same logger, for what concerns one stream."""
    return _About(logger, {"stream": stream})


of(PACKAGE).addHandler(logging.NullHandler())
