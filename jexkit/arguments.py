"""Refuses arguments of calls that make no sense at once, and not at the first event, which may be a fill at night."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Collection, Iterable
from typing import Any

from jexkit.errors import ConfigurationError
from jexkit.events import Event

LONGEST_NAME = 100  # letters
LONGEST_WAIT = 1e9  # seconds, some thirty years; systems refuse a little more
LARGEST_NUMBER = 2**63 - 1  # of an entry: databases have no larger ones


def check_kind(kind: object, what: str) -> None:
    """Refuse what is no type of event."""
    if not isinstance(kind, type) or not issubclass(kind, Event):
        raise ConfigurationError(f"{what} of event, such as jexkit.Fill, not {kind!r}")


def check_timeout(timeout: Any) -> None:
    """Refuse what is no time to wait."""
    if timeout is not None and not (_is_number(timeout) and timeout >= 0):
        raise ConfigurationError(f"timeout is {timeout!r}; give seconds, 0 or more, or None to wait for ever")


def waitable(timeout: float) -> float:
    """What a system can be asked to wait for instead of a longer timeout, of infinity for example."""
    return min(timeout, LONGEST_WAIT)


def check_number(name: str, value: Any, least: int = 0) -> None:
    """Refuse what is no number of an entry, nor of entries."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= LARGEST_NUMBER:
        raise ConfigurationError(f"{name} is {value!r}; give a whole number from {least} to {LARGEST_NUMBER}")


def check_kinds(name: str, kinds: Any) -> None:
    """Refuse what is no list of types of events."""
    if not isinstance(kinds, Collection) or isinstance(kinds, (str, bytes)):
        raise ConfigurationError(f"{name} is {kinds!r}; give a list of types of event, such as [jexkit.Fill]")
    for kind in kinds:
        check_kind(kind, f"{name} is a list of types")


def check_seconds(name: str, value: Any) -> None:
    """Refuse what is no length of time."""
    if not (_is_number(value) and 0 < value <= LONGEST_WAIT):
        raise ConfigurationError(f"{name} is {value!r}; give seconds, more than 0 and at most {LONGEST_WAIT:.0f}")


def texts(name: str, values: Any) -> tuple[str, ...]:
    """The values; what is no list of texts is refused, also one text by itself, which is a list of letters."""
    found = tuple(values) if isinstance(values, Iterable) and not isinstance(values, (str, bytes)) else (None,)
    if not all(isinstance(value, str) for value in found):
        raise ConfigurationError(f"{name} is {values!r}; give a list of texts")
    return found


def check_name(name: Any) -> None:
    """Refuse what cannot name a stream: the name stands in events, in the log, and in the names of threads."""
    if not isinstance(name, str) or not name.strip() or not name.isprintable() or len(name) > LONGEST_NAME:
        shown = repr(name) if len(repr(name)) <= LONGEST_NAME else f"{repr(name)[:LONGEST_NAME]}..."
        raise ConfigurationError(f"a stream's name must be a text of one line, {LONGEST_NAME} at most, not {shown}")


def check_order_id(order_id: Any) -> None:
    """Refuse what is no id of an order; some programs keep ids as numbers."""
    if isinstance(order_id, bool) or not isinstance(order_id, (str, int)) or not str(order_id).strip():
        raise ConfigurationError(f"order_id is {order_id!r}; give OrderUpdate.key, or the exchange's id")


def check_consumer(consumer: Any) -> None:
    """Refuse what is no name of a consumer."""
    if not isinstance(consumer, str) or not consumer.strip():
        raise ConfigurationError(f"consumer is {consumer!r}; give a name, such as 'ledger'")


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _functions_in(callback: Any) -> list[Any]:
    """The callback, what a partial is made of, and what calling an object runs."""
    inner = callback
    while isinstance(inner, functools.partial):
        inner = inner.func
    return [inner, getattr(inner, "__call__", None)]  # noqa: B004 - the method itself is wanted


def check_callback(callback: object, arguments: int = 1) -> None:
    """Refuse at once what would fail, or do nothing, at the first event."""
    if not callable(callback):
        raise ConfigurationError(f"a callback must be callable, not {callback!r}")
    name = getattr(callback, "__qualname__", type(callback).__name__)
    functions = _functions_in(callback)
    if any(inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function) for function in functions):
        raise ConfigurationError(
            f"{name} is a coroutine function, which nobody would await; give an ordinary function, and hand the "
            "event to your loop with asyncio.run_coroutine_threadsafe()"
        )
    if any(inspect.isgeneratorfunction(function) for function in functions):
        raise ConfigurationError(f"{name} is a generator function, whose body would never run")
    try:
        inspect.signature(callback).bind(*range(arguments))
    except TypeError:
        what = "one argument, the event" if arguments == 1 else f"{arguments} arguments"
        raise ConfigurationError(f"{name} must take {what}") from None
    except ValueError:
        return  # a built-in function that does not tell its arguments
